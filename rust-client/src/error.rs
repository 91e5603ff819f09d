//! What can go wrong with cheques and contracts. Amounts are in wei, or in the smallest unit of the token.

use alloy::primitives::{Address, B256, ChainId, SignatureError, U256};
#[cfg(feature = "provider")]
use alloy::{
    providers::PendingTransactionError,
    transports::{RpcError, TransportErrorKind},
};
use serde::Serialize;

use crate::Asset;

/// The kind of an error, for callers that treat kinds differently. The error itself says exactly what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorClass {
    /// The cheque is invalid and will stay so: malformed, wrongly signed, of another chequebook or chain, or outdated.
    BadCheque,
    /// The cheque is valid, but the policy of the payee does not accept it.
    Policy,
    /// A deposit or an account does not cover the requested amount. It may later.
    Funds,
    /// The node did not answer, or its answer is not usable. Try again later, or with another node.
    ChainUnreachable,
    /// The node answered, but for another chain or contract than expected.
    WrongChain,
    /// A transaction was refused, reverted or replaced.
    Transaction,
    /// A chequebook has ended or is about to, or the wallet was shut down.
    Ended,
    /// The store of the wallet failed.
    Store,
    /// A wallet, device or service that holds a key did not sign.
    Signer,
    /// The arguments make no sense, such as an amount of zero.
    InvalidInput,
    /// A defect of this software.
    Bug,
}

/// What can go wrong with cheques and contracts. Amounts are in wei, or in the smallest unit of the token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text in `field` is not an address.
    #[error("{field} {value:?} is not an address, expected 0x and 40 hex digits")]
    InvalidAddress {
        /// The field of the cheque.
        field: &'static str,
        /// The text in this field.
        value: String,
    },

    /// The address in `field` is in mixed case, but has the wrong EIP-55 checksum: a digit is probably wrong.
    #[error("{field} {value:?} has a wrong checksum, expected {expected} if its digits are right")]
    WrongChecksum {
        /// The field of the cheque.
        field: &'static str,
        /// The text in this field.
        value: String,
        /// The same digits with the right checksum.
        expected: Address,
    },

    /// The amount is not in the format of a cheque.
    #[error("amount {value:?} is not a number, expected decimal digits only, without leading zeros")]
    InvalidAmount {
        /// The text in the cheque.
        value: String,
    },

    /// The owner of a chequebook is zero.
    #[error("the owner of a chequebook must not be zero")]
    ZeroOwner,

    /// The token of a chequebook is zero.
    #[error("the token of a chequebook must not be zero")]
    ZeroToken,

    /// The amount does not fit into 256 bits.
    #[error("amount {value} is too large, expected at most {}", U256::MAX)]
    AmountTooLarge {
        /// The text in the cheque.
        value: String,
    },

    /// The signature is not in the format of a cheque.
    #[error("signature {value:?} is not 65 bytes, expected 0x and 130 hex digits")]
    InvalidSignature {
        /// The text in the cheque.
        value: String,
    },

    /// The last byte of the signature, `v`, is not one that the contract accepts.
    #[error("signature has v = {v}, expected 27 or 28")]
    InvalidV {
        /// The last byte of the signature.
        v: u8,
    },

    /// The signature has the high `s`. Anyone can compute it from the low `s`, so only the low one is accepted.
    #[error("signature has s = {s:#x}, expected at most {max:#x}")]
    HighS {
        /// The `s` of the signature.
        s: U256,
        /// Half the order of the curve.
        max: U256,
    },

    /// No key can have made this signature over this cheque.
    #[error("no key can have made this signature over this cheque")]
    Unrecoverable(#[source] SignatureError),

    /// The cheque was signed by another key than that of the chequebook's signer, or altered after signing.
    #[error("cheque is signed by {recovered}, expected {expected}")]
    WrongSigner {
        /// The address whose key made this signature over the cheque as it is now.
        recovered: Address,
        /// The address that must sign the cheque.
        expected: Address,
    },

    /// The wallet, device or service that holds the key did not sign.
    #[error("signer did not sign")]
    Signer(#[from] alloy::signers::Error),

    /// The cheque belongs to another chequebook.
    #[error("cheque is of chequebook {found}, expected {expected}")]
    WrongContract {
        /// The chequebook of the cheque.
        found: Address,
        /// The expected chequebook.
        expected: Address,
    },

    /// The cheque belongs to another chain.
    #[error("cheque is of chain {found}, expected {expected}")]
    WrongChainId {
        /// The chain of the cheque.
        found: ChainId,
        /// The chain of the provider.
        expected: ChainId,
    },

    /// The cheque is typed, and a chequebook of 2016 knows only packed ones.
    #[error("cheque is typed, expected a packed one")]
    NotPacked,

    /// The cheque is already cashed, or a newer one is.
    #[error("the cheque for {amount} is already cashed: {sent} was paid")]
    AlreadyCashed {
        /// The cumulative amount of the cheque.
        amount: U256,
        /// The cumulative amount that the beneficiary was paid.
        sent: U256,
    },

    /// The balance does not cover the cheque. Cashing it would destroy the chequebook, which needs consent.
    #[error("cheque would pay {pays} of {owed} and destroy the chequebook")]
    WouldBounce {
        /// What the cheque would pay now.
        pays: U256,
        /// What it should pay.
        owed: U256,
    },

    /// There is no code at the address: the chequebook is not created yet, or there is no factory on this chain.
    #[error("no code at {contract}, expected one of our contracts")]
    NoCode {
        /// The address.
        contract: Address,
    },

    /// The factory did not create the contract at the address: whatever its code is, it proves nothing.
    #[error("contract {contract} is unproven, expected one that the factory created")]
    Unproven {
        /// The address.
        contract: Address,
    },

    /// The contract is an early one of 2016, which pays all or nothing, but not what a cheque says.
    #[error("contract {contract} has the defective code {code_hash} of 2016, expected that of go-ethereum 1.8")]
    Defective {
        /// The address.
        contract: Address,
        /// The hash of its code.
        code_hash: B256,
    },

    /// The chequebook pays with another asset than the caller expects.
    #[error("chequebook {contract} pays {found}, expected {expected}")]
    WrongAsset {
        /// The chequebook.
        contract: Address,
        /// What it pays with.
        found: Asset,
        /// What the caller expects.
        expected: Asset,
    },

    /// The chequebook pays ether, so there are no tokens to reclaim.
    #[error("chequebook {contract} pays ether, expected a token")]
    NoToken {
        /// The chequebook.
        contract: Address,
    },

    /// The chequebook has ended.
    #[error("chequebook {contract} is dead")]
    Dead {
        /// The chequebook.
        contract: Address,
    },

    /// The end of the chequebook is announced.
    #[error("the end of chequebook {contract} is announced for {killable_at} or later, expected no announcement")]
    KillAnnounced {
        /// The chequebook.
        contract: Address,
        /// The earliest time at which it may end, in Unix seconds.
        killable_at: u64,
    },

    /// The contract, or the token, would refuse the transaction, so it was not sent.
    #[error("contract refuses: {refusal}")]
    Refused {
        /// The error of the contract, or its data in hex.
        refusal: String,
    },

    /// The transaction was included, and the contract refused it.
    #[cfg(feature = "provider")]
    #[error("transaction {hash} was reverted")]
    Reverted {
        /// The hash of the transaction.
        hash: B256,
    },

    /// The node answered with an error, or could not be reached.
    #[cfg(feature = "provider")]
    #[error("the node did not answer")]
    Rpc(#[from] RpcError<TransportErrorKind>),

    /// A call of the contract failed, or its answer is not usable.
    #[cfg(feature = "provider")]
    #[error("call of contract {contract} failed")]
    Call {
        /// The address.
        contract: Address,
        /// What went wrong.
        source: Box<alloy::contract::Error>,
    },

    /// The outcome of a transaction that was sent is not known.
    #[cfg(feature = "provider")]
    #[error("waiting for the transaction failed")]
    Pending(#[from] PendingTransactionError),
}

impl Error {
    /// The kind of this error.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidAddress { .. }
            | Self::WrongChecksum { .. }
            | Self::InvalidAmount { .. }
            | Self::AmountTooLarge { .. }
            | Self::InvalidSignature { .. }
            | Self::InvalidV { .. }
            | Self::HighS { .. }
            | Self::Unrecoverable(_)
            | Self::WrongSigner { .. }
            | Self::WrongContract { .. }
            | Self::WrongChainId { .. }
            | Self::NotPacked
            | Self::AlreadyCashed { .. } => ErrorClass::BadCheque,
            Self::ZeroOwner | Self::ZeroToken | Self::NoToken { .. } => ErrorClass::InvalidInput,
            Self::WrongAsset { .. } => ErrorClass::Policy,
            Self::Signer(_) => ErrorClass::Signer,
            Self::WouldBounce { .. } => ErrorClass::Funds,
            Self::NoCode { .. } | Self::Unproven { .. } | Self::Defective { .. } => ErrorClass::WrongChain,
            Self::Dead { .. } | Self::KillAnnounced { .. } => ErrorClass::Ended,
            Self::Refused { .. } => ErrorClass::Transaction,
            #[cfg(feature = "provider")]
            Self::Reverted { .. } => ErrorClass::Transaction,
            #[cfg(feature = "provider")]
            Self::Rpc(_) | Self::Call { .. } | Self::Pending(_) => ErrorClass::ChainUnreachable,
        }
    }
}
