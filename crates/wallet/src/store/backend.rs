//! What a store must do.

use async_trait::async_trait;

use super::{
    change::{Change, Conflict, Entry, Key, Table},
    error::StoreError,
};

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
