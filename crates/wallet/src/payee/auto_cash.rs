//! Cashing without being asked.

use std::{sync::Arc, time::Duration};

use alloy::primitives::U256;
use chequebook::State;
use tokio::time::{Instant, sleep_until};

use super::{Inbox, Inner};
use crate::{Error, chain::Snapshot, setters::setters};

/// What a cash needs, in gas, to see whether it is worth that: a first one, measured, and rounded up.
const CASH_GAS: u64 = 65_000;
/// What it needs to create a clone before that.
const CREATE_GAS: u64 = 100_000;

/// When an inbox cashes by itself. Besides, it does so when the balance falls, by whatever others cash, below twice of
/// what is uncashed here; and, unless [stopped](Inbox::stop_auto_cash), when the end of the chequebook is announced.
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

/// Runs until the inbox is dropped or the wallet stopped.
pub(super) fn follow(inbox: &Arc<Inner>) {
    let weak = Arc::downgrade(inbox);
    let retry = inbox.wallet.shared().config.poll_interval;
    let mut snapshots = inbox.watched.changes();
    // The task must not keep the inbox open, only what wakes it.
    let (received, changed) = (Arc::clone(&inbox.received), Arc::clone(&inbox.changed));
    inbox.wallet.spawn(async move {
        let mut before = Arc::clone(&snapshots.borrow_and_update());
        let mut due = None; // when to cash for the sake of time
        let mut again = Some(Instant::now()); // when to look for reasons anew
        let mut fallen = false;
        loop {
            let mut timer = false;
            tokio::select! {
                () = changed.notified() => due = None,
                () = received.notified() => {}
                () = wait_until(due) => timer = true,
                () = wait_until(again) => {}
                changed = snapshots.changed() => if changed.is_err() { return },
            }
            let Some(inbox) = weak.upgrade().map(Inbox) else { return };
            let now = Arc::clone(&snapshots.borrow_and_update());
            fallen = (fallen || now.balance < before.balance) && inbox.0.is_thin(&now);
            before = now;

            let mode = inbox.0.auto();
            let interval = if let Mode::Auto(settings) = mode { settings.interval } else { None };
            let interval = interval.filter(|interval| !interval.is_zero());
            again = None;
            if inbox.0.wants(mode, &before, timer, fallen)
                && let Err(error) = inbox.0.attempt().await
            {
                tracing::warn!(contract = %inbox.contract(), %error, "could not cash automatically");
                again = Instant::now().checked_add(retry);
            }
            if timer || due.is_none() {
                due = interval.and_then(|interval| Instant::now().checked_add(interval));
            }
        }
    });
}

async fn wait_until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => std::future::pending().await,
    }
}

impl Inner {
    /// Whether one more cash by others of what is uncashed here could leave too little.
    fn is_thin(&self, snapshot: &Snapshot) -> bool {
        let uncashed = self.promised().saturating_sub(snapshot.sent(self.beneficiary));
        snapshot.balance < uncashed.saturating_mul(U256::from(2))
    }

    /// Whether there is a reason to cash.
    fn wants(&self, mode: Mode, snapshot: &Snapshot, timer: bool, fallen: bool) -> bool {
        let uncashed = self.promised().saturating_sub(snapshot.sent(self.beneficiary));
        if uncashed.is_zero() {
            return false;
        }
        let announced = matches!(snapshot.state, State::Ending { .. });
        match mode {
            Mode::Stopped => false,
            Mode::Guard => announced,
            Mode::Auto(settings) => announced || timer || fallen || uncashed > settings.max_uncashed,
        }
    }

    /// Cashes, unless that is under way, or not worth its gas.
    async fn attempt(&self) -> Result<(), Error> {
        let Self { wallet, contract, beneficiary, policy, .. } = self;
        if wallet.cashing().pending(*contract, *beneficiary, U256::ZERO)?.is_some() {
            return Ok(());
        }
        let snapshot = self.watched.snapshot(Duration::ZERO).await?;
        let owed = self.promised().saturating_sub(snapshot.sent(*beneficiary));
        let pays = owed.min(snapshot.balance);
        let fees = wallet.shared().chain.fees().await?;
        // The half of the offered maximum is what the price may rise; the other half is what it is now.
        let gas = if snapshot.state == State::NotDeployed { CREATE_GAS + CASH_GAS } else { CASH_GAS };
        let price = U256::from(fees.max_fee_per_gas / 2).saturating_mul(U256::from(gas));
        let worth = price.saturating_mul(U256::from(policy.min_gas_multiple));
        if pays < worth {
            tracing::debug!(%contract, %pays, %worth, "a cash is not worth its gas yet");
            return Ok(());
        }
        let Some(newest) = self.newest() else { return Ok(()) };
        self.create_if_missing().await?;
        wallet.cashing().cash_soon(newest, policy.overdraft).await.map(drop)
    }
}
