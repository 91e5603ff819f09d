//! Which block is believed to be the newest. Nothing here asks the node.

use std::collections::BTreeMap;

use alloy::primitives::{B256, BlockNumber};

use super::node::Head;

/// How many blocks are remembered.
const REMEMBERED: usize = 256;

/// The newest block that was believed, and some before it: the view does not go back without a hash that differs.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    head: Option<Head>,
    /// Hashes by number, the head's included. Not every number has one.
    known: BTreeMap<BlockNumber, B256>,
    /// How many reorganisations were seen.
    branch: u64,
}

/// What a block that a node calls the newest means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the newest that is known.
    Same,
    /// It follows, or no block is known.
    Follows,
    /// It follows if the chain of the node has `hash` at `number`; if it has another hash there, it was reorganised.
    FollowsIf { number: BlockNumber, hash: B256 },
    /// The chain was reorganised: the node shows another hash at this number.
    Reorganised,
    /// It is behind, if the chain of the node has `hash` at `number`; if it has another hash there, it was reorganised.
    BehindUnless { number: BlockNumber, hash: B256 },
    /// It is behind what is known.
    Behind,
}

impl View {
    pub(super) const fn head(&self) -> Option<Head> {
        self.head
    }

    pub(super) const fn branch(&self) -> u64 {
        self.branch
    }

    /// What was believed in an earlier run.
    pub(super) fn remember(&mut self, number: BlockNumber, hash: B256) {
        self.known.insert(number, hash);
    }

    /// The newest number that was ever believed.
    pub(super) fn newest(&self) -> Option<BlockNumber> {
        self.known.last_key_value().map(|(&number, _)| number)
    }

    /// Compares what a node calls its newest block with what is known.
    pub(super) fn judge(&self, found: &Head) -> Verdict {
        let Some((&newest, &hash)) = self.known.last_key_value() else { return Verdict::Follows };
        if let Some(&known) = self.known.get(&found.number) {
            return match (known == found.hash, found.number == newest) {
                (true, true) if self.head.is_some() => Verdict::Same,
                (true, true) => Verdict::Follows,
                (true, false) => Verdict::Behind,
                (false, _) => Verdict::Reorganised,
            };
        }
        if found.number > newest {
            let is_child = found.number.checked_sub(1) == Some(newest) && found.parent == hash;
            return if is_child { Verdict::Follows } else { Verdict::FollowsIf { number: newest, hash } };
        }
        match self.known.range(..found.number).next_back() {
            Some((&number, &hash)) => Verdict::BehindUnless { number, hash },
            None => Verdict::Behind,
        }
    }

    /// The remembered blocks below `number`, the newest first: to find how deep a reorganisation is.
    pub(super) fn below(&self, number: BlockNumber) -> Vec<(BlockNumber, B256)> {
        self.known.range(..number).rev().map(|(&number, &hash)| (number, hash)).collect()
    }

    /// Learns the hash of a block before the newest.
    pub(super) fn learn(&mut self, block: Head) {
        self.known.entry(block.number).or_insert(block.hash);
    }

    /// Believes a block that follows.
    pub(super) fn accept(&mut self, head: Head) {
        self.known.insert(head.number, head.hash);
        if let Some(parent) = head.number.checked_sub(1) {
            self.known.entry(parent).or_insert(head.parent);
        }
        while self.known.len() > REMEMBERED {
            self.known.pop_first();
        }
        self.head = Some(head);
    }

    /// Believes a block of another branch, which has nothing in common with what is known above `ancestor`.
    pub(super) fn reorganise(&mut self, ancestor: Option<BlockNumber>, head: Head) {
        match ancestor {
            Some(ancestor) => self.known.retain(|number, _| *number <= ancestor),
            None => self.known.clear(),
        }
        self.branch = self.branch.wrapping_add(1);
        self.accept(head);
    }
}

#[cfg(test)]
mod tests;
