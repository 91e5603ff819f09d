//! Transactions by account and nonce, and which of them concern one contract: whoever asks for those of one chequebook does
//! not look at all others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::{Deref, RangeBounds},
};

use alloy::{
    consensus::{Transaction as _, TxEip1559, TxEnvelope},
    eips::Decodable2718,
    primitives::{Address, B256, BlockNumber, Bytes, U256, keccak256},
};
use tokio::sync::watch;

use super::{
    decide::{Offer, cost},
    status::{Id, Known, Status, publish},
};
use crate::{
    answer::{Refusal, RefusalKind},
    chain::transferred,
    store::{
        StoreError,
        schema::{Outcome, TransactionRow, table, transaction_key},
    },
};

/// A transaction whose outcome is not final, or was not long ago.
pub(super) struct Slot {
    pub(super) row: TransactionRow,
    /// How many of its variants are durable, and may be sent.
    pub(super) durable: usize,
    pub(super) status: Status,
    pub(super) refusal: Option<Refusal>,
    /// Whether a node took it when it was last sent.
    pub(super) is_accepted: bool,
    /// The newest block when its offer was made, or when it became the next of its account, whichever was later.
    pub(super) since: Option<BlockNumber>,
    pub(super) was_next: bool,
    /// The nonce and the refusal of one before it, which it waits for.
    pub(super) blocked: Option<(u64, Refusal)>,
    /// The newest block when it was last checked: without another, it is not checked again.
    pub(super) checked: Option<B256>,
    /// Whether something is being done about it.
    pub(super) is_busy: bool,
    /// The newest block when it was last looked for what used its nonce.
    pub(super) searched: Option<B256>,
    /// The newest block when its nonce was first seen to be used.
    pub(super) used_at: Option<BlockNumber>,
    /// Whether it is part of the stored sum of automatic deposits.
    pub(super) is_counted: bool,
    /// The outcome that was told, also if a deep reorganisation has taken it back.
    pub(super) told: Option<Outcome>,
    pub(super) known: watch::Sender<Known>,
}

impl Slot {
    pub(super) fn new(row: TransactionRow, durable: usize, status: Status) -> Self {
        let known = watch::Sender::new(Known {
            status,
            refusal: None,
            blocked: None,
            is_cancelled: row.cancelled,
            hash: keccak256(row.latest()),
        });
        Self {
            row,
            durable,
            status,
            refusal: None,
            is_accepted: false,
            since: None,
            was_next: false,
            blocked: None,
            checked: None,
            is_busy: false,
            searched: None,
            used_at: None,
            is_counted: false,
            told: None,
            known,
        }
    }

    /// Whether the node had no room for it when it was last sent.
    pub(super) fn is_full(&self) -> bool {
        !self.is_accepted && self.refusal.as_ref().is_some_and(|refusal| refusal.kind == RefusalKind::Later)
    }

    /// Sets status and refusal, and tells who waits.
    pub(super) fn set(&mut self, status: Status, refusal: Option<Refusal>) {
        (self.status, self.refusal) = (status, refusal);
        self.publish();
    }

    pub(super) fn publish(&self) {
        let (refusal, blocked) = (self.refusal.clone(), self.blocked.clone());
        let (is_cancelled, hash) = (self.row.cancelled, keccak256(self.row.latest()));
        publish(&self.known, Known { status: self.status, refusal, blocked, is_cancelled, hash });
    }

    /// The newest variant that is durable.
    pub(super) fn sendable(&self) -> Option<&Bytes> {
        self.row.variants.get(self.durable.checked_sub(1)?)
    }

    /// The most that any of its variants may cost, in wei.
    pub(super) fn cost(&self, id: Id) -> Result<U256, StoreError> {
        let costs = self.row.variants.iter().map(|raw| {
            let transaction = unsigned(id, raw)?;
            Ok::<_, StoreError>(cost(transaction.gas_limit, transaction.max_fee_per_gas, transaction.value))
        });
        let most = costs.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or_default();
        Ok(most.saturating_add(self.row.l1_fee))
    }

    /// The most of a token that any of its variants moves, in its smallest unit.
    pub(super) fn moves(&self, id: Id, token: Address) -> Result<U256, StoreError> {
        let mut most = U256::ZERO;
        for raw in &self.row.variants {
            let transaction = unsigned(id, raw)?;
            if transaction.to() == Some(token) {
                most = most.max(transferred(&transaction.input).unwrap_or_default());
            }
        }
        Ok(most)
    }

    /// What its newest variant offers.
    pub(super) fn offer(&self, id: Id) -> Result<Offer, StoreError> {
        let transaction = unsigned(id, self.row.latest())?;
        Ok(Offer { max_fee: transaction.max_fee_per_gas, tip: transaction.max_priority_fee_per_gas })
    }
}

/// Transactions. What each is for never changes.
#[derive(Default)]
pub(super) struct Slots {
    all: BTreeMap<Id, Slot>,
    by_contract: HashMap<Address, BTreeSet<Id>>,
}

impl Slots {
    /// Those that are found by a contract.
    pub(super) fn of(&self, contract: Address) -> impl DoubleEndedIterator<Item = (Id, &Slot)> {
        let ids = self.by_contract.get(&contract).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.all.get(id)?)))
    }

    pub(super) fn insert(&mut self, id: Id, slot: Slot) {
        self.remove(&id);
        if let Some(contract) = slot.row.purpose.contract() {
            self.by_contract.entry(contract).or_default().insert(id);
        }
        self.all.insert(id, slot);
    }

    pub(super) fn remove(&mut self, id: &Id) -> Option<Slot> {
        let slot = self.all.remove(id)?;
        if let Some(contract) = slot.row.purpose.contract()
            && let Some(ids) = self.by_contract.get_mut(&contract)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_contract.remove(&contract);
            }
        }
        Some(slot)
    }

    /// Removes the one with the lowest nonce.
    pub(super) fn remove_first(&mut self) {
        if let Some(id) = self.all.keys().next().copied() {
            self.remove(&id);
        }
    }

    pub(super) fn get_mut(&mut self, id: &Id) -> Option<&mut Slot> {
        self.all.get_mut(id)
    }

    pub(super) fn range_mut(&mut self, range: impl RangeBounds<Id>) -> impl Iterator<Item = (&Id, &mut Slot)> {
        self.all.range_mut(range)
    }
}

impl Deref for Slots {
    type Target = BTreeMap<Id, Slot>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

/// The transaction without its signature.
pub(super) fn unsigned(id: Id, raw: &Bytes) -> Result<TxEip1559, StoreError> {
    let transaction = TxEnvelope::decode_2718_exact(raw).map_err(|_| bad_row(id))?;
    transaction.as_eip1559().map(|signed| signed.tx().clone()).ok_or_else(|| bad_row(id))
}

/// Whether it does nothing: a transfer of nothing to its own sender.
pub(super) fn does_nothing(account: Address, transaction: &TxEip1559) -> bool {
    transaction.to() == Some(account) && transaction.value.is_zero() && transaction.input.is_empty()
}

pub(super) fn bad_row((account, nonce): Id) -> StoreError {
    StoreError::bad_row(table::TRANSACTIONS, &transaction_key(account, nonce).bytes)
}
