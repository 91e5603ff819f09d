//! The state of a chequebook, and whether a cheque may overdraw it.

use alloy::primitives::U256;

/// The state of a chequebook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is not created yet: counterfactual, at an address that is known.
    NotDeployed,
    /// It takes deposits and pays cheques.
    Alive,
    /// Its end is announced. Until the end it takes deposits and pays cheques.
    Ending {
        /// The earliest time at which the owner may end it, in Unix seconds.
        killable_at: u64,
    },
    /// It has ended, by an overdraft or by its owner.
    Dead,
}

impl State {
    /// Converts the result of `killableAt`.
    pub fn of_killable_at(killable_at: U256) -> Self {
        match killable_at {
            U256::ZERO => Self::Alive,
            U256::MAX => Self::Dead,
            killable_at => Self::Ending { killable_at: killable_at.saturating_to() },
        }
    }
}

/// Whether to cash a cheque that the balance does not cover. Cashing it pays the whole balance and destroys the
/// chequebook for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overdraft {
    /// Do not cash it.
    #[default]
    Refuse,
    /// Cash it.
    Consent,
}
