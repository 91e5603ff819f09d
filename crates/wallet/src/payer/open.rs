//! A chequebook while a program has a handle of it.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::book::Book;
use crate::wallet::Claim;

/// What ends with the last handle.
pub(super) struct Open {
    pub(super) book: Arc<Book>,
    tasks: [AbortHandle; 2],
    _claim: Claim,
}

impl Open {
    pub(super) const fn new(book: Arc<Book>, tasks: [AbortHandle; 2], claim: Claim) -> Self {
        Self { book, tasks, _claim: claim }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A task may wait for the node, and must not delay that it is opened again.
        for task in &self.tasks {
            task.abort();
        }
    }
}
