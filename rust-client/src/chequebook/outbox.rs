//! What a payer promises to one beneficiary.

use alloy::primitives::{Address, U256};

use super::Chequebook;
use crate::{
    Error, Scheme, SignedCheque,
    rows::{Promise, issued_key},
    store::Batch,
};

/// The cheques of one chequebook to one beneficiary.
#[derive(Clone, Debug)]
pub struct Outbox {
    book: Chequebook,
    beneficiary: Address,
    scheme: Scheme,
}

impl Outbox {
    pub(super) const fn new(book: Chequebook, beneficiary: Address, scheme: Scheme) -> Self {
        Self { book, beneficiary, scheme }
    }

    /// The chequebook.
    pub const fn chequebook(&self) -> &Chequebook {
        &self.book
    }

    /// Who is paid.
    pub const fn beneficiary(&self) -> Address {
        self.beneficiary
    }

    /// Promises `amount` more, in wei.
    ///
    /// # Errors
    ///
    /// Those of [`Chequebook::issue`].
    ///
    /// # Cancel safety
    ///
    /// That of [`Chequebook::issue`].
    pub async fn issue(&self, amount: U256) -> Result<SignedCheque, Error> {
        self.book.issue(self.beneficiary, amount, self.scheme).await
    }

    /// The newest cheque, to be sent once more: it replaces all before it, so a lost message is no lost money. `None` if
    /// none was issued, or if recovery knows only from the chain that one was.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn last(&self) -> Result<Option<SignedCheque>, Error> {
        let inner = &self.book.0;
        let shared = inner.client.shared();
        let Some(promise) = shared.ledger.get::<Promise>(&issued_key(inner.contract, self.beneficiary))? else {
            return Ok(None);
        };
        // What is read may still be on its way to the disk, and nothing leaves before it is there.
        shared.ledger.submit(Batch::new()).await?;
        promise.cheque(inner.contract, self.beneficiary, shared.chain.id())
    }
}
