//! Signers of cheques, shared or not.

use std::sync::Arc;

use alloy::signers::Signer;

/// A signer of alloy as this crate keeps it.
pub type SharedSigner = Arc<dyn Signer + Send + Sync>;

/// Any signer of alloy, by itself or in an [`Arc`]: so that one device can sign cheques here and transactions for
/// [`Wallet::open`](crate::Wallet::open). `Kind` is inferred, and keeps the implementations apart.
pub trait IntoSigner<Kind> {
    /// The signer, to be shared.
    fn into_signer(self) -> SharedSigner;
}

/// A signer by itself. See [`IntoSigner`].
#[derive(Debug)]
pub enum Owned {}

/// A signer in an [`Arc`]. See [`IntoSigner`].
#[derive(Debug)]
pub enum Shared {}

impl<S: Signer + Send + Sync + 'static> IntoSigner<Owned> for S {
    fn into_signer(self) -> SharedSigner {
        Arc::new(self)
    }
}

impl<S: Signer + Send + Sync + 'static> IntoSigner<Shared> for Arc<S> {
    fn into_signer(self) -> SharedSigner {
        self
    }
}

impl IntoSigner<SharedSigner> for SharedSigner {
    fn into_signer(self) -> SharedSigner {
        self
    }
}
