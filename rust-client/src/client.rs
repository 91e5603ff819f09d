//! The client of one account: its chain, its store, and the transactions between the two.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    network::TxSigner,
    primitives::{Address, B256, ChainId, Signature},
    providers::Provider,
};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Error, SignedCheque, Transaction,
    chain::{Chain, View},
    house,
    rows::{FORMAT, Origin, Promise, address_at_end, kind, origin_key},
    store::{Batch, Ledger, Store, StoreError},
    transactions::Transactions,
};

/// How the client treats its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many blocks must follow one until it counts as final. Reorganisations that go deeper are not foreseen.
    pub confirmations: u64,
    /// How often the client looks for a new block.
    pub poll_interval: Duration,
    /// How old the view of a chequebook may be for which no event was seen. Deaths and announcements are seen at the
    /// next poll; this is for those that a node fails to tell.
    pub max_age: Duration,
    /// How long the client waits for an answer of the node.
    pub rpc_timeout: Duration,
    /// For how many blocks at once the client asks for events. Nodes limit that.
    pub log_range: u64,
    /// The most that a transaction may offer for its gas, in wei for each gas. A node that lies about the price cannot
    /// make us burn more.
    pub max_fee_per_gas: u128,
}

impl Default for Config {
    /// For Ethereum's main network: 12 confirmations, at most 1,000 gwei.
    fn default() -> Self {
        Self {
            confirmations: 12,
            poll_interval: Duration::from_secs(4),
            max_age: Duration::from_secs(60),
            rpc_timeout: Duration::from_secs(10),
            log_range: 10_000,
            max_fee_per_gas: 1_000_000_000_000,
        }
    }
}

/// The chequebooks that are open, and the inboxes, which have a beneficiary.
type Opened = Arc<Mutex<HashSet<(Address, Option<Address>)>>>;

/// An account on a chain, with its durable state. Payers ([`Chequebook`](crate::Chequebook)) and payees
/// ([`Inbox`](crate::Inbox)) are opened on it; all of them share one view of the chain and one sequence of
/// transactions, so there must be only one client for an account.
///
/// Clones are the same client. It ends with its last clone, with [`stop`](Self::stop), or with the process, at any
/// moment: nothing leaves it before it is durable.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) chain: Arc<Chain>,
    pub(crate) view: View,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) transactions: Arc<Transactions>,
    /// One cash of a cheque at a time.
    pub(crate) cashing: Locks,
    /// Held by who cashes one cheque; alone, by who cashes many.
    pub(crate) clearing: tokio::sync::RwLock<()>,
    /// Automatic cashes that wait for one another.
    pub(crate) waiting: house::Queue,
    /// Changes with every new block.
    pub(crate) rounds: watch::Sender<B256>,
    opened: Opened,
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl Client {
    /// Starts a client, and the task in which it watches the chain. What was under way when the last one ended goes on:
    /// transactions that were stored are sent again if they got lost.
    ///
    /// `account` pays for gas and deposits. `provider` needs no wallet; with it comes the choice of transport.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChain`] and [`Error::WrongGenesis`] if the store belongs to another chain, [`Error::Store`] if it
    /// cannot be read, or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is left running.
    pub async fn open(
        provider: impl Provider + 'static,
        account: impl TxSigner<Signature> + Send + Sync + 'static,
        store: impl Store,
        config: Config,
    ) -> Result<Self, Error> {
        let chain = Chain::connect(provider.erased(), config.rpc_timeout, config.log_range).await?;
        let genesis = chain.block(0).await?.hash;
        let ledger = Ledger::new(store)?;
        check_origin(&ledger, Origin { format: FORMAT, chain_id: chain.id(), genesis }).await?;

        let (chain, ledger) = (Arc::new(chain), Arc::new(ledger));
        let transactions = Transactions::open(
            Arc::clone(&chain),
            Arc::clone(&ledger),
            Arc::new(account),
            config.confirmations,
            config.max_fee_per_gas,
        )?;
        let client = Self(Arc::new(Shared {
            config,
            view: View::new(Arc::clone(&chain), config.max_age),
            chain,
            ledger,
            transactions: Arc::new(transactions),
            cashing: Locks::default(),
            clearing: tokio::sync::RwLock::default(),
            waiting: house::Queue::default(),
            rounds: watch::Sender::new(B256::ZERO),
            opened: Arc::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
        }));
        client.spawn(watch_chain(Arc::downgrade(&client.0), config.poll_interval));
        Ok(client)
    }

    /// The account that pays for gas and deposits.
    pub fn account(&self) -> Address {
        self.0.transactions.account()
    }

    /// The id of the chain.
    pub fn chain_id(&self) -> ChainId {
        self.0.chain.id()
    }

    /// Looks at the chain now, and not only at the next poll: for new blocks, for events of the chequebooks that are
    /// open, and for what became of our transactions.
    ///
    /// # Errors
    ///
    /// What the chain answers, or [`Error::Store`]. The task that polls logs such errors, and tries again.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was not seen is seen the next time.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.0.refresh().await
    }

    /// The chequebooks that the store has records of, to be opened with [`Chequebook::open`](crate::Chequebook::open).
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn chequebooks(&self) -> Result<Vec<Address>, Error> {
        let rows = self.0.ledger.scan::<crate::rows::Book>(kind::BOOK)?;
        Ok(rows.iter().filter_map(|(key, _)| address_at_end(key)).collect())
    }

    /// The newest cheque of every inbox that the store has records of.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn received(&self) -> Result<Vec<SignedCheque>, Error> {
        let mut cheques = Vec::new();
        for (key, promise) in self.0.ledger.scan::<Promise>(kind::INBOX)? {
            let pair = key.strip_prefix(kind::INBOX).and_then(|pair| pair.split_first_chunk::<20>());
            let bad = || StoreError::BadRow { key: key.clone() };
            let (contract, _) = pair.ok_or_else(bad)?;
            let beneficiary = address_at_end(&key).ok_or_else(bad)?;
            cheques.extend(promise.cheque(contract.into(), beneficiary, self.chain_id())?);
        }
        Ok(cheques)
    }

    /// Every transaction that the store knows, also those of earlier runs, in the order of their nonces.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.0.transactions.list()
    }

    /// Ends the client: its tasks, and those of all that was opened on it; waits until all is durable, and lets go of
    /// the store. Whatever is asked of it afterwards fails.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: call it again to wait for the end.
    pub async fn stop(&self) {
        let tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        self.0.transactions.stopped.send_replace(true);
        self.0.ledger.close().await;
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Runs a task until the client stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {} // forgets those that have ended
            tasks.spawn(task);
        }
    }

    /// Claims a chequebook, or an inbox of a beneficiary, for one handle: two would not know of each other's cheques.
    pub(crate) fn claim(&self, contract: Address, beneficiary: Option<Address>) -> Result<Claim, Error> {
        let key = (contract, beneficiary);
        if !self.0.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
            return Err(Error::AlreadyOpen { contract });
        }
        Ok(Claim { opened: Arc::clone(&self.0.opened), key })
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("account", &self.account()).field("chain_id", &self.chain_id()).finish()
    }
}

impl Shared {
    async fn refresh(&self) -> Result<(), Error> {
        // A chequebook that cannot be read must not keep our transactions from being followed.
        let (head, followed) = tokio::join!(self.view.advance(), self.transactions.advance());
        let head = head?;
        self.rounds.send_if_modified(|last| std::mem::replace(last, head.hash) != head.hash);
        followed
    }
}

async fn watch_chain(shared: std::sync::Weak<Shared>, interval: Duration) {
    while let Some(shared) = shared.upgrade() {
        if let Err(error) = shared.refresh().await {
            tracing::warn!(%error, "could not look at the chain");
        }
        drop(shared);
        tokio::time::sleep(interval).await;
    }
}

/// A new store is marked as one of this chain; any other must be one.
async fn check_origin(ledger: &Ledger, expected: Origin) -> Result<(), Error> {
    let Some(found) = ledger.get::<Origin>(&origin_key())? else {
        if let Some((key, _)) = ledger.scan_raw(&[])?.into_iter().next() {
            return Err(StoreError::BadRow { key }.into());
        }
        let mut batch = Batch::new();
        batch.put(origin_key(), &expected)?;
        return Ok(ledger.submit(batch).await?);
    };
    if found.format != expected.format {
        return Err(StoreError::UnknownFormat { found: found.format, expected: expected.format }.into());
    }
    if found.chain_id != expected.chain_id {
        return Err(Error::WrongChain { found: expected.chain_id, expected: found.chain_id });
    }
    if found.genesis != expected.genesis {
        return Err(Error::WrongGenesis { found: expected.genesis, expected: found.genesis });
    }
    Ok(())
}

/// What [`Client::claim`] claimed, until it is dropped.
pub(crate) struct Claim {
    opened: Opened,
    key: (Address, Option<Address>),
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Locks for addresses. Two addresses may share one, which costs time and nothing else; so there is none to clean up.
pub(crate) struct Locks {
    shards: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
}

impl Default for Locks {
    fn default() -> Self {
        Self { shards: (0..1024).map(|_| tokio::sync::Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Locks {
    /// Waits for the lock of `address`.
    pub(crate) async fn lock(&self, address: Address) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let shards = u64::try_from(self.shards.len()).ok()?;
        let index = self.hasher.hash_one(address).checked_rem(shards)?;
        Some(self.shards.get(usize::try_from(index).ok()?)?.lock().await)
    }
}
