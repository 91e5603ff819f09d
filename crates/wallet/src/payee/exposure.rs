//! What one chequebook owes to all beneficiaries of this wallet: one owner of these facts, and one decision at a time.

use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use alloy::primitives::{Address, B256, U256};
use chequebook::{Cheque, Creation, SignedCheque, State};
use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    task::AbortHandle,
    time::Instant,
};

use super::{auto_cash::Mode, policy::Policy};
use crate::{
    Error,
    answer::{causes, redact},
    chain::{Head, Seen, Subject, WatchedChequebook, Watching},
    credit::Purse,
    events::Event,
    store::{
        Batch, Durable,
        schema::{Promise, Received, accepted_key, received_key, received_of, table},
    },
    wallet::Wallet,
};

/// What is known of one beneficiary. It stays while its inbox is closed.
#[derive(Default)]
pub(super) struct Line {
    /// The highest valid cheque, acknowledged or not.
    pub(super) highest: Option<SignedCheque>,
    /// The cumulative amount that was acknowledged, in wei.
    acknowledged: U256,
    /// The cheque that was acknowledged last, if a higher one is kept: the balance may cover this one alone.
    accepted: Option<Box<SignedCheque>>,
    /// What was acknowledged, and nobody was told: the store did not answer in time, or the caller was dropped. In wei.
    unanswered: U256,
    /// While its inbox is open.
    pub(super) open: Option<Box<Open>>,
    /// Keeps what it was paid among what is read at each block.
    watching: Option<Watching>,
    /// Where a cashier keeps its credit.
    purse: Option<Arc<Purse>>,
}

/// What a cheque adds, until the caller is told.
pub(super) struct Added {
    exposure: Arc<Exposure>,
    beneficiary: Address,
    /// In wei.
    amount: U256,
}

impl Added {
    /// The caller is told. In wei.
    pub(super) fn tell(mut self) -> U256 {
        std::mem::take(&mut self.amount)
    }
}

impl Drop for Added {
    fn drop(&mut self) {
        let mut lines = self.exposure.lines.lock();
        if let Some(line) = lines.by_beneficiary.get_mut(&self.beneficiary) {
            line.unanswered = line.unanswered.saturating_add(self.amount);
        }
    }
}

/// What is owed to a beneficiary, in the smallest unit of the asset.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Of the highest valid cheque: cumulative.
    pub(super) amount: U256,
    pub(super) acknowledged: U256,
    pub(super) sent: U256,
    /// What a cash without an overdraft pays.
    pub(super) payable: U256,
    /// What of it may still be paid: what was acknowledged, or what the balance covers. Nothing if it is dead, and does not
    /// cover it.
    pub(super) worth: U256,
    /// Since when something of it is uncashed, in Unix seconds.
    pub(super) since: Option<u64>,
}

/// What an open inbox wants.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) policy: Arc<Policy>,
    pub(super) mode: Mode,
    /// When the interval of its automatic cash ends.
    pub(super) due: Option<Instant>,
    pub(super) creation: Option<Box<Creation>>,
}

/// What a cash costs, at a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Price {
    /// When it was asked.
    pub(super) asked: Instant,
    pub(super) hash: B256,
    /// In wei per gas.
    pub(super) base_fee: u128,
    /// In wei.
    pub(super) price: U256,
}

impl Price {
    /// About the price at another base fee, in wei.
    pub(super) fn at(&self, base_fee: u128) -> U256 {
        let scaled = self.price.saturating_mul(U256::from(base_fee));
        scaled.checked_div(U256::from(self.base_fee)).unwrap_or(self.price)
    }
}

impl Line {
    /// The cumulative amount that can be cashed, in wei.
    pub(super) fn amount(&self) -> U256 {
        self.highest.map_or(U256::ZERO, |highest| highest.cheque().amount)
    }

    /// The cumulative amount that was acknowledged, in wei.
    pub(super) const fn acknowledged(&self) -> U256 {
        self.acknowledged
    }

    /// The cheque to cash: the highest, or what was acknowledged if the balance does not cover that. Who holds a cheque
    /// that is too high must still be paid what was promised before.
    pub(super) fn to_cash(&self, seen: &Seen) -> Option<SignedCheque> {
        let highest = self.highest?;
        let Cheque { beneficiary, amount, .. } = *highest.cheque();
        let sent = seen.sent(beneficiary);
        let accepted = self.accepted.as_deref().filter(|accepted| accepted.cheque().amount > sent);
        Some(match accepted {
            Some(accepted) if amount.saturating_sub(sent) > seen.balance => *accepted,
            _ => highest,
        })
    }

    /// Acknowledges a cheque that is higher than the last one.
    fn accept(&mut self, cheque: &SignedCheque) {
        let amount = cheque.cheque().amount;
        self.acknowledged = amount;
        self.accepted = None;
        match self.amount().cmp(&amount) {
            Ordering::Less => self.highest = Some(*cheque),
            Ordering::Equal => {}
            Ordering::Greater => self.accepted = Some(Box::new(*cheque)),
        }
    }

    /// Keeps a cheque that is higher than all others, and not acknowledged.
    fn keep(&mut self, cheque: &SignedCheque) {
        let before = self.highest.replace(*cheque);
        if let Some(before) = before.filter(|before| before.cheque().amount == self.acknowledged) {
            self.accepted = Some(Box::new(before));
        }
    }

    fn rows(&self) -> Rows {
        let received =
            self.highest.map(|highest| Received { cheque: Promise::of(&highest), acknowledged: self.acknowledged });
        Rows { received, accepted: self.accepted.as_deref().map(Promise::of) }
    }
}

/// What the store has of one beneficiary.
#[derive(Clone, Copy, Debug)]
struct Rows {
    received: Option<Received>,
    accepted: Option<Promise>,
}

/// All beneficiaries of one chequebook.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) by_beneficiary: HashMap<Address, Box<Line>>,
    /// How many inboxes are open.
    opened: usize,
    /// What is acknowledged and not cashed, in wei, at a block: computed once for each block.
    uncashed: Option<(Arc<Head>, U256)>,
}

impl Lines {
    /// What is acknowledged to all beneficiaries and not cashed, in wei.
    fn uncashed(&mut self, seen: &Seen) -> U256 {
        if let Some((at, uncashed)) = &self.uncashed
            && at.hash == seen.head.hash
        {
            return *uncashed;
        }
        let all = self.by_beneficiary.iter();
        let owed = all.map(|(&beneficiary, line)| line.acknowledged.saturating_sub(seen.sent(beneficiary)));
        // A sum above 256 bits is never covered, so it may saturate.
        let uncashed = owed.fold(U256::ZERO, U256::saturating_add);
        self.uncashed = Some((Arc::clone(&seen.head), uncashed));
        uncashed
    }
}

/// What one chequebook owes to this wallet's beneficiaries.
pub(crate) struct Exposure {
    pub(super) wallet: Wallet,
    pub(super) watched: Arc<WatchedChequebook>,
    pub(super) lines: Mutex<Lines>,
    /// The task that cashes what is due, while there is something.
    pub(super) job: Mutex<Job>,
    /// What was there when it was last looked for what is due, in wei.
    pub(super) last_balance: Mutex<Option<U256>>,
    /// Whether payments to others left little, and not all is cashed since.
    pub(super) is_thin: AtomicBool,
    /// What a cash cost when it was last asked.
    pub(super) price: Mutex<Option<Box<Price>>>,
    /// One creation of the chequebook at a time. It guards no state.
    creating: AsyncMutex<()>,
}

impl Drop for Exposure {
    fn drop(&mut self) {
        self.wallet.shared().exposures.forget(&self.watched.contract);
    }
}

/// The task that cashes what is due of one chequebook.
#[derive(Default)]
pub(super) struct Job {
    pub(super) task: Option<AbortHandle>,
    pub(super) is_running: bool,
    /// How many were aborted. One that is may go on until it next waits for something.
    pub(super) number: u64,
    /// Whether something happened since it began.
    pub(super) is_outdated: bool,
}

/// A chequebook whose inboxes are to be opened, and their beneficiaries.
pub(super) type Wanted<'a> = (Subject<'a>, Vec<Address>);

/// What is owed by a chequebook, and what keeps the payments to the wanted beneficiaries among what is read.
pub(super) type Opened = (Arc<Exposure>, Vec<Watching>);

/// Who opens a chequebook. Dropping it lets the next one, and leaves nothing behind: strangers may name any number of them.
struct Turn<'a> {
    wallet: &'a Wallet,
    contract: Address,
    held: Option<OwnedMutexGuard<()>>,
}

impl<'a> Turn<'a> {
    async fn take(wallet: &'a Wallet, contract: Address) -> Self {
        let turns = wallet.shared().opening.insert(contract, Arc::new(AsyncMutex::new(())));
        let mut turn = Self { wallet, contract, held: None }; // forgets it also if this is dropped while it waits
        turn.held = Some(turns.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.held.take());
        self.wallet.shared().opening.forget(&self.contract);
    }
}

impl Exposure {
    /// The exposure to a chequebook, if somebody has it.
    pub(super) fn find(wallet: &Wallet, contract: Address) -> Option<Arc<Self>> {
        wallet.shared().exposures.find(&contract)?.downcast().ok()
    }

    /// The exposures to chequebooks, each of them once in `wanted`, in the order of their addresses, with all cheques that the
    /// store has of them. A failure of one is none of the others.
    pub(super) async fn open(wallet: &Wallet, wanted: &[Wanted<'_>]) -> Result<Vec<Result<Opened, Error>>, Error> {
        let shared = wallet.shared();
        let mut rows = Vec::with_capacity(wanted.len());
        let mut all = Vec::with_capacity(wanted.len());
        let mut opening = Vec::new();
        for (subject, beneficiaries) in wanted {
            let mut known = Vec::new();
            // One task at a time opens a chequebook, until it is there: what another one would receive and close meanwhile
            // would be missing in the rows. All take them in the same order, so that none waits for ever.
            // One that is found is held from here on: its rows are not read, so nobody else may end it.
            let mut found = Self::find(wallet, subject.contract());
            if found.is_none() {
                opening.push(Turn::take(wallet, subject.contract()).await);
                found = Self::find(wallet, subject.contract());
            }
            if found.is_none() {
                for (key, row) in shared.ledger.scan::<Received>(table::RECEIVED, subject.contract().as_slice()).await?
                {
                    let (contract, beneficiary) = received_of(&key)?;
                    let cheque = |promise: Promise| promise.cheque(contract, beneficiary, wallet.chain_id());
                    let accepted = if row.acknowledged < row.cheque.amount {
                        shared.ledger.get::<Promise>(&accepted_key(contract, beneficiary)).await?
                    } else {
                        None
                    };
                    let accepted = accepted.map(cheque).transpose()?.flatten().map(Box::new);
                    known.push((beneficiary, cheque(row.cheque)?, accepted, row.acknowledged));
                }
            }
            let both = beneficiaries.iter().copied().chain(known.iter().map(|(beneficiary, ..)| *beneficiary));
            all.push((*subject, both.collect()));
            rows.push((found, known));
        }
        let watched = shared.watcher.watch_many(&all).await?;
        let exposures =
            watched.into_iter().zip(rows).zip(wanted).map(|((watched, (found, rows)), (_, beneficiaries))| {
                let (watched, mut watching) = watched?;
                let known = watching.split_off(beneficiaries.len());
                if let Some(found) = found.or_else(|| Self::find(wallet, watched.contract)) {
                    return Ok((found, watching));
                }
                let mut by_beneficiary = HashMap::with_capacity(rows.len());
                for ((beneficiary, highest, accepted, acknowledged), watching) in rows.into_iter().zip(known) {
                    let watching = Some(watching);
                    let line = Line { highest, acknowledged, accepted, watching, ..Line::default() };
                    by_beneficiary.insert(beneficiary, Box::new(line));
                }
                let new = Arc::new(Self::new(wallet, watched, by_beneficiary));
                let kept = shared.exposures.insert(new.watched.contract, Arc::<Self>::clone(&new));
                Ok((kept.downcast().unwrap_or(new), watching))
            });
        let exposures = exposures.collect();
        drop(opening);
        Ok(exposures)
    }

    fn new(wallet: &Wallet, watched: Arc<WatchedChequebook>, by_beneficiary: HashMap<Address, Box<Line>>) -> Self {
        Self {
            wallet: wallet.clone(),
            watched,
            lines: Mutex::new(Lines { by_beneficiary, opened: 0, uncashed: None }),
            job: Mutex::default(),
            last_balance: Mutex::default(),
            is_thin: AtomicBool::new(true), // what happened before is not known
            price: Mutex::default(),
            creating: AsyncMutex::default(),
        }
    }

    /// Opens the line of a beneficiary, whose payments are watched.
    pub(super) fn open_line(&self, beneficiary: Address, open: Open, watching: Watching) {
        let mut lines = self.lines.lock();
        let line = lines.by_beneficiary.entry(beneficiary).or_default();
        if line.open.replace(Box::new(open)).is_none() {
            lines.opened = lines.opened.saturating_add(1);
        }
        if let Some(line) = lines.by_beneficiary.get_mut(&beneficiary) {
            line.watching.get_or_insert(watching);
        }
        drop(lines);
        self.look_now();
    }

    /// Closes the line of a beneficiary. What it is owed counts on.
    pub(super) fn close_line(&self, beneficiary: Address) {
        let mut lines = self.lines.lock();
        let Some(line) = lines.by_beneficiary.get_mut(&beneficiary) else { return };
        let was_open = line.open.take().is_some();
        let unused = if line.highest.is_none() { lines.by_beneficiary.remove(&beneficiary) } else { None };
        lines.opened = lines.opened.saturating_sub(usize::from(was_open));
        if lines.opened == 0 {
            // Nobody wants the task now, which may wait for the node, and would keep the wallet. Under the lock: what opens
            // next is looked at after this.
            self.wallet.shared().agenda.remove(self.watched.contract);
            let mut job = self.job.lock();
            job.is_running = false;
            job.number = job.number.wrapping_add(1);
            if let Some(task) = job.task.take() {
                task.abort();
            }
        }
        drop(lines);
        drop(unused); // ends a watch, which takes a lock
    }

    /// Whether an inbox is open.
    pub(super) fn is_open(&self) -> bool {
        self.lines.lock().opened > 0
    }

    /// Has the keeper look for what is due.
    pub(super) fn look_now(&self) {
        self.wallet.shared().agenda.now(self.watched.contract);
    }

    /// Changes what an open inbox wants.
    pub(super) fn set(&self, beneficiary: Address, change: impl FnOnce(&mut Open)) {
        let mut lines = self.lines.lock();
        if let Some(open) = lines.by_beneficiary.get_mut(&beneficiary).and_then(|line| line.open.as_mut()) {
            change(open);
        }
        drop(lines);
        self.look_now();
    }

    pub(super) fn policy(&self, beneficiary: Address) -> Option<Arc<Policy>> {
        Some(Arc::clone(&self.lines.lock().by_beneficiary.get(&beneficiary)?.open.as_ref()?.policy))
    }

    /// What its chequebook is created with, if its inbox was opened so.
    pub(super) fn creation(&self, beneficiary: Address) -> Option<Creation> {
        self.lines.lock().by_beneficiary.get(&beneficiary)?.open.as_ref()?.creation.as_deref().copied()
    }

    pub(super) fn highest(&self, beneficiary: Address) -> Option<SignedCheque> {
        self.lines.lock().by_beneficiary.get(&beneficiary)?.highest
    }

    /// The cheque to cash, unless it may overdraw.
    pub(super) fn to_cash(&self, beneficiary: Address) -> Option<SignedCheque> {
        let lines = self.lines.lock();
        let line = lines.by_beneficiary.get(&beneficiary)?;
        self.watched.read(|seen| line.to_cash(seen))
    }

    pub(super) fn acknowledged(&self, beneficiary: Address) -> U256 {
        self.lines.lock().by_beneficiary.get(&beneficiary).map_or(U256::ZERO, |line| line.acknowledged)
    }

    /* DECIDE */

    /// Refuses a cheque that adds nothing to what was acknowledged.
    pub(super) fn check_rise(&self, beneficiary: Address, amount: U256) -> Result<(), Error> {
        let newest = self.acknowledged(beneficiary);
        if amount > newest { Ok(()) } else { Err(Error::StaleCheque { amount, newest }) }
    }

    /// Acknowledges a valid cheque, unless it adds nothing or the policy refuses it now. Returns what it adds to the
    /// larger of what was acknowledged and what was paid, in wei.
    pub(super) fn acknowledge(
        self: &Arc<Self>,
        cheque: &SignedCheque,
        policy: &Policy,
    ) -> Result<(Durable, Added), Error> {
        let (beneficiary, amount) = (cheque.cheque().beneficiary, cheque.cheque().amount);
        let mut lines = self.lines.lock();
        let (brought, uncashed, is_first, now) = self.watched.read(|seen| {
            let newest = lines.by_beneficiary.get(&beneficiary).map_or(U256::ZERO, |line| line.acknowledged);
            let sent = seen.sent(beneficiary);
            if amount <= newest {
                return Err(Error::StaleCheque { amount, newest });
            }
            if amount <= sent {
                return Err(Error::AlreadyCashed { amount, sent });
            }
            let added = amount.saturating_sub(newest.max(sent));
            let uncashed = lines.uncashed(seen).saturating_add(added);
            let under_way = self.unacknowledged(&lines, seen, beneficiary, amount);
            policy.check_chequebook(self.watched.contract, seen, uncashed.saturating_add(under_way))?;
            // Nothing was uncashed before.
            let is_first = newest <= sent;
            Ok((added, uncashed, is_first, seen.head.timestamp))
        })?;
        let line = lines.by_beneficiary.entry(beneficiary).or_default();
        let before = line.rows();
        line.accept(cheque);
        let after = line.rows();
        if let Some((_, known)) = &mut lines.uncashed {
            *known = uncashed;
        }
        let event = Event::ChequeReceived { contract: self.watched.contract, beneficiary, amount, added: brought };
        let ledger = &self.wallet.shared().ledger;
        let unanswered = lines.by_beneficiary.get_mut(&beneficiary).map(|line| std::mem::take(&mut line.unanswered));
        let amount = brought.saturating_add(unanswered.unwrap_or_default());
        let added = Added { exposure: Arc::clone(self), beneficiary, amount };
        let purse = lines.by_beneficiary.get(&beneficiary).and_then(|line| line.purse.clone());
        // Under the lock, so that rows reach the store in order.
        let durable = match purse {
            None => self.row_of(beneficiary, before, after, event).map(|batch| ledger.submit(batch)),
            Some(purse) => self
                .row_of(beneficiary, before, after, event)
                .and_then(|batch| purse.accept(batch, brought, is_first, now, |batch| ledger.submit(batch))),
        };
        drop(lines); // before what was added, which takes it
        Ok((durable?, added))
    }

    /// What the latest cheque added, if it is this one, and nobody was told.
    pub(super) fn unanswered(self: &Arc<Self>, cheque: &SignedCheque) -> Option<Added> {
        let (beneficiary, amount) = (cheque.cheque().beneficiary, cheque.cheque().amount);
        let mut lines = self.lines.lock();
        let line = lines.by_beneficiary.get_mut(&beneficiary)?;
        if line.acknowledged != amount || line.unanswered.is_zero() {
            return None;
        }
        let amount = std::mem::take(&mut line.unanswered);
        drop(lines);
        Some(Added { exposure: Arc::clone(self), beneficiary, amount })
    }

    /// What cashes that are under way will pay besides what is acknowledged, in wei, if `amount` is acknowledged to
    /// `beneficiary`.
    fn unacknowledged(&self, lines: &Lines, seen: &Seen, beneficiary: Address, amount: U256) -> U256 {
        let acknowledged = |who: Address| {
            if who == beneficiary {
                return amount;
            }
            lines.by_beneficiary.get(&who).map_or(U256::ZERO, |line| line.acknowledged)
        };
        let under_way = self.wallet.cashing().under_way(self.watched.contract, seen).into_iter();
        let more = under_way.map(|(who, cashed)| cashed.saturating_sub(acknowledged(who).max(seen.sent(who))));
        more.fold(U256::ZERO, U256::saturating_add)
    }

    /// Keeps a valid cheque that is not acknowledged because of `error`, if it is the highest: it can be cashed all the
    /// same.
    pub(super) fn keep(&self, cheque: &SignedCheque, error: &Error) -> Result<Option<Durable>, Error> {
        let (beneficiary, amount) = (cheque.cheque().beneficiary, cheque.cheque().amount);
        let mut lines = self.lines.lock();
        let line = lines.by_beneficiary.entry(beneficiary).or_default();
        if line.highest.is_some_and(|highest| highest.cheque().amount >= amount) {
            return Ok(None);
        }
        let before = line.rows();
        line.keep(cheque);
        let after = line.rows();
        let (class, reason) = (error.class(), redact(&causes(error)));
        let event = Event::ChequeKept { contract: self.watched.contract, beneficiary, amount, class, reason };
        Ok(Some(self.wallet.shared().ledger.submit(self.row_of(beneficiary, before, after, event)?)))
    }

    fn row_of(&self, beneficiary: Address, before: Rows, after: Rows, event: Event) -> Result<Batch, Error> {
        let mut batch = Batch::new();
        let feed = self.wallet.shared().feed.clone();
        batch.when_durable(move || feed.tell(|| event));
        if let Some(received) = &after.received {
            batch.replace(received_key(self.watched.contract, beneficiary), before.received.as_ref(), received)?;
        }
        let key = accepted_key(self.watched.contract, beneficiary);
        match after.accepted {
            Some(accepted) => _ = batch.replace(key, before.accepted.as_ref(), &accepted)?,
            None if before.accepted.is_some() => _ = batch.remove(key),
            None => {}
        }
        Ok(batch)
    }

    /* CREDIT */

    /// Counts what the cheques of a beneficiary bring from now on.
    pub(super) fn count(&self, beneficiary: Address, purse: Arc<Purse>) {
        if let Some(line) = self.lines.lock().by_beneficiary.get_mut(&beneficiary) {
            line.purse = Some(purse);
        }
    }

    /// What a cashier shows of a beneficiary.
    pub(super) fn standing(&self, beneficiary: Address) -> Standing {
        let lines = self.lines.lock();
        let Some(line) = lines.by_beneficiary.get(&beneficiary) else { return Standing::default() };
        let (sent, balance, state, to_cash) =
            self.watched.read(|seen| (seen.sent(beneficiary), seen.balance, seen.state, line.to_cash(seen)));
        let owed = line.amount().saturating_sub(sent);
        let worth = match state {
            State::Dead if owed > balance => U256::ZERO,
            _ => line.acknowledged.saturating_sub(sent).max(owed.min(balance)),
        };
        Standing {
            amount: line.amount(),
            acknowledged: line.acknowledged,
            sent,
            payable: to_cash.map_or(U256::ZERO, |cheque| cheque.cheque().amount).saturating_sub(sent),
            worth,
            since: line.purse.as_ref().and_then(|purse| purse.since()),
        }
    }

    /* CREATE */

    /// Creates the chequebook if it is not created yet, and waits until it is included in a block.
    pub(super) async fn create_if_missing(&self, creation: Option<Creation>) -> Result<(), Error> {
        let Some(creation) = creation else { return Ok(()) };
        // Other inboxes of the same chequebook wait, and find it created.
        let _creating = self.creating.lock().await;
        if !self.is_missing().await? {
            return Ok(());
        }
        let factory = self.wallet.factory();
        let created = match factory.pending(self.watched.contract) {
            Some(pending) => pending.included().await,
            None => match factory.create(&creation, U256::ZERO).await {
                Ok(created) => created.included().await,
                Err(error) => Err(error),
            },
        };
        match created {
            // Somebody else may have created it first.
            Err(error) if self.is_missing().await? => Err(error),
            _ => Ok(()),
        }
    }

    async fn is_missing(&self) -> Result<bool, Error> {
        self.wallet.shared().watcher.refresh(&self.watched, Duration::ZERO).await?;
        Ok(self.watched.state() == State::NotDeployed)
    }
}
