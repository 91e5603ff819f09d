//! Questions to the node. Each has a time limit and a typed answer, and is repeated if it may pass the next time.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use alloy::{
    eips::{BlockId, BlockNumberOrTag, RpcBlockHash, eip7702::SignedAuthorization},
    network::TransactionBuilder,
    primitives::{Address, B256, BlockNumber, Bytes, ChainId, U64, U256, address},
    providers::{DynProvider, Provider},
    rpc::{
        json_rpc::{RpcRecv, RpcSend},
        types::{Filter, Log, TransactionRequest},
    },
    sol,
    sol_types::SolCall,
};
use chequebook::{
    Form, Record, Terms,
    bindings::{
        Chequebook::{noticePeriodCall, ownerCall, signerCall},
        ChequebookFactory::recordCall,
    },
    factory,
};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{batching::Batching, range::Range};
use crate::{
    Error,
    answer::{FailureKind, NodeFailure, Refusal},
    config::{Config, Finality, L1Fee},
};

/// How often a question is asked before it fails.
const ATTEMPTS: u32 = 4;
/// How long to wait before a question is repeated; each time twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// How long nothing is asked after a node said that it was asked too often; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How many questions may be under way at once.
pub(super) const AT_ONCE: usize = 16;

/// Where OP-stack rollups say what a transaction costs on the chain below.
const OP_FEES: Address = address!("0x420000000000000000000000000000000000000F");

sol! {
    function getL1Fee(bytes transaction) returns (uint256 fee);
}

/// The chain behind a provider.
pub(crate) struct Chain {
    pub(super) provider: DynProvider,
    id: ChainId,
    pub(super) config: Config,
    /// The number of blocks in one request for events. It falls when the node refuses more, and grows again.
    log_range: AtomicU64,
    pub(super) batching: Batching,
    pace: Mutex<Pace>,
}

/// When the node may be asked again.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    until: Option<Instant>,
    pause: Duration,
}

/// The fields of a block that the wallet needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: BlockNumber,
    pub(crate) hash: B256,
    pub(crate) parent: B256,
    /// Unix seconds.
    pub(crate) timestamp: u64,
    /// In wei per gas.
    pub(crate) base_fee: u128,
}

impl Head {
    /// This block by its hash (EIP-1898), so that a reorganisation cannot put another one in its place.
    pub(crate) const fn id(&self) -> BlockId {
        at_hash(self.hash)
    }
}

const fn at_hash(block_hash: B256) -> BlockId {
    BlockId::Hash(RpcBlockHash { block_hash, require_canonical: Some(false) })
}

/// A block as nodes return it. Rollups leave fields out that alloy's own type wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBlock<T> {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
    base_fee_per_gas: Option<U256>,
    #[serde(default = "Vec::new")]
    transactions: Vec<T>,
}

impl<T> RawBlock<T> {
    fn head(&self) -> Head {
        Head {
            number: self.number.to(),
            hash: self.hash,
            parent: self.parent_hash,
            timestamp: self.timestamp.to(),
            base_fee: self.base_fee_per_gas.unwrap_or_default().saturating_to(),
        }
    }
}

/// A transaction in a block.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTransaction {
    hash: B256,
    from: Address,
    nonce: U64,
    #[serde(default)]
    authorization_list: Option<Vec<SignedAuthorization>>,
}

impl RawTransaction {
    /// Whether it used this nonce of `account`: as its own, or as that of an authorization (EIP-7702).
    fn uses(&self, account: Address, nonce: u64) -> bool {
        let authorized = |authorization: &SignedAuthorization| {
            let signer = authorization
                .signature()
                .ok()
                .and_then(|signature| signature.recover_address_from_prehash(&authorization.signature_hash()).ok());
            authorization.nonce() == nonce && signer == Some(account)
        };
        (self.from == account && self.nonce.to::<u64>() == nonce)
            || self.authorization_list.iter().flatten().any(authorized)
    }
}

/// What a receipt says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawReceipt {
    transaction_hash: B256,
    block_number: Option<U64>,
    block_hash: Option<B256>,
    status: Option<U64>,
    #[serde(default)]
    logs: Vec<Log>,
}

/// A receipt of a transaction that is in a block.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) block: BlockNumber,
    pub(crate) block_hash: B256,
    pub(crate) success: bool,
    pub(crate) logs: Vec<Log>,
}

/// What used a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The transaction.
    pub(crate) by: B256,
    pub(crate) block: BlockNumber,
}

/// What a transaction should offer, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fees {
    /// The base fee of the newest block.
    pub(crate) base: u128,
    pub(crate) tip: u128,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawFees {
    #[serde(default)]
    reward: Option<Vec<Vec<U256>>>,
}

impl Chain {
    /// Asks which chain this is.
    pub(crate) async fn connect(provider: DynProvider, config: Config) -> Result<Self, Error> {
        let log_range = AtomicU64::new(config.log_range.max(1));
        let mut chain =
            Self { provider, id: 0, config, log_range, batching: Batching::default(), pace: Mutex::default() };
        chain.id = chain.ask::<_, U64>("eth_chainId", ()).await?.to();
        Ok(chain)
    }

    pub(crate) const fn id(&self) -> ChainId {
        self.id
    }

    /// Checks that the provider still serves the same chain.
    pub(crate) async fn check_id(&self) -> Result<(), Error> {
        let found = self.ask::<_, U64>("eth_chainId", ()).await?.to();
        if found != self.id {
            return Err(Error::WrongChain { found, expected: self.id });
        }
        Ok(())
    }

    /* BLOCKS */

    /// What the node calls its newest block.
    pub(crate) async fn head(&self) -> Result<Head, Error> {
        self.header(BlockNumberOrTag::Latest).await?.ok_or(Error::NoBlock { block: BlockNumberOrTag::Latest })
    }

    /// The block at `number`.
    pub(crate) async fn block(&self, number: BlockNumber) -> Result<Head, Error> {
        let block = BlockNumberOrTag::Number(number);
        let found = self.header(block).await?.ok_or(Error::NoBlock { block })?;
        if found.number == number { Ok(found) } else { Err(Error::NoBlock { block }) }
    }

    /// The block with this hash, whether or not it is part of the chain. `None` proves nothing.
    pub(crate) async fn block_of(&self, hash: B256) -> Result<Option<Head>, Error> {
        let block = self.ask::<_, Option<RawBlock<serde::de::IgnoredAny>>>("eth_getBlockByHash", (hash, false)).await?;
        Ok(block.map(|block| block.head()).filter(|block| block.hash == hash))
    }

    /// The block at `number`, which another node has, and this one may have soon.
    pub(crate) async fn shown(&self, number: BlockNumber) -> Result<Head, Error> {
        for _ in 1..ATTEMPTS {
            match self.block(number).await {
                Err(Error::NoBlock { .. }) => sleep(FIRST_DELAY).await,
                answer => return answer,
            }
        }
        self.block(number).await
    }

    /// The newest block that counts as final, as seen from `head`.
    pub(crate) async fn confirmed(&self, head: Head) -> Result<Head, Error> {
        let block = match self.config.finality {
            Finality::Depth(0) => return Ok(head),
            Finality::Depth(depth) => return self.block(head.number.saturating_sub(depth)).await,
            Finality::Safe => BlockNumberOrTag::Safe,
            Finality::Finalized => BlockNumberOrTag::Finalized,
        };
        let found = self.header(block).await?.ok_or(Error::NoBlock { block })?;
        // A node that is ahead of the one that gave us the head does not make the head final.
        if found.number > head.number { Err(Error::NoBlock { block }) } else { Ok(found) }
    }

    async fn header(&self, block: BlockNumberOrTag) -> Result<Option<Head>, Error> {
        let block = self.ask::<_, Option<RawBlock<serde::de::IgnoredAny>>>("eth_getBlockByNumber", (block, false));
        Ok(block.await?.map(|block| block.head()))
    }

    /* STATE */

    /// In wei.
    pub(crate) async fn balance(&self, account: Address, block: BlockId) -> Result<U256, Error> {
        self.ask("eth_getBalance", (account, block)).await
    }

    /// The code at an address.
    pub(crate) async fn code(&self, contract: Address, block: BlockId) -> Result<Bytes, Error> {
        self.ask("eth_getCode", (contract, block)).await
    }

    /// A word of the storage of a contract.
    pub(crate) async fn storage(&self, contract: Address, slot: U256, block: BlockId) -> Result<U256, Error> {
        Ok(self.ask::<_, B256>("eth_getStorageAt", (contract, slot, block)).await?.into())
    }

    /// How many transactions `account` has sent.
    pub(crate) async fn nonce(&self, account: Address, block: BlockId) -> Result<u64, Error> {
        Ok(self.ask::<_, U64>("eth_getTransactionCount", (account, block)).await?.to())
    }

    /// What the factory knows of a chequebook. `None` if the factory did not create it, or if this chain has none.
    pub(crate) async fn record(&self, contract: Address, block: BlockId) -> Result<Option<Record>, Error> {
        let output = self.call(factory(), recordCall { chequebook: contract }.abi_encode().into(), block).await?;
        record_of(&output)
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

    /// Calls a function of a contract without a transaction.
    pub(crate) async fn read<C: SolCall>(
        &self,
        contract: Address,
        call: C,
        block: BlockId,
    ) -> Result<C::Return, Error> {
        let output = self.call(contract, call.abi_encode().into(), block).await?;
        C::abi_decode_returns(&output).map_err(|_| Error::NotGenuine { contract })
    }

    pub(super) async fn call(&self, contract: Address, input: Bytes, block: BlockId) -> Result<Bytes, Error> {
        self.call_by(TransactionRequest::default().with_to(contract).with_input(input), block).await
    }

    /// The same for a call that an account makes.
    pub(super) async fn call_by(&self, request: TransactionRequest, block: BlockId) -> Result<Bytes, Error> {
        self.ask("eth_call", (request, block)).await
    }

    /* TRANSACTIONS */

    /// Estimates the gas of a transaction. [`Error::Refused`] if the contract would refuse it.
    pub(crate) async fn estimate_gas(&self, request: TransactionRequest) -> Result<u64, Error> {
        match self.ask::<_, U64>("eth_estimateGas", (request,)).await {
            Ok(gas) => Ok(gas.to()),
            Err(Error::Rpc { failure: NodeFailure { contract_error: Some(refusal), .. }, .. }) => {
                Err(Error::Refused { refusal })
            }
            Err(error) => Err(error),
        }
    }

    /// What a transaction in the block after `head` should offer.
    pub(crate) async fn fees(&self, head: &Head) -> Result<Fees, Error> {
        let history = self.ask::<_, RawFees>("eth_feeHistory", (U64::from(10), BlockNumberOrTag::Latest, [50.0_f64]));
        let paid = match history.await {
            Ok(RawFees { reward: Some(reward) }) => {
                let mut tips: Vec<u128> = reward.iter().flatten().map(|tip| tip.saturating_to()).collect();
                tips.sort_unstable();
                tips.get(tips.len() / 2).copied()
            }
            _ => None,
        };
        let tip = match paid.filter(|tip| *tip > 0) {
            Some(tip) => tip,
            // No block has shown a tip.
            None => match self.ask::<_, U256>("eth_maxPriorityFeePerGas", ()).await {
                Ok(tip) => tip.saturating_to(),
                Err(Error::Rpc { failure: NodeFailure { kind: FailureKind::Answered, .. }, .. }) => 0,
                Err(error) => return Err(error),
            },
        };
        let config = &self.config;
        let tip = tip.max(config.min_priority_fee_per_gas).min(config.max_priority_fee_per_gas);
        Ok(Fees { base: head.base_fee, tip })
    }

    /// What a transaction costs on the chain below, in wei, besides its gas.
    pub(crate) async fn l1_fee(&self, transaction: Bytes) -> Result<U256, Error> {
        match self.config.l1_fee {
            L1Fee::InGas => Ok(U256::ZERO),
            L1Fee::OpStack => self.read(OP_FEES, getL1FeeCall { transaction }, BlockId::latest()).await,
        }
    }

    /// Sends a signed transaction. `Ok` means that a node has it. The refusal is that of the node.
    pub(crate) async fn send_raw(&self, raw: &Bytes) -> Result<Result<(), Refusal>, Error> {
        match self.ask_once::<_, B256>("eth_sendRawTransaction", (raw.clone(),)).await {
            Ok(_) => Ok(Ok(())),
            Err(Error::Rpc { method, failure }) => match Refusal::of(&failure) {
                Some(refusal) => Ok(Err(refusal)),
                None => Err(Error::Rpc { method, failure }),
            },
            Err(error) => Err(error),
        }
    }

    /// Whether the node knows a transaction.
    pub(crate) async fn knows(&self, hash: B256) -> Result<bool, Error> {
        let found = self.ask::<_, Option<serde::de::IgnoredAny>>("eth_getTransactionByHash", (hash,)).await?;
        Ok(found.is_some())
    }

    /// The receipt of a transaction that is in a block. `None` proves nothing.
    pub(crate) async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, Error> {
        let Some(raw) = self.ask::<_, Option<RawReceipt>>("eth_getTransactionReceipt", (hash,)).await? else {
            return Ok(None);
        };
        let (Some(block), Some(block_hash), Some(status)) = (raw.block_number, raw.block_hash, raw.status) else {
            return Ok(None);
        };
        if raw.transaction_hash != hash {
            return Ok(None);
        }
        Ok(Some(Receipt { block: block.to(), block_hash, success: status == U64::from(1), logs: raw.logs }))
    }

    /// What used a nonce of `account`, in the chain up to `newest`: the block is found by the count of transactions, and
    /// checked by its hash. `None` if the node shows nothing.
    pub(crate) async fn taken(&self, account: Address, nonce: u64, newest: &Head) -> Result<Option<Taken>, Error> {
        let (is_used, mut block) = self.is_used(account, nonce, newest.number).await?;
        if !is_used {
            return Ok(None);
        }
        // Back in growing steps, since old state may be pruned; then by halves.
        let (mut low, mut high, mut step) = (newest.number, newest.number, 1_u64);
        loop {
            if low == 0 {
                break;
            }
            low = low.saturating_sub(step);
            step = step.saturating_mul(2);
            let (is_used, at) = self.is_used(account, nonce, low).await?;
            if !is_used {
                low = low.saturating_add(1);
                break;
            }
            (high, block) = (low, at);
        }
        while low < high {
            let middle = low.midpoint(high);
            let (is_used, at) = self.is_used(account, nonce, middle).await?;
            if is_used {
                (high, block) = (middle, at);
            } else {
                low = middle.saturating_add(1);
            }
        }
        let full = self.ask::<_, Option<RawBlock<RawTransaction>>>("eth_getBlockByHash", (block.hash, true)).await?;
        let Some(full) = full.filter(|full| full.hash == block.hash) else { return Ok(None) };
        let found = full.transactions.iter().find(|transaction| transaction.uses(account, nonce));
        Ok(found.map(|found| Taken { by: found.hash, block: block.number }))
    }

    /// Whether a nonce is used at a block.
    async fn is_used(&self, account: Address, nonce: u64, number: BlockNumber) -> Result<(bool, Head), Error> {
        let block = self.block(number).await?;
        Ok((self.nonce(account, block.id()).await? > nonce, block))
    }

    /* EVENTS */

    /// The events of `filter` in the blocks `from` to `to`, requested in ranges that the node accepts. An empty answer
    /// proves nothing.
    pub(crate) async fn logs(&self, filter: &Filter, from: BlockNumber, to: BlockNumber) -> Result<Vec<Log>, Error> {
        let mut logs = Vec::new();
        let mut next = from;
        let mut range = Range::new(self.log_range.load(Ordering::Relaxed), self.config.log_range);
        while next <= to {
            let last = next.saturating_add(range.blocks()).saturating_sub(1).min(to);
            let asked = last.saturating_sub(next).saturating_add(1);
            let piece = filter.clone().from_block(next).to_block(last);
            match self.ask::<_, Vec<Log>>("eth_getLogs", (piece,)).await {
                Ok(found) => {
                    logs.extend(found);
                    next = last.saturating_add(1);
                    range.accepted(asked);
                }
                // Nodes limit the range, or the number of events, each in its own words. Half of it may be accepted.
                Err(
                    Error::Rpc { failure: NodeFailure { kind: FailureKind::Answered, .. }, .. }
                    | Error::RpcTimeout { .. },
                ) if asked > 1 => range.refused(asked),
                Err(error) => return Err(error),
            }
        }
        // What was accepted is remembered; what was refused may have had another reason.
        self.log_range.store(range.next(), Ordering::Relaxed);
        Ok(logs)
    }

    /* ASK */

    /// Asks until the question is answered, or has failed for good or too often.
    async fn ask<P: RpcSend + Clone, R: RpcRecv>(&self, method: &'static str, parameters: P) -> Result<R, Error> {
        let mut delay = FIRST_DELAY;
        let mut attempt = 1;
        loop {
            let answer = self.ask_once(method, parameters.clone()).await;
            match &answer {
                Err(Error::Rpc { failure, .. }) if failure.kind.is_passing() && attempt < ATTEMPTS => {}
                _ => return answer,
            }
            sleep(delay).await;
            delay = delay.saturating_mul(2);
            attempt = attempt.saturating_add(1);
        }
    }

    async fn ask_once<P: RpcSend, R: RpcRecv>(&self, method: &'static str, parameters: P) -> Result<R, Error> {
        let limit = self.config.rpc_timeout;
        let until = self.pace.lock().until;
        if let Some(until) = until {
            sleep_until(until.min(Instant::now().checked_add(LONGEST_PAUSE).unwrap_or(until))).await;
        }
        let question = self.provider.raw_request::<P, R>(Cow::Borrowed(method), parameters);
        let answer = timeout(limit, question).await.map_err(|_| Error::RpcTimeout { method, timeout: limit })?;
        let mut pace = self.pace.lock();
        match answer {
            Ok(answer) => {
                *pace = Pace::default();
                Ok(answer)
            }
            Err(error) => {
                let mut failure = NodeFailure::of(&error);
                if failure.kind == FailureKind::RateLimited {
                    pace.pause = pace.pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                    pace.until = Instant::now().checked_add(pace.pause);
                }
                let runs_contract = matches!(method, "eth_estimateGas" | "eth_call");
                if failure.contract_error.is_none() && runs_contract && NodeFailure::is_revert(&error) {
                    failure.contract_error = Some(failure.message.clone());
                }
                Err(Error::Rpc { method, failure })
            }
        }
    }
}

/// What the factory's answer means. An empty answer is that of a chain without the factory.
pub(super) fn record_of(output: &Bytes) -> Result<Option<Record>, Error> {
    if output.is_empty() {
        return Ok(None);
    }
    let known = recordCall::abi_decode_returns(output).map_err(|_| Error::NotGenuine { contract: factory() })?;
    Ok(Record::of_factory(&known))
}
