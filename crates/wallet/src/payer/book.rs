//! A chequebook that we sign for, and the deposit into it.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, TxKind, U256};
use chequebook::{CloneTerms, State};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{auto_deposit::AutoDeposit, funds::Funds};
use crate::{
    Error,
    chain::WatchedChequebook,
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
    pub(super) clone_terms: Option<CloneTerms>,
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

impl Drop for Book {
    fn drop(&mut self) {
        self.changed.notify_one(); // so that the task ends
    }
}

/// Watches a chequebook that is not dead and whose signer is `signer`.
pub(super) async fn watch_as_signer(
    wallet: &Wallet,
    contract: Address,
    signer: Address,
    clone_terms: Option<&CloneTerms>,
) -> Result<Arc<WatchedChequebook>, Error> {
    let shared = wallet.shared();
    let watched = shared.watcher.watch(contract, shared.config.confirmations, None, clone_terms).await?;
    let expected = watched.immutables.terms.signer;
    if expected != signer {
        return Err(Error::NotOurSigner { contract, found: signer, expected });
    }
    if watched.snapshot(Duration::ZERO).await?.state == State::Dead {
        return Err(Error::Dead { contract });
    }
    Ok(watched)
}
