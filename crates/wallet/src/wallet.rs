//! The wallet of one account: its chain, its store, and the transactions between the two.

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use alloy::{
    network::TxSigner,
    primitives::{Address, B256, BlockNumber, ChainId, Signature},
    providers::Provider,
};
use chequebook::{ErrorClass, SignedCheque};
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    Error,
    agenda::Agenda,
    cashing::Cashing,
    chain::{Chain, ChainWatcher},
    config::Config,
    credit::Credits,
    events::{Events, Feed},
    factory::Factory,
    health::{Health, note, note_store},
    registry::Registry,
    requests::{Request, Requests},
    store::{
        Batch, Ledger, Store, StoreError,
        migrate::migrate,
        schema::{ChequebookRow, FORMAT, Origin, Received, TABLES, address_at_end, origin_key, received_of, table},
    },
    transactions::{Account, AccountSigner, Transaction},
};

/// How long a task that panicked rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// How often new blocks are looked at most when the node tells of them: some chains have several a second.
const PACE: Duration = Duration::from_secs(1);

/// A value of another module's own type.
pub(crate) type Anything = dyn std::any::Any + Send + Sync;

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

/// A wallet that may have ended.
#[derive(Clone)]
pub(crate) struct WeakWallet(Weak<Shared>);

impl WeakWallet {
    pub(crate) fn upgrade(&self) -> Option<Wallet> {
        self.0.upgrade().map(Wallet)
    }
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) chain: Arc<Chain>,
    pub(crate) watcher: Arc<ChainWatcher>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) account: Arc<Account>,
    /// What each chequebook owes to this wallet's beneficiaries.
    pub(crate) exposures: Registry<Address, Anything>,
    /// Which of them are being opened. It guards no state.
    pub(crate) opening: Registry<Address, tokio::sync::Mutex<()>>,
    /// Which of them are to be looked at.
    pub(crate) agenda: Arc<Agenda>,
    /// What payers may use up.
    pub(crate) credits: Credits,
    /// Which requests are under way, or were done.
    pub(crate) requests: Arc<Requests>,
    /// Whom to tell what happened.
    pub(crate) feed: Feed,
    /// Wakes who looks at the chain: there may be a new block.
    hint: Arc<Notify>,
    factory: Factory,
    cashing: Cashing,
    health: watch::Sender<Health>,
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
        let chain = Arc::new(Chain::connect(provider.erased(), config).await?);
        let genesis = chain.block(0).await?.hash;
        let ledger = Arc::new(Ledger::new(store, config.store_timeout));
        let opened = Self::open_on(&chain, &ledger, Arc::new(account), genesis, config).await;
        if opened.is_err() {
            ledger.close().await; // so that the store can be opened again
        }
        opened
    }

    async fn open_on(
        chain: &Arc<Chain>,
        ledger: &Arc<Ledger>,
        signer: AccountSigner,
        genesis: B256,
        config: Config,
    ) -> Result<Self, Error> {
        check_origin(ledger, Origin { format: FORMAT, chain_id: chain.id(), genesis }).await?;
        let health = Health::channel(config.patience);
        let feed = Feed::default();
        let watcher = ChainWatcher::open(Arc::clone(chain), Arc::clone(ledger), config, feed.clone()).await?;
        let parts = (Arc::clone(chain), Arc::clone(&watcher), Arc::clone(ledger));
        let account = Account::open(parts, signer, config, health.clone(), feed.clone()).await?;
        let requests = Arc::new(Requests::new(Arc::clone(ledger), Arc::clone(&watcher), &config));
        let parts = (Arc::clone(chain), Arc::clone(&watcher), Arc::clone(&account), Arc::clone(&requests));
        let cashing = Cashing::open(parts, config)?;
        let factory = Factory::new(Arc::clone(chain), Arc::clone(&watcher), Arc::clone(&account));
        let wallet = Self(Arc::new(Shared {
            config,
            chain: Arc::clone(chain),
            watcher,
            ledger: Arc::clone(ledger),
            account,
            exposures: Registry::default(),
            opening: Registry::default(),
            agenda: Arc::default(),
            credits: Credits::default(),
            requests,
            feed,
            hint: Arc::default(),
            factory,
            cashing,
            health,
            opened: Arc::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
        }));
        let weak = Arc::downgrade(&wallet.0);
        let hint = Arc::clone(&wallet.0.hint);
        wallet.supervise("chain", move || watch_chain(Weak::clone(&weak), config.poll_interval, Arc::clone(&hint)));
        if let Some(heads) = chain.heads() {
            let hint = Arc::clone(&wallet.0.hint);
            wallet.supervise("heads", move || heads.clone().follow(Arc::clone(&hint)));
        }
        Ok(wallet)
    }

    /// The account that pays for gas and deposits.
    pub fn account(&self) -> Address {
        self.0.account.address()
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
    pub async fn chequebooks(&self) -> Result<Vec<Address>, Error> {
        let rows = self.0.ledger.scan::<ChequebookRow>(table::CHEQUEBOOKS, &[]).await?;
        Ok(rows.iter().map(|(key, _)| address_at_end(table::CHEQUEBOOKS, key)).collect::<Result<_, _>>()?)
    }

    /// The highest valid cheque of every inbox that the store has records of.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn received(&self) -> Result<Vec<SignedCheque>, Error> {
        let mut cheques = Vec::new();
        for (key, row) in self.0.ledger.scan::<Received>(table::RECEIVED, &[]).await? {
            let (contract, beneficiary) = received_of(&key)?;
            cheques.extend(row.cheque.cheque(contract, beneficiary, self.chain_id())?);
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

    /// The transactions whose outcome is not final, including those of earlier runs, in the order of their nonces.
    pub fn open_transactions(&self) -> Vec<Transaction> {
        self.0.account.open_transactions()
    }

    /// A page of the account's transactions whose outcome is final, in the order of their nonces: those above `after`, at
    /// most `limit` and 1,024. Begin with `None`, and go on with the nonce of the last one until a page is empty. Those
    /// that [`Config::history`] does not keep are missing.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn history(&self, after: Option<u64>, limit: usize) -> Result<Vec<Transaction>, Error> {
        self.0.account.history(after, limit).await
    }

    /// Every transaction that the store knows, including those of earlier runs, in the order of their nonces. **This loads
    /// the whole history**: with a long one, use [`open_transactions`](Self::open_transactions) and
    /// [`history`](Self::history).
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn transactions(&self) -> Result<Vec<Transaction>, Error> {
        self.0.account.all_transactions().await
    }

    /// Number and time, in Unix seconds, of the newest block that was believed. It asks nobody: its age says how well the
    /// chain is seen.
    pub fn newest_block(&self) -> Option<(BlockNumber, u64)> {
        self.0.watcher.last().map(|look| (look.head.number, look.head.timestamp))
    }

    /// The transaction of an earlier request with the key of this one; of a withdrawal, that of its cash. Nothing is done: for
    /// those who would not do it any more, as after a kill, when no handle could be asked again. `None` if there was none, or
    /// it has not come to its transaction: then make the request.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Forgotten`], [`Error::Store`].
    pub async fn transaction_for(&self, request: &Request) -> Result<Option<Transaction>, Error> {
        let past = match self.0.requests.earlier(request).await? {
            Some(past) if past.is_cheque() => {
                let cheque = past.cheque(self.chain_id())?;
                self.0.requests.earlier(&request.second(&cheque)).await?
            }
            past => past,
        };
        match past {
            Some(past) => self.0.account.known(past.sent()?).await.map(Some),
            None => Ok(None),
        }
    }

    /// The cheque that was issued for an earlier request with the key of this one. Nothing is done. `None` if there was none.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Store`].
    pub async fn cheque_for(&self, request: &Request) -> Result<Option<SignedCheque>, Error> {
        let past = self.0.requests.earlier(request).await?;
        past.map(|past| past.cheque(self.chain_id())).transpose()
    }

    /// Tells what happens from now on: for services, metrics and people. Each subscriber hears of everything, and costs
    /// little; as long as there is none, events cost nothing.
    pub fn events(&self) -> Events {
        self.0.feed.subscribe()
    }

    /// Shuts the wallet down: stops its tasks and those of every handle opened on it, waits until everything is
    /// durable, and closes the store. Later operations fail.
    pub async fn shutdown(&self) {
        let tasks = self.0.tasks.lock().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        self.0.health.send_modify(|health| health.ended = true);
        self.0.ledger.close().await;
        self.0.feed.end(); // after what became durable last
    }

    /// This wallet, for what must not keep it.
    pub(crate) fn downgrade(&self) -> WeakWallet {
        WeakWallet(Arc::downgrade(&self.0))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Runs a task until it ends, is aborted, or the wallet is shut down. If it panics, that is reported, and it starts
    /// again. It must not hold this wallet, or the wallet would never end.
    pub(crate) fn supervise<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        mut task: impl FnMut() -> F + Send + 'static,
    ) -> AbortHandle {
        let supervised = async move {
            while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
                tracing::error!(task = name, "a task of the wallet panicked, and starts again");
                sleep(REST).await;
            }
        };
        let mut tasks = self.0.tasks.lock();
        match tasks.as_mut() {
            Some(tasks) => {
                while tasks.try_join_next().is_some() {} // removes tasks that have ended
                tasks.spawn(supervised)
            }
            None => {
                let ended = tokio::spawn(async {}); // nothing starts after shutdown
                ended.abort_handle()
            }
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
        let called = self.watcher.ticket();
        let result = async {
            self.chain.check_id().await?;
            let look = self.watcher.look(Duration::ZERO).await?;
            self.account.follow(called, look).await?;
            self.cashing.forget_what_is_over();
            Ok(())
        };
        let result: Result<(), Error> = result.await;
        note_store(&self.health, &result);
        // A signer or a store that fails is no silence of the chain.
        match &result {
            Err(error) if !matches!(error.class(), ErrorClass::ChainUnreachable | ErrorClass::WrongChain) => {
                note(&self.health, &self.feed, &Ok(()));
            }
            result => note(&self.health, &self.feed, result),
        }
        result
    }
}

/// Looks at the chain at each interval, and earlier when told that there may be a new block; not more often than the pace.
async fn watch_chain(shared: Weak<Shared>, interval: Duration, hint: Arc<Notify>) {
    let mut warned = None;
    while let Some(shared) = shared.upgrade() {
        let began = Instant::now();
        if let Err(error) = shared.refresh().await {
            tracing::warn!(%error, "could not look at the chain");
        }
        // Whoever guards money must hear of it, though nothing else happens.
        if let Err(error) = shared.watcher.check_age()
            && warned.is_none_or(|at: Instant| at.elapsed() >= shared.config.patience)
        {
            tracing::error!(%error, "the chain cannot be guarded");
            warned = Some(Instant::now());
        }
        drop(shared);
        let told = async {
            sleep_until(began.checked_add(PACE).unwrap_or(began)).await;
            hint.notified().await;
        };
        tokio::select! {
            () = sleep(interval) => {}
            () = told => {}
        }
    }
}

/// Marks a new store with this chain. Any other store must already belong to it.
async fn check_origin(ledger: &Ledger, expected: Origin) -> Result<(), Error> {
    let Some(found) = ledger.get::<Origin>(&origin_key()).await? else {
        for table in TABLES {
            if let Some((key, _)) = ledger.durable_page(*table, &[], None, 1).await?.into_iter().next() {
                return Err(StoreError::bad_row(*table, &key).into());
            }
        }
        let mut batch = Batch::new();
        batch.replace(origin_key(), None, &expected)?;
        return Ok(ledger.submit(batch).await?);
    };
    migrate(ledger, &found, &expected).await?;
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
