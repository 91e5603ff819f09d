//! A chain on which everything has its place, so that each figure comes out the same every time.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    sol_types::{SolCall, SolConstructor},
};
use chequebook::{
    Cheque, Opening, Scheme, SignedCheque,
    bindings::{Chequebook, ChequebookFactory, ClearingHouse},
};
use eyre::{OptionExt, ensure};

use crate::chain::Chain;

/// The accounts of anvil, by what they do here.
pub(super) const OWNER: usize = 0;
pub(super) const SIGNER: usize = 1;
pub(super) const THIRD_PARTY: usize = 2;
/// An account with a key, that can send what pays itself.
pub(super) const PAYEE: usize = 3;
const DEPLOYER: usize = 4;

/// Seven significant bytes, none of them zero, in wei.
pub(super) const AMOUNT: u64 = 0x0011_2233_4455_6677;
/// The deposit that a chequebook is opened with, of as many bytes, in wei.
pub(super) const DEPOSIT: u64 = 0x00ee_2233_4455_6677;
/// In seconds.
pub(super) const NOTICE: u32 = 86_400;
/// What a transaction may use at most: the limit of the Osaka upgrade.
const GAS_LIMIT: u64 = 16_777_216;

pub(super) struct World {
    pub(super) chain: Chain,
    opened: u64,
}

impl World {
    pub(super) async fn start() -> eyre::Result<Self> {
        let world = Self { chain: Chain::start(super::HARDFORK)?, opened: 0 };
        for code in [&ChequebookFactory::BYTECODE, &ClearingHouse::BYTECODE] {
            let input = [B256::ZERO.as_slice(), code.as_ref()].concat();
            world.send(DEPLOYER, chequebook::DEPLOYER.into(), 0, input.into()).await?;
        }
        Ok(world)
    }

    pub(super) fn account(&self, index: usize) -> eyre::Result<Address> {
        self.chain.accounts().get(index).copied().ok_or_eyre("anvil has too few accounts")
    }

    /// Sends a transaction, which must succeed.
    pub(super) async fn send(
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
        let receipt = self.chain.provider().send_transaction(request).await?.get_receipt().await?;
        ensure!(receipt.status(), "a transaction to {to:?} failed: its gas is no figure");
        Ok(receipt)
    }

    /// Lets time pass, in seconds, and a block.
    pub(super) async fn pass(&self, seconds: u32) -> eyre::Result<()> {
        let provider = self.chain.provider();
        provider.raw_request::<_, serde_json::Value>("evm_increaseTime".into(), [seconds]).await?;
        provider.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await?;
        Ok(())
    }

    /// An address without a zero byte, which would be cheaper than others.
    pub(super) fn somebody(name: &str) -> Address {
        let mut hash = keccak256(name);
        while hash.iter().skip(12).any(|byte| *byte == 0) {
            hash = keccak256(hash);
        }
        Address::from_word(hash)
    }

    /// The same, with an account of one wei.
    pub(super) async fn existing(&self, name: &str) -> eyre::Result<Address> {
        let address = Self::somebody(name);
        self.send(DEPLOYER, address.into(), 1, Bytes::new()).await?;
        Ok(address)
    }

    /// Opens a chequebook of a form. It may die from the next block on.
    pub(super) async fn open(&mut self, form: &str, deposit: u64) -> eyre::Result<(Address, u64)> {
        let (owner, signer) = (self.account(OWNER)?, self.account(SIGNER)?);
        let (receipt, contract) = if form == "direct" {
            let arguments = Chequebook::constructorCall { owner_: owner, signer_: signer, noticePeriod_: NOTICE };
            let input = [Chequebook::BYTECODE.as_ref(), &arguments.abi_encode()].concat();
            let receipt = self.send(OWNER, TxKind::Create, deposit, input.into()).await?;
            let contract = receipt.contract_address.ok_or_eyre("nothing was created")?;
            (receipt, contract)
        } else {
            self.opened = self.opened.checked_add(1).ok_or_eyre("too many chequebooks")?;
            let salt = B256::from(U256::from(self.opened));
            let opening = Opening { owner, signer, notice_period: NOTICE, salt };
            let call = ChequebookFactory::createCall { owner, signer, noticePeriod: NOTICE, salt };
            let receipt = self.send(OWNER, chequebook::factory().into(), deposit, call.abi_encode().into()).await?;
            (receipt, opening.address(self.chain.provider().get_chain_id().await?)?)
        };
        ensure!(self.chain.balance(contract).await? == U256::from(deposit), "the deposit is not there");
        self.pass(0).await?;
        Ok((contract, receipt.gas_used))
    }

    /// A cheque of a chequebook.
    pub(super) async fn cheque(
        &self,
        contract: Address,
        beneficiary: Address,
        amount: U256,
        scheme: Scheme,
    ) -> eyre::Result<SignedCheque> {
        let chain_id = self.chain.provider().get_chain_id().await?;
        Ok(Cheque { contract, beneficiary, amount, scheme, chain_id }.sign(&self.chain.signer(SIGNER)?).await?)
    }
}
