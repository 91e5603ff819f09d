//! The amounts that decide whether a cheque may be issued. Nothing here asks the node or the store.

use alloy::primitives::{B256, BlockNumber, U256};

use chequebook::Asset;

use crate::{Error, error::Unit};

/// What a chequebook is funded with, and what was promised from it. All in the smallest unit of its asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// The total that was ever deposited and not withdrawn, in blocks that count as final. If the issuer of a token has
    /// taken some, it is what is left at the newest block.
    pub funded: U256,
    /// The total that was ever promised by cheques.
    pub issued: U256,
    /// The amount that may still be promised.
    pub available: U256,
    /// Our deposits that are under way and do not count yet.
    pub pending: U256,
    /// The total that was ever paid by cheques, in blocks that count as final.
    pub paid: U256,
}

impl Balance {
    /// What was promised and is not paid, in wei: what payees can still cash, and what they lose if the owner kills the
    /// chequebook before.
    pub const fn liabilities(&self) -> U256 {
        self.issued.saturating_sub(self.paid)
    }
}

/// What the chain shows at a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) block: BlockNumber,
    pub(super) hash: B256,
    /// In wei.
    pub(super) balance: U256,
    /// All that was paid by cheques, in wei.
    pub(super) paid: U256,
    pub(super) is_dead: bool,
}

impl Shown {
    pub(super) fn funded(&self) -> Result<U256, Error> {
        self.balance.checked_add(self.paid).ok_or(Error::Overflow)
    }
}

/// The amounts that decide whether a cheque may be issued.
#[derive(Debug)]
pub(super) struct Funds {
    /// `None` until the chain was asked.
    shown: Option<Shown>,
    /// Of a token: what it is funded with at the newest block, which may be less, because its issuer took some.
    newest: Option<U256>,
    /// In wei: the total that the store has, or will have after the next commit.
    pub(super) issued: U256,
    /// In wei: reserved for cheques that are being signed.
    pub(super) reserved: U256,
    /// In wei: deposits that are decided and not signed.
    pub(super) depositing: U256,
}

impl Funds {
    /// Funded with nothing until the chain is asked.
    pub(super) const fn new(issued: U256) -> Self {
        Self { shown: None, newest: None, issued, reserved: U256::ZERO, depositing: U256::ZERO }
    }

    /// The last block that counts. Zero if the chain was not asked.
    pub(super) fn block(&self) -> BlockNumber {
        self.shown.map_or(0, |shown| shown.block)
    }

    /// In the smallest unit of the asset, as all amounts.
    pub(super) fn funded(&self) -> Result<U256, Error> {
        let shown = self.shown.map_or(Ok(U256::ZERO), |shown| shown.funded())?;
        Ok(self.newest.map_or(shown, |newest| newest.min(shown)))
    }

    /// Zero if more was issued than is funded now, which only a deep reorganisation, the owner, or the issuer of a token
    /// can cause.
    pub(super) fn available(&self) -> Result<U256, Error> {
        Ok(self.funded()?.saturating_sub(self.issued).saturating_sub(self.reserved))
    }

    /// What is wrong with what the chain shows, if the last block that was believed is still part of it: what is funded
    /// never falls on one chain but by the death of the chequebook or, of a token, by what its issuer does, and what was
    /// paid never does.
    pub(super) fn contradiction(&self, new: &Shown, asset: Asset, reorganised: bool) -> Result<Option<String>, Error> {
        let Some(before) = self.shown else { return Ok(None) };
        // After a reorganisation, what the newest block showed is no fact any more.
        let was = if reorganised { before.funded()? } else { self.funded()? };
        let is = new.funded()?;
        let fell = |what: &str, was: U256, is: U256| {
            Some(format!("it {what} {was} {} in block {}, and {is} in block {}", Unit(asset), before.block, new.block))
        };
        Ok(if new.paid < before.paid {
            fell("had paid", before.paid, new.paid)
        } else if is < was && !new.is_dead {
            fell("was funded with", was, is)
        } else {
            None
        })
    }

    /// The balance that was believed last, in wei.
    pub(super) fn believed_balance(&self) -> U256 {
        self.shown.map_or(U256::ZERO, |shown| shown.balance)
    }

    /// What was believed last to be paid, in wei.
    pub(super) fn believed_paid(&self) -> U256 {
        self.shown.map_or(U256::ZERO, |shown| shown.paid)
    }

    /// The last block that was believed.
    pub(super) fn believed(&self) -> Option<(BlockNumber, B256)> {
        self.shown.map(|shown| (shown.block, shown.hash))
    }

    /// Believes what the chain shows.
    pub(super) const fn believe(&mut self, new: Shown) {
        self.shown = Some(new);
    }

    /// Believes what a token chequebook is funded with at the newest block. `None` for ether.
    pub(super) const fn believe_newest(&mut self, newest: Option<U256>) {
        self.newest = newest;
    }
}

#[cfg(test)]
mod tests;
