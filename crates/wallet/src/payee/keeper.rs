//! The task that cashes automatically: one for each chequebook, so that trouble with one is no trouble for the others.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, U256};
use chequebook::{Overdraft, SignedCheque, State};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::{
    auto_cash::Mode,
    exposure::{Exposure, Open},
    plan::{Candidate, plan},
};
use crate::{
    Error,
    chain::{Seen, Subject},
    wallet::Wallet,
};

/// A cheque that is to be cashed, and what its inbox wants.
#[derive(Clone, Copy)]
struct Job {
    cheque: SignedCheque,
    open: Open,
    owed: U256,
}

/// The exposure to a chequebook, with its keeper.
pub(super) async fn open(wallet: &Wallet, subject: Subject<'_>) -> Result<Arc<Exposure>, Error> {
    let (exposure, is_new) = Exposure::open(wallet, subject).await?;
    if is_new {
        follow(&exposure);
    }
    Ok(exposure)
}

/// Runs until the last inbox of the chequebook is dropped or the wallet is shut down.
fn follow(exposure: &Arc<Exposure>) {
    let weak = Arc::downgrade(exposure);
    let wallet = exposure.wallet.clone();
    let retry = wallet.shared().config.poll_interval;
    let changes = exposure.watched.changes();
    // The task must not keep the inboxes open, so it holds only what wakes it.
    let wake = Arc::clone(&exposure.wake);
    wallet.clone().supervise("cashing", move || {
        let (weak, wake, mut changes) = (weak.clone(), Arc::clone(&wake), changes.clone());
        async move {
            let mut balance = None;
            let mut fallen = false;
            let mut again = Some(Instant::now());
            loop {
                let due = weak.upgrade().and_then(|exposure| exposure.next_due());
                tokio::select! {
                    () = wake.notified() => {}
                    () = wait_until(due) => {}
                    () = wait_until(again) => {}
                    changed = changes.changed() => if changed.is_err() { return },
                }
                let Some(exposure) = weak.upgrade() else { return };
                let now = exposure.watched.read(|seen| seen.balance);
                fallen |= balance.replace(now).is_some_and(|before| now < before);
                again = None;
                match exposure.cash_what_is_due(fallen).await {
                    Ok(()) => fallen = false,
                    Err(error) => {
                        let contract = exposure.watched.contract;
                        tracing::warn!(%contract, %error, "could not cash automatically, will try again");
                        again = Instant::now().checked_add(retry);
                    }
                }
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

impl Exposure {
    /// When the next interval of an automatic cash ends.
    fn next_due(&self) -> Option<Instant> {
        let lines = self.lines.lock();
        lines.by_beneficiary.values().filter_map(|line| line.open.as_ref()?.due).min()
    }

    /// Cashes what there is a reason to cash, and what it is worth.
    async fn cash_what_is_due(&self, fallen: bool) -> Result<(), Error> {
        let cashing = self.wallet.cashing();
        let under_way = cashing.under_way(&self.watched);
        let now = Instant::now();
        let mut reserved = U256::ZERO;
        let mut jobs = Vec::new();
        let (state, balance) = {
            let mut lines = self.lines.lock();
            self.watched.read(|seen| {
                for (&beneficiary, line) in &mut lines.by_beneficiary {
                    let owed = line.amount().saturating_sub(seen.sent(beneficiary));
                    if under_way.contains(&beneficiary) {
                        reserved = reserved.saturating_add(owed);
                        continue;
                    }
                    let Some(open) = &mut line.open else { continue };
                    let due = open.due.is_some_and(|due| due <= now);
                    if due {
                        open.due = open.mode.interval().and_then(|interval| now.checked_add(interval));
                    }
                    if wants(open.mode, seen, owed, due, fallen)
                        && let Some(cheque) = line.highest
                    {
                        jobs.push(Job { cheque, open: *open, owed });
                    }
                }
                (seen.state, seen.balance)
            })
        };
        if jobs.is_empty() || state == State::Dead {
            return Ok(());
        }
        self.create_if_missing(jobs.iter().find_map(|job| job.open.creation)).await?;

        let is_ending = matches!(state, State::Ending { .. });
        let candidates = jobs.iter().map(|job| Candidate {
            beneficiary: job.cheque.cheque().beneficiary,
            owed: job.owed,
            may_overdraw: job.open.policy.overdraw_at_end,
        });
        let plan = plan(candidates.collect(), balance, reserved, is_ending);
        let find = |beneficiary: &Address| jobs.iter().find(|job| job.cheque.cheque().beneficiary == *beneficiary);
        let covered: Vec<Job> = plan.covered.iter().filter_map(find).copied().collect();
        let mut result = Ok(());
        for cashed in join_all(covered.into_iter().map(|job| self.cash_covered(job))).await {
            result = result.and(cashed);
        }
        if let Some(job) = plan.last.as_ref().and_then(find)
            && self.is_worth(job, balance).await?
        {
            let contract = self.watched.contract;
            tracing::warn!(%contract, %balance, owed = %job.owed, "the end is announced: takes what is there");
            cashing.cash(&job.cheque, Overdraft::Consent).await?;
        }
        result
    }

    async fn cash_covered(&self, job: Job) -> Result<(), Error> {
        if !self.is_worth(&job, job.owed).await? {
            return Ok(());
        }
        match self.wallet.cashing().cash_soon(job.cheque).await {
            // Others were faster: the next look decides anew.
            Err(Error::AlreadyCashed { .. } | Error::WouldBounce { .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a cash that pays this much, in wei, is worth its gas.
    async fn is_worth(&self, job: &Job, pays: U256) -> Result<bool, Error> {
        if job.open.policy.min_gas_multiple == 0 {
            return Ok(true);
        }
        let price = match self.wallet.cashing().price(&job.cheque).await {
            Ok(price) => price,
            // It cannot be estimated if the balance does not cover it; then what the contract refuses is not sent.
            Err(Error::Refused { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        let worth = price.saturating_mul(U256::from(job.open.policy.min_gas_multiple));
        if pays < worth {
            tracing::debug!(contract = %self.watched.contract, %pays, %worth, "a cash is not worth its gas yet");
        }
        Ok(pays >= worth)
    }
}

/// Whether there is a reason to cash.
fn wants(mode: Mode, seen: &Seen, owed: U256, due: bool, fallen: bool) -> bool {
    if owed.is_zero() {
        return false;
    }
    let announced = matches!(seen.state, State::Ending { .. });
    // Others could cash as much, and leave too little.
    let is_thin = seen.balance < owed.saturating_mul(U256::from(2));
    match mode {
        Mode::Stopped => false,
        Mode::Guard => announced,
        Mode::Auto(settings) => announced || due || (fallen && is_thin) || owed > settings.max_uncashed,
    }
}

impl Mode {
    /// How often to cash, if time is a reason.
    pub(super) fn interval(self) -> Option<Duration> {
        match self {
            Self::Auto(settings) => settings.interval.filter(|interval| !interval.is_zero()),
            Self::Guard | Self::Stopped => None,
        }
    }
}
