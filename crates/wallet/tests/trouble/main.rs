//! What was reported of chains, nodes, pools, peers and processes that do not behave, one module for each kind, against
//! the simulated chain. Each test states what must hold all the same; the laws are those of docs/wallet.md.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod absent;
mod cashier;
mod cashier_limits;
mod cashier_races;
mod contradictions;
mod cost;
mod counted;
mod deep;
mod doubles;
mod dropped;
mod events;
mod heads;
mod history;
mod isolation;
mod limits;
mod numbers;
mod owner;
mod reasons;
mod refusal;
mod requests;
#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "../support/sim/mod.rs"]
mod sim;
mod single;
mod stress;
mod tokens;
mod twice;
mod under_way;
mod view;
mod waiting;
mod wedged;
mod withdraw;

use std::time::Duration;

use alloy::{
    primitives::{Address, U256, keccak256},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use chequebook::{Cheque, Scheme, SignedCheque, bindings::Chequebook::announceKillCall};
use chequebook_wallet::{
    Chequebook, Config, Inbox, NewChequebook, Policy, Store, Wallet,
    store::{Change, Key, Memory, MemoryDisk, TABLES, Write},
};
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

/// A store of an account that says that all nonces before this one are used.
async fn with_next_nonce(sim: &Sim, name: &str, next: u64) -> Memory {
    let disk = MemoryDisk::new();
    wallet_with(sim, name, disk.open().unwrap(), config()).await.shutdown().await;
    let table = *TABLES.iter().find(|table| table.name() == "nonces").unwrap();
    let key = Key { table, bytes: key(name).address().to_vec() };
    let value = Some(vec![u8::try_from(next).unwrap()]); // one byte, as long as it is below 128
    let store = disk.open().unwrap();
    store.commit(vec![Change { conditions: vec![], writes: vec![Write { key, value }] }]).await.unwrap();
    store
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

    /// Inboxes of this chequebook and of new ones like it, with 100 wei each: one for each of the first beneficiaries.
    async fn inboxes(&self, payee: &Wallet, count: u64) -> Vec<Inbox> {
        let mut inboxes = vec![self.inbox(payee, who(0)).await];
        for index in 1..count {
            let terms = terms(100).salt(wei(index).into());
            let book = Chequebook::create(&self.wallet, key("payer"), terms).await.unwrap();
            inboxes.push(Inbox::open(payee, book.address(), who(index), policy()).await.unwrap());
        }
        inboxes
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
