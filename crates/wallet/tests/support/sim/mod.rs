//! A chain in memory, behind the JSON-RPC of a node. It mines and forgets on command, so that a test can drive a wallet
//! through thousands of situations per second, each run the same.
//!
//! It follows the newest hardforks, where the code of a dead chequebook stays.

mod rpc;
mod state;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use alloy::{
    consensus::{Header, Transaction as _, TxEnvelope, transaction::SignerRecoverable},
    primitives::{Address, B256, Bytes, LogData, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::client::RpcClient,
};

pub(crate) use self::state::CHAIN_ID;
use self::state::{COINBASE, Message, State};

/// The gas of every transaction.
const GAS: u64 = 50_000;
/// In wei per gas.
const BASE_FEE: u64 = 1_000;

/// A transaction in a block.
#[derive(Clone)]
struct Included {
    transaction: TxEnvelope,
    from: Address,
    success: bool,
    logs: Vec<(Address, LogData)>,
}

#[derive(Clone)]
struct Block {
    header: Header,
    hash: B256,
    state: State,
    included: Vec<Included>,
}

struct Chain {
    blocks: Vec<Block>,
    pending: BTreeMap<(Address, u64), TxEnvelope>,
    /// Makes each block different from the one that it replaces.
    salt: u64,
    auto_mine: bool,
    /// Whether the receipts of the newest block are not available yet.
    late_receipts: bool,
    requests: usize,
    /// How many of a thousand requests are lost: half of them before execution, half of them after.
    faults: u64,
    random: u64,
}

/// The chain. Clones of this handle are the same chain.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Mutex<Chain>>);

impl Sim {
    /// A chain on which these accounts have much ether. It mines each transaction at once.
    pub(crate) fn new(rich: &[Address]) -> Self {
        let mut state = State::default();
        for account in rich {
            state.balances.insert(*account, U256::from(10).pow(U256::from(24)));
        }
        let header = Header { timestamp: 1_700_000_000, base_fee_per_gas: Some(BASE_FEE), ..Header::default() };
        let hash = header.hash_slow();
        let genesis = Block { header, hash, state, included: Vec::new() };
        let pending = BTreeMap::new();
        let (blocks, late_receipts) = (vec![genesis], false);
        let chain =
            Chain { blocks, pending, salt: 0, auto_mine: true, late_receipts, requests: 0, faults: 0, random: 1 };
        Self(Arc::new(Mutex::new(chain)))
    }

    fn lock(&self) -> MutexGuard<'_, Chain> {
        self.0.lock().unwrap()
    }

    pub(crate) fn provider(&self) -> DynProvider {
        let wallet = RpcClient::new(rpc::Transport(self.clone()), true);
        ProviderBuilder::new().disable_recommended_fillers().connect_client(wallet).erased()
    }

    /* TIME */

    pub(crate) fn auto_mine(&self, on: bool) {
        self.lock().auto_mine = on;
    }

    /// From now on the state is a block ahead of the receipts, like on a node that is importing a block.
    pub(crate) fn late_receipts(&self) {
        self.lock().late_receipts = true;
    }

    /// Mines blocks, the first with all pending transactions.
    pub(crate) fn mine(&self, blocks: usize) {
        for _ in 0..blocks {
            self.lock().mine();
        }
    }

    /// Drops the newest blocks. Their transactions are forgotten, or wait to be mined again.
    pub(crate) fn rollback(&self, depth: usize, keep: bool) {
        let mut chain = self.lock();
        let left = chain.blocks.len().saturating_sub(depth).max(1);
        for block in chain.blocks.split_off(left) {
            let dropped =
                block.included.into_iter().map(|included| ((included.from, included.transaction.nonce()), included));
            if keep {
                chain.pending.extend(dropped.map(|(id, included)| (id, included.transaction)));
            }
        }
        // A chain that is reorganised is never shorter than before.
        for _ in 0..depth {
            chain.mine_with(keep);
        }
    }

    /// Forgets all pending transactions.
    pub(crate) fn forget(&self) {
        self.lock().pending.clear();
    }

    /// Loses `per_mille` of a thousand requests from now on: some before execution, some after.
    pub(crate) fn faults(&self, per_mille: u64) {
        self.lock().faults = per_mille;
    }

    /* ACT */

    /// Sends from any account, without its key, in a separate block. Returns whether it succeeded.
    pub(crate) fn act(&self, from: Address, to: Address, input: Bytes) -> bool {
        let mut chain = self.lock();
        let (number, time) = chain.next();
        let mut block = chain.empty_block();
        let message = Message { from, to: Some(to), value: U256::ZERO, input, block: number, time };
        let outcome = block.state.execute(&message);
        let success = outcome.is_ok();
        // The transaction has no sender in the wallets, but everybody sees its events.
        let logs = outcome.map(|(_, logs)| logs.into_iter().map(|log| (to, log)).collect()).unwrap_or_default();
        let transaction = rpc::nobodys_transaction(number);
        block.included.push(Included { transaction, from, success, logs });
        chain.blocks.push(block);
        success
    }

    /* LOOK */

    pub(crate) fn head(&self) -> u64 {
        self.lock().head().header.number
    }

    /// The balance of an account at a block, in wei.
    pub(crate) fn balance_at(&self, account: Address, block: u64) -> U256 {
        self.at(block, |state| state.balance(account))
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

    /// The value of all successful transactions from one account to another, in wei.
    pub(crate) fn transferred(&self, from: Address, to: Address) -> U256 {
        let chain = self.lock();
        let all = chain.blocks.iter().flat_map(|block| &block.included).filter(|included| included.success);
        let mine = all.filter(|included| included.from == from && included.transaction.to() == Some(to));
        mine.fold(U256::ZERO, |sum, included| sum + included.transaction.value())
    }

    /// The number of requests.
    pub(crate) fn all_requests(&self) -> usize {
        self.lock().requests
    }

    fn at<T>(&self, block: u64, read: impl FnOnce(&State) -> T) -> T {
        let chain = self.lock();
        let newest = chain.blocks.len() - 1;
        read(&chain.blocks[usize::try_from(block).unwrap_or(newest).min(newest)].state)
    }
}

impl Chain {
    fn head(&self) -> &Block {
        self.blocks.last().expect("there is always the first")
    }

    /// Number and time of the next block.
    fn next(&self) -> (u64, u64) {
        let head = &self.head().header;
        (head.number + 1, head.timestamp + 12)
    }

    fn empty_block(&mut self) -> Block {
        self.salt += 1;
        let (number, timestamp) = self.next();
        let header = Header {
            parent_hash: self.head().hash,
            number,
            timestamp,
            base_fee_per_gas: Some(BASE_FEE),
            gas_limit: 30_000_000,
            extra_data: self.salt.to_be_bytes().into(),
            ..Header::default()
        };
        Block { hash: header.hash_slow(), header, state: self.head().state.clone(), included: Vec::new() }
    }

    fn mine(&mut self) {
        self.mine_with(true);
    }

    fn mine_with(&mut self, pending: bool) {
        let mut block = self.empty_block();
        let waiting: Vec<_> =
            if pending { self.pending.iter().map(|(&id, tx)| (id, tx.clone())).collect() } else { vec![] };
        for ((from, nonce), transaction) in waiting {
            if nonce == block.state.nonce(from) {
                self.pending.remove(&(from, nonce));
                block.include(from, transaction);
            }
        }
        self.blocks.push(block);
    }

    /// A pseudorandom number below 1,000.
    fn dice(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % 1_000
    }

    /// Accepts or refuses a transaction, as a node does.
    fn accept(&mut self, transaction: TxEnvelope) -> Result<B256, &'static str> {
        let from = transaction.recover_signer().map_err(|_| "invalid signature")?;
        if transaction.chain_id() != Some(CHAIN_ID) {
            return Err("invalid chain id for signer");
        }
        if transaction.nonce() < self.head().state.nonce(from) {
            return Err("nonce too low");
        }
        let id = (from, transaction.nonce());
        let hash = *transaction.tx_hash();
        match self.pending.get(&id) {
            Some(known) if *known.tx_hash() == hash => return Err("already known"),
            Some(known) if transaction.max_fee_per_gas() < known.max_fee_per_gas() * 11 / 10 => {
                return Err("replacement transaction underpriced");
            }
            _ => {}
        }
        self.pending.insert(id, transaction);
        if self.auto_mine {
            self.mine();
        }
        Ok(hash)
    }
}

impl Block {
    fn include(&mut self, from: Address, transaction: TxEnvelope) {
        let fee = U256::from(GAS) * U256::from(BASE_FEE);
        let nonce = transaction.nonce();
        self.state.nonces.insert(from, nonce + 1);
        *self.state.balances.entry(from).or_default() -= fee;
        *self.state.balances.entry(COINBASE).or_default() += fee;

        let to = transaction.to();
        let message = Message {
            from,
            to,
            value: transaction.value(),
            input: transaction.input().clone(),
            block: self.header.number,
            time: self.header.timestamp,
        };
        let outcome = self.state.execute(&message);
        let at = to.unwrap_or_default();
        let success = outcome.is_ok();
        let logs = outcome.map(|(_, logs)| logs.into_iter().map(|log| (at, log)).collect()).unwrap_or_default();
        self.included.push(Included { transaction, from, success, logs });
    }
}
