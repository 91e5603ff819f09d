//! What a store must do.

use async_trait::async_trait;

use super::error::StoreError;

/// The name of a table: one for each kind of fact. See [`TABLES`](super::TABLES).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub(crate) &'static str);

impl Table {
    /// Its name: lower-case ASCII letters.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// Identifies the row in its table. Rows are sorted by it.
    pub bytes: Vec<u8>,
}

/// What must be true of a row when a [`Change`] is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The row.
    pub key: Key,
    /// The value that it must have. `None` means that there must be no such row.
    pub value: Option<Vec<u8>>,
}

/// One row that a [`Change`] sets or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The row.
    pub key: Key,
    /// Its new value. `None` removes the row.
    pub value: Option<Vec<u8>>,
}

/// Writes that are made together, and only if all conditions hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What the writes were computed from.
    pub conditions: Vec<Condition>,
    /// What changes, in order.
    pub writes: Vec<Write>,
}

/// A condition of a [`Change`] does not hold, so that nothing of it was written: somebody else wrote the row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row 0x{} of table {} has another value than expected", alloy::primitives::hex::encode(&key.bytes), key.table.name())]
pub struct Conflict {
    /// The row.
    pub key: Key,
}

/// The key of a row within its table, and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Sorted tables of bytes, with changes that are durable, made as a whole, and conditional.
///
/// Several processes may share a store only if it says so. A store that does not must refuse to be opened while it is
/// open, also by another process: two wallets on it would promise the same deposit twice. `conformance` (with the
/// feature of that name) has tests for all that is written here.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The value of a row.
    ///
    /// # Errors
    ///
    /// If it is not certain whether there is a value. A damaged store must not return `None`.
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first `limit` rows of a table, in the order of their keys, whose keys begin with `prefix` and are above
    /// `after`.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Makes changes, in order: each as a whole if its conditions hold, with all changes before it made, and otherwise
    /// not at all. Returns once those that were made survive a crash of the process and a loss of power, with one answer
    /// for each.
    ///
    /// # Errors
    ///
    /// If it is not certain which changes are made: only reading, or opening the store again, shows it.
    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError>;
}
