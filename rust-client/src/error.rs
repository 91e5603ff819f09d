//! What can go wrong.

#[cfg(feature = "client")]
use std::time::Duration;

use alloy::primitives::{Address, SignatureError, U256};
#[cfg(feature = "client")]
use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, BlockNumber, ChainId},
    transports::TransportError,
};

use crate::cheque::HALF_ORDER;
#[cfg(feature = "client")]
use crate::{Scheme, StoreError};

/// What can go wrong. The first variants are about a cheque alone.
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

    /// A chequebook needs an owner.
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
    #[error("signature has s = {s:#x}, expected at most {HALF_ORDER:#x}")]
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
    #[error("signer did not sign")]
    Signer(#[from] alloy::signers::Error),

    /// The cheque is one of another chequebook.
    #[cfg(feature = "client")]
    #[error("cheque is of chequebook {found}, expected {expected}")]
    WrongContract {
        /// The chequebook of the cheque.
        found: Address,
        /// The one that is meant.
        expected: Address,
    },

    /// The cheque is one of another chain.
    #[cfg(feature = "client")]
    #[error("cheque is of chain {found}, expected {expected}")]
    WrongChainId {
        /// The chain of the cheque.
        found: ChainId,
        /// The chain of the client.
        expected: ChainId,
    },

    /// The cheque is made out to somebody else.
    #[cfg(feature = "client")]
    #[error("cheque is made out to {found}, expected {expected}")]
    WrongBeneficiary {
        /// The beneficiary of the cheque.
        found: Address,
        /// The one of the inbox.
        expected: Address,
    },

    /// The amount does not rise above that of the newest cheque.
    #[cfg(feature = "client")]
    #[error("cheque is over {amount} wei, expected more than the {newest} of the newest one")]
    StaleCheque {
        /// The cumulative amount of the cheque, in wei.
        amount: U256,
        /// That of the newest cheque received, in wei.
        newest: U256,
    },

    /// The payee's policy refuses such cheques.
    #[cfg(feature = "client")]
    #[error("{scheme:?} cheques are not accepted")]
    SchemeRefused {
        /// How the cheque is signed.
        scheme: Scheme,
    },

    /// The payee's policy wants more time between the announcement of the end and the end.
    #[cfg(feature = "client")]
    #[error("chequebook {contract} has a notice of {found} s, expected at least {expected} s")]
    NoticeTooShort {
        /// The chequebook.
        contract: Address,
        /// Its notice period, in seconds.
        found: u64,
        /// The shortest that is accepted, in seconds.
        expected: u64,
    },

    /// The payee's policy wants the balance to cover what is uncashed.
    #[cfg(feature = "client")]
    #[error(
        "chequebook {contract} has {balance} wei, expected at least the {uncashed} that are uncashed with this cheque"
    )]
    Insolvent {
        /// The chequebook.
        contract: Address,
        /// What it surely has, in wei.
        balance: U256,
        /// What the inboxes of this client could cash, in wei.
        uncashed: U256,
    },

    /// Nothing can be promised, deposited or cashed with an amount of zero.
    #[cfg(feature = "client")]
    #[error("amount is 0 wei, expected more")]
    ZeroAmount,

    /// A cheque to the chequebook itself, or to the zero address, pays nobody.
    #[cfg(feature = "client")]
    #[error("beneficiary {beneficiary} cannot be paid, expected neither the chequebook nor the zero address")]
    InvalidBeneficiary {
        /// Whom the cheque would be made out to.
        beneficiary: Address,
    },

    /// The deposit does not cover the amount.
    #[cfg(feature = "client")]
    #[error("chequebook {contract} cannot promise {amount} wei, expected at most the {available} available")]
    Insufficient {
        /// The chequebook.
        contract: Address,
        /// What was to be promised, in wei.
        amount: U256,
        /// What may still be promised, in wei.
        available: U256,
    },

    /// A sum does not fit into 256 bits.
    #[cfg(feature = "client")]
    #[error("sum of wei is too large, expected at most {}", U256::MAX)]
    Overflow,

    /// There is no code at the address: no chequebook, one that died before Cancun; or no factory on this chain.
    #[cfg(feature = "client")]
    #[error("no code at {contract}, expected one of our contracts")]
    NoCode {
        /// The address.
        contract: Address,
    },

    /// What is deployed directly has no address before it is.
    #[cfg(feature = "client")]
    #[error("only a clone can be prepared, expected Form::Clone")]
    NotAClone,

    /// The chequebook is not opened yet, and the [policy](crate::Policy) wants it to be.
    #[cfg(feature = "client")]
    #[error("chequebook {contract} is not opened yet")]
    NotOpened {
        /// Its address.
        contract: Address,
    },

    /// The code at the address is not that of a chequebook as this crate knows it.
    #[cfg(feature = "client")]
    #[error("code at {contract} is not that of a chequebook")]
    NotGenuine {
        /// The address.
        contract: Address,
    },

    /// The chequebook has another signer.
    #[cfg(feature = "client")]
    #[error("key is that of {found}, expected that of {expected}, the signer of chequebook {contract}")]
    NotOurSigner {
        /// The chequebook.
        contract: Address,
        /// Whose key we have.
        found: Address,
        /// The signer of the chequebook.
        expected: Address,
    },

    /// The chequebook has ended.
    #[cfg(feature = "client")]
    #[error("chequebook {contract} is dead")]
    Dead {
        /// The chequebook.
        contract: Address,
    },

    /// The end of the chequebook is announced.
    #[cfg(feature = "client")]
    #[error("chequebook {contract} may end from {killable_at} on, expected none that is announced to end")]
    KillAnnounced {
        /// The chequebook.
        contract: Address,
        /// From when on it may end, in Unix seconds.
        killable_at: u64,
    },

    /// The store does not know what was issued on this chequebook.
    #[cfg(feature = "client")]
    #[error("no record of what was issued on chequebook {contract}, recover it from its cheques first")]
    NoRecord {
        /// The chequebook.
        contract: Address,
    },

    /// The chequebook, or the inbox, is open already. Two would not know of each other's cheques.
    #[cfg(feature = "client")]
    #[error("chequebook {contract} is open already, expected one handle and its clones")]
    AlreadyOpen {
        /// The chequebook.
        contract: Address,
    },

    /// There is no cheque to cash.
    #[cfg(feature = "client")]
    #[error("no cheque of {contract} to {beneficiary} was received")]
    NothingReceived {
        /// The chequebook.
        contract: Address,
        /// Whom it would pay.
        beneficiary: Address,
    },

    /// The cheque was cashed, or a newer one was.
    #[cfg(feature = "client")]
    #[error("cheque over {amount} wei was cashed, expected more than the {sent} that were sent")]
    AlreadyCashed {
        /// The cumulative amount of the cheque, in wei.
        amount: U256,
        /// The cumulative amount that the beneficiary was paid, in wei.
        sent: U256,
    },

    /// The balance does not cover the cheque. To cash it would destroy the chequebook, which needs consent.
    #[cfg(feature = "client")]
    #[error("cheque would pay {pays} of {owed} wei and destroy the chequebook")]
    WouldBounce {
        /// What the cheque would pay now, in wei.
        pays: U256,
        /// What it should pay, in wei.
        owed: U256,
    },

    /// The contract would refuse the transaction, so it was not sent.
    #[cfg(feature = "client")]
    #[error("chequebook refuses: {refusal}")]
    Refused {
        /// What the contract says.
        refusal: String,
    },

    /// The transaction was included, and the contract refused it.
    #[cfg(feature = "client")]
    #[error("transaction {hash} was reverted in block {block}")]
    Reverted {
        /// The hash of the transaction.
        hash: B256,
        /// The number of the block.
        block: BlockNumber,
    },

    /// Another transaction of the account took the nonce.
    #[cfg(feature = "client")]
    #[error("transaction with nonce {nonce} was replaced by one of another program")]
    Replaced {
        /// The nonce.
        nonce: u64,
    },

    /// The account cannot pay for the transaction.
    #[cfg(feature = "client")]
    #[error("account {account} has {balance} wei, expected {needed} for value and gas")]
    AccountShort {
        /// The account of the client.
        account: Address,
        /// What it has, in wei.
        balance: U256,
        /// What the transaction may cost, in wei.
        needed: U256,
    },

    /// The node asks for more than we are ready to offer.
    #[cfg(feature = "client")]
    #[error("gas costs {found} wei, expected at most {max}")]
    FeeTooHigh {
        /// What we would have to offer, in wei for each gas.
        found: u128,
        /// The most we offer, in wei for each gas.
        max: u128,
    },

    /// The transaction needs more gas than any of ours should.
    #[cfg(feature = "client")]
    #[error("transaction needs {found} gas, expected at most {max}")]
    TooMuchGas {
        /// In gas.
        found: u64,
        /// In gas.
        max: u64,
    },

    /// The node did not answer in time.
    #[cfg(feature = "client")]
    #[error("no answer to {method} within {timeout:?}")]
    RpcTimeout {
        /// What we asked.
        method: &'static str,
        /// How long we waited.
        timeout: Duration,
    },

    /// The node answered with an error, or could not be reached.
    #[cfg(feature = "client")]
    #[error("{method} failed")]
    Rpc {
        /// What we asked.
        method: &'static str,
        /// What went wrong.
        source: TransportError,
    },

    /// The node has no such block.
    #[cfg(feature = "client")]
    #[error("node has no block {block}")]
    NoBlock {
        /// The block.
        block: BlockNumberOrTag,
    },

    /// The chain was reorganised while it was read. Reading it again helps.
    #[cfg(feature = "client")]
    #[error("block {block} was replaced while it was read")]
    Reorganised {
        /// The number of the block.
        block: BlockNumber,
    },

    /// The node speaks of another chain than it did, or than that of the store.
    #[cfg(feature = "client")]
    #[error("chain id is {found}, expected {expected}")]
    WrongChain {
        /// What the node says.
        found: ChainId,
        /// What it should be.
        expected: ChainId,
    },

    /// The node's chain has the right id, but does not begin with the same block as that of the store.
    #[cfg(feature = "client")]
    #[error("first block of the chain is {found}, expected {expected}")]
    WrongGenesis {
        /// The hash of the node's first block.
        found: B256,
        /// That of the store's.
        expected: B256,
    },

    /// The store failed.
    #[cfg(feature = "client")]
    #[error(transparent)]
    Store(#[from] StoreError),

    /// A backup can only be brought into an empty store.
    #[cfg(feature = "client")]
    #[error("store is not empty")]
    StoreNotEmpty,

    /// The backup contradicts itself.
    #[cfg(feature = "client")]
    #[error("backup is not valid: {reason}")]
    BadBackup {
        /// What is wrong.
        reason: String,
    },

    /// The client was stopped.
    #[cfg(feature = "client")]
    #[error("client is stopped")]
    Stopped,
}
