//! How the wallet creates clones.

use std::sync::Arc;

use alloy::{
    eips::BlockId,
    primitives::{Address, TxKind, U256},
    sol_types::SolCall,
};
use chequebook::{CloneTerms, Terms, bindings::ChequebookFactory::createCall, factory};

use crate::{
    Error,
    chain::Chain,
    store::{Batch, schema::Purpose},
    transactions::{Call, MAX_GAS, Transaction, Transactions},
};

/// Creates chequebooks as clones. Clones of this handle are the same factory.
#[derive(Clone)]
pub struct Factory {
    chain: Arc<Chain>,
    transactions: Arc<Transactions>,
}

impl Factory {
    pub(crate) const fn new(chain: Arc<Chain>, transactions: Arc<Transactions>) -> Self {
        Self { chain, transactions }
    }

    /// Sends the transaction that creates a clone, with a deposit in wei, and returns once it is sent. Anyone may
    /// create any clone: for example, a payee that wants to cash. Ether that was sent to the address before is part of
    /// the deposit.
    ///
    /// # Errors
    ///
    /// [`chequebook::Error::ZeroOwner`], [`Error::NoCode`] if there is no factory on this chain; [`Error::Refused`] if
    /// it is already created; [`Error::InsufficientFunds`] and similar errors if the transaction cannot be sent; or an
    /// error from the node.
    pub async fn create(&self, clone: &CloneTerms, deposit: U256) -> Result<Transaction, Error> {
        let contract = clone.address(self.chain.id())?;
        self.require().await?;
        let CloneTerms { terms: Terms { owner, signer, notice_period }, salt } = *clone;
        let input = createCall { owner, signer, noticePeriod: notice_period, salt }.abi_encode().into();
        let call = Call { to: TxKind::Call(factory()), value: deposit, input, max_gas: MAX_GAS };
        let purpose = Purpose::Create { contract, amount: deposit };
        self.transactions.send(call, |_| Ok((purpose, Batch::new()))).await
    }

    /// The pending transaction that creates a clone.
    pub(crate) fn pending(&self, contract: Address) -> Option<Transaction> {
        self.transactions.list().into_iter().find(|transaction| {
            matches!(transaction.purpose(), Purpose::Create { contract: created, .. } if created == contract)
                && !transaction.status().is_final()
        })
    }

    /// Checks that a clone without a record in the store is new: somebody may hold cheques of one that was used before.
    pub(crate) async fn require_unused(&self, contract: Address) -> Result<(), Error> {
        self.require().await?;
        let latest = BlockId::latest();
        let (created, balance) =
            tokio::try_join!(self.chain.created_at(contract, latest), self.chain.balance(contract, latest))?;
        if created.is_some() || !balance.is_zero() {
            return Err(Error::NoRecord { contract });
        }
        Ok(())
    }

    async fn require(&self) -> Result<(), Error> {
        if self.chain.code(factory(), BlockId::latest()).await?.is_empty() {
            return Err(Error::NoCode { contract: factory() });
        }
        Ok(())
    }
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Factory").field("address", &factory()).finish_non_exhaustive()
    }
}
