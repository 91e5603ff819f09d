//! Signers of cheques, shared or not.

use std::sync::Arc;

use alloy::signers::Signer;

/// An alloy signer in the form that this crate keeps.
pub type SharedSigner = Arc<dyn Signer + Send + Sync>;

/// Any alloy signer, owned or in an [`Arc`]. With an `Arc`, one device can sign cheques here and transactions for
/// [`Wallet::open`](crate::Wallet::open). `Kind` is inferred; it distinguishes the implementations.
pub trait IntoSigner<Kind> {
    /// Converts it into a shared signer.
    fn into_signer(self) -> SharedSigner;
}

/// An owned signer. See [`IntoSigner`].
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
