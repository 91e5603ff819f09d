//! Whether the chain can be seen, for whoever waits.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use crate::{
    Error,
    answer::{causes, redact},
    events::{Event, Feed},
};

/// Whether the chain can be seen.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    failing: Option<Failing>,
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
        watch::Sender::new(Self { failing: None, patience, ended: false })
    }

    /// When who waits has waited long enough for the chain to be seen again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.failing.as_ref()?.since.checked_add(self.patience)
    }

    pub(crate) fn unreachable(&self) -> Error {
        let (silence, reason) = match &self.failing {
            Some(failing) => (failing.since.elapsed(), failing.reason.clone()),
            None => (self.patience, String::new()),
        };
        Error::Unreachable { silence, reason }
    }
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
