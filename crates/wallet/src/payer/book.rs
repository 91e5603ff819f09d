//! A chequebook that we sign for, and the deposit into it.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, TxKind, U256};
use chequebook::{Creation, State};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{auto_deposit::AutoDeposit, funds::Funds};
use crate::{
    Error,
    chain::{Subject, WatchedChequebook},
    locks::Locks,
    signer::SharedSigner,
    store::{Batch, schema::Purpose},
    transactions::{Call, MAX_GAS, Transaction},
    wallet::{Claim, Wallet},
};

/// The state of a chequebook that we sign for, shared by all its handles.
pub(super) struct Book {
    pub(super) wallet: Wallet,
    pub(super) contract: Address,
    pub(super) creation: Option<Creation>,
    pub(super) signer: SharedSigner,
    pub(super) watched: Arc<WatchedChequebook>,
    pub(super) funds: Mutex<Funds>,
    /// Held while the chain is asked for the funds.
    pub(super) asking: tokio::sync::Mutex<()>,
    /// One cheque to a beneficiary at a time, because each includes the amount of the one before.
    pub(super) writing: Locks,
    /// Wakes the automatic deposit.
    pub(super) issued: Arc<Notify>,
    pub(super) auto: Mutex<Option<AutoDeposit>>,
    /// Tells the automatic deposit that its settings have changed.
    pub(super) changed: Arc<Notify>,
    pub(super) _claim: Claim,
}

impl Book {
    pub(super) async fn deposit(&self, amount: U256) -> Result<Transaction, Error> {
        let contract = self.contract;
        if amount.is_zero() {
            return Err(Error::ZeroAmount);
        }
        // Before Cancun, ether sent to a dead chequebook is lost.
        if self.watched.snapshot(Duration::ZERO).await?.state == State::Dead {
            return Err(Error::Dead { contract });
        }
        let call = Call { to: TxKind::Call(contract), value: amount, input: Default::default(), max_gas: MAX_GAS };
        let purpose = Purpose::Deposit { contract, amount };
        self.wallet.shared().transactions.send(call, |_| Ok((purpose, Batch::new()))).await
    }
}

impl Book {
    /// Deposits into a chequebook that we tried to create and that somebody else created. `error` is the failure of our
    /// creation.
    pub(super) async fn deposit_if_created(&self, amount: U256, error: Error) -> Result<(), Error> {
        let contract = self.contract;
        match self.watched.snapshot(Duration::ZERO).await?.state {
            State::NotDeployed => return Err(error),
            State::Alive => {}
            State::Ending { killable_at } => return Err(Error::KillAnnounced { contract, killable_at }),
            State::Dead => return Err(Error::Dead { contract }),
        }
        if !amount.is_zero() {
            self.deposit(amount).await?.included().await?;
        }
        Ok(())
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.changed.notify_one(); // so that the task ends
    }
}

/// Watches a chequebook that is proven, not dead, and whose signer is `signer`.
pub(super) async fn watch_as_signer(
    wallet: &Wallet,
    contract: Address,
    signer: Address,
    creation: Option<&Creation>,
) -> Result<Arc<WatchedChequebook>, Error> {
    let shared = wallet.shared();
    let subject = Subject::at(contract).created_by(creation);
    let watched = shared.watcher.watch(subject, shared.config.confirmations, None).await?;
    let expected = watched.terms.signer;
    if expected != signer {
        return Err(Error::NotOurSigner { contract, found: signer, expected });
    }
    if watched.snapshot(Duration::ZERO).await?.state == State::Dead {
        return Err(Error::Dead { contract });
    }
    Ok(watched)
}
