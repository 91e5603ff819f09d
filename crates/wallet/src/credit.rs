//! What payers may still use up of what their cheques brought: one owner for each payer and beneficiary.

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use parking_lot::Mutex;

use crate::{
    Error,
    registry::Registry,
    store::{
        Batch, Durable, Ledger,
        schema::{CreditRow, credit_key},
    },
};

/// What a payer may use up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credit {
    /// What its acknowledged cheques brought in all, in the smallest unit of the chequebook's asset.
    pub accepted: U256,
    /// What was spent of it.
    pub spent: U256,
}

impl Credit {
    /// What may still be spent.
    pub const fn available(&self) -> U256 {
        self.accepted.saturating_sub(self.spent)
    }
}

/// The purses in use, by chequebook and beneficiary.
type Purses = Registry<(Address, Address), Purse>;

/// The credit of one payer with one beneficiary.
pub(crate) struct Purse {
    /// Where it is listed.
    all: Arc<Purses>,
    contract: Address,
    beneficiary: Address,
    /// The row as it was last submitted.
    row: Mutex<Option<CreditRow>>,
}

impl Drop for Purse {
    fn drop(&mut self) {
        self.all.forget(&(self.contract, self.beneficiary));
    }
}

impl Purse {
    pub(crate) fn credit(&self) -> Credit {
        let row = self.row.lock().unwrap_or_default();
        Credit { accepted: row.accepted, spent: row.spent }
    }

    /// Since when something is uncashed, in Unix seconds.
    pub(crate) fn since(&self) -> Option<u64> {
        self.row.lock().map(|row| row.since)
    }

    /// Adds what a cheque brings, in the batch that acknowledges it, which `submit` submits. `now` is the time of the
    /// newest block in Unix seconds, `is_first` whether nothing was uncashed before.
    pub(crate) fn accept(
        &self,
        mut batch: Batch,
        amount: U256,
        is_first: bool,
        now: u64,
        submit: impl FnOnce(Batch) -> Durable,
    ) -> Result<Durable, Error> {
        let mut row = self.row.lock();
        let before = row.unwrap_or_default();
        let accepted = before.accepted.checked_add(amount).ok_or(Error::Overflow)?;
        // Of what was acknowledged before anybody counted, the time is not known.
        let since = if is_first || before.since == 0 { now } else { before.since };
        let after = CreditRow { accepted, since, ..before };
        batch.replace(credit_key(self.contract, self.beneficiary), row.as_ref(), &after)?;
        *row = Some(after);
        Ok(submit(batch)) // under the lock, so that rows reach the store in order
    }

    /// Spends.
    fn spend(&self, amount: U256, ledger: &Ledger) -> Result<(Credit, Durable), Error> {
        let mut row = self.row.lock();
        let before = row.unwrap_or_default();
        let available = before.accepted.saturating_sub(before.spent);
        if amount > available {
            return Err(Error::InsufficientCredit { contract: self.contract, amount, available });
        }
        let spent = before.spent.saturating_add(amount); // at most what was accepted
        let after = CreditRow { spent, ..before };
        let mut batch = Batch::new();
        batch.replace(credit_key(self.contract, self.beneficiary), row.as_ref(), &after)?;
        *row = Some(after);
        let durable = ledger.submit(batch);
        drop(row);
        Ok((Credit { accepted: after.accepted, spent }, durable))
    }
}

/// The purses of a wallet, each in memory while somebody uses it.
#[derive(Default)]
pub(crate) struct Credits {
    purses: Arc<Purses>,
    /// One is read at a time, so that no two are of the same payer. It guards no state.
    reading: tokio::sync::Mutex<()>,
}

impl Credits {
    /// The purse of a payer with a beneficiary.
    pub(crate) async fn purse(
        &self,
        ledger: &Ledger,
        contract: Address,
        beneficiary: Address,
    ) -> Result<Arc<Purse>, Error> {
        let read = async {
            let row = ledger.get::<CreditRow>(&credit_key(contract, beneficiary)).await?;
            Ok(Purse { all: Arc::clone(&self.purses), contract, beneficiary, row: Mutex::new(row) })
        };
        self.purses.find_or_read((contract, beneficiary), &self.reading, read).await
    }

    /// Spends what a payer has, and returns once that is durable.
    pub(crate) async fn spend(
        &self,
        ledger: &Ledger,
        contract: Address,
        beneficiary: Address,
        amount: U256,
    ) -> Result<Credit, Error> {
        let purse = self.purse(ledger, contract, beneficiary).await?;
        let (credit, durable) = purse.spend(amount, ledger)?;
        durable.await?;
        Ok(credit)
    }
}
