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
mod rows;

use self::rows::{clear, rows};
use super::{backend::Store, schema::TABLES};

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
