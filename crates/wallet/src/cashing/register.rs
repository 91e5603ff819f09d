//! The cashes that are under way, for all chequebooks: recorded when they are decided, so that the next decision counts
//! them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Overdraft, State};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::patience::{Kind, Patience};
use crate::{
    Error,
    chain::{Seen, Watching},
    transactions::{Status, Transaction},
};

/// A cash that is under way.
#[derive(Clone)]
struct UnderWay {
    /// Of the decision.
    number: u64,
    /// The cumulative amount of the cheque, in wei.
    amount: U256,
    /// `None` while its transaction is not signed.
    transaction: Option<Transaction>,
    /// Keeps what the beneficiary was paid among what is read at each block.
    watching: Option<Arc<Watching>>,
}

impl UnderWay {
    /// Whether it may still pay, besides what was `seen`.
    fn counts(&self, beneficiary: Address, seen: &Seen) -> bool {
        let may_pay = match self.transaction.as_ref().map(Transaction::status) {
            // One that is included and has not paid was skipped, or a reorganisation has dropped it: not known before it
            // is final.
            None
            | Some(
                Status::Pending
                | Status::Dropped
                | Status::Refused(_)
                | Status::Unknown
                | Status::Included { success: true, .. },
            ) => true,
            Some(Status::Confirmed { block, .. }) => block > seen.head.number,
            Some(_) => false,
        };
        may_pay && self.amount > seen.sent(beneficiary)
    }

    /// Whether it is over, by what is known of its chequebook.
    fn is_over(&self, beneficiary: Address) -> bool {
        let is_final = self.transaction.as_ref().is_some_and(|transaction| transaction.status().is_final());
        match &self.watching {
            Some(watching) => watching.watched().read(|seen| !self.counts(beneficiary, seen)),
            None => is_final,
        }
    }
}

type Cashes = HashMap<Address, BTreeMap<Address, UnderWay>>;

#[derive(Default)]
struct Shared {
    cashes: Mutex<Cashes>,
    /// How many decisions there were.
    count: AtomicU64,
    /// Which payments were refused.
    patience: Patience,
    /// Changes whenever a decision becomes a transaction, or is dropped.
    changes: watch::Sender<()>,
}

/// The cashes that are under way. Clones are the same register.
#[derive(Clone, Default)]
pub(super) struct Register(Arc<Shared>);

/// Cashes that are over. They are dropped when nothing is locked, because that ends a watch.
#[derive(Default)]
pub(super) struct Finished(Vec<UnderWay>);

/// What a decision found.
pub(super) enum Decision {
    /// It is to be sent.
    Go(Reserved),
    /// It is under way already.
    Pending(Transaction),
    /// Another task decides on the same cheque: wait until it has.
    Wait(watch::Receiver<()>),
}

/// A cash that was decided on. Dropping it gives it up.
pub(super) struct Reserved {
    register: Register,
    number: u64,
    contract: Address,
    beneficiary: Address,
    /// An earlier cash of the same beneficiary, which stays under way if this one is given up.
    before: Option<UnderWay>,
    done: bool,
}

impl Register {
    /// Decides whether a cheque is cashed, and records it. What its chequebook paid to its beneficiary must be among what
    /// was seen.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyCashed`], [`Error::Dead`], or [`Error::WouldBounce`] if the balance does not cover it besides
    /// what is under way.
    pub(super) fn decide(
        &self,
        cheque: &Cheque,
        overdraft: Overdraft,
        seen: &Seen,
        finished: &mut Finished,
    ) -> Result<Decision, Error> {
        let Cheque { contract, beneficiary, amount, .. } = *cheque;
        let changes = self.0.changes.subscribe();
        let mut cashes = self.0.cashes.lock();
        let here = cashes.entry(contract).or_default();
        for (beneficiary, cash) in here.extract_if(.., |&beneficiary, cash| !cash.counts(beneficiary, seen)) {
            self.note(contract, beneficiary, &cash, seen.sent(beneficiary));
            finished.0.push(cash);
        }
        if let Some(cash) = here.get(&beneficiary) {
            match &cash.transaction {
                None => return Ok(Decision::Wait(changes)),
                // It may still pay, or do nothing: until that is final, nobody knows.
                Some(transaction) if transaction.is_cancelled() => {
                    return Err(Error::Cancelled { nonce: transaction.nonce() });
                }
                Some(transaction) if cash.amount >= amount => return Ok(Decision::Pending(transaction.clone())),
                Some(_) => {}
            }
        }
        let others = here.iter().filter(|(other, _)| **other != beneficiary);
        let others = others.map(|(&other, cash)| cash.amount.saturating_sub(seen.sent(other)));
        let under_way = others.fold(U256::ZERO, U256::saturating_add);
        check(contract, amount, seen.sent(beneficiary), under_way, overdraft, seen)?;
        // A second cash of the same beneficiary, of a newer cheque, stands for both.
        let number = self.number();
        let before = here.insert(beneficiary, UnderWay { number, amount, transaction: None, watching: None });
        Ok(Decision::Go(Reserved { register: self.clone(), number, contract, beneficiary, before, done: false }))
    }

    /// Records a cash of an earlier run.
    pub(super) fn record(&self, contract: Address, beneficiary: Address, amount: U256, transaction: Transaction) {
        let mut cashes = self.0.cashes.lock();
        let cash = UnderWay { number: self.number(), amount, transaction: Some(transaction), watching: None };
        cashes.entry(contract).or_default().insert(beneficiary, cash);
    }

    /// Which payments were refused.
    pub(super) fn patience(&self) -> &Patience {
        &self.0.patience
    }

    /// Notes whether a cash that is over has paid.
    fn note(&self, contract: Address, beneficiary: Address, cash: &UnderWay, sent: U256) {
        if cash.amount <= sent {
            return self.patience().paid(contract, beneficiary);
        }
        let included = cash.transaction.as_ref().map(Transaction::status);
        if let Some(Status::Included { .. } | Status::Reverted { .. } | Status::Confirmed { .. }) = included {
            let refusal = "the last transaction was included, and did not pay".to_owned();
            self.patience().refused(contract, beneficiary, refusal, Kind::Included);
        }
    }

    fn number(&self) -> u64 {
        self.0.count.fetch_add(1, Ordering::Relaxed)
    }

    /// The beneficiaries of a chequebook that are being paid, and the cumulative amount of each, in wei.
    pub(super) fn under_way(&self, contract: Address, seen: &Seen) -> BTreeMap<Address, U256> {
        let cashes = self.0.cashes.lock();
        let here = cashes.get(&contract).into_iter().flatten();
        here.filter(|(beneficiary, cash)| cash.counts(**beneficiary, seen))
            .map(|(&one, cash)| (one, cash.amount))
            .collect()
    }

    /// Forgets what is over, so that nothing is asked about it any more.
    pub(super) fn forget_what_is_over(&self) {
        // Whether it is over is read without the lock, which other decisions take while they read.
        let all: Vec<(Address, Address, UnderWay)> = {
            let cashes = self.0.cashes.lock();
            let each = cashes.iter().flat_map(|(&contract, here)| {
                here.iter().map(move |(&beneficiary, cash)| (contract, beneficiary, cash.clone()))
            });
            each.filter(|(_, _, cash)| cash.transaction.is_some()).collect()
        };
        for (contract, beneficiary, cash) in all {
            if !cash.is_over(beneficiary) {
                continue;
            }
            let sent = cash.watching.as_ref().map(|watching| watching.watched().read(|seen| seen.sent(beneficiary)));
            let mut cashes = self.0.cashes.lock();
            let Some(here) = cashes.get_mut(&contract) else { continue };
            let is_same = here.get(&beneficiary).is_some_and(|now| now.number == cash.number);
            let over = if is_same { here.remove(&beneficiary) } else { None };
            if here.is_empty() {
                cashes.remove(&contract);
            }
            drop(cashes);
            if let (Some(over), Some(sent)) = (&over, sent) {
                self.note(contract, beneficiary, over, sent);
            }
            drop(over); // ends a watch, which takes a lock
        }
    }
}

impl Reserved {
    /// Keeps what the beneficiary was paid among what is read at each block until the cash is over.
    pub(super) fn keep(&self, watching: Watching) {
        let mut cashes = self.register.0.cashes.lock();
        let cash = cashes.get_mut(&self.contract).and_then(|here| here.get_mut(&self.beneficiary));
        if let Some(cash) = cash.filter(|cash| cash.number == self.number) {
            cash.watching = Some(Arc::new(watching));
        }
    }

    /// Its transaction is signed.
    pub(super) fn sent(mut self, transaction: Transaction) {
        self.done = true;
        let mut cashes = self.register.0.cashes.lock();
        let here = cashes.entry(self.contract).or_default();
        if let Some(cash) = here.get_mut(&self.beneficiary).filter(|cash| cash.number == self.number) {
            cash.transaction = Some(transaction);
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.done {
            let mut cashes = self.register.0.cashes.lock();
            let here = cashes.entry(self.contract).or_default();
            let is_ours = here.get(&self.beneficiary).is_some_and(|cash| cash.number == self.number);
            let dropped = match self.before.take() {
                _ if !is_ours => None, // another decision stands there now
                Some(before) => here.insert(self.beneficiary, before),
                None => here.remove(&self.beneficiary),
            };
            if here.is_empty() {
                cashes.remove(&self.contract);
            }
            drop(cashes);
            drop(dropped); // ends a watch, which takes a lock
        }
        self.register.0.changes.send_replace(());
    }
}

/// Whether a cheque pays, and what it does to the chequebook, if `under_way` is paid to others before.
fn check(
    contract: Address,
    amount: U256,
    sent: U256,
    under_way: U256,
    overdraft: Overdraft,
    seen: &Seen,
) -> Result<(), Error> {
    let owed = amount.saturating_sub(sent);
    if owed.is_zero() {
        return Err(Error::AlreadyCashed { amount, sent });
    }
    if seen.state == State::Dead && owed > seen.balance {
        return Err(Error::Dead { contract });
    }
    let pays = seen.balance.saturating_sub(under_way);
    if owed > pays && overdraft == Overdraft::Refuse {
        return Err(Error::WouldBounce { pays: pays.min(owed), owed });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
