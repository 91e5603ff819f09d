//! What a store must do.

use super::error::StoreError;

/// One change of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key to change.
    pub key: Vec<u8>,
    /// Its new value. `None` removes the key.
    pub value: Option<Vec<u8>>,
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A sorted map of bytes to bytes, which commits as a whole and durably.
///
/// All functions block the thread for a short time. The wallet calls [`get`](Self::get) and [`scan`](Self::scan) from
/// any thread, and [`commit`](Self::commit) from one thread of its own: many promises share one commit.
///
/// An implementation must refuse to be opened while it is open, also by another process: two wallets on one store would
/// promise the same deposit twice.
pub trait Store: Send + Sync + 'static {
    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// If it is not certain whether there is a value. A damaged store must not return `None`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// All entries whose keys begin with `prefix`, in the order of their keys.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError>;

    /// Makes all changes, in order, or none. Returns once they survive a crash of the process and a loss of power.
    ///
    /// # Errors
    ///
    /// If it is not certain that the changes are made. They may be: only opening the store again shows it.
    fn commit(&self, writes: &[Write]) -> Result<(), StoreError>;
}
