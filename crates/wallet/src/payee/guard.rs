//! The task that cashes automatically.

use std::{sync::Arc, time::Duration};

use alloy::primitives::U256;
use chequebook::{Form, State};
use tokio::time::{Instant, sleep_until};

use super::{auto_cash::Mode, mailbox::Mailbox};
use crate::{Error, chain::Snapshot};

/// The gas of a first cash, measured and rounded up. It decides whether a cash is worth its gas.
const CASH_GAS: u64 = 65_000;
/// The gas that creates a chequebook first: a clone, or a direct one.
const CREATE_CLONE_GAS: u64 = 100_000;
const CREATE_DIRECT_GAS: u64 = 600_000;

/// Runs until the inbox is dropped or the wallet is shut down.
pub(super) fn follow(inbox: &Arc<Mailbox>) {
    let weak = Arc::downgrade(inbox);
    let retry = inbox.wallet.shared().config.poll_interval;
    let mut snapshots = inbox.watched.changes();
    // The task must not keep the inbox open, so it holds only what wakes it.
    let (received, changed) = (Arc::clone(&inbox.received), Arc::clone(&inbox.changed));
    inbox.wallet.spawn(async move {
        let mut before = Arc::clone(&snapshots.borrow_and_update());
        let mut due = None; // when the interval ends
        let mut again = Some(Instant::now()); // when to check again
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
            let Some(inbox) = weak.upgrade() else { return };
            let now = Arc::clone(&snapshots.borrow_and_update());
            fallen = (fallen || now.balance < before.balance) && inbox.is_thin(&now);
            before = now;

            let mode = inbox.auto();
            let interval = if let Mode::Auto(settings) = mode { settings.interval } else { None };
            let interval = interval.filter(|interval| !interval.is_zero());
            again = None;
            if inbox.wants(mode, &before, timer, fallen)
                && let Err(error) = inbox.attempt().await
            {
                tracing::warn!(contract = %inbox.contract, %error, "could not cash automatically");
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

impl Mailbox {
    /// Whether the balance is below twice the uncashed amount: others could cash as much and leave too little.
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

    /// Cashes, unless a cash is pending or not worth its gas.
    async fn attempt(&self) -> Result<(), Error> {
        let Self { wallet, contract, beneficiary, policy, .. } = self;
        if wallet.cashing().pending(*contract, *beneficiary, U256::ZERO)?.is_some() {
            return Ok(());
        }
        let snapshot = self.watched.snapshot(Duration::ZERO).await?;
        let owed = self.promised().saturating_sub(snapshot.sent(*beneficiary));
        let pays = owed.min(snapshot.balance);
        let fees = wallet.shared().chain.fees().await?;
        // The maximum fee is about twice the current price of gas, so half of it is the current price.
        let gas = match (snapshot.state, self.watched.terms.form) {
            (State::NotDeployed, Form::Direct) => CREATE_DIRECT_GAS + CASH_GAS,
            (State::NotDeployed, _) => CREATE_CLONE_GAS + CASH_GAS,
            _ => CASH_GAS,
        };
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
