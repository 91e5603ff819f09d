//! What a store must do.

use async_trait::async_trait;

use super::error::StoreError;

/// The name of a table: one for each kind of fact. [`TABLES`](super::TABLES) has all of them; nobody else makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub(crate) &'static str);

impl Table {
    /// Its name: up to 20 lower-case ASCII letters.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// Identifies the row in its table: up to 255 bytes, or none. Rows are sorted by it, as bytes are.
    pub bytes: Vec<u8>,
}

/// What must be true of a row when a [`Change`] is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The row.
    pub key: Key,
    /// The value that it must have. `None` means that there must be no such row, which an empty value is not.
    pub value: Option<Vec<u8>>,
}

/// One row that a [`Change`] sets or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The row.
    pub key: Key,
    /// Its new value, of any length. `None` removes the row, if there is one.
    pub value: Option<Vec<u8>>,
}

/// Writes that are made together, and only if all conditions hold: one step, which nobody sees half of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What the writes were computed from. They are checked after all earlier changes, and before the own writes.
    pub conditions: Vec<Condition>,
    /// What changes, in order: of two writes to a row, the later one wins.
    pub writes: Vec<Write>,
}

/// A condition of a [`Change`] does not hold, so that nothing of it was written: somebody else wrote the row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row 0x{} of table {} has another value than expected", alloy::primitives::hex::encode(&key.bytes), key.table.name())]
pub struct Conflict {
    /// The row; any of them, if several are in the way.
    pub key: Key,
}

/// The key of a row within its table, and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Sorted tables of bytes, with changes that are durable, made as a whole, and conditional. All that a store must do:
///
/// - **Tables.** It has every table of [`TABLES`](super::TABLES), each empty at first; a later version may have more.
///   Tables do not see each other. The wallet asks for no other one.
/// - **Rows.** Keys and values are any bytes, also none. Keys are sorted as bytes are: unsigned, and a prefix comes first.
///   A value may have a megabyte; a table may have millions of rows.
/// - **Changes** are made one after the other, also those of calls at the same time, and of other processes. Each sees
///   all before it. One whose conditions do not hold writes nothing, and does not affect the others. A commit has up to
///   1024 changes. A change may write as many rows as the store has.
/// - **Durability.** What was answered with `Ok(())` survives a crash and a loss of power, and every later read sees it.
/// - **Errors.** A refused change is an answer, not an error. After an error of [`commit`](Self::commit), the wallet uses
///   the store no more, until it is opened again. A panic is an error.
/// - **Time.** No call blocks its thread for long: slow disks and networks belong on threads or a runtime of their own.
///   Who waits for longer than [`Config::store_timeout`](crate::Config::store_timeout) gets [`StoreError::TimedOut`], and
///   a read is dropped then. A commit is never dropped, and the next one follows it.
/// - **One wallet.** Several processes may share a store only if it says so. A store that does not must refuse to be opened
///   while it is open, also by another process: two wallets on it would promise the same deposit twice. It can be opened
///   again once it is dropped.
///
/// The module `conformance` (with the feature of that name) tests this, but for crashes, time, and a second opening.
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

    /// Makes changes, in order, with one answer for each. Returns once those that were made are durable.
    ///
    /// # Errors
    ///
    /// If it is not certain which changes are made: only opening the store again shows it.
    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError>;
}
