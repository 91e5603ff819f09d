//! The durable state of the wallet: behind one small trait, with an embedded store as default.

mod backend;
mod error;
mod ledger;
mod memory;
#[cfg(feature = "redb")]
mod redb;
pub(crate) mod schema;

pub(crate) use self::ledger::{Batch, Durable, Ledger};
#[cfg(feature = "redb")]
pub use self::redb::Redb;
pub use self::{
    backend::{Entry, Store, Write},
    error::StoreError,
    memory::Memory,
    schema::Purpose,
};
