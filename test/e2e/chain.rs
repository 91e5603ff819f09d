//! A development chain for one test.

use std::time::Duration;

use alloy::{
    contract::{CallBuilder, RawCallBuilder},
    node_bindings::{Anvil, AnvilInstance},
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    signers::local::PrivateKeySigner,
};
use chequebook::{
    Cheque, Scheme, SignedCheque,
    bindings::{
        Chequebook::{self, ChequebookInstance},
        ChequebookFactory::BYTECODE as FACTORY,
        ClearingHouse::BYTECODE as HOUSE,
    },
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
        let anvil = Anvil::new().args(["--hardfork", hardfork]).try_spawn()?;
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

    /// A chequebook of the first account with a deposit of `wei`, which may already be killed.
    pub(crate) async fn create(&self, notice_period: u32, wei: u64) -> Result<Instance> {
        let builder = Chequebook::deploy_builder(self.provider.clone(), self.account(0), Address::ZERO, notice_period);
        let chequebook = self.chequebook(builder.value(U256::from(wei)).deploy().await?);
        self.provider.evm_mine(None).await?;
        Ok(chequebook)
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

    /// Deploys the factory and the clearing house at their addresses.
    pub(crate) async fn infrastructure(&self) -> Result<()> {
        for (code, address) in [(&FACTORY, chequebook::factory()), (&HOUSE, chequebook::clearing_house())] {
            let input = Bytes::from([B256::ZERO.as_slice(), code.as_ref()].concat());
            // not by an account whose nonces a wallet counts
            let sent = self.call(chequebook::DEPLOYER, input).from(self.account(9)).send().await?;
            eyre::ensure!(sent.get_receipt().await?.status(), "not created");
            eyre::ensure!(!self.provider.get_code_at(address).await?.is_empty(), "no code at {address}");
        }
        Ok(())
    }

    /// A transaction of the first account.
    pub(crate) fn call(&self, to: Address, input: Bytes) -> RawCallBuilder<&DynProvider> {
        CallBuilder::new_raw(&self.provider, input).to(to)
    }
}
