//! What one chequebook owes to all beneficiaries of this wallet: one owner of these facts, and one decision at a time.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use alloy::primitives::{Address, B256, U256};
use chequebook::{Creation, SignedCheque, State};
use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    task::AbortHandle,
    time::Instant,
};

use super::{auto_cash::Mode, policy::Policy};
use crate::{
    Error,
    chain::{Seen, Subject, WatchedChequebook, Watching},
    store::{
        Batch, Durable,
        schema::{Promise, Received, received_key, received_of, table},
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
    /// What was acknowledged, and nobody was told: the store did not answer in time, or the caller was dropped. In wei.
    unanswered: U256,
    /// While its inbox is open.
    pub(super) open: Option<Open>,
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

/// What an open inbox wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) policy: Policy,
    pub(super) mode: Mode,
    /// When the interval of its automatic cash ends.
    pub(super) due: Option<Instant>,
    pub(super) creation: Option<Creation>,
}

/// What a cash costs, at a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Price {
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

    fn row(&self) -> Option<Received> {
        self.highest.map(|highest| Received { cheque: Promise::of(&highest), acknowledged: self.acknowledged })
    }
}

/// All beneficiaries of one chequebook.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) by_beneficiary: HashMap<Address, Line>,
    /// What is acknowledged and not cashed, in wei, at a block: computed once for each block.
    uncashed: Option<(B256, U256)>,
}

impl Lines {
    /// What is acknowledged to all beneficiaries and not cashed, in wei.
    fn uncashed(&mut self, seen: &Seen) -> U256 {
        if let Some((_, uncashed)) = self.uncashed.filter(|(at, _)| *at == seen.head.hash) {
            return uncashed;
        }
        let all = self.by_beneficiary.iter();
        let owed = all.map(|(&beneficiary, line)| line.acknowledged.saturating_sub(seen.sent(beneficiary)));
        // A sum above 256 bits is never covered, so it may saturate.
        let uncashed = owed.fold(U256::ZERO, U256::saturating_add);
        self.uncashed = Some((seen.head.hash, uncashed));
        uncashed
    }
}

/// What one chequebook owes to this wallet's beneficiaries.
pub(crate) struct Exposure {
    pub(super) wallet: Wallet,
    pub(super) watched: Arc<WatchedChequebook>,
    pub(super) lines: Mutex<Lines>,
    /// Wakes the keeper.
    pub(super) wake: Arc<Notify>,
    /// The task that cashes automatically, while an inbox is open.
    pub(super) keeper: Mutex<Option<AbortHandle>>,
    /// Whether payments to others left little, and not all is cashed since.
    pub(super) is_thin: AtomicBool,
    /// What a cash cost when it was last asked.
    pub(super) price: Mutex<Option<Price>>,
    /// One creation of the chequebook at a time. It guards no state.
    creating: AsyncMutex<()>,
    /// Keep what was paid to the beneficiaries among what is read at each block.
    watching: Mutex<HashMap<Address, Watching>>,
}

impl Exposure {
    /// The exposure to a chequebook, with all cheques that the store has of it.
    pub(super) async fn open(wallet: &Wallet, subject: Subject<'_>) -> Result<Arc<Self>, Error> {
        let shared = wallet.shared();
        let watched = shared.watcher.watch(subject).await?;
        let contract = watched.contract;
        if let Some(found) = shared.exposures.find(contract) {
            return Ok(found);
        }
        let mut by_beneficiary = HashMap::new();
        for (key, row) in shared.ledger.scan::<Received>(table::RECEIVED, contract.as_slice()).await? {
            let (_, beneficiary) = received_of(&key)?;
            let highest = row.cheque.cheque(contract, beneficiary, wallet.chain_id())?;
            by_beneficiary.insert(beneficiary, Line { highest, acknowledged: row.acknowledged, ..Line::default() });
        }
        let beneficiaries: Vec<Address> = by_beneficiary.keys().copied().collect();
        let watching = shared.watcher.attend(&watched, &beneficiaries).await?;
        let new = Arc::new(Self {
            wallet: wallet.clone(),
            watched,
            lines: Mutex::new(Lines { by_beneficiary, uncashed: None }),
            wake: Arc::default(),
            keeper: Mutex::default(),
            is_thin: AtomicBool::new(true), // what happened before is not known
            price: Mutex::default(),
            creating: AsyncMutex::default(),
            watching: Mutex::new(beneficiaries.into_iter().zip(watching).collect()),
        });
        Ok(shared.exposures.insert(contract, new))
    }

    /// Opens the line of a beneficiary.
    pub(super) async fn open_line(&self, beneficiary: Address, open: Open) -> Result<(), Error> {
        let new = !self.watching.lock().contains_key(&beneficiary);
        if new {
            let watching = self.wallet.shared().watcher.attend(&self.watched, &[beneficiary]).await?;
            self.watching.lock().extend(watching.into_iter().map(|watching| (beneficiary, watching)));
        }
        let mut lines = self.lines.lock();
        lines.by_beneficiary.entry(beneficiary).or_default().open = Some(open);
        drop(lines);
        self.wake.notify_one();
        Ok(())
    }

    /// Closes the line of a beneficiary. What it is owed counts on.
    pub(super) fn close_line(&self, beneficiary: Address) {
        let mut lines = self.lines.lock();
        let Some(line) = lines.by_beneficiary.get_mut(&beneficiary) else { return };
        line.open = None;
        let unused = line.highest.is_none();
        if unused {
            lines.by_beneficiary.remove(&beneficiary);
        }
        // Without an open inbox nobody wants the keeper, which may wait for the node, and would keep the wallet.
        let keeper = if lines.by_beneficiary.values().any(|line| line.open.is_some()) {
            None
        } else {
            self.keeper.lock().take()
        };
        drop(lines);
        if let Some(keeper) = keeper {
            keeper.abort();
        }
        let unwatched = if unused { self.watching.lock().remove(&beneficiary) } else { None };
        drop(unwatched); // takes a lock of its own
    }

    /// Changes what an open inbox wants.
    pub(super) fn set(&self, beneficiary: Address, change: impl FnOnce(&mut Open)) {
        let mut lines = self.lines.lock();
        if let Some(open) = lines.by_beneficiary.get_mut(&beneficiary).and_then(|line| line.open.as_mut()) {
            change(open);
        }
        drop(lines);
        self.wake.notify_one();
    }

    pub(super) fn highest(&self, beneficiary: Address) -> Option<SignedCheque> {
        self.lines.lock().by_beneficiary.get(&beneficiary)?.highest
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
        let (added, uncashed) = self.watched.read(|seen| {
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
            Ok((added, uncashed))
        })?;
        let line = lines.by_beneficiary.entry(beneficiary).or_default();
        let before = line.row();
        line.acknowledged = amount;
        if line.highest.is_none_or(|highest| highest.cheque().amount < amount) {
            line.highest = Some(*cheque);
        }
        let after = line.row();
        if let Some((at, _)) = lines.uncashed {
            lines.uncashed = Some((at, uncashed));
        }
        let unanswered = lines.by_beneficiary.get_mut(&beneficiary).map(|line| std::mem::take(&mut line.unanswered));
        let amount = added.saturating_add(unanswered.unwrap_or_default());
        let added = Added { exposure: Arc::clone(self), beneficiary, amount };
        // Under the lock, so that rows reach the store in order.
        let durable = self.store(beneficiary, before, after);
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

    /// Keeps a valid cheque that is not acknowledged, if it is the highest: it can be cashed all the same.
    pub(super) fn keep(&self, cheque: &SignedCheque) -> Result<Option<Durable>, Error> {
        let (beneficiary, amount) = (cheque.cheque().beneficiary, cheque.cheque().amount);
        let mut lines = self.lines.lock();
        let line = lines.by_beneficiary.entry(beneficiary).or_default();
        if line.highest.is_some_and(|highest| highest.cheque().amount >= amount) {
            return Ok(None);
        }
        let before = line.row();
        line.highest = Some(*cheque);
        let after = line.row();
        self.store(beneficiary, before, after).map(Some)
    }

    fn store(&self, beneficiary: Address, before: Option<Received>, after: Option<Received>) -> Result<Durable, Error> {
        let mut batch = Batch::new();
        if let Some(after) = after {
            batch.replace(received_key(self.watched.contract, beneficiary), before.as_ref(), &after)?;
        }
        Ok(self.wallet.shared().ledger.submit(batch))
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
