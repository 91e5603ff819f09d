//! The wallet of one account: its chain, its store, and the transactions between the two.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use alloy::{
    network::TxSigner,
    primitives::{Address, B256, ChainId, Signature},
    providers::Provider,
};
use chequebook::SignedCheque;
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Error,
    cashing::Cashing,
    chain::{Chain, ChainWatcher},
    config::Config,
    exposure::Exposures,
    factory::Factory,
    store::{
        Batch, Ledger, Store, StoreError,
        schema::{ChequebookRow, FORMAT, Origin, Promise, address_at_end, origin_key, received_of, table},
    },
    transactions::{Transaction, Transactions},
};

/// The chequebooks and inboxes that are open. Only an inbox has a beneficiary.
type Opened = Arc<Mutex<HashSet<(Address, Option<Address>)>>>;

/// An account on a chain, with its durable state. Payers ([`Chequebook`](crate::Chequebook)) and payees
/// ([`Inbox`](crate::Inbox)) are opened on it. All of them share one chain watcher and one sequence of transactions, so
/// there must be only one wallet for an account.
///
/// Clones of this handle are the same wallet. It ends with its last clone, with [`shutdown`](Self::shutdown), or with
/// the process. Each may happen at any moment: nothing leaves the wallet before it is durable.
#[derive(Clone)]
pub struct Wallet(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) chain: Arc<Chain>,
    pub(crate) watcher: Arc<ChainWatcher>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) transactions: Arc<Transactions>,
    pub(crate) exposures: Exposures,
    /// Changes with every new block.
    pub(crate) rounds: watch::Sender<B256>,
    factory: Factory,
    cashing: Cashing,
    opened: Opened,
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl Wallet {
    /// Starts a wallet, and the task that watches the chain. Unfinished work of an earlier run continues: stored
    /// transactions are sent again if they were lost.
    ///
    /// `account` pays for gas and deposits: any alloy signer, or one in an [`Arc`]. `provider` needs no signer; it
    /// decides the transport.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChain`] and [`Error::WrongGenesis`] if the store belongs to another chain, [`Error::Store`] if it
    /// cannot be read, or an error from the node.
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
        let transactions = Arc::new(transactions);
        let watcher = Arc::new(ChainWatcher::new(Arc::clone(&chain), config.max_age));
        let wallet = Self(Arc::new(Shared {
            factory: Factory::new(Arc::clone(&chain), Arc::clone(&transactions)),
            cashing: Cashing::new(
                Arc::clone(&chain),
                Arc::clone(&watcher),
                Arc::clone(&transactions),
                config.confirmations,
            ),
            exposures: Exposures::default(),
            config,
            chain,
            watcher,
            ledger,
            transactions,
            rounds: watch::Sender::new(B256::ZERO),
            opened: Arc::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
        }));
        wallet.spawn(watch_chain(Arc::downgrade(&wallet.0), config.poll_interval));
        Ok(wallet)
    }

    /// The account that pays for gas and deposits.
    pub fn account(&self) -> Address {
        self.0.transactions.account()
    }

    /// The id of the chain.
    pub fn chain_id(&self) -> ChainId {
        self.0.chain.id()
    }

    /// Looks at the chain now, without waiting for the next poll: for new blocks, for events of the open chequebooks,
    /// and for the outcome of our transactions.
    ///
    /// # Errors
    ///
    /// An error from the node, or [`Error::Store`]. The task that polls logs such errors, and tries again.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.0.refresh().await
    }

    /// The chequebooks that the store has records of. Open them with [`Chequebook::open`](crate::Chequebook::open).
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn chequebooks(&self) -> Result<Vec<Address>, Error> {
        let rows = self.0.ledger.scan::<ChequebookRow>(table::CHEQUEBOOKS)?;
        Ok(rows.iter().filter_map(|(key, _)| address_at_end(key)).collect())
    }

    /// The latest cheque of every inbox that the store has records of.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn received(&self) -> Result<Vec<SignedCheque>, Error> {
        let mut cheques = Vec::new();
        for (key, promise) in self.0.ledger.scan::<Promise>(table::RECEIVED)? {
            let (contract, beneficiary) = received_of(&key).ok_or(StoreError::BadRow { key })?;
            cheques.extend(promise.cheque(contract, beneficiary, self.chain_id())?);
        }
        Ok(cheques)
    }

    /// Creates chequebooks.
    pub fn factory(&self) -> &Factory {
        &self.0.factory
    }

    /// Cashes cheques of any chequebook.
    pub fn cashing(&self) -> &Cashing {
        &self.0.cashing
    }

    /// Every transaction that the store knows, including those of earlier runs, in the order of their nonces.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.0.transactions.list()
    }

    /// Shuts the wallet down: stops its tasks and those of every handle opened on it, waits until everything is
    /// durable, and closes the store. Later operations fail.
    pub async fn shutdown(&self) {
        let tasks = self.0.tasks.lock().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        self.0.transactions.shut_down.send_replace(true);
        self.0.ledger.close().await;
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Runs a task until shutdown.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.tasks.lock();
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {} // removes tasks that have ended
            tasks.spawn(task);
        }
    }

    /// Claims a chequebook, or an inbox of a beneficiary, for one handle: two handles would not know of each other's
    /// cheques.
    pub(crate) fn claim(&self, contract: Address, beneficiary: Option<Address>) -> Result<Claim, Error> {
        let key = (contract, beneficiary);
        if !self.0.opened.lock().insert(key) {
            return Err(Error::AlreadyOpen { contract });
        }
        Ok(Claim { opened: Arc::clone(&self.0.opened), key })
    }
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Wallet").field("account", &self.account()).field("chain_id", &self.chain_id()).finish()
    }
}

impl Shared {
    async fn refresh(&self) -> Result<(), Error> {
        // Our transactions must be followed even if a chequebook cannot be read.
        let (head, followed) = tokio::join!(self.watcher.advance(), self.transactions.advance());
        let head = head?;
        self.rounds.send_if_modified(|last| std::mem::replace(last, head.hash) != head.hash);
        followed
    }
}

async fn watch_chain(shared: Weak<Shared>, interval: Duration) {
    while let Some(shared) = shared.upgrade() {
        if let Err(error) = shared.refresh().await {
            tracing::warn!(%error, "could not look at the chain");
        }
        drop(shared);
        tokio::time::sleep(interval).await;
    }
}

/// Marks a new store with this chain. Any other store must already belong to it.
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

/// A claim made by [`Wallet::claim`]. Dropping it releases the claim.
pub(crate) struct Claim {
    opened: Opened,
    key: (Address, Option<Address>),
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.opened.lock().remove(&self.key);
    }
}
