//! A key, wherever it is: in memory or in a device.

use std::{fmt, sync::Arc};

use alloy::{
    consensus::SignableTransaction,
    dyn_abi::TypedData,
    network::TxSigner,
    primitives::{Address, B256, ChainId, Signature},
    signers::{Result, Signer},
};
use async_trait::async_trait;

use crate::cli::exit::{Exit, Failure};

/// What signs cheques and transactions.
trait Signs: Signer + TxSigner<Signature> + Send + Sync {}

impl<S: Signer + TxSigner<Signature> + Send + Sync> Signs for S {}

/// A key. Clones are the same key.
#[derive(Clone)]
pub(crate) struct Key(Arc<dyn Signs>);

impl Key {
    pub(crate) fn new(signer: impl Signer + TxSigner<Signature> + Send + Sync + 'static) -> Self {
        Self(Arc::new(signer))
    }

    /// Its address.
    pub(crate) fn address(&self) -> Address {
        Signer::address(&*self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Key").field(&self.address()).finish()
    }
}

#[async_trait]
impl Signer for Key {
    async fn sign_hash(&self, hash: &B256) -> Result<Signature> {
        self.0.sign_hash(hash).await
    }

    async fn sign_message(&self, message: &[u8]) -> Result<Signature> {
        self.0.sign_message(message).await
    }

    async fn sign_dynamic_typed_data(&self, payload: &TypedData) -> Result<Signature> {
        self.0.sign_dynamic_typed_data(payload).await
    }

    fn address(&self) -> Address {
        Self::address(self)
    }

    fn chain_id(&self) -> Option<ChainId> {
        self.0.chain_id()
    }

    /// Both wallets name the chain in what they sign, so that a shared key needs none.
    fn set_chain_id(&mut self, _: Option<ChainId>) {}
}

#[async_trait]
impl TxSigner<Signature> for Key {
    fn address(&self) -> Address {
        Self::address(self)
    }

    async fn sign_transaction(&self, transaction: &mut dyn SignableTransaction<Signature>) -> Result<Signature> {
        self.0.sign_transaction(transaction).await
    }
}

/// A failure of a key.
pub(super) fn key_failure(message: impl fmt::Display) -> Failure {
    Failure::new(Exit::Key, message)
}
