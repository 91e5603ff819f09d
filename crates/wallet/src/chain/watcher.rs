//! What all payers and payees of a wallet know of the chain: read once for each block, not once for each cheque.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, BlockNumber, Bytes, U256},
    rpc::types::Filter,
};
use chequebook::{
    Asset, Creation, Error as ChequeError, Form, State, Terms,
    bindings::Chequebook::{killableAtCall, sentCall},
};
use futures_util::future::{join_all, try_join_all};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::node::{Chain, Head};
use crate::Error;

/// The state of a chequebook at one block.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) head: Head,
    /// The newest block that counts as final.
    pub(crate) confirmed: Head,
    pub(crate) state: State,
    /// In wei, at the head.
    pub(crate) balance: U256,
    /// In wei, at the confirmed block.
    pub(crate) confirmed_balance: U256,
    /// The cumulative amount paid to each watched beneficiary, in wei, at the head.
    sent: BTreeMap<Address, U256>,
    /// How many beneficiaries were watched.
    beneficiaries: usize,
    asked: Instant,
}

impl Snapshot {
    /// The lower bound of the balance, in wei, even if a reorganisation drops the newest deposits.
    pub(crate) fn sure_balance(&self) -> U256 {
        self.balance.min(self.confirmed_balance)
    }

    /// The amount that `beneficiary` was paid, in wei.
    pub(crate) fn sent(&self, beneficiary: Address) -> U256 {
        self.sent.get(&beneficiary).copied().unwrap_or_default()
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
    chain: Arc<Chain>,
    contract: Address,
    /// In blocks.
    confirmations: u64,
    /// The signer is never zero.
    pub(crate) terms: Terms,
    /// The block of its creation, or one before it.
    pub(crate) born_at: BlockNumber,
    /// Of an unproven one, the code when it was first read: different code is a different contract. The address of all
    /// others proves it.
    unproven: Option<Bytes>,
    beneficiaries: Mutex<BTreeSet<Address>>,
    newest: watch::Sender<Arc<Snapshot>>,
    /// Held during a request, so that all other callers wait for its answer.
    asking: tokio::sync::Mutex<()>,
}

impl WatchedChequebook {
    /// Whether the factory created it, or will.
    pub(crate) const fn is_proven(&self) -> bool {
        self.unproven.is_none()
    }

    /// A snapshot that is no older than `max_age`.
    pub(crate) async fn snapshot(&self, max_age: Duration) -> Result<Arc<Snapshot>, Error> {
        let called = Instant::now();
        // With a maximum age of zero, the request must have started after this call.
        let fresh = |snapshot: &Snapshot| {
            called.saturating_duration_since(snapshot.asked) <= max_age
                && (!max_age.is_zero() || snapshot.asked >= called)
                && snapshot.beneficiaries == self.beneficiaries.lock().len()
        };

        let cached = self.newest();
        if fresh(&cached) {
            return Ok(cached);
        }
        let _asking = self.asking.lock().await;
        let cached = self.newest();
        if fresh(&cached) {
            return Ok(cached);
        }
        let snapshot = Arc::new(self.ask().await?);
        self.newest.send_replace(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The last snapshot, of any age.
    pub(crate) fn newest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }

    /// Notifies of every new snapshot.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.newest.subscribe()
    }

    async fn ask(&self) -> Result<Snapshot, Error> {
        let beneficiaries = self.beneficiaries.lock().clone();
        ask(&self.chain, self.contract, self.confirmations, self.unproven.as_ref(), beneficiaries).await
    }
}

/// Reads everything at one block, identified by its hash, so that a reorganisation cannot mix two states.
async fn ask(
    chain: &Chain,
    contract: Address,
    confirmations: u64,
    unproven: Option<&Bytes>,
    beneficiaries: BTreeSet<Address>,
) -> Result<Snapshot, Error> {
    let asked = Instant::now();
    let head = chain.head().await?;
    let confirmed = chain.block(head.number.saturating_sub(confirmations)).await?;

    let (code, balance, confirmed_balance) = tokio::try_join!(
        chain.code(contract, head.id()),
        chain.balance(contract, head.id()),
        chain.balance(contract, confirmed.id()),
    )?;
    let mut state = State::Dead;
    let mut sent = BTreeMap::new();
    if !code.is_empty() && unproven.is_none_or(|expected| code == *expected) {
        state = State::of_killable_at(chain.read(contract, killableAtCall {}, head.id()).await?);
        sent = try_join_all(beneficiaries.iter().map(async |&beneficiary| {
            let sent = chain.read(contract, sentCall { beneficiary }, head.id()).await?;
            Ok::<_, Error>((beneficiary, sent))
        }))
        .await?
        .into_iter()
        .collect();
    } else if unproven.is_none() && chain.record(contract, head.id()).await?.is_none() {
        state = State::NotDeployed;
    }
    let beneficiaries = beneficiaries.len();
    Ok(Snapshot { head, confirmed, state, balance, confirmed_balance, sent, beneficiaries, asked })
}

/// All chequebooks that are watched, by address and confirmations.
pub(crate) struct ChainWatcher {
    chain: Arc<Chain>,
    max_age: Duration,
    watched: Mutex<HashMap<(Address, u64), Weak<WatchedChequebook>>>,
    last: tokio::sync::Mutex<Option<Head>>,
}

impl ChainWatcher {
    pub(crate) fn new(chain: Arc<Chain>, max_age: Duration) -> Self {
        Self { chain, max_age, watched: Mutex::default(), last: tokio::sync::Mutex::default() }
    }

    /// Watches a chequebook until the returned handle is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`]; [`ChequeError::Unproven`] unless the subject allows it; [`ChequeError::WrongAsset`] if it pays
    /// a token; [`Error::Dead`] if its account was erased; [`Error::NotGenuine`] if it does not answer like a
    /// chequebook; or an error from the node.
    pub(crate) async fn watch(
        &self,
        subject: Subject<'_>,
        confirmations: u64,
        beneficiary: Option<Address>,
    ) -> Result<Arc<WatchedChequebook>, Error> {
        let Subject { contract, accept_unproven, .. } = subject;
        if let Some(watched) = self.find(contract, confirmations) {
            if !watched.is_proven() && !accept_unproven {
                return Err(ChequeError::Unproven { contract }.into());
            }
            if let Some(beneficiary) = beneficiary {
                watched.beneficiaries.lock().insert(beneficiary);
                watched.snapshot(self.max_age).await?;
            }
            return Ok(watched);
        }

        let (terms, born_at, unproven) = self.identify(subject, confirmations).await?;
        let beneficiaries: BTreeSet<_> = beneficiary.into_iter().collect();
        let first = ask(&self.chain, contract, confirmations, unproven.as_ref(), beneficiaries.clone()).await?;
        let watched = WatchedChequebook {
            chain: Arc::clone(&self.chain),
            contract,
            confirmations,
            terms,
            born_at,
            unproven,
            beneficiaries: Mutex::new(beneficiaries),
            newest: watch::Sender::new(Arc::new(first)),
            asking: tokio::sync::Mutex::default(),
        };
        Ok(self.insert(watched))
    }

    /// The terms, the block of creation and, of an unproven one, the code.
    async fn identify(
        &self,
        subject: Subject<'_>,
        confirmations: u64,
    ) -> Result<(Terms, BlockNumber, Option<Bytes>), Error> {
        let Subject { contract, creation, accept_unproven } = subject;
        let head = self.chain.head().await?;
        let record = self.chain.record(contract, head.id()).await?;
        let form = creation.map(|creation| creation.terms.form).or(record.map(|record| record.form));
        if let Some(found @ Asset::Token(_)) = form.map(Form::asset) {
            return Err(ChequeError::WrongAsset { contract, found, expected: Asset::Ether }.into());
        }
        if let Some(creation) = creation {
            let terms = Terms { signer: creation.terms.effective_signer(), ..creation.terms };
            // Before its creation it has no events in blocks that count as final.
            let born_at = record.map_or(head.number.saturating_sub(confirmations), |record| record.born_at);
            return Ok((terms, born_at, None));
        }
        let code = self.chain.code(contract, head.id()).await?;
        match record {
            Some(_) if code.is_empty() => Err(Error::Dead { contract }),
            Some(record) => Ok((self.chain.terms(contract, record.form, head.id()).await?, record.born_at, None)),
            None if code.is_empty() => Err(Error::NoCode { contract }),
            None if !accept_unproven => Err(ChequeError::Unproven { contract }.into()),
            None => Ok((self.chain.terms(contract, Form::Direct, head.id()).await?, 0, Some(code))),
        }
    }

    fn find(&self, contract: Address, confirmations: u64) -> Option<Arc<WatchedChequebook>> {
        let watched = self.watched.lock();
        watched.get(&(contract, confirmations))?.upgrade()
    }

    /// Adds a chequebook that was just read, unless another task has added it.
    fn insert(&self, new: WatchedChequebook) -> Arc<WatchedChequebook> {
        let mut watched = self.watched.lock();
        watched.retain(|_, weak| weak.strong_count() > 0);
        let key = (new.contract, new.confirmations);
        if let Some(found) = watched.get(&key).and_then(Weak::upgrade) {
            let mut mine = new.beneficiaries.into_inner();
            found.beneficiaries.lock().append(&mut mine);
            return found;
        }
        let new = Arc::new(new);
        watched.insert(key, Arc::downgrade(&new));
        new
    }

    fn all(&self) -> Vec<Arc<WatchedChequebook>> {
        let watched = self.watched.lock();
        watched.values().filter_map(Weak::upgrade).collect()
    }

    /// Looks for a new block, and updates each chequebook that has a new event or an old snapshot. Returns the newest
    /// block.
    pub(crate) async fn advance(&self) -> Result<Head, Error> {
        self.chain.check_id().await?;
        let mut last = self.last.lock().await;
        let head = self.chain.head().await?;
        let all = self.all();
        let touched = match *last {
            Some(last) if last.hash == head.hash => Some(BTreeSet::new()),
            Some(last) => self.touched(&all, last, head).await?,
            None => None,
        };

        // A failure of one must not stop the update of the others.
        join_all(all.iter().map(|watched| {
            let named = touched.as_ref().is_none_or(|touched| touched.contains(&watched.contract));
            watched.snapshot(if named { Duration::ZERO } else { self.max_age })
        }))
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
        // After an error this is not reached, and the same events are requested again.
        *last = Some(head);
        Ok(head)
    }

    /// The chequebooks that have events since the last look, or a changed balance. `None` means all: the chain was
    /// reorganised, or the last look was too long ago.
    async fn touched(
        &self,
        all: &[Arc<WatchedChequebook>],
        last: Head,
        head: Head,
    ) -> Result<Option<BTreeSet<Address>>, Error> {
        let follows = head.number == last.number.saturating_add(1) && head.parent == last.hash;
        let far = head.number.saturating_sub(last.number) > self.chain.log_range;
        if head.number <= last.number || far || (!follows && self.chain.block(last.number).await?.hash != last.hash) {
            return Ok(None);
        }

        // Neither a deposit nor its confirmation emits an event.
        let balances = all.iter().map(|watched| self.chain.balance(watched.contract, head.id()));
        let balances = try_join_all(balances).await?;
        let changed = all.iter().zip(balances).filter(|(watched, balance)| {
            let newest = watched.newest();
            // Nor does the chequebook itself at its creation.
            newest.state == State::NotDeployed
                || newest.balance != *balance
                || newest.balance != newest.confirmed_balance
        });
        let mut touched: BTreeSet<_> = changed.map(|(watched, _)| watched.contract).collect();
        let contracts: Vec<_> = all.iter().map(|watched| watched.contract).collect();
        if !contracts.is_empty() {
            let filter = Filter::new().address(contracts);
            let logs = self.chain.logs(&filter, last.number.saturating_add(1), head.number).await?;
            touched.extend(logs.iter().map(|log| log.address()));
        }
        Ok(Some(touched))
    }
}
