//! Which command the contract allows now. Nothing here asks the node.

use alloy::primitives::Address;
use chequebook::State;

use crate::{Error, store::schema::Purpose};

/// Checks that the contract allows a command at a block, as its code does. `notice` is in seconds, `now` in Unix seconds.
pub(super) const fn check(
    purpose: Purpose,
    contract: Address,
    state: State,
    notice: u32,
    now: u64,
) -> Result<(), Error> {
    match (purpose, state) {
        (_, State::NotDeployed) => Err(Error::NotCreated { contract }),
        (_, State::Dead) => Err(Error::Dead { contract }),
        // The contract would begin a new notice period.
        (Purpose::AnnounceKill { .. }, State::Ending { killable_at }) => {
            Err(Error::KillAnnounced { contract, killable_at })
        }
        (Purpose::AnnounceKill { .. }, State::Alive) => Ok(()),
        (Purpose::Kill { .. }, _) if notice == 0 => Ok(()),
        (Purpose::Kill { .. }, State::Ending { killable_at }) if now < killable_at => {
            Err(Error::NoticeRunning { contract, killable_at, now })
        }
        (_, State::Alive) => Err(Error::NotAnnounced { contract }),
        (_, State::Ending { .. }) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
