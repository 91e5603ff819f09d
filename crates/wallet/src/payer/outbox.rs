//! The cheques of a payer to one beneficiary.

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Overdraft, Scheme, SignedCheque};
use tokio::time::timeout;

use super::open::Open;
use crate::{
    Error,
    events::Event,
    requests::{Begun, Pass, Request},
    store::{
        Batch, Key,
        schema::{Done, Promise, issued_key},
    },
    transactions::Transaction,
};

/// The cheques of one chequebook to one beneficiary, with one scheme. Clones of this handle are the same outbox. A new
/// handle for each cheque costs nothing.
#[derive(Clone)]
pub struct Outbox {
    open: Arc<Open>,
    beneficiary: Address,
    scheme: Scheme,
}

impl Outbox {
    pub(super) const fn new(open: Arc<Open>, beneficiary: Address, scheme: Scheme) -> Self {
        Self { open, beneficiary, scheme }
    }

    /// The address of the chequebook.
    pub fn contract(&self) -> Address {
        self.open.book.contract
    }

    /// The address that is paid.
    pub const fn beneficiary(&self) -> Address {
        self.beneficiary
    }

    /// Which digest is signed.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The cumulative amount promised to the beneficiary, in the smallest unit of the asset.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn promised(&self) -> Result<U256, Error> {
        Ok(self.promise().await?.map_or(U256::ZERO, |promise| promise.amount))
    }

    async fn promise(&self) -> Result<Option<Promise>, Error> {
        Ok(self.open.book.wallet.shared().ledger.get(&self.key()).await?)
    }

    /// Signs a cheque that promises the beneficiary `amount` more, in the smallest unit of the asset, in addition to all earlier promises. Returns
    /// once it is durable.
    ///
    /// If this future is dropped, call [`latest_cheque`](Self::latest_cheque) to see whether the cheque was issued.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientDeposit`] if the amount is not available, [`Error::ZeroAmount`],
    /// [`Error::InvalidBeneficiary`]; [`Error::Dead`] or [`Error::KillAnnounced`] if the chequebook has ended or will
    /// end, [`Error::CommandUnderWay`] if a transaction of this wallet is about to announce or to do that; [`Error::StaleHead`] if the node or the chain has stalled; [`Error::StoreOutdated`] if the chain has paid what
    /// the store does not know of; [`chequebook::Error::Signer`] or [`Error::SignerTimedOut`] if the signer does not
    /// sign. After these, nothing is promised. [`Error::Store`] if it is not certain to be durable: look at
    /// [`latest_cheque`](Self::latest_cheque).
    #[tracing::instrument(skip(self), fields(contract = %self.contract(), beneficiary = %self.beneficiary), level = "debug")]
    pub async fn issue(&self, amount: U256) -> Result<SignedCheque, Error> {
        self.issue_with(amount, Pass::default()).await
    }

    /// The same for a [`Request`]: a second one with its key gets the cheque of the first, and promises nothing. What its
    /// limits count is the amount.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`] and [`Error::LimitReached`], after which nothing is promised, and those of
    /// [`issue`](Self::issue).
    #[tracing::instrument(skip(self, request), fields(contract = %self.contract(), beneficiary = %self.beneficiary), level = "debug")]
    pub async fn issue_for(&self, amount: U256, request: &Request) -> Result<SignedCheque, Error> {
        let shared = self.open.book.wallet.shared();
        match shared.requests.begin(Some(request), amount).await? {
            Begun::Before(past) => past.cheque(shared.chain.id()),
            Begun::New(pass) => self.issue_with(amount, pass).await,
        }
    }

    async fn issue_with(&self, amount: U256, pass: Pass) -> Result<SignedCheque, Error> {
        let result = self.try_issue(amount, pass).await;
        // Also after an error: a missing deposit may be its cause.
        self.open.book.issued.notify_one();
        result
    }

    async fn try_issue(&self, amount: U256, pass: Pass) -> Result<SignedCheque, Error> {
        let Self { ref open, beneficiary, scheme } = *self;
        let Open { book, .. } = &**open;
        let contract = book.contract;
        if amount.is_zero() {
            return Err(Error::ZeroAmount);
        }
        // Nobody could cash a cheque to the chequebook; a cheque to the zero address would burn the money.
        if beneficiary == contract || beneficiary == Address::ZERO {
            return Err(Error::InvalidBeneficiary { beneficiary });
        }
        let reservation = book.reserve(amount).await?;

        let turn = book.order.turn(beneficiary).await;
        let before = self.promise().await?;
        // Both are part of the total issued, which is at most the amount funded.
        let promised = before.map_or(U256::ZERO, |before| before.amount);
        let promised = promised.checked_add(amount).ok_or(Error::Overflow)?;
        let cheque = Cheque { contract, beneficiary, amount: promised, scheme, chain_id: book.wallet.chain_id() };
        let limit = book.wallet.shared().config.signer_timeout;
        let signed =
            timeout(limit, cheque.sign(&*book.signer)).await.map_err(|_| Error::SignerTimedOut { limit })??;
        let feed = book.wallet.shared().feed.clone();
        let tell = move || feed.tell(|| Event::ChequeIssued { contract, beneficiary, amount: promised, added: amount });
        let promise = Promise::of(&signed);
        let done = Done::Cheque { contract, beneficiary, promise };
        let durable = reservation.issue(self.key(), before.as_ref(), &promise, pass, done, tell)?;
        drop(turn); // the next cheque may include this one: it becomes durable later

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
        let shared = self.open.book.wallet.shared();
        let Some(promise) = self.promise().await? else { return Ok(None) };
        // The promise may not be durable yet, and no cheque leaves before it is.
        shared.ledger.submit(Batch::new()).await?;
        Ok(promise.cheque(self.open.book.contract, self.beneficiary, shared.chain.id())?)
    }

    /// Sends the transaction that cashes the latest cheque, if it is covered; or returns the one that is under way. `None`
    /// if nothing of it is uncashed.
    pub(super) async fn cash(&self) -> Result<Option<Transaction>, Error> {
        let book = &self.open.book;
        book.require_created().await?;
        let Some(cheque) = self.latest_cheque().await? else { return Ok(None) };
        match book.wallet.cashing().cash(&cheque, Overdraft::Refuse).await {
            Ok(transaction) => Ok(Some(transaction)),
            Err(Error::AlreadyCashed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn key(&self) -> Key {
        issued_key(self.open.book.contract, self.beneficiary)
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { open, beneficiary, scheme } = self;
        formatter
            .debug_struct("Outbox")
            .field("contract", &open.book.contract)
            .field("beneficiary", beneficiary)
            .field("scheme", scheme)
            .finish()
    }
}
