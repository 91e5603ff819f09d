//! Transactions whose outcome is final: how they get into the store, how they are read, and when they are forgotten.

use std::{collections::BTreeMap, mem::discriminant};

use alloy::{primitives::keccak256, rpc::types::Log};
use tokio::sync::watch;

use super::{
    account::{Account, State},
    handle::Transaction,
    kept::KEPT,
    news::events,
    slots::{Slot, bad_row},
    status::{Id, Known, Status},
};
use crate::{
    Error,
    config::History,
    store::{
        Batch, Key, StoreError, decode,
        schema::{Outcome, TransactionRow, history_key, table, transaction_key, transaction_of, view_key},
    },
};

/// The most that is read at once.
const PAGE: usize = 1024;
/// How many old transactions are forgotten at most when one becomes final: more than one, so that a long history gets
/// shorter.
const FORGOTTEN: usize = 4;

impl Account {
    /* READ */

    /// All transactions that the store knows, by account and then by nonce.
    pub(crate) async fn all_transactions(&self) -> Result<Vec<Transaction>, Error> {
        let mut all = BTreeMap::new();
        for (key, row) in self.ledger.scan::<TransactionRow>(table::HISTORY, &[]).await? {
            let id = transaction_of(table::HISTORY, &key)?;
            all.insert(id, self.final_handle(id, &row)?);
        }
        let state = self.state.lock();
        let here = state.closed.iter().chain(state.open.iter());
        all.extend(here.map(|(&id, slot)| (id, self.handle(id, slot))));
        drop(state);
        Ok(all.into_values().collect())
    }

    /// A page of the account's final transactions, by nonce.
    pub(crate) async fn history(&self, after: Option<u64>, limit: usize) -> Result<Vec<Transaction>, Error> {
        let account = self.address();
        let after = after.map(|nonce| history_key(account, nonce).bytes);
        let rows =
            self.ledger.durable_page(table::HISTORY, account.as_slice(), after.as_deref(), limit.min(PAGE)).await?;
        let mut page = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let id = transaction_of(table::HISTORY, &key)?;
            let row = decode(table::HISTORY, &key, &value)?;
            // One that a deep reorganisation has dropped meanwhile tells so.
            page.push(self.here(id).map_or_else(|| self.final_handle(id, &row), Ok)?);
        }
        Ok(page)
    }

    /// One that is in memory.
    fn here(&self, id: Id) -> Option<Transaction> {
        let state = self.state.lock();
        let slot = state.open.get(&id).or_else(|| state.closed.get(&id));
        slot.map(|slot| self.handle(id, slot))
    }

    /// One that the store had.
    pub(crate) async fn known(&self, id: Id) -> Result<Transaction, Error> {
        if let Some(found) = self.here(id) {
            return Ok(found);
        }
        if let Some(row) = self.ledger.get::<TransactionRow>(&history_key(id.0, id.1)).await? {
            return Ok(self.final_handle(id, &row)?);
        }
        // It may have moved between the two.
        self.here(id).ok_or(Error::Forgotten { nonce: id.1 })
    }

    fn final_handle(&self, id: Id, row: &TransactionRow) -> Result<Transaction, StoreError> {
        let outcome = row.outcome.filter(|_| !row.variants.is_empty()).ok_or_else(|| bad_row(id))?;
        let (hash, is_cancelled) = (keccak256(row.latest()), row.cancelled);
        let known = Known { status: outcome.into(), refusal: None, blocked: None, is_cancelled, hash };
        let (_, known) = watch::channel(known);
        Ok(self.handle_of(id, row.purpose, known))
    }

    /* WRITE */

    /// Stores a final outcome, and tells who waits.
    pub(super) async fn conclude(
        &self,
        id: Id,
        mut row: TransactionRow,
        status: Status,
        logs: &[Log],
    ) -> Result<(), Error> {
        let Some(outcome) = status.outcome() else { return self.with(id, |slot| slot.set(status, None)) };
        row.outcome = Some(outcome);
        let old = self.too_old(id).await;
        self.load_automatic(row.purpose).await?;
        let mut batch = Batch::new();
        batch.put(history_key(id.0, id.1), &row)?.remove(transaction_key(id.0, id.1));
        for key in old {
            batch.remove(key);
        }
        // What made it final stays final for the next run.
        if let Some(view) = self.watcher.row() {
            batch.put(view_key(), &view)?;
        }
        let durable = {
            // Under the lock, so that totals reach the store in order.
            let mut state = self.state.lock();
            state.count_open(id, matches!(outcome, Outcome::Confirmed { .. }), &mut batch)?;
            self.ledger.submit(batch)
        };
        durable.await?;
        let mut state = self.state.lock();
        let told = state.open.get_mut(&id).map(|slot| {
            slot.row = row.clone();
            slot.set(status, None);
            slot.told.replace(outcome)
        });
        state.close(id);
        drop(state);
        // One that comes again after a deep reorganisation, and ends as before, is no news.
        let is_news = |told: Option<Outcome>| told.is_none_or(|told| discriminant(&told) != discriminant(&outcome));
        if told.is_some_and(is_news) && self.feed.is_heard() {
            for event in events(id, &row, outcome, logs)? {
                self.feed.tell(|| event);
            }
        }
        Ok(())
    }

    /// Moves one that was final back to those that are not.
    pub(super) fn store_again(&self, state: &mut State, id: Id, slot: &mut Slot) {
        let mut batch = Batch::new();
        let stored = State::count(&mut state.automatic, slot, false, &mut batch)
            .and_then(|()| batch.put(transaction_key(id.0, id.1), &slot.row).map(|_| ()));
        if let Err(error) = stored {
            return tracing::error!(%error, "could not store a transaction again");
        }
        batch.remove(history_key(id.0, id.1));
        drop(self.ledger.submit(batch)); // nobody waits: it is in the history until then
    }

    /* FORGET */

    /// Some that are older than what is kept when this one is final. A store that does not answer keeps them for now.
    async fn too_old(&self, id: Id) -> Vec<Key> {
        let Some(first) = first_kept(self.config.history, id.1) else { return Vec::new() };
        let page = self.ledger.durable_page(table::HISTORY, id.0.as_slice(), None, FORGOTTEN).await;
        let rows = page.unwrap_or_else(|error| {
            tracing::warn!(%error, "could not look for old transactions");
            Vec::new()
        });
        let ids = rows.into_iter().filter_map(|(key, _)| transaction_of(table::HISTORY, &key).ok());
        ids.filter(|(_, nonce)| *nonce < first).map(|(account, nonce)| history_key(account, nonce)).collect()
    }
}

/// The lowest nonce that is kept when the one with nonce `newest` is final. `None` if all are.
fn first_kept(history: History, newest: u64) -> Option<u64> {
    match history {
        History::All => None,
        // Those that are kept in memory can be needed again.
        History::Newest(count) => {
            Some(newest.saturating_add(1).saturating_sub(count.max(u64::try_from(KEPT).unwrap_or(u64::MAX))))
        }
    }
}
