//! What all payers and payees of a wallet know of the chain: read once for each block, not once for each cheque.
//!
//! State is read, not events: a node can leave an event out, and a chequebook with none is not told from one with many.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    primitives::{Address, B256, BlockNumber, Bytes, U256},
    sol_types::SolCall,
};
use chequebook::{
    Asset, Creation, Error as ChequeError, Form, State, Terms,
    bindings::{
        Chequebook::{killableAtCall, sentCall},
        ChequebookFactory::recordCall,
    },
    factory,
};
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

use super::{
    node::{Chain, Head, record_of},
    view::{Verdict, View},
};
use crate::{
    Error,
    config::Config,
    store::{
        Batch, Ledger,
        schema::{ViewRow, view_key},
    },
};

/// How many blocks are walked back at most to compare two branches.
const WALK: u64 = 64;
/// How often the view is made durable at most.
const REMEMBER: Duration = Duration::from_secs(15);

/// One look at the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) head: Head,
    /// The newest block that counts as final.
    pub(crate) confirmed: Head,
    /// How many reorganisations were seen before.
    pub(crate) branch: u64,
    /// When it began.
    pub(crate) began: Ticket,
    at: Instant,
}

/// Tells what came first, also where the clock does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// What is known of a chequebook, all of it at the same two blocks.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// When the look began that it is of.
    began: Ticket,
    pub(crate) head: Head,
    /// The newest block that counts as final.
    pub(crate) confirmed: Head,
    pub(crate) state: State,
    /// In wei, at the head.
    pub(crate) balance: U256,
    /// In wei, at the confirmed block. `None` if the node never said.
    pub(crate) confirmed_balance: Option<U256>,
    /// The cumulative amount paid to each watched beneficiary, in wei, at the head.
    sent: HashMap<Address, U256>,
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

    /// The same, once it has paid this much to a beneficiary, in wei.
    #[cfg(test)]
    pub(crate) fn paid(mut self, beneficiary: Address, sent: U256) -> Self {
        self.sent.insert(beneficiary, sent);
        self
    }

    /// The lower bound of the balance, in wei, even if a reorganisation drops the newest deposits.
    pub(crate) fn sure_balance(&self) -> U256 {
        self.balance.min(self.confirmed_balance.unwrap_or_default())
    }

    /// The amount that `beneficiary` was paid, in wei. It must be watched.
    pub(crate) fn sent(&self, beneficiary: Address) -> U256 {
        self.sent.get(&beneficiary).copied().unwrap_or_default()
    }
}

impl Seen {
    /// What was paid is never less than it was.
    fn keep_sent(&mut self, before: &Self) {
        for (beneficiary, sent) in &mut self.sent {
            *sent = before.sent(*beneficiary).max(*sent);
        }
    }
}

/// What is to be watched.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    contract: Address,
    /// Proves its terms, also before it is created.
    creation: Option<&'a Creation>,
    accept_unproven: bool,
}

impl<'a> Subject<'a> {
    /// A chequebook that the factory has created.
    pub(crate) const fn at(contract: Address) -> Self {
        Self { contract, creation: None, accept_unproven: false }
    }

    /// The chequebook at `contract`, which is the address of `creation` if there is one.
    pub(crate) const fn created_by(self, creation: Option<&'a Creation>) -> Self {
        Self { creation, ..self }
    }

    /// Whether a contract that the factory did not create is watched, too.
    pub(crate) const fn accept_unproven(self, accept_unproven: bool) -> Self {
        Self { accept_unproven, ..self }
    }
}

/// A chequebook that is in use in this process.
pub(crate) struct WatchedChequebook {
    pub(crate) contract: Address,
    /// The signer is never zero.
    pub(crate) terms: Terms,
    /// Of an unproven one, the code when it was first read: different code is a different contract. The address of all
    /// others proves it.
    unproven: Option<Bytes>,
    seen: Mutex<Seen>,
    /// How many handles want to know what each beneficiary was paid.
    interest: Mutex<HashMap<Address, usize>>,
    /// Whether it could not be read last time. Then nobody waits for it.
    is_failing: AtomicBool,
    /// Whether it is being read while nobody waits.
    is_retried: AtomicBool,
    /// The head of what was seen last.
    changes: watch::Sender<Head>,
}

impl WatchedChequebook {
    /// Whether the factory created it, or will.
    pub(crate) const fn is_proven(&self) -> bool {
        self.unproven.is_none()
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
        self.changes.subscribe()
    }

    fn beneficiaries(&self) -> Vec<Address> {
        self.interest.lock().keys().copied().collect()
    }

    /// Replaces what is known.
    fn update(&self, mut new: Seen) {
        let mut seen = self.seen.lock();
        if new.began < seen.began {
            return; // an answer that came late
        }
        let interest = self.interest.lock();
        // What joined the watch meanwhile was read at the head before, and is read again with the next.
        for (beneficiary, sent) in std::mem::take(&mut seen.sent) {
            if interest.contains_key(&beneficiary) {
                new.sent.entry(beneficiary).or_insert(sent);
            }
        }
        let head = new.head;
        *seen = new;
        drop((seen, interest));
        self.changes.send_replace(head);
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

    fn new(watched: &Arc<WatchedChequebook>, beneficiary: Address) -> Self {
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

/// All chequebooks that are watched, and the view of the chain that they share.
pub(crate) struct ChainWatcher {
    /// Itself, for what nobody waits for.
    this: Weak<Self>,
    chain: Arc<Chain>,
    ledger: Arc<Ledger>,
    config: Config,
    watched: Mutex<HashMap<Address, Weak<WatchedChequebook>>>,
    view: Mutex<View>,
    last: Mutex<Option<Look>>,
    /// When the newest block became the newest.
    advanced: Mutex<Option<Instant>>,
    /// The final block of an earlier run.
    confirmed_before: Option<(BlockNumber, B256)>,
    /// When the view was last made durable.
    remembered: Mutex<Option<Instant>>,
    /// One look at a time: all who ask meanwhile share the next. It guards no state.
    looking: tokio::sync::Mutex<()>,
    tickets: AtomicU64,
}

const fn row_of(look: &Look) -> ViewRow {
    let Look { head, confirmed, .. } = look;
    ViewRow { number: head.number, hash: head.hash, confirmed: confirmed.number, confirmed_hash: confirmed.hash }
}

impl ChainWatcher {
    pub(crate) async fn open(chain: Arc<Chain>, ledger: Arc<Ledger>, config: Config) -> Result<Arc<Self>, Error> {
        let mut view = View::default();
        let mut confirmed_before = None;
        if let Some(ViewRow { number, hash, confirmed, confirmed_hash }) = ledger.get(&view_key()).await? {
            view.remember(number, hash);
            confirmed_before = Some((confirmed, confirmed_hash));
        }
        Ok(Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            advanced: Mutex::default(),
            confirmed_before,
            chain,
            ledger,
            config,
            watched: Mutex::default(),
            view: Mutex::new(view),
            last: Mutex::default(),
            remembered: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            tickets: AtomicU64::new(1),
        }))
    }

    /* LOOK */

    /// The last look, if it is no older than `max_age`; otherwise a new one, which begins after this call.
    pub(crate) async fn look(&self, max_age: Duration) -> Result<Look, Error> {
        let called = self.ticket();
        if let Some(last) = self.last().filter(|last| !max_age.is_zero() && last.at.elapsed() <= max_age) {
            return Ok(last);
        }
        self.look_since(called).await
    }

    /// A look that began after this ticket was drawn.
    pub(crate) async fn look_since(&self, called: Ticket) -> Result<Look, Error> {
        let fresh = |look: &Look| look.began > called;
        if let Some(last) = self.last().filter(fresh) {
            return Ok(last);
        }
        let _looking = self.looking.lock().await;
        if let Some(last) = self.last().filter(fresh) {
            return Ok(last);
        }
        self.look_now().await
    }

    /// A ticket that is above all before.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    /// The last look, of any age.
    pub(crate) fn last(&self) -> Option<Look> {
        *self.last.lock()
    }

    /// Checks that the newest block is recent enough to decide on, by the clock of this machine.
    pub(crate) fn check_age(&self) -> Result<(), Error> {
        let (Some(max), Some(Look { head, .. })) = (self.config.max_head_age, self.last()) else { return Ok(()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_secs(head.timestamp));
        // A clock that is behind, ours or that of the chain, hides no stall.
        let unchanged = self.advanced.lock().map_or(Duration::ZERO, |at| at.elapsed());
        let age = age.max(unchanged);
        if age > max { Err(Error::StaleHead { number: head.number, age, max }) } else { Ok(()) }
    }

    async fn look_now(&self) -> Result<Look, Error> {
        let (began, at) = (self.ticket(), Instant::now());
        let found = self.chain.head().await?;
        let head = self.follow(found).await?;
        let before = self.last().filter(|last| last.head.hash == head.hash);
        let confirmed = match before {
            Some(last) => last.confirmed,
            None => self.confirmed(head).await?,
        };
        let look = Look { head, confirmed, branch: self.view.lock().branch(), began, at };
        let all: Vec<_> = self.watched.lock().values().filter_map(Weak::upgrade).collect();
        let behind = all.into_iter().filter(|one| one.read(|seen| seen.head.hash != head.hash));
        // Nobody waits for those that could not be read before: they may take as long as the time limits allow.
        let (failing, sound): (Vec<_>, Vec<_>) = behind.partition(|one| one.is_failing.load(Ordering::Relaxed));
        for watched in failing {
            self.retry(watched, look);
        }
        for (watched, seen) in self.read_all(&sound, look).await {
            settle(&watched, seen);
        }
        if before.is_none() {
            *self.advanced.lock() = Some(at);
        }
        *self.last.lock() = Some(look);
        self.remember(look);
        Ok(look)
    }

    /// Reads a chequebook again while nobody waits.
    fn retry(&self, watched: Arc<WatchedChequebook>, look: Look) {
        let Some(this) = self.this.upgrade().filter(|_| !watched.is_retried.swap(true, Ordering::Relaxed)) else {
            return;
        };
        tokio::spawn(async move {
            for (watched, seen) in this.read_all(std::slice::from_ref(&watched), look).await {
                settle(&watched, seen);
            }
            watched.is_retried.store(false, Ordering::Relaxed);
        });
    }

    /// Decides whether to believe a block that the node calls its newest, and returns the newest that is believed.
    async fn follow(&self, found: Head) -> Result<Head, Error> {
        let verdict = self.view.lock().judge(&found);
        let reorganised = match verdict {
            Verdict::Same | Verdict::Follows => false,
            Verdict::Reorganised => true,
            Verdict::FollowsIf { number, hash } => {
                // A block that no other question shows is not there.
                if self.chain.shown(found.number).await?.hash != found.hash {
                    return Err(Error::Reorganised { block: found.number });
                }
                self.chain.block(number).await?.hash != hash
            }
            Verdict::BehindUnless { number, hash } => {
                if self.chain.block(number).await?.hash == hash && !self.is_other_branch(found).await? {
                    return self.behind(found);
                }
                true
            }
            Verdict::Behind => return self.behind(found),
        };
        if !reorganised {
            self.view.lock().accept(found);
            return Ok(found);
        }
        let remembered = self.view.lock().below(found.number);
        let mut ancestor = None;
        for (number, hash) in remembered {
            if self.chain.block(number).await?.hash == hash {
                ancestor = Some(number);
                break;
            }
        }
        tracing::info!(number = found.number, hash = %found.hash, ?ancestor, "chain was reorganised");
        self.view.lock().reorganise(ancestor, found);
        Ok(found)
    }

    /// Whether a block is of another branch than the newest that is known, though it is older: the blocks before that one
    /// show it, if the node still has them by their hashes.
    async fn is_other_branch(&self, found: Head) -> Result<bool, Error> {
        let Some(mut head) = self.view.lock().head() else { return Ok(false) };
        for _ in 0..WALK {
            if head.number <= found.number {
                return Ok(head.number == found.number && head.hash != found.hash);
            }
            match self.chain.block_of(head.parent).await? {
                Some(parent) if parent.number.checked_add(1) == Some(head.number) => head = parent,
                _ => return Ok(false),
            }
            self.view.lock().learn(head);
        }
        Ok(false)
    }

    /// A node that is behind proves nothing: what is known stays.
    fn behind(&self, found: Head) -> Result<Head, Error> {
        let view = self.view.lock();
        tracing::debug!(found = found.number, newest = ?view.newest(), "node is behind");
        let expected = view.newest().unwrap_or_default();
        view.head().ok_or(Error::NodeBehind { found: found.number, expected })
    }

    /// The newest final block, as seen from `head`: never one before that of the last look, unless the chain was
    /// reorganised.
    async fn confirmed(&self, head: Head) -> Result<Head, Error> {
        let last = self.last().map(|last| last.confirmed);
        let found = match self.chain.confirmed(head).await {
            Ok(found) => found,
            // What is new needs no final block: the guard goes on, with what was final before.
            Err(error) => {
                tracing::warn!(%error, "the node does not say what is final");
                match last {
                    Some(last) => last,
                    None => self.chain.block(0).await?,
                }
            }
        };
        let before = last.map(|last| (last.number, last.hash)).or(self.confirmed_before);
        let Some((number, hash)) = before.filter(|(number, _)| *number > found.number && *number <= head.number) else {
            return Ok(found);
        };
        let block = self.chain.block(number).await?;
        Ok(if block.hash == hash { block } else { found })
    }

    /// What the next run must not go back behind.
    pub(crate) fn row(&self) -> Option<ViewRow> {
        self.last().map(|look| row_of(&look))
    }

    /// Makes the view durable. Nobody waits for it.
    fn remember(&self, look: Look) {
        let mut remembered = self.remembered.lock();
        if remembered.is_some_and(|at| at.elapsed() < REMEMBER) {
            return;
        }
        *remembered = Some(Instant::now());
        drop(remembered);
        let mut batch = Batch::new();
        match batch.put(view_key(), &row_of(&look)) {
            Ok(_) => drop(self.ledger.submit(batch)),
            Err(error) => tracing::error!(%error, "could not store the view of the chain"),
        }
    }

    /* READ */

    /// Reads chequebooks with as few questions as possible, each at the blocks of `look`.
    async fn read_all(
        &self,
        all: &[Arc<WatchedChequebook>],
        look: Look,
    ) -> Vec<(Arc<WatchedChequebook>, Result<Seen, Error>)> {
        let wanted: Vec<_> = all.iter().map(|watched| (watched.contract, watched.beneficiaries())).collect();
        let mut seen = read(&self.chain, &wanted, look).await;
        for (watched, seen) in all.iter().zip(&mut seen) {
            if let (Some(expected), Ok(known)) = (&watched.unproven, &mut *seen) {
                match self.chain.code(watched.contract, look.head.id()).await {
                    Ok(code) if code == *expected => {}
                    Ok(_) => known.state = State::Dead,
                    Err(error) => *seen = Err(error),
                }
            }
            if let Ok(new) = seen {
                // Without the balance at the final block, the one before counts.
                if new.confirmed_balance.is_none() {
                    (new.confirmed, new.confirmed_balance) =
                        watched.read(|before| (before.confirmed, before.confirmed_balance));
                }
                // Before Cancun, the memory of a dead one is erased.
                if new.state == State::Dead {
                    watched.read(|before| new.keep_sent(before));
                }
                if let Err(error) = self.check_history(watched, new).await {
                    *seen = Err(error);
                }
            }
        }
        all.iter().cloned().zip(seen).collect()
    }

    /// What the rules of the contract exclude is a lie, unless the chain was reorganised.
    async fn check_history(&self, watched: &WatchedChequebook, new: &Seen) -> Result<(), Error> {
        let (before, what) = watched.read(|before| (before.head, contradiction(before, new)));
        let Some(what) = what.filter(|_| watched.is_proven()) else { return Ok(()) };
        if self.chain.block(before.number).await?.hash != before.hash {
            return Ok(());
        }
        // One of the two is wrong: what the node says of the earlier block now tells which.
        let look = Look { head: before, confirmed: before, branch: 0, began: Ticket(0), at: Instant::now() };
        let mut again = read(&self.chain, &[(watched.contract, watched.beneficiaries())], look).await;
        match again.pop() {
            Some(Ok(again)) if contradiction(&again, new).is_none() => Ok(()),
            _ => Err(Error::Contradiction { contract: watched.contract, what }),
        }
    }

    /* WATCH */

    /// Watches a chequebook until the returned handle is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`]; [`ChequeError::Unproven`] unless the subject allows it; [`ChequeError::WrongAsset`] if it pays
    /// a token; [`Error::Dead`] if its account was erased; [`Error::NotGenuine`] if it does not answer like a
    /// chequebook; or an error from the node.
    pub(crate) async fn watch(&self, subject: Subject<'_>) -> Result<Arc<WatchedChequebook>, Error> {
        if let Some(watched) = self.find(subject.contract) {
            if !watched.is_proven() && !subject.accept_unproven {
                return Err(ChequeError::Unproven { contract: subject.contract }.into());
            }
            return Ok(watched);
        }
        let look = self.look(Duration::ZERO).await?; // it may have been created just now
        let (terms, unproven) = self.identify(subject, look.head).await?;
        let mut seen = read(&self.chain, &[(subject.contract, Vec::new())], look).await;
        let seen = seen.pop().ok_or(Error::NotGenuine { contract: subject.contract })??;
        Ok(self.insert(WatchedChequebook {
            contract: subject.contract,
            terms,
            unproven,
            changes: watch::Sender::new(seen.head),
            seen: Mutex::new(seen),
            interest: Mutex::default(),
            is_failing: AtomicBool::new(false),
            is_retried: AtomicBool::new(false),
        }))
    }

    /// Reads what a chequebook paid to these beneficiaries, now and at each block until the returned handles are dropped.
    pub(crate) async fn attend(
        &self,
        watched: &Arc<WatchedChequebook>,
        beneficiaries: &[Address],
    ) -> Result<Vec<Watching>, Error> {
        let watching: Vec<_> = beneficiaries.iter().map(|&one| Watching::new(watched, one)).collect();
        loop {
            let (head, new) = watched.read(|seen| {
                let new = beneficiaries.iter().copied().filter(|one| !seen.sent.contains_key(one));
                (seen.head, new.collect::<Vec<_>>())
            });
            if new.is_empty() {
                return Ok(watching);
            }
            let calls = new.iter().map(|&beneficiary| sent_call(watched.contract, beneficiary)).collect();
            let mut sent = Vec::with_capacity(new.len());
            for (&beneficiary, answer) in new.iter().zip(self.chain.read_many(calls, &head).await) {
                sent.push((beneficiary, sent_of(watched.contract, &answer?)?));
            }
            let mut seen = watched.seen.lock();
            // If there was a new block meanwhile, they are read again at that block.
            if seen.head.hash == head.hash {
                seen.sent.extend(sent);
                return Ok(watching);
            }
        }
    }

    /// Makes sure that a chequebook was read at the newest block.
    ///
    /// # Errors
    ///
    /// An error from the node, or [`Error::Contradiction`].
    pub(crate) async fn refresh(&self, watched: &Arc<WatchedChequebook>, max_age: Duration) -> Result<(), Error> {
        let look = self.look(max_age).await?;
        self.read_at(watched, look).await
    }

    /// The same at a look that began after this ticket was drawn.
    pub(crate) async fn refresh_since(&self, watched: &Arc<WatchedChequebook>, called: Ticket) -> Result<(), Error> {
        let look = self.look_since(called).await?;
        self.read_at(watched, look).await
    }

    async fn read_at(&self, watched: &Arc<WatchedChequebook>, look: Look) -> Result<(), Error> {
        if watched.read(|seen| seen.head.hash) == look.head.hash {
            return Ok(());
        }
        // It joined the watch, or could not be read, while all others were.
        for (watched, seen) in self.read_all(std::slice::from_ref(watched), look).await {
            watched.update(seen?);
            watched.is_failing.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The terms and, of an unproven one, the code.
    async fn identify(&self, subject: Subject<'_>, head: Head) -> Result<(Terms, Option<Bytes>), Error> {
        let Subject { contract, creation, accept_unproven } = subject;
        let record = self.chain.record(contract, head.id()).await?;
        let form = creation.map(|creation| creation.terms.form).or(record.map(|record| record.form));
        if let Some(found @ Asset::Token(_)) = form.map(Form::asset) {
            return Err(ChequeError::WrongAsset { contract, found, expected: Asset::Ether }.into());
        }
        if let Some(creation) = creation {
            return Ok((Terms { signer: creation.terms.effective_signer(), ..creation.terms }, None));
        }
        let code = self.chain.code(contract, head.id()).await?;
        match record {
            Some(_) if code.is_empty() => Err(Error::Dead { contract }),
            Some(record) => Ok((self.chain.terms(contract, record.form, head.id()).await?, None)),
            None if code.is_empty() => Err(Error::NoCode { contract }),
            None if !accept_unproven => Err(ChequeError::Unproven { contract }.into()),
            None => Ok((self.chain.terms(contract, Form::Direct, head.id()).await?, Some(code))),
        }
    }

    fn find(&self, contract: Address) -> Option<Arc<WatchedChequebook>> {
        self.watched.lock().get(&contract)?.upgrade()
    }

    /// Adds a chequebook that was just read, unless another task has added it.
    fn insert(&self, new: WatchedChequebook) -> Arc<WatchedChequebook> {
        let mut watched = self.watched.lock();
        watched.retain(|_, weak| weak.strong_count() > 0);
        if let Some(found) = watched.get(&new.contract).and_then(Weak::upgrade) {
            return found;
        }
        let new = Arc::new(new);
        watched.insert(new.contract, Arc::downgrade(&new));
        new
    }
}

/// Notes what was read of a chequebook. After a failure, what is known of it stays as it was, and all others go on.
fn settle(watched: &WatchedChequebook, seen: Result<Seen, Error>) {
    watched.is_failing.store(seen.is_err(), Ordering::Relaxed);
    match seen {
        Ok(seen) => watched.update(seen),
        Err(error) => tracing::warn!(contract = %watched.contract, %error, "could not read a chequebook"),
    }
}

/// What of `new` cannot follow from `before` on one chain.
fn contradiction(before: &Seen, new: &Seen) -> Option<String> {
    match (before.state, new.state) {
        (State::Dead, State::Dead) | (State::NotDeployed, _) => {}
        (State::Dead, state) | (_, state @ State::NotDeployed) => {
            return Some(format!("it was {:?}, and is {state:?}", before.state));
        }
        _ => {}
    }
    let fell = new.sent.iter().find(|(beneficiary, sent)| before.sent.get(*beneficiary) > Some(*sent));
    fell.map(|(beneficiary, sent)| {
        format!("it sent {} wei to {beneficiary}, and now {sent}", before.sent(*beneficiary))
    })
}

/// What chequebooks are and have paid, at the blocks of `look`. A failure of one is none of the others.
async fn read(chain: &Chain, wanted: &[(Address, Vec<Address>)], look: Look) -> Vec<Result<Seen, Error>> {
    let Look { head, confirmed, began, .. } = look;
    let mut calls = Vec::new();
    for (contract, beneficiaries) in wanted {
        calls.push((*contract, killableAtCall {}.abi_encode().into()));
        calls.push(Chain::balance_call(*contract));
        calls.extend(beneficiaries.iter().map(|&beneficiary| sent_call(*contract, beneficiary)));
    }
    let balances = wanted.iter().map(|(contract, _)| Chain::balance_call(*contract)).collect();
    let (now, before) = if confirmed.hash == head.hash {
        (chain.read_many(calls, &head).await, None)
    } else {
        let (now, before) = tokio::join!(chain.read_many(calls, &head), chain.read_many(balances, &confirmed));
        (now, Some(before))
    };

    let mut now = now.into_iter();
    let mut before = before.map(Vec::into_iter);
    let mut all = Vec::with_capacity(wanted.len());
    for (contract, beneficiaries) in wanted {
        let mut next = || now.next().unwrap_or(Err(Error::NotGenuine { contract: *contract }));
        let (killable_at, balance) = (next(), next());
        let sent: Vec<_> = beneficiaries.iter().map(|&beneficiary| (beneficiary, next())).collect();
        let confirmed_balance = before.as_mut().and_then(Iterator::next);
        all.push(async move {
            let state = state_of(chain, *contract, &killable_at?, &head).await?;
            let balance = balance_of(*contract, &balance?)?;
            // Old state may be pruned: then the newest counts all the same.
            let confirmed_balance = match confirmed_balance {
                Some(answer) => answer.ok().map(|answer| balance_of(*contract, &answer)).transpose()?,
                None => Some(balance),
            };
            let mut paid = HashMap::with_capacity(sent.len());
            for (beneficiary, answer) in sent {
                paid.insert(beneficiary, sent_of(*contract, &answer?)?);
            }
            Ok(Seen { began, head, confirmed, state, balance, confirmed_balance, sent: paid })
        });
    }
    futures_util::future::join_all(all).await
}

fn sent_call(contract: Address, beneficiary: Address) -> (Address, Bytes) {
    (contract, sentCall { beneficiary }.abi_encode().into())
}

/// What a contract has sent. One that is not there has sent nothing.
fn sent_of(contract: Address, answer: &Bytes) -> Result<U256, Error> {
    if answer.is_empty() {
        return Ok(U256::ZERO);
    }
    sentCall::abi_decode_returns(answer).map_err(|_| Error::NotGenuine { contract })
}

fn balance_of(contract: Address, answer: &Bytes) -> Result<U256, Error> {
    U256::try_from_be_slice(answer).filter(|_| answer.len() == 32).ok_or(Error::NotGenuine { contract })
}

/// An account without code is not deployed, or dead: the factory knows.
async fn state_of(chain: &Chain, contract: Address, killable_at: &Bytes, head: &Head) -> Result<State, Error> {
    if !killable_at.is_empty() {
        let killable_at = killableAtCall::abi_decode_returns(killable_at);
        return Ok(State::of_killable_at(killable_at.map_err(|_| Error::NotGenuine { contract })?));
    }
    let call = vec![(factory(), recordCall { chequebook: contract }.abi_encode().into())];
    let record = chain.read_many(call, head).await.pop().unwrap_or(Err(Error::NotGenuine { contract }))?;
    if record_of(&record)?.is_none() {
        return Ok(State::NotDeployed);
    }
    // One missing answer ends no chequebook.
    if chain.code(contract, head.id()).await?.is_empty() {
        return Ok(State::Dead);
    }
    Err(Error::Contradiction { contract, what: "it has code, and did not answer".to_owned() })
}
