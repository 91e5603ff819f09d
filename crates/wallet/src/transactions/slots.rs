//! Transactions by account and nonce, and which of them fund or end a chequebook: whoever asks for those of one
//! chequebook does not look at all others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::{Deref, RangeBounds},
};

use alloy::primitives::Address;

use super::{account::Slot, status::Id};

/// Transactions. What each is for never changes.
#[derive(Default)]
pub(super) struct Slots {
    all: BTreeMap<Id, Slot>,
    by_chequebook: HashMap<Address, BTreeSet<Id>>,
}

impl Slots {
    /// Those that fund or end a chequebook.
    pub(super) fn of(&self, contract: Address) -> impl DoubleEndedIterator<Item = (Id, &Slot)> {
        let ids = self.by_chequebook.get(&contract).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.all.get(id)?)))
    }

    pub(super) fn insert(&mut self, id: Id, slot: Slot) {
        self.remove(&id);
        if let Some(contract) = slot.row.purpose.chequebook() {
            self.by_chequebook.entry(contract).or_default().insert(id);
        }
        self.all.insert(id, slot);
    }

    pub(super) fn remove(&mut self, id: &Id) -> Option<Slot> {
        let slot = self.all.remove(id)?;
        if let Some(contract) = slot.row.purpose.chequebook()
            && let Some(ids) = self.by_chequebook.get_mut(&contract)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_chequebook.remove(&contract);
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
