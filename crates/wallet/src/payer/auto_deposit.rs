//! Deposits that a chequebook makes by itself.

use std::time::Duration;

use alloy::primitives::U256;

use crate::setters::setters;

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
    pub(super) fn timer(&self) -> Option<Duration> {
        self.interval.filter(|interval| !interval.is_zero() && self.threshold < self.buffer)
    }
}
