//! The requests that a node answers.

use alloy::{
    consensus::{Transaction as _, TxEnvelope, transaction::Recovered},
    eips::{BlockId, BlockNumberOrTag, Decodable2718, Encodable2718, eip2718::Typed2718},
    network::primitives::BlockTransactions,
    primitives::{Address, B256, Bloom, Bytes, U64, U256},
    rpc::types::{
        Block as RpcBlock, Filter, FilterBlockOption, Header as RpcHeader, Log, Transaction, TransactionInfo,
        TransactionRequest,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Chain,
    blocks::{BLOCK_GAS, Block, Included},
    contracts,
    node::View,
    state::{CHAIN_ID, Message},
    words::Refusal,
};

/// The answer of a node.
pub(super) type Answer = Result<Value, Refusal>;

/// A parameter. One that is missing is null.
fn parse<T: DeserializeOwned>(parameters: &[Value], index: usize) -> Result<T, Refusal> {
    let value = parameters.get(index).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| Refusal::new(-32_602, format!("invalid argument {index}: {error}")))
}

/// A number: nodes take hexadecimal and decimal ones.
fn parse_number(parameters: &[Value], index: usize) -> Result<u64, Refusal> {
    match parameters.get(index).and_then(Value::as_u64) {
        Some(number) => Ok(number),
        None => parse::<U64>(parameters, index).map(|number| number.to()),
    }
}

/// An answer in JSON.
fn ok(value: impl Serialize) -> Answer {
    Ok(serde_json::to_value(value).expect("it is JSON"))
}

impl Chain {
    /// Answers, as one of the nodes.
    pub(super) fn answer(&mut self, method: &str, parameters: &[Value]) -> Answer {
        let newest = self.choose();
        if method != "eth_sendRawTransaction" {
            return View { chain: self, newest }.answer(method, parameters);
        }
        let raw: Bytes = parse(parameters, 0)?;
        let transaction = TxEnvelope::decode_2718_exact(&raw).map_err(|_| Refusal::plain("rlp: bad"))?;
        let vendor = self.rules.vendor;
        self.accept(transaction, newest).map(|hash| json!(hash)).map_err(|refused| refused.words(vendor))
    }
}

impl View<'_> {
    /// Answers a question, which changes nothing.
    fn answer(&self, method: &str, parameters: &[Value]) -> Answer {
        let state = |index| -> Result<&Block, Refusal> {
            self.state_at(parse::<Option<BlockId>>(parameters, index)?.unwrap_or_default())
        };
        match method {
            "eth_chainId" => ok(U64::from(CHAIN_ID)),
            "eth_blockNumber" => ok(U64::from(self.head().header.number)),
            "eth_getBlockByNumber" => {
                let number = self.number(parse::<BlockNumberOrTag>(parameters, 0)?)?;
                ok(self.by_number(number).map(|block| block.rpc(parse(parameters, 1).unwrap_or(false))))
            }
            "eth_getBlockByHash" => {
                let hash = parse::<B256>(parameters, 0)?;
                ok(self.by_hash(hash).map(|block| block.rpc(parse(parameters, 1).unwrap_or(false))))
            }
            "eth_getBalance" => ok(state(1)?.state.balance(parse(parameters, 0)?)),
            "eth_getCode" => ok(state(1)?.state.code(parse(parameters, 0)?, &self.chain.environment)),
            // Only contracts of 2016 have a first slot of which anybody asks.
            "eth_getStorageAt" => {
                let (contract, slot): (Address, U256) = (parse(parameters, 0)?, parse(parameters, 1)?);
                let original = state(2)?.state.originals.get(&contract).filter(|_| slot.is_zero());
                ok(original.map_or(B256::ZERO, |original| original.owner.into_word()))
            }
            "eth_getTransactionCount" => self.transaction_count(parameters),
            "eth_call" => self.simulate(parse(parameters, 0)?, state(1)?).map(|output| json!(output)),
            // It does not see pending transactions.
            "eth_estimateGas" => {
                let request: TransactionRequest = parse(parameters, 0)?;
                let to = request.to.and_then(|to| to.to().copied());
                let input = request.input.input().cloned().unwrap_or_default();
                let gas = contracts::estimate(to, &input, self.chain.environment.gas);
                self.simulate(request, state(1)?).map(|_| json!(U64::from(gas)))
            }
            "eth_gasPrice" => self.gas_price(),
            "eth_maxPriorityFeePerGas" => ok(format!("{:#x}", self.chain.fees.suggested_tip)),
            "eth_feeHistory" => {
                let newest = self.number(parse::<BlockNumberOrTag>(parameters, 1)?)?;
                if self.by_number(newest).is_none() {
                    return Err(Refusal::plain("request beyond head block"));
                }
                let percentiles = parse::<Option<Vec<f64>>>(parameters, 2)?.unwrap_or_default();
                Ok(self.fee_history(parse_number(parameters, 0)?, newest, &percentiles))
            }
            "eth_getTransactionByHash" => ok(self.transaction(parse(parameters, 0)?)),
            "eth_getRawTransactionByHash" => {
                ok(self.transaction(parse(parameters, 0)?).map(|found| Bytes::from(found.inner.encoded_2718())))
            }
            "eth_getTransactionReceipt" => ok(self.receipt(parse(parameters, 0)?)),
            "eth_getLogs" => self.logs(&parse::<Filter>(parameters, 0)?),
            _ => Err(Refusal::new(-32_601, format!("the method {method} does not exist/is not available"))),
        }
    }

    /// Answers eth_getTransactionCount, which alone knows what is pending.
    fn transaction_count(&self, parameters: &[Value]) -> Answer {
        let account: Address = parse(parameters, 0)?;
        let id = parse::<Option<BlockId>>(parameters, 1)?.unwrap_or_default();
        let mut nonce = self.state_at(id)?.state.nonce(account);
        while id.is_pending() && self.waits(account, nonce) {
            nonce += 1;
        }
        ok(U64::from(nonce))
    }

    /// Executes a call on a copy of the state of a block.
    fn simulate(&self, request: TransactionRequest, block: &Block) -> Result<Bytes, Refusal> {
        let (from, value) = (request.from.unwrap_or_default(), request.value.unwrap_or_default());
        let balance = block.state.balance(from);
        if balance < value {
            return Err(self.chain.rules.vendor.unfunded_call(from, balance, value));
        }
        let message = Message {
            from,
            to: request.to.and_then(|to| to.to().copied()),
            value,
            input: request.input.into_input().unwrap_or_default(),
            gas: request.gas.unwrap_or(BLOCK_GAS),
            block: self.chain.environment.number(block.header.number + 1),
            time: block.header.timestamp,
        };
        let outcome = block.state.clone().execute(&message, &self.chain.environment);
        outcome.map(|(output, _)| output).map_err(Refusal::reverted)
    }

    /// A transaction, included or pending, if the node knows it.
    fn transaction(&self, hash: B256) -> Option<Transaction> {
        if let Some((block, index, _)) = self.find(hash) {
            return Some(block.transaction(index));
        }
        let pending = self.chain.pending.iter().map(|(&(from, _), transaction)| (from, transaction));
        let unseen = self.unseen().map(|included| (included.from, &included.transaction));
        let (from, transaction) = pending.chain(unseen).find(|(_, transaction)| *transaction.tx_hash() == hash)?;
        let waiting = Recovered::new_unchecked(transaction.clone(), from);
        Some(Transaction::from_transaction(waiting, TransactionInfo::default()))
    }

    /// The receipt of a transaction, if the node has one.
    fn receipt(&self, hash: B256) -> Option<Value> {
        let (block, index, included) = self.find(hash)?;
        if self.chain.late_receipts && block.hash == self.head().hash {
            return None;
        }
        let before: u64 = block.included[..index].iter().map(|earlier| earlier.gas_used).sum();
        Some(json!({
            "type": U64::from(included.transaction.ty()),
            "transactionHash": hash,
            "transactionIndex": U64::from(index),
            "blockHash": block.hash,
            "blockNumber": U64::from(block.header.number),
            "from": included.from,
            "to": included.transaction.to(),
            "contractAddress": null,
            "cumulativeGasUsed": U64::from(before + included.gas_used),
            "gasUsed": U64::from(included.gas_used),
            "effectiveGasPrice": format!("{:#x}", included.price),
            "logs": block.logs().filter(|log| log.transaction_index == u64::try_from(index).ok()).collect::<Vec<_>>(),
            "logsBloom": Bloom::ZERO,
            "status": U64::from(u64::from(included.success)),
        }))
    }

    /// Answers eth_getLogs: what it does not know is missing silently.
    fn logs(&self, filter: &Filter) -> Answer {
        let nodes = &self.chain.nodes;
        let (from, to) = match filter.block_option {
            FilterBlockOption::Range { from_block, to_block } => {
                let number = |tag: Option<BlockNumberOrTag>| self.number(tag.unwrap_or_default());
                (number(from_block)?, number(to_block)?)
            }
            FilterBlockOption::AtBlockHash(hash) => {
                let block = self.by_hash(hash).ok_or_else(|| Refusal::plain("unknown block"))?;
                self.require_logs(block.header.number)?;
                return ok(block.logs().filter(|log| filter.rpc_matches(log)).collect::<Vec<_>>());
            }
        };
        if let Some((limit, (code, words))) = nodes.log_range
            && to.saturating_sub(from) >= limit
        {
            let last = from + limit.saturating_sub(1);
            let words = words.replace("{from}", &format!("{from:#x}")).replace("{to}", &format!("{last:#x}"));
            return Err(Refusal::new(code, words));
        }
        self.require_logs(from)?;
        let blocks = self.blocks().iter().filter(|block| (from..=to).contains(&block.header.number));
        ok(blocks.flat_map(Block::logs).filter(|log| filter.rpc_matches(log)).collect::<Vec<_>>())
    }

    /// Refuses to look for events in a block that is too old.
    fn require_logs(&self, number: u64) -> Result<(), Refusal> {
        let old = self.is_old(number, self.chain.nodes.prune_logs);
        if old { Err(Refusal::plain("history has been pruned for this block")) } else { Ok(()) }
    }
}

impl Block {
    /// The block in an answer, with its transactions or with their hashes.
    fn rpc(&self, full: bool) -> RpcBlock {
        let header = RpcHeader { hash: self.hash, inner: self.header.clone(), total_difficulty: None, size: None };
        let transactions = if full {
            BlockTransactions::Full((0..self.included.len()).map(|index| self.transaction(index)).collect())
        } else {
            BlockTransactions::Hashes(self.included.iter().map(Included::hash).collect())
        };
        RpcBlock::new(header, transactions)
    }

    /// An included transaction in an answer.
    fn transaction(&self, index: usize) -> Transaction {
        let Included { transaction, from, .. } = self.included[index].clone();
        let info = TransactionInfo {
            hash: Some(*transaction.tx_hash()),
            index: u64::try_from(index).ok(),
            block_hash: Some(self.hash),
            block_number: Some(self.header.number),
            base_fee: self.header.base_fee_per_gas,
            block_timestamp: Some(self.header.timestamp),
        };
        Transaction::from_transaction(Recovered::new_unchecked(transaction, from), info)
    }

    /// All events, in their order.
    fn logs(&self) -> impl Iterator<Item = Log> {
        let all = self.included.iter().enumerate();
        let all = all.flat_map(|(index, included)| included.logs.iter().map(move |log| (index, included, log)));
        all.enumerate().map(|(position, (index, included, log))| Log {
            inner: log.clone(),
            block_hash: Some(self.hash),
            block_number: Some(self.header.number),
            block_timestamp: Some(self.header.timestamp),
            transaction_hash: Some(included.hash()),
            transaction_index: u64::try_from(index).ok(),
            log_index: u64::try_from(position).ok(),
            removed: false,
        })
    }
}

impl Included {
    /// The hash of the transaction.
    fn hash(&self) -> B256 {
        *self.transaction.tx_hash()
    }
}
