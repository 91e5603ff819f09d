//! What is under way to a contract, as what will end a chequebook, or take that back: it counts before the chain shows it.

use alloy::primitives::{Address, BlockNumber};

use super::{
    account::{Account, State},
    handle::Transaction,
    slots::Slot,
    status::Id,
};
use crate::{Error, store::schema::Purpose};

impl Slot {
    /// Whether it may do something that the state of block `seen` does not show.
    fn may_follow(&self, seen: BlockNumber) -> bool {
        // Whatever used its nonce, also if its receipt is missing, is in the state of that block.
        let is_shown = !self.status.is_final() && self.used_at.is_some_and(|used| used <= seen);
        !is_shown && self.status.may_follow(seen)
    }
}

impl State {
    /// Transactions to a contract, as wanted, that the state of block `seen` may not show, the newest last.
    fn under_way(
        &self,
        contract: Address,
        seen: BlockNumber,
        is_same_branch: bool,
        wanted: impl Fn(&Purpose) -> bool,
    ) -> Vec<(Id, &Slot)> {
        let open = self.open.of(contract);
        let all = self.closed.of(contract).chain(open).filter(|(_, slot)| wanted(&slot.row.purpose));
        // After a reorganisation, where each stands is known once all were looked at.
        let counts = |slot: &Slot| slot.may_follow(seen) || (!is_same_branch && !slot.status.is_final());
        all.filter(|(_, slot)| counts(slot)).collect()
    }
}

impl Account {
    /// The newest command to a chequebook that is under way: the state of block `seen` does not show it.
    pub(crate) fn command(&self, contract: Address, seen: BlockNumber) -> Option<Transaction> {
        self.under_way(contract, seen, Purpose::is_command).pop()
    }

    /// The transactions to a contract, as wanted, that are under way: the state of block `seen` does not show them. The
    /// newest last.
    pub(crate) fn under_way(
        &self,
        contract: Address,
        seen: BlockNumber,
        wanted: impl Fn(&Purpose) -> bool,
    ) -> Vec<Transaction> {
        let is_same_branch = self.is_same_branch();
        let state = self.state.lock();
        let found = state.under_way(contract, seen, is_same_branch, wanted);
        found.into_iter().map(|(id, slot)| self.handle(id, slot)).collect()
    }

    /// Checks that no transaction that is being signed, or is under way, announces the end of a chequebook, or ends it.
    ///
    /// # Errors
    ///
    /// [`Error::CommandUnderWay`].
    pub(crate) fn check_no_end(&self, contract: Address, seen: BlockNumber) -> Result<(), Error> {
        let is_same_branch = self.is_same_branch();
        let state = self.state.lock();
        let signing = state.signing.filter(|purpose| purpose.contract() == Some(contract));
        let commands = state.under_way(contract, seen, is_same_branch, Purpose::is_command);
        let mut ends = commands.iter().map(|(_, slot)| slot.row.purpose).chain(signing).filter(Purpose::is_end);
        match ends.next() {
            Some(purpose) => Err(Error::CommandUnderWay { contract, purpose }),
            None => Ok(()),
        }
    }

    /// Whether how each transaction stands is known on the branch that was seen last.
    fn is_same_branch(&self) -> bool {
        let seen = self.watcher.last().map(|look| look.branch);
        seen.is_none_or(|branch| branch == self.state.lock().branch)
    }
}

/// Notes what is being signed, until it is recorded or given up.
pub(super) struct Signing<'a>(&'a Account);

impl<'a> Signing<'a> {
    /// Only one transaction at a time is signed: the caller has the turn.
    pub(super) fn of(account: &'a Account, purpose: Purpose) -> Self {
        account.state.lock().signing = Some(purpose);
        Self(account)
    }
}

impl Drop for Signing<'_> {
    fn drop(&mut self) {
        self.0.state.lock().signing = None;
    }
}
