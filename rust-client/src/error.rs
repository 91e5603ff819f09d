//! What can go wrong.

use alloy::{
    consensus::crypto::SECP256K1N_HALF,
    primitives::{Address, SignatureError, U256},
};

/// What can go wrong with a cheque.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text in `field` is not an address.
    #[error("{field} {value:?} is not an address, expected 0x and 40 hex digits")]
    InvalidAddress {
        /// Where in the cheque it stands.
        field: &'static str,
        /// What stands there.
        value: String,
    },

    /// The address in `field` mixes upper and lower case, and not as EIP-55 prescribes: a digit is probably wrong.
    #[error("{field} {value:?} has a wrong checksum, expected {expected} if its digits are right")]
    WrongChecksum {
        /// Where in the cheque it stands.
        field: &'static str,
        /// What stands there.
        value: String,
        /// The same digits with the right checksum.
        expected: Address,
    },

    /// The amount is not written as a cheque writes it.
    #[error("amount {value:?} is not a number of wei, expected decimal digits only, without leading zeros")]
    InvalidAmount {
        /// What stands in the cheque.
        value: String,
    },

    /// The amount does not fit into 256 bits.
    #[error("amount {value} is too large, expected at most {} wei", U256::MAX)]
    AmountTooLarge {
        /// What stands in the cheque.
        value: String,
    },

    /// The signature is not written as a cheque writes it.
    #[error("signature {value:?} is not 65 bytes, expected 0x and 130 hex digits")]
    InvalidSignature {
        /// What stands in the cheque.
        value: String,
    },

    /// The last byte of the signature, `v`, is not one that the contract accepts.
    #[error("signature has v = {v}, expected 27 or 28")]
    InvalidV {
        /// The last byte of the signature.
        v: u8,
    },

    /// The signature is in its high form. Anyone can make it from the low form, so only that one is accepted.
    #[error("signature has s = {s:#x}, expected at most {SECP256K1N_HALF:#x}")]
    HighS {
        /// The second number of the signature.
        s: U256,
    },

    /// No key makes this signature over this cheque.
    #[error("signature is not one of any key over this cheque")]
    Unrecoverable(#[source] SignatureError),

    /// Another key than that of the chequebook's signer made the cheque, or the cheque was altered.
    #[error("cheque is signed by {recovered}, expected {expected}")]
    WrongSigner {
        /// Whose key made the signature over what the cheque says now.
        recovered: Address,
        /// Who should have signed it.
        expected: Address,
    },

    /// The wallet, device or service that holds the key did not sign.
    #[error("signer did not sign the cheque")]
    Signer(#[from] alloy::signers::Error),
}
