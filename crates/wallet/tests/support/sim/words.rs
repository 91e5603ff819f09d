//! The words in which nodes refuse: each vendor has its own, and a wallet must understand them all.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256},
};

use super::CHAIN_ID;

/// Whose software the nodes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Geth,
    Erigon,
    Nethermind,
    Besu,
    Reth,
}

/// Code and message of an error. In refusals of eth_getLogs, `{from}` and `{to}` stand for a range that is accepted.
pub(crate) type Words = (i64, &'static str);

/* RANGES OF LOGS THAT ARE TOO WIDE */

pub(crate) const ALCHEMY: Words = (
    -32_600,
    "You can make eth_getLogs requests with up to a 500 block range. Based on your parameters, this block range should \
     work: [{from}, {to}]",
);
pub(crate) const ALCHEMY_SIZE: Words = (
    -32_602,
    "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the \
     response size, or you can request any block range with a cap of 10K logs in the response. Based on your \
     parameters and the response size limit, this block range should work: [{from}, {to}]",
);
pub(crate) const INFURA: Words =
    (-32_005, "query returned more than 10000 results. Try with this block range [{from}, {to}].");
pub(crate) const QUICKNODE: Words = (-32_614, "eth_getLogs is limited to a 10,000 range");
pub(crate) const ERIGON: Words = (-32_000, "block range is too wide");
pub(crate) const BSC: Words = (-32_701, "exceed maximum block range: 5000");
pub(crate) const BESU: Words = (-32_005, "Requested range exceeds maximum RPC range limit");
pub(crate) const RETH: Words = (-32_602, "query exceeds max block range 100000");
pub(crate) const DRPC: Words = (35, "ranges over 10000 blocks are not supported on freetier");
pub(crate) const TIMEOUT: Words = (-32_002, "request timed out");
/// All of them.
pub(crate) const RANGES: [Words; 10] =
    [ALCHEMY, ALCHEMY_SIZE, INFURA, QUICKNODE, ERIGON, BSC, BESU, RETH, DRPC, TIMEOUT];

/// When there were too many requests.
pub(super) const RATE: &str = "daily request count exceeded, request rate limited";

/* REFUSALS */

/// An error in the place of an answer.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Option<Bytes>,
}

impl Refusal {
    /// An error without data.
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The error of most refusals.
    pub(super) fn plain(message: impl Into<String>) -> Self {
        Self::new(-32_000, message)
    }

    /// What a call reverted with.
    pub(super) fn reverted(data: Bytes) -> Self {
        Self { code: 3, message: "execution reverted".into(), data: Some(data) }
    }
}

/// Why a pool refuses a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Signature,
    ChainId { have: u64 },
    AlreadyKnown,
    NonceTooLow { next: u64, nonce: u64 },
    Replacement,
    TipAboveMaxFee { tip: u128, max_fee: u128 },
    Tip { tip: u128, min: u128, base_fee: u64 },
    FeeCap { fee: U256, cap: U256 },
    Funds { balance: U256, cost: U256, others: U256 },
    Intrinsic { have: u64, want: u64 },
    BlockGas { have: u64, limit: u64 },
    InFlight,
    Gap,
    Full,
}

impl Refused {
    /// What a node of this vendor answers.
    pub(super) fn words(self, vendor: Vendor) -> Refusal {
        match vendor {
            Vendor::Geth => Refusal::plain(self.geth()),
            Vendor::Erigon => Refusal::plain(self.erigon()),
            Vendor::Nethermind => Refusal::new(-32_010, self.nethermind()),
            Vendor::Besu => self.besu(),
            Vendor::Reth => {
                let code = if matches!(self, Self::Full) { -32_003 } else { -32_000 };
                Refusal::new(code, self.reth())
            }
        }
    }

    /// Of go-ethereum.
    fn geth(self) -> String {
        match self {
            Self::Signature => "invalid sender".into(),
            Self::ChainId { have } => format!("invalid chain id for signer: have {have} want {CHAIN_ID}"),
            Self::AlreadyKnown => "already known".into(),
            Self::NonceTooLow { next, nonce } => format!("nonce too low: next nonce {next}, tx nonce {nonce}"),
            Self::Replacement => "replacement transaction underpriced".into(),
            Self::TipAboveMaxFee { .. } => "max priority fee per gas higher than max fee per gas".into(),
            Self::Tip { tip, min, .. } => format!("transaction underpriced: gas tip cap {tip}, minimum needed {min}"),
            Self::FeeCap { fee, cap } => {
                format!("tx fee ({} ether) exceeds the configured cap ({} ether)", ether(fee), ether(cap))
            }
            Self::Funds { balance, cost, others } if others.is_zero() => format!(
                "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}",
                cost - balance
            ),
            Self::Funds { balance, cost, others } => format!(
                "insufficient funds for gas * price + value: balance {balance}, queued cost {others}, tx cost {cost}, \
                 overshot {}",
                others + cost - balance
            ),
            Self::Intrinsic { have, want } => format!("intrinsic gas too low: gas {have}, minimum needed {want}"),
            Self::BlockGas { .. } => "exceeds block gas limit".into(),
            Self::InFlight => "in-flight transaction limit reached for delegated accounts".into(),
            Self::Gap => "gapped-nonce tx from delegated accounts".into(),
            Self::Full => "txpool is full".into(),
        }
    }

    /// Of erigon, whose pool puts a class before its words.
    fn erigon(self) -> String {
        match self {
            Self::Signature => "INVALID: invalid sender".into(),
            Self::ChainId { have } => format!("invalid chain id, expected: {CHAIN_ID} got: {have}"),
            Self::AlreadyKnown => "ALREADY_EXISTS: already known".into(),
            Self::NonceTooLow { .. } => "INTERNAL_ERROR: nonce too low".into(),
            Self::Replacement => "INTERNAL_ERROR: could not replace existing tx".into(),
            Self::TipAboveMaxFee { .. } | Self::Tip { .. } => "FEE_TOO_LOW: underpriced".into(),
            Self::Funds { .. } => "INTERNAL_ERROR: insufficient funds".into(),
            Self::Intrinsic { .. } => "INTERNAL_ERROR: IntrinsicGas".into(),
            Self::BlockGas { .. } => "INTERNAL_ERROR: gas limit is too high".into(),
            Self::InFlight | Self::Gap => "INTERNAL_ERROR: EIP-7702 transaction with authority already reserved".into(),
            Self::Full => "INTERNAL_ERROR: pending sub-pool is full".into(),
            Self::FeeCap { .. } => self.geth(),
        }
    }

    /// Of nethermind, whose words are names.
    fn nethermind(self) -> String {
        match self {
            Self::Signature => "FailedToResolveSender".into(),
            Self::ChainId { .. } => "Invalid, InvalidTxChainId".into(),
            Self::AlreadyKnown => "AlreadyKnown".into(),
            Self::NonceTooLow { next, nonce } => {
                format!("OldNonce, Current nonce: {next}, nonce of rejected tx: {nonce}")
            }
            Self::Replacement => "ReplacementNotAllowed".into(),
            Self::TipAboveMaxFee { .. } => "Invalid, InvalidMaxPriorityFeePerGas".into(),
            Self::Tip { tip, min, base_fee } => {
                format!("FeeTooLow, EffectivePriorityFeePerGas too low {tip} < {min}, BaseFee: {base_fee}")
            }
            Self::FeeCap { fee, cap } => format!("tx fee ({fee} wei) exceeds the configured cap ({cap} wei)"),
            Self::Funds { balance, cost, others } => {
                format!("InsufficientFunds, Account balance: {balance}, cumulative cost: {}", others + cost)
            }
            Self::Intrinsic { .. } => "Invalid, intrinsic gas too low".into(),
            Self::BlockGas { have, limit } => {
                format!("GasLimitExceeded, Gas limit: {limit}, gas limit of rejected tx: {have}")
            }
            Self::InFlight => "DelegatorHasPendingTx".into(),
            Self::Gap => "NotCurrentNonceForDelegation".into(),
            Self::Full => "FeeTooLowToCompete".into(),
        }
    }

    /// Of besu, whose codes differ.
    fn besu(self) -> Refusal {
        let (code, message) = match self {
            Self::Signature => (-32_002, "Invalid signature"),
            Self::ChainId { .. } => (-32_000, "Wrong chainId"),
            Self::AlreadyKnown => (-32_000, "Known transaction"),
            Self::NonceTooLow { .. } => (-32_001, "Nonce too low"),
            Self::Replacement => (-32_000, "Replacement transaction underpriced"),
            Self::TipAboveMaxFee { .. } => (-32_602, "Max priority fee per gas exceeds max fee per gas"),
            Self::Tip { .. } => (-32_009, "Gas price below configured minimum gas price"),
            Self::FeeCap { .. } => (-32_000, "Transaction fee cap exceeded"),
            Self::Funds { .. } => (-32_004, "Upfront cost exceeds account balance"),
            Self::Intrinsic { .. } => (-32_003, "Intrinsic gas exceeds gas limit"),
            Self::BlockGas { .. } => (-32_005, "Transaction gas limit exceeds block gas limit"),
            Self::Gap => (-32_006, "Nonce too high"),
            Self::InFlight | Self::Full => (-32_603, "Internal error"),
        };
        Refusal::new(code, message)
    }

    /// Of reth, which mostly repeats go-ethereum.
    fn reth(self) -> String {
        match self {
            Self::Signature => "invalid sender".into(),
            Self::ChainId { .. } => "invalid chain ID".into(),
            Self::TipAboveMaxFee { tip, max_fee } => {
                format!("max priority fee per gas higher than max fee per gas: tip {tip}, max fee {max_fee}")
            }
            Self::Tip { .. } => "transaction underpriced".into(),
            Self::FeeCap { fee, cap } => format!("tx fee ({fee} wei) exceeds the configured cap ({cap} wei)"),
            Self::Funds { balance, cost, others } => {
                format!("insufficient funds for gas * price + value: have {balance} want {}", others + cost)
            }
            Self::Intrinsic { .. } => "intrinsic gas too low".into(),
            other => other.geth(),
        }
    }
}

impl Vendor {
    /// The words for a state that is no longer there.
    pub(super) fn pruned_state(self, number: u64, root: B256) -> Refusal {
        match self {
            Self::Geth => {
                Refusal::plain(format!("missing trie node {root:x} (path ) state {root} is not available, not found"))
            }
            Self::Erigon => Refusal::plain("old data not available due to pruning"),
            Self::Nethermind => Refusal::new(-32_002, format!("No state available for block {number} with {root}")),
            Self::Besu => Refusal::plain("World state unavailable"),
            Self::Reth => Refusal::plain(format!("state at block #{number} is pruned")),
        }
    }

    /// The words for a block that the node does not know.
    pub(super) fn unknown_block(self, id: BlockId) -> Refusal {
        let name = match id {
            BlockId::Hash(hash) => hash.block_hash.to_string(),
            BlockId::Number(tag) => tag.to_string(),
        };
        match self {
            Self::Geth => Refusal::plain("header not found"),
            Self::Erigon => Refusal::plain(format!("block {name} not found")),
            Self::Nethermind => Refusal::new(-32_001, format!("{name} could not be found")),
            Self::Besu => Refusal::plain("Block not found"),
            Self::Reth => Refusal::new(-32_001, format!("block not found: {name}")),
        }
    }

    /// The words for a call that sends more than its sender has.
    pub(super) fn unfunded_call(self, from: Address, have: U256, want: U256) -> Refusal {
        match self {
            Self::Geth | Self::Erigon => Refusal::plain(format!(
                "insufficient funds for gas * price + value: address {from} have {have} want {want}"
            )),
            Self::Nethermind => Refusal::plain(format!("insufficient funds for transfer: address {from}")),
            Self::Besu => Refusal::new(-32_004, "Upfront cost exceeds account balance"),
            Self::Reth => Refusal::plain("insufficient funds for transfer"),
        }
    }
}

/// Wei as ether, with two decimals.
fn ether(wei: U256) -> String {
    let cents = wei / U256::from(10).pow(U256::from(16));
    format!("{}.{:02}", cents / U256::from(100), cents % U256::from(100))
}
