//! What every [`Store`] must do, as a test of yours (feature `conformance`).
//!
//! ```
//! use chequebook_wallet::store::{MemoryDisk, conformance};
//!
//! # #[tokio::main]
//! # async fn main() {
//! let disk = MemoryDisk::new();
//! conformance::run(async || disk.open().expect("nobody else has opened it")).await;
//! # }
//! ```
//!
//! It does not test that a store which is open cannot be opened again, and that what is committed survives a loss of
//! power: only you know how to try.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "it is a test, which fails by a panic"
)]

mod changes;
mod model;
mod pages;
mod races;

use super::{
    backend::{Change, Condition, Conflict, Entry, Key, Store, Table, Write},
    schema::TABLES,
};

/// Some table, and another one.
const ONE: Table = TABLES[0];
const OTHER: Table = TABLES[1];

/// Tests a store. `open` opens it: the same one each time, empty at first, with all [`TABLES`]. What it opened before is
/// dropped when it is called again. It must run in a runtime of tokio.
///
/// # Panics
///
/// If the store does not what [`Store`] demands.
pub async fn run<S: Store>(open: impl AsyncFn() -> S) {
    let store = open().await;
    for table in TABLES {
        assert_eq!(rows(&store, *table).await, [], "table {} is not empty", table.name());
    }
    changes::check(&store).await;
    changes::check_conditions(&store).await;
    changes::check_tables(&store).await;
    changes::check_sizes(&store).await;
    pages::check(&store).await;
    pages::check_many(&store).await;
    let store = races::check(store).await;
    clear(&store).await;
    drop(store);
    for seed in 1..=4 {
        run_random(&open, seed).await;
    }
}

/// Tests a store by random changes, which follow from `seed`. [`run`] calls it with some. It empties the store.
///
/// # Panics
///
/// If the store does not what [`Store`] demands.
pub async fn run_random<S: Store>(open: impl AsyncFn() -> S, seed: u64) {
    model::check(&open, seed).await;
}

fn key(table: Table, bytes: impl AsRef<[u8]>) -> Key {
    Key { table, bytes: bytes.as_ref().to_vec() }
}

fn put(at: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Write {
    Write { key: key(ONE, at), value: Some(value.as_ref().to_vec()) }
}

fn remove(at: impl AsRef<[u8]>) -> Write {
    Write { key: key(ONE, at), value: None }
}

/// A condition on a row of the table. `None`: there must be none.
fn has(at: impl AsRef<[u8]>, value: Option<&str>) -> Condition {
    Condition { key: key(ONE, at), value: value.map(|value| value.as_bytes().to_vec()) }
}

fn change(conditions: impl Into<Vec<Condition>>, writes: impl Into<Vec<Write>>) -> Change {
    Change { conditions: conditions.into(), writes: writes.into() }
}

async fn commit(store: &impl Store, changes: impl Into<Vec<Change>>) -> Vec<Result<(), Conflict>> {
    let changes = changes.into();
    let expected = changes.len();
    let answers = store.commit(changes).await.expect("the store commits");
    assert_eq!(answers.len(), expected, "each change has one answer");
    answers
}

/// Commits one change without conditions.
async fn write(store: &impl Store, writes: impl Into<Vec<Write>>) {
    assert_eq!(commit(store, [change([], writes)]).await, [Ok(())], "there is no condition");
}

async fn get(store: &impl Store, key: &Key) -> Option<Vec<u8>> {
    store.get(key).await.expect("the store can be read")
}

async fn page(store: &impl Store, table: Table, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<Entry> {
    store.page(table, prefix, after, limit).await.expect("the store can be read")
}

/// All rows of a table.
async fn rows(store: &impl Store, table: Table) -> Vec<Entry> {
    page(store, table, &[], None, 1 << 20).await
}

/// Removes all rows.
async fn clear(store: &impl Store) {
    for table in TABLES {
        let writes: Vec<_> =
            rows(store, *table).await.into_iter().map(|(at, _)| Write { key: key(*table, at), value: None }).collect();
        write(store, writes).await;
        assert_eq!(rows(store, *table).await, [], "all rows were removed");
    }
}

fn entries<const N: usize>(expected: [(&str, &str); N]) -> [Entry; N] {
    expected.map(|(key, value)| (key.into(), value.into()))
}
