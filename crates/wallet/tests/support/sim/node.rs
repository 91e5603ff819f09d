//! What a node knows, what it has forgotten, and how much it answers.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256},
    transports::{TransportError, TransportErrorKind},
};
use serde_json::json;

use super::{
    Chain, Random, Sim,
    blocks::{Block, Included},
    words::{RATE, Refusal, Words},
};

/// What a test decides about the nodes behind the provider.
pub(super) struct Nodes {
    /// How many blocks each of them is late.
    replicas: Vec<u64>,
    /// How many blocks all of them are late instead, if not zero.
    back: u64,
    /// The block that they show as the newest for ever.
    stalled: Option<u64>,
    random: Random,
    pub(super) hanging: bool,
    prune_state: Option<u64>,
    pub(super) prune_receipts: Option<u64>,
    pub(super) prune_logs: Option<u64>,
    pub(super) log_range: Option<(u64, Words)>,
    /// How many requests are answered between two ticks, and how many were.
    rate: (Option<usize>, usize),
    seed: u64,
    /// How many blocks the tags for safe and for final blocks are behind the newest. `None`: the nodes do not know them.
    finality: Option<(u64, u64)>,
}

impl Nodes {
    /// Nodes that know everything and refuse nothing.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            replicas: vec![0],
            back: 0,
            stalled: None,
            random: Random(seed ^ 0x5eed),
            hanging: false,
            prune_state: None,
            prune_receipts: None,
            prune_logs: None,
            log_range: None,
            rate: (None, 0),
            seed,
            finality: Some((2, 4)),
        }
    }

    /// A new period of the limit on requests begins.
    pub(super) fn tick(&mut self) {
        self.rate.1 = 0;
    }

    /// Counts a request. Whether it is one too many, and how that is said, which depends on the seed.
    pub(super) fn limit(&mut self) -> Option<Result<Refusal, TransportError>> {
        self.rate.1 += 1;
        self.rate.0.filter(|limit| self.rate.1 > *limit)?;
        let error = json!({ "code": -32_005, "message": RATE });
        let http = || TransportErrorKind::http_error(429, json!({ "jsonrpc": "2.0", "error": error }).to_string());
        Some(match self.seed % 4 {
            0 => Ok(Refusal::new(-32_005, RATE)),
            2 => Ok(Refusal::new(429, RATE)),
            _ => Err(http()),
        })
    }
}

impl Sim {
    /// The replicas behind the load balancer: how many blocks each is late. Each request goes to one of them, which
    /// depends on the seed. They share one pool.
    pub(crate) fn replicas(&self, lags: &[u64]) {
        self.lock().nodes.replicas = if lags.is_empty() { vec![0] } else { lags.to_vec() };
    }

    /// All nodes show this block as the newest, although the chain goes on, and still accept transactions. `None` ends
    /// it.
    pub(crate) fn stall(&self, block: Option<u64>) {
        self.lock().nodes.stalled = block;
    }

    /// All replicas are late by so many blocks, as when the provider switches to an older node. Zero ends it.
    pub(crate) fn go_back(&self, blocks: u64) {
        self.lock().nodes.back = blocks;
    }

    /// Whether no request is answered.
    pub(crate) fn hang(&self, on: bool) {
        self.lock().nodes.hanging = on;
    }

    /// The nodes have the state of so many blocks before the newest.
    pub(crate) fn prune_state(&self, blocks: Option<u64>) {
        self.lock().nodes.prune_state = blocks;
    }

    /// The nodes have transactions and receipts of so many blocks before the newest, and say that they know no others.
    pub(crate) fn prune_receipts(&self, blocks: Option<u64>) {
        self.lock().nodes.prune_receipts = blocks;
    }

    /// The nodes have events of so many blocks before the newest.
    pub(crate) fn prune_logs(&self, blocks: Option<u64>) {
        self.lock().nodes.prune_logs = blocks;
    }

    /// Events of more blocks at once are refused, in these words.
    pub(crate) fn log_range(&self, blocks: Option<u64>, words: Words) {
        self.lock().nodes.log_range = blocks.map(|blocks| (blocks, words));
    }

    /// The nodes answer so many requests until the next [`mine`](Self::mine) or [`tick`](Self::tick). Beyond, they
    /// refuse: with odd seeds as HTTP 429, with even ones as an error of JSON-RPC, by turns with code -32005 and 429.
    pub(crate) fn rate(&self, requests: Option<usize>) {
        self.lock().nodes.rate = (requests, 0);
    }

    /// A new period of the limit on requests begins.
    pub(crate) fn tick(&self) {
        self.lock().nodes.tick();
    }

    /// How many blocks the tags for safe and for final blocks are behind the newest.
    pub(crate) fn finality(&self, safe_depth: u64, final_depth: u64) {
        self.lock().nodes.finality = Some((safe_depth, final_depth));
    }

    /// The nodes do not know the tags for safe and for final blocks.
    pub(crate) fn no_finality_tags(&self) {
        self.lock().nodes.finality = None;
    }
}

/// The chain, as one node knows it when it answers.
pub(super) struct View<'a> {
    pub(super) chain: &'a Chain,
    /// The index of the newest block that it knows.
    pub(super) newest: usize,
}

impl Chain {
    /// Chooses the node that answers next: the index of the newest block that it knows.
    pub(super) fn choose(&mut self) -> usize {
        let nodes = &mut self.nodes;
        let index = nodes.random.below(u64::try_from(nodes.replicas.len()).expect("not that many"));
        let own = nodes.replicas[usize::try_from(index).expect("it is small")];
        let lag = if nodes.back == 0 { own } else { nodes.back };
        let head = self.head().header.number;
        let newest = head.saturating_sub(lag).min(self.nodes.stalled.unwrap_or(head));
        usize::try_from(newest).expect("not that many")
    }
}

impl<'a> View<'a> {
    /// The newest block.
    pub(super) fn head(&self) -> &'a Block {
        &self.chain.blocks[self.newest]
    }

    /// The blocks that it knows, from the first.
    pub(super) fn blocks(&self) -> &'a [Block] {
        &self.chain.blocks[..=self.newest]
    }

    /// The block with this number.
    pub(super) fn by_number(&self, number: u64) -> Option<&'a Block> {
        self.blocks().get(usize::try_from(number).ok()?)
    }

    /// The block with this hash, also if a reorganisation has dropped it: nodes keep those.
    pub(super) fn by_hash(&self, hash: B256) -> Option<&'a Block> {
        let all = self.blocks().iter().chain(&self.chain.orphans);
        all.into_iter().find(|block| block.hash == hash)
    }

    /// The number that a tag stands for.
    pub(super) fn number(&self, tag: BlockNumberOrTag) -> Result<u64, Refusal> {
        let (head, finality) = (self.head().header.number, self.chain.nodes.finality);
        let unknown = || Refusal::new(-32_602, "invalid argument 0: hex string without 0x prefix");
        Ok(match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => head,
            BlockNumberOrTag::Safe => head.saturating_sub(finality.ok_or_else(unknown)?.0),
            BlockNumberOrTag::Finalized => head.saturating_sub(finality.ok_or_else(unknown)?.1),
        })
    }

    /// The block whose state a request is about.
    pub(super) fn state_at(&self, id: BlockId) -> Result<&'a Block, Refusal> {
        let block = match id {
            BlockId::Hash(hash) => self.by_hash(hash.block_hash),
            BlockId::Number(tag) => self.by_number(self.number(tag)?),
        };
        let block = block.ok_or_else(|| self.chain.rules.vendor.unknown_block(id))?;
        let number = block.header.number;
        let canonical = self.by_number(number).is_some_and(|known| known.hash == block.hash);
        if matches!(id, BlockId::Hash(hash) if hash.require_canonical == Some(true)) && !canonical {
            return Err(Refusal::plain("hash is not currently canonical"));
        }
        if self.is_old(number, self.chain.nodes.prune_state) {
            return Err(self.chain.rules.vendor.pruned_state(number, block.hash));
        }
        Ok(block)
    }

    /// Whether a block is older than what a node keeps.
    pub(super) fn is_old(&self, number: u64, kept: Option<u64>) -> bool {
        kept.is_some_and(|kept| number < self.head().header.number.saturating_sub(kept))
    }

    /// Where a transaction is included, as far as the node knows and remembers.
    pub(super) fn find(&self, hash: B256) -> Option<(&'a Block, usize, &'a Included)> {
        self.blocks().iter().find_map(|block| {
            if self.is_old(block.header.number, self.chain.nodes.prune_receipts) {
                return None;
            }
            let mut all = block.included.iter().enumerate();
            let (index, included) = all.find(|(_, included)| *included.transaction.tx_hash() == hash)?;
            Some((block, index, included))
        })
    }

    /// The blocks that the node does not know yet. What they include still waits in its pool.
    pub(super) fn unseen(&self) -> impl Iterator<Item = &'a Included> {
        let blocks = self.chain.blocks[self.newest + 1..].iter();
        blocks.flat_map(|block| &block.included).filter(|included| !included.placeholder)
    }

    /// Whether a transaction of this account with this nonce waits in the pool of the node.
    pub(super) fn waits(&self, account: Address, nonce: u64) -> bool {
        use alloy::consensus::Transaction as _;
        let unseen = |included: &Included| (included.from, included.transaction.nonce()) == (account, nonce);
        self.chain.pending.contains_key(&(account, nonce)) || self.unseen().any(unseen)
    }
}
