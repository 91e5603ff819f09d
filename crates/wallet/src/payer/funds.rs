//! The amounts that decide whether a cheque may be issued.

use alloy::primitives::{BlockNumber, U256};

/// What a chequebook is funded with, and what was promised from it. All in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// The total that was ever deposited and not withdrawn, in blocks that count as final.
    pub funded: U256,
    /// The total that was ever promised by cheques.
    pub issued: U256,
    /// The amount that may still be promised.
    pub available: U256,
    /// Our deposits that are pending and do not count yet.
    pub pending: U256,
}

/// The amounts that decide whether a cheque may be issued.
#[derive(Debug)]
pub(super) struct Funds {
    /// In wei, at `block`.
    pub(super) funded: U256,
    pub(super) block: BlockNumber,
    /// In wei: the total that the store has, or will have after the next commit.
    pub(super) issued: U256,
    /// In wei: reserved for cheques that are being signed.
    pub(super) reserved: U256,
}

impl Funds {
    /// Funded with nothing until the chain is asked.
    pub(super) const fn new(issued: U256) -> Self {
        Self { funded: U256::ZERO, block: 0, issued, reserved: U256::ZERO }
    }

    /// In wei. Zero if more was issued than is funded now, which only a deep reorganisation or the owner can cause.
    pub(super) fn available(&self) -> U256 {
        self.funded.saturating_sub(self.issued).saturating_sub(self.reserved)
    }
}
