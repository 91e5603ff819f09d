//! The requests that a node answers.

use std::task::{Context, Poll};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope, transaction::Recovered},
    eips::{BlockId, BlockNumberOrTag, Decodable2718},
    primitives::{Address, B256, Bytes, Signature, TxKind, U64, U256},
    rpc::{
        json_rpc::{ErrorPayload, Id, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest},
        types::{
            Block as RpcBlock, Filter, FilterBlockOption, Header as RpcHeader, Log, Transaction, TransactionInfo,
            TransactionRequest,
        },
    },
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{BASE_FEE, Block, CHAIN_ID, Chain, GAS, Included, Sim, state::Message};

/// The answer of a node, or an error with code, message and data.
type Answer = Result<Value, (i64, &'static str, Option<Bytes>)>;

#[derive(Clone)]
pub(super) struct Transport(pub(super) Sim);

impl tower::Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let sim = self.0.clone();
        Box::pin(async move {
            tokio::task::yield_now().await; // as if there was a network
            match packet {
                RequestPacket::Single(request) => answer(&sim, &request).map(ResponsePacket::Single),
                RequestPacket::Batch(requests) => requests
                    .iter()
                    .map(|request| answer(&sim, request))
                    .collect::<Result<_, _>>()
                    .map(ResponsePacket::Batch),
            }
        })
    }
}

fn answer(sim: &Sim, request: &SerializedRequest) -> Result<Response, TransportError> {
    let mut chain = sim.lock();
    chain.requests += 1;
    let lost = |what: &str| TransportErrorKind::custom_str(what);
    let (dice, faults) = (chain.dice(), chain.faults);
    if dice < faults / 2 {
        return Err(lost("the request was lost"));
    }
    let parameters = request.params().map_or("[]", |parameters| parameters.get());
    let parameters: Vec<Value> = serde_json::from_str(parameters).expect("parameters are a list");
    let answer = chain.answer(request.method(), &parameters);
    if dice < faults {
        return Err(lost("the answer was lost"));
    }
    let payload = match answer {
        Ok(value) => ResponsePayload::Success(serde_json::value::to_raw_value(&value).expect("it is JSON")),
        Err((code, message, data)) => ResponsePayload::Failure(ErrorPayload {
            code,
            message: message.into(),
            data: data.map(|data| serde_json::value::to_raw_value(&data).expect("it is JSON")),
        }),
    };
    let id: Id = request.id().clone();
    Ok(Response { id, payload })
}

fn parse<T: DeserializeOwned>(parameters: &[Value], index: usize) -> T {
    serde_json::from_value(parameters[index].clone()).expect("a parameter of another kind")
}

fn ok(value: impl Serialize) -> Answer {
    Ok(serde_json::to_value(value).expect("it is JSON"))
}

impl Chain {
    fn answer(&mut self, method: &str, parameters: &[Value]) -> Answer {
        match method {
            "eth_chainId" => ok(U64::from(CHAIN_ID)),
            "eth_blockNumber" => ok(U64::from(self.head().header.number)),
            "eth_getBlockByNumber" => ok(self.block(parse::<BlockNumberOrTag>(parameters, 0).into()).map(Block::rpc)),
            "eth_getBalance" => self.read(parameters, 1, |block| ok(block.state.balance(parse(parameters, 0)))),
            "eth_getCode" => self.read(parameters, 1, |block| ok(block.state.code(parse(parameters, 0)))),
            "eth_getTransactionCount" => self.transaction_count(parameters),
            "eth_call" => {
                self.read(parameters, 1, |block| block.simulate(parse(parameters, 0)).map(|output| json!(output)))
            }
            "eth_estimateGas" => {
                // It does not see pending transactions.
                self.head().simulate(parse(parameters, 0)).map(|_| json!(U64::from(GAS)))
            }
            "eth_feeHistory" => ok(json!({
                "oldestBlock": U64::from(self.head().header.number),
                "baseFeePerGas": [U64::from(BASE_FEE), U64::from(BASE_FEE)],
                "gasUsedRatio": [0.5],
                "reward": [[U64::from(1)]],
            })),
            "eth_sendRawTransaction" => {
                let raw: Bytes = parse(parameters, 0);
                let transaction = TxEnvelope::decode_2718_exact(&raw).map_err(|_| (-32_000, "rlp: bad", None))?;
                self.accept(transaction).map(|hash| json!(hash)).map_err(|message| (-32_000, message, None))
            }
            "eth_getTransactionByHash" => ok(self.transaction(parse(parameters, 0))),
            "eth_getTransactionReceipt" => ok(self.receipt(parse(parameters, 0))),
            "eth_getLogs" => ok(self.logs(&parse::<Filter>(parameters, 0))),
            _ => Err((-32_601, "the method does not exist", None)),
        }
    }

    fn block(&self, id: BlockId) -> Option<&Block> {
        match id {
            BlockId::Hash(hash) => self.blocks.iter().find(|block| block.hash == hash.block_hash),
            BlockId::Number(BlockNumberOrTag::Number(number)) => self.blocks.get(usize::try_from(number).ok()?),
            BlockId::Number(BlockNumberOrTag::Earliest) => self.blocks.first(),
            BlockId::Number(_) => Some(self.head()),
        }
    }

    fn read(&self, parameters: &[Value], index: usize, read: impl FnOnce(&Block) -> Answer) -> Answer {
        let id = if parameters.len() > index { parse(parameters, index) } else { BlockId::latest() };
        read(self.block(id).ok_or((-32_000, "header not found", None))?)
    }

    fn transaction_count(&self, parameters: &[Value]) -> Answer {
        let account: Address = parse(parameters, 0);
        let id: BlockId = parse(parameters, 1);
        self.read(parameters, 1, |block| {
            let mut nonce = block.state.nonce(account);
            while id.is_pending() && self.pending.contains_key(&(account, nonce)) {
                nonce += 1;
            }
            ok(U64::from(nonce))
        })
    }

    fn find(&self, hash: B256) -> Option<(&Block, usize, &Included)> {
        self.blocks.iter().find_map(|block| {
            let (index, included) =
                block.included.iter().enumerate().find(|(_, included)| *included.transaction.tx_hash() == hash)?;
            Some((block, index, included))
        })
    }

    fn transaction(&self, hash: B256) -> Option<Transaction> {
        let included = self.find(hash).map(|(block, _, included)| {
            let info = TransactionInfo {
                block_hash: Some(block.hash),
                block_number: Some(block.header.number),
                ..Default::default()
            };
            (included.from, included.transaction.clone(), info)
        });
        let pending = || {
            let (&(from, _), transaction) =
                self.pending.iter().find(|(_, transaction)| *transaction.tx_hash() == hash)?;
            Some((from, transaction.clone(), TransactionInfo::default()))
        };
        let (from, transaction, info) = included.or_else(pending)?;
        Some(Transaction::from_transaction(Recovered::new_unchecked(transaction, from), info))
    }

    fn receipt(&self, hash: B256) -> Option<Value> {
        let (block, index, included) = self.find(hash)?;
        if self.late_receipts && block.hash == self.head().hash {
            return None;
        }
        Some(json!({
            "type": "0x2",
            "transactionHash": hash,
            "transactionIndex": U64::from(index),
            "blockHash": block.hash,
            "blockNumber": U64::from(block.header.number),
            "from": included.from,
            "to": alloy::consensus::Transaction::to(&included.transaction),
            "contractAddress": null,
            "cumulativeGasUsed": U64::from(GAS),
            "gasUsed": U64::from(GAS),
            "effectiveGasPrice": U64::from(BASE_FEE),
            "logs": block.logs_of(index),
            "logsBloom": alloy::primitives::Bloom::ZERO,
            "status": U64::from(u64::from(included.success)),
        }))
    }

    fn logs(&self, filter: &Filter) -> Vec<Log> {
        let FilterBlockOption::Range { from_block, to_block } = filter.block_option else { return Vec::new() };
        let number = |tag: Option<BlockNumberOrTag>| tag.and_then(|tag| tag.as_number());
        let (from, to) = (number(from_block).unwrap_or(0), number(to_block).unwrap_or(u64::MAX));
        let blocks = self.blocks.iter().filter(|block| (from..=to).contains(&block.header.number));
        let logs = blocks.flat_map(|block| (0..block.included.len()).flat_map(|index| block.logs_of(index)));
        logs.filter(|log| filter.rpc_matches(log)).collect()
    }
}

impl Block {
    fn rpc(&self) -> RpcBlock<B256> {
        RpcBlock::empty(RpcHeader { hash: self.hash, inner: self.header.clone(), total_difficulty: None, size: None })
    }

    /// Executes a call on a copy.
    fn simulate(&self, request: TransactionRequest) -> Result<Bytes, (i64, &'static str, Option<Bytes>)> {
        let from = request.from.unwrap_or_default();
        let message = Message {
            from,
            to: request.to.and_then(|to| to.to().copied()),
            value: request.value.unwrap_or_default(),
            input: request.input.into_input().unwrap_or_default(),
            block: self.header.number + 1,
            time: self.header.timestamp,
        };
        let outcome = self.state.clone().execute(&message);
        outcome.map(|(output, _)| output).map_err(|data| (3, "execution reverted", Some(data)))
    }

    fn logs_of(&self, index: usize) -> Vec<Log> {
        let included = &self.included[index];
        let log = |(address, data): &(Address, alloy::primitives::LogData)| Log {
            inner: alloy::primitives::Log { address: *address, data: data.clone() },
            block_hash: Some(self.hash),
            block_number: Some(self.header.number),
            block_timestamp: Some(self.header.timestamp),
            transaction_hash: Some(*included.transaction.tx_hash()),
            transaction_index: u64::try_from(index).ok(),
            log_index: Some(0),
            removed: false,
        };
        included.logs.iter().map(log).collect()
    }
}

/// A placeholder for a transaction whose key we do not have.
pub(super) fn nobodys_transaction(number: u64) -> TxEnvelope {
    let transaction = TxEip1559 { chain_id: CHAIN_ID, nonce: number, to: TxKind::Create, ..TxEip1559::default() };
    transaction.into_signed(Signature::new(U256::ONE, U256::ONE, false)).into()
}
