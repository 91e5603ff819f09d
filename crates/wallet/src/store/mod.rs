//! The durable state of the wallet: behind one small trait, with an embedded store as default.

mod backend;
mod change;
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
    backend::Store,
    change::{Change, Condition, Conflict, Entry, Key, Table, Write},
    error::StoreError,
    memory::{Memory, MemoryDisk},
    schema::{Outcome, Purpose, TABLES},
};
pub(crate) use self::{
    ledger::{Batch, Durable, Ledger, decode},
    migrate::OldOutcome,
    schema::decimal,
};
