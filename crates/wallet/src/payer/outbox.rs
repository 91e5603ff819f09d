//! The cheques of a payer to one beneficiary.

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Scheme, SignedCheque};

use super::book::Book;
use crate::{
    Error,
    store::{
        Batch,
        schema::{Promise, issued_key},
    },
};

/// The cheques of one chequebook to one beneficiary, with one scheme. Clones of this handle are the same outbox. A new
/// handle for each cheque costs nothing.
#[derive(Clone)]
pub struct Outbox {
    book: Arc<Book>,
    beneficiary: Address,
    scheme: Scheme,
}

impl Outbox {
    pub(super) const fn new(book: Arc<Book>, beneficiary: Address, scheme: Scheme) -> Self {
        Self { book, beneficiary, scheme }
    }

    /// The address of the chequebook.
    pub fn contract(&self) -> Address {
        self.book.contract
    }

    /// The address that is paid.
    pub const fn beneficiary(&self) -> Address {
        self.beneficiary
    }

    /// Which digest is signed.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The cumulative amount promised to the beneficiary, in wei.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn promised(&self) -> Result<U256, Error> {
        let promise = self.book.wallet.shared().ledger.get::<Promise>(&self.key())?;
        Ok(promise.map_or(U256::ZERO, |promise| promise.amount))
    }

    /// Signs a cheque that promises the beneficiary `amount` more, in wei, in addition to all earlier promises. Returns
    /// once it is durable.
    ///
    /// If this future is dropped, call [`latest_cheque`](Self::latest_cheque) to see whether the cheque was issued.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientDeposit`] if the amount is not available, [`Error::ZeroAmount`],
    /// [`Error::InvalidBeneficiary`]; [`Error::Dead`] or [`Error::KillAnnounced`] if the chequebook has ended or will
    /// end; [`chequebook::Error::Signer`] if the signer does not sign; [`Error::Store`] if it cannot be made durable.
    /// After an error, nothing is promised.
    #[tracing::instrument(skip(self), fields(contract = %self.contract(), beneficiary = %self.beneficiary), level = "debug")]
    pub async fn issue(&self, amount: U256) -> Result<SignedCheque, Error> {
        let result = self.try_issue(amount).await;
        // Also after an error: a missing deposit may be its cause.
        self.book.issued.notify_one();
        result
    }

    async fn try_issue(&self, amount: U256) -> Result<SignedCheque, Error> {
        let Self { ref book, beneficiary, scheme } = *self;
        let contract = book.contract;
        if amount.is_zero() {
            return Err(Error::ZeroAmount);
        }
        // Nobody could cash a cheque to the chequebook; a cheque to the zero address would burn the money.
        if beneficiary == contract || beneficiary == Address::ZERO {
            return Err(Error::InvalidBeneficiary { beneficiary });
        }
        let reservation = book.reserve(amount).await?;

        let writing = book.writing.lock(beneficiary).await;
        // Both are part of the total issued, which is at most the amount funded.
        let promised = self.promised()?.checked_add(amount).ok_or(Error::Overflow)?;
        let cheque = Cheque { contract, beneficiary, amount: promised, scheme, chain_id: book.wallet.chain_id() };
        let signed = cheque.sign(&*book.signer).await?;
        let durable = reservation.issue(self.key(), &Promise::of(&signed))?;
        drop(writing); // the next cheque may include this one: it becomes durable later

        durable.await?;
        Ok(signed)
    }

    /// The latest cheque, for example to send it again: it replaces all earlier ones, so a lost message loses no money.
    /// `None` if none was issued, or if the promise was recovered from the chain alone.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn latest_cheque(&self) -> Result<Option<SignedCheque>, Error> {
        let shared = self.book.wallet.shared();
        let Some(promise) = shared.ledger.get::<Promise>(&self.key())? else { return Ok(None) };
        // The promise may not be durable yet, and no cheque leaves before it is.
        shared.ledger.submit(Batch::new()).await?;
        Ok(promise.cheque(self.book.contract, self.beneficiary, shared.chain.id())?)
    }

    fn key(&self) -> Vec<u8> {
        issued_key(self.book.contract, self.beneficiary)
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { book, beneficiary, scheme } = self;
        formatter
            .debug_struct("Outbox")
            .field("contract", &book.contract)
            .field("beneficiary", beneficiary)
            .field("scheme", scheme)
            .finish()
    }
}
