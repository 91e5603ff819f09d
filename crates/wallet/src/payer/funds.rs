//! The figures that decide whether a cheque may be written.

use alloy::primitives::{BlockNumber, U256};

/// What a chequebook has, and what was promised of it. All in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// All that was ever deposited and not taken back, in blocks that count as final.
    pub funded: U256,
    /// All that was ever promised by cheques.
    pub issued: U256,
    /// What may still be promised.
    pub available: U256,
    /// Deposits of ours that are under way and do not count yet.
    pub pending: U256,
}

/// What decides whether a cheque may be written.
#[derive(Debug)]
pub(super) struct Funds {
    /// In wei, at `block`.
    pub(super) funded: U256,
    pub(super) block: BlockNumber,
    /// In wei: what the store has as total, or will have.
    pub(super) issued: U256,
    /// In wei: promised by cheques that are just being signed.
    pub(super) reserved: U256,
}

impl Funds {
    /// Nothing, until the chain is asked.
    pub(super) const fn new(issued: U256) -> Self {
        Self { funded: U256::ZERO, block: 0, issued, reserved: U256::ZERO }
    }

    /// In wei. Zero if more was issued than is there now, which only a deep reorganisation or the owner can bring about.
    pub(super) fn available(&self) -> U256 {
        self.funded.saturating_sub(self.issued).saturating_sub(self.reserved)
    }
}
