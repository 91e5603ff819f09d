//! A node that is asked about one block only, by its hash (EIP-1898): what several answers say then fits together, and no
//! reorganisation between two of them shows.

use alloy::{
    eips::{BlockId, BlockNumberOrTag, RpcBlockHash},
    network::Ethereum,
    primitives::{Address, Bytes, U256},
    providers::{
        Caller, DynProvider, EthCall, EthCallManyParams, EthCallParams, Provider, ProviderCall, RootProvider,
        RpcWithBlock,
    },
    rpc::{client::WeakClient, types::TransactionRequest},
    transports::TransportResult,
};

use super::exit::{Exit, Failure};

/// Asks for calls, code and balances at one block, whatever block it is told.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    node: DynProvider,
    block: BlockId,
}

impl Pinned {
    /// Pins the newest block. Returns its number, too.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`].
    pub(crate) async fn newest(node: &DynProvider) -> Result<(DynProvider, u64), Failure> {
        let newest = node.get_block_by_number(BlockNumberOrTag::Latest).await?;
        let header = newest.ok_or_else(|| Failure::new(Exit::Unreachable, "the node has no newest block"))?.header;
        // With the flag, it is the object of EIP-1898; without, some would send the hash alone.
        let block = RpcBlockHash { block_hash: header.hash, require_canonical: Some(false) };
        let pinned = Self { node: node.clone(), block: block.into() };
        Ok((pinned.erased(), header.number))
    }
}

impl Provider for Pinned {
    fn root(&self) -> &RootProvider {
        self.node.root()
    }

    fn call(&self, request: TransactionRequest) -> EthCall<Ethereum, Bytes> {
        EthCall::call(At { client: self.node.weak_client(), block: self.block }, request)
    }

    fn get_balance(&self, address: Address) -> RpcWithBlock<Address, U256, U256> {
        self.node.get_balance(address).block_id(self.block)
    }

    fn get_code_at(&self, address: Address) -> RpcWithBlock<Address, Bytes> {
        self.node.get_code_at(address).block_id(self.block)
    }
}

/// Makes calls at one block. Bindings of contracts name a block themselves, which is not heard.
struct At {
    client: WeakClient,
    block: BlockId,
}

impl Caller<Ethereum, Bytes> for At {
    fn call(
        &self,
        parameters: EthCallParams<Ethereum>,
    ) -> TransportResult<ProviderCall<EthCallParams<Ethereum>, Bytes>> {
        self.client.call(parameters.with_block(self.block))
    }

    fn estimate_gas(
        &self,
        parameters: EthCallParams<Ethereum>,
    ) -> TransportResult<ProviderCall<EthCallParams<Ethereum>, Bytes>> {
        self.client.estimate_gas(parameters.with_block(self.block))
    }

    fn call_many(
        &self,
        parameters: EthCallManyParams<'_>,
    ) -> TransportResult<ProviderCall<EthCallManyParams<'static>, Bytes>> {
        <WeakClient as Caller<Ethereum, Bytes>>::call_many(&self.client, parameters)
    }
}
