//! Settings of automatic cashing.

use std::time::Duration;

use alloy::primitives::U256;

use crate::setters::setters;

/// When an inbox cashes automatically. It also cashes when payments to others lower the balance below twice the
/// uncashed amount of this inbox and, unless [stopped](crate::Inbox::stop_auto_cash), when the end of the chequebook is
/// announced. More settings may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoCash {
    /// How often to cash the uncashed amount. `None` means that time alone is no reason to cash.
    pub interval: Option<Duration>,
    /// The most that may stay uncashed, in the smallest unit of the asset. The default is made for ether. With zero, every
    /// cheque is cashed on receipt.
    pub max_uncashed: U256,
}

setters!(AutoCash {
    interval: Option<Duration>,
    max_uncashed: U256,
});

impl Default for AutoCash {
    /// As in go-ethereum's service: every 300 seconds, and above 5e13 wei.
    fn default() -> Self {
        Self { interval: Some(Duration::from_secs(300)), max_uncashed: U256::from(50_000_000_000_000_u64) }
    }
}

/// When an inbox cashes automatically.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Mode {
    /// Only when the end of the chequebook is announced.
    #[default]
    Guard,
    Auto(AutoCash),
    Stopped,
}
