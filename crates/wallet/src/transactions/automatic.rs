//! What automatic deposits have sent into each chequebook: the sum of those that succeeded, which is stored, and of those
//! that are not final, which are stored themselves. So no crash can come between a deposit and its count, history may be
//! forgotten, and what failed counts no longer.

use std::collections::HashMap;

use alloy::primitives::{Address, U256};

use super::{
    account::{Account, State},
    kept::automatic,
    slots::Slot,
    status::Id,
};
use crate::{
    Error,
    store::{
        Batch, StoreError,
        schema::{Purpose, automatic_key},
    },
};

impl State {
    /// What automatic deposits have sent, in wei: those that are being signed or are under way count. What is stored of
    /// this chequebook must be loaded.
    fn automatic_total(&self, contract: Address) -> U256 {
        let settled = self.automatic.get(&contract).copied().unwrap_or_default();
        let open = self.open.of(contract).filter(|(_, slot)| !slot.is_counted);
        let open = open.filter_map(|(_, slot)| automatic(slot.row.purpose)).map(|(_, amount)| amount);
        open.fold(settled, U256::saturating_add)
    }

    /// Counts a deposit whose outcome is final, if it succeeded, once; or takes it back.
    pub(super) fn count(
        totals: &mut HashMap<Address, U256>,
        slot: &mut Slot,
        succeeded: bool,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let Some((contract, amount)) = automatic(slot.row.purpose) else { return Ok(()) };
        let total = totals.entry(contract).or_default();
        if std::mem::replace(&mut slot.is_counted, succeeded) != succeeded {
            *total = if succeeded { total.saturating_add(amount) } else { total.saturating_sub(amount) };
        }
        batch.put(automatic_key(contract), total)?;
        Ok(())
    }

    /// The same for one that is not final yet.
    pub(super) fn count_open(&mut self, id: Id, succeeded: bool, batch: &mut Batch) -> Result<(), StoreError> {
        match self.open.get_mut(&id) {
            Some(slot) => Self::count(&mut self.automatic, slot, succeeded, batch),
            None => Ok(()),
        }
    }
}

impl Account {
    /// Loads what is stored of the chequebook of an automatic deposit.
    pub(super) async fn load_automatic(&self, purpose: Purpose) -> Result<(), StoreError> {
        match automatic(purpose) {
            Some((contract, _)) => self.load_automatic_of(contract).await,
            None => Ok(()),
        }
    }

    async fn load_automatic_of(&self, contract: Address) -> Result<(), StoreError> {
        if self.state.lock().automatic.contains_key(&contract) {
            return Ok(());
        }
        let stored = self.ledger.get::<U256>(&automatic_key(contract)).await?.unwrap_or_default();
        self.state.lock().automatic.entry(contract).or_insert(stored);
        Ok(())
    }

    /// What automatic deposits have sent into a chequebook, in wei, without those that failed.
    pub(crate) async fn automatic_total(&self, contract: Address) -> Result<U256, Error> {
        self.load_automatic_of(contract).await?;
        Ok(self.state.lock().automatic_total(contract))
    }

    /// Checks that automatic deposits may send `amount` more, in wei. [`automatic_total`](Self::automatic_total) was
    /// asked before.
    ///
    /// # Errors
    ///
    /// [`Error::AutoDepositLimit`].
    pub(crate) fn check_automatic(&self, contract: Address, amount: U256, max: U256) -> Result<(), Error> {
        let total = self.state.lock().automatic_total(contract);
        if total.saturating_add(amount) > max {
            let missing = amount.saturating_sub(max.saturating_sub(total));
            return Err(Error::AutoDepositLimit { contract, missing, total, max });
        }
        Ok(())
    }
}
