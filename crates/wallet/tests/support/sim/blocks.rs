//! Blocks: what they include, when, and how they are dropped.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::{Header, Transaction as _, TxEnvelope},
    primitives::{Address, B256, Bytes, Log, U256},
};

use super::{
    Chain, GAS, Sim,
    foreign::{NOBODY, nobodys_transaction},
    state::{COINBASE, Environment, Message, State},
};

/// The gas limit of a block.
pub(super) const BLOCK_GAS: u64 = 30_000_000;
/// Seconds between two blocks.
const INTERVAL: u64 = 12;

/// A transaction in a block.
#[derive(Clone)]
pub(super) struct Included {
    pub(super) transaction: TxEnvelope,
    pub(super) from: Address,
    pub(super) success: bool,
    pub(super) gas_used: u64,
    /// In wei per gas.
    pub(super) price: u128,
    pub(super) logs: Vec<Log>,
    /// Whether it only stands for a transaction whose key we do not have.
    pub(super) placeholder: bool,
}

#[derive(Clone)]
pub(super) struct Block {
    pub(super) header: Header,
    pub(super) hash: B256,
    pub(super) state: State,
    pub(super) included: Vec<Included>,
}

impl Sim {
    /// Whether each transaction is mined at once, in a block of its own.
    pub(crate) fn auto_mine(&self, on: bool) {
        self.lock().auto_mine = on;
    }

    /// From now on the state is a block ahead of the receipts, like on a node that is importing a block.
    pub(crate) fn late_receipts(&self) {
        self.lock().late_receipts = true;
    }

    /// Mines blocks, the first with all pending transactions that validators accept.
    pub(crate) fn mine(&self, blocks: usize) {
        let mut chain = self.lock();
        for _ in 0..blocks {
            chain.mine();
        }
        chain.nodes.tick();
    }

    /// Drops the newest blocks. Their transactions are forgotten, or wait to be mined again. The new branch is as long
    /// as the old one.
    pub(crate) fn rollback(&self, depth: usize, keep: bool) {
        self.reorganise_to(depth, keep, depth);
    }

    /// Drops the newest blocks, as [`rollback`](Self::rollback), for a branch of `length` blocks. A shorter one than
    /// before is heavier on some chains, and what a node shows that switches to another peer.
    pub(crate) fn reorganise_to(&self, depth: usize, keep: bool, length: usize) {
        let mut chain = self.lock();
        let left = chain.blocks.len().saturating_sub(depth).max(1);
        for block in chain.blocks.split_off(left) {
            if keep {
                let dropped = block.included.iter().filter(|included| !included.placeholder);
                let dropped = dropped
                    .map(|included| ((included.from, included.transaction.nonce()), included.transaction.clone()));
                chain.pending.extend(dropped);
            }
            chain.orphans.push(block);
        }
        for _ in 0..length {
            chain.mine_with(keep);
        }
    }

    /// The next block comes that many seconds later.
    pub(crate) fn warp(&self, seconds: u64) {
        self.lock().warp += seconds;
    }

    /// The next block comes at the time of the real clock, if the chain is not ahead of it.
    pub(crate) fn set_time_to_now(&self) {
        self.lock().not_before = now();
    }

    /// Sends from any account, without its key, in a separate block. Returns whether it succeeded.
    pub(crate) fn act(&self, from: Address, to: Address, input: Bytes) -> bool {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        let message = Message {
            from,
            to: Some(to),
            value: U256::ZERO,
            input,
            gas: BLOCK_GAS,
            block: chain.environment.number(block.header.number),
            time: block.header.timestamp,
        };
        let outcome = block.state.execute(&message, &chain.environment);
        let success = outcome.is_ok();
        // As if its account was a contract: another one, whose key we do not have either, sent the transaction. Its
        // nonce says nothing about the account, and everybody sees its events.
        let logs = outcome.map(|(_, logs)| logs).unwrap_or_default();
        let (transaction, from) = (nobodys_transaction(block.header.number), NOBODY);
        let price = block.header.base_fee_per_gas.unwrap_or_default().into();
        block.included.push(Included { transaction, from, success, gas_used: GAS, price, logs, placeholder: true });
        chain.push(block);
        success
    }

    /// Gives ether to an account, in a separate block without a transaction, like a withdrawal of a validator.
    pub(crate) fn give(&self, account: Address, wei: U256) {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        *block.state.balances.entry(account).or_default() += wei;
        chain.push(block);
    }

    /// Takes ether from an account, in a separate block without a transaction, as if another program had spent it.
    pub(crate) fn take(&self, account: Address, wei: U256) {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        *block.state.balances.entry(account).or_default() -= wei;
        chain.push(block);
    }
}

impl Chain {
    /// The newest block.
    pub(super) fn head(&self) -> &Block {
        self.blocks.last().expect("there is always the first")
    }

    /// The next block, with nothing in it.
    pub(super) fn empty_block(&mut self) -> Block {
        self.salt += 1;
        let head = &self.head().header;
        let (number, timestamp) = (head.number + 1, (head.timestamp + INTERVAL + self.warp).max(self.not_before));
        (self.warp, self.not_before) = (0, 0);
        let header = Header {
            parent_hash: self.head().hash,
            number,
            timestamp,
            base_fee_per_gas: Some(self.fees.base),
            gas_limit: BLOCK_GAS,
            extra_data: self.salt.to_be_bytes().into(),
            ..Header::default()
        };
        Block { hash: header.hash_slow(), header, state: self.head().state.clone(), included: Vec::new() }
    }

    /// Mines a block with what waits.
    pub(super) fn mine(&mut self) {
        self.mine_with(true);
    }

    /// Mines a block, with what waits or empty.
    fn mine_with(&mut self, pending: bool) {
        let mut block = self.empty_block();
        if pending {
            for (&(from, nonce), transaction) in &self.pending {
                let welcome = self.fees.accept(transaction) && can_pay(&block.state, from, transaction);
                if nonce == block.state.nonce(from) && welcome {
                    block.include(from, transaction.clone(), &self.environment);
                }
            }
        }
        self.push(block);
    }

    /// Makes a block the newest. Transactions whose nonce is used leave the pool.
    pub(super) fn push(&mut self, block: Block) {
        self.pending.retain(|&(from, nonce), _| nonce >= block.state.nonce(from));
        self.blocks.push(block);
    }
}

impl Block {
    /// Executes a transaction that its sender can pay.
    pub(super) fn include(&mut self, from: Address, transaction: TxEnvelope, environment: &Environment) {
        let enough = transaction.gas_limit() >= environment.gas;
        let gas_used = if enough { GAS.min(transaction.gas_limit()) } else { transaction.gas_limit() };
        let price = transaction.effective_gas_price(self.header.base_fee_per_gas);
        let fee = U256::from(gas_used) * U256::from(price);
        self.state.nonces.insert(from, transaction.nonce() + 1);
        *self.state.balances.entry(from).or_default() -= fee;
        *self.state.balances.entry(COINBASE).or_default() += fee;
        self.state.delegate(transaction.authorization_list().unwrap_or_default());

        let message = Message {
            from,
            to: transaction.to(),
            value: transaction.value(),
            input: transaction.input().clone(),
            gas: transaction.gas_limit(),
            block: environment.number(self.header.number),
            time: self.header.timestamp,
        };
        let outcome = if enough { self.state.execute(&message, environment) } else { Err(Bytes::new()) };
        let success = outcome.is_ok();
        let logs = outcome.map(|(_, logs)| logs).unwrap_or_default();
        self.included.push(Included { transaction, from, success, gas_used, price, logs, placeholder: false });
    }
}

/// The most that a transaction can cost its sender, in wei.
pub(super) fn cost(transaction: &TxEnvelope) -> U256 {
    let gas = U256::from(transaction.gas_limit()).saturating_mul(U256::from(transaction.max_fee_per_gas()));
    gas.saturating_add(transaction.value())
}

/// Whether an account can pay the most that a transaction can cost.
fn can_pay(state: &State, from: Address, transaction: &TxEnvelope) -> bool {
    state.balance(from) >= cost(transaction)
}

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// The time of the first block: some minutes ago. Chains that begin within ten minutes begin at the same time, so that
/// two of one seed are the same.
pub(super) fn genesis_time() -> u64 {
    static START: Mutex<u64> = Mutex::new(0);
    let mut start = START.lock().unwrap_or_else(PoisonError::into_inner);
    if now().saturating_sub(*start) > 600 {
        *start = now();
    }
    *start - 300
}
