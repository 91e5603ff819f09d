//! The durable state of the wallet: behind one small trait, with an embedded store as default.

mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod ledger;
mod memory;
pub(crate) mod migrate;
#[cfg(feature = "redb")]
mod redb;
pub(crate) mod schema;

#[cfg(feature = "redb")]
pub use self::redb::{Redb, RedbOptions};
pub use self::{
    backend::{Change, Condition, Conflict, Entry, Key, Store, Table, Write},
    error::StoreError,
    memory::{Memory, MemoryDisk},
    schema::{Purpose, TABLES},
};
pub(crate) use self::{
    ledger::{Batch, Durable, Ledger, decode},
    migrate::OldOutcome,
};
