//! The newest final transactions, which are kept in memory: a reorganisation that is deeper than expected may drop them.

use std::collections::HashMap;

use alloy::primitives::{Address, U256};

use super::{
    slots::{Slot, Slots, bad_row},
    status::Id,
};
use crate::store::{
    Ledger, StoreError, decode,
    schema::{Outcome, Purpose, TransactionRow, automatic_key, history_key, table, transaction_of},
};

/// How many there are.
pub(super) const KEPT: usize = 64;

/// The chequebook and the amount, in wei, of an automatic deposit.
pub(super) const fn automatic(purpose: Purpose) -> Option<(Address, U256)> {
    match purpose {
        Purpose::AutoDeposit { contract, amount } => Some((contract, amount)),
        _ => None,
    }
}

/// A slot of one whose outcome is in the history.
pub(super) fn slot_of(id: Id, row: TransactionRow) -> Result<Slot, StoreError> {
    let outcome = row.outcome.filter(|_| !row.variants.is_empty()).ok_or_else(|| bad_row(id))?;
    let durable = row.variants.len();
    let mut slot = Slot::new(row, durable, outcome.into());
    slot.told = Some(outcome);
    slot.is_counted = matches!(outcome, Outcome::Confirmed { .. });
    Ok(slot)
}

/// The newest final transactions of an account whose next nonce is `next`, as many as are kept in memory, with what is
/// stored of their automatic deposits: a reorganisation may have dropped them since the last run. `open` others are not
/// final.
pub(super) async fn newest_final(
    ledger: &Ledger,
    account: Address,
    next: u64,
    open: usize,
) -> Result<(Slots, HashMap<Address, U256>), StoreError> {
    let (mut closed, mut totals) = (Slots::default(), HashMap::new());
    let mut end = next;
    // Windows of nonces, so that a long history costs nothing: those that are open, or were another program's, are not in it.
    for _ in 0..(open / KEPT).saturating_add(2) {
        let first = end.saturating_sub(u64::try_from(KEPT).unwrap_or(u64::MAX));
        let after = first.checked_sub(1).map(|before| history_key(account, before).bytes);
        let page = ledger.durable_page(table::HISTORY, account.as_slice(), after.as_deref(), KEPT).await?;
        for (key, value) in page.into_iter().rev() {
            let id = transaction_of(table::HISTORY, &key)?;
            if id.1 >= end || closed.len() >= KEPT {
                continue;
            }
            let row: TransactionRow = decode(table::HISTORY, &key, &value)?;
            if let Some((contract, _)) = automatic(row.purpose)
                && !totals.contains_key(&contract)
            {
                totals.insert(contract, ledger.get::<U256>(&automatic_key(contract)).await?.unwrap_or_default());
            }
            closed.insert(id, slot_of(id, row)?);
        }
        end = first;
        if closed.len() >= KEPT || end == 0 {
            break;
        }
    }
    Ok((closed, totals))
}
