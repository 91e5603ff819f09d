//! Takes cheques alone, recovered with libsecp256k1, and signs with it.

use alloy::signers::local::{PrivateKeySigner, Secp256k1Signer};
pub use chequebook::SignedCheque;

/// The feature of the thin crate gives alloy's signer this form.
pub fn fast(key: &PrivateKeySigner) -> Secp256k1Signer {
    key.to_secp256k1()
}
