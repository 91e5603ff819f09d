//! The task that deposits automatically.

use std::sync::Arc;

use alloy::primitives::U256;
use tokio::time::Instant;

use super::{
    auto_deposit::{AutoDeposit, AutoDeposited},
    book::Book,
};
use crate::{Error, timer::wait_until};

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
            let mut warned = false;
            loop {
                let wake = tokio::select! {
                    () = changed.notified() => Wake::Changed,
                    () = issued.notified() => Wake::Issued,
                    () = wait_until(next) => Wake::Timer,
                };
                let Some(book) = weak.upgrade() else { return };
                let settings = *book.auto.lock();
                let timer = settings.as_ref().and_then(AutoDeposit::timer);
                if matches!(wake, Wake::Changed) {
                    warned = false;
                }
                if !matches!(wake, Wake::Issued) {
                    next = timer.and_then(|interval| Instant::now().checked_add(interval));
                }
                let (Some(settings), Wake::Issued | Wake::Timer) = (settings, &wake) else { continue };
                // The timer may belong to earlier settings.
                if matches!(wake, Wake::Timer) && timer.is_none() {
                    continue;
                }
                let least = if matches!(wake, Wake::Timer) { settings.buffer } else { settings.threshold };
                match book.fill(least, &settings).await {
                    Ok(()) => {}
                    // One warning until the settings change.
                    Err(error @ Error::AutoDepositLimit { .. }) if std::mem::replace(&mut warned, true) => {
                        tracing::debug!(contract = %book.contract, %error, "could not deposit automatically");
                    }
                    Err(error) => {
                        tracing::warn!(contract = %book.contract, %error, "could not deposit automatically");
                    }
                }
            }
        }
    })
}

impl Book {
    /// Deposits up to the buffer if the available and the pending amount together are below `least`; if the limit in
    /// total leaves less, that.
    async fn fill(&self, least: U256, settings: &AutoDeposit) -> Result<(), Error> {
        let contract = self.contract;
        let balance = self.newest_balance().await?;
        let there = balance.available.checked_add(balance.pending).ok_or(Error::Overflow)?;
        let missing = settings.buffer.saturating_sub(there);
        if there >= least || missing.is_zero() {
            return Ok(());
        }
        let total = self.wallet.shared().account.automatic_total(contract).await?;
        let amount = missing.min(settings.left(total).unwrap_or(U256::MAX));
        let max = settings.max_total.unwrap_or(U256::MAX);
        if !amount.is_zero() {
            self.deposit_automatically(amount, max).await?;
        }
        if amount < missing {
            let (missing, total) = (missing.saturating_sub(amount), total.saturating_add(amount));
            return Err(Error::AutoDepositLimit { contract, missing, total, max });
        }
        Ok(())
    }

    /// What automatic deposits have sent.
    pub(super) async fn auto_deposited(&self) -> Result<AutoDeposited, Error> {
        let total = self.wallet.shared().account.automatic_total(self.contract).await?;
        let left = self.auto.lock().and_then(|settings| settings.left(total));
        Ok(AutoDeposited { total, left })
    }
}
