//! What was done for an earlier request.

use alloy::primitives::{Address, B256, ChainId};
use chequebook::SignedCheque;

use crate::{Error, store::schema::Done};

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

    /// Account and nonce of the transaction.
    pub(crate) const fn sent(self) -> Result<(Address, u64), Error> {
        match self.done {
            Done::Transaction { account, nonce } => Ok((account, nonce)),
            Done::Cheque { .. } => Err(self.reused()),
        }
    }

    /// The key stands for something else.
    const fn reused(self) -> Error {
        Error::KeyReused { key: self.key }
    }
}
