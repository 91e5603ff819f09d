//! Which cheques a payee takes.

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Overdraft, Scheme, SignedCheque, State, Terms};

use crate::{Error, chain::Snapshot, setters::setters};

/// Which cheques a payee takes, and when it cashes them by itself. The default is for those who want their money. More
/// settings may be added: start from [`default`](Self::default), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Take packed cheques. They do not bind the chain. Else [`Error::SchemeRefused`].
    pub accept_packed: bool,
    /// Take typed cheques. Else [`Error::SchemeRefused`].
    pub accept_typed: bool,
    /// Take cheques of a clone that is not created yet: to cash one, this wallet creates it, and pays for that. Else
    /// [`Error::NotCreated`].
    pub accept_counterfactual: bool,
    /// The shortest notice period, in seconds. With a shorter one, the deposit can vanish between two looks at the chain:
    /// [`Error::NoticeTooShort`].
    pub min_notice_period: u64,
    /// Take a cheque only if the balance covers it, and with it whatever else is uncashed by the inboxes of this wallet.
    /// Else [`Error::NotCovered`]. Others hold cheques too, so even then it is no guarantee.
    pub require_covered: bool,
    /// How many blocks must follow a deposit until it counts as cover.
    pub confirmations: u64,
    /// An automatic cash must pay at least so many times what its gas costs, or waits.
    pub min_gas_multiple: u64,
    /// Whether an automatic cash may overdraw the chequebook, which destroys it.
    pub overdraft: Overdraft,
}

setters!(Policy {
    accept_packed: bool,
    accept_typed: bool,
    accept_counterfactual: bool,
    min_notice_period: u64,
    require_covered: bool,
    confirmations: u64,
    min_gas_multiple: u64,
    overdraft: Overdraft,
});

impl Default for Policy {
    /// Both schemes, no counterfactual chequebook, a notice period of one day, covered after 12 confirmations, no cash
    /// below twice its gas, no overdraft.
    fn default() -> Self {
        Self {
            accept_packed: true,
            accept_typed: true,
            accept_counterfactual: false,
            min_notice_period: 86_400,
            require_covered: true,
            confirmations: 12,
            min_gas_multiple: 2,
            overdraft: Overdraft::Refuse,
        }
    }
}

impl Policy {
    /// What never changes.
    pub(super) fn check_cheque(&self, cheque: &SignedCheque, terms: &Terms) -> Result<(), Error> {
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

    /// What the chain says: [`Error::NotCreated`], [`Error::Dead`], [`Error::KillAnnounced`], [`Error::NotCovered`].
    pub(super) fn check_chequebook(&self, contract: Address, snapshot: &Snapshot, uncashed: U256) -> Result<(), Error> {
        match snapshot.state {
            State::NotDeployed if !self.accept_counterfactual => return Err(Error::NotCreated { contract }),
            State::NotDeployed | State::Alive => {}
            State::Ending { killable_at } => return Err(Error::KillAnnounced { contract, killable_at }),
            State::Dead => return Err(Error::Dead { contract }),
        }
        let balance = snapshot.sure_balance();
        if self.require_covered && uncashed > balance {
            return Err(Error::NotCovered { contract, balance, uncashed });
        }
        Ok(())
    }
}
