//! The payees of the demo.

use alloy::primitives::{Address, U256};
use chequebook::{Scheme, SignedCheque};

/// A payee, and the cheques that it has not yet received.
pub(crate) struct Payee {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
    pub(crate) scheme: Scheme,
    /// How many cheques were issued so far.
    pub(crate) count: u32,
    /// The cumulative amount of the latest cheque, in wei.
    pub(crate) promised: U256,
    pub(crate) on_their_way: Vec<SignedCheque>,
}

impl Payee {
    pub(crate) const fn new(name: &'static str, address: Address, scheme: Scheme) -> Self {
        Self { name, address, scheme, count: 0, promised: U256::ZERO, on_their_way: Vec::new() }
    }
}
