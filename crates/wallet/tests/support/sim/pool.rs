//! Which transactions the pool of a node accepts.

use alloy::{
    consensus::{Transaction as _, TxEnvelope, transaction::SignerRecoverable},
    primitives::{Address, B256, U256},
};

use super::{
    Chain, Sim, Vendor,
    blocks::{BLOCK_GAS, cost},
    state::CHAIN_ID,
    words::Refused,
};

/// What the pool demands.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) vendor: Vendor,
    min_tip: u128,
    fee_cap: Option<U256>,
    check_funds: bool,
    check_sum: bool,
    intrinsic_gas: u64,
    in_flight: Option<usize>,
    full: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            vendor: Vendor::Geth,
            min_tip: 0,
            fee_cap: None,
            check_funds: true,
            check_sum: false,
            intrinsic_gas: 21_000,
            in_flight: None,
            full: false,
        }
    }
}

impl Sim {
    /// Whose words the nodes use.
    pub(crate) fn vendor(&self, vendor: Vendor) {
        self.lock().rules.vendor = vendor;
    }

    /// The pool refuses a smaller tip, in wei per gas.
    pub(crate) fn min_tip(&self, wei: u128) {
        self.lock().rules.min_tip = wei;
    }

    /// The pool refuses a transaction whose gas can cost more, in wei.
    pub(crate) fn fee_cap(&self, wei: Option<U256>) {
        self.lock().rules.fee_cap = wei;
    }

    /// Whether the pool refuses what the balance of the account cannot pay. It does unless told otherwise.
    pub(crate) fn check_funds(&self, on: bool) {
        self.lock().rules.check_funds = on;
    }

    /// Whether the balance must pay all transactions of the account in the pool together.
    pub(crate) fn check_funds_of_all(&self, on: bool) {
        self.lock().rules.check_sum = on;
    }

    /// The pool refuses a smaller gas limit.
    pub(crate) fn intrinsic_gas(&self, gas: u64) {
        self.lock().rules.intrinsic_gas = gas;
    }

    /// The pool takes at most so many transactions of each account, and none with a gap before its nonce, as nodes do
    /// with delegated accounts. It replaces them all the same.
    pub(crate) fn in_flight_limit(&self, limit: Option<usize>) {
        self.lock().rules.in_flight = limit;
    }

    /// Whether the pool takes nothing new. It still replaces what it has.
    pub(crate) fn pool_full(&self, full: bool) {
        self.lock().rules.full = full;
    }

    /// Forgets all pending transactions.
    pub(crate) fn forget(&self) {
        self.lock().pending.clear();
    }

    /// Forgets one pending transaction. Returns whether it was there.
    pub(crate) fn evict(&self, account: Address, nonce: u64) -> bool {
        self.lock().pending.remove(&(account, nonce)).is_some()
    }

    /// The pending transactions of an account: nonce and hash.
    pub(crate) fn pending(&self, account: Address) -> Vec<(u64, B256)> {
        let chain = self.lock();
        let mine = chain.pending.range((account, 0)..=(account, u64::MAX));
        mine.map(|(&(_, nonce), transaction)| (nonce, *transaction.tx_hash())).collect()
    }
}

impl Chain {
    /// Accepts or refuses a transaction, as a node does whose newest block has this index.
    pub(super) fn accept(&mut self, transaction: TxEnvelope, newest: usize) -> Result<B256, Refused> {
        let from = transaction.recover_signer().map_err(|_| Refused::Signature)?;
        self.check(&transaction, from, newest)?;
        let hash = *transaction.tx_hash();
        // A node that lags takes what the chain has already. Nobody else does.
        if transaction.nonce() >= self.head().state.nonce(from) {
            self.pending.insert((from, transaction.nonce()), transaction);
        }
        if self.auto_mine {
            self.mine();
        }
        Ok(hash)
    }

    /// The rules in the order of geth.
    fn check(&self, transaction: &TxEnvelope, from: Address, newest: usize) -> Result<(), Refused> {
        let (rules, state, nonce) = (&self.rules, &self.blocks[newest].state, transaction.nonce());
        if transaction.chain_id() != Some(CHAIN_ID) {
            return Err(Refused::ChainId { have: transaction.chain_id().unwrap_or_default() });
        }
        let fee = cost(transaction).saturating_sub(transaction.value());
        if let Some(cap) = rules.fee_cap.filter(|cap| fee > *cap) {
            return Err(Refused::FeeCap { fee, cap });
        }
        let unseen = self.blocks[newest + 1..].iter().flat_map(|block| &block.included);
        let mut known = self.pending.values().chain(unseen.map(|included| &included.transaction));
        if known.any(|known| known.tx_hash() == transaction.tx_hash()) {
            return Err(Refused::AlreadyKnown);
        }
        let (have, max_fee) = (transaction.gas_limit(), transaction.max_fee_per_gas());
        if have > BLOCK_GAS {
            return Err(Refused::BlockGas { have, limit: BLOCK_GAS });
        }
        let tip = transaction.max_priority_fee_per_gas().unwrap_or(max_fee);
        if tip > max_fee {
            return Err(Refused::TipAboveMaxFee { tip, max_fee });
        }
        if have < rules.intrinsic_gas {
            return Err(Refused::Intrinsic { have, want: rules.intrinsic_gas });
        }
        if tip < rules.min_tip {
            return Err(Refused::Tip { tip, min: rules.min_tip, base_fee: self.fees.base });
        }
        let next = state.nonce(from);
        if nonce < next {
            return Err(Refused::NonceTooLow { next, nonce });
        }
        self.check_balance(transaction, from, state.balance(from))?;
        let Some(old) = self.pending.get(&(from, nonce)) else { return self.check_room(from, nonce, next) };
        // Both must rise by a tenth, and by one wei at least.
        let old_tip = old.max_priority_fee_per_gas().unwrap_or(old.max_fee_per_gas());
        let enough = |old: u128, new: u128| new > old && new >= old.saturating_mul(110) / 100;
        if enough(old.max_fee_per_gas(), max_fee) && enough(old_tip, tip) { Ok(()) } else { Err(Refused::Replacement) }
    }

    /// Whether the account can pay.
    fn check_balance(&self, transaction: &TxEnvelope, from: Address, balance: U256) -> Result<(), Refused> {
        let cost = cost(transaction);
        if self.rules.check_funds && balance < cost {
            return Err(Refused::Funds { balance, cost, others: U256::ZERO });
        }
        let others = self.pending.range((from, 0)..=(from, u64::MAX));
        let others = others.filter(|((_, nonce), _)| *nonce != transaction.nonce());
        let others = others.fold(U256::ZERO, |sum, (_, other)| sum.saturating_add(self::cost(other)));
        if self.rules.check_sum && balance < others.saturating_add(cost) {
            return Err(Refused::Funds { balance, cost, others });
        }
        Ok(())
    }

    /// Whether there is room for one more of an account.
    fn check_room(&self, from: Address, nonce: u64, next: u64) -> Result<(), Refused> {
        let waiting = self.pending.range((from, 0)..=(from, u64::MAX)).count();
        match self.rules.in_flight {
            Some(limit) if waiting >= limit => Err(Refused::InFlight),
            Some(_) if (next..nonce).any(|nonce| !self.pending.contains_key(&(from, nonce))) => Err(Refused::Gap),
            _ if self.rules.full => Err(Refused::Full),
            _ => Ok(()),
        }
    }
}
