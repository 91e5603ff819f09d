//! Stores and signers that do what a test says.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
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

/// A store whose commits wait while it is closed.
#[derive(Clone)]
pub(crate) struct Gate(pub(crate) Arc<Memory>, pub(crate) Arc<AtomicBool>);

#[async_trait::async_trait]
impl Store for Gate {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
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
        while self.1.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(1)).await;
        }
        self.0.commit(changes).await
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

/// A store that panics once it is broken.
#[derive(Clone)]
pub(crate) struct Broken(pub(crate) Arc<Memory>, pub(crate) Arc<AtomicBool>);

#[async_trait::async_trait]
impl Store for Broken {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
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
        assert!(!self.1.load(Ordering::SeqCst), "as the test says");
        self.0.commit(changes).await
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
