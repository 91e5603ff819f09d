//! What a store must do.

use super::error::StoreError;

/// One change of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// What is changed.
    pub key: Vec<u8>,
    /// What it is from now on. `None` removes the key.
    pub value: Option<Vec<u8>>,
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A sorted map of bytes to bytes, which commits as a whole and durably.
///
/// All functions block the thread, for short. The wallet calls [`get`](Self::get) and [`scan`](Self::scan) from any thread,
/// and [`commit`](Self::commit) from one that it keeps for that: many promises share one commit.
///
/// An implementation must refuse to be opened twice at a time, by two processes too: two wallets on one store promise the
/// same deposit twice.
pub trait Store: Send + Sync + 'static {
    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// If it cannot be told whether there is one. A store that is damaged must not answer `None`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// All entries whose keys begin with `prefix`, in the order of their keys.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError>;

    /// Makes all changes, in their order, or none. Returns once they would survive the end of the process and of the power.
    ///
    /// # Errors
    ///
    /// If they are not made for sure. They may be: only opening the store again tells.
    fn commit(&self, writes: &[Write]) -> Result<(), StoreError>;
}
