//! Locks for addresses.

use std::hash::{BuildHasher, RandomState};

use alloy::primitives::Address;
use tokio::sync::{Mutex, MutexGuard};

/// How many locks there are.
const SHARDS: usize = 1024;

/// Locks for addresses. Two addresses may share one, which costs time and nothing else; so there is none to clean up.
pub(crate) struct Locks {
    shards: [Mutex<()>; SHARDS],
    hasher: RandomState,
}

impl Default for Locks {
    fn default() -> Self {
        Self { shards: [const { Mutex::const_new(()) }; SHARDS], hasher: RandomState::new() }
    }
}

impl Locks {
    /// Waits for the lock of `address`.
    pub(crate) async fn lock(&self, address: Address) -> MutexGuard<'_, ()> {
        #[expect(clippy::as_conversions, reason = "cut off on purpose: any bits of a hash will do")]
        let index = self.hasher.hash_one(address) as usize % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the rest of a division by the length is below it")]
        self.shards[index].lock().await
    }
}
