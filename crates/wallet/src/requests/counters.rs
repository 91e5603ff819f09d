//! What the requests of a day have spent: one owner for each counter.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::{B256, U256};
use parking_lot::Mutex;

use super::sweep::Sweep;
use crate::{
    Error,
    registry::Registry,
    store::{
        Batch, Durable, Ledger, StoreError, decode,
        schema::{CounterRow, counter_key, table, word_of},
    },
};

/// A day, in seconds.
const DAY: u64 = 86_400;

/// The most that a counter may reach in one day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Names the counter: for example the hash of who calls and whom it pays.
    pub counter: B256,
    /// In the smallest unit of the asset.
    pub max: U256,
}

type All = Registry<B256, Counter>;

struct Counter {
    /// Where it is listed.
    all: Arc<All>,
    key: B256,
    state: Mutex<State>,
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.all.forget(&self.key);
    }
}

#[derive(Debug)]
struct State {
    /// The row as it was last submitted.
    row: Option<CounterRow>,
    /// What requests are about to spend.
    reserved: U256,
}

impl State {
    /// What was spent at a day. A clock that goes back opens no day anew.
    fn at(&self, day: u64) -> CounterRow {
        self.row.filter(|row| row.day >= day).unwrap_or(CounterRow { day, spent: U256::ZERO })
    }
}

/// An amount that no other request can spend. Dropping it gives it back.
pub(super) struct Counted {
    counter: Arc<Counter>,
    amount: U256,
    day: u64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.counter.state.lock();
        state.reserved = state.reserved.saturating_sub(self.amount);
    }
}

/// The counters of a wallet, each in memory while somebody uses it.
pub(super) struct Counters {
    all: Arc<All>,
    /// One is read at a time, so that no two are of the same key. It guards no state.
    reading: tokio::sync::Mutex<()>,
    old: Sweep,
}

impl Default for Counters {
    fn default() -> Self {
        Self { all: Arc::default(), reading: tokio::sync::Mutex::default(), old: Sweep::of(table::COUNTERS) }
    }
}

impl Counters {
    /// Forgets some counters of days before that of `before`, in Unix seconds.
    pub(super) async fn sweep(&self, ledger: &Ledger, before: u64) -> Result<(), StoreError> {
        let (page, day) = (self.old.next(ledger).await?, before / DAY);
        if page.is_empty() {
            return Ok(());
        }
        let _reading = self.reading.lock().await; // nobody begins to use one meanwhile
        let (mut batch, mut is_empty) = (Batch::new(), true);
        for (key, value) in page {
            let row: CounterRow = decode(table::COUNTERS, &key, &value)?;
            let counter = word_of(table::COUNTERS, &key)?;
            if row.day >= day || self.all.find(&counter).is_some() {
                continue;
            }
            // It may have been written since, which may not be stored yet.
            let key = counter_key(counter);
            if ledger.get::<CounterRow>(&key).await?.is_some_and(|row| row.day < day) {
                batch.remove(key);
                is_empty = false;
            }
        }
        if !is_empty {
            drop(ledger.submit(batch)); // nobody waits: they are looked for again
        }
        Ok(())
    }

    /// Reserves an amount with all limits, or with none.
    pub(super) async fn reserve(
        &self,
        ledger: &Ledger,
        limits: &[Limit],
        amount: U256,
        at: u64,
    ) -> Result<Vec<Counted>, Error> {
        // In the order of their keys, and each once: all of them are locked together later.
        let mut least: BTreeMap<B256, U256> = BTreeMap::new();
        for Limit { counter, max } in limits {
            least.entry(*counter).and_modify(|least| *least = (*least).min(*max)).or_insert(*max);
        }
        let mut counted = Vec::with_capacity(least.len());
        for (key, max) in least {
            let counter = self.counter(ledger, key).await?;
            let day = at / DAY;
            {
                let mut state = counter.state.lock();
                let spent = state.at(day).spent.saturating_add(state.reserved);
                let left = max.saturating_sub(spent);
                if amount > left {
                    return Err(Error::LimitReached { amount, left, max });
                }
                state.reserved = state.reserved.saturating_add(amount);
            }
            counted.push(Counted { counter, amount, day });
        }
        Ok(counted)
    }

    async fn counter(&self, ledger: &Ledger, key: B256) -> Result<Arc<Counter>, Error> {
        let read = async {
            let row = ledger.get::<CounterRow>(&counter_key(key)).await?;
            Ok(Counter { all: Arc::clone(&self.all), key, state: Mutex::new(State { row, reserved: U256::ZERO }) })
        };
        self.all.find_or_read(key, &self.reading, read).await
    }
}

/// Adds what is spent to a batch, which `submit` submits.
pub(super) fn count(
    mut counted: Vec<Counted>,
    mut batch: Batch,
    submit: impl FnOnce(Batch) -> Durable,
) -> Result<Durable, Error> {
    let amounts: Vec<_> = counted.iter().map(|one| (one.amount, one.day)).collect();
    let counters: Vec<_> = counted.iter().map(|one| Arc::clone(&one.counter)).collect();
    let mut states: Vec<_> = counters.iter().map(|counter| counter.state.lock()).collect();
    let mut rows = Vec::with_capacity(states.len());
    for ((state, counter), (amount, day)) in states.iter().zip(&counters).zip(&amounts) {
        let before = state.at(*day);
        let spent = before.spent.checked_add(*amount).ok_or(Error::Overflow)?;
        let row = CounterRow { spent, ..before };
        batch.replace(counter_key(counter.key), state.row.as_ref(), &row)?;
        rows.push(row);
    }
    for ((state, one), row) in states.iter_mut().zip(&mut counted).zip(rows) {
        state.row = Some(row);
        state.reserved = state.reserved.saturating_sub(std::mem::take(&mut one.amount));
    }
    let durable = submit(batch); // under the locks, so that rows reach the store in order
    drop(states);
    Ok(durable)
}
