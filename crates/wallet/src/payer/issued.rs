//! What was issued, page by page.

use alloy::primitives::{Address, U256};
use chequebook::SignedCheque;

use super::book::Book;
use crate::{
    Error,
    store::{
        decode,
        schema::{Promise, address_at_end, issued_key, table},
    },
};

/// The most that is read at once.
const PAGE: usize = 1024;

/// What was promised to one beneficiary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// The address that is paid.
    pub beneficiary: Address,
    /// The cumulative amount, in wei.
    pub amount: U256,
    /// The latest cheque, over this amount. `None` if the promise was recovered from the chain alone.
    pub cheque: Option<SignedCheque>,
}

impl Book {
    /// What was issued to the first beneficiaries above `after`. Nothing leaves that is not durable.
    pub(super) async fn issued_page(&self, after: Option<Address>, limit: usize) -> Result<Vec<Issued>, Error> {
        let (contract, shared) = (self.contract, self.wallet.shared());
        let after = after.map(|beneficiary| issued_key(contract, beneficiary).bytes);
        let limit = limit.min(PAGE);
        let rows = shared.ledger.durable_page(table::ISSUED, contract.as_slice(), after.as_deref(), limit).await?;
        let issued = rows.into_iter().map(|(key, value)| {
            let beneficiary = address_at_end(table::ISSUED, &key)?;
            let promise: Promise = decode(table::ISSUED, &key, &value)?;
            let cheque = promise.cheque(contract, beneficiary, shared.chain.id())?;
            Ok(Issued { beneficiary, amount: promise.amount, cheque })
        });
        issued.collect()
    }
}
