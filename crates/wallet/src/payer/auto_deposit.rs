//! Deposits that a chequebook makes by itself.

use std::{sync::Arc, time::Duration};

use alloy::primitives::U256;
use tokio::time::{Instant, sleep_until};

use super::{Chequebook, Inner};
use crate::{Error, setters::setters};

/// When a chequebook deposits by itself. What is available and what is under way counts together. More settings may be
/// added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoDeposit {
    /// How often to look whether less than the buffer is there. `None`, or a threshold that is not below the buffer:
    /// only look when a cheque is issued.
    pub interval: Option<Duration>,
    /// When a cheque is issued, and less than this is there, deposit. In wei.
    pub threshold: U256,
    /// A deposit fills up to this. In wei.
    pub buffer: U256,
}

setters!(AutoDeposit {
    interval: Option<Duration>,
    threshold: U256,
    buffer: U256,
});

impl Default for AutoDeposit {
    /// As go-ethereum's service had it: every 300 seconds, below 5e13 wei, up to 1e14 wei.
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(300)),
            threshold: U256::from(50_000_000_000_000_u64),
            buffer: U256::from(100_000_000_000_000_u64),
        }
    }
}

impl AutoDeposit {
    fn timer(&self) -> Option<Duration> {
        self.interval.filter(|interval| !interval.is_zero() && self.threshold < self.buffer)
    }
}

/// What woke the task.
enum Wake {
    Changed,
    Issued,
    Timer,
}

/// Runs until the chequebook is dropped or the wallet stopped.
pub(super) fn follow(book: &Arc<Inner>) {
    let wallet = book.wallet.clone();
    let weak = Arc::downgrade(book);
    // The task must not keep the chequebook open, only what wakes it.
    let (issued, changed) = (Arc::clone(&book.issued), Arc::clone(&book.changed));
    wallet.spawn(async move {
        let mut next = None;
        loop {
            let wake = tokio::select! {
                () = changed.notified() => Wake::Changed,
                () = issued.notified() => Wake::Issued,
                () = wait_until(next) => Wake::Timer,
            };
            let Some(book) = weak.upgrade().map(Chequebook) else { return };
            let settings = *book.0.auto.lock();
            let timer = settings.as_ref().and_then(AutoDeposit::timer);
            if !matches!(wake, Wake::Issued) {
                next = timer.and_then(|interval| Instant::now().checked_add(interval));
            }
            let (Some(settings), Wake::Issued | Wake::Timer) = (settings, &wake) else { continue };
            // The timer may be that of earlier settings.
            if matches!(wake, Wake::Timer) && timer.is_none() {
                continue;
            }
            let least = if matches!(wake, Wake::Timer) { settings.buffer } else { settings.threshold };
            if let Err(error) = book.fill(least, settings.buffer).await {
                tracing::warn!(contract = %book.address(), %error, "could not deposit automatically");
            }
        }
    });
}

async fn wait_until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => std::future::pending().await,
    }
}

impl Chequebook {
    /// Deposits up to `buffer` if less than `least` is there.
    async fn fill(&self, least: U256, buffer: U256) -> Result<(), Error> {
        let balance = self.balance().await?;
        let there = balance.available.checked_add(balance.pending).ok_or(Error::Overflow)?;
        let missing = buffer.saturating_sub(there);
        if there < least && !missing.is_zero() {
            self.deposit(missing).await?;
        }
        Ok(())
    }
}
