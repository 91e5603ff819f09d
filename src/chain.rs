//! A development chain: an anvil process that ends when this value is dropped.

use std::{io::ErrorKind, time::Duration};

use alloy::{
    node_bindings::{Anvil, AnvilInstance, NodeError},
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
};
use chequebook_wallet::Transaction;
use eyre::{OptionExt, Report, WrapErr};

use crate::check::equal;

/// A running chain, on a port that was free.
pub(crate) struct Chain {
    anvil: AnvilInstance,
    provider: DynProvider,
}

impl Chain {
    /// Starts anvil under the rules of `hardfork`, and deploys the factory and the clearing house.
    ///
    /// # Errors
    ///
    /// If anvil is not on the PATH, or does not start.
    pub(crate) async fn start(hardfork: &str) -> eyre::Result<Self> {
        // Anvil that is killed would leave the states of old blocks in the home of whoever runs it.
        let args = ["--hardfork", hardfork, "--max-persisted-states", "0"];
        let anvil = Anvil::new().args(args).try_spawn().map_err(|error| match error {
            NodeError::SpawnError(error) if error.kind() == ErrorKind::NotFound => {
                Report::msg("anvil is not on the PATH: run `npm ci`, and add node_modules/.bin to the PATH")
            }
            error => Report::new(error).wrap_err("anvil does not start"),
        })?;
        let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url()).erased();
        // The chain is local, and mines at once.
        provider.client().set_poll_interval(Duration::from_millis(10));
        let chain = Self { anvil, provider };
        // By an account that has no other part, since the transactions of the others are counted.
        let deployer = chain.signer(9)?;
        let deployer = ProviderBuilder::new().wallet(deployer).connect_http(chain.anvil.endpoint_url());
        deployer.client().set_poll_interval(Duration::from_millis(10));
        chequebook::deploy(&deployer).await.wrap_err("factory and clearing house")?;
        Ok(chain)
    }

    /// The provider of the chain.
    pub(crate) const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// Accounts with plenty of ether.
    pub(crate) fn accounts(&self) -> &[Address] {
        self.anvil.addresses()
    }

    /// The key of the account at `index`.
    pub(crate) fn signer(&self, index: usize) -> eyre::Result<PrivateKeySigner> {
        let key = self.anvil.nth_key(index).ok_or_eyre("anvil has too few accounts")?;
        Ok(key.into())
    }

    /// The balance of `account`, in wei.
    pub(crate) async fn balance(&self, account: Address) -> eyre::Result<U256> {
        Ok(self.provider.get_balance(account).await?)
    }

    /// Waits until a transaction of the wallet is final, and returns its receipt. `before` is the balance of its sender
    /// before it, in wei.
    ///
    /// # Errors
    ///
    /// If it fails, or costs the sender anything but its value and the gas of its receipt.
    pub(crate) async fn follow(
        &self,
        transaction: &Transaction,
        sender: Address,
        before: U256,
        value: U256,
    ) -> eyre::Result<TransactionReceipt> {
        transaction.confirmed().await?;
        let receipt = self.provider.get_transaction_receipt(transaction.hash()).await?.ok_or_eyre("no receipt")?;
        let after = self.balance(sender).await?;

        equal("status of the transaction", receipt.status(), true)?;
        equal("sender of the transaction", receipt.from, sender)?;
        let fee = U256::from(receipt.gas_used)
            .checked_mul(U256::from(receipt.effective_gas_price))
            .ok_or_eyre("the fee of the transaction is beyond 256 bits")?;
        let cost = fee.checked_add(value).ok_or_eyre("the cost of the transaction is beyond 256 bits")?;
        equal("cost to the sender, in wei", before.checked_sub(after), Some(cost)).wrap_err("gas of the receipt")?;
        Ok(receipt)
    }
}
