//! Requests to the node. Each has a timeout and a typed answer.

use std::{future::IntoFuture, time::Duration};

use alloy::{
    eips::{BlockId, BlockNumberOrTag, eip1559::Eip1559Estimation},
    network::{BlockResponse, Ethereum, Network, TransactionBuilder},
    primitives::{Address, B256, Bytes, ChainId, U256},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log, TransactionReceipt, TransactionRequest},
    sol_types::SolCall,
    transports::{RpcError, TransportResult},
};

use chequebook::{
    Form, Record, Terms,
    bindings::{
        Chequebook::{ChequebookErrors, noticePeriodCall, ownerCall, signerCall},
        ChequebookFactory::{ChequebookFactoryErrors, recordCall},
        ClearingHouse::ClearingHouseErrors,
    },
    factory,
};

use crate::Error;

/// The chain behind a provider.
pub(crate) struct Chain {
    provider: DynProvider,
    id: ChainId,
    timeout: Duration,
    pub(super) log_range: u64,
}

/// The fields of a block header that the wallet needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) parent: B256,
    /// Unix seconds.
    pub(crate) timestamp: u64,
    /// In wei per gas.
    pub(crate) base_fee: u128,
}

impl Head {
    /// This block by its hash, so that a reorganisation cannot put another one in its place.
    pub(crate) fn id(&self) -> BlockId {
        BlockId::hash(self.hash)
    }
}

impl Chain {
    /// Asks which chain this is.
    pub(crate) async fn connect(provider: DynProvider, timeout: Duration, log_range: u64) -> Result<Self, Error> {
        let mut chain = Self { provider, id: 0, timeout, log_range: log_range.max(1) };
        chain.id = chain.ask("eth_chainId", chain.provider.get_chain_id()).await?;
        Ok(chain)
    }

    pub(crate) const fn id(&self) -> ChainId {
        self.id
    }

    /// Checks that the provider still serves the same chain.
    pub(crate) async fn check_id(&self) -> Result<(), Error> {
        let found = self.ask("eth_chainId", self.provider.get_chain_id()).await?;
        if found != self.id {
            return Err(Error::WrongChain { found, expected: self.id });
        }
        Ok(())
    }

    /// The newest block.
    pub(crate) async fn head(&self) -> Result<Head, Error> {
        self.header(BlockNumberOrTag::Latest).await?.ok_or(Error::NoBlock { block: BlockNumberOrTag::Latest })
    }

    /// The block at `number`.
    pub(crate) async fn block(&self, number: u64) -> Result<Head, Error> {
        let block = BlockNumberOrTag::Number(number);
        self.header(block).await?.ok_or(Error::NoBlock { block })
    }

    async fn header(&self, block: BlockNumberOrTag) -> Result<Option<Head>, Error> {
        let block = self.ask("eth_getBlockByNumber", self.provider.get_block_by_number(block)).await?;
        Ok(block.map(|block: <Ethereum as Network>::BlockResponse| {
            let header = block.header();
            Head {
                number: header.number,
                hash: header.hash,
                parent: header.parent_hash,
                timestamp: header.timestamp,
                base_fee: header.base_fee_per_gas.unwrap_or_default().into(),
            }
        }))
    }

    /// In wei.
    pub(crate) async fn balance(&self, account: Address, block: BlockId) -> Result<U256, Error> {
        self.ask("eth_getBalance", self.provider.get_balance(account).block_id(block)).await
    }

    /// The code at an address.
    pub(crate) async fn code(&self, contract: Address, block: BlockId) -> Result<Bytes, Error> {
        self.ask("eth_getCode", self.provider.get_code_at(contract).block_id(block)).await
    }

    /// What the factory knows of a chequebook. `None` if the factory did not create it, or if this chain has none.
    pub(crate) async fn record(&self, contract: Address, block: BlockId) -> Result<Option<Record>, Error> {
        let output = self.call(factory(), recordCall { chequebook: contract }.abi_encode(), block).await?;
        if output.is_empty() {
            return Ok(None);
        }
        let known = recordCall::abi_decode_returns(&output).map_err(|_| Error::NotGenuine { contract: factory() })?;
        Ok(Record::of_factory(&known))
    }

    /// The terms that a contract states. They are proven only if the factory created it.
    pub(crate) async fn terms(&self, contract: Address, form: Form, block: BlockId) -> Result<Terms, Error> {
        let (owner, signer, notice_period) = tokio::try_join!(
            self.read(contract, ownerCall {}, block),
            self.read(contract, signerCall {}, block),
            self.read(contract, noticePeriodCall {}, block),
        )?;
        Ok(Terms { form, owner, signer, notice_period: notice_period.saturating_to() })
    }

    /// How many transactions `account` has sent.
    pub(crate) async fn nonce(&self, account: Address, block: BlockId) -> Result<u64, Error> {
        self.ask("eth_getTransactionCount", self.provider.get_transaction_count(account).block_id(block)).await
    }

    /// Calls a function of a contract without a transaction.
    pub(crate) async fn read<C: SolCall>(
        &self,
        contract: Address,
        call: C,
        block: BlockId,
    ) -> Result<C::Return, Error> {
        let output = self.call(contract, call.abi_encode(), block).await?;
        C::abi_decode_returns(&output).map_err(|_| Error::NotGenuine { contract })
    }

    async fn call(&self, contract: Address, input: Vec<u8>, block: BlockId) -> Result<Bytes, Error> {
        let request = TransactionRequest::default().with_to(contract).with_input(input);
        self.ask("eth_call", self.provider.call(request).block(block)).await
    }

    /// Estimates the gas of a transaction. [`Error::Refused`] if the contract would refuse it.
    pub(crate) async fn estimate_gas(&self, request: TransactionRequest) -> Result<u64, Error> {
        match self.ask("eth_estimateGas", self.provider.estimate_gas(request)).await {
            Err(Error::Rpc { method, source }) => Err(refusal(&source).unwrap_or(Error::Rpc { method, source })),
            other => other,
        }
    }

    /// The fees that a transaction should offer, in wei per gas.
    pub(crate) async fn fees(&self) -> Result<Eip1559Estimation, Error> {
        self.ask("eth_feeHistory", self.provider.estimate_eip1559_fees()).await
    }

    /// Sends a signed transaction.
    pub(crate) async fn send_raw(&self, raw: &[u8]) -> Result<(), Error> {
        self.ask("eth_sendRawTransaction", self.provider.send_raw_transaction(raw)).await.map(drop)
    }

    pub(crate) async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, Error> {
        self.ask("eth_getTransactionReceipt", self.provider.get_transaction_receipt(hash)).await
    }

    /// Whether the node knows a transaction.
    pub(crate) async fn knows(&self, hash: B256) -> Result<bool, Error> {
        let found = self.ask("eth_getTransactionByHash", self.provider.get_transaction_by_hash(hash)).await?;
        Ok(found.is_some())
    }

    /// The events of `filter` in the blocks `from` to `to`, requested in ranges that a node accepts.
    pub(crate) async fn logs(&self, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, Error> {
        let mut logs = Vec::new();
        let mut next = from;
        while next <= to {
            let last = next.saturating_add(self.log_range).saturating_sub(1).min(to);
            let piece = filter.clone().from_block(next).to_block(last);
            logs.extend(self.ask("eth_getLogs", self.provider.get_logs(&piece)).await?);
            next = last.saturating_add(1);
        }
        Ok(logs)
    }

    /// Sends a request with the timeout.
    async fn ask<T>(
        &self,
        method: &'static str,
        question: impl IntoFuture<Output = TransportResult<T>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(self.timeout, question.into_future()).await {
            Ok(answer) => answer.map_err(|source| Error::Rpc { method, source }),
            Err(_) => Err(Error::RpcTimeout { method, timeout: self.timeout }),
        }
    }
}

/// The error of the contract, if the contract refused.
fn refusal<E>(error: &RpcError<E>) -> Option<Error> {
    let answer = error.as_error_resp()?;
    let chequebook = || answer.as_decoded_interface_error::<ChequebookErrors>().map(|error| format!("{error:?}"));
    let factory = || answer.as_decoded_interface_error::<ChequebookFactoryErrors>().map(|error| format!("{error:?}"));
    let house = || answer.as_decoded_interface_error::<ClearingHouseErrors>().map(|error| format!("{error:?}"));
    chequebook().or_else(factory).or_else(house).map(|refusal| Error::Refused { refusal })
}
