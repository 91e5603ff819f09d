//! Whether the chain can be seen, and the store be written, for whoever waits.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use crate::{
    Error,
    answer::{causes, redact},
    events::{Event, Feed},
    store::StoreError,
};

/// Whether the chain can be seen, and the store be written.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    failing: Option<Failing>,
    /// Since when the store fails, and how.
    store: Option<(Instant, StoreError)>,
    patience: Duration,
    /// Whether the wallet was shut down.
    pub(crate) ended: bool,
}

#[derive(Clone, Debug)]
struct Failing {
    since: Instant,
    reason: String,
}

impl Health {
    pub(crate) fn channel(patience: Duration) -> watch::Sender<Self> {
        watch::Sender::new(Self { failing: None, store: None, patience, ended: false })
    }

    /// When who waits has waited long enough: for the chain to be seen again, or for the store to answer. One that has
    /// failed for good is not waited for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let chain = self.failing.as_ref().and_then(|failing| failing.since.checked_add(self.patience));
        let store = self.store.as_ref().and_then(|(since, error)| match error {
            StoreError::TimedOut { .. } => since.checked_add(self.patience),
            _ => Some(*since),
        });
        chain.into_iter().chain(store).min()
    }

    /// Why who waits waits in vain.
    pub(crate) fn error(&self) -> Error {
        match (&self.store, &self.failing) {
            (Some((_, error)), _) => error.clone().into(),
            (None, Some(Failing { since, reason })) => {
                Error::Unreachable { silence: since.elapsed(), reason: reason.clone() }
            }
            (None, None) => Error::Unreachable { silence: self.patience, reason: String::new() },
        }
    }
}

/// Notes whether a look at the chain could be stored.
pub(crate) fn note_store<T>(health: &watch::Sender<Health>, result: &Result<T, Error>) {
    health.send_if_modified(|health| match (result, &mut health.store) {
        (Err(Error::Store(error)), store @ None) => {
            *store = Some((Instant::now(), error.clone()));
            true
        }
        (Err(Error::Store(error)), Some((_, before))) => {
            let is_news = std::mem::discriminant(before) != std::mem::discriminant(error);
            *before = error.clone();
            is_news
        }
        (Ok(_), store) => store.take().is_some(),
        (Err(_), _) => false,
    });
}

/// Notes the result of a look at the chain, and tells when trouble begins or ends.
pub(crate) fn note<T>(health: &watch::Sender<Health>, feed: &Feed, result: &Result<T, Error>) {
    health.send_if_modified(|health| match (result, &mut health.failing) {
        (Ok(_), None) => false,
        (Ok(_), failing) => {
            *failing = None;
            feed.tell(|| Event::ChainSeen);
            true
        }
        (Err(error), failing @ None) => {
            let reason = redact(&causes(error));
            feed.tell(|| Event::ChainTrouble { reason: reason.clone() });
            *failing = Some(Failing { since: Instant::now(), reason });
            true
        }
        (Err(error), Some(failing)) => {
            failing.reason = redact(&causes(error));
            false
        }
    });
}
