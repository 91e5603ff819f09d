//! What a chequebook is created with.

use std::fmt;

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

/// What a chequebook pays with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asset {
    /// Ether; amounts are in wei.
    Ether,
    /// The ERC-20 token at this address; amounts are in its smallest unit.
    Token(Address),
}

impl fmt::Display for Asset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ether => formatter.write_str("ether"),
            Self::Token(token) => write!(formatter, "token {token}"),
        }
    }
}

/// The form of a chequebook. All forms keep the same rules. The asset is part of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Has its terms in its code as constants, and pays ether: the cheapest to cash from.
    Direct,
    /// A minimal clone (ERC-1167) that pays ether: the cheapest to create.
    Clone,
    /// A minimal clone that pays the ERC-20 token at this address. Not zero.
    Token(Address),
}

impl Form {
    /// What a chequebook of this form pays with.
    pub const fn asset(self) -> Asset {
        match self {
            Self::Direct | Self::Clone => Asset::Ether,
            Self::Token(token) => Asset::Token(token),
        }
    }
}

/// The terms that a chequebook is created with. They never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// Its form.
    pub form: Form,
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
    pub const fn new(form: Form, owner: Address) -> Self {
        Self { form, owner, signer: owner, notice_period: 0 }
    }

    /// The address that must sign cheques.
    pub fn effective_signer(&self) -> Address {
        if self.signer == Address::ZERO { self.owner } else { self.signer }
    }
}
