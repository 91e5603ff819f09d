//! Reorganisations that are deeper than expected: what was final, and is not on the chain any more, is open again. Also
//! if they came while no wallet ran.

use alloy::primitives::{Address, B256, BlockNumber, keccak256};
use futures_util::future::join_all;

use super::{
    account::Account,
    status::{Id, Status},
};
use crate::{
    Error,
    chain::{Head, Look},
    store::schema::TransactionRow,
};

/// How many receipts are asked for at once.
const TOGETHER: usize = 16;

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
        if let Some((found, _)) = self.receipt(id, row, look).await? {
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
