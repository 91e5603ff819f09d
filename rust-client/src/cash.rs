//! How any cheque is cashed.

use std::time::Duration;

use alloy::primitives::{Address, TxKind, U256};

use crate::{
    Cheque, Client, Error, Purpose, SignedCheque, Transaction,
    chain::Life,
    house,
    store::Batch,
    transactions::{Call, MAX_GAS},
};

/// Whether a cheque may be cashed that the balance does not cover. That pays what there is, and destroys the chequebook
/// for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overdraft {
    /// Not without being asked: [`Error::WouldBounce`] says what it would pay.
    #[default]
    Refuse,
    /// Yes.
    Consent,
}

impl Client {
    /// Sends the transaction that cashes a cheque, of any chequebook to any beneficiary, and returns once it is sent.
    /// If one that cashes this cheque or a newer one is under way already, returns that.
    ///
    /// Another cheque that is cashed before this transaction is included can still make it an overdraft.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChainId`], [`Error::NoCode`], [`Error::NotGenuine`], [`Error::WrongSigner`] if the cheque is no good;
    /// [`Error::AlreadyCashed`], [`Error::Dead`], [`Error::WouldBounce`] if there is nothing to get;
    /// [`Error::AccountShort`], [`Error::FeeTooHigh`] if it cannot be sent; or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: either nothing is sent, or the transaction is stored, and goes its way.
    #[tracing::instrument(skip_all, fields(contract = %cheque.cheque().contract, amount = %cheque.cheque().amount))]
    pub async fn cash(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<Transaction, Error> {
        let shared = self.shared();
        let _clearing = shared.clearing.read().await;
        let _cashing = shared.cashing.lock(cheque.cheque().beneficiary).await;
        match self.pending_or_good(cheque, overdraft).await? {
            Some(pending) => Ok(pending),
            None => self.send_cash(cheque).await,
        }
    }

    /// The transaction under way that cashes the cheque; else checks that there is something to get for it.
    pub(crate) async fn pending_or_good(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
    ) -> Result<Option<Transaction>, Error> {
        let shared = self.shared();
        let Cheque { contract, beneficiary, amount, chain_id, .. } = *cheque.cheque();
        if chain_id != self.chain_id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.chain_id() });
        }
        if let Some(pending) = self.pending_cash(contract, beneficiary, amount) {
            return Ok(Some(pending));
        }

        let watched = shared.view.watch(contract, shared.config.confirmations, Some(beneficiary), None).await?;
        cheque.verify(watched.genuine.signer)?;
        let snapshot = watched.snapshot(Duration::ZERO).await?;
        let sent = snapshot.sent(beneficiary);
        let owed = amount.saturating_sub(sent);
        if owed.is_zero() {
            return Err(Error::AlreadyCashed { amount, sent });
        }
        if owed > snapshot.balance {
            if snapshot.life == Life::Dead {
                return Err(Error::Dead { contract });
            }
            if overdraft == Overdraft::Refuse {
                return Err(Error::WouldBounce { pays: snapshot.balance, owed });
            }
        }
        Ok(None)
    }

    pub(crate) async fn send_cash(&self, cheque: &SignedCheque) -> Result<Transaction, Error> {
        let Cheque { contract, beneficiary, amount, .. } = *cheque.cheque();
        let call = Call { to: TxKind::Call(contract), value: U256::ZERO, input: cheque.calldata(), max_gas: MAX_GAS };
        let purpose = Purpose::Cash { contract, beneficiary, amount };
        self.shared().transactions.send(call, |_| Ok((purpose, Batch::new()))).await
    }

    /// The transaction under way that cashes at least `least`.
    pub(crate) fn pending_cash(&self, contract: Address, beneficiary: Address, least: U256) -> Option<Transaction> {
        self.transactions().into_iter().find(|transaction| {
            let cashes = match transaction.purpose() {
                Purpose::Cash { contract: c, beneficiary: b, amount } => {
                    (c, b) == (contract, beneficiary) && amount >= least
                }
                Purpose::CashMany { .. } if !transaction.status().is_final() => {
                    house::cashes(&transaction.input(), contract, beneficiary, least)
                }
                _ => false,
            };
            cashes && !transaction.status().is_final()
        })
    }
}
