//! Reorganisations that are deeper than expected: what was final, and is not on the chain any more, is open again. Also
//! if they came while no wallet ran.

use std::collections::HashMap;

use alloy::primitives::{Address, B256, BlockNumber, U256, keccak256};
use futures_util::future::join_all;

use super::{
    account::{Account, KEPT},
    automatic::automatic,
    slots::{Slot, Slots, bad_row},
    status::{Id, Status},
};
use crate::{
    Error,
    chain::{Head, Look},
    store::{
        Ledger, StoreError, decode,
        schema::{Outcome, TransactionRow, automatic_key, history_key, table, transaction_of},
    },
};

/// How many receipts are asked for at once.
const TOGETHER: usize = 16;

/// A slot of one whose outcome is in the history.
pub(super) fn slot_of(id: Id, row: TransactionRow) -> Result<Slot, StoreError> {
    let outcome = row.outcome.filter(|_| !row.variants.is_empty()).ok_or_else(|| bad_row(id))?;
    let durable = row.variants.len();
    let mut slot = Slot::new(row, durable, outcome.into());
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

impl Account {
    /// Whether a block that was final is not on the chain any more: `before`, number and hash, or not known.
    pub(super) async fn is_deep(&self, before: Option<(BlockNumber, B256)>, look: Look) -> Result<bool, Error> {
        if self.state.lock().closed.is_empty() {
            return Ok(false);
        }
        match before {
            Some((number, hash)) if number <= look.head.number => Ok(self.chain.block(number).await?.hash != hash),
            _ => Ok(true),
        }
    }

    /// Opens what was final and whose nonce is free again: it would block all later ones.
    pub(super) fn reopen_unused(&self, account: Address, used: u64) {
        let free = self.closed(account, used, u64::MAX);
        self.reopen(free.iter().map(|(id, _)| *id), Status::Dropped);
    }

    /// Opens what was final and has another outcome on this branch, or none. The account has used the nonces before
    /// `used`, and those before `used_for_good` in the block `settled`, which counts as final. What the node does not
    /// answer stays as it is, and is asked for again.
    pub(super) async fn reopen_moved(
        &self,
        account: Address,
        used: u64,
        used_for_good: u64,
        look: Look,
        settled: Head,
    ) -> Result<(), Error> {
        let Some(last) = used.checked_sub(1) else { return Ok(()) };
        let mut result = Ok(());
        for some in self.closed(account, 0, last).chunks(TOGETHER) {
            let asked = some.iter().map(|(id, row)| self.is_moved(*id, row, used_for_good, look, settled));
            for ((id, _), moved) in some.iter().zip(join_all(asked).await) {
                match moved {
                    Ok(true) => self.reopen([*id], Status::Unknown),
                    Ok(false) => {}
                    Err(error) => result = result.and(Err(error)),
                }
            }
        }
        result
    }

    /// Whether a nonce that is used has not the outcome any more that is stored.
    async fn is_moved(
        &self,
        id: Id,
        row: &TransactionRow,
        used_for_good: u64,
        look: Look,
        settled: Head,
    ) -> Result<bool, Error> {
        if let Some(found) = self.receipt(id, row, look).await? {
            return Ok(found.outcome() != row.outcome);
        }
        if id.1 >= used_for_good {
            return Ok(true); // nothing that counts as final has used it
        }
        // Old receipts may be pruned: only another transaction proves that it is gone.
        let taken = self.chain.taken(id.0, id.1, &settled).await?;
        Ok(taken.is_some_and(|taken| row.variants.iter().all(|raw| keccak256(raw) != taken.by)))
    }

    /// Those of `account` that are final, from nonce `first` to `last`. What replaced one may come again: those are not
    /// among them.
    fn closed(&self, account: Address, first: u64, last: u64) -> Vec<(Id, TransactionRow)> {
        let state = self.state.lock();
        let all = state.closed.range((account, first)..=(account, last));
        let ours = all.filter(|(_, slot)| !matches!(slot.status, Status::Replaced { .. }));
        ours.map(|(&id, slot)| (id, slot.row.clone())).collect()
    }

    fn reopen(&self, ids: impl IntoIterator<Item = Id>, status: Status) {
        let mut state = self.state.lock();
        for id in ids {
            let Some(mut slot) = state.closed.remove(&id) else { continue };
            tracing::warn!(nonce = id.1, "a transaction that was final is not on the chain any more");
            slot.row.outcome = None;
            (slot.is_accepted, slot.checked, slot.searched) = (false, None, None);
            slot.set(status, None);
            self.store_again(&mut state, id, &mut slot);
            state.open.insert(id, slot);
        }
    }
}
