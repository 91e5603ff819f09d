//! How many calls a caller makes in a second.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;
use parking_lot::Mutex;

/// How many callers are remembered. Who is forgotten begins anew.
const CALLERS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// For how long a caller that was silent may catch up.
const BURST: Duration = Duration::from_secs(1);

/// Gives each caller the same number of calls a second.
pub(crate) struct Rate<K> {
    /// The time of one call. `None` without a limit.
    interval: Option<Duration>,
    /// When the calls that a caller has made are paid for.
    callers: Mutex<LruCache<K, Instant>>,
}

impl<K: std::hash::Hash + Eq> Rate<K> {
    /// So many calls a second; with zero there is no limit.
    pub(crate) fn new(calls: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(calls);
        Self { interval, callers: Mutex::new(LruCache::new(CALLERS)) }
    }

    /// Whether a caller may make a call now, which then counts.
    pub(crate) fn takes(&self, caller: K, now: Instant) -> bool {
        let Some(interval) = self.interval else { return true };
        let mut callers = self.callers.lock();
        let paid = callers.get(&caller).copied().map_or(now, |paid| paid.max(now));
        let Some(next) = paid.checked_add(interval) else { return false };
        if next.saturating_duration_since(now) > BURST {
            return false;
        }
        callers.put(caller, next);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_calls() {
        let (rate, start) = (Rate::new(10), Instant::now());
        let count = |caller, at| (0..100).filter(|_| rate.takes(caller, at)).count();
        assert_eq!(count(1, start), 10);
        assert_eq!(count(1, start), 0);
        assert_eq!(count(2, start), 10, "another caller is not touched");
        assert_eq!(count(1, start + Duration::from_millis(500)), 5);
        assert_eq!(count(1, start + Duration::from_secs(60)), 10, "what was not used is not kept");
    }

    #[test]
    fn zero_is_no_limit() {
        let (rate, now) = (Rate::new(0), Instant::now());
        assert!((0..10_000).all(|_| rate.takes(1, now)));
    }

    #[test]
    fn strangers_cost_no_memory() {
        let (rate, now) = (Rate::new(1), Instant::now());
        for caller in 0..100_000 {
            rate.takes(caller, now);
        }
        assert_eq!(rate.callers.lock().len(), CALLERS.get());
    }
}
