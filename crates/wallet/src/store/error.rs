//! What can go wrong with a store.

use std::{error::Error, io, path::PathBuf, sync::Arc, time::Duration};

use alloy::primitives::hex;

use super::change::{Conflict, Table};

/// What can go wrong with a store.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store is already open, in this process or another one.
    #[error("store {} is already open, in this process or another one", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },

    /// There is no such file. A new store is created only on request, because it does not know what was promised.
    #[error("store {} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },

    /// The file already exists.
    #[error("store {} exists already, expected no file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// The file is empty: its creation was interrupted, or its content is lost. If no wallet has ever used it, delete it.
    #[error("store {} is empty: its creation was interrupted, or its content is lost; if it was never used, delete it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// Others could read the cheques, or change what was promised; or the owner cannot.
    #[error("store {} has permissions {found:o}, expected {expected:o}", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its mode.
        found: u32,
        /// The most that it may be. The owner's part must be there.
        expected: u32,
    },

    /// The file is damaged, or not a store of this crate. Restore a copy, and recover what was issued since.
    #[error("store {} is damaged: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },

    /// Another version wrote it.
    #[error("store has format {found}, expected {expected}")]
    UnknownFormat {
        /// The version of its format.
        found: u32,
        /// The version that this crate knows.
        expected: u32,
    },

    /// A row cannot be read.
    #[error("store has a row that cannot be read: 0x{} of table {table}", hex::encode(key))]
    BadRow {
        /// The name of its table.
        table: &'static str,
        /// Its key.
        key: Vec<u8>,
    },

    /// Another process wrote the same row first. Nothing was changed: read again, and decide anew.
    #[error(transparent)]
    Conflict(#[from] Conflict),

    /// The store did not answer in time. What was to be written may still become durable.
    #[error("no answer from the store within {limit:?}")]
    TimedOut {
        /// How long we waited.
        limit: Duration,
    },

    /// An earlier commit failed. Only opening the store again shows what is durable.
    #[error("store failed earlier: {reason}")]
    Failed {
        /// How it failed.
        reason: String,
    },

    /// The wallet was shut down, and has closed the store.
    #[error("store is closed")]
    Closed,

    /// The file system reported an error.
    #[error("store {} cannot be used: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: Arc<io::Error>,
    },

    /// Any other error of the store.
    #[error("store failed: {0}")]
    Other(#[source] Arc<dyn Error + Send + Sync>),
}

impl StoreError {
    pub(crate) fn bad_row(table: Table, key: &[u8]) -> Self {
        Self::BadRow { table: table.name(), key: key.to_vec() }
    }

    /// Wraps an error of your own store.
    pub fn other(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Other(Arc::new(error))
    }
}
