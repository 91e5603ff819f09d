//! What is counted: calls, refusals, events, commits.

mod reasons;

use std::time::{Duration, Instant};

use chequebook_wallet::{Error as WalletError, Event};
use prometheus_client::{
    encoding::text::encode_registry,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use self::reasons::{EVENTS, REASONS, event, reason};
use super::problem::Problem;

/// Labels, whose values are few: none comes from a stranger.
pub(crate) type Labels<const N: usize> = [(&'static str, String); N];

/// What was counted.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<Labels<2>, Counter>,
    call_seconds: Histogram,
    refused: Family<Labels<1>, Counter>,
    events: Family<Labels<1>, Counter>,
    commits: Commits,
}

/// What commits of the store take.
#[derive(Clone)]
pub(crate) struct Commits {
    seconds: Histogram,
    changes: Histogram,
    failed: Counter,
}

impl Commits {
    pub(crate) fn observe(&self, changes: usize, took: Duration, is_good: bool) {
        self.seconds.observe(took.as_secs_f64());
        self.changes.observe(f64::from(u32::try_from(changes).unwrap_or(u32::MAX)));
        if !is_good {
            self.failed.inc();
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("chequebook");
        let (calls, refused, events) = (Family::default(), Family::default(), Family::default());
        let call_seconds = Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        let commits = Commits {
            seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            changes: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            failed: Counter::default(),
        };
        registry.register("calls", "Calls by method and result", Family::clone(&calls));
        registry.register("call_seconds", "How long calls take", call_seconds.clone());
        registry.register("cheques_refused", "Cheques that were not acknowledged, by reason", Family::clone(&refused));
        registry.register("events", "Events of the wallet, such as bounced", Family::clone(&events));
        registry.register("store_commit_seconds", "How long commits of the store take", commits.seconds.clone());
        registry.register("store_commit_changes", "How many changes share a commit", commits.changes.clone());
        registry.register("store_commits_failed", "Commits of the store that failed", commits.failed.clone());
        let metrics = Self { registry, calls, call_seconds, refused, events, commits };
        // An increase from nothing is none for Prometheus.
        for name in EVENTS {
            drop(metrics.events.get_or_create(&[("event", name.to_owned())]));
        }
        for reason in REASONS {
            drop(metrics.refused.get_or_create(&[("reason", reason.to_owned())]));
        }
        metrics
    }

    pub(crate) fn commits(&self) -> Commits {
        self.commits.clone()
    }

    /// Whether a commit has failed: then nothing more is promised until the service is started again.
    pub(crate) fn has_store_failed(&self) -> bool {
        self.commits.failed.get() > 0
    }

    /// Counts a call.
    pub(crate) fn called(&self, method: &'static str, began: Instant, problem: Option<&Problem>) {
        let result = problem.map_or("ok", Problem::name);
        self.calls.get_or_create(&[("method", method.to_owned()), ("result", result.to_owned())]).inc();
        self.call_seconds.observe(began.elapsed().as_secs_f64());
    }

    /// Counts a cheque that was not acknowledged.
    pub(crate) fn refused(&self, error: &WalletError) {
        self.refused.get_or_create(&[("reason", reason(error).to_owned())]).inc();
    }

    /// Counts an event.
    pub(crate) fn told(&self, told: &Event) {
        let (name, count) = event(told);
        self.events.get_or_create(&[("event", name.to_owned())]).inc_by(count);
    }

    /// All of it, as text.
    pub(crate) fn write(&self, text: &mut String) -> std::fmt::Result {
        encode_registry(text, &self.registry)
    }
}
