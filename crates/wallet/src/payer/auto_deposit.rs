//! Settings of the automatic deposit.

use std::time::Duration;

use alloy::primitives::U256;

use crate::setters::setters;

/// When a chequebook deposits automatically. The settings apply to the funds: the available amount plus pending
/// deposits. The default is made for ether: set both amounts for a token, in its smallest unit. More settings may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoDeposit {
    /// How often to check whether the funds are below the buffer. With `None`, or with a threshold that is not below
    /// the buffer, only the issue of a cheque starts a check.
    pub interval: Option<Duration>,
    /// Deposit if the funds are below this when a cheque is issued. In the smallest unit of the asset.
    pub threshold: U256,
    /// A deposit raises the funds to this. In the smallest unit of the asset.
    pub buffer: U256,
}

setters!(AutoDeposit {
    interval: Option<Duration>,
    threshold: U256,
    buffer: U256,
});

impl Default for AutoDeposit {
    /// As in go-ethereum's service: every 300 seconds, below 5e13 wei, up to 1e14 wei.
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
