//! How many calls one question to the node may contain. It learns from what the node refuses.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many calls one question contains at most. With 10,000 gas for each, it stays below the 50 million that nodes allow.
const MOST: usize = 3_000;
/// After how many questions in a row that were answered the next contains more calls again.
const GROW_AFTER: usize = 16;

/// What is known of Multicall3 on this chain.
#[derive(Debug)]
pub(super) struct Batching {
    /// Whether it was seen.
    pub(super) is_there: AtomicBool,
    /// How many calls a question contains now.
    pub(super) limit: AtomicUsize,
    /// How many questions in a row were answered.
    answered: AtomicUsize,
}

impl Default for Batching {
    fn default() -> Self {
        let (is_there, answered) = Default::default();
        Self { is_there, limit: AtomicUsize::new(MOST), answered }
    }
}

impl Batching {
    /// So many calls were answered in one question.
    pub(super) fn succeed(&self, calls: usize) {
        let limit = self.limit.load(Ordering::Relaxed);
        if calls < limit || limit >= MOST {
            return;
        }
        if self.answered.fetch_add(1, Ordering::Relaxed) >= GROW_AFTER {
            self.answered.store(0, Ordering::Relaxed);
            self.limit.store(limit.saturating_mul(2).min(MOST), Ordering::Relaxed);
        }
    }

    /// So many were too much.
    pub(super) fn fail(&self, calls: usize) {
        self.answered.store(0, Ordering::Relaxed);
        self.limit.fetch_min((calls / 2).max(1), Ordering::Relaxed);
    }
}
