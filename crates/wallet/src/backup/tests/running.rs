//! Exports while the wallet goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use alloy::primitives::{Address, B256, U256};
use async_trait::async_trait;
use tokio::{sync::Notify, time::sleep};

use chequebook::Scheme;

use super::{Backup, CHAIN, LONG, sign};
use crate::store::{
    Batch, Change, Conflict, Entry, Key, Ledger, Memory, Store, StoreError, Table,
    schema::{
        ChequebookRow, CreditRow, Origin, Promise, Received, chequebook_key, credit_key, issued_key, origin_key,
        received_key, table, total_key,
    },
};

const CONTRACT: Address = Address::repeat_byte(0x11);
const TICK: Duration = Duration::from_millis(1);

/// A store on a slow disk that remembers all that ever was durable.
#[derive(Clone, Default)]
struct Spy(Arc<Inner>);

#[derive(Default)]
struct Inner {
    memory: Memory,
    durable: Mutex<BTreeMap<Key, BTreeSet<Vec<u8>>>>,
    limits: Mutex<BTreeSet<usize>>,
    commits: AtomicUsize,
    /// Whether commits wait for ever.
    stuck: AtomicBool,
    begun: Notify,
}

#[async_trait]
impl Store for Spy {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.memory.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.limits.lock().unwrap().insert(limit);
        sleep(TICK).await;
        let page = self.0.memory.page(table, prefix, after, limit).await;
        sleep(TICK).await;
        page
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        self.0.begun.notify_one();
        if self.0.stuck.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        sleep(2 * TICK).await;
        for write in changes.iter().flat_map(|change| &change.writes) {
            let mut durable = self.0.durable.lock().unwrap();
            durable.entry(write.key.clone()).or_default().extend(write.value.clone());
        }
        let answers = self.0.memory.commit(changes).await;
        self.0.commits.fetch_add(1, SeqCst);
        answers
    }
}

fn beneficiary(index: u64) -> Address {
    Address::left_padding_from(&index.to_be_bytes())
}

fn promise(amount: u64) -> Promise {
    Promise { amount: U256::from(amount), signed: None }
}

/// What issuing writes.
fn issue(batch: &mut Batch, index: u64, amount: u64) {
    batch.put(issued_key(CONTRACT, beneficiary(index)), &promise(amount)).unwrap();
    batch.put(total_key(CONTRACT), &U256::from(amount)).unwrap();
}

/// A chequebook with more cheques than are read at once.
async fn ledger(count: u64) -> (Arc<Ledger>, Spy) {
    let spy = Spy::default();
    let ledger = Ledger::new(spy.clone(), LONG);
    let mut batch = Batch::new();
    batch.put(origin_key(), &Origin { format: 5, chain_id: CHAIN, genesis: B256::ZERO }).unwrap();
    let row = ChequebookRow { signer: Address::ZERO, creation: None, scan_from: None };
    batch.put(chequebook_key(CONTRACT), &row).unwrap();
    for index in 0..count {
        issue(&mut batch, index, 1);
    }
    ledger.submit(batch).await.unwrap();
    (Arc::new(ledger), spy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuing_goes_on_and_only_what_is_durable_is_exported() {
    let (ledger, spy) = ledger(3_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let issuers: Vec<_> = (0..8)
        .map(|index| {
            let (ledger, stop) = (Arc::clone(&ledger), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut amount = 1;
                while !stop.load(SeqCst) {
                    amount += 1;
                    let mut batch = Batch::new();
                    issue(&mut batch, index * 400, amount);
                    ledger.submit(batch).await.unwrap();
                }
                amount
            })
        })
        .collect();
    for _ in 0..10 {
        let before = spy.0.commits.load(SeqCst);
        let backup = Backup::of(&ledger).await.unwrap();
        // All that was durable when the export ended, or earlier.
        let durable = spy.0.durable.lock().unwrap().clone();
        assert!(spy.0.commits.load(SeqCst) > before + 1, "commits went on");
        let [book] = &backup.chequebooks[..] else { panic!("there is one chequebook") };
        assert_eq!(book.issued.len(), 3_000);
        for issued in &book.issued {
            let row = Promise { amount: issued.amount, signed: None };
            let found = &durable[&issued_key(CONTRACT, issued.beneficiary)];
            assert!(found.contains(&postcard::to_allocvec(&row).unwrap()), "{} was not durable", issued.amount);
        }
    }
    stop.store(true, SeqCst);
    for issuer in issuers {
        assert!(issuer.await.unwrap() > 10);
    }
    let largest = *spy.0.limits.lock().unwrap().last().unwrap();
    assert!(largest < 3_000, "rows are read in pages, but {largest} were asked for");
}

#[tokio::test]
async fn what_waits_for_the_disk_is_not_exported_and_holds_no_export_up() {
    let (ledger, spy) = ledger(10).await;
    spy.0.begun.notified().await;
    spy.0.stuck.store(true, SeqCst);
    let mut batch = Batch::new();
    issue(&mut batch, 0, 100);
    issue(&mut batch, 10, 100);
    let waiting = ledger.submit(batch);
    spy.0.begun.notified().await;
    let pending: Option<Promise> = ledger.get(&issued_key(CONTRACT, beneficiary(0))).await.unwrap();
    assert_eq!(pending, Some(promise(100)), "it is submitted");
    let backup = Backup::of(&ledger).await.unwrap();
    assert_eq!(backup.chequebooks[0].issued.len(), 10);
    assert!(backup.chequebooks[0].issued.iter().all(|issued| issued.amount == U256::ONE));
    assert_eq!(ledger.durable_page(table::TOTALS, &[], None, 9).await.unwrap().len(), 1);
    drop(waiting);
}

/// A cheque and what it brought are one change: whatever is exported meanwhile has both or neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cheque_and_its_credit_are_exported_together() {
    let (ledger, _) = ledger(1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let receive = |batch: &mut Batch, index: u64, amount: u64| {
        let cheque = Promise::of(&sign(CONTRACT, beneficiary(index), 1_000_000, Scheme::Typed));
        let acknowledged = U256::from(amount);
        batch.put(received_key(CONTRACT, beneficiary(index)), &Received { cheque, acknowledged }).unwrap();
        let credit = CreditRow { accepted: acknowledged, ..CreditRow::default() };
        batch.put(credit_key(CONTRACT, beneficiary(index)), &credit).unwrap();
    };
    let payers: Vec<_> = (0..8)
        .map(|index| {
            let (ledger, stop) = (Arc::clone(&ledger), Arc::clone(&stop));
            tokio::spawn(async move {
                for amount in 1.. {
                    let mut batch = Batch::new();
                    receive(&mut batch, index, amount);
                    ledger.submit(batch).await.unwrap();
                    if stop.load(SeqCst) {
                        return;
                    }
                }
            })
        })
        .collect();
    sleep(10 * TICK).await;
    for _ in 0..10 {
        let backup = Backup::of(&ledger).await.unwrap();
        assert_eq!((backup.received.len(), backup.credits.len()), (8, 8));
        for (receipt, credit) in backup.received.iter().zip(&backup.credits) {
            assert_eq!(receipt.acknowledged, credit.accepted);
        }
    }
    stop.store(true, SeqCst);
    for payer in payers {
        payer.await.unwrap();
    }
}
