//! Stores and signers that do what a test says.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    consensus::SignableTransaction,
    network::TxSigner,
    primitives::{Address, B256, Signature},
    signers::{self, Signer, local::PrivateKeySigner},
};
use chequebook_wallet::{
    StoreError,
    store::{Change, Conflict, Entry, Key, Memory, Store, Table},
};
use tokio::time::sleep;

/// What a test does to a store, before the store does its work.
#[async_trait::async_trait]
pub(crate) trait Meddler: Send + Sync + 'static {
    async fn before_get(&self) {}

    /// The store makes these changes, unless this fails.
    async fn before_commit(&self, _changes: &[Change]) -> Result<(), StoreError> {
        Ok(())
    }

    /// The store has made the changes, though this may fail.
    async fn after_commit(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A store in memory with which somebody meddles.
#[derive(Clone)]
pub(crate) struct Meddled<M>(pub(crate) Arc<Memory>, pub(crate) M);

#[async_trait::async_trait]
impl<M: Meddler> Store for Meddled<M> {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.before_get().await;
        self.0.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.page(table, prefix, after, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        self.1.before_commit(&changes).await?;
        let answers = self.0.commit(changes).await?;
        self.1.after_commit().await?;
        Ok(answers)
    }
}

/// Commits wait while it is closed, and fail once they are to.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    is_closed: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
}

impl Gate {
    pub(crate) fn close(&self, closed: bool) {
        self.is_closed.store(closed, Ordering::SeqCst);
    }

    pub(crate) fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }
}

fn failed() -> Result<(), StoreError> {
    Err(StoreError::Failed { reason: "as the test says".into() })
}

#[async_trait::async_trait]
impl Meddler for Gate {
    async fn before_commit(&self, _changes: &[Change]) -> Result<(), StoreError> {
        while self.is_closed.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(1)).await;
        }
        if self.fails.load(Ordering::SeqCst) { failed() } else { Ok(()) }
    }
}

/// Commits fail from one of them on: as if the process died before it was made, or just after.
#[derive(Clone)]
pub(crate) struct Dying {
    /// How many are answered before.
    answered: usize,
    after: bool,
    count: Arc<AtomicUsize>,
}

impl Dying {
    pub(crate) fn at(answered: usize, after: bool) -> Self {
        Self { answered, after, count: Arc::default() }
    }

    /// Whether it got so far.
    pub(crate) fn has_died(&self) -> bool {
        self.count.load(Ordering::SeqCst) > self.answered
    }
}

#[async_trait::async_trait]
impl Meddler for Dying {
    async fn before_commit(&self, _changes: &[Change]) -> Result<(), StoreError> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let made = self.answered + usize::from(self.after);
        if number < made { Ok(()) } else { failed() }
    }

    async fn after_commit(&self) -> Result<(), StoreError> {
        if self.has_died() { failed() } else { Ok(()) }
    }
}

/// Commits panic once it is broken.
#[derive(Clone, Default)]
pub(crate) struct Broken(Arc<AtomicBool>);

impl Broken {
    pub(crate) fn break_it(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl Meddler for Broken {
    async fn before_commit(&self, _changes: &[Change]) -> Result<(), StoreError> {
        assert!(!self.0.load(Ordering::SeqCst), "as the test says");
        Ok(())
    }
}

/// How a device behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Signs,
    Silent,
    Refuses,
    Panics,
}

/// A device that signs transactions, or does not.
#[derive(Clone)]
pub(crate) struct Moody(PrivateKeySigner, Arc<Mutex<Mood>>);

impl Moody {
    pub(crate) fn new(key: PrivateKeySigner) -> Self {
        Self(key, Arc::new(Mutex::new(Mood::Signs)))
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.1.lock().unwrap() = mood;
    }
}

#[async_trait::async_trait]
impl TxSigner<Signature> for Moody {
    fn address(&self) -> Address {
        TxSigner::address(&self.0)
    }

    async fn sign_transaction(
        &self,
        transaction: &mut dyn SignableTransaction<Signature>,
    ) -> signers::Result<Signature> {
        let mood = *self.1.lock().unwrap();
        match mood {
            Mood::Signs => self.0.sign_transaction(transaction).await,
            Mood::Silent => std::future::pending().await,
            Mood::Refuses => Err(signers::Error::other("no")),
            Mood::Panics => panic!("as the test says"),
        }
    }
}

/// A key that signs cheques, and takes ten seconds for each.
pub(crate) struct Slow(pub(crate) PrivateKeySigner);

#[async_trait::async_trait]
impl Signer for Slow {
    async fn sign_hash(&self, hash: &B256) -> signers::Result<Signature> {
        sleep(Duration::from_secs(10)).await;
        self.0.sign_hash(hash).await
    }

    fn address(&self) -> Address {
        Signer::address(&self.0)
    }

    fn chain_id(&self) -> Option<u64> {
        None
    }

    fn set_chain_id(&mut self, _: Option<u64>) {}
}
