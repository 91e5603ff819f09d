//! Attacks on the heart of the wallet: each test that fails shows a fault, named by the law that it breaks.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod cost;
mod drops;
mod money;
mod more;
#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "../support/sim/mod.rs"]
mod sim;
mod stress;
mod wedge;

use std::time::Duration;

use alloy::{
    primitives::{Address, U256, keccak256},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use chequebook::{Cheque, Scheme, SignedCheque, bindings::Chequebook::announceKillCall};
use chequebook_wallet::{Chequebook, Config, Inbox, NewChequebook, Policy, Store, Wallet, store::Memory};
use tokio::time::sleep;

use self::sim::{CHAIN_ID, Sim};

const DAY: u32 = 86_400;

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

fn who(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

fn wei(wei: u64) -> U256 {
    U256::from(wei)
}

/// Looks at the chain only when told to.
fn config() -> Config {
    Config::default().confirmations(0).poll_interval(Duration::from_secs(36_000_000))
}

fn policy() -> Policy {
    Policy::default().min_gas_multiple(0)
}

async fn wallet_with(sim: &Sim, name: &str, store: impl Store, config: Config) -> Wallet {
    Wallet::open(sim.provider(), key(name), store, config).await.unwrap()
}

async fn wallet(sim: &Sim, name: &str) -> Wallet {
    wallet_with(sim, name, Memory::new(), config()).await
}

/// A chain on which payer, payee and owner are rich.
fn chain() -> Sim {
    seeded(1)
}

fn seeded(seed: u64) -> Sim {
    Sim::seeded(&["payer", "payee", "owner", "sponsor"].map(|name| key(name).address()), seed)
}

/// The payer of a chequebook that `owner` owns, with a deposit in wei.
struct Payer {
    sim: Sim,
    wallet: Wallet,
    book: Chequebook,
}

impl Payer {
    async fn new(deposit: u64) -> Self {
        Self::with(deposit, config()).await
    }

    async fn with(deposit: u64, config: Config) -> Self {
        Self::on(chain(), deposit, config).await
    }

    async fn on(sim: Sim, deposit: u64, config: Config) -> Self {
        let wallet = wallet_with(&sim, "payer", Memory::new(), config).await;
        let book = Chequebook::create(&wallet, key("payer"), terms(deposit)).await.unwrap();
        Self { sim, wallet, book }
    }

    fn contract(&self) -> Address {
        self.book.address()
    }

    /// A cheque that the payer signs behind the back of its wallet.
    async fn rogue(&self, beneficiary: Address, amount: u64) -> SignedCheque {
        rogue(self.contract(), beneficiary, amount).await
    }

    async fn inbox(&self, payee: &Wallet, beneficiary: Address) -> Inbox {
        Inbox::open(payee, self.contract(), beneficiary, policy()).await.unwrap()
    }

    fn announce(&self) {
        assert!(self.sim.act(key("owner").address(), self.contract(), announceKillCall {}.abi_encode().into()));
    }

    /// Somebody cashes a cheque that is not covered by a check: it may overdraw.
    fn cash_by_stranger(&self, cheque: &SignedCheque) {
        let input = cheque.calldata(chequebook::Overdraft::Consent);
        assert!(self.sim.act(key("stranger").address(), self.contract(), input));
    }

    fn is_dead(&self) -> bool {
        self.sim.killable_at(self.contract()) == U256::MAX
    }
}

fn terms(deposit: u64) -> NewChequebook {
    NewChequebook::default().deposit(wei(deposit)).notice_period(DAY).owner(Some(key("owner").address()))
}

async fn rogue(contract: Address, beneficiary: Address, amount: u64) -> SignedCheque {
    let cheque = Cheque { contract, beneficiary, amount: wei(amount), scheme: Scheme::Typed, chain_id: CHAIN_ID };
    cheque.sign(&key("payer")).await.unwrap()
}

/// Mines blocks and looks at the chain until the answer is true.
async fn eventually(sim: &Sim, wallet: &Wallet, mut yes: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..100 {
        if yes().await {
            return true;
        }
        sim.mine(1);
        let _ = wallet.refresh().await; // the node may be in trouble
        sleep(Duration::from_millis(200)).await;
    }
    false
}

/// A device that signs transactions, or does not.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Signs,
    Silent,
    Refuses,
    Panics,
}

#[derive(Clone)]
struct Moody(PrivateKeySigner, std::sync::Arc<std::sync::Mutex<Mood>>);

impl Moody {
    fn new(key: PrivateKeySigner) -> Self {
        Self(key, std::sync::Arc::new(std::sync::Mutex::new(Mood::Signs)))
    }

    fn set(&self, mood: Mood) {
        *self.1.lock().unwrap() = mood;
    }
}

#[async_trait::async_trait]
impl alloy::network::TxSigner<alloy::primitives::Signature> for Moody {
    fn address(&self) -> Address {
        self.0.address()
    }

    async fn sign_transaction(
        &self,
        transaction: &mut dyn alloy::consensus::SignableTransaction<alloy::primitives::Signature>,
    ) -> alloy::signers::Result<alloy::primitives::Signature> {
        let mood = *self.1.lock().unwrap();
        match mood {
            Mood::Signs => self.0.sign_transaction(transaction).await,
            Mood::Silent => std::future::pending().await,
            Mood::Refuses => Err(alloy::signers::Error::other("no")),
            Mood::Panics => panic!("as the test says"),
        }
    }
}

/// A store whose commits wait while it is closed.
#[derive(Clone)]
struct Gate(std::sync::Arc<Memory>, std::sync::Arc<std::sync::atomic::AtomicBool>);

#[async_trait::async_trait]
impl Store for Gate {
    async fn get(&self, key: &chequebook_wallet::store::Key) -> Result<Option<Vec<u8>>, chequebook_wallet::StoreError> {
        self.0.get(key).await
    }

    async fn page(
        &self,
        table: chequebook_wallet::store::Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<chequebook_wallet::store::Entry>, chequebook_wallet::StoreError> {
        self.0.page(table, prefix, after, limit).await
    }

    async fn commit(
        &self,
        changes: Vec<chequebook_wallet::store::Change>,
    ) -> Result<Vec<Result<(), chequebook_wallet::store::Conflict>>, chequebook_wallet::StoreError> {
        while self.1.load(std::sync::atomic::Ordering::SeqCst) {
            sleep(Duration::from_millis(1)).await;
        }
        self.0.commit(changes).await
    }
}

/// A store that panics once it is broken.
#[derive(Clone)]
struct Broken(std::sync::Arc<Memory>, std::sync::Arc<std::sync::atomic::AtomicBool>);

#[async_trait::async_trait]
impl Store for Broken {
    async fn get(&self, key: &chequebook_wallet::store::Key) -> Result<Option<Vec<u8>>, chequebook_wallet::StoreError> {
        self.0.get(key).await
    }

    async fn page(
        &self,
        table: chequebook_wallet::store::Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<chequebook_wallet::store::Entry>, chequebook_wallet::StoreError> {
        self.0.page(table, prefix, after, limit).await
    }

    async fn commit(
        &self,
        changes: Vec<chequebook_wallet::store::Change>,
    ) -> Result<Vec<Result<(), chequebook_wallet::store::Conflict>>, chequebook_wallet::StoreError> {
        assert!(!self.1.load(std::sync::atomic::Ordering::SeqCst), "as the test says");
        self.0.commit(changes).await
    }
}
