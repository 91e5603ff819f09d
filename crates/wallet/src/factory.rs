//! How the wallet creates chequebooks.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, BlockNumber, U256},
};
use chequebook::{Asset, Creation, DEPLOYER, Error as ChequeError, deployments, factory};

use crate::{
    Error,
    chain::{Chain, ChainWatcher},
    requests::Pass,
    store::schema::Purpose,
    transactions::{Account, Call, Transaction, same},
};

/// Creates chequebooks. Clones of this handle are the same factory.
#[derive(Clone)]
pub struct Factory {
    chain: Arc<Chain>,
    watcher: Arc<ChainWatcher>,
    account: Arc<Account>,
}

impl Factory {
    pub(crate) const fn new(chain: Arc<Chain>, watcher: Arc<ChainWatcher>, account: Arc<Account>) -> Self {
        Self { chain, watcher, account }
    }

    /// Sends the transaction that creates a chequebook, with a deposit in wei, and returns once it is sent. Anyone may
    /// create any chequebook: for example, a payee that wants to cash. What was sent to the address before is part of
    /// the deposit. With a token chequebook comes none: that is a transfer of the token, and another transaction.
    ///
    /// # Errors
    ///
    /// [`chequebook::Error::ZeroOwner`], [`chequebook::Error::ZeroToken`]; [`chequebook::Error::WrongAsset`] if it pays a
    /// token, and a deposit in wei is to come with it; [`Error::NoCode`] if there is no factory on this chain;
    /// [`Error::Refused`] if it is already created, or its token has no code; [`Error::InsufficientFunds`] and similar errors if the transaction cannot be sent; or an
    /// error from the node.
    pub async fn create(&self, creation: &Creation, deposit: U256) -> Result<Transaction, Error> {
        let contract = creation.address(self.chain.id())?;
        let asset = creation.terms.form.asset();
        if asset != Asset::Ether && !deposit.is_zero() {
            return Err(ChequeError::WrongAsset { contract, found: asset, expected: Asset::Ether }.into());
        }
        self.require().await?;
        let input = creation.calldata();
        let call = Call::new(factory(), deposit, input);
        let purpose = Purpose::Create { contract, amount: deposit };
        self.account.send(call, purpose).await
    }

    /// Sends the transactions that deploy the factory and the clearing house where this chain lacks them, and returns once
    /// they are sent: none if both are there. Anyone may do that, for example on a new development chain. What is under way
    /// is returned, and not sent again.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] if the chain has no deployment proxy; [`Error::Cancelled`] if a deployment is being cancelled;
    /// [`Error::InsufficientFunds`] and similar errors if a transaction cannot be sent, where the one before it may be under
    /// way; or an error from the node.
    pub async fn deploy(&self) -> Result<Vec<Transaction>, Error> {
        self.account.try_advance().await;
        let head = self.watcher.look(Duration::ZERO).await?.head;
        if self.chain.code(DEPLOYER, head.id()).await?.is_empty() {
            return Err(Error::NoCode { contract: DEPLOYER });
        }
        let mut sent = Vec::new();
        for (contract, input) in deployments() {
            if !self.chain.code(contract, head.id()).await?.is_empty() {
                continue;
            }
            let purpose = Purpose::Deploy { contract };
            let decide = || same(self.account.under_way(contract, head.number, |found| *found == purpose));
            let call = Call::new(DEPLOYER, U256::ZERO, input);
            sent.push(self.account.send_single(call, purpose, Pass::default(), decide).await?.transaction());
        }
        Ok(sent)
    }

    /// The transaction under way that creates a chequebook.
    pub(crate) fn pending(&self, contract: Address) -> Option<Transaction> {
        self.account.find(contract, |purpose| matches!(purpose, Purpose::Create { .. }))
    }

    /// Checks that a chequebook without a record in the store is new, and returns the block at which it was: somebody may
    /// hold cheques of one that was used before.
    pub(crate) async fn require_unused(&self, contract: Address, asset: Asset) -> Result<BlockNumber, Error> {
        self.require().await?;
        let head = self.watcher.look(Duration::ZERO).await?.head;
        // An address without code has nothing to answer, and the factory creates no chequebook that pays it.
        if let Asset::Token(token) = asset
            && self.chain.code(token, head.id()).await?.is_empty()
        {
            return Err(Error::NoCode { contract: token });
        }
        let (created, balance) = tokio::try_join!(
            self.chain.record(contract, head.id()),
            self.chain.balance_of(contract, asset, head.id())
        )?;
        if created.is_some() || !balance.is_zero() {
            return Err(Error::NoRecord { contract });
        }
        Ok(head.number)
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
