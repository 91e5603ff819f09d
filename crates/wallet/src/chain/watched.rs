//! What is known of one chequebook, and who wants to know it.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use alloy::primitives::{Address, Bytes, U256};
use chequebook::{Asset, Creation, State, Terms};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{blocks::Ticket, node::Head};
use crate::{
    events::{Event, Feed},
    registry::Registry,
};

/// What is known of a chequebook, all of it at the same two blocks.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// When the look began that it is of.
    pub(super) began: Ticket,
    /// Shared with all that were read at it.
    pub(crate) head: Arc<Head>,
    /// The newest block that counts as final.
    pub(crate) confirmed: Arc<Head>,
    pub(crate) state: State,
    /// In the smallest unit of its asset, as all amounts, at the head.
    pub(crate) balance: U256,
    /// At the confirmed block. `None` if the node never said.
    pub(crate) confirmed_balance: Option<U256>,
    /// What was paid to each beneficiary that is watched.
    pub(super) sent: HashMap<Address, Sent>,
    /// Whether one of them was read at the block before.
    pub(super) is_partial: bool,
}

/// What was paid to a beneficiary.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// Cumulative, in the smallest unit of the asset. Zero until it is read.
    pub(super) amount: U256,
    /// How many handles want to know it.
    interest: u32,
    pub(super) is_read: bool,
}

impl Sent {
    pub(super) const fn read(amount: U256) -> Self {
        Self { amount, interest: 0, is_read: true }
    }
}

impl Seen {
    /// A chequebook that has paid nothing.
    #[cfg(test)]
    pub(crate) fn of(head: Head, state: State, balance: U256) -> Self {
        Self {
            began: Ticket(0),
            head: Arc::new(head),
            confirmed: Arc::new(head),
            state,
            balance,
            confirmed_balance: Some(balance),
            sent: HashMap::new(),
            is_partial: false,
        }
    }

    /// The same, once it has paid this much to a beneficiary.
    #[cfg(test)]
    pub(crate) fn paid(mut self, beneficiary: Address, sent: U256) -> Self {
        self.sent.insert(beneficiary, Sent::read(sent));
        self
    }

    /// The lower bound of the balance, even if a reorganisation drops the newest deposits.
    pub(crate) fn sure_balance(&self) -> U256 {
        self.balance.min(self.confirmed_balance.unwrap_or_default())
    }

    /// The amount that `beneficiary` was paid. It must be watched.
    pub(crate) fn sent(&self, beneficiary: Address) -> U256 {
        self.sent.get(&beneficiary).map_or(U256::ZERO, |sent| sent.amount)
    }
}

impl Seen {
    /// Whether something besides the blocks differs.
    fn differs(&self, other: &Self) -> bool {
        let facts = |seen: &Self| (seen.state, seen.balance, seen.confirmed_balance);
        facts(self) != facts(other) || self.sent.keys().any(|one| self.sent(*one) != other.sent(*one))
    }

    /// What was paid is never less than it was.
    pub(super) fn keep_sent(&mut self, before: &Self) {
        for (beneficiary, sent) in &mut self.sent {
            sent.amount = before.sent(*beneficiary).max(sent.amount);
        }
    }
}

/// What is to be watched.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(super) contract: Address,
    /// Proves its terms, also before it is created.
    pub(super) creation: Option<&'a Creation>,
    pub(super) accept_unproven: bool,
    /// Whether it is asked no more than whether it is proven.
    pub(super) is_brief: bool,
    /// What it must pay with. `None`: any asset.
    pub(super) expected: Option<Asset>,
}

impl<'a> Subject<'a> {
    pub(crate) const fn contract(&self) -> Address {
        self.contract
    }

    /// A chequebook that the factory has created.
    pub(crate) const fn at(contract: Address) -> Self {
        Self { contract, creation: None, accept_unproven: false, is_brief: false, expected: None }
    }

    /// The chequebook at `contract`, which is the address of `creation` if there is one.
    pub(crate) const fn created_by(self, creation: Option<&'a Creation>) -> Self {
        Self { creation, ..self }
    }

    /// Whether a contract that the factory did not create is watched, too.
    pub(crate) const fn accept_unproven(self, accept_unproven: bool) -> Self {
        Self { accept_unproven, ..self }
    }

    /// Whether no more is asked of a contract that is not proven, and not accepted.
    pub(crate) const fn brief(self, is_brief: bool) -> Self {
        Self { is_brief, ..self }
    }

    /// Only a chequebook that pays this asset. One that is unproven counts as one of ether.
    pub(crate) const fn paying(self, expected: Asset) -> Self {
        Self { expected: Some(expected), ..self }
    }
}

/// A chequebook that is in use in this process.
pub(crate) struct WatchedChequebook {
    pub(crate) contract: Address,
    /// The signer is never zero.
    pub(crate) terms: Terms,
    /// Of an unproven one, the code when it was first read: different code is a different contract. The address of all
    /// others proves it.
    pub(super) unproven: Option<Bytes>,
    pub(super) seen: Mutex<Seen>,
    /// Whether it could not be read last time. Then nobody waits for it.
    pub(super) is_failing: AtomicBool,
    /// Whether it is being read while nobody waits.
    pub(super) is_retried: AtomicBool,
    /// The head of what was seen last, once somebody wants to know.
    changes: OnceLock<watch::Sender<Head>>,
    /// Where it is listed.
    pub(super) all: Option<Arc<Registry<Address, Self>>>,
}

impl Drop for WatchedChequebook {
    fn drop(&mut self) {
        if let Some(all) = &self.all {
            all.forget(&self.contract);
        }
    }
}

impl WatchedChequebook {
    pub(super) fn new(contract: Address, terms: Terms, unproven: Option<Bytes>, seen: Seen) -> Self {
        Self {
            contract,
            terms,
            unproven,
            seen: Mutex::new(seen),
            is_failing: AtomicBool::new(false),
            is_retried: AtomicBool::new(false),
            changes: OnceLock::new(),
            all: None,
        }
    }

    /// Whether the factory created it, or will.
    pub(crate) const fn is_proven(&self) -> bool {
        self.unproven.is_none()
    }

    /// Whether it could not be read last time.
    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// What it pays with.
    pub(crate) const fn asset(&self) -> Asset {
        self.terms.form.asset()
    }

    /// Reads what is known. Nothing is asked.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Seen) -> T) -> T {
        read(&self.seen.lock())
    }

    pub(crate) fn state(&self) -> State {
        self.read(|seen| seen.state)
    }

    /// Notifies of every look.
    pub(crate) fn changes(&self) -> watch::Receiver<Head> {
        self.changes.get_or_init(|| watch::Sender::new(self.read(|seen| *seen.head))).subscribe()
    }

    pub(super) fn beneficiaries(&self) -> Vec<Address> {
        self.read(|seen| seen.sent.iter().filter(|(_, sent)| sent.interest > 0).map(|(&one, _)| one).collect())
    }

    /// Replaces what is known, and tells of an end. Whether more than the blocks changed.
    pub(super) fn update(&self, mut new: Seen, feed: &Feed) -> bool {
        let mut seen = self.seen.lock();
        if new.began < seen.began {
            return false; // an answer that came late
        }
        // What joined the watch meanwhile was read at the head before: who needs it at this one reads it.
        for (&beneficiary, old) in &seen.sent {
            if let Some(sent) = new.sent.get_mut(&beneficiary) {
                sent.interest = old.interest;
            } else if old.interest > 0 {
                new.sent.insert(beneficiary, Sent { is_read: false, ..*old });
                new.is_partial = true;
            }
        }
        new.sent.retain(|_, sent| sent.interest > 0);
        let (head, differs) = (*new.head, new.differs(&seen));
        let event = told(self.contract, seen.state, new.state);
        *seen = new;
        if let Some(event) = event {
            feed.tell(|| event); // under the lock, so that events come in order
        }
        drop(seen);
        if let Some(changes) = self.changes.get() {
            changes.send_replace(head);
        }
        differs
    }
}

/// What is to be told when a chequebook that was in one state is in another.
const fn told(contract: Address, before: State, after: State) -> Option<Event> {
    match (before, after) {
        (State::Dead, State::Dead) => None,
        (_, State::Dead) => Some(Event::Dead { contract }),
        (State::Ending { killable_at: before }, State::Ending { killable_at }) if before == killable_at => None,
        (_, State::Ending { killable_at }) => Some(Event::EndAnnounced { contract, killable_at }),
        (State::Ending { .. } | State::Dead, _) => Some(Event::EndCancelled { contract }),
        (State::NotDeployed | State::Alive, _) => None,
    }
}

/// Keeps what a chequebook paid to one beneficiary among what is read at each block.
pub(crate) struct Watching {
    watched: Arc<WatchedChequebook>,
    beneficiary: Address,
}

impl Watching {
    pub(crate) const fn watched(&self) -> &Arc<WatchedChequebook> {
        &self.watched
    }

    pub(super) fn new(watched: &Arc<WatchedChequebook>, beneficiary: Address) -> Self {
        let mut seen = watched.seen.lock();
        let interest = &mut seen.sent.entry(beneficiary).or_default().interest;
        *interest = interest.saturating_add(1);
        drop(seen);
        Self { watched: Arc::clone(watched), beneficiary }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut seen = self.watched.seen.lock();
        let Some(sent) = seen.sent.get_mut(&self.beneficiary) else { return };
        sent.interest = sent.interest.saturating_sub(1);
        if sent.interest == 0 {
            seen.sent.remove(&self.beneficiary);
        }
    }
}
