//! Decisions about transactions. Nothing here asks the node, the store or a signer.

use alloy::primitives::{BlockNumber, U256};

use crate::{Error, answer::RefusalKind, chain::Fees, config::Config};

/// What a variant of a transaction offers, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// At most this in all.
    pub(super) max_fee: u128,
    /// At most this to the validator.
    pub(super) tip: u128,
}

/// The largest cost of a transaction, in wei.
pub(super) fn cost(gas: u64, max_fee: u128, value: U256) -> U256 {
    // A sum above 256 bits can never be paid, so it may saturate.
    U256::from(max_fee).saturating_mul(U256::from(gas)).saturating_add(value)
}

/// The most that a transaction with this gas may offer.
pub(super) fn ceiling(gas: u64, config: &Config) -> u128 {
    let by_fee = config.max_transaction_fee.checked_div(U256::from(gas)).unwrap_or(U256::MAX);
    by_fee.saturating_to::<u128>().min(config.max_fee_per_gas)
}

/// The first offer: it stays good while the base fee doubles.
///
/// # Errors
///
/// [`Error::FeeTooHigh`] if not even the base fee of the newest block may be offered.
pub(super) fn first_offer(fees: Fees, gas: u64, config: &Config) -> Result<Offer, Error> {
    let max = ceiling(gas, config);
    if fees.base > max {
        return Err(Error::FeeTooHigh { found: fees.base, max });
    }
    let max_fee = fees.base.saturating_mul(2).saturating_add(fees.tip).min(max);
    Ok(Offer { max_fee, tip: fees.tip.min(max_fee) })
}

/// A higher offer: at least an eighth more of both than before, since nodes replace a transaction for no less, and at
/// least `least`. `None` if that is not allowed any more.
pub(super) fn raise(before: Offer, least: Offer, gas: u64, config: &Config) -> Option<Offer> {
    let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
    let max = ceiling(gas, config);
    let needed = more(before.max_fee);
    if needed > max {
        return None;
    }
    let max_fee = needed.max(least.max_fee).min(max);
    let tip = more(before.tip).max(least.tip).min(max_fee);
    Some(Offer { max_fee, tip })
}

/// A lower offer for a transaction that no node has, because its gas could cost too much: half, if that is still above
/// the base fee. `None` if it is not.
pub(super) fn lower(before: Offer, fees: Fees) -> Option<Offer> {
    let least = fees.base.saturating_add(fees.base / 8).saturating_add(fees.tip.min(before.tip));
    let max_fee = (before.max_fee / 2).max(least);
    (max_fee < before.max_fee).then_some(Offer { max_fee, tip: before.tip.min(max_fee) })
}

/// What to do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The node has the transaction.
    Accepted,
    /// Wait: the outcome will show, or the node will take it later.
    Wait,
    Raise,
    Lower,
    MoreGas,
    /// Tell who waits.
    Report,
}

pub(super) const fn answer(refusal: RefusalKind) -> Answer {
    match refusal {
        RefusalKind::Known => Answer::Accepted,
        RefusalKind::NonceUsed | RefusalKind::Later => Answer::Wait,
        RefusalKind::Underpriced | RefusalKind::BelowMinimum => Answer::Raise,
        RefusalKind::FeeCap => Answer::Lower,
        RefusalKind::GasTooLow => Answer::MoreGas,
        RefusalKind::Funds | RefusalKind::GasTooHigh | RefusalKind::Other => Answer::Report,
    }
}

/// How a transaction stands whose nonce is not used yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// What it offers.
    pub(super) offer: Offer,
    /// Whether it is the next of its account that can be included.
    pub(super) is_next: bool,
    /// Whether a node took it when it was last sent.
    pub(super) is_accepted: bool,
    /// Whether the node has no room for it now.
    pub(super) is_full: bool,
    /// Whether the node refuses it because the account cannot pay.
    pub(super) is_unpayable: bool,
    /// Whether it does nothing.
    pub(super) is_cancelled: bool,
    /// Whether others wait behind it.
    pub(super) blocks_others: bool,
    /// The newest block when its offer was made, or when it became the next, whichever was later.
    pub(super) since: BlockNumber,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing but to check that a node has it.
    Check,
    Send,
    /// Offer more.
    Raise,
    /// Replace it with nothing, so that those behind it go on.
    Cancel,
}

pub(super) fn step(standing: Standing, base_fee: u128, head: BlockNumber, reprice_after: u64) -> Step {
    let waited = head.saturating_sub(standing.since);
    let is_late = standing.is_next && waited >= reprice_after.max(1);
    if standing.is_unpayable && !standing.is_cancelled && standing.blocks_others && is_late {
        return Step::Cancel;
    }
    let is_cheap = standing.is_next && base_fee > standing.offer.max_fee;
    // A pool that is full makes room for what offers more.
    if (is_cheap || is_late) && (standing.is_accepted || standing.is_full) {
        return Step::Raise;
    }
    if standing.is_accepted { Step::Check } else { Step::Send }
}

#[cfg(test)]
mod tests;
