//! What a chequebook owes to a cashier.

use alloy::primitives::{Address, U256};
use chequebook::{Asset, State};

use crate::chain::WatchedChequebook;

/// What one chequebook owes to all beneficiaries of a cashier, and what there is to pay it with. All of it was seen at one
/// block, and asks nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Debt {
    /// The chequebook.
    pub contract: Address,
    /// What it pays with.
    pub asset: Asset,
    /// To how many beneficiaries.
    pub beneficiaries: usize,
    /// What could be cashed, if it were covered.
    pub uncashed: U256,
    /// Its balance in that block.
    pub balance: U256,
    /// Its state in that block.
    pub state: State,
    /// The time of that block, in Unix seconds.
    pub seen_at: u64,
}

impl Debt {
    /// What there is to pay with, and nothing that is owed yet.
    pub(super) fn of(watched: &WatchedChequebook) -> Self {
        let (contract, asset) = (watched.contract, watched.asset());
        watched.read(|seen| Self {
            contract,
            asset,
            beneficiaries: 0,
            uncashed: U256::ZERO,
            balance: seen.balance,
            state: seen.state,
            seen_at: seen.head.timestamp,
        })
    }

    /// Whether the balance pays all of it.
    pub fn is_covered(&self) -> bool {
        self.uncashed <= self.balance
    }
}
