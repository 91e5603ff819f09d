//! Nothing leaves the wallet, and nothing is acknowledged, before it is durable; and what happens if the store fails.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "support/sim/mod.rs"]
mod sim;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    primitives::{Address, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{
    Chequebook, Config, Error, Inbox, NewChequebook, Policy, Store, StoreError, Wallet,
    store::{Change, Conflict, Entry, Key, Memory, Table},
};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, yield_now},
};

use self::sim::Sim;

const FINE: u8 = 0;
const WAITS: u8 = 1;
const FULL: u8 = 2;
const PANICS: u8 = 3;

/// A store whose commits do what the test says.
#[derive(Clone)]
struct Gate {
    inner: Arc<Memory>,
    mode: Arc<AtomicU8>,
    commits: Arc<AtomicUsize>,
    /// Waiting commits continue when there are permits.
    permits: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self {
            inner: Arc::default(),
            mode: Arc::default(),
            commits: Arc::default(),
            permits: Arc::new(Semaphore::new(0)),
        }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    /// Lets all commits continue, waiting and later ones.
    fn open(&self) {
        self.set(FINE);
        self.permits.add_permits(1_000);
    }

    fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl Store for Gate {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.inner.page(table, prefix, after, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        match self.mode.load(Ordering::SeqCst) {
            WAITS => self.permits.acquire().await.unwrap().forget(),
            FULL => return Err(StoreError::other(io::Error::from(io::ErrorKind::StorageFull))),
            PANICS => panic!("as the test says"),
            _ => {}
        }
        self.inner.commit(changes).await
    }
}

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

fn payee() -> Address {
    key("payee").address()
}

/// A payer and a payee, each with a gate in front of its store.
struct World {
    sim: Sim,
    payer_gate: Gate,
    payee_gate: Gate,
    book: Chequebook,
    payee: Wallet,
    inbox: Inbox,
}

async fn wallet(sim: &Sim, name: &str, store: &Gate) -> Wallet {
    let config = Config::default().confirmations(0).poll_interval(Duration::from_secs(3_600));
    Wallet::open(sim.provider(), key(name), store.clone(), config).await.unwrap()
}

impl World {
    async fn new() -> Self {
        let sim = Sim::new(&[key("payer").address(), payee()]);
        let (payer_gate, payee_gate) = (Gate::new(), Gate::new());
        let payer = wallet(&sim, "payer", &payer_gate).await;
        let terms = NewChequebook::default().deposit(U256::from(1_000)).notice_period(86_400);
        let book = Chequebook::create(&payer, key("payer"), terms).await.unwrap();
        let payee_wallet = wallet(&sim, "payee", &payee_gate).await;
        let policy = Policy::default();
        let inbox = Inbox::open(&payee_wallet, book.address(), payee(), policy).await.unwrap();
        Self { sim, payer_gate, payee_gate, book, payee: payee_wallet, inbox }
    }

    async fn cheque(&self, amount: u64) -> chequebook::SignedCheque {
        self.book.outbox(payee(), Scheme::Packed).issue(U256::from(amount)).await.unwrap()
    }
}

/// Waits until a commit has begun in addition to the `before` earlier ones.
async fn begun(gate: &Gate, before: usize) {
    while gate.commits() == before {
        yield_now().await;
    }
}

/// Gives a task every chance to end, and checks that it still waits.
async fn still_waits<T>(task: &JoinHandle<T>) {
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert!(!task.is_finished(), "it did not wait");
}

#[tokio::test]
async fn issues_no_cheque_before_it_is_durable() {
    let world = World::new().await;
    world.payer_gate.set(WAITS);
    let before = world.payer_gate.commits();
    let book = world.book.clone();
    let issue = tokio::spawn(async move { book.outbox(payee(), Scheme::Packed).issue(U256::ONE).await });
    begun(&world.payer_gate, before).await;
    still_waits(&issue).await;
    let outbox = world.book.outbox(payee(), Scheme::Packed);
    let last = tokio::spawn(async move { outbox.latest_cheque().await });
    still_waits(&last).await;

    world.payer_gate.open();
    let issued = issue.await.unwrap().unwrap();
    assert_eq!(last.await.unwrap().unwrap(), Some(issued));
}

#[tokio::test]
async fn acknowledges_no_cheque_before_it_is_durable() {
    let world = World::new().await;
    let cheque = world.cheque(5).await;
    world.payee_gate.set(WAITS);
    let before = world.payee_gate.commits();
    let inbox = world.inbox.clone();
    let receive = tokio::spawn(async move { inbox.receive(&cheque).await });
    begun(&world.payee_gate, before).await;
    still_waits(&receive).await;

    world.payee_gate.open();
    assert_eq!(receive.await.unwrap().unwrap(), U256::from(5));
}

/// A payer may take a stale-cheque error as an acknowledgement.
#[tokio::test]
async fn calls_no_cheque_stale_before_the_newer_one_is_durable() {
    let world = World::new().await;
    let (older, newer) = (world.cheque(5).await, world.cheque(5).await);
    world.payee_gate.set(WAITS);
    let before = world.payee_gate.commits();
    let receive = |cheque| {
        let inbox = world.inbox.clone();
        tokio::spawn(async move { inbox.receive(&cheque).await })
    };
    let first = receive(newer);
    begun(&world.payee_gate, before).await;
    let (again, stale) = (receive(newer), receive(older));
    still_waits(&again).await;
    still_waits(&stale).await;

    world.payee_gate.open();
    assert_eq!(first.await.unwrap().unwrap(), U256::from(10));
    for refused in [again, stale] {
        assert!(matches!(refused.await.unwrap(), Err(Error::StaleCheque { .. })));
    }
}

#[tokio::test]
async fn sends_no_transaction_before_it_is_durable() {
    let world = World::new().await;
    let cheque = world.cheque(5).await;
    world.inbox.receive(&cheque).await.unwrap();
    let head = world.sim.head();
    world.payee_gate.set(WAITS);
    let before = world.payee_gate.commits();
    let inbox = world.inbox.clone();
    let cash = tokio::spawn(async move { inbox.cash(Overdraft::Refuse).await });
    begun(&world.payee_gate, before).await;
    still_waits(&cash).await;
    assert_eq!(world.sim.head(), head, "the transaction was mined before it was stored");

    // Nobody waits any more. It is still sent, because its nonce is assigned.
    cash.abort();
    world.payee_gate.open();
    while world.sim.head() == head {
        yield_now().await;
    }
    assert_eq!(world.inbox.uncashed().await.unwrap(), U256::ZERO);
    assert_eq!(world.payee.transactions().await.unwrap().len(), 1);
}

/// During the import of a block, a node counts the nonce but has no receipt yet.
#[tokio::test]
async fn a_receipt_that_comes_late_is_no_replacement() {
    let world = World::new().await;
    world.sim.late_receipts();
    let deposit = world.book.deposit(U256::ONE).await.unwrap();
    let waiting = {
        let deposit = deposit.clone();
        tokio::spawn(async move { deposit.confirmed().await })
    };
    still_waits(&waiting).await;
    world.sim.mine(1);
    let block = deposit.confirmed().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), block);
}

/// The process dies after the promise of a withdrawal is durable, and before the transaction that cashes it is: the next
/// run cashes it, once.
#[tokio::test]
async fn a_withdrawal_that_a_crash_cuts_in_two_is_resumed() {
    let world = World::new().await;
    let contract = world.book.address();
    let (head, before) = (world.sim.head(), world.payer_gate.commits());
    world.payer_gate.set(WAITS);
    let book = world.book.clone();
    let withdraw = tokio::spawn(async move { book.withdraw(U256::from(60)).await });
    begun(&world.payer_gate, before).await;
    still_waits(&withdraw).await;
    assert_eq!(world.sim.head(), head);
    world.payer_gate.permits.add_permits(1); // for the promise
    begun(&world.payer_gate, before + 1).await; // the transaction
    still_waits(&withdraw).await;
    withdraw.abort();
    assert_eq!(world.sim.head(), head, "the transaction was mined before it was stored");

    // What was committed is all that the next run finds.
    let gate = Gate { inner: Arc::clone(&world.payer_gate.inner), ..Gate::new() };
    let payer = wallet(&world.sim, "payer", &gate).await;
    let book = Chequebook::open(&payer, contract, key("payer")).await.unwrap();
    assert_eq!(book.balance().await.unwrap().available, U256::from(940), "it is promised");
    assert!(payer.open_transactions().is_empty(), "and not sent");
    let sent = book.resume_withdrawal().await.unwrap().unwrap();
    sent.confirmed().await.unwrap();
    assert!(book.resume_withdrawal().await.unwrap().is_none());
    assert_eq!(world.sim.paid(contract)[&key("payer").address()], U256::from(60));
    // The owner is the payer: the next withdrawal is on top of it.
    book.withdraw(U256::from(40)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(world.sim.paid(contract)[&key("payer").address()], U256::from(100));
}

/// A page shows only what is durable.
#[tokio::test]
async fn lists_no_cheque_before_it_is_durable() {
    let world = World::new().await;
    let first = world.cheque(5).await;
    let before = world.payer_gate.commits();
    world.payer_gate.set(WAITS);
    let book = world.book.clone();
    let issue = tokio::spawn(async move { book.outbox(payee(), Scheme::Packed).issue(U256::ONE).await });
    begun(&world.payer_gate, before).await;
    let listed = world.book.issued(None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.cheque).collect::<Vec<_>>(), [Some(first)]);
    world.payer_gate.open();
    let second = issue.await.unwrap().unwrap();
    assert_eq!(world.book.issued(None, 10).await.unwrap()[0].cheque, Some(second));
}

#[tokio::test]
async fn many_callers_share_a_commit() {
    let world = World::new().await;
    world.payer_gate.set(WAITS);
    let before = world.payer_gate.commits();
    let issue = |index: u8| {
        let book = world.book.clone();
        tokio::spawn(async move { book.outbox(Address::repeat_byte(index + 1), Scheme::Packed).issue(U256::ONE).await })
    };
    let first = issue(0);
    begun(&world.payer_gate, before).await;
    let others: Vec<_> = (1..100).map(issue).collect();
    still_waits(&first).await;
    world.payer_gate.open();
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(world.payer_gate.commits() - before, 2, "commits of a hundred cheques");
    assert_eq!(world.book.balance().await.unwrap().issued, U256::from(100));
}

#[tokio::test]
async fn a_full_disk_stops_everything_and_loses_nothing() {
    let world = World::new().await;
    let cheque = world.cheque(5).await;
    for gate in [&world.payer_gate, &world.payee_gate] {
        gate.set(FULL);
    }
    assert!(matches!(world.book.outbox(payee(), Scheme::Packed).issue(U256::ONE).await, Err(Error::Store(_))));
    assert!(matches!(world.inbox.receive(&cheque).await, Err(Error::Store(_))));
    assert!(matches!(world.book.deposit(U256::ONE).await, Err(Error::Store(_))));
    // There may be space again, but it is not known what was written.
    for gate in [&world.payer_gate, &world.payee_gate] {
        gate.set(FINE);
    }
    for error in [
        world.book.outbox(payee(), Scheme::Packed).issue(U256::ONE).await.unwrap_err(),
        world.inbox.receive(&cheque).await.unwrap_err(),
        world.book.outbox(payee(), Scheme::Packed).latest_cheque().await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Store(StoreError::Failed { reason }) if reason.contains("no storage space")),
            "{error:?}"
        );
    }
    assert_eq!(world.sim.balance_at(world.book.address(), u64::MAX), U256::from(1_000), "deposits");

    // After opening the store again, everything acknowledged is there.
    let payer = wallet(&world.sim, "payer", &world.payer_gate).await;
    let book = Chequebook::open(&payer, world.book.address(), key("payer")).await.unwrap();
    assert_eq!(book.outbox(payee(), Scheme::Packed).latest_cheque().await.unwrap(), Some(cheque));
    assert_eq!(book.balance().await.unwrap().issued, U256::from(5));
    assert_eq!(book.outbox(payee(), Scheme::Packed).issue(U256::ONE).await.unwrap().cheque().amount, U256::from(6));
}

#[tokio::test]
async fn a_store_that_panics_keeps_nobody_waiting() {
    let world = World::new().await;
    world.payer_gate.set(PANICS);
    for _ in 0..2 {
        let error = world.book.outbox(payee(), Scheme::Packed).issue(U256::ONE).await.unwrap_err();
        assert!(matches!(error, Error::Store(StoreError::Failed { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn a_wallet_that_is_shut_down_does_nothing_more() {
    let world = World::new().await;
    let cheque = world.cheque(5).await;
    world.payee.shutdown().await;
    assert!(matches!(world.inbox.receive(&cheque).await, Err(Error::Store(StoreError::Closed))));
    assert!(matches!(world.inbox.cash(Overdraft::Refuse).await, Err(Error::Store(StoreError::Closed))));
    world.payee.shutdown().await; // idempotent
}
