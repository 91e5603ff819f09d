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
    /// The most that automatic deposits may ever send into this chequebook, in wei, over all restarts and settings. Those
    /// that failed for good do not count, nor does a [`deposit`](crate::Chequebook::deposit). When it is reached, a warning
    /// says so (by `tracing`), and [`auto_deposited`](crate::Chequebook::auto_deposited) shows it. `None` for no limit.
    ///
    /// The count is in the store and in a [`Backup`](crate::Backup); [`recover`](crate::Chequebook::recover) of a store
    /// that is lost does not bring it back.
    pub max_total: Option<U256>,
}

/// What automatic deposits have sent. In wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoDeposited {
    /// In all, without those that failed for good.
    pub total: U256,
    /// What they may still send by the settings: zero if [`AutoDeposit::max_total`] is reached. `None` without a limit.
    pub left: Option<U256>,
}

setters!(AutoDeposit {
    interval: Option<Duration>,
    threshold: U256,
    buffer: U256,
    max_total: Option<U256>,
});

impl Default for AutoDeposit {
    /// As in go-ethereum's service: every 300 seconds, below 5e13 wei, up to 1e14 wei, without a limit in total.
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(300)),
            threshold: U256::from(50_000_000_000_000_u64),
            buffer: U256::from(100_000_000_000_000_u64),
            max_total: None,
        }
    }
}

impl AutoDeposit {
    pub(super) fn timer(&self) -> Option<Duration> {
        self.interval.filter(|interval| !interval.is_zero() && self.threshold < self.buffer)
    }

    /// What may still be sent if `total` is sent, in wei. `None` without a limit.
    pub(super) fn left(&self, total: U256) -> Option<U256> {
        self.max_total.map(|max| max.saturating_sub(total))
    }
}
