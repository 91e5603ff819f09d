//! Which cheques of one chequebook to cash. Nothing here asks anybody.

use alloy::primitives::{Address, U256};

/// A beneficiary that is owed something, and is not being paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) beneficiary: Address,
    /// In wei; more than zero.
    pub(super) owed: U256,
    /// Whether it may overdraw a chequebook whose end is announced.
    pub(super) may_overdraw: bool,
}

/// Which cheques to cash now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Those that the balance covers, all together.
    pub(super) covered: Vec<Address>,
    /// The one that takes what is left, and ends the chequebook. Only when nothing else is left to do.
    pub(super) last: Option<Address>,
}

/// Plans the cashes of one chequebook: the smallest first, so that as many as possible are paid in full. `reserved` is
/// what those that are under way will pay, in wei.
pub(super) fn plan(mut candidates: Vec<Candidate>, balance: U256, reserved: U256, is_ending: bool) -> Plan {
    candidates.sort_by_key(|candidate| (candidate.owed, candidate.beneficiary));
    let mut left = balance.saturating_sub(reserved);
    let mut plan = Plan::default();
    let mut uncovered = None;
    for candidate in candidates {
        match left.checked_sub(candidate.owed) {
            Some(rest) => {
                left = rest;
                plan.covered.push(candidate.beneficiary);
            }
            None if candidate.may_overdraw => uncovered = Some(candidate.beneficiary),
            None => {}
        }
    }
    // An overdraft takes the whole balance: whatever is covered, or under way, comes before it.
    if is_ending && plan.covered.is_empty() && reserved.is_zero() && !balance.is_zero() {
        plan.last = uncovered;
    }
    plan
}

#[cfg(test)]
mod tests;
