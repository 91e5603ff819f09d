//! The task that deposits automatically.

use std::sync::Arc;

use alloy::primitives::U256;
use tokio::time::{Instant, sleep_until};

use super::{auto_deposit::AutoDeposit, book::Book};
use crate::Error;

/// What woke the task.
enum Wake {
    Changed,
    Issued,
    Timer,
}

/// Runs until the chequebook is dropped or the wallet is shut down.
pub(super) fn follow(book: &Arc<Book>) -> tokio::task::AbortHandle {
    let weak = Arc::downgrade(book);
    // The task must not keep the chequebook open, so it holds only what wakes it.
    let (issued, changed) = (Arc::clone(&book.issued), Arc::clone(&book.changed));
    book.wallet.supervise("deposits", move || {
        let (weak, issued, changed) = (weak.clone(), Arc::clone(&issued), Arc::clone(&changed));
        async move {
            // Also if it starts again after a panic.
            let timer = weak.upgrade().and_then(|book| book.auto.lock().as_ref().and_then(AutoDeposit::timer));
            let mut next = timer.and_then(|interval| Instant::now().checked_add(interval));
            loop {
                let wake = tokio::select! {
                    () = changed.notified() => Wake::Changed,
                    () = issued.notified() => Wake::Issued,
                    () = wait_until(next) => Wake::Timer,
                };
                let Some(book) = weak.upgrade() else { return };
                let settings = *book.auto.lock();
                let timer = settings.as_ref().and_then(AutoDeposit::timer);
                if !matches!(wake, Wake::Issued) {
                    next = timer.and_then(|interval| Instant::now().checked_add(interval));
                }
                let (Some(settings), Wake::Issued | Wake::Timer) = (settings, &wake) else { continue };
                // The timer may belong to earlier settings.
                if matches!(wake, Wake::Timer) && timer.is_none() {
                    continue;
                }
                let least = if matches!(wake, Wake::Timer) { settings.buffer } else { settings.threshold };
                if let Err(error) = book.fill(least, settings.buffer).await {
                    tracing::warn!(contract = %book.contract, %error, "could not deposit automatically");
                }
            }
        }
    })
}

async fn wait_until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => std::future::pending().await,
    }
}

impl Book {
    /// Deposits up to `buffer` if the available and the pending amount together are below `least`.
    async fn fill(&self, least: U256, buffer: U256) -> Result<(), Error> {
        let balance = self.newest_balance().await?;
        let there = balance.available.checked_add(balance.pending).ok_or(Error::Overflow)?;
        let missing = buffer.saturating_sub(there);
        if there < least && !missing.is_zero() {
            self.deposit(missing).await?;
        }
        Ok(())
    }
}
