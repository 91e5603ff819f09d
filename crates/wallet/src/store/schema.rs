//! The tables of the wallet's store: one for each kind of fact.
//!
//! A key is what the row belongs to, in a fixed number of bytes. A row is encoded by postcard. A change of either needs a
//! new [`FORMAT`].

use alloy::primitives::{Address, B256, BlockNumber, Bytes, ChainId, FixedBytes, U256};
use serde::{Deserialize, Serialize};

use chequebook::{Cheque, Creation, Error, Scheme, SignedCheque};

use super::{
    change::{Key, Table},
    error::StoreError,
};

/// The version of the keys and rows.
pub(crate) const FORMAT: u32 = 5;

/// The tables that a [`Store`](super::Store) must have. What is in them is the wallet's own affair. A later version may add
/// tables; create those that are missing when the store is opened.
pub const TABLES: &[Table] = &[
    table::ORIGIN,
    table::VIEW,
    table::CHEQUEBOOKS,
    table::TOTALS,
    table::PAID,
    table::ISSUED,
    table::RECEIVED,
    table::ACCEPTED,
    table::CREDIT,
    table::NONCES,
    table::TRANSACTIONS,
    table::HISTORY,
    table::AUTOMATIC,
    table::REQUESTS,
    table::COUNTERS,
];

pub(crate) mod table {
    use super::Table;

    /// The chain to which the store belongs, in one row.
    pub(crate) const ORIGIN: Table = Table("origin");
    /// The newest block that was believed, in one row.
    pub(crate) const VIEW: Table = Table("view");
    /// By chequebook: the chequebooks that we sign for.
    pub(crate) const CHEQUEBOOKS: Table = Table("chequebooks");
    /// By chequebook: the total issued.
    pub(crate) const TOTALS: Table = Table("totals");
    /// By chequebook: the sum of its cashed cheques up to a block.
    pub(crate) const PAID: Table = Table("paid");
    /// By chequebook and beneficiary: the latest cheque that we issued.
    pub(crate) const ISSUED: Table = Table("issued");
    /// By chequebook and beneficiary: the highest cheque that we received.
    pub(crate) const RECEIVED: Table = Table("received");
    /// By chequebook and beneficiary: the cheque that was acknowledged last, where a higher one is kept.
    pub(crate) const ACCEPTED: Table = Table("accepted");
    /// By chequebook and beneficiary: what a cashier took, and what was spent of it.
    pub(crate) const CREDIT: Table = Table("credit");
    /// By account: the nonce of its next transaction.
    pub(crate) const NONCES: Table = Table("nonces");
    /// By account and nonce: our transactions whose outcome is not final.
    pub(crate) const TRANSACTIONS: Table = Table("transactions");
    /// By account and nonce: those whose outcome is final.
    pub(crate) const HISTORY: Table = Table("history");
    /// By chequebook: what automatic deposits have sent, those that are not final apart.
    pub(crate) const AUTOMATIC: Table = Table("automatic");
    /// By key: what was done for a request.
    pub(crate) const REQUESTS: Table = Table("requests");
    /// By counter: what the requests of its last day have spent.
    pub(crate) const COUNTERS: Table = Table("counters");
}

fn key(table: Table, parts: &[&[u8]]) -> Key {
    Key { table, bytes: parts.concat() }
}

pub(crate) fn origin_key() -> Key {
    key(table::ORIGIN, &[])
}

pub(crate) fn view_key() -> Key {
    key(table::VIEW, &[])
}

pub(crate) fn chequebook_key(contract: Address) -> Key {
    key(table::CHEQUEBOOKS, &[contract.as_slice()])
}

pub(crate) fn total_key(contract: Address) -> Key {
    key(table::TOTALS, &[contract.as_slice()])
}

pub(crate) fn paid_key(contract: Address) -> Key {
    key(table::PAID, &[contract.as_slice()])
}

pub(crate) fn issued_key(contract: Address, beneficiary: Address) -> Key {
    key(table::ISSUED, &[contract.as_slice(), beneficiary.as_slice()])
}

pub(crate) fn received_key(contract: Address, beneficiary: Address) -> Key {
    key(table::RECEIVED, &[contract.as_slice(), beneficiary.as_slice()])
}

pub(crate) fn accepted_key(contract: Address, beneficiary: Address) -> Key {
    key(table::ACCEPTED, &[contract.as_slice(), beneficiary.as_slice()])
}

pub(crate) fn credit_key(contract: Address, beneficiary: Address) -> Key {
    key(table::CREDIT, &[contract.as_slice(), beneficiary.as_slice()])
}

/// Chequebook and beneficiary of a key of [`table::RECEIVED`] or [`table::ACCEPTED`].
pub(crate) fn received_of(key: &[u8]) -> Result<(Address, Address), StoreError> {
    let both = key.split_first_chunk::<20>();
    let both = both.and_then(|(contract, beneficiary)| Some((contract.into(), Address::try_from(beneficiary).ok()?)));
    both.ok_or_else(|| StoreError::bad_row(table::RECEIVED, key))
}

pub(crate) fn nonce_key(account: Address) -> Key {
    key(table::NONCES, &[account.as_slice()])
}

pub(crate) fn transaction_key(account: Address, nonce: u64) -> Key {
    key(table::TRANSACTIONS, &[account.as_slice(), &nonce.to_be_bytes()])
}

pub(crate) fn history_key(account: Address, nonce: u64) -> Key {
    key(table::HISTORY, &[account.as_slice(), &nonce.to_be_bytes()])
}

pub(crate) fn automatic_key(contract: Address) -> Key {
    key(table::AUTOMATIC, &[contract.as_slice()])
}

pub(crate) fn request_key(request: B256) -> Key {
    key(table::REQUESTS, &[request.as_slice()])
}

pub(crate) fn counter_key(counter: B256) -> Key {
    key(table::COUNTERS, &[counter.as_slice()])
}

/// The key of [`table::REQUESTS`] or [`table::COUNTERS`].
pub(crate) fn word_of(table: Table, key: &[u8]) -> Result<B256, StoreError> {
    B256::try_from(key).map_err(|_| StoreError::bad_row(table, key))
}

/// Account and nonce of a key of [`table::TRANSACTIONS`] or [`table::HISTORY`].
pub(crate) fn transaction_of(table: Table, key: &[u8]) -> Result<(Address, u64), StoreError> {
    let both = key.split_first_chunk::<20>();
    let both = both.and_then(|(account, nonce)| Some((account.into(), u64::from_be_bytes(nonce.try_into().ok()?))));
    both.ok_or_else(|| StoreError::bad_row(table, key))
}

/// The address at the end of a key.
pub(crate) fn address_at_end(table: Table, key: &[u8]) -> Result<Address, StoreError> {
    key.last_chunk::<20>().map(Address::from).ok_or_else(|| StoreError::bad_row(table, key))
}

/// The chain to which a store belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Origin {
    pub(crate) format: u32,
    pub(crate) chain_id: ChainId,
    /// The hash of its first block: two development chains may have one id.
    pub(crate) genesis: B256,
}

/// A chequebook that we sign for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChequebookRow {
    pub(crate) signer: Address,
    /// `None` if the chequebook was recovered from its address alone.
    pub(crate) creation: Option<Creation>,
    /// A block, as the node counts them, before which it paid nothing. `None` if that is not known yet.
    pub(crate) scan_from: Option<BlockNumber>,
}

/// A block that was believed. The wallet does not go back behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ViewRow {
    pub(crate) number: BlockNumber,
    pub(crate) hash: B256,
    /// The newest block that counted as final.
    pub(crate) confirmed: BlockNumber,
    pub(crate) confirmed_hash: B256,
}

/// How much a chequebook has paid by cheques up to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paid {
    pub(crate) block: BlockNumber,
    pub(crate) hash: B256,
    /// In wei.
    pub(crate) total: U256,
}

/// What one of our beneficiaries received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Received {
    /// The highest valid cheque, acknowledged or not.
    pub(crate) cheque: Promise,
    /// The cumulative amount that was acknowledged, in wei: never more than that of the cheque.
    pub(crate) acknowledged: U256,
}

/// What a payer has with a cashier, in the smallest unit of its asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreditRow {
    /// What its acknowledged cheques brought in all.
    #[serde(with = "decimal")]
    pub(crate) accepted: U256,
    /// What was spent of it: never more.
    #[serde(with = "decimal")]
    pub(crate) spent: U256,
    /// Since when something of it is uncashed, in Unix seconds.
    pub(crate) since: u64,
}

/// What was done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Done {
    // Rows have the number of a variant: new ones come last.
    /// A cheque was issued.
    #[serde(rename_all = "camelCase")]
    Cheque { contract: Address, beneficiary: Address, promise: Promise },
    /// A transaction was signed.
    #[serde(rename_all = "camelCase")]
    Transaction { account: Address, nonce: u64 },
}

impl Done {
    pub(crate) const fn transaction((account, nonce): (Address, u64)) -> Self {
        Self::Transaction { account, nonce }
    }
}

/// What was done for a request with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestRow {
    /// What was asked for.
    pub(crate) content: B256,
    /// When, in Unix seconds.
    pub(crate) at: u64,
    pub(crate) done: Done,
}

/// What the requests of one day have spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CounterRow {
    /// Since the Unix epoch.
    pub(crate) day: u64,
    /// In the smallest unit of the asset.
    #[serde(with = "decimal")]
    pub(crate) spent: U256,
}

/// What was promised to one beneficiary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Promise {
    /// The cumulative amount, in wei.
    #[serde(with = "decimal")]
    pub(crate) amount: U256,
    /// The cheque over this amount. A promise that was recovered from the chain has none.
    pub(crate) signed: Option<Signed>,
}

/// How a promise was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed {
    pub(crate) scheme: Scheme,
    pub(crate) signature: FixedBytes<65>,
}

impl Promise {
    pub(crate) fn of(cheque: &SignedCheque) -> Self {
        let Cheque { amount, scheme, .. } = *cheque.cheque();
        Self { amount, signed: Some(Signed { scheme, signature: cheque.signature().into() }) }
    }

    /// The cheque, if there is one.
    pub(crate) fn cheque(
        &self,
        contract: Address,
        beneficiary: Address,
        chain_id: ChainId,
    ) -> Result<Option<SignedCheque>, Error> {
        let Some(Signed { scheme, signature }) = self.signed else { return Ok(None) };
        let cheque = Cheque { contract, beneficiary, amount: self.amount, scheme, chain_id };
        SignedCheque::new(cheque, signature.0).map(Some)
    }
}

/// The purpose of one of our transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Purpose {
    /// To deposit ether or tokens.
    #[serde(rename_all = "camelCase")]
    Deposit {
        /// The chequebook.
        contract: Address,
        /// In the smallest unit of the asset.
        #[serde(with = "decimal")]
        amount: U256,
    },
    /// To cash a cheque.
    #[serde(rename_all = "camelCase")]
    Cash {
        /// The chequebook that pays.
        contract: Address,
        /// Whom it pays.
        beneficiary: Address,
        /// The cumulative amount of the cheque.
        #[serde(with = "decimal")]
        amount: U256,
    },
    /// To create a chequebook.
    #[serde(rename_all = "camelCase")]
    Create {
        /// Its address.
        contract: Address,
        /// The deposit that comes with it, in wei; none with a token chequebook.
        #[serde(with = "decimal")]
        amount: U256,
    },
    /// To cash several cheques through the clearing house. [`Cashing::skipped`](crate::Cashing::skipped) returns those
    /// that it did not cash.
    #[serde(rename_all = "camelCase")]
    CashMany {
        /// How many.
        cheques: u64,
    },
    /// To use a nonce that nothing else uses, so that those after it are included.
    FillGap,
    // Rows have the number of a variant: new ones come last.
    /// To deposit ether, as [`AutoDeposit`](crate::AutoDeposit) says.
    #[serde(rename_all = "camelCase")]
    AutoDeposit {
        /// The chequebook.
        contract: Address,
        /// In wei.
        #[serde(with = "decimal")]
        amount: U256,
    },
    /// To announce the end of a chequebook.
    #[serde(rename_all = "camelCase")]
    AnnounceKill {
        /// The chequebook.
        contract: Address,
    },
    /// To take the announcement back.
    #[serde(rename_all = "camelCase")]
    CancelKill {
        /// The chequebook.
        contract: Address,
    },
    /// To end a chequebook.
    #[serde(rename_all = "camelCase")]
    Kill {
        /// The chequebook.
        contract: Address,
    },
    /// To deploy the factory or the clearing house.
    #[serde(rename_all = "camelCase")]
    Deploy {
        /// Its address.
        contract: Address,
    },
    /// To take what a dead token chequebook received after its death.
    #[serde(rename_all = "camelCase")]
    Reclaim {
        /// The chequebook.
        contract: Address,
    },
    /// To cash a cheque of an original.
    #[serde(rename_all = "camelCase")]
    CashOriginal {
        /// The original.
        contract: Address,
        /// Whom it pays.
        beneficiary: Address,
        /// The cumulative amount of the cheque, in wei.
        #[serde(with = "decimal")]
        amount: U256,
    },
}

impl Purpose {
    /// The contract by which it is found: the chequebook that it funds or ends, or what it deploys, reclaims from or, of
    /// 2016, cashes from. None for what only cashes: the register of cashes has that.
    pub(crate) const fn contract(&self) -> Option<Address> {
        match *self {
            Self::Deposit { contract, .. }
            | Self::AutoDeposit { contract, .. }
            | Self::Create { contract, .. }
            | Self::AnnounceKill { contract }
            | Self::CancelKill { contract }
            | Self::Kill { contract }
            | Self::Deploy { contract }
            | Self::Reclaim { contract }
            | Self::CashOriginal { contract, .. } => Some(contract),
            Self::Cash { .. } | Self::CashMany { .. } | Self::FillGap => None,
        }
    }

    /// Whether it is a command of the owner: it announces the end of a chequebook, takes that back, or ends it.
    pub const fn is_command(&self) -> bool {
        matches!(self, Self::CancelKill { .. }) || self.is_end()
    }

    /// Whether it announces the end of a chequebook, or ends it.
    pub(crate) const fn is_end(&self) -> bool {
        matches!(self, Self::AnnounceKill { .. } | Self::Kill { .. })
    }

    /// What it deposits, in wei.
    pub(crate) const fn deposit(&self) -> Option<U256> {
        match *self {
            Self::Deposit { amount, .. } | Self::AutoDeposit { amount, .. } | Self::Create { amount, .. } => {
                Some(amount)
            }
            _ => None,
        }
    }
}

/// An amount as decimal digits in formats that people read, as in a cheque.
pub(crate) mod decimal {
    use alloy::primitives::U256;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(amount: &U256, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return amount.to_string().serialize(serializer);
        }
        amount.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
        if deserializer.is_human_readable() {
            let digits = String::deserialize(deserializer)?;
            return U256::from_str_radix(&digits, 10).map_err(|_| {
                D::Error::custom(format!("amount {digits:?} is not a number of wei, expected decimal digits"))
            });
        }
        U256::deserialize(deserializer)
    }
}

/// One of our transactions. It is stored before it is first sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionRow {
    pub(crate) purpose: Purpose,
    /// The signed transactions, the newest last. All have the same nonce, so at most one of them is ever included.
    pub(crate) variants: Vec<Bytes>,
    /// Whether it is to be replaced by one that does nothing.
    pub(crate) cancelled: bool,
    /// What it costs on the chain below, in wei, besides its gas.
    pub(crate) l1_fee: U256,
    /// Its outcome, once that is final.
    pub(crate) outcome: Option<Outcome>,
}

impl TransactionRow {
    /// The transaction as it was first sent: only another variant can be one that does nothing.
    #[expect(clippy::expect_used, reason = "a row without a variant is refused when the store is read")]
    pub(crate) fn first(&self) -> &Bytes {
        self.variants.first().expect("a transaction has a variant")
    }

    /// The transaction as it was last sent.
    #[expect(clippy::expect_used, reason = "a row without a variant is refused when the store is read")]
    pub(crate) fn latest(&self) -> &Bytes {
        self.variants.last().expect("a transaction has a variant")
    }
}

/// The final outcome of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Outcome {
    /// It succeeded.
    Confirmed {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the variant that was included.
        hash: B256,
    },
    /// The contract refused it.
    Reverted {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the transaction.
        hash: B256,
    },
    /// By the variant that does nothing.
    Cancelled {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the transaction that does nothing.
        hash: B256,
    },
    /// By a transaction of another program.
    Replaced {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the transaction that used the nonce.
        hash: B256,
    },
}
