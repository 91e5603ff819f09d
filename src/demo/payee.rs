//! Who is paid in the demo.

use alloy::primitives::{Address, U256};
use chequebook::{Scheme, SignedCheque};

/// Somebody who is paid, and the cheques that are on their way.
pub(crate) struct Payee {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
    pub(crate) scheme: Scheme,
    /// How many cheques were made out so far.
    pub(crate) count: u32,
    /// The cumulative amount of the newest cheque, in wei.
    pub(crate) promised: U256,
    pub(crate) on_their_way: Vec<SignedCheque>,
}

impl Payee {
    pub(crate) const fn new(name: &'static str, address: Address, scheme: Scheme) -> Self {
        Self { name, address, scheme, count: 0, promised: U256::ZERO, on_their_way: Vec::new() }
    }
}
