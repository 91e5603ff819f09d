//! One cheque to a beneficiary at a time, because each includes the amount of the one before.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use alloy::primitives::Address;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Queues, one for each beneficiary that is being written to. No two beneficiaries share one, so that a slow signature
/// for one holds up no other.
#[derive(Default)]
pub(super) struct Order(Mutex<HashMap<Address, Weak<tokio::sync::Mutex<()>>>>);

/// How many queues that are over are kept before they are removed.
const KEPT: usize = 1024;

impl Order {
    /// Waits for the turn of the caller.
    pub(super) async fn turn(&self, beneficiary: Address) -> OwnedMutexGuard<()> {
        let queue = {
            let mut queues = self.0.lock();
            if let Some(queue) = queues.get(&beneficiary).and_then(Weak::upgrade) {
                queue
            } else {
                if queues.len() >= KEPT {
                    queues.retain(|_, queue| queue.strong_count() > 0);
                }
                let queue = Arc::default();
                queues.insert(beneficiary, Arc::downgrade(&queue));
                queue
            }
        };
        queue.lock_owned().await
    }
}
