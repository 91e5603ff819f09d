//! A development chain for one test.

use std::time::Duration;

use alloy::{
    contract::{CallBuilder, RawCallBuilder},
    node_bindings::{Anvil, AnvilInstance},
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    signers::local::PrivateKeySigner,
};
use chequebook::{
    Cheque, ChequebookContract, Creation, Form, Scheme, SignedCheque, Terms,
    bindings::Chequebook::{self, ChequebookInstance},
};
use eyre::{OptionExt, Result};

/// A chequebook on the chain.
pub(crate) type Instance = ChequebookInstance<DynProvider>;

/// An anvil process that ends when this value is dropped. Its first account owns the chequebooks, its second one is
/// paid.
pub(crate) struct Chain {
    pub(crate) anvil: AnvilInstance,
    pub(crate) provider: DynProvider,
}

impl Chain {
    pub(crate) fn start() -> Result<Self> {
        Self::under("osaka")
    }

    /// A chain with the rules of `hardfork`.
    pub(crate) fn under(hardfork: &str) -> Result<Self> {
        // Anvil that is killed would leave the states of old blocks in the home of whoever runs it.
        let args = ["--hardfork", hardfork, "--max-persisted-states", "0"];
        let anvil = Anvil::new().args(args).try_spawn()?;
        let wallet = anvil.wallet().ok_or_eyre("anvil has no accounts")?;
        let provider = ProviderBuilder::new().wallet(wallet).connect_http(anvil.endpoint_url()).erased();
        // The chain is local, and mines at once.
        provider.client().set_poll_interval(Duration::from_millis(10));
        Ok(Self { anvil, provider })
    }

    pub(crate) fn account(&self, index: usize) -> Address {
        self.anvil.addresses()[index]
    }

    pub(crate) fn key(&self, index: usize) -> Result<PrivateKeySigner> {
        Ok(self.anvil.nth_key(index).ok_or_eyre("anvil has too few accounts")?.into())
    }

    pub(crate) async fn balance(&self, account: Address) -> Result<U256> {
        Ok(self.provider.get_balance(account).await?)
    }

    pub(crate) fn chequebook(&self, address: Address) -> Instance {
        Chequebook::new(address, self.provider.clone())
    }

    /// A direct chequebook of the first account with a deposit of `wei`, which may already be killed. Each has another
    /// salt.
    pub(crate) async fn create(&self, notice_period: u32, wei: u64) -> Result<Instance> {
        self.infrastructure().await?;
        let terms = Terms { notice_period, ..Terms::new(Form::Direct, self.account(0)) };
        let salt = U256::from(self.provider.get_transaction_count(self.account(0)).await?).into();
        let creation = Creation { terms, salt };
        let book = ChequebookContract::create(self.provider.clone(), &creation, U256::from(wei)).await?;
        self.provider.evm_mine(None).await?;
        Ok(book.instance().clone())
    }

    /// A cheque to the second account.
    pub(crate) fn cheque(&self, contract: Address, amount: u64, scheme: Scheme) -> Cheque {
        Cheque {
            contract,
            beneficiary: self.account(1),
            amount: U256::from(amount),
            scheme,
            chain_id: self.anvil.chain_id(),
        }
    }

    /// A cheque to the second account, signed by account `signer`.
    pub(crate) async fn signed(
        &self,
        contract: Address,
        amount: u64,
        scheme: Scheme,
        signer: usize,
    ) -> Result<SignedCheque> {
        Ok(self.cheque(contract, amount, scheme).sign(&self.key(signer)?).await?)
    }

    /// Deploys the factory and the clearing house, unless they are there.
    pub(crate) async fn infrastructure(&self) -> Result<()> {
        // not by an account whose nonces a wallet counts
        let provider = ProviderBuilder::new().wallet(self.key(9)?).connect_http(self.anvil.endpoint_url());
        provider.client().set_poll_interval(Duration::from_millis(10));
        Ok(chequebook::deploy(&provider).await?)
    }

    /// A transaction of the first account.
    pub(crate) fn call(&self, to: Address, input: Bytes) -> RawCallBuilder<&DynProvider> {
        CallBuilder::new_raw(&self.provider, input).to(to)
    }
}
