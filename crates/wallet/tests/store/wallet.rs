//! A wallet on its store: a file of an earlier version, and a backup while cheques are issued.

#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "../support/sim/mod.rs"]
mod sim;

use std::{path::Path, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use async_trait::async_trait;
use chequebook::{Cheque, Scheme, SignedCheque};
use chequebook_wallet::{
    Backup, Chequebook, Config, Error, Inbox, NewChequebook, Policy, Purpose, Status, Wallet, held,
    store::{Change, Conflict, Entry, Key, Memory, Redb, Store, StoreError, Table},
};
use redb::{Database, TableDefinition};
use serde::Serialize;
use tokio::time::sleep;

use self::sim::{CHAIN_ID, Sim};
use super::{scratch, set_mode};

const CONTRACT: Address = Address::repeat_byte(0xcc);

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

async fn open(sim: &Sim, store: impl Store) -> Wallet {
    let config = Config::default().confirmations(0).poll_interval(Duration::from_secs(3_600));
    Wallet::open(sim.provider(), key("account"), store, config).await.unwrap()
}

/* A FILE OF ROW FORMAT 4, AS IT WAS */

#[derive(Serialize)]
struct Origin {
    format: u32,
    chain_id: u64,
    genesis: B256,
}

#[derive(Serialize)]
struct Promise {
    amount: U256,
    signed: Option<(Scheme, alloy::primitives::FixedBytes<65>)>,
}

/// The purpose is one of a deposit.
#[derive(Serialize)]
struct TransactionRow {
    purpose: (u8, Address, U256),
    variants: Vec<Bytes>,
    outcome: Option<(u8, u64, B256)>,
}

fn cheque() -> SignedCheque {
    let (beneficiary, amount) = (key("account").address(), U256::from(40));
    let cheque = Cheque { contract: CONTRACT, beneficiary, amount, scheme: Scheme::Packed, chain_id: CHAIN_ID };
    let signature = key("signer").sign_hash_sync(&cheque.digest()).unwrap();
    SignedCheque::new(cheque, signature.normalized_s().as_bytes()).unwrap()
}

fn row(key: &[&[u8]], row: &impl Serialize) -> (Vec<u8>, Vec<u8>) {
    (key.concat(), postcard::to_allocvec(row).unwrap())
}

fn make(path: &Path, genesis: B256) {
    let account = key("account").address();
    let signed = Some((Scheme::Packed, cheque().signature().into()));
    let confirmed = TransactionRow {
        purpose: (0, CONTRACT, U256::from(7)),
        variants: vec![[2, 0xff].into()],
        outcome: Some((0, 5, B256::ZERO)),
    };
    let rows = [
        row(&[b"origin/"], &Origin { format: 4, chain_id: CHAIN_ID, genesis }),
        row(&[b"received/", CONTRACT.as_slice(), account.as_slice()], &Promise { amount: U256::from(40), signed }),
        row(&[b"nonces/", account.as_slice()], &1_u64),
        row(&[b"transactions/", account.as_slice(), &0_u64.to_be_bytes()], &confirmed),
    ];
    let database = Database::create(path).unwrap();
    let mut transaction = database.begin_write().unwrap();
    transaction.set_two_phase_commit(true);
    let format = TableDefinition::<(), u32>::new("chequebook format");
    transaction.open_table(format).unwrap().insert((), 1).unwrap();
    let mut table = transaction.open_table(TableDefinition::<&[u8], &[u8]>::new("chequebook")).unwrap();
    for (key, value) in &rows {
        table.insert(key.as_slice(), value.as_slice()).unwrap();
    }
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    set_mode(path, 0o600);
}

#[tokio::test]
async fn opens_a_file_of_the_version_before() {
    let sim = Sim::new(&[key("account").address()]);
    let directory = scratch();
    let path = directory.path().join("store");
    make(&path, sim.hash_of(0));
    for round in ["migrated", "opened again"] {
        let wallet = open(&sim, Redb::open(&path).unwrap()).await;
        assert_eq!(wallet.received().await.unwrap(), [cheque()], "{round}");
        assert!(wallet.open_transactions().is_empty(), "{round}");
        let all = wallet.transactions().await.unwrap();
        let [deposit] = &all[..] else { panic!("there was one transaction, found {all:?}") };
        assert_eq!(deposit.purpose(), Purpose::Deposit { contract: CONTRACT, amount: U256::from(7) });
        assert!(matches!(deposit.status(), Status::Confirmed { .. }), "{:?}", deposit.status());
        let backup = serde_json::to_value(Backup::export(&wallet).await.unwrap()).unwrap();
        assert_eq!(backup["received"][0]["acknowledged"], "40");
        wallet.shutdown().await;
    }
}

/// A store whose disk is slow.
#[derive(Clone, Default)]
struct Slow(Arc<Memory>);

#[async_trait]
impl Store for Slow {
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
        sleep(Duration::from_millis(5)).await;
        self.0.page(table, prefix, after, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        sleep(Duration::from_millis(2)).await;
        self.0.commit(changes).await
    }
}

#[tokio::test]
async fn exports_while_cheques_are_issued() {
    let sim = Sim::new(&[key("account").address()]);
    let wallet = open(&sim, Slow::default()).await;
    let new = NewChequebook::default().deposit(U256::from(1_000_000)).notice_period(86_400);
    let book = Chequebook::create(&wallet, key("signer"), new).await.unwrap();
    let outbox = book.outbox(Address::repeat_byte(0xbb), Scheme::Packed);
    let issuing = tokio::spawn(async move {
        let mut issued = 0;
        loop {
            issued += 1;
            outbox.issue(U256::ONE).await.unwrap();
            tokio::task::yield_now().await;
            if issued == 300 {
                return;
            }
        }
    });
    let mut amounts = Vec::new();
    while !issuing.is_finished() {
        let backup = serde_json::to_value(Backup::export(&wallet).await.unwrap()).unwrap();
        let amount = backup["chequebooks"][0]["issued"][0]["amount"].as_str().unwrap_or("0").parse::<u64>().unwrap();
        amounts.push(amount);
        // What was exported is a backup that can be imported.
        let copy = serde_json::from_value::<Backup>(backup).unwrap();
        copy.import(&Memory::new()).await.unwrap();
    }
    issuing.await.unwrap();
    assert!(amounts.is_sorted(), "{amounts:?}");
    amounts.dedup();
    assert!(amounts.len() > 5, "cheques were issued from one export to the next, found {amounts:?}");
}

/// Who only looks needs no wallet.
#[tokio::test]
async fn what_a_store_holds_is_read_without_a_wallet() {
    let sim = Sim::new(&[key("account").address()]);
    let (directory, beneficiary) = (scratch(), Address::repeat_byte(7));
    let path = directory.path().join("store");
    let wallet = open(&sim, Redb::create(&path).unwrap()).await;
    let book = Chequebook::create(
        &wallet,
        key("account"),
        NewChequebook::default().deposit(U256::from(100)).notice_period(86_400),
    );
    let book = book.await.unwrap();
    let inbox = Inbox::open(&wallet, book.address(), beneficiary, Policy::default()).await.unwrap();
    let cheque = book.outbox(beneficiary, Scheme::Typed).issue(U256::from(5)).await.unwrap();
    inbox.receive(&cheque).await.unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::InUse { .. })), "one at a time");
    wallet.shutdown().await;
    drop((wallet, book, inbox));
    let contract = cheque.cheque().contract;
    for (contract, expected) in [(contract, vec![cheque]), (CONTRACT, vec![])] {
        assert_eq!(held(Redb::open(&path).unwrap(), contract, CHAIN_ID).await.unwrap(), expected);
    }
    let other = held(Redb::open(&path).unwrap(), contract, 1).await;
    assert!(matches!(other, Err(Error::WrongChain { found: 1, expected: CHAIN_ID })), "{other:?}");
    assert_eq!(held(Memory::new(), contract, CHAIN_ID).await.unwrap(), []);
    drop(open(&sim, Redb::open(&path).unwrap()).await); // it is free again, and whole
}
