//! What one beneficiary received, as JSON.

use alloy::primitives::U256;
use chequebook::SignedCheque;
use serde::{Deserialize, Serialize};

use crate::store::schema::decimal;

/// What one beneficiary received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    /// The highest valid cheque.
    pub(super) cheque: SignedCheque,
    /// The cumulative amount that was acknowledged, in wei.
    #[serde(with = "decimal")]
    pub(super) acknowledged: U256,
    /// The cheque that was acknowledged last, if it is not the highest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accepted: Option<SignedCheque>,
    /// Whether it was read from a bare cheque, as format 4 has it.
    #[serde(skip)]
    pub(super) is_old: bool,
}

/// A [`Receipt`] as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewReceipt {
    pub(super) cheque: SignedCheque,
    #[serde(with = "decimal")]
    pub(super) acknowledged: U256,
    #[serde(default)]
    pub(super) accepted: Option<SignedCheque>,
}
