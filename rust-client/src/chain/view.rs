//! One view of the chain for all payers and payees of a client: asked once for each block, not once for each cheque.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, Bytes, U256},
    rpc::types::Filter,
};
use futures_util::future::{join_all, try_join_all};
use tokio::sync::watch;

use super::{Chain, Genuine, Head};
use crate::{
    Error, Opening,
    bindings::Chequebook::{killableAtCall, sentCall},
    clone,
};

/// Whether a chequebook lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// A clone that is not opened yet.
    Unborn,
    Alive,
    /// Its end is announced.
    Announced {
        /// From when on it may end, in Unix seconds.
        killable_at: u64,
    },
    Dead,
}

/// A chequebook as the chain shows it at one block.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) head: Head,
    /// The block that is so many blocks older that it counts as final.
    pub(crate) confirmed: Head,
    pub(crate) life: Life,
    /// In wei, at the head.
    pub(crate) balance: U256,
    /// In wei, at the confirmed block.
    pub(crate) confirmed_balance: U256,
    /// The cumulative amount paid to each beneficiary that is watched, in wei, at the head.
    sent: BTreeMap<Address, U256>,
    /// For how many beneficiaries we asked.
    beneficiaries: usize,
    asked: Instant,
}

impl Snapshot {
    /// What the chequebook surely has, whether or not its newest deposits stay: in wei.
    pub(crate) fn solvency(&self) -> U256 {
        self.balance.min(self.confirmed_balance)
    }

    /// What `beneficiary` was paid, in wei.
    pub(crate) fn sent(&self, beneficiary: Address) -> U256 {
        self.sent.get(&beneficiary).copied().unwrap_or_default()
    }
}

/// A chequebook that somebody in this process cares for.
pub(crate) struct Watched {
    chain: Arc<Chain>,
    contract: Address,
    /// In blocks.
    confirmations: u64,
    /// What its code fixes.
    pub(crate) genuine: Genuine,
    /// Its code when we first saw it, or what it will be. Another one, even a genuine one, is another chequebook.
    code: Bytes,
    beneficiaries: Mutex<BTreeSet<Address>>,
    /// The cumulative amount that each of our inboxes was promised, in wei.
    promised: Mutex<BTreeMap<Address, U256>>,
    newest: watch::Sender<Arc<Snapshot>>,
    /// Held by the one who asks, so that all others wait for the answer.
    asking: tokio::sync::Mutex<()>,
}

impl Watched {
    /// A snapshot that is no older than `max_age`.
    pub(crate) async fn snapshot(&self, max_age: Duration) -> Result<Arc<Snapshot>, Error> {
        let called = Instant::now();
        // With a maximal age of zero, an answer must be to a question that was asked after this call.
        let fresh = |snapshot: &Snapshot| {
            called.saturating_duration_since(snapshot.asked) <= max_age
                && (!max_age.is_zero() || snapshot.asked >= called)
                && snapshot.beneficiaries == self.beneficiaries.lock().unwrap_or_else(PoisonError::into_inner).len()
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

    /// The snapshot that we have, however old.
    pub(crate) fn newest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }

    /// Tells of every new snapshot.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.newest.subscribe()
    }

    pub(crate) const fn contract(&self) -> Address {
        self.contract
    }

    /// Notes the cumulative amount that `beneficiary` was promised, in wei.
    pub(crate) fn claims(&self, beneficiary: Address, amount: U256) {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner).insert(beneficiary, amount);
    }

    /// What all our inboxes have not yet cashed, in wei, if `beneficiary` is promised `amount`.
    pub(crate) fn uncashed(&self, snapshot: &Snapshot, beneficiary: Address, amount: U256) -> U256 {
        let promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        let others = promised.iter().filter(|(other, _)| **other != beneficiary);
        let all = others.map(|(&other, &amount)| (other, amount)).chain([(beneficiary, amount)]);
        // What does not fit into 256 bits is surely not covered.
        all.fold(U256::ZERO, |sum, (other, amount)| sum.saturating_add(amount.saturating_sub(snapshot.sent(other))))
    }

    async fn ask(&self) -> Result<Snapshot, Error> {
        let beneficiaries = self.beneficiaries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ask(&self.chain, self.contract, self.confirmations, &self.code, beneficiaries).await
    }
}

/// Reads everything at one block, named by its hash, so that no reorganisation can come between.
async fn ask(
    chain: &Chain,
    contract: Address,
    confirmations: u64,
    expected: &Bytes,
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
    let mut life = Life::Dead;
    let mut sent = BTreeMap::new();
    if code == *expected {
        life = match chain.read(contract, killableAtCall {}, head.id()).await? {
            U256::ZERO => Life::Alive,
            U256::MAX => Life::Dead,
            killable_at => Life::Announced { killable_at: killable_at.saturating_to() },
        };
        sent = try_join_all(beneficiaries.iter().map(async |&beneficiary| {
            let sent = chain.read(contract, sentCall { beneficiary }, head.id()).await?;
            Ok::<_, Error>((beneficiary, sent))
        }))
        .await?
        .into_iter()
        .collect();
    } else if code.is_empty()
        && clone::read(expected).is_some()
        && chain.opened_at(contract, head.id()).await?.is_none()
    {
        life = Life::Unborn;
    }
    let beneficiaries = beneficiaries.len();
    Ok(Snapshot { head, confirmed, life, balance, confirmed_balance, sent, beneficiaries, asked })
}

/// All chequebooks that are watched, by address and confirmations.
pub(crate) struct View {
    chain: Arc<Chain>,
    max_age: Duration,
    watched: Mutex<HashMap<(Address, u64), Weak<Watched>>>,
    last: tokio::sync::Mutex<Option<Head>>,
}

impl View {
    pub(crate) fn new(chain: Arc<Chain>, max_age: Duration) -> Self {
        Self { chain, max_age, watched: Mutex::default(), last: tokio::sync::Mutex::default() }
    }

    /// Watches a chequebook until the answer is dropped: one with code, or one that `opening` will open.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`], [`Error::NotGenuine`], or what the chain answers.
    pub(crate) async fn watch(
        &self,
        contract: Address,
        confirmations: u64,
        beneficiary: Option<Address>,
        opening: Option<&Opening>,
    ) -> Result<Arc<Watched>, Error> {
        if let Some(watched) = self.find(contract, confirmations) {
            if let Some(beneficiary) = beneficiary {
                watched.beneficiaries.lock().unwrap_or_else(PoisonError::into_inner).insert(beneficiary);
                watched.snapshot(self.max_age).await?;
            }
            return Ok(watched);
        }

        let head = self.chain.head().await?;
        let mut code = self.chain.code(contract, head.id()).await?;
        let genuine = match opening {
            // Whatever the node says: no other code can be at this address.
            Some(opening) if !code.is_empty() && code != opening.code() => return Err(Error::NotGenuine { contract }),
            _ if !code.is_empty() => self.chain.genuine(contract, &code, head.id()).await?,
            None => return Err(Error::NoCode { contract }),
            Some(opening) => {
                code = opening.code().into();
                // It has no events from before the block that counts as final now.
                opening.terms(head.number.saturating_sub(confirmations))
            }
        };
        let beneficiaries: BTreeSet<_> = beneficiary.into_iter().collect();
        let first = ask(&self.chain, contract, confirmations, &code, beneficiaries.clone()).await?;
        let watched = Watched {
            chain: Arc::clone(&self.chain),
            contract,
            confirmations,
            genuine,
            code,
            beneficiaries: Mutex::new(beneficiaries),
            promised: Mutex::default(),
            newest: watch::Sender::new(Arc::new(first)),
            asking: tokio::sync::Mutex::default(),
        };
        Ok(self.insert(watched))
    }

    fn find(&self, contract: Address, confirmations: u64) -> Option<Arc<Watched>> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.get(&(contract, confirmations))?.upgrade()
    }

    /// Adds what was just read, unless somebody was faster.
    fn insert(&self, new: Watched) -> Arc<Watched> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, weak| weak.strong_count() > 0);
        let key = (new.contract, new.confirmations);
        if let Some(found) = watched.get(&key).and_then(Weak::upgrade) {
            let mut mine = new.beneficiaries.into_inner().unwrap_or_else(PoisonError::into_inner);
            found.beneficiaries.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
            return found;
        }
        let new = Arc::new(new);
        watched.insert(key, Arc::downgrade(&new));
        new
    }

    fn all(&self) -> Vec<Arc<Watched>> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.values().filter_map(Weak::upgrade).collect()
    }

    /// Looks for a new block, and asks anew for the chequebooks that an event names or that were not asked for long.
    /// Returns the newest block.
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

        // One that fails must not keep the others from their answer.
        join_all(all.iter().map(|watched| {
            let named = touched.as_ref().is_none_or(|touched| touched.contains(&watched.contract));
            watched.snapshot(if named { Duration::ZERO } else { self.max_age })
        }))
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
        // After an error we do not get here, and the same events are asked for again.
        *last = Some(head);
        Ok(head)
    }

    /// Which chequebooks have events since the last look, or changed in balance. `None` stands for all: the chain was
    /// reorganised, or we looked too long ago.
    async fn touched(&self, all: &[Arc<Watched>], last: Head, head: Head) -> Result<Option<BTreeSet<Address>>, Error> {
        let follows = head.number == last.number.saturating_add(1) && head.parent == last.hash;
        let far = head.number.saturating_sub(last.number) > self.chain.log_range;
        if head.number <= last.number || far || (!follows && self.chain.block(last.number).await?.hash != last.hash) {
            return Ok(None);
        }

        // A deposit has no event, nor has that it is confirmed.
        let balances = all.iter().map(|watched| self.chain.balance(watched.contract, head.id()));
        let balances = try_join_all(balances).await?;
        let changed = all.iter().zip(balances).filter(|(watched, balance)| {
            let newest = watched.newest();
            // Nor does the opening have one at its address.
            newest.life == Life::Unborn || newest.balance != *balance || newest.balance != newest.confirmed_balance
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
