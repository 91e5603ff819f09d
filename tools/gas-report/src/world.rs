//! A chain on which every address is fixed, so that each run measures the same figures.

use std::{fs, time::Duration};

use alloy::{
    network::TransactionBuilder,
    node_bindings::{Anvil, AnvilInstance},
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use chequebook::{
    Cheque, Creation, Form, Scheme, SignedCheque, Terms,
    bindings::{Chequebook, ChequebookFactory, ClearingHouse},
};
use eyre::{OptionExt, WrapErr, bail, ensure};

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

/// OpenZeppelin's ERC20, which anybody may mint.
const TOKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../out/Tokens.sol/StandardToken.json");

alloy::sol! {
    function mint(address to, uint256 amount);
    function transfer(address to, uint256 amount) returns (bool);
    function balanceOf(address account) returns (uint256);
}

pub(crate) struct World {
    anvil: AnvilInstance,
    provider: DynProvider,
    token: Address,
    created: u64,
}

impl World {
    pub(crate) async fn start() -> eyre::Result<Self> {
        let anvil = Anvil::new().args(["--hardfork", HARDFORK]).try_spawn().wrap_err("anvil does not start")?;
        let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url()).erased();
        // The chain is local, and mines at once.
        provider.client().set_poll_interval(Duration::from_millis(10));
        let mut world = Self { anvil, provider, token: Address::ZERO, created: 0 };
        for code in [&ChequebookFactory::BYTECODE, &ClearingHouse::BYTECODE] {
            let input = [B256::ZERO.as_slice(), code.as_ref()].concat();
            world.send(DEPLOYER, chequebook::DEPLOYER.into(), 0, input.into()).await?;
        }
        let artifact = fs::read_to_string(TOKEN).wrap_err("out/ has no token: run `make build`")?;
        let artifact: serde_json::Value = serde_json::from_str(&artifact)?;
        let code: Bytes = serde_json::from_value(artifact["bytecode"]["object"].clone())?;
        let receipt = world.send(DEPLOYER, TxKind::Create, 0, code).await?;
        world.token = receipt.contract_address.ok_or_eyre("the token was not created")?;
        for holder in [OWNER, THIRD_PARTY, PAYEE] {
            world.mint(world.account(holder)?, U256::from(u128::MAX)).await?;
        }
        Ok(world)
    }

    /// The provider of the chain.
    pub(crate) const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// How much `account` has of the asset of a form.
    pub(crate) async fn balance(&self, form: &str, account: Address) -> eyre::Result<U256> {
        if form != "token" {
            return Ok(self.provider.get_balance(account).await?);
        }
        let question =
            TransactionRequest::default().with_to(self.token).with_input(balanceOfCall { account }.abi_encode());
        Ok(balanceOfCall::abi_decode_returns(&self.provider.call(question).await?)?)
    }

    /// What a chequebook has paid to an account.
    pub(crate) async fn sent(&self, contract: Address, account: Address) -> eyre::Result<U256> {
        Ok(Chequebook::new(contract, &self.provider).sent(account).call().await?)
    }

    async fn mint(&self, to: Address, amount: U256) -> eyre::Result<()> {
        self.send(DEPLOYER, self.token.into(), 0, mintCall { to, amount }.abi_encode().into()).await?;
        Ok(())
    }

    /// Sends `amount` of the asset of a form to a chequebook. Returns the gas.
    pub(crate) async fn deposit(&self, from: usize, form: &str, to: Address, amount: u64) -> eyre::Result<u64> {
        let receipt = if form == "token" {
            let call = transferCall { to, amount: U256::from(amount) };
            self.send(from, self.token.into(), 0, call.abi_encode().into()).await?
        } else {
            self.send(from, to.into(), amount, Bytes::new()).await?
        };
        Ok(receipt.gas_used)
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

    /// The same, with a balance of one wei, and of one unit of the token.
    pub(crate) async fn existing(&self, name: &str) -> eyre::Result<Address> {
        let address = Self::somebody(name);
        self.send(DEPLOYER, address.into(), 1, Bytes::new()).await?;
        self.mint(address, U256::ONE).await?;
        Ok(address)
    }

    /// Creates a chequebook of a form, with a deposit. It may die from the next block on. Returns the gas of the
    /// creation and, of a token, that of the transfer.
    pub(crate) async fn create(&mut self, form: &str, notice: u32, deposit: u64) -> eyre::Result<(Address, u64, u64)> {
        let (owner, signer) = (self.account(OWNER)?, self.account(SIGNER)?);
        self.created = self.created.checked_add(1).ok_or_eyre("too many chequebooks")?;
        let form_and_asset = match form {
            "direct" => Form::Direct,
            "clone" => Form::Clone,
            "token" => Form::Token(self.token),
            other => bail!("{other} is no form"),
        };
        let terms = Terms { form: form_and_asset, owner, signer, notice_period: notice };
        let creation = Creation { terms, salt: keccak256(self.created.to_be_bytes()) };
        let contract = creation.address(self.provider.get_chain_id().await?)?;
        let value = if form == "token" { 0 } else { deposit };
        let receipt = self.send(OWNER, chequebook::factory().into(), value, creation.calldata()).await?;
        let later =
            if form == "token" && deposit > 0 { self.deposit(OWNER, form, contract, deposit).await? } else { 0 };
        ensure!(self.balance(form, contract).await? == U256::from(deposit), "the deposit is not there");
        self.pass(0).await?;
        Ok((contract, receipt.gas_used, later))
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
