//! What an earlier request with the same key has done, for those who would not do it any more: after a kill, a chequebook
//! has no handle that could be asked again.

use alloy::primitives::U256;
use chequebook::SignedCheque;

use super::{Begun, Done, Past, Request, Requests};
use crate::{Error, transactions::Transaction, wallet::Wallet};

impl Requests {
    /// What was done for this key. Waits for a request with it that is under way.
    async fn earlier(&self, request: &Request) -> Result<Option<Past>, Error> {
        let request = Request { limits: Vec::new(), ..request.clone() };
        Ok(match self.begin(Some(&request), U256::ZERO).await? {
            Begun::Before(past) => Some(past),
            Begun::New(_) => None,
        })
    }
}

impl Wallet {
    /// The transaction of an earlier request with the key of this one; of a withdrawal, that of its cash. Nothing is done.
    /// `None` if there was none, or it has not come to its transaction: then make the request.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Forgotten`], [`Error::Store`].
    pub async fn transaction_for(&self, request: &Request) -> Result<Option<Transaction>, Error> {
        let shared = self.shared();
        let past = match shared.requests.earlier(request).await? {
            Some(Past { done: Done::Cheque { .. }, .. }) => shared.requests.earlier(&request.second()).await?,
            past => past,
        };
        match past {
            Some(past) => past.transaction(&shared.account).await.map(Some),
            None => Ok(None),
        }
    }

    /// The cheque that was issued for an earlier request with the key of this one. Nothing is done. `None` if there was none.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Store`].
    pub async fn cheque_for(&self, request: &Request) -> Result<Option<SignedCheque>, Error> {
        let past = self.shared().requests.earlier(request).await?;
        past.map(|past| past.cheque(self.chain_id())).transpose()
    }
}
