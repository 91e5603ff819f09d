//! Rows as they were in format 4 and before, where they differ from today's.

use alloy::primitives::{Address, B256, BlockNumber, Bytes, U256};
use chequebook::Creation;
use serde::{Deserialize, Serialize};

use super::super::schema;

/// Of format 4.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct ChequebookRow {
    pub(super) signer: Address,
    pub(super) creation: Option<Creation>,
}

/// Of the formats 1 to 4, with the purpose of each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TransactionRow<P = Purpose> {
    pub(super) purpose: P,
    pub(super) variants: Vec<Bytes>,
    pub(super) outcome: Option<Outcome>,
}

/// Of the formats 1 to 4, and of backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    Confirmed { block: BlockNumber, hash: B256 },
    Reverted { block: BlockNumber, hash: B256 },
    Replaced,
}

impl Outcome {
    /// `None` if there is no evidence of what became of the transaction: then it is followed again.
    pub(crate) const fn upgrade(self) -> Option<schema::Outcome> {
        match self {
            Self::Confirmed { block, hash } => Some(schema::Outcome::Confirmed { block, hash }),
            Self::Reverted { block, hash } => Some(schema::Outcome::Reverted { block, hash }),
            Self::Replaced => None,
        }
    }
}

/// Of format 4: later ones were added at the end.
pub(super) type Purpose = schema::Purpose;

/// Of the formats 2 and 3. Format 1 had the first three.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum EarlyPurpose {
    Deploy {
        contract: Address,
    },
    Deposit {
        contract: Address,
        amount: U256,
    },
    Cash {
        contract: Address,
        beneficiary: Address,
        amount: U256,
    },
    /// Called `Open` in format 2.
    Create {
        contract: Address,
        amount: U256,
    },
    CashMany {
        cheques: u64,
    },
}

impl EarlyPurpose {
    pub(super) const fn upgrade(self) -> Option<Purpose> {
        Some(match self {
            Self::Deploy { .. } => return None,
            Self::Deposit { contract, amount } => Purpose::Deposit { contract, amount },
            Self::Cash { contract, beneficiary, amount } => Purpose::Cash { contract, beneficiary, amount },
            Self::Create { contract, amount } => Purpose::Create { contract, amount },
            Self::CashMany { cheques } => Purpose::CashMany { cheques },
        })
    }
}
