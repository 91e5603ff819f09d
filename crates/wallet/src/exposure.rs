//! The amounts that were promised to payees of this wallet and are not cashed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
};

use alloy::primitives::{Address, U256};
use parking_lot::Mutex;

use crate::chain::Snapshot;

/// The cumulative amount promised to each of our inboxes of one chequebook, in wei.
#[derive(Default)]
pub(crate) struct Exposure(Mutex<BTreeMap<Address, U256>>);

impl Exposure {
    /// Records the cumulative amount promised to `beneficiary`, in wei.
    pub(crate) fn promised(&self, beneficiary: Address, amount: U256) {
        self.0.lock().insert(beneficiary, amount);
    }

    /// The uncashed total of all our inboxes, in wei, if `amount` is promised to `beneficiary`.
    pub(crate) fn uncashed(&self, snapshot: &Snapshot, beneficiary: Address, amount: U256) -> U256 {
        let promised = self.0.lock();
        let others = promised.iter().filter(|(other, _)| **other != beneficiary);
        let all = others.map(|(&other, &amount)| (other, amount)).chain([(beneficiary, amount)]);
        // A sum above 256 bits is never covered, so it may saturate.
        all.fold(U256::ZERO, |sum, (other, amount)| sum.saturating_add(amount.saturating_sub(snapshot.sent(other))))
    }
}

/// The exposures of a wallet, by chequebook and confirmations, while an inbox needs them.
#[derive(Default)]
pub(crate) struct Exposures(Mutex<HashMap<(Address, u64), Weak<Exposure>>>);

impl Exposures {
    pub(crate) fn of(&self, contract: Address, confirmations: u64) -> Arc<Exposure> {
        let mut all = self.0.lock();
        if let Some(found) = all.get(&(contract, confirmations)).and_then(Weak::upgrade) {
            return found;
        }
        all.retain(|_, exposure| exposure.strong_count() > 0);
        let new = Arc::new(Exposure::default());
        all.insert((contract, confirmations), Arc::downgrade(&new));
        new
    }
}
