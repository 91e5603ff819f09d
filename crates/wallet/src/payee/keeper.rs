//! The task that cashes automatically. Each chequebook has a task of its own while something of it is due, so that trouble
//! with one is no trouble for the others, and those that rest cost nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use alloy::primitives::{Address, U256};
use chequebook::{Overdraft, SignedCheque, State};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::{
    auto_cash::Mode,
    exposure::{Exposure, Line, Open, Price},
    plan::{Candidate, plan},
};
use crate::{Error, chain::Seen, timer::wait_until, wallet::Wallet};

/// How long the price of a cash decides that a cheque is not worth it.
const BELIEVED: Duration = Duration::from_secs(3_600);
/// The same once the end is announced.
const BELIEVED_AT_END: Duration = Duration::from_secs(60);

/// A cheque that is to be cashed, and what its inbox wants.
#[derive(Clone)]
struct Job {
    cheque: SignedCheque,
    open: Open,
    owed: U256,
}

/// Starts the task that finds what is due, unless it runs. What is due of a chequebook is cashed by a task of its own.
pub(super) fn ensure(wallet: &Wallet) {
    let shared = wallet.shared();
    if !shared.agenda.begin() {
        return;
    }
    let (weak, agenda, watcher) = (wallet.downgrade(), Arc::clone(&shared.agenda), Arc::clone(&shared.watcher));
    let _ends_with_the_wallet = wallet.supervise("cashing", move || {
        let (weak, agenda, watcher) = (weak.clone(), Arc::clone(&agenda), Arc::clone(&watcher));
        async move {
            loop {
                let next = agenda.next();
                tokio::select! {
                    () = agenda.changed() => {}
                    () = wait_until(next) => {}
                    () = watcher.news().published() => {
                        let (is_new_block, changed) = watcher.news().take();
                        agenda.all_now(changed);
                        if is_new_block {
                            agenda.block();
                        }
                    }
                }
                let Some(wallet) = weak.upgrade() else { return };
                for contract in agenda.take(Instant::now()) {
                    if let Some(exposure) = Exposure::find(&wallet, contract) {
                        exposure.start_job();
                    }
                }
            }
        }
    });
}

impl Line {
    /// What of it is a reason to cash, in wei. Before the end, what was not acknowledged is none: the payer may pass it
    /// again.
    fn reason(&self, seen: &Seen, beneficiary: Address) -> U256 {
        let is_ending = is_ending(seen.state);
        let amount = if is_ending { self.amount() } else { self.acknowledged() };
        amount.saturating_sub(seen.sent(beneficiary))
    }
}

impl Exposure {
    /// Looks for what is due, in a task of its own. If that runs already, it looks once more.
    fn start_job(self: &Arc<Self>) {
        if !self.is_open() {
            return;
        }
        let mut job = self.job.lock();
        if std::mem::replace(&mut job.is_running, true) {
            job.is_outdated = true;
            return;
        }
        job.is_outdated = false;
        let (weak, number) = (Arc::downgrade(self), job.number);
        job.task = Some(self.wallet.supervise("cashing of one chequebook", move || {
            let weak = Weak::clone(&weak);
            async move {
                if let Some(exposure) = weak.upgrade() {
                    exposure.work(number).await;
                }
            }
        }));
    }

    async fn work(&self, number: u64) {
        loop {
            if let Err(error) = self.cash_what_is_due().await {
                tracing::warn!(contract = %self.watched.contract, %error, "could not cash automatically, will try again");
                let retry = self.wallet.shared().config.poll_interval;
                if let Some(again) = Instant::now().checked_add(retry) {
                    self.wallet.shared().agenda.at(again, self.watched.contract);
                }
            }
            let mut job = self.job.lock();
            if job.number != number {
                return; // it was aborted, and another one may run
            }
            if !std::mem::take(&mut job.is_outdated) {
                job.is_running = false;
                return;
            }
        }
    }

    /// Looks for what is due if the cheque of this beneficiary is a reason to cash.
    pub(super) fn look_if_wanted(&self, beneficiary: Address) {
        let now = Instant::now();
        let is_thin = self.is_thin.load(Ordering::Relaxed);
        let lines = self.lines.lock();
        let wanted = lines.by_beneficiary.get(&beneficiary).is_some_and(|line| {
            self.watched.read(|seen| {
                let reason = line.reason(seen, beneficiary);
                line.open.as_ref().is_some_and(|open| {
                    !reason.is_zero() && wants(open.mode, seen, reason, open.due.is_some_and(|due| due <= now), is_thin)
                })
            })
        });
        drop(lines);
        if wanted {
            self.look_now();
        }
    }

    /// Cashes what there is a reason to cash, and what it is worth. A reason lasts until it is cashed.
    async fn cash_what_is_due(&self) -> Result<(), Error> {
        let (mut jobs, seen) = self.jobs();
        let agenda = &self.wallet.shared().agenda;
        // What is not worth its gas, or under way, is looked at with each block.
        agenda.with_blocks(self.watched.contract, seen.is_unsettled);
        if let Some(due) = seen.next_due {
            agenda.at(due, self.watched.contract);
        }
        if jobs.is_empty() || seen.state == State::Dead {
            return Ok(());
        }
        self.create_if_missing(jobs.iter().find_map(|job| job.open.creation.as_deref().copied())).await?;
        self.cash_jobs(&mut jobs, &seen).await
    }

    /// What there is a reason to cash.
    fn jobs(&self) -> (Vec<Job>, Now) {
        let now = Instant::now();
        let balance = self.watched.read(|seen| seen.balance);
        if self.last_balance.lock().replace(balance).is_some_and(|before| balance < before) {
            self.is_thin.store(true, Ordering::Relaxed);
        }
        let is_thin = self.is_thin.load(Ordering::Relaxed);
        let (mut still_thin, mut next_due) = (false, None::<Instant>);
        let mut lines = self.lines.lock();
        let (jobs, seen) = self.watched.read(|seen| {
            let under_way = self.wallet.cashing().under_way(self.watched.contract, seen);
            let reserved = under_way.iter().map(|(&who, amount)| amount.saturating_sub(seen.sent(who)));
            let reserved = reserved.fold(U256::ZERO, U256::saturating_add);
            let is_ending = is_ending(seen.state);
            let mut jobs = Vec::new();
            for (&beneficiary, line) in &mut lines.by_beneficiary {
                let all = line.amount().saturating_sub(seen.sent(beneficiary));
                let reason = line.reason(seen, beneficiary);
                still_thin |= !all.is_zero() && leaves_little(seen, all);
                let may_overdraw = is_ending && line.open.as_ref().is_some_and(|open| open.policy.overdraw_at_end);
                let cheque = if may_overdraw { line.highest } else { line.to_cash(seen) };
                let Some(open) = &mut line.open else { continue };
                let Some(cheque) = cheque else {
                    next_due = open.due.filter(|due| *due > now).into_iter().chain(next_due).min();
                    continue;
                };
                let owed = cheque.cheque().amount.saturating_sub(seen.sent(beneficiary));
                let is_due = open.due.is_some_and(|due| due <= now);
                if owed.is_zero() || under_way.get(&beneficiary).is_some_and(|amount| *amount >= cheque.cheque().amount)
                {
                    if is_due {
                        open.due = open.mode.interval().and_then(|interval| now.checked_add(interval));
                    }
                } else if !reason.is_zero() && wants(open.mode, seen, reason, is_due, is_thin) {
                    jobs.push(Job { cheque, open: (**open).clone(), owed });
                }
                // What is due already waits for the next block.
                next_due = open.due.filter(|due| *due > now).into_iter().chain(next_due).min();
            }
            let is_unsettled = seen.state != State::Dead && !(jobs.is_empty() && under_way.is_empty());
            (jobs, Now { state: seen.state, balance: seen.balance, reserved, next_due, is_unsettled })
        });
        drop(lines);
        // Until nothing is owed that others could take, there is a reason to cash.
        self.is_thin.store(is_thin && still_thin, Ordering::Relaxed);
        (jobs, seen)
    }

    /// Cashes what the balance covers; at the end, what it does not cover, last.
    async fn cash_jobs(&self, jobs: &mut [Job], seen: &Now) -> Result<(), Error> {
        let is_ending = is_ending(seen.state);
        let mut out = BTreeSet::new();
        let mut result = Ok(());
        loop {
            let plan = plan(candidates(jobs, &out), seen.balance, seen.reserved, is_ending);
            let find = |beneficiary: &Address| jobs.iter().find(|job| job.beneficiary() == *beneficiary).cloned();
            let covered: Vec<Job> = plan.covered.iter().filter_map(find).collect();
            if covered.is_empty() {
                if let Some(job) = plan.last.as_ref().and_then(find) {
                    result = result.and(self.overdraw(job, seen.balance).await);
                }
                return result;
            }
            let mut is_under_way = false;
            for (job, cashed) in
                covered.iter().zip(join_all(covered.iter().map(|job| self.cash_covered(job.clone()))).await)
            {
                match cashed {
                    Ok(true) => is_under_way = true,
                    // What is not worth its gas, or is refused, must not keep others from what is there.
                    Ok(false) => _ = out.insert(job.beneficiary()),
                    Err(error) => {
                        out.insert(job.beneficiary());
                        result = result.and(Err(error));
                    }
                }
            }
            if is_under_way || !is_ending {
                return result;
            }
        }
    }

    /// Takes what is there.
    async fn overdraw(&self, job: Job, balance: U256) -> Result<(), Error> {
        if !self.is_worth(&job, balance, Overdraft::Consent).await? {
            return Ok(());
        }
        let contract = self.watched.contract;
        tracing::warn!(%contract, %balance, owed = %job.owed, "the end is announced: takes what is there");
        self.wallet.cashing().cash(&job.cheque, Overdraft::Consent).await.map(drop)
    }

    /// Whether it is under way now.
    async fn cash_covered(&self, job: Job) -> Result<bool, Error> {
        if !self.is_worth(&job, job.owed, Overdraft::Refuse).await? {
            return Ok(false);
        }
        match self.wallet.cashing().cash_soon(job.cheque).await {
            Ok(_) => Ok(true),
            // Others were faster: the next look decides anew.
            Err(Error::AlreadyCashed { .. } | Error::WouldBounce { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a cash that pays this much, in wei, is worth its gas.
    async fn is_worth(&self, job: &Job, pays: U256, overdraft: Overdraft) -> Result<bool, Error> {
        let most = self.watched.read(patience_at_end);
        self.wallet.cashing().check_patience(&job.cheque, most)?;
        if pays < job.open.policy.min_cash {
            return Ok(false);
        }
        let multiple = U256::from(job.open.policy.gas_multiple());
        if multiple.is_zero() {
            return Ok(true);
        }
        let (hash, base_fee, state) = self.watched.read(|seen| (seen.head.hash, seen.head.base_fee, seen.state));
        let last = self.price.lock().as_deref().copied();
        // The price of the last estimate, at today's base fee: nothing is asked for what is not worth that. Not for long,
        // because tips and what a rollup takes for its data do not follow the base fee, and a node may have been wrong.
        let believed = if is_ending(state) { BELIEVED_AT_END } else { BELIEVED };
        let guess = last.filter(|last| last.asked.elapsed() < believed);
        let guess = guess.map(|last| last.at(base_fee).saturating_mul(multiple));
        if guess.is_some_and(|worth| pays < worth) {
            return Ok(false);
        }
        let price = match last.filter(|last| last.hash == hash && overdraft == Overdraft::Refuse) {
            Some(last) => last.price,
            None => {
                let asked = Instant::now();
                let price = self.wallet.cashing().price(&job.cheque, overdraft).await?;
                *self.price.lock() = Some(Box::new(Price { asked, hash, base_fee, price }));
                price
            }
        };
        let worth = price.saturating_mul(multiple);
        if pays < worth {
            tracing::debug!(contract = %self.watched.contract, %pays, %worth, "a cash is not worth its gas yet");
        }
        Ok(pays >= worth)
    }
}

impl Job {
    const fn beneficiary(&self) -> Address {
        self.cheque.cheque().beneficiary
    }
}

/// What is known of a chequebook, and what is under way there, in wei.
struct Now {
    state: State,
    balance: U256,
    reserved: U256,
    /// When the next interval of an automatic cash ends.
    next_due: Option<Instant>,
    /// Whether something is to be cashed, or under way.
    is_unsettled: bool,
}

fn candidates(jobs: &[Job], out: &BTreeSet<Address>) -> Vec<Candidate> {
    let left = jobs.iter().filter(|job| !out.contains(&job.beneficiary()));
    let candidate = |job: &Job| Candidate {
        beneficiary: job.beneficiary(),
        owed: job.owed,
        may_overdraw: job.open.policy.overdraw_at_end,
    };
    left.map(candidate).collect()
}

/// Whether the end is announced.
const fn is_ending(state: State) -> bool {
    matches!(state, State::Ending { .. })
}

/// How long a cash that was refused waits at most once the end is announced: it must not miss it.
fn patience_at_end(seen: &Seen) -> Option<Duration> {
    match seen.state {
        State::Ending { killable_at } => Some(Duration::from_secs(killable_at.saturating_sub(seen.head.timestamp))),
        _ => None,
    }
}

/// Whether others could cash as much, and leave too little.
fn leaves_little(seen: &Seen, owed: U256) -> bool {
    seen.balance < owed.saturating_mul(U256::from(2))
}

/// Whether there is a reason to cash.
fn wants(mode: Mode, seen: &Seen, owed: U256, due: bool, fallen: bool) -> bool {
    let announced = is_ending(seen.state);
    match mode {
        Mode::Stopped => false,
        Mode::Guard => announced,
        Mode::Auto(settings) => {
            announced || due || (fallen && leaves_little(seen, owed)) || owed > settings.max_uncashed
        }
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
