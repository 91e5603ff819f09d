//! The state of an inbox, and how it receives a cheque.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Creation, SignedCheque, State};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{auto_cash::Mode, policy::Policy};
use crate::{
    Error,
    chain::{Snapshot, WatchedChequebook},
    exposure::Exposure,
    store::{
        Batch, Durable,
        schema::{Promise, received_key},
    },
    wallet::{Claim, Wallet},
};

/// The cheques of one chequebook to one beneficiary, shared by all handles of an inbox.
pub(super) struct Mailbox {
    pub(super) wallet: Wallet,
    pub(super) contract: Address,
    pub(super) creation: Option<Creation>,
    pub(super) beneficiary: Address,
    pub(super) policy: Policy,
    pub(super) exposure: Arc<Exposure>,
    pub(super) watched: Arc<WatchedChequebook>,
    /// The latest cheque that the store has, or will have after the next commit.
    pub(super) newest: Mutex<Option<SignedCheque>>,
    /// Wakes the automatic cash.
    pub(super) received: Arc<Notify>,
    pub(super) auto: Mutex<Mode>,
    /// Tells the automatic cash that its settings have changed.
    pub(super) changed: Arc<Notify>,
    pub(super) _claim: Claim,
}

impl Mailbox {
    pub(super) fn newest(&self) -> Option<SignedCheque> {
        *self.newest.lock()
    }

    /// The cumulative amount of the latest cheque, in wei.
    pub(super) fn promised(&self) -> U256 {
        self.newest().map_or(U256::ZERO, |newest| newest.cheque().amount)
    }

    pub(super) fn auto(&self) -> Mode {
        *self.auto.lock()
    }

    pub(super) fn set_auto(&self, mode: Mode) {
        *self.auto.lock() = mode;
        self.changed.notify_one();
    }

    /// Creates the chequebook if it is not created yet.
    pub(super) async fn create_if_missing(&self) -> Result<(), Error> {
        let Self { wallet, contract, .. } = self;
        let missing = async || Ok::<_, Error>(self.watched.snapshot(Duration::ZERO).await?.state == State::NotDeployed);
        let Some(creation) = self.creation else { return Ok(()) };
        // Other inboxes of the same chequebook wait, and find it created.
        let _creating = wallet.cashing().lock(*contract).await;
        if missing().await? {
            let factory = wallet.factory();
            let created = async {
                match factory.pending(*contract) {
                    Some(pending) => pending.included().await,
                    None => factory.create(&creation, U256::ZERO).await?.included().await,
                }
            };
            // Somebody else may have created it first.
            if let Err(error) = created.await
                && missing().await?
            {
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) async fn receive(&self, cheque: &SignedCheque) -> Result<U256, Error> {
        let Self { wallet, policy, watched, .. } = self;
        self.check(cheque)?;
        policy.check_cheque(cheque, &watched.terms)?;
        let snapshot = watched.snapshot(wallet.shared().config.max_age).await?;
        let (durable, added) = self.accept(cheque, &snapshot)?;
        durable.await?;
        Ok(added)
    }

    /// Accepts a valid cheque, unless another task has accepted a higher one.
    fn accept(&self, cheque: &SignedCheque, snapshot: &Snapshot) -> Result<(Durable, U256), Error> {
        let Self { wallet, contract, beneficiary, policy, exposure, .. } = self;
        let amount = cheque.cheque().amount;
        let mut newest = self.newest.lock();
        let added = rise(newest.as_ref(), amount)?;
        policy.check_chequebook(*contract, snapshot, exposure.uncashed(snapshot, *beneficiary, amount))?;
        let mut batch = Batch::new();
        batch.put(received_key(*contract, *beneficiary), &Promise::of(cheque))?;
        let durable = wallet.shared().ledger.submit(batch);
        *newest = Some(*cheque);
        exposure.promised(*beneficiary, amount);
        Ok((durable, added))
    }

    /// The checks that need no chain. The cheapest come first, so that only cheques made out to us cost a signature
    /// check.
    fn check(&self, cheque: &SignedCheque) -> Result<(), Error> {
        let Cheque { contract, beneficiary, amount, chain_id, .. } = *cheque.cheque();
        if contract != self.contract {
            return Err(Error::WrongContract { found: contract, expected: self.contract });
        }
        if chain_id != self.wallet.chain_id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.wallet.chain_id() });
        }
        if beneficiary != self.beneficiary {
            return Err(Error::WrongBeneficiary { found: beneficiary, expected: self.beneficiary });
        }
        cheque.verify(self.watched.terms.signer)?;
        rise(self.newest().as_ref(), amount).map(drop)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.changed.notify_one(); // so that the task ends
    }
}

/// The amount that a cheque over `amount` adds to the latest one, in wei.
fn rise(newest: Option<&SignedCheque>, amount: U256) -> Result<U256, Error> {
    let newest = newest.map_or(U256::ZERO, |newest| newest.cheque().amount);
    match amount.checked_sub(newest) {
        Some(added) if !added.is_zero() => Ok(added),
        _ => Err(Error::StaleCheque { amount, newest }),
    }
}
