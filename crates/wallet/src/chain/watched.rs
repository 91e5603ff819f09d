//! What is known of one chequebook, and who wants to know it.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use alloy::primitives::{Address, Bytes, U256};
use chequebook::{Asset, Creation, State, Terms};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{blocks::Ticket, node::Head};
use crate::events::{Event, Feed};

/// What is known of a chequebook, all of it at the same two blocks.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// When the look began that it is of.
    pub(super) began: Ticket,
    pub(crate) head: Head,
    /// The newest block that counts as final.
    pub(crate) confirmed: Head,
    pub(crate) state: State,
    /// In the smallest unit of its asset, as all amounts, at the head.
    pub(crate) balance: U256,
    /// At the confirmed block. `None` if the node never said.
    pub(crate) confirmed_balance: Option<U256>,
    /// The cumulative amount paid to each watched beneficiary, at the head.
    pub(super) sent: HashMap<Address, U256>,
}

impl Seen {
    /// A chequebook that has paid nothing.
    #[cfg(test)]
    pub(crate) fn of(head: Head, state: State, balance: U256) -> Self {
        Self {
            began: Ticket(0),
            head,
            confirmed: head,
            state,
            balance,
            confirmed_balance: Some(balance),
            sent: HashMap::new(),
        }
    }

    /// The lower bound of the balance, even if a reorganisation drops the newest deposits.
    pub(crate) fn sure_balance(&self) -> U256 {
        self.balance.min(self.confirmed_balance.unwrap_or_default())
    }

    /// The amount that `beneficiary` was paid. It must be watched.
    pub(crate) fn sent(&self, beneficiary: Address) -> U256 {
        self.sent.get(&beneficiary).copied().unwrap_or_default()
    }
}

impl Seen {
    /// Whether something besides the blocks differs.
    fn differs(&self, other: &Self) -> bool {
        let facts = |seen: &Self| (seen.state, seen.balance, seen.confirmed_balance);
        facts(self) != facts(other) || self.sent != other.sent
    }

    /// What was paid is never less than it was.
    pub(super) fn keep_sent(&mut self, before: &Self) {
        for (beneficiary, sent) in &mut self.sent {
            *sent = before.sent(*beneficiary).max(*sent);
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
    /// How many handles want to know what each beneficiary was paid.
    interest: Mutex<HashMap<Address, usize>>,
    /// Whether it could not be read last time. Then nobody waits for it.
    pub(super) is_failing: AtomicBool,
    /// Whether it is being read while nobody waits.
    pub(super) is_retried: AtomicBool,
    /// The head of what was seen last, once somebody wants to know.
    changes: OnceLock<watch::Sender<Head>>,
}

impl WatchedChequebook {
    pub(super) fn new(contract: Address, terms: Terms, unproven: Option<Bytes>, seen: Seen) -> Self {
        Self {
            contract,
            terms,
            unproven,
            seen: Mutex::new(seen),
            interest: Mutex::default(),
            is_failing: AtomicBool::new(false),
            is_retried: AtomicBool::new(false),
            changes: OnceLock::new(),
        }
    }

    /// Whether the factory created it, or will.
    pub(crate) const fn is_proven(&self) -> bool {
        self.unproven.is_none()
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
        self.changes.get_or_init(|| watch::Sender::new(self.read(|seen| seen.head))).subscribe()
    }

    pub(super) fn beneficiaries(&self) -> Vec<Address> {
        self.interest.lock().keys().copied().collect()
    }

    /// Replaces what is known, and tells of an end. Whether more than the blocks changed.
    pub(super) fn update(&self, mut new: Seen, feed: &Feed) -> bool {
        let mut seen = self.seen.lock();
        if new.began < seen.began {
            return false; // an answer that came late
        }
        let interest = self.interest.lock();
        // What joined the watch meanwhile was read at the head before, and is read again with the next.
        for (&beneficiary, &sent) in &seen.sent {
            if interest.contains_key(&beneficiary) {
                new.sent.entry(beneficiary).or_insert(sent);
            }
        }
        let (head, differs) = (new.head, new.differs(&seen));
        let event = told(self.contract, seen.state, new.state);
        *seen = new;
        drop(interest);
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
        let mut interest = watched.interest.lock();
        let count = interest.entry(beneficiary).or_default();
        *count = count.saturating_add(1);
        Self { watched: Arc::clone(watched), beneficiary }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut seen = self.watched.seen.lock();
        let mut interest = self.watched.interest.lock();
        let Some(count) = interest.get_mut(&self.beneficiary) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            interest.remove(&self.beneficiary);
            seen.sent.remove(&self.beneficiary);
        }
    }
}
