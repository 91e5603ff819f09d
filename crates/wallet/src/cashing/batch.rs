//! Batches of cheques for the clearing house. Nothing here uses the chain.

use chequebook::{Cheque, Scheme, SignedCheque, bindings::IClearingHouse};

/// The gas that the clearing house itself uses for each cheque, as in its code.
const OWN_GAS: u64 = 8_000;

use super::register::Reserved;

/// A cheque to cash, and the most gas that it may need in a batch.
pub(super) struct Item<'a> {
    pub(super) index: usize,
    pub(super) cheque: &'a SignedCheque,
    pub(super) reserved: Reserved,
    pub(super) gas: u64,
}

/// Splits cheques into transactions of at most `limit` gas, in which each cheque may use as much gas as the most expensive
/// one. Cheques of one chequebook are adjacent, because only the first of them pays for its first access.
pub(super) fn batches(mut items: Vec<Item<'_>>, limit: u64) -> Vec<Vec<Item<'_>>> {
    items.sort_by_key(|item| item.cheque.cheque().contract);
    let mut batches: Vec<Vec<Item<'_>>> = Vec::new();
    let mut each = 0;
    for item in items {
        let needs = item.gas.saturating_add(OWN_GAS);
        let fits = batches.last().is_some_and(|batch| {
            let count = u64::try_from(batch.len()).unwrap_or(u64::MAX).saturating_add(1);
            needs.max(each).saturating_mul(count) <= limit
        });
        match batches.last_mut() {
            Some(batch) if fits => {
                each = needs.max(each);
                batch.push(item);
            }
            _ => {
                each = needs;
                batches.push(vec![item]);
            }
        }
    }
    batches
}

/// The cheque, as the clearing house takes it.
pub(super) fn compact(cheque: &SignedCheque) -> IClearingHouse::Cheque {
    let Cheque { contract, beneficiary, amount, scheme, .. } = *cheque.cheque();
    let (r, vs) = cheque.compact_signature();
    IClearingHouse::Cheque { chequebook: contract, beneficiary, amount, typed: scheme == Scheme::Typed, r, vs }
}
