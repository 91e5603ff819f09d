//! A chain on which every address is fixed, so that each run measures the same figures.

use std::time::Duration;

use alloy::{
    network::TransactionBuilder,
    node_bindings::{Anvil, AnvilInstance},
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use chequebook::{
    Cheque, Creation, Form, Scheme, SignedCheque, Terms,
    bindings::{ChequebookFactory, ClearingHouse},
};
use eyre::{OptionExt, WrapErr, ensure};

use crate::figures::HARDFORK;

/// The accounts of anvil, by their role.
pub(crate) const OWNER: usize = 0;
pub(crate) const SIGNER: usize = 1;
pub(crate) const THIRD_PARTY: usize = 2;
/// An account with a key, which can cash for itself.
pub(crate) const PAYEE: usize = 3;
const DEPLOYER: usize = 4;

/// Seven significant bytes, none of them zero, in wei.
pub(crate) const AMOUNT: u64 = 0x0011_2233_4455_6677;
/// The deposit that a chequebook is created with, of as many bytes, in wei.
pub(crate) const DEPOSIT: u64 = 0x00ee_2233_4455_6677;
/// In seconds.
pub(crate) const NOTICE: u32 = 86_400;
/// The most gas of a transaction: the limit of the Osaka upgrade.
const GAS_LIMIT: u64 = 16_777_216;

pub(crate) struct World {
    anvil: AnvilInstance,
    provider: DynProvider,
    created: u64,
}

impl World {
    pub(crate) async fn start() -> eyre::Result<Self> {
        let anvil = Anvil::new().args(["--hardfork", HARDFORK]).try_spawn().wrap_err("anvil does not start")?;
        let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url()).erased();
        // The chain is local, and mines at once.
        provider.client().set_poll_interval(Duration::from_millis(10));
        let world = Self { anvil, provider, created: 0 };
        for code in [&ChequebookFactory::BYTECODE, &ClearingHouse::BYTECODE] {
            let input = [B256::ZERO.as_slice(), code.as_ref()].concat();
            world.send(DEPLOYER, chequebook::DEPLOYER.into(), 0, input.into()).await?;
        }
        Ok(world)
    }

    /// The provider of the chain.
    pub(crate) const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// The balance of `account`, in wei.
    pub(crate) async fn balance(&self, account: Address) -> eyre::Result<U256> {
        Ok(self.provider.get_balance(account).await?)
    }

    pub(crate) fn account(&self, index: usize) -> eyre::Result<Address> {
        self.anvil.addresses().get(index).copied().ok_or_eyre("anvil has too few accounts")
    }

    /// Sends a transaction, which must succeed.
    pub(crate) async fn send(
        &self,
        from: usize,
        to: TxKind,
        value: u64,
        input: Bytes,
    ) -> eyre::Result<TransactionReceipt> {
        let mut request = TransactionRequest::default()
            .with_from(self.account(from)?)
            .with_value(U256::from(value))
            .with_gas_limit(GAS_LIMIT)
            .with_input(input);
        request.to = Some(to);
        let receipt = self.provider.send_transaction(request).await?.get_receipt().await?;
        ensure!(receipt.status(), "a transaction to {to:?} failed: its gas is no figure");
        Ok(receipt)
    }

    /// Advances the time by `seconds`, and mines a block.
    pub(crate) async fn pass(&self, seconds: u32) -> eyre::Result<()> {
        let provider = &self.provider;
        provider.raw_request::<_, serde_json::Value>("evm_increaseTime".into(), [seconds]).await?;
        provider.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await?;
        Ok(())
    }

    /// An address without a zero byte, which would be cheaper than others.
    pub(crate) fn somebody(name: &str) -> Address {
        let mut hash = keccak256(name);
        while hash.iter().skip(12).any(|byte| *byte == 0) {
            hash = keccak256(hash);
        }
        Address::from_word(hash)
    }

    /// The same, with a balance of one wei.
    pub(crate) async fn existing(&self, name: &str) -> eyre::Result<Address> {
        let address = Self::somebody(name);
        self.send(DEPLOYER, address.into(), 1, Bytes::new()).await?;
        Ok(address)
    }

    /// Creates a chequebook of a form. It may die from the next block on.
    pub(crate) async fn create(&mut self, form: &str, deposit: u64) -> eyre::Result<(Address, u64)> {
        let (owner, signer) = (self.account(OWNER)?, self.account(SIGNER)?);
        self.created = self.created.checked_add(1).ok_or_eyre("too many chequebooks")?;
        let form = if form == "direct" { Form::Direct } else { Form::Clone };
        let terms = Terms { form, owner, signer, notice_period: NOTICE };
        let creation = Creation { terms, salt: B256::from(U256::from(self.created)) };
        let receipt = self.send(OWNER, chequebook::factory().into(), deposit, creation.calldata()).await?;
        let contract = creation.address(self.provider.get_chain_id().await?)?;
        ensure!(self.balance(contract).await? == U256::from(deposit), "the deposit is not there");
        self.pass(0).await?;
        Ok((contract, receipt.gas_used))
    }

    /// A cheque of a chequebook.
    pub(crate) async fn cheque(
        &self,
        contract: Address,
        beneficiary: Address,
        amount: U256,
        scheme: Scheme,
    ) -> eyre::Result<SignedCheque> {
        let chain_id = self.provider.get_chain_id().await?;
        let key = self.anvil.nth_key(SIGNER).ok_or_eyre("anvil has too few accounts")?;
        let signer = PrivateKeySigner::from(key.clone());
        Ok(Cheque { contract, beneficiary, amount, scheme, chain_id }.sign(&signer).await?)
    }
}
