//! What can go wrong with payers, payees and their state.

use std::time::Duration;

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, BlockNumber, ChainId, U256},
};
use chequebook::{Asset, Error as ChequeError, ErrorClass, Scheme};

use crate::{
    answer::{NodeFailure, Refusal},
    store::{Purpose, StoreError},
};

/// The unit of an amount, as errors name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit(pub(crate) Asset);

impl std::fmt::Display for Unit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Asset::Ether => formatter.write_str("wei"),
            Asset::Token(token) => write!(formatter, "units of token {token}"),
        }
    }
}

/// What can go wrong with payers, payees and their state. Amounts are in the smallest unit of the chequebook's asset, wei
/// or that of its token, unless a unit is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of a cheque, or of terms, that needs no chain and no store.
    #[error(transparent)]
    Cheque(#[from] chequebook::Error),

    /// The wallet, device or service that holds the account's key did not sign a transaction.
    #[error("account did not sign: {0}")]
    Account(#[from] alloy::signers::Error),

    /// The key of the account, or of the chequebook, did not sign in time. Nothing was promised or sent.
    #[error("no signature within {limit:?}")]
    SignerTimedOut {
        /// How long we waited.
        limit: Duration,
    },

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
        /// The chain of the wallet.
        expected: ChainId,
    },

    /// The cheque is made out to somebody else.
    #[error("cheque is made out to {found}, expected {expected}")]
    WrongBeneficiary {
        /// The beneficiary of the cheque.
        found: Address,
        /// The beneficiary of the inbox.
        expected: Address,
    },

    /// The amount is not higher than that of the latest cheque.
    #[error("cheque is over {amount}, expected more than the {newest} of the latest one")]
    StaleCheque {
        /// The cumulative amount of the cheque.
        amount: U256,
        /// The cumulative amount of the latest cheque received.
        newest: U256,
    },

    /// The payee's policy refuses cheques of this scheme.
    #[error("{scheme:?} cheques are not accepted")]
    SchemeRefused {
        /// How the cheque is signed.
        scheme: Scheme,
    },

    /// The payee's policy requires a longer notice period.
    #[error("chequebook {contract} has a notice of {found} s, expected at least {expected} s")]
    NoticeTooShort {
        /// The chequebook.
        contract: Address,
        /// Its notice period, in seconds.
        found: u64,
        /// The shortest that is accepted, in seconds.
        expected: u64,
    },

    /// The payee's policy requires a balance that covers all uncashed amounts.
    #[error("chequebook {contract} has {balance}, expected at least the {uncashed} that are uncashed with this cheque")]
    NotCovered {
        /// The chequebook.
        contract: Address,
        /// The lower bound of its balance.
        balance: U256,
        /// What the inboxes of this wallet could cash.
        uncashed: U256,
    },

    /// The payer's cheques have not brought enough.
    #[error("the payer of chequebook {contract} has {available} left of what its cheques brought, expected {amount}")]
    InsufficientCredit {
        /// The chequebook.
        contract: Address,
        /// What is to be spent, in the smallest unit of its asset.
        amount: U256,
        /// What there is.
        available: U256,
    },

    /// More unknown chequebooks wait to be looked up than the limits of the cashier allow. Try again.
    #[error("{max} unknown chequebooks are being looked up already, expected fewer")]
    Busy {
        /// How many may wait.
        max: usize,
    },

    /// The cashier has as many open inboxes as its limits allow, and none that it may forget.
    #[error("{max} inboxes are open, and each has something to be cashed, expected fewer")]
    Full {
        /// How many may be open.
        max: usize,
    },

    /// Nothing can be promised, deposited or cashed with an amount of zero.
    #[error("amount is 0, expected more")]
    ZeroAmount,

    /// A cheque to the chequebook itself, or to the zero address, pays nobody.
    #[error("beneficiary {beneficiary} cannot be paid, expected neither the chequebook nor the zero address")]
    InvalidBeneficiary {
        /// The beneficiary of the cheque.
        beneficiary: Address,
    },

    /// The deposit does not cover the amount.
    #[error("chequebook {contract} cannot promise {amount}, expected at most the {available} available")]
    InsufficientDeposit {
        /// The chequebook.
        contract: Address,
        /// The amount to promise.
        amount: U256,
        /// The amount that may still be promised.
        available: U256,
    },

    /// A sum does not fit into 256 bits.
    #[error("sum of amounts is too large, expected at most {}", U256::MAX)]
    Overflow,

    /// There is no code at the address: no chequebook was created there, or there is no factory, or no such token, on this
    /// chain.
    #[error("no code at {contract}, expected one of our contracts, or a token")]
    NoCode {
        /// The address.
        contract: Address,
    },

    /// The chequebook is not created yet, and the [policy](crate::Policy) requires it.
    #[error("chequebook {contract} is not created yet")]
    NotCreated {
        /// Its address.
        contract: Address,
    },

    /// The contract at the address does not answer like a chequebook, or not like the factory, or its token not like a
    /// token.
    #[error("contract {contract} does not answer like one of our contracts")]
    NotGenuine {
        /// The address.
        contract: Address,
    },

    /// The chequebook has another signer.
    #[error("key is that of {found}, expected that of {expected}, the signer of chequebook {contract}")]
    NotOurSigner {
        /// The chequebook.
        contract: Address,
        /// The address of our key.
        found: Address,
        /// The signer of the chequebook.
        expected: Address,
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

    /// The account of the wallet does not own the chequebook.
    #[error("account is {found}, expected {expected}, the owner of chequebook {contract}")]
    NotOwner {
        /// The chequebook.
        contract: Address,
        /// The account of the wallet.
        found: Address,
        /// The owner of the chequebook.
        expected: Address,
    },

    /// The end of the chequebook is not announced.
    #[error("the end of chequebook {contract} is not announced, expected an announcement")]
    NotAnnounced {
        /// The chequebook.
        contract: Address,
    },

    /// Only of a dead chequebook the owner can reclaim what arrived since.
    #[error("chequebook {contract} has not ended, expected a dead one")]
    NotDead {
        /// The chequebook.
        contract: Address,
    },

    /// The notice period is not over, by the newest block.
    #[error(
        "chequebook {contract} can be killed from {killable_at} on, expected no later time than {now}, that of the newest block"
    )]
    NoticeRunning {
        /// The chequebook.
        contract: Address,
        /// The earliest time at which it may end, in Unix seconds.
        killable_at: u64,
        /// The time of the newest block, in Unix seconds.
        now: u64,
    },

    /// A command of the owner is under way: it is decided or sent, and the chain does not show it yet. What it does counts
    /// already. Wait for it, or cancel its transaction.
    #[error("a command to chequebook {contract} is under way, expected none: {purpose:?}")]
    CommandUnderWay {
        /// The chequebook.
        contract: Address,
        /// What the command is for.
        purpose: Purpose,
    },

    /// Automatic deposits have sent as much as [`AutoDeposit::max_total`](crate::AutoDeposit::max_total) allows.
    #[error(
        "automatic deposits into chequebook {contract} may send {missing} wei no more: {total} of at most {max} are sent"
    )]
    AutoDepositLimit {
        /// The chequebook.
        contract: Address,
        /// What is missing of the buffer, in wei.
        missing: U256,
        /// What they have sent, in wei.
        total: U256,
        /// The most that they may send, in wei.
        max: U256,
    },

    /// The store does not know what was issued on this chequebook.
    #[error("no record of what was issued on chequebook {contract}, recover it from its cheques first")]
    NoRecord {
        /// The chequebook.
        contract: Address,
    },

    /// The chequebook or inbox is already open. Two separate handles would not know of each other's cheques.
    #[error("chequebook {contract} is open already, expected one handle and its clones")]
    AlreadyOpen {
        /// The chequebook.
        contract: Address,
    },

    /// There is no cheque to cash.
    #[error("no cheque of {contract} to {beneficiary} was received")]
    NothingReceived {
        /// The chequebook.
        contract: Address,
        /// The beneficiary of the cheque.
        beneficiary: Address,
    },

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

    /// The contract would refuse the transaction, so it was not sent.
    #[error("chequebook refuses: {refusal}")]
    Refused {
        /// The error of the contract.
        refusal: String,
    },

    /// The transaction was included, and the contract refused it.
    #[error("transaction {hash} was reverted in block {block}")]
    Reverted {
        /// The hash of the transaction.
        hash: B256,
        /// The number of the block.
        block: BlockNumber,
    },

    /// Another transaction of the account, or an authorization that it signed (EIP-7702), used the nonce.
    #[error("transaction with nonce {nonce} was replaced: transaction {by} in block {block} used the nonce")]
    Replaced {
        /// The nonce.
        nonce: u64,
        /// The hash of the other transaction.
        by: B256,
        /// The number of its block.
        block: BlockNumber,
    },

    /// The transaction was replaced by one that does nothing, as [`Transaction::cancel`](crate::Transaction::cancel) asked.
    #[error("transaction with nonce {nonce} was cancelled")]
    Cancelled {
        /// The nonce.
        nonce: u64,
    },

    /// The node refuses the transaction for a reason that the wallet has no answer to. It stays in
    /// [`Wallet::transactions`](crate::Wallet::transactions), and is tried again; it can be repriced and cancelled.
    #[error("node refuses the transaction with nonce {nonce}: {refusal}")]
    NodeRefused {
        /// The nonce.
        nonce: u64,
        /// What the node says.
        refusal: Refusal,
    },

    /// The nonce of the transaction is used, and the node shows neither a receipt nor what else used it. Its outcome is
    /// not known; the wallet goes on asking.
    #[error(
        "outcome of the transaction with nonce {nonce} is not known: the node shows no receipt, and nothing that used the nonce"
    )]
    OutcomeUnknown {
        /// The nonce.
        nonce: u64,
    },

    /// The transaction is final, so that nothing about it can be changed.
    #[error("transaction with nonce {nonce} is final, expected one that is not")]
    AlreadyFinal {
        /// The nonce.
        nonce: u64,
    },

    /// The account cannot pay for the transaction, and for those before it.
    #[error("account {account} has {balance} wei, expected {needed} for value and gas")]
    InsufficientFunds {
        /// The account of the wallet.
        account: Address,
        /// What it has, in wei, less what its transactions that are under way may cost.
        balance: U256,
        /// What the transaction may cost, in wei.
        needed: U256,
    },

    /// The account has too few tokens for a deposit, besides those that are under way.
    #[error("account {account} has {balance} units of token {token}, expected {needed} for the deposit")]
    InsufficientTokens {
        /// The account of the wallet.
        account: Address,
        /// The token.
        token: Address,
        /// What it has, in the smallest unit of the token, less what its transactions that are under way move.
        balance: U256,
        /// What the deposit moves, in the same unit.
        needed: U256,
    },

    /// The price of gas is above [`Config::max_fee_per_gas`](crate::Config::max_fee_per_gas).
    #[error("gas costs {found} wei, expected at most {max}")]
    FeeTooHigh {
        /// The price to offer, in wei per gas.
        found: u128,
        /// The limit, in wei per gas.
        max: u128,
    },

    /// The transaction needs more gas than the wallet allows.
    #[error("transaction needs {found} gas, expected at most {max}")]
    TooMuchGas {
        /// What it needs, in gas.
        found: u64,
        /// The limit, in gas.
        max: u64,
    },

    /// The node did not answer in time.
    #[error("no answer to {method} within {timeout:?}")]
    RpcTimeout {
        /// The RPC method.
        method: &'static str,
        /// How long we waited.
        timeout: Duration,
    },

    /// The node answered with an error, or could not be reached.
    #[error("{method} failed: {failure}")]
    Rpc {
        /// The RPC method.
        method: &'static str,
        /// What went wrong.
        failure: NodeFailure,
    },

    /// The chain could not be looked at for longer than [`Config::patience`](crate::Config::patience).
    #[error("chain was not seen for {silence:?}: {reason}")]
    Unreachable {
        /// For how long.
        silence: Duration,
        /// The last error.
        reason: String,
    },

    /// The newest block that the node shows is too old to decide on: the node has stalled, or the chain has.
    #[error("newest block {number} is {age:?} old, expected at most {max:?}")]
    StaleHead {
        /// The number of the block.
        number: BlockNumber,
        /// The age of its timestamp.
        age: Duration,
        /// The largest age, [`Config::max_head_age`](crate::Config::max_head_age).
        max: Duration,
    },

    /// The node is behind a block that the wallet saw before, and shows no reorganisation.
    #[error("node is at block {found}, expected at least {expected}, which it showed before")]
    NodeBehind {
        /// Its newest block.
        found: BlockNumber,
        /// The newest block that was seen.
        expected: BlockNumber,
    },

    /// What the node says contradicts what it said before, and it shows no reason. Nothing was stored.
    #[error("node contradicts itself on {contract}: {what}")]
    Contradiction {
        /// The chequebook.
        contract: Address,
        /// What it says.
        what: String,
    },

    /// The chain has paid more to a beneficiary than the store knows to have been promised: the store is older than the
    /// last cheque. [`recover`](crate::Chequebook::recover) it before more is promised.
    #[error(
        "chequebook {contract} paid {paid} to {beneficiary}, expected at most the {issued} that the store knows of"
    )]
    StoreOutdated {
        /// The chequebook.
        contract: Address,
        /// The beneficiary.
        beneficiary: Address,
        /// What the chain has paid.
        paid: U256,
        /// What the store has as promised.
        issued: U256,
    },

    /// The node has no such block.
    #[error("node has no block {block}")]
    NoBlock {
        /// The block.
        block: BlockNumberOrTag,
    },

    /// The chain was reorganised while it was read. Try again.
    #[error("block {block} was replaced while it was read")]
    Reorganised {
        /// The number of the block.
        block: BlockNumber,
    },

    /// The node serves another chain than before, or than the store belongs to.
    #[error("chain id is {found}, expected {expected}")]
    WrongChain {
        /// The chain id of the node.
        found: ChainId,
        /// The expected chain id.
        expected: ChainId,
    },

    /// The node's chain has the right id, but not the first block of the store's chain.
    #[error("first block of the chain is {found}, expected {expected}")]
    WrongGenesis {
        /// The hash of the node's first block.
        found: B256,
        /// The hash of the first block of the store's chain.
        expected: B256,
    },

    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// The key of a request belongs to another one.
    #[error("key {key} belongs to another request, expected one that asks for the same")]
    KeyReused {
        /// The key.
        key: B256,
    },

    /// A limit of the request allows no more, at once or today.
    #[error("{amount} is too much, expected at most {left}, which is what is left of {max}")]
    LimitReached {
        /// What is to be spent.
        amount: U256,
        /// What is left.
        left: U256,
        /// The limit.
        max: U256,
    },

    /// The transaction of an earlier request is no longer in the store, which keeps what
    /// [`Config::history`](crate::Config::history) says.
    #[error("transaction {nonce} is no longer in the store")]
    Forgotten {
        /// Its nonce.
        nonce: u64,
    },

    /// A backup can only be imported into an empty store.
    #[error("store is not empty")]
    StoreNotEmpty,

    /// The backup contradicts itself.
    #[error("backup is not valid: {reason}")]
    BadBackup {
        /// What is wrong.
        reason: String,
    },

    /// The wallet was shut down.
    #[error("wallet is shut down")]
    ShutDown,

    /// A task of this crate panicked. Stored data is kept.
    #[error("a task of the wallet panicked")]
    Panicked,
}

impl Error {
    /// The same error, for another caller that shares its cause.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Cheque(ChequeError::Unproven { contract }) => ChequeError::Unproven { contract: *contract }.into(),
            &Self::Cheque(ChequeError::WrongAsset { contract, found, expected }) => {
                ChequeError::WrongAsset { contract, found, expected }.into()
            }
            Self::Store(error) => Self::Store(error.clone()),
            Self::Rpc { method, failure } => Self::Rpc { method, failure: failure.clone() },
            &Self::RpcTimeout { method, timeout } => Self::RpcTimeout { method, timeout },
            &Self::NoCode { contract } => Self::NoCode { contract },
            &Self::NotGenuine { contract } => Self::NotGenuine { contract },
            &Self::Dead { contract } => Self::Dead { contract },
            &Self::AlreadyOpen { contract } => Self::AlreadyOpen { contract },
            &Self::NoBlock { block } => Self::NoBlock { block },
            &Self::Reorganised { block } => Self::Reorganised { block },
            &Self::NodeBehind { found, expected } => Self::NodeBehind { found, expected },
            &Self::StaleHead { number, age, max } => Self::StaleHead { number, age, max },
            Self::Contradiction { contract, what } => Self::Contradiction { contract: *contract, what: what.clone() },
            Self::Panicked => Self::Panicked,
            Self::ShutDown => Self::ShutDown,
            error => Self::Unreachable { silence: Duration::ZERO, reason: error.to_string() },
        }
    }

    /// The kind of this error.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Cheque(error) => error.class(),
            Self::Account(_) | Self::SignerTimedOut { .. } => ErrorClass::Signer,
            Self::WrongContract { .. }
            | Self::WrongChainId { .. }
            | Self::WrongBeneficiary { .. }
            | Self::StaleCheque { .. }
            | Self::AlreadyCashed { .. } => ErrorClass::BadCheque,
            Self::SchemeRefused { .. }
            | Self::NoticeTooShort { .. }
            | Self::NotCovered { .. }
            | Self::NotCreated { .. }
            | Self::Busy { .. }
            | Self::Full { .. } => ErrorClass::Policy,
            Self::InsufficientDeposit { .. }
            | Self::InsufficientCredit { .. }
            | Self::AutoDepositLimit { .. }
            | Self::LimitReached { .. }
            | Self::InsufficientFunds { .. }
            | Self::InsufficientTokens { .. }
            | Self::WouldBounce { .. }
            | Self::FeeTooHigh { .. } => ErrorClass::Funds,
            Self::ZeroAmount
            | Self::InvalidBeneficiary { .. }
            | Self::Overflow
            | Self::NotOurSigner { .. }
            | Self::NotOwner { .. }
            | Self::NotAnnounced { .. }
            | Self::NotDead { .. }
            | Self::NoticeRunning { .. }
            | Self::NoRecord { .. }
            | Self::KeyReused { .. }
            | Self::Forgotten { .. }
            | Self::AlreadyOpen { .. }
            | Self::NothingReceived { .. }
            | Self::StoreNotEmpty
            | Self::BadBackup { .. } => ErrorClass::InvalidInput,
            Self::Dead { .. } | Self::KillAnnounced { .. } | Self::CommandUnderWay { .. } | Self::ShutDown => {
                ErrorClass::Ended
            }
            Self::Refused { .. }
            | Self::Reverted { .. }
            | Self::Replaced { .. }
            | Self::Cancelled { .. }
            | Self::NodeRefused { .. }
            | Self::OutcomeUnknown { .. }
            | Self::AlreadyFinal { .. }
            | Self::TooMuchGas { .. } => ErrorClass::Transaction,
            Self::RpcTimeout { .. }
            | Self::Rpc { .. }
            | Self::NoBlock { .. }
            | Self::Reorganised { .. }
            | Self::Unreachable { .. }
            | Self::StaleHead { .. }
            | Self::NodeBehind { .. }
            | Self::Contradiction { .. } => ErrorClass::ChainUnreachable,
            Self::NoCode { .. } | Self::NotGenuine { .. } | Self::WrongChain { .. } | Self::WrongGenesis { .. } => {
                ErrorClass::WrongChain
            }
            Self::Store(_) | Self::StoreOutdated { .. } => ErrorClass::Store,
            Self::Panicked => ErrorClass::Bug,
        }
    }
}
