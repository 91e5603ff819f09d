//! The chequebook of the demo, and what the chain says about it.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256, utils::Unit},
    providers::{DynProvider, Provider},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use chequebook::bindings::Chequebook::{self, ChequebookInstance};
use eyre::OptionExt;

use crate::{chain::Chain, check::equal};

/// A chequebook with a deposit.
pub(crate) struct Book<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) chain_id: u64,
    pub(crate) contract: ChequebookInstance<DynProvider>,
    pub(crate) address: Address,
    /// The payer.
    pub(crate) owner: Address,
    /// The payer's key, which signs the cheques too.
    pub(crate) signer: PrivateKeySigner,
    /// Who sends the cashing transactions, so that the payees' balances change by what they are paid alone.
    pub(crate) cashier: Address,
    /// In wei.
    pub(crate) deposit: U256,
    /// What it took to deploy the contract and to deposit.
    pub(crate) gas: u64,
}

impl<'a> Book<'a> {
    /// Deploys a chequebook without notice period, whose owner signs, and deposits one ether.
    pub(crate) async fn open(chain: &'a Chain, owner: Address, cashier: Address) -> eyre::Result<Self> {
        let provider = chain.provider();
        let deploy = Chequebook::deploy_builder(provider, owner, Address::ZERO, 0).into_transaction_request();
        let deployed = chain.send(owner, deploy).await?;
        let address = deployed.contract_address.ok_or_eyre("the receipt of the deployment names no contract")?;
        let contract = Chequebook::new(address, provider.clone());
        equal("owner", contract.owner().call().await?, owner)?;
        equal("signer", contract.signer().call().await?, owner)?;
        equal("notice period, in seconds", contract.noticePeriod().call().await?, U256::ZERO)?;

        let deposit = Unit::ETHER.wei();
        let transfer = TransactionRequest::default().with_to(address).with_value(deposit);
        let deposited = chain.send(owner, transfer).await?;
        equal("balance after the deposit, in wei", chain.balance(address).await?, deposit)?;

        let gas = deployed.gas_used.checked_add(deposited.gas_used).ok_or_eyre("too much gas")?;
        let chain_id = provider.get_chain_id().await?;
        let signer = chain.signer(0)?;
        equal("address of the owner's key", signer.address(), owner)?;
        Ok(Self { chain, chain_id, contract, address, owner, signer, cashier, deposit, gas })
    }

    /// The balance of the chequebook, in wei.
    pub(crate) async fn balance(&self) -> eyre::Result<U256> {
        self.chain.balance(self.address).await
    }

    /// The size of the chequebook's code, in bytes.
    pub(crate) async fn code_size(&self) -> eyre::Result<usize> {
        Ok(self.chain.provider().get_code_at(self.address).await?.len())
    }

    /// What `beneficiary` was paid by cheques, in wei.
    pub(crate) async fn sent(&self, beneficiary: Address) -> eyre::Result<U256> {
        Ok(self.contract.sent(beneficiary).call().await?)
    }

    /// How many transactions `account` has sent.
    pub(crate) async fn transactions(&self, account: Address) -> eyre::Result<u32> {
        Ok(self.chain.provider().get_transaction_count(account).await?.try_into()?)
    }
}
