//! A transaction, as its sender sees it.

use std::sync::Weak;

use alloy::primitives::{B256, BlockNumber};
use async_trait::async_trait;
use tokio::{sync::watch, time::sleep_until};

use super::{
    decide::Offer,
    status::{Id, Known, Status},
};
use crate::{Error, answer::Refusal, health::Health, store::schema::Purpose};

/// Who can do something about a transaction.
#[async_trait]
pub(super) trait Owner: Send + Sync {
    /// Looks at the chain now.
    async fn look(&self) -> Result<(), Error>;

    async fn reprice(&self, id: Id, offer: Offer) -> Result<(), Error>;

    async fn cancel(&self, id: Id) -> Result<(), Error>;
}

/// A transaction of the wallet's account. The wallet sends it again when a node forgets it, also after a restart, and
/// offers more when blocks come without it.
///
/// A handle keeps neither the wallet nor its store open.
#[derive(Clone)]
pub struct Transaction {
    pub(super) owner: Weak<dyn Owner>,
    pub(super) id: Id,
    pub(super) purpose: Purpose,
    pub(super) known: watch::Receiver<Known>,
    pub(super) health: watch::Receiver<Health>,
}

impl Transaction {
    /// One that stands like this for ever, and that nobody can do anything about.
    #[cfg(test)]
    pub(crate) fn that_stands(nonce: u64, status: Status, is_cancelled: bool) -> Self {
        let owner: Weak<dyn Owner> = Weak::<super::Account>::new();
        let known = Known { status, refusal: None, blocked: None, is_cancelled, hash: B256::ZERO };
        let health = Health::channel(std::time::Duration::ZERO).subscribe();
        let purpose = Purpose::CashMany { cheques: 1 };
        Self { owner, id: (alloy::primitives::Address::ZERO, nonce), purpose, known: watch::channel(known).1, health }
    }

    /// Its nonce, which identifies it in the wallet.
    pub const fn nonce(&self) -> u64 {
        self.id.1
    }

    /// Its account and its nonce.
    pub(crate) const fn id(&self) -> Id {
        self.id
    }

    /// The hash that it was last sent with. It changes when the transaction is repriced or cancelled.
    pub fn hash(&self) -> B256 {
        self.known.borrow().hash
    }

    /// What it is for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Its status when the wallet last looked.
    pub fn status(&self) -> Status {
        self.known.borrow().status
    }

    /// What the node said when it last refused it, if it has not taken it since.
    pub fn refusal(&self) -> Option<Refusal> {
        self.known.borrow().refusal.clone()
    }

    /// Whether it is being replaced by one that does nothing.
    pub fn is_cancelled(&self) -> bool {
        self.known.borrow().is_cancelled
    }

    /* WAIT */

    /// Waits until it is included in a block, which a reorganisation may still drop.
    ///
    /// # Errors
    ///
    /// [`Error::Reverted`], [`Error::Replaced`] or [`Error::Cancelled`] if it failed. If it has not failed, but something
    /// is in its way that the wallet cannot mend: [`Error::NodeRefused`], for it or one with a lower nonce, [`Error::OutcomeUnknown`], or
    /// [`Error::Unreachable`] if the chain was not seen for [`Config::patience`](crate::Config::patience); it may be
    /// waited for again. [`Error::Store`] if the store has failed, so that nothing becomes final; [`Error::ShutDown`] if
    /// the wallet has ended.
    ///
    /// If this future is dropped, the transaction continues.
    pub async fn included(&self) -> Result<BlockNumber, Error> {
        self.wait(|status| match status {
            Status::Included { block, success: true } => Some(block),
            _ => None,
        })
        .await
    }

    /// Waits until it is final.
    ///
    /// # Errors
    ///
    /// Those of [`included`](Self::included).
    ///
    /// If this future is dropped, the transaction continues.
    pub async fn confirmed(&self) -> Result<BlockNumber, Error> {
        self.wait(|_| None).await
    }

    async fn wait(&self, enough: impl Fn(Status) -> Option<BlockNumber>) -> Result<BlockNumber, Error> {
        let (mut known, mut health) = (self.known.clone(), self.health.clone());
        // The status may have changed since the last poll.
        if !self.status().is_final()
            && let Some(owner) = self.owner.upgrade()
            && let Err(error) = owner.look().await
        {
            tracing::debug!(%error, "could not check a transaction, will check again");
        }
        loop {
            let Known { status, refusal, blocked, .. } = known.borrow_and_update().clone();
            let nonce = self.nonce();
            match status {
                Status::Confirmed { block, .. } => return Ok(block),
                Status::Reverted { block, hash } => return Err(Error::Reverted { hash, block }),
                Status::Cancelled { .. } => return Err(Error::Cancelled { nonce }),
                Status::Replaced { block, hash } => return Err(Error::Replaced { nonce, by: hash, block }),
                Status::Unknown => return Err(Error::OutcomeUnknown { nonce }),
                Status::Refused(kind) => {
                    let refusal = refusal.unwrap_or(Refusal { kind, message: String::new() });
                    return Err(Error::NodeRefused { nonce, refusal });
                }
                status => {
                    if let Some(block) = enough(status) {
                        return Ok(block);
                    }
                    // Behind one that cannot go, it cannot go either.
                    if let Some((nonce, refusal)) = blocked {
                        return Err(Error::NodeRefused { nonce, refusal });
                    }
                }
            }
            let trouble = health.borrow_and_update().clone();
            if trouble.ended {
                return Err(Error::ShutDown);
            }
            let deadline = trouble.deadline();
            tokio::select! {
                changed = known.changed() => if changed.is_err() { return Err(Error::ShutDown) },
                changed = health.changed() => if changed.is_err() { return Err(Error::ShutDown) },
                () = async { match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                } } => return Err(trouble.error()),
            }
        }
    }

    /* CHANGE */

    /// Sends it again with another offer, in wei per gas, within
    /// [`Config::max_fee_per_gas`](crate::Config::max_fee_per_gas) and, with all its gas,
    /// [`Config::max_transaction_fee`](crate::Config::max_transaction_fee).
    /// A node that has it takes another offer only if both fees are a tenth higher.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyFinal`]; [`Error::FeeTooHigh`]; [`Error::NodeRefused`]; those of the signer and the store; or
    /// [`Error::ShutDown`].
    pub async fn reprice(&self, max_fee_per_gas: u128, max_priority_fee_per_gas: u128) -> Result<(), Error> {
        let offer = Offer { max_fee: max_fee_per_gas, tip: max_priority_fee_per_gas.min(max_fee_per_gas) };
        self.owner.upgrade().ok_or(Error::ShutDown)?.reprice(self.id, offer).await
    }

    /// Replaces it with a transaction that does nothing. Until that is final, the first one may still be included: wait
    /// for [`confirmed`](Self::confirmed), which returns [`Error::Cancelled`] if it was not.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyFinal`]; [`Error::FeeTooHigh`] if the fees that it takes are not allowed; those of the signer and
    /// the store; an error from the node; or [`Error::ShutDown`].
    pub async fn cancel(&self) -> Result<(), Error> {
        self.owner.upgrade().ok_or(Error::ShutDown)?.cancel(self.id).await
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id: (account, nonce), purpose, .. } = self;
        formatter
            .debug_struct("Transaction")
            .field("account", account)
            .field("nonce", nonce)
            .field("purpose", purpose)
            .field("status", &self.status())
            .finish()
    }
}
