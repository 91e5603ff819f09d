//! Cashing without being asked.

use std::time::Duration;

use alloy::primitives::U256;

use crate::setters::setters;

/// When an inbox cashes by itself. Besides, it does so when the balance falls, by whatever others cash, below twice of
/// what is uncashed here; and, unless [stopped](crate::Inbox::stop_auto_cash), when the end of the chequebook is announced.
/// More settings may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoCash {
    /// How often to cash what is uncashed. `None`: never for the sake of time.
    pub interval: Option<Duration>,
    /// The most that may stay uncashed, in wei; zero cashes on each receipt.
    pub max_uncashed: U256,
}

setters!(AutoCash {
    interval: Option<Duration>,
    max_uncashed: U256,
});

impl Default for AutoCash {
    /// As go-ethereum's service had it: every 300 seconds, and above 5e13 wei.
    fn default() -> Self {
        Self { interval: Some(Duration::from_secs(300)), max_uncashed: U256::from(50_000_000_000_000_u64) }
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Mode {
    /// Only when the end is announced.
    #[default]
    Guard,
    Auto(AutoCash),
    Stopped,
}

impl Mode {
    pub(super) const fn waits_for_cheques(self) -> bool {
        matches!(self, Self::Auto(_))
    }
}
