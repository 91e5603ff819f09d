//! What is sent only if the same is not under way.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{account::Account, handle::Transaction, send::Call};
use crate::{Error, requests::Pass, store::schema::Purpose};

/// The transaction of a call that is to be made once.
pub(crate) enum Single {
    Sent(Transaction),
    /// By another call.
    UnderWay(Transaction),
}

impl Single {
    pub(crate) fn transaction(self) -> Transaction {
        let (Self::Sent(transaction) | Self::UnderWay(transaction)) = self;
        transaction
    }
}

impl Account {
    /// Looks at the transactions: one that was included meanwhile is under way no longer. If that is not known, it still is.
    pub(crate) async fn try_advance(&self) {
        if let Err(error) = self.advance().await {
            tracing::debug!(%error, "could not look at the transactions");
        }
    }

    /// Sends a transaction, unless `decide` finds the same under way, which is returned then, and `pass` is not used. It
    /// decides before anything is asked, and again just before the signature, because another call may have been faster.
    pub(crate) async fn send_single(
        self: &Arc<Self>,
        call: Call,
        purpose: Purpose,
        pass: Pass,
        decide: impl Fn() -> Result<Option<Transaction>, Error> + Send + Sync,
    ) -> Result<Single, Error> {
        if let Some(same) = decide()? {
            return Ok(Single::UnderWay(same));
        }
        let same = Mutex::new(None);
        let allowed = || match decide()? {
            None => Ok(()),
            Some(found) => {
                *same.lock() = Some(found);
                // Nobody sees it: the transaction that was found is the answer.
                Err(Error::CommandUnderWay { contract: purpose.contract().unwrap_or_default(), purpose })
            }
        };
        let sent = self.send_if(call, purpose, pass, allowed, drop).await;
        same.into_inner().map_or_else(|| sent.map(Single::Sent), |same| Ok(Single::UnderWay(same)))
    }
}

/// What stands for a call that is to be made once: the newest that is under way.
///
/// # Errors
///
/// [`Error::Cancelled`] if that is being cancelled: it may do its work all the same, and nobody knows before it is final.
pub(crate) fn same(mut under_way: Vec<Transaction>) -> Result<Option<Transaction>, Error> {
    match under_way.pop() {
        Some(found) if found.is_cancelled() => Err(Error::Cancelled { nonce: found.nonce() }),
        found => Ok(found),
    }
}
