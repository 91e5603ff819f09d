//! Settings of a wallet.

use std::time::Duration;

use crate::setters::setters;

/// How the wallet uses its chain. More settings may be added: start from [`default`](Self::default) or
/// [`development`](Self::development), and set what you need.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many blocks must follow a block until it counts as final. The wallet assumes that no reorganisation is
    /// deeper.
    pub confirmations: u64,
    /// How often the wallet looks for a new block.
    pub poll_interval: Duration,
    /// The oldest snapshot of a chequebook that is used when no event was seen; guards against nodes that omit logs.
    pub max_age: Duration,
    /// How long the wallet waits for an answer from the node.
    pub rpc_timeout: Duration,
    /// The number of blocks in one request for events. Nodes limit it.
    pub log_range: u64,
    /// The most that a transaction may offer, in wei per gas. It limits the loss if a node lies about the price.
    pub max_fee_per_gas: u128,
}

setters!(Config {
    confirmations: u64,
    poll_interval: Duration,
    max_age: Duration,
    rpc_timeout: Duration,
    log_range: u64,
    max_fee_per_gas: u128,
});

impl Default for Config {
    /// For Ethereum's main network: 12 confirmations, at most 1,000 gwei.
    fn default() -> Self {
        Self {
            confirmations: 12,
            poll_interval: Duration::from_secs(4),
            max_age: Duration::from_secs(60),
            rpc_timeout: Duration::from_secs(10),
            log_range: 10_000,
            max_fee_per_gas: 1_000_000_000_000,
        }
    }
}

impl Config {
    /// For a development chain, which has no reorganisations and mines no further blocks by itself: no confirmations.
    pub fn development() -> Self {
        Self { confirmations: 0, poll_interval: Duration::from_millis(50), ..Self::default() }
    }
}
