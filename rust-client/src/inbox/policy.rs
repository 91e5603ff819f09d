//! Which cheques a payee takes.

use alloy::primitives::{Address, U256};

use crate::{
    Cheque, Error, Overdraft, Scheme, SignedCheque,
    chain::{Genuine, Life, Snapshot, Watched},
};

/// Which cheques a payee takes, and when it cashes them by itself. The default is for those who want their money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Take packed cheques. They do not bind the chain. Else [`Error::SchemeRefused`].
    pub packed: bool,
    /// Take typed cheques. Else [`Error::SchemeRefused`].
    pub typed: bool,
    /// The shortest notice period, in seconds. With a shorter one, the deposit can vanish between two looks at the chain:
    /// [`Error::NoticeTooShort`].
    pub min_notice: u64,
    /// Take a cheque only if the balance covers it, and with it whatever else is uncashed by the inboxes of this client.
    /// Else [`Error::Insolvent`]. Others hold cheques too, so even then it is no guarantee.
    pub solvency: bool,
    /// Take cheques of a clone that is not opened yet: to cash one, this client opens it, and pays for that. Else
    /// [`Error::NotOpened`].
    pub unopened: bool,
    /// How many blocks must follow a deposit until it counts for solvency.
    pub confirmations: u64,
    /// An automatic cash must pay at least so many times what its gas costs, or waits.
    pub gas_worth: u64,
    /// Whether an automatic cash may overdraw the chequebook, which destroys it.
    pub overdraft: Overdraft,
}

impl Default for Policy {
    /// Both kinds of cheque, a notice of one day, solvency after 12 confirmations, no chequebook that is not opened, no
    /// cash below twice its gas, no overdraft.
    fn default() -> Self {
        Self {
            packed: true,
            typed: true,
            min_notice: 86_400,
            solvency: true,
            unopened: false,
            confirmations: 12,
            gas_worth: 2,
            overdraft: Overdraft::Refuse,
        }
    }
}

impl Policy {
    /// What never changes.
    pub(super) fn check_cheque(&self, cheque: &SignedCheque, terms: &Genuine) -> Result<(), Error> {
        let Cheque { contract, scheme, .. } = *cheque.cheque();
        let accepted = match scheme {
            Scheme::Packed => self.packed,
            Scheme::Typed => self.typed,
        };
        if !accepted {
            return Err(Error::SchemeRefused { scheme });
        }
        if terms.notice_period < self.min_notice {
            return Err(Error::NoticeTooShort { contract, found: terms.notice_period, expected: self.min_notice });
        }
        Ok(())
    }

    /// What the chain says: [`Error::NotOpened`], [`Error::Dead`], [`Error::KillAnnounced`], [`Error::Insolvent`].
    pub(super) fn check_chequebook(
        &self,
        watched: &Watched,
        snapshot: &Snapshot,
        beneficiary: Address,
        amount: U256,
    ) -> Result<(), Error> {
        let contract = watched.contract();
        match snapshot.life {
            Life::Unborn if !self.unopened => return Err(Error::NotOpened { contract }),
            Life::Unborn | Life::Alive => {}
            Life::Announced { killable_at } => return Err(Error::KillAnnounced { contract, killable_at }),
            Life::Dead => return Err(Error::Dead { contract }),
        }
        let uncashed = watched.uncashed(snapshot, beneficiary, amount);
        if self.solvency && uncashed > snapshot.solvency() {
            return Err(Error::Insolvent { contract, balance: snapshot.solvency(), uncashed });
        }
        Ok(())
    }
}
