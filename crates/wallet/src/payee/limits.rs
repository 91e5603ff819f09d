//! Settings of a cashier.

use std::time::Duration;

use alloy::primitives::{Address, U256};

use super::{auto_cash::AutoCash, policy::Policy};
use crate::setters::setters;

/// How much strangers may cost. More limits may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many inboxes may be open: each needs less than two kilobytes, and a share of the questions of each block.
    pub open: usize,
    /// An inbox with no more than this to be cashed is not worth being guarded: it may be forgotten, and opens again with
    /// the next cheque. What was not acknowledged counts as far as it is covered, and of a dead chequebook nothing that is
    /// not covered. In the smallest unit of the asset.
    pub dust: U256,
    /// After how long without a cheque an inbox is forgotten if it has no more than dust.
    pub idle: Duration,
    /// How many unknown chequebooks may wait to be looked up. Whoever comes later gets [`Error::Busy`](crate::Error::Busy).
    pub waiting: usize,
    /// How many refused contracts, and how many known ones, are remembered.
    pub remembered: usize,
    /// How long a refused contract is refused without another look, and what is known of one is believed.
    pub refused_for: Duration,
}

setters!(Limits { open: usize, dust: U256, idle: Duration, waiting: usize, remembered: usize, refused_for: Duration });

impl Default for Limits {
    /// 10,000 inboxes, no dust but nothing, forgotten after ten minutes; 1,000 that wait, 10,000 that are remembered, and
    /// refused for 15 seconds.
    fn default() -> Self {
        Self {
            open: 10_000,
            dust: U256::ZERO,
            idle: Duration::from_secs(600),
            waiting: 1_000,
            remembered: 10_000,
            refused_for: Duration::from_secs(15),
        }
    }
}

/// What a cashier takes, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CashierSettings {
    pub(super) beneficiaries: Vec<Address>,
    pub(super) policy: Policy,
    pub(super) auto_cash: Option<AutoCash>,
    pub(super) limits: Limits,
}

impl CashierSettings {
    /// For cheques to `beneficiary`, with the default policy, limits and automatic cash.
    pub fn new(beneficiary: Address) -> Self {
        Self {
            beneficiaries: vec![beneficiary],
            policy: Policy::default(),
            auto_cash: Some(AutoCash::default()),
            limits: Limits::default(),
        }
    }

    /// Also for cheques to this one.
    #[must_use]
    pub fn beneficiary(mut self, beneficiary: Address) -> Self {
        if !self.beneficiaries.contains(&beneficiary) {
            self.beneficiaries.push(beneficiary);
        }
        self
    }

    /// With another policy.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// With other settings of automatic cashing. `None`: only when an end is announced.
    #[must_use]
    pub const fn auto_cash(mut self, auto_cash: Option<AutoCash>) -> Self {
        self.auto_cash = auto_cash;
        self
    }

    /// With other limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
