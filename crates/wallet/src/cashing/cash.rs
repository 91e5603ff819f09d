//! How a single cheque is cashed.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, TxKind, U256};
use chequebook::{Cheque, Overdraft, SignedCheque, State};
use parking_lot::Mutex;
use tokio::sync::{RwLock, oneshot};

use super::batch;
use crate::{
    Error,
    chain::{Chain, ChainWatcher, Subject},
    locks::Locks,
    store::{Batch, schema::Purpose},
    transactions::{Call, MAX_GAS, Transaction, Transactions},
};

/// Cashes cheques of any chequebook to any beneficiary. Clones of this handle share their state.
#[derive(Clone)]
pub struct Cashing(pub(super) Arc<Inner>);

/// An automatic cash that waits for others to join its batch.
pub(super) struct Waiting {
    pub(super) cheque: SignedCheque,
    pub(super) answer: oneshot::Sender<Result<Transaction, Error>>,
}

pub(super) struct Inner {
    pub(super) chain: Arc<Chain>,
    watcher: Arc<ChainWatcher>,
    pub(super) transactions: Arc<Transactions>,
    /// In blocks.
    confirmations: u64,
    /// One cash to a beneficiary at a time.
    locks: Locks,
    /// Read-locked while one cheque is cashed, write-locked while many are.
    pub(super) clearing: RwLock<()>,
    /// Automatic cashes that wait for their batch.
    pub(super) waiting: Mutex<Vec<Waiting>>,
}

impl Cashing {
    pub(crate) fn new(
        chain: Arc<Chain>,
        watcher: Arc<ChainWatcher>,
        transactions: Arc<Transactions>,
        confirmations: u64,
    ) -> Self {
        Self(Arc::new(Inner {
            chain,
            watcher,
            transactions,
            confirmations,
            locks: Locks::default(),
            clearing: RwLock::default(),
            waiting: Mutex::default(),
        }))
    }

    /// Sends the transaction that cashes a cheque, of any chequebook to any beneficiary, and returns once it is sent.
    /// If a pending transaction already cashes this cheque or a newer one, returns that transaction.
    ///
    /// With [`Overdraft::Refuse`] the contract itself checks that the balance covers the cheque: if another cheque is
    /// cashed first, the transaction is reverted, and the chequebook lives.
    ///
    /// The contract may be unproven: then this only warns (by `tracing`), since the cheque is there already.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChainId`], [`Error::NoCode`], [`Error::NotGenuine`], [`chequebook::Error::WrongSigner`] if the
    /// cheque is invalid; [`chequebook::Error::WrongAsset`] if it is of a token chequebook;
    /// [`Error::AlreadyCashed`], [`Error::Dead`] if it would pay nothing; with
    /// [`Overdraft::Refuse`], [`Error::WouldBounce`]; [`Error::InsufficientFunds`], [`Error::FeeTooHigh`] if the
    /// transaction cannot be sent; or an error from the node.
    #[tracing::instrument(skip_all, fields(contract = %cheque.cheque().contract, amount = %cheque.cheque().amount))]
    pub async fn cash(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<Transaction, Error> {
        let _clearing = self.0.clearing.read().await;
        let _cashing = self.0.locks.lock(cheque.cheque().beneficiary).await;
        match self.0.pending_or_good(cheque, overdraft).await? {
            Some(pending) => Ok(pending),
            None => self.0.send(cheque, overdraft).await,
        }
    }

    /// The pending transaction that cashes a cheque over at least `least`.
    pub(crate) fn pending(
        &self,
        contract: Address,
        beneficiary: Address,
        least: U256,
    ) -> Result<Option<Transaction>, Error> {
        self.0.pending(contract, beneficiary, least)
    }

    /// Waits until no other task creates this chequebook in order to cash.
    pub(crate) async fn lock(&self, contract: Address) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.locks.lock(contract).await
    }
}

impl std::fmt::Debug for Cashing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cashing").finish_non_exhaustive()
    }
}

impl Inner {
    /// The pending transaction that cashes the cheque. If there is none, checks that the cheque would pay.
    pub(super) async fn pending_or_good(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
    ) -> Result<Option<Transaction>, Error> {
        let Cheque { contract, beneficiary, amount, chain_id, .. } = *cheque.cheque();
        if chain_id != self.chain.id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.chain.id() });
        }
        if let Some(pending) = self.pending(contract, beneficiary, amount)? {
            return Ok(Some(pending));
        }

        let subject = Subject::at(contract).accept_unproven(true);
        let watched = self.watcher.watch(subject, self.confirmations, Some(beneficiary)).await?;
        if !watched.is_proven() {
            tracing::warn!(%contract, %beneficiary, "cashing a cheque of an unproven contract, which may not pay");
        }
        cheque.verify(watched.terms.signer)?;
        let snapshot = watched.snapshot(Duration::ZERO).await?;
        let sent = snapshot.sent(beneficiary);
        let owed = amount.saturating_sub(sent);
        if owed.is_zero() {
            return Err(Error::AlreadyCashed { amount, sent });
        }
        if owed > snapshot.balance {
            if snapshot.state == State::Dead {
                return Err(Error::Dead { contract });
            }
            if overdraft == Overdraft::Refuse {
                return Err(Error::WouldBounce { pays: snapshot.balance, owed });
            }
        }
        Ok(None)
    }

    pub(super) async fn send(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<Transaction, Error> {
        let Cheque { contract, beneficiary, amount, .. } = *cheque.cheque();
        let input = cheque.calldata(overdraft);
        let call = Call { to: TxKind::Call(contract), value: U256::ZERO, input, max_gas: MAX_GAS };
        let purpose = Purpose::Cash { contract, beneficiary, amount };
        self.transactions.send(call, |_| Ok((purpose, Batch::new()))).await
    }

    fn pending(&self, contract: Address, beneficiary: Address, least: U256) -> Result<Option<Transaction>, Error> {
        for transaction in self.transactions.list() {
            if transaction.status().is_final() {
                continue;
            }
            let cashes = match transaction.purpose() {
                Purpose::Cash { contract: c, beneficiary: b, amount } => {
                    (c, b) == (contract, beneficiary) && amount >= least
                }
                Purpose::CashMany { .. } => batch::cashes(&transaction.input()?, contract, beneficiary, least),
                _ => false,
            };
            if cashes {
                return Ok(Some(transaction));
            }
        }
        Ok(None)
    }
}
