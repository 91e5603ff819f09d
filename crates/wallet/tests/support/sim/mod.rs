//! A chain in memory, behind the JSON-RPC of nodes. It mines and forgets on command, and its nodes lag, lie, refuse
//! and forget on command, so that a test can drive a wallet through thousands of situations per second, each run the
//! same.
//!
//! It follows the newest hardforks, where the code of a dead chequebook stays.

mod blocks;
mod contracts;
mod fees;
mod foreign;
mod hook;
mod node;
mod pool;
mod rpc;
mod state;
pub(crate) mod tokens;
mod transport;
pub(crate) mod words;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use alloy::{
    consensus::{Header, Transaction as _, TxEnvelope},
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::client::RpcClient,
};

use self::{
    blocks::{Block, genesis_time},
    fees::Fees,
    hook::Hook,
    node::Nodes,
    pool::Rules,
    state::{Book, Environment, State},
    transport::Transport,
};
pub(crate) use self::{hook::Act, state::CHAIN_ID, words::Vendor};

/// The gas of every transaction.
const GAS: u64 = 50_000;

struct Chain {
    blocks: Vec<Block>,
    /// The blocks that reorganisations dropped.
    orphans: Vec<Block>,
    pending: BTreeMap<(Address, u64), TxEnvelope>,
    environment: Environment,
    fees: Fees,
    rules: Rules,
    nodes: Nodes,
    /// Makes each block different from the one that it replaces.
    salt: u64,
    auto_mine: bool,
    /// Whether the receipts of the newest block are not available yet.
    late_receipts: bool,
    /// How much later than usual the next block comes, in seconds.
    warp: u64,
    /// The earliest time of the next block, in Unix seconds.
    not_before: u64,
    /// How many requests there were of each method.
    counts: BTreeMap<String, usize>,
    /// How many of a thousand requests are lost: half of them before execution, half of them after.
    faults: u64,
    random: Random,
}

/// Pseudorandom numbers.
struct Random(u64);

impl Random {
    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What all handles share.
struct Shared {
    chain: Mutex<Chain>,
    hook: Mutex<Option<Hook>>,
}

/// The chain. Clones of this handle are the same chain.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Shared>);

impl Sim {
    /// A chain on which these accounts have much ether. It mines each transaction at once.
    pub(crate) fn new(rich: &[Address]) -> Self {
        Self::seeded(rich, 1)
    }

    /// As [`new`](Self::new), with a seed for all that is random.
    pub(crate) fn seeded(rich: &[Address], seed: u64) -> Self {
        let mut state = State::default();
        for account in rich.iter().copied().chain([foreign::sponsor().address()]) {
            state.balances.insert(account, U256::from(10).pow(U256::from(24)));
        }
        let fees = Fees::default();
        let timestamp = genesis_time();
        let header = Header { timestamp, base_fee_per_gas: Some(fees.base), ..Header::default() };
        let genesis = Block { hash: header.hash_slow(), header, state, included: Vec::new() };
        let chain = Chain {
            blocks: vec![genesis],
            orphans: Vec::new(),
            pending: BTreeMap::new(),
            environment: Environment::default(),
            fees,
            rules: Rules::default(),
            nodes: Nodes::new(seed),
            salt: 0,
            auto_mine: true,
            late_receipts: false,
            warp: 0,
            not_before: 0,
            counts: BTreeMap::new(),
            faults: 0,
            random: Random(seed),
        };
        Self(Arc::new(Shared { chain: Mutex::new(chain), hook: Mutex::new(None) }))
    }

    /// The chain, for one look or one change.
    fn lock(&self) -> MutexGuard<'_, Chain> {
        self.0.chain.lock().unwrap()
    }

    /// A provider that asks the nodes.
    pub(crate) fn provider(&self) -> DynProvider {
        let wallet = RpcClient::new(Transport(self.clone()), true);
        ProviderBuilder::new().disable_recommended_fillers().connect_client(wallet).erased()
    }

    /// Loses `per_mille` of a thousand requests from now on: some before execution, some after.
    pub(crate) fn faults(&self, per_mille: u64) {
        self.lock().faults = per_mille;
    }

    /* LOOK: what is really so, whatever the nodes say */

    /// The number of the newest block.
    pub(crate) fn head(&self) -> u64 {
        self.lock().head().header.number
    }

    /// The time of the newest block, in Unix seconds.
    pub(crate) fn time(&self) -> u64 {
        self.lock().head().header.timestamp
    }

    /// The hash of the block with this number.
    pub(crate) fn hash_of(&self, block: u64) -> B256 {
        self.lock().blocks[usize::try_from(block).unwrap()].hash
    }

    /// The balance of an account at a block, in wei.
    pub(crate) fn balance_at(&self, account: Address, block: u64) -> U256 {
        self.at(block, |state| state.balance(account))
    }

    /// The nonce of an account at the newest block.
    pub(crate) fn nonce(&self, account: Address) -> u64 {
        self.at(u64::MAX, |state| state.nonce(account))
    }

    /// What the chequebook reports as paid up to a block, in wei.
    pub(crate) fn sent_at(&self, contract: Address, block: u64) -> BTreeMap<Address, U256> {
        self.at(block, |state| state.books.get(&contract).map(|book| book.sent.clone()).unwrap_or_default())
    }

    /// What the chequebook really paid to each beneficiary, in wei.
    pub(crate) fn paid(&self, contract: Address) -> BTreeMap<Address, U256> {
        self.at(u64::MAX, |state| state.books.get(&contract).map(|book| book.paid.clone()).unwrap_or_default())
    }

    /// Zero, a time in Unix seconds, or the largest number.
    pub(crate) fn killable_at(&self, contract: Address) -> U256 {
        self.at(u64::MAX, |state| state.books[&contract].killable_at)
    }

    /// A chequebook at the newest block, if it is created.
    pub(crate) fn state_of(&self, contract: Address) -> Option<Book> {
        self.at(u64::MAX, |state| state.books.get(&contract).cloned())
    }

    /// The value of all successful transactions from one account to another, in wei.
    pub(crate) fn transferred(&self, from: Address, to: Address) -> U256 {
        let chain = self.lock();
        let all = chain.blocks.iter().flat_map(|block| &block.included).filter(|included| included.success);
        let mine = all.filter(|included| included.from == from && included.transaction.to() == Some(to));
        mine.fold(U256::ZERO, |sum, included| sum + included.transaction.value())
    }

    /// The transactions of an account that are included: nonce, hash, and whether each succeeded.
    pub(crate) fn included(&self, account: Address) -> Vec<(u64, B256, bool)> {
        let chain = self.lock();
        let all = chain.blocks.iter().flat_map(|block| &block.included);
        let mine = all.filter(|included| included.from == account && !included.placeholder);
        mine.map(|included| (included.transaction.nonce(), *included.transaction.tx_hash(), included.success)).collect()
    }

    /// The number of requests.
    pub(crate) fn all_requests(&self) -> usize {
        self.lock().counts.values().sum()
    }

    /// The number of requests of each method. The elements of a batch count singly.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        self.lock().counts.clone()
    }

    /// Reads the state at a block, or at the newest if there is no such block.
    fn at<T>(&self, block: u64, read: impl FnOnce(&State) -> T) -> T {
        let chain = self.lock();
        let newest = chain.blocks.len() - 1;
        read(&chain.blocks[usize::try_from(block).unwrap_or(newest).min(newest)].state)
    }
}
