//! What was done for a request.

use alloy::primitives::{Address, B256, ChainId};
use chequebook::SignedCheque;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    store::schema::Promise,
    transactions::{Account, Transaction},
};

/// What was done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Done {
    // Rows have the number of a variant: new ones come last.
    /// A cheque was issued.
    #[serde(rename_all = "camelCase")]
    Cheque { contract: Address, beneficiary: Address, promise: Promise },
    /// A transaction was signed.
    #[serde(rename_all = "camelCase")]
    Transaction { account: Address, nonce: u64 },
}

impl Done {
    pub(crate) const fn transaction((account, nonce): (Address, u64)) -> Self {
        Self::Transaction { account, nonce }
    }
}

/// What was done for an earlier request with the same key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub(super) key: B256,
    pub(super) done: Done,
}

impl Past {
    /// The cheque, as it was signed then.
    pub(crate) fn cheque(self, chain_id: ChainId) -> Result<SignedCheque, Error> {
        let Done::Cheque { contract, beneficiary, promise } = self.done else { return Err(self.reused()) };
        promise.cheque(contract, beneficiary, chain_id)?.ok_or_else(|| self.reused())
    }

    /// Whether a cheque was issued, which may be the first half of a withdrawal.
    pub(crate) const fn is_cheque(&self) -> bool {
        matches!(self.done, Done::Cheque { .. })
    }

    /// The transaction.
    pub(crate) async fn transaction(self, account: &Account) -> Result<Transaction, Error> {
        match self.done {
            Done::Transaction { account: by, nonce } => account.known((by, nonce)).await,
            Done::Cheque { .. } => Err(self.reused()),
        }
    }

    /// The key stands for something else.
    const fn reused(self) -> Error {
        Error::KeyReused { key: self.key }
    }
}
