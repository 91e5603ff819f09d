//! Calls that may come twice, or that limits bind: what one does, its key and what it counts are written in one commit.

mod counters;
mod past;
mod sweep;

use std::sync::Arc;

use alloy::primitives::{B256, U256, keccak256};
use chequebook::SignedCheque;
use tokio::sync::OwnedMutexGuard;

pub use self::counters::Limit;
pub(crate) use self::past::Past;
use self::{
    counters::{Counted, Counters},
    sweep::Sweep,
};
use crate::{
    Error,
    chain::ChainWatcher,
    config::Config,
    registry::Registry,
    store::{
        Batch, Durable, Ledger, StoreError, decode,
        schema::{Done, RequestRow, request_key, table, word_of},
    },
};

/// A call of somebody who may repeat it, as when an answer was lost, or whom limits bind.
///
/// Its key, and what it counts, are durable in the same commit as what it does: neither a crash nor another call at the
/// same moment comes between the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    at: u64,
    once: Option<Once>,
    /// The most that it alone may spend.
    most: Option<U256>,
    limits: Vec<Limit>,
}

/// What makes a request happen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Once {
    key: B256,
    content: B256,
}

impl Request {
    /// A request at a time, in Unix seconds, which decides about its day, and for how long its key is kept: until that is over
    /// by these times and by those of the newest blocks that were seen.
    pub const fn new(at: u64) -> Self {
        Self { at, once: None, most: None, limits: Vec::new() }
    }

    /// With a key: a later request with it does nothing, and gets what this one got, for
    /// [`Config::keep_requests`](crate::Config::keep_requests). `content` is a hash of what is asked for, by which a key
    /// that is used for something else is noticed. Whoever has the key gets what was done: make secret ones of what
    /// strangers send, for example a hash of who calls and of what it sent.
    #[must_use]
    pub const fn once(mut self, key: B256, content: B256) -> Self {
        self.once = Some(Once { key, content });
        self
    }

    /// Does nothing if it alone would spend more than this, in the smallest unit of the asset. The least of several counts.
    #[must_use]
    pub fn at_most(mut self, max: U256) -> Self {
        self.most = Some(self.most.map_or(max, |most| most.min(max)));
        self
    }

    /// Also counts what it spends, and does nothing if that would be too much. A counter counts for one asset.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// What comes after its cheque under the same key: what it spends is counted. It belongs to that cheque, and not to one
    /// that the key stands for once the first is forgotten.
    pub(crate) fn second(&self, cheque: &SignedCheque) -> Self {
        let content = cheque.cheque().digest();
        let once = self.once.map(|Once { key, .. }| Once { key: keccak256([key, content].concat()), content });
        Self { at: self.at, once, most: None, limits: Vec::new() }
    }
}

/// Makes what two calls with one key do follow each other.
struct Turn {
    all: Arc<Registry<B256, Turn>>,
    key: B256,
    /// It guards no state.
    taken: Arc<tokio::sync::Mutex<()>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.forget(&self.key);
    }
}

/// A key that nobody else can use meanwhile.
struct Claim {
    once: Once,
    _taken: OwnedMutexGuard<()>,
    _turn: Arc<Turn>,
}

/// What may be done now. Dropping it gives it up.
#[derive(Default)]
pub(crate) struct Pass {
    /// From when on its key is kept, in Unix seconds.
    at: u64,
    claim: Option<Claim>,
    counted: Vec<Counted>,
}

/// How a request begins.
pub(crate) enum Begun {
    New(Pass),
    /// It was done before, and that is durable.
    Before(Past),
}

/// The keys and counters of a wallet.
pub(crate) struct Requests {
    ledger: Arc<Ledger>,
    watcher: Arc<ChainWatcher>,
    /// For how long keys are kept, in seconds.
    keep: u64,
    turns: Arc<Registry<B256, Turn>>,
    counters: Counters,
    old: Sweep,
}

impl Requests {
    pub(crate) fn new(ledger: Arc<Ledger>, watcher: Arc<ChainWatcher>, config: &Config) -> Self {
        let keep = config.keep_requests.as_secs();
        let (turns, counters, old) = (Arc::default(), Counters::default(), Sweep::of(table::REQUESTS));
        Self { ledger, watcher, keep, turns, counters, old }
    }

    /// Waits for a request with the same key, and returns what was done for it; or reserves what this one spends.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::LimitReached`], [`Error::Store`].
    pub(crate) async fn begin(&self, request: Option<&Request>, spends: U256) -> Result<Begun, Error> {
        let Some(request) = request else { return Ok(Begun::New(Pass::default())) };
        let Request { at, once, most, limits } = request;
        // A clock that is ahead or behind, and is set later, must not make a key look old; and neither must a node.
        let newest = self.watcher.last().map_or(0, |look| look.head.timestamp);
        let (at_least, at_most) = (newest.min(*at), newest.max(*at));
        let forgotten = at_least.saturating_sub(self.keep);
        if let Err(error) = self.sweep(request, forgotten).await {
            tracing::warn!(%error, "could not look for old requests");
        }
        let claim = match once {
            None => None,
            Some(once) => {
                let claim = self.claim(*once).await;
                match self.known(once.key).await? {
                    None => Some(claim),
                    Some(row) if row.at < forgotten => Some(claim), // it is only still there
                    Some(RequestRow { content, done, .. }) if content == once.content => {
                        return Ok(Begun::Before(Past { key: once.key, done }));
                    }
                    Some(_) => return Err(Error::KeyReused { key: once.key }),
                }
            }
        };
        if let Some(max) = most.filter(|most| spends > *most) {
            return Err(Error::LimitReached { amount: spends, left: max, max });
        }
        let counted = self.counters.reserve(&self.ledger, limits, spends, *at).await?;
        Ok(Begun::New(Pass { at: at_most, claim, counted }))
    }

    /// What was done for the key of a request. Waits for one with it that is under way.
    pub(crate) async fn earlier(&self, request: &Request) -> Result<Option<Past>, Error> {
        let request = Request { most: None, limits: Vec::new(), ..request.clone() };
        Ok(match self.begin(Some(&request), U256::ZERO).await? {
            Begun::Before(past) => Some(past),
            Begun::New(_) => None,
        })
    }

    /// What was done for a key, durably.
    async fn known(&self, key: B256) -> Result<Option<RequestRow>, StoreError> {
        let key = request_key(key);
        if self.ledger.get::<RequestRow>(&key).await?.is_none() {
            return Ok(None);
        }
        // It may not be durable yet, and never become so.
        self.ledger.submit(Batch::new()).await?;
        self.ledger.get(&key).await
    }

    /// Keeps what another call did, which this one found. Returns once that is durable.
    pub(crate) async fn found(&self, pass: Pass, done: Done) -> Result<(), Error> {
        if pass.claim.is_none() {
            return Ok(());
        }
        Ok(pass.commit(Batch::new(), || done, |batch| self.ledger.submit(batch))?.await?)
    }

    fn turn(&self, key: B256) -> Arc<Turn> {
        self.turns.find(&key).unwrap_or_else(|| {
            let (all, taken) = (Arc::clone(&self.turns), Arc::default());
            self.turns.insert(key, Arc::new(Turn { all, key, taken }))
        })
    }

    async fn claim(&self, once: Once) -> Claim {
        let turn = self.turn(once.key);
        let taken = Arc::clone(&turn.taken).lock_owned().await;
        Claim { once, _taken: taken, _turn: turn }
    }

    /// Forgets some of what is older than `before`, in Unix seconds, of the kinds that a request adds to.
    async fn sweep(&self, request: &Request, before: u64) -> Result<(), StoreError> {
        if request.once.is_some() {
            self.sweep_keys(before).await?;
        }
        if !request.limits.is_empty() {
            self.counters.sweep(&self.ledger, before).await?;
        }
        Ok(())
    }

    async fn sweep_keys(&self, before: u64) -> Result<(), StoreError> {
        let (mut batch, mut turns) = (Batch::new(), Vec::new());
        for (key, value) in self.old.next(&self.ledger).await? {
            let row: RequestRow = decode(table::REQUESTS, &key, &value)?;
            if row.at >= before {
                continue;
            }
            // Whoever uses it now writes it anew.
            let turn = self.turn(word_of(table::REQUESTS, &key)?);
            let Ok(taken) = Arc::clone(&turn.taken).try_lock_owned() else { continue };
            // Whoever has just used it has written it anew, which may not be stored yet.
            let key = request_key(turn.key);
            if self.ledger.get::<RequestRow>(&key).await?.is_some_and(|row| row.at < before) {
                batch.remove(key);
                turns.push((taken, turn));
            }
        }
        if !turns.is_empty() {
            drop(self.ledger.submit(batch)); // nobody waits: they are looked for again
        }
        Ok(())
    }
}

impl Pass {
    /// Adds the key and what is counted to the batch that does it, which `submit` submits.
    pub(crate) fn commit(
        self,
        mut batch: Batch,
        done: impl FnOnce() -> Done,
        submit: impl FnOnce(Batch) -> Durable,
    ) -> Result<Durable, Error> {
        let Self { at, claim, counted } = self;
        if let Some(Claim { once: Once { key, content }, .. }) = &claim {
            batch.put(request_key(*key), &RequestRow { content: *content, at, done: done() })?;
        }
        counters::count(counted, batch, submit)
        // Only now another call with the same key goes on, and finds what was submitted.
    }
}
