//! Settings of a wallet.

use std::time::Duration;

use alloy::primitives::{ChainId, U256};

use crate::setters::setters;

/// Which blocks count as final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finality {
    /// Those that this many blocks follow. The wallet assumes that no reorganisation is deeper.
    Depth(u64),
    /// Those that the node calls safe: on a rollup, the chain below has their data.
    Safe,
    /// Those that the node calls finalized: no reorganisation can drop them.
    Finalized,
}

/// What a transaction costs besides its own gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum L1Fee {
    /// Nothing, or a part that the estimate of the gas contains, as on Arbitrum.
    InGas,
    /// What the fee oracle of an OP-stack rollup says.
    OpStack,
}

/// Which final transactions the store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum History {
    /// All.
    All,
    /// Those whose nonce is among this many up to that of the transaction that became final last; at least 64. Older ones
    /// are removed when another one becomes final, a few each time. What is not final is always kept.
    Newest(u64),
}

/// How the wallet uses its chain. More settings may be added: start from a profile, such as
/// [`mainnet`](Self::mainnet) or [`for_chain`](Self::for_chain), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which blocks count as final.
    pub finality: Finality,
    /// How often the wallet looks for a new block.
    pub poll_interval: Duration,
    /// How long the wallet relies on its last look at the chain before it looks again.
    pub max_age: Duration,
    /// The largest age of the newest block, by its timestamp. If it is older, the node or the chain has stalled: no
    /// cheque is accepted and none is issued. `None` for chains that mine only when there is something to mine.
    pub max_head_age: Option<Duration>,
    /// How long who waits for a transaction is kept waiting while the chain cannot be seen.
    pub patience: Duration,
    /// How long the wallet waits for an answer from the node.
    pub rpc_timeout: Duration,
    /// How long the wallet waits for a signature, which a person may have to confirm.
    pub signer_timeout: Duration,
    /// How long a caller waits for the store.
    pub store_timeout: Duration,
    /// The number of blocks in one request for events. If the node refuses, fewer are requested, and
    /// more again once it answers.
    pub log_range: u64,
    /// After how many blocks without it a transaction offers more.
    pub reprice_after: u64,
    /// The most that a transaction may offer, in wei per gas. It limits the loss if a node lies about the price.
    pub max_fee_per_gas: u128,
    /// The least that a transaction offers to validators, in wei per gas.
    pub min_priority_fee_per_gas: u128,
    /// The most that a transaction offers to validators unless it is repriced, in wei per gas.
    pub max_priority_fee_per_gas: u128,
    /// The most that the gas of one transaction may cost, in wei. Nodes refuse more: geth by default more than one ether.
    pub max_transaction_fee: U256,
    /// The most gas of one transaction.
    pub max_gas: u64,
    /// What a transaction costs besides its own gas.
    pub l1_fee: L1Fee,
    /// Which final transactions the store keeps.
    pub history: History,
    /// For how long the key of a [`Request`](crate::Request) is kept, at least.
    pub keep_requests: Duration,
}

setters!(Config {
    finality: Finality,
    poll_interval: Duration,
    max_age: Duration,
    max_head_age: Option<Duration>,
    patience: Duration,
    rpc_timeout: Duration,
    signer_timeout: Duration,
    store_timeout: Duration,
    log_range: u64,
    reprice_after: u64,
    max_fee_per_gas: u128,
    min_priority_fee_per_gas: u128,
    max_priority_fee_per_gas: u128,
    max_transaction_fee: U256,
    max_gas: u64,
    l1_fee: L1Fee,
    history: History,
    keep_requests: Duration,
});

/// In wei.
const GWEI: u128 = 1_000_000_000;

impl Default for Config {
    /// The profile of Ethereum's main network.
    fn default() -> Self {
        Self::mainnet()
    }
}

impl Config {
    /// For Ethereum's main network, and for test networks like it: final after 12 blocks, at most 1,000 gwei.
    pub const fn mainnet() -> Self {
        Self {
            finality: Finality::Depth(12),
            poll_interval: Duration::from_secs(4),
            max_age: Duration::from_secs(60),
            max_head_age: Some(Duration::from_secs(600)),
            patience: Duration::from_secs(120),
            rpc_timeout: Duration::from_secs(10),
            signer_timeout: Duration::from_secs(60),
            store_timeout: Duration::from_secs(30),
            log_range: 10_000,
            reprice_after: 3,
            max_fee_per_gas: 1_000 * GWEI,
            min_priority_fee_per_gas: 1,
            max_priority_fee_per_gas: 100 * GWEI,
            max_transaction_fee: U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]),
            max_gas: 16_777_216, // EIP-7825
            l1_fee: L1Fee::InGas,
            history: History::All,
            keep_requests: Duration::from_secs(7 * 86_400),
        }
    }

    /// For rollups of the OP stack, with a block every two seconds: what the chain below has counts as final.
    pub const fn op_stack() -> Self {
        Self {
            finality: Finality::Safe,
            poll_interval: Duration::from_secs(2),
            max_head_age: Some(Duration::from_secs(300)),
            reprice_after: 15,
            l1_fee: L1Fee::OpStack,
            ..Self::mainnet()
        }
    }

    /// For Arbitrum and rollups like it, with several blocks a second, whose gas contains the fee of the chain below:
    /// what the chain below has counts as final.
    pub const fn arbitrum() -> Self {
        Self {
            finality: Finality::Safe,
            poll_interval: Duration::from_secs(2),
            max_head_age: Some(Duration::from_secs(300)),
            reprice_after: 120,
            max_gas: 32_000_000,
            ..Self::mainnet()
        }
    }

    /// For a development chain, which has no reorganisations and mines no further blocks by itself: every block is final.
    pub const fn development() -> Self {
        Self {
            finality: Finality::Depth(0),
            poll_interval: Duration::from_millis(50),
            max_head_age: None,
            ..Self::mainnet()
        }
    }

    /// The same settings, with blocks final after `depth` more.
    #[must_use]
    pub const fn confirmations(self, depth: u64) -> Self {
        self.finality(Finality::Depth(depth))
    }

    /// The profile of a chain that this crate knows by its id.
    pub const fn for_chain(id: ChainId) -> Option<Self> {
        match id {
            1 | 17_000 | 560_048 | 11_155_111 => Some(Self::mainnet()),
            10 | 130 | 480 | 8_453 | 84_532 | 11_155_420 => Some(Self::op_stack()),
            42_161 | 42_170 | 421_614 => Some(Self::arbitrum()),
            31_337 => Some(Self::development()),
            _ => None,
        }
    }
}
