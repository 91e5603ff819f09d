//! What was done for requests, and what they have spent, as JSON.

use std::collections::BTreeSet;

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

use super::rows::{all, bad};
use crate::{
    Error,
    store::{
        Batch, Ledger,
        schema::{CounterRow, RequestRow, counter_key, request_key, table, word_of},
    },
};

/// A request with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Requested {
    pub(super) key: B256,
    pub(super) request: RequestRow,
}

/// A counter of what requests spend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Counter {
    pub(super) counter: B256,
    pub(super) spent: CounterRow,
}

/// All requests and counters. What was issued must be read before: a key that is missing would issue again.
pub(super) async fn read(ledger: &Ledger) -> Result<(Vec<Requested>, Vec<Counter>), Error> {
    let mut requests = Vec::new();
    for (key, request) in all::<RequestRow>(ledger, table::REQUESTS, &[]).await? {
        requests.push(Requested { key: word_of(table::REQUESTS, &key)?, request });
    }
    let mut counters = Vec::new();
    for (key, spent) in all::<CounterRow>(ledger, table::COUNTERS, &[]).await? {
        counters.push(Counter { counter: word_of(table::COUNTERS, &key)?, spent });
    }
    Ok((requests, counters))
}

/// Adds the rows to an import.
pub(super) fn import(requests: &[Requested], counters: &[Counter], batch: &mut Batch) -> Result<(), Error> {
    let (mut keys, mut names) = (BTreeSet::new(), BTreeSet::new());
    for Requested { key, request } in requests {
        if !keys.insert(key) {
            return Err(bad(format!("request {key}: it is there twice")));
        }
        batch.put(request_key(*key), request)?;
    }
    for Counter { counter, spent } in counters {
        if !names.insert(counter) {
            return Err(bad(format!("counter {counter}: it is there twice")));
        }
        batch.put(counter_key(*counter), spent)?;
    }
    Ok(())
}
