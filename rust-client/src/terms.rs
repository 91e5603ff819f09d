//! What a chequebook is created with.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

/// What a chequebook is created with, in every form. None of it ever changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The account that may announce and cancel the end, and end the chequebook. It gets back what is left. Not zero.
    pub owner: Address,
    /// The address that must sign cheques. Zero stands for the owner.
    pub signer: Address,
    /// The least time between the announcement of the end and the end, in seconds.
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
