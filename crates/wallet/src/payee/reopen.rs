//! What earlier runs have left to be cashed is guarded again, once it can be read.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::sleep;

use super::{
    cashier::{Cashier, Inner, Line},
    inbox::Inbox,
};
use crate::{
    Error,
    store::schema::{Received, received_of, table},
};

/// How many rows are read, and inboxes opened, at once.
const PAGE: usize = 1_000;
/// After how long it is tried again to open what could not be opened; each time twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(600);

impl Cashier {
    /// Tries again to open what could not be opened, until all of it is.
    pub(super) fn open_what_is_closed(&self) {
        if self.0.closed.lock().is_empty() {
            return;
        }
        let weak = Arc::downgrade(&self.0);
        let opener = self.0.wallet.supervise("cashier", move || {
            let weak = Weak::clone(&weak);
            async move {
                let mut wait = FIRST_RETRY;
                loop {
                    sleep(wait).await;
                    wait = wait.saturating_mul(2).min(LONGEST_RETRY);
                    let Some(inner) = weak.upgrade() else { return };
                    let lines: Vec<Line> = inner.closed.lock().iter().copied().collect();
                    if lines.is_empty() {
                        return;
                    }
                    for page in lines.chunks(PAGE) {
                        if let Err(error) = inner.guard(page).await {
                            tracing::debug!(%error, "could not open inboxes with cheques yet");
                        }
                    }
                }
            }
        });
        self.0.tasks.lock().push(opener);
    }
}

impl Inner {
    /// Opens what earlier runs have left to be cashed.
    pub(super) async fn open_what_is_uncashed(&self) -> Result<(), Error> {
        let ledger = &self.wallet.shared().ledger;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = ledger.durable_page(table::RECEIVED, &[], after.as_deref(), PAGE).await?;
            let mut lines = Vec::with_capacity(page.len());
            for (key, value) in &page {
                let line = received_of(key)?;
                let _: Received = crate::store::decode(table::RECEIVED, key, value)?;
                if self.settings.beneficiaries.contains(&line.1) {
                    lines.push(line);
                }
            }
            self.guard(&lines).await?;
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    /// Opens those that have something to be cashed. What cannot be opened is noted.
    async fn guard(&self, lines: &[Line]) -> Result<(), Error> {
        let opened = Inbox::open_strangers(&self.wallet, lines, self.settings.policy).await?;
        for (&line, opened) in lines.iter().zip(opened) {
            let kept = match opened {
                Ok(inbox) if self.is_dust(line, &inbox) => Ok(()),
                Ok(inbox) => self.keep(line, inbox).await.map(drop),
                // Its next cheque has opened it.
                Err(Error::AlreadyOpen { .. }) if self.open.lock().contains(&line) => Ok(()),
                Err(error) => Err(error),
            };
            let mut closed = self.closed.lock();
            match kept {
                Ok(()) => _ = closed.remove(&line),
                Err(error) if closed.insert(line) => {
                    tracing::warn!(contract = %line.0, beneficiary = %line.1, %error, "an inbox with cheques stays closed");
                }
                Err(error) => {
                    tracing::debug!(contract = %line.0, beneficiary = %line.1, %error, "an inbox is still closed");
                }
            }
        }
        Ok(())
    }
}
