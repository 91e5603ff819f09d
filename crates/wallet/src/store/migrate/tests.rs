#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]
//! Stores with the rows of earlier versions, in files as those versions made them.

mod made;

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256, address};
use async_trait::async_trait;
use chequebook::{Creation, Form, Scheme, Terms};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use self::made::{early, v4};
use super::migrate;
use crate::store::{
    Batch, Change, Conflict, Entry, Key, Ledger, Memory, Redb, Store, StoreError, TABLES, Table,
    schema::{
        ChequebookRow, Origin, Outcome, Promise, Purpose, Received, Signed, TransactionRow, chequebook_key,
        history_key, issued_key, nonce_key, origin_key, paid_key, received_key, table, total_key, transaction_key,
    },
};

const CONTRACT: Address = address!("1111111111111111111111111111111111111111");
const OTHER: Address = address!("2222222222222222222222222222222222222222");
const ACCOUNT: Address = address!("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
const HASH: B256 = B256::repeat_byte(0x77);
const GENESIS: B256 = B256::repeat_byte(0x99);

fn origin(format: u32) -> Origin {
    Origin { format, chain_id: 31_337, genesis: GENESIS }
}

fn promise(amount: u64, scheme: Scheme) -> Promise {
    let signed = Some(Signed { scheme, signature: [0x5a; 65].into() });
    Promise { amount: U256::from(amount), signed }
}

fn variants(count: u8) -> Vec<Bytes> {
    (0..count).map(|variant| Bytes::from(vec![2, variant, 0xff])).collect()
}

/// A ledger on a file in which `rows` stand as they did before tables had redb tables of their own.
fn open(rows: &[(Vec<u8>, Vec<u8>)]) -> (Ledger, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    made::make_file(&path, rows);
    (Ledger::new(Redb::open(path).unwrap(), Duration::from_secs(60)), directory)
}

async fn get<T: DeserializeOwned>(ledger: &Ledger, key: Key) -> Option<T> {
    ledger.get(&key).await.unwrap()
}

async fn count(ledger: &Ledger, table: Table) -> usize {
    ledger.durable_rows(table, &[]).await.unwrap().len()
}

async fn migrate_from(ledger: &Ledger, format: u32) -> Result<(), StoreError> {
    migrate(ledger, &origin(format), &origin(5)).await
}

fn sent(purpose: Purpose, count: u8, outcome: Option<Outcome>) -> TransactionRow {
    TransactionRow { purpose, variants: variants(count), cancelled: false, l1_fee: U256::ZERO, outcome }
}

fn deposit() -> Purpose {
    Purpose::Deposit { contract: CONTRACT, amount: U256::from(7) }
}

fn cash() -> Purpose {
    Purpose::Cash { contract: CONTRACT, beneficiary: OTHER, amount: U256::from(8) }
}

fn create() -> Purpose {
    Purpose::Create { contract: CONTRACT, amount: U256::from(9) }
}

const fn cash_many() -> Purpose {
    Purpose::CashMany { cheques: 3 }
}

/// What every format knows of transactions, in the order of their nonces.
async fn assert_transactions(ledger: &Ledger, purposes: [Purpose; 4]) {
    let [first, second, third, fourth] = purposes;
    let confirmed = Outcome::Confirmed { block: 5, hash: HASH };
    let reverted = Outcome::Reverted { block: 300, hash: HASH };
    assert_eq!(get(ledger, transaction_key(ACCOUNT, 3)).await, Some(sent(first, 2, None)), "it is still open");
    assert_eq!(get(ledger, history_key(ACCOUNT, 0)).await, Some(sent(second, 1, Some(confirmed))));
    assert_eq!(get(ledger, history_key(ACCOUNT, 1)).await, Some(sent(third, 1, Some(reverted))));
    // The wallet looks for evidence of what replaced it.
    assert_eq!(get(ledger, transaction_key(ACCOUNT, 2)).await, Some(sent(fourth, 1, None)));
    assert_eq!((count(ledger, table::TRANSACTIONS).await, count(ledger, table::HISTORY).await), (2, 2));
    assert_eq!(get(ledger, nonce_key(ACCOUNT)).await, Some(4_u64));
}

async fn assert_received(ledger: &Ledger) {
    for (beneficiary, amount, scheme) in [(ACCOUNT, 40, Scheme::Packed), (OTHER, 1 << 40, Scheme::Typed)] {
        let received = Received { cheque: promise(amount, scheme), acknowledged: U256::from(amount) };
        assert_eq!(get(ledger, received_key(CONTRACT, beneficiary)).await, Some(received));
    }
    assert_eq!(count(ledger, table::RECEIVED).await, 2);
}

fn creation() -> Creation {
    let terms = Terms { form: Form::Clone, owner: ACCOUNT, signer: OTHER, notice_period: 3600 };
    Creation { terms, salt: HASH }
}

#[tokio::test]
async fn migrates_format_4() {
    let (ledger, _directory) = open(&v4::rows());
    migrate_from(&ledger, 4).await.unwrap();
    assert_eq!(get(&ledger, origin_key()).await, Some(origin(5)));
    let row = ChequebookRow { signer: OTHER, creation: Some(creation()), scan_from: None };
    assert_eq!(get(&ledger, chequebook_key(CONTRACT)).await, Some(row));
    let row = ChequebookRow { signer: ACCOUNT, creation: None, scan_from: None };
    assert_eq!(get(&ledger, chequebook_key(OTHER)).await, Some(row));
    assert_eq!(get(&ledger, total_key(CONTRACT)).await, Some(U256::from(90)));
    assert_eq!(get(&ledger, total_key(OTHER)).await, Some(U256::ZERO));
    assert_eq!(get(&ledger, issued_key(CONTRACT, ACCOUNT)).await, Some(promise(60, Scheme::Typed)));
    let recovered = Promise { amount: U256::from(30), signed: None };
    assert_eq!(get(&ledger, issued_key(CONTRACT, OTHER)).await, Some(recovered));
    assert_received(&ledger).await;
    assert_transactions(&ledger, [create(), deposit(), cash(), cash_many()]).await;
    // What was paid is summed again, and a view was never stored.
    assert_eq!((count(&ledger, table::PAID).await, count(&ledger, table::VIEW).await), (0, 0));
    migrate_from(&ledger, 5).await.unwrap();
}

#[tokio::test]
async fn migrates_what_payees_and_accounts_have_of_formats_1_to_3() {
    for format in 1..=3 {
        let (ledger, _directory) = open(&early::rows(format));
        migrate_from(&ledger, format).await.unwrap();
        assert_eq!(get(&ledger, origin_key()).await, Some(origin(5)));
        assert_received(&ledger).await;
        let first = if format == 1 { deposit() } else { create() };
        let last = if format == 1 { cash() } else { cash_many() };
        assert_transactions(&ledger, [first, deposit(), cash(), last]).await;
        assert_eq!(count(&ledger, table::PAID).await, 0, "it is summed again");
    }
}

#[tokio::test]
async fn refuses_chequebooks_of_formats_1_to_3_and_formats_that_never_were() {
    // As a store of somebody else may have them, whose keys are converted already.
    for (format, has_chequebook) in [(0, false), (1, true), (2, true), (3, true), (6, false), (u32::MAX, false)] {
        let ledger = Ledger::new(Memory::new(), Duration::from_secs(60));
        let mut batch = Batch::new();
        batch.put(origin_key(), &origin(format)).unwrap();
        if has_chequebook {
            batch.put(chequebook_key(CONTRACT), &OTHER).unwrap();
        }
        ledger.submit(batch).await.unwrap();
        let error = migrate_from(&ledger, format).await.unwrap_err();
        assert!(matches!(error, StoreError::UnknownFormat { found, expected: 5 } if found == format), "{error}");
        assert_eq!(get(&ledger, origin_key()).await, Some(origin(format)), "nothing has changed");
    }
}

#[tokio::test]
async fn leaves_the_store_of_another_chain_alone() {
    let (ledger, _directory) = open(&v4::rows());
    for expected in [Origin { chain_id: 1, ..origin(5) }, Origin { genesis: B256::ZERO, ..origin(5) }] {
        migrate(&ledger, &origin(4), &expected).await.unwrap();
        assert_eq!(get(&ledger, origin_key()).await, Some(origin(4)));
        assert_eq!(count(&ledger, table::HISTORY).await, 0);
    }
}

#[tokio::test]
async fn changes_nothing_if_a_row_cannot_be_read() {
    for key in [received_key(CONTRACT, ACCOUNT), chequebook_key(CONTRACT), transaction_key(ACCOUNT, 1)] {
        let ledger = Ledger::new(Memory::new(), Duration::from_secs(60));
        let mut batch = Batch::new();
        batch.put(origin_key(), &origin(4)).unwrap().put(key.clone(), &()).unwrap();
        batch.put(paid_key(CONTRACT), &1_u64).unwrap();
        ledger.submit(batch).await.unwrap();
        let error = migrate_from(&ledger, 4).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::BadRow { table, key: found } if *table == key.table.name() && *found == key.bytes)
        );
        assert_eq!(get(&ledger, origin_key()).await, Some(origin(4)));
        assert_eq!(count(&ledger, table::PAID).await, 1);
    }
}

/// A store that another process migrates just before we do.
struct Shared(Memory);

#[async_trait]
impl Store for Shared {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.page(table, prefix, after, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let theirs = self.0.commit(changes.clone()).await?;
        if changes.iter().all(|change| change.conditions.is_empty()) {
            return Ok(theirs);
        }
        self.0.commit(changes).await
    }
}

#[tokio::test]
async fn happens_once_when_two_processes_share_a_store() {
    let ledger = Ledger::new(Shared(Memory::new()), Duration::from_secs(60));
    let mut batch = Batch::new();
    batch.put(origin_key(), &origin(4)).unwrap();
    batch.put(received_key(CONTRACT, ACCOUNT), &promise(40, Scheme::Packed)).unwrap();
    ledger.submit(batch).await.unwrap();
    migrate_from(&ledger, 4).await.unwrap();
    let received = Received { cheque: promise(40, Scheme::Packed), acknowledged: U256::from(40) };
    assert_eq!(get(&ledger, received_key(CONTRACT, ACCOUNT)).await, Some(received));
    assert_eq!(get(&ledger, origin_key()).await, Some(origin(5)));
    assert_eq!(TABLES.len(), 15, "a new table needs a line in the migration, unless it begins empty");
}
