//! Locks for addresses.

use std::hash::{BuildHasher, RandomState};

use alloy::primitives::Address;
use tokio::sync::{Mutex, MutexGuard};

/// How many locks there are.
const SHARDS: usize = 1024;

/// Locks for addresses. Their number is fixed, so none is ever removed. Two addresses may share a lock, which only
/// costs time.
pub(crate) struct Locks {
    /// On the heap: futures that create a handle would carry all of them on the stack.
    shards: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl Default for Locks {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Locks {
    /// Waits for the lock of `address`.
    pub(crate) async fn lock(&self, address: Address) -> MutexGuard<'_, ()> {
        #[expect(clippy::as_conversions, reason = "truncated on purpose: any bits of a hash will do")]
        let index = self.hasher.hash_one(address) as usize % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "a remainder of a division by the length is below the length")]
        self.shards[index].lock().await
    }
}
