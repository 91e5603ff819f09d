//! A chain in memory, under any hardfork. Each call is a transaction in a block of its own.

use alloy::{
    primitives::{Address, Bytes, Log, TxKind, U256, address, hex},
    sol_types::SolCall,
};
use chequebook::bindings::{ChequebookFactory, ClearingHouse};
use eyre::{OptionExt, bail, ensure};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm,
    context::{
        TxEnv,
        result::{ExecutionResult, HaltReason},
    },
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    primitives::hardfork::SpecId,
    state::{AccountInfo, Bytecode},
};

pub(crate) const CHAIN_ID: u64 = 31337;
/// The most gas of a transaction: the limit of the Osaka upgrade.
pub(crate) const GAS_LIMIT: u64 = 16_777_216;
/// The gas of the creation of the factory. Under Amsterdam the limit above holds without what new state costs.
const CREATION_GAS: u64 = 60_000_000;
/// In seconds.
const BLOCK_TIME: u64 = 12;

/// The code of the deterministic deployment proxy.
const PROXY: &[u8] = &hex!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);
/// Sends its value to the address in its input, by a call with nothing but the 2,300 gas of a plain transfer, and fails if
/// that fails.
const PLAIN: &[u8] = &hex!("6000600060006000346000356000f1601657600080fd5b00");
/// Uses all gas.
const BURNER: &[u8] = &hex!("5b600056");
/// The sender of the logs that EIP-7708 adds to each transfer of ether.
const SYSTEM: Address = address!("0xfffffffffffffffffffffffffffffffffffffffe");

pub(crate) const PLAIN_TRANSFER: Address = address!("0x7100000000000000000000000000000000000001");

pub(crate) struct Chain {
    evm: MainnetEvm<MainnetContext<CacheDB<EmptyDB>>>,
    /// The gas of the creations of factory and clearing house.
    pub(crate) infrastructure: Vec<u64>,
}

/// What became of a transaction.
pub(crate) struct Outcome {
    /// What it returned, or the error that it reverted with.
    pub(crate) result: Result<Bytes, Bytes>,
    pub(crate) gas: u64,
    /// Its logs, without those of the system.
    pub(crate) logs: Vec<Log>,
    /// How many logs the system added.
    pub(crate) system: usize,
}

impl Chain {
    /// A chain with factory and clearing house.
    pub(crate) fn start(hardfork: SpecId) -> eyre::Result<Self> {
        let evm = Context::mainnet()
            .with_db(CacheDB::new(EmptyDB::new()))
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(hardfork);
                cfg.chain_id = CHAIN_ID;
                cfg.disable_nonce_check = true;
            })
            .modify_block_chained(|block| {
                block.number = U256::from(1_000_000);
                block.timestamp = U256::from(1_800_000_000);
            })
            .build_mainnet();
        let mut chain = Self { evm, infrastructure: Vec::new() };
        chain.put(chequebook::DEPLOYER, PROXY);
        chain.put(PLAIN_TRANSFER, PLAIN);
        for code in [&ChequebookFactory::BYTECODE, &ClearingHouse::BYTECODE] {
            let input = [[0; 32].as_slice(), code.as_ref()].concat();
            let gas = if hardfork == SpecId::AMSTERDAM { CREATION_GAS } else { GAS_LIMIT };
            let tx = transaction(Self::funder(), chequebook::DEPLOYER.into(), 0, input.into(), gas)?;
            let outcome = chain.commit(tx)?;
            chain.infrastructure.push(outcome.gas);
        }
        for account in [chequebook::factory(), chequebook::clearing_house()] {
            ensure!(chain.has_code(account)?, "{account} was not created");
        }
        Ok(chain)
    }

    const fn funder() -> Address {
        address!("0x7100000000000000000000000000000000000002")
    }

    fn put(&mut self, account: Address, code: &'static [u8]) {
        let code = Bytecode::new_raw(Bytes::from_static(code));
        self.evm.ctx.modify_db(|db| db.insert_account_info(account, AccountInfo::default().with_code(code)));
    }

    /// An account that exists, with `wei`.
    pub(crate) fn fund(&mut self, account: Address, wei: U256) {
        self.evm.ctx.modify_db(|db| db.insert_account_info(account, AccountInfo::from_balance(wei)));
    }

    /// A contract that uses all gas of every call.
    pub(crate) fn burner(&mut self, account: Address) {
        self.put(account, BURNER);
    }

    pub(crate) fn balance(&mut self, account: Address) -> eyre::Result<U256> {
        Ok(self.info(account)?.map(|info| info.balance).unwrap_or_default())
    }

    pub(crate) fn has_code(&mut self, account: Address) -> eyre::Result<bool> {
        Ok(self.info(account)?.is_some_and(|info| !info.is_empty_code_hash()))
    }

    fn info(&mut self, account: Address) -> eyre::Result<Option<AccountInfo>> {
        let mut info = Ok(None);
        self.evm.ctx.modify_db(|db| info = db.load_account(account).map(|found| found.info()));
        Ok(info?)
    }

    /// Lets `seconds` pass.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.evm.ctx.modify_block(|block| {
            block.number = block.number.saturating_add(U256::ONE);
            block.timestamp = block.timestamp.saturating_add(U256::from(seconds));
        });
    }

    /// What a transaction would do, without doing it. `None` if it has too little gas to be one.
    pub(crate) fn attempt(&mut self, tx: TxEnv) -> Option<Outcome> {
        Some(outcome(self.evm.transact(tx).ok()?.result))
    }

    /// Sends a transaction, and goes on to the next block.
    pub(crate) fn send(&mut self, from: Address, to: TxKind, value: u64, input: Bytes) -> eyre::Result<Outcome> {
        self.commit(transaction(from, to, value, input, GAS_LIMIT)?)
    }

    fn commit(&mut self, tx: TxEnv) -> eyre::Result<Outcome> {
        let result = self.evm.transact_commit(tx).map_err(|error| eyre::eyre!("{error:?}"))?;
        self.pass(BLOCK_TIME);
        Ok(outcome(result))
    }

    /// Sends a transaction that must succeed.
    pub(crate) fn succeed(&mut self, from: Address, to: TxKind, value: u64, input: Bytes) -> eyre::Result<Outcome> {
        let outcome = self.send(from, to, value, input)?;
        if let Err(error) = &outcome.result {
            bail!("a transaction to {to:?} failed with {error}, after {} gas", outcome.gas);
        }
        Ok(outcome)
    }

    /// Asks a contract.
    pub(crate) fn ask<C: SolCall>(&mut self, to: Address, call: &C) -> eyre::Result<C::Return> {
        let tx = transaction(Self::funder(), to.into(), 0, call.abi_encode().into(), GAS_LIMIT)?;
        let outcome = self.attempt(tx).ok_or_eyre("the question is no transaction")?;
        let output = outcome.result.map_err(|error| eyre::eyre!("{to} answers with the error {error}"))?;
        Ok(C::abi_decode_returns(&output)?)
    }
}

pub(crate) fn transaction(from: Address, to: TxKind, value: u64, input: Bytes, gas: u64) -> eyre::Result<TxEnv> {
    TxEnv::builder()
        .caller(from)
        .kind(to)
        .value(U256::from(value))
        .data(input)
        .gas_limit(gas)
        .chain_id(Some(CHAIN_ID))
        .build()
        .map_err(|error| eyre::eyre!("{error:?}"))
}

fn outcome(result: ExecutionResult<HaltReason>) -> Outcome {
    let gas = result.tx_gas_used();
    let (system, logs): (Vec<Log>, Vec<Log>) = result.logs().iter().cloned().partition(|log| log.address == SYSTEM);
    let result = match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(output),
        ExecutionResult::Halt { reason, .. } => Err(format!("{reason:?}").into_bytes().into()),
    };
    Outcome { result, gas, logs, system: system.len() }
}
