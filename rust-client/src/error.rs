//! What can go wrong with cheques and contracts.

use alloy::primitives::{Address, ChainId, SignatureError, U256};
#[cfg(feature = "provider")]
use alloy::{
    primitives::B256,
    providers::PendingTransactionError,
    transports::{RpcError, TransportErrorKind},
};

/// What kind of thing went wrong, for callers that treat kinds differently. The error itself says exactly what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The cheque is not good, and never will be: malformed, signed by somebody else, of something else, or outdated.
    BadCheque,
    /// The cheque is good, but we do not accept such cheques.
    Policy,
    /// A deposit or an account does not cover what was asked for. It may later.
    Funds,
    /// The chain did not answer, or not to the question. Ask again later, or another node.
    ChainUnreachable,
    /// The chain answered, and it is not the chain or the contract that was expected.
    WrongChain,
    /// A transaction was refused or reverted, or another one took its place.
    Transaction,
    /// A chequebook has ended or is about to, or the wallet was shut down.
    Ended,
    /// Something that keeps our state failed.
    Store,
    /// A wallet, device or service that holds a key did not sign.
    Signer,
    /// The arguments make no sense, such as an amount of zero.
    InvalidInput,
    /// A defect of this software.
    Bug,
}

/// What can go wrong with cheques and contracts.
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

    /// The owner of a chequebook is zero.
    #[error("the owner of a chequebook must not be zero")]
    ZeroOwner,

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
    #[error("signature has s = {s:#x}, expected at most {max:#x}")]
    HighS {
        /// The second number of the signature.
        s: U256,
        /// Half the order of the curve.
        max: U256,
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
    #[error("signer did not sign")]
    Signer(#[from] alloy::signers::Error),

    /// The cheque is one of another chequebook.
    #[error("cheque is of chequebook {found}, expected {expected}")]
    WrongContract {
        /// The chequebook of the cheque.
        found: Address,
        /// The one that is meant.
        expected: Address,
    },

    /// The cheque is one of another chain.
    #[error("cheque is of chain {found}, expected {expected}")]
    WrongChainId {
        /// The chain of the cheque.
        found: ChainId,
        /// The chain of the provider.
        expected: ChainId,
    },

    /// The cheque is already cashed, or a newer one is.
    #[error("the cheque for {amount} wei is already cashed: {sent} was paid")]
    AlreadyCashed {
        /// The cumulative amount of the cheque, in wei.
        amount: U256,
        /// The cumulative amount that the beneficiary was paid, in wei.
        sent: U256,
    },

    /// The balance does not cover the cheque. To cash it would destroy the chequebook, which needs consent.
    #[error("cheque would pay {pays} of {owed} wei and destroy the chequebook")]
    WouldBounce {
        /// What the cheque would pay now, in wei.
        pays: U256,
        /// What it should pay, in wei.
        owed: U256,
    },

    /// There is no code at the address: no chequebook, or one that died before Cancun; or no factory on this chain.
    #[error("no code at {contract}, expected one of our contracts")]
    NoCode {
        /// The address.
        contract: Address,
    },

    /// The code at the address is not that of a chequebook as this crate knows it.
    #[error("code at {contract} is not that of a chequebook")]
    NotGenuine {
        /// The address.
        contract: Address,
    },

    /// The chequebook has ended.
    #[error("chequebook {contract} is dead")]
    Dead {
        /// The chequebook.
        contract: Address,
    },

    /// The contract would refuse the transaction, so it was not sent.
    #[error("contract refuses: {refusal}")]
    Refused {
        /// What the contract says.
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

    /// The answer to a call of the contract makes no sense.
    #[cfg(feature = "provider")]
    #[error("contract {contract} could not be asked")]
    Call {
        /// The address.
        contract: Address,
        /// What went wrong.
        source: Box<alloy::contract::Error>,
    },

    /// It is not known what became of a transaction that was sent.
    #[cfg(feature = "provider")]
    #[error("waiting for the transaction failed")]
    Pending(#[from] PendingTransactionError),
}

impl Error {
    /// What kind of thing went wrong.
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
            | Self::AlreadyCashed { .. } => ErrorClass::BadCheque,
            Self::ZeroOwner => ErrorClass::InvalidInput,
            Self::Signer(_) => ErrorClass::Signer,
            Self::WouldBounce { .. } => ErrorClass::Funds,
            Self::NoCode { .. } | Self::NotGenuine { .. } => ErrorClass::WrongChain,
            Self::Dead { .. } => ErrorClass::Ended,
            Self::Refused { .. } => ErrorClass::Transaction,
            #[cfg(feature = "provider")]
            Self::Reverted { .. } => ErrorClass::Transaction,
            #[cfg(feature = "provider")]
            Self::Rpc(_) | Self::Call { .. } | Self::Pending(_) => ErrorClass::ChainUnreachable,
        }
    }
}
