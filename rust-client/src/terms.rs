//! The terms of a chequebook.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

/// The terms that a chequebook is created with, in either form. They never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The account that may announce the end, cancel it, and end the chequebook. It receives the remaining balance. Not
    /// zero.
    pub owner: Address,
    /// The address that must sign cheques. Zero means the owner.
    pub signer: Address,
    /// The minimum time between the announcement of the end and the end, in seconds.
    pub notice_period: u32,
}

impl Terms {
    /// The terms of a chequebook whose owner signs, and which has no notice period.
    pub const fn new(owner: Address) -> Self {
        Self { owner, signer: owner, notice_period: 0 }
    }

    /// The address that must sign cheques.
    pub fn effective_signer(&self) -> Address {
        if self.signer == Address::ZERO { self.owner } else { self.signer }
    }
}
