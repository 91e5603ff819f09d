//! Which cheques a payee accepts.

use alloy::primitives::{Address, U256};
use chequebook::{Asset, Cheque, Scheme, SignedCheque, State, Terms};

use crate::{Error, chain::Seen, setters::setters};

/// Which cheques a payee accepts, and when it cashes them automatically. The default protects the payee. More settings
/// may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Accept packed cheques, which do not bind the chain. Otherwise [`Error::SchemeRefused`].
    pub accept_packed: bool,
    /// Accept typed cheques. Otherwise [`Error::SchemeRefused`].
    pub accept_typed: bool,
    /// Accept cheques of a counterfactual chequebook: to cash one, this wallet creates the chequebook and pays for the
    /// creation. Otherwise [`Error::NotCreated`].
    pub accept_counterfactual: bool,
    /// Accept cheques of a contract that the factory did not create. Whatever its code is, it may never pay. Otherwise
    /// [`chequebook::Error::Unproven`].
    pub accept_unproven: bool,
    /// The shortest notice period that is accepted, in seconds. With a short one, the deposit can vanish between two
    /// looks at the chain. Otherwise [`Error::NoticeTooShort`].
    pub min_notice_period: u64,
    /// Accept a cheque only if the final balance covers it together with all that was acknowledged to beneficiaries of
    /// this wallet, with open inboxes or not, and is not cashed. Otherwise [`Error::NotCovered`]. This is no guarantee, because other payees hold cheques too.
    pub require_covered: bool,
    /// An automatic cash of ether waits until it pays at least this many times the cost of its gas.
    pub min_gas_multiple: u64,
    /// Once the end is announced, take what is there even if it is less than what is owed. What the balance covers is
    /// cashed first, then at most one cheque that it does not cover, which ends the chequebook. In all other cases, an
    /// automatic cash never overdraws.
    pub overdraw_at_end: bool,
    /// The asset that is taken: ether, or one token. A chequebook that pays another is
    /// [`chequebook::Error::WrongAsset`]. Take only tokens that you chose: their code decides about your money.
    pub asset: Asset,
    /// The least that an automatic cash must pay, in the smallest unit of the asset. What a token is worth in gas is not
    /// known, so that for tokens this alone decides; for ether, `min_gas_multiple` must hold, too.
    pub min_cash: U256,
}

setters!(Policy {
    accept_packed: bool,
    accept_typed: bool,
    accept_counterfactual: bool,
    accept_unproven: bool,
    min_notice_period: u64,
    require_covered: bool,
    min_gas_multiple: u64,
    overdraw_at_end: bool,
    asset: Asset,
    min_cash: U256,
});

impl Default for Policy {
    /// Both schemes, no counterfactual and no unproven chequebook, a notice period of one day, covered by what is final, no
    /// automatic cash below twice the cost of its gas, no overdraft before the end is announced, only ether.
    fn default() -> Self {
        Self {
            accept_packed: true,
            accept_typed: true,
            accept_counterfactual: false,
            accept_unproven: false,
            min_notice_period: 86_400,
            require_covered: true,
            min_gas_multiple: 2,
            overdraw_at_end: true,
            asset: Asset::Ether,
            min_cash: U256::ZERO,
        }
    }
}

impl Policy {
    /// How many times the cost of its gas a cash must pay. Zero: the gas is no reason to wait.
    pub(super) const fn gas_multiple(&self) -> u64 {
        match self.asset {
            Asset::Ether => self.min_gas_multiple,
            Asset::Token(_) => 0,
        }
    }

    /// Checks what never changes of a cheque and of the terms of its chequebook. Nothing is asked, and no signature is checked.
    ///
    /// # Errors
    ///
    /// [`Error::SchemeRefused`], [`Error::NoticeTooShort`].
    pub fn check_cheque(&self, cheque: &SignedCheque, terms: &Terms) -> Result<(), Error> {
        let Cheque { contract, scheme, .. } = *cheque.cheque();
        let accepted = match scheme {
            Scheme::Packed => self.accept_packed,
            Scheme::Typed => self.accept_typed,
        };
        if !accepted {
            return Err(Error::SchemeRefused { scheme });
        }
        let found = terms.notice_period.into();
        if found < self.min_notice_period {
            return Err(Error::NoticeTooShort { contract, found, expected: self.min_notice_period });
        }
        Ok(())
    }

    /// Checks what the chain says: [`Error::NotCreated`], [`Error::Dead`], [`Error::KillAnnounced`],
    /// [`Error::NotCovered`].
    pub(super) fn check_chequebook(&self, contract: Address, seen: &Seen, uncashed: U256) -> Result<(), Error> {
        match seen.state {
            State::NotDeployed if !self.accept_counterfactual => return Err(Error::NotCreated { contract }),
            State::NotDeployed | State::Alive => {}
            State::Ending { killable_at } => return Err(Error::KillAnnounced { contract, killable_at }),
            State::Dead => return Err(Error::Dead { contract }),
        }
        let balance = seen.sure_balance();
        if self.require_covered && uncashed > balance {
            return Err(Error::NotCovered { contract, balance, uncashed });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
