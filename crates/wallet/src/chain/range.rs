//! How many blocks one question for events covers. It learns from what the node refuses, and forgets it again: a node has
//! other reasons than the range, too, and they pass.

/// After how many questions in a row that were answered the next one of the same scan covers more blocks.
const GROW_AFTER: u32 = 4;

/// What one scan of many blocks learns.
#[derive(Debug)]
pub(super) struct Range {
    blocks: u64,
    /// The setting.
    most: u64,
    /// How many questions of this size in a row were answered.
    answered: u32,
    /// How many are needed before it grows. Twice as many after each growth that was refused, so that a node with a limit is
    /// seldom asked for more.
    needed: u32,
    has_grown: bool,
    was_refused: bool,
}

impl Range {
    pub(super) fn new(blocks: u64, most: u64) -> Self {
        let most = most.max(1);
        let blocks = blocks.clamp(1, most);
        Self { blocks, most, answered: 0, needed: GROW_AFTER, has_grown: false, was_refused: false }
    }

    /// How many blocks to ask for.
    pub(super) const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// A question about so many blocks was answered.
    pub(super) fn accepted(&mut self, asked: u64) {
        if asked < self.blocks {
            return; // the rest of a scan proves nothing
        }
        self.answered = self.answered.saturating_add(1);
        if self.answered >= self.needed && self.blocks < self.most {
            (self.blocks, self.answered, self.has_grown) = (self.doubled(), 0, true);
        }
    }

    /// So many were refused. Half of them may be accepted.
    pub(super) fn refused(&mut self, asked: u64) {
        if std::mem::take(&mut self.has_grown) {
            self.needed = self.needed.saturating_mul(2);
        }
        (self.blocks, self.answered, self.was_refused) = ((asked / 2).max(1), 0, true);
    }

    /// How many blocks the first question of the next scan covers: more, if this scan was never refused.
    pub(super) fn next(&self) -> u64 {
        if self.answered > 0 && !self.was_refused { self.doubled() } else { self.blocks }
    }

    fn doubled(&self) -> u64 {
        self.blocks.saturating_mul(2).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]

    use super::*;

    /// The questions of a scan of so many blocks, where the node takes no more than `limit` at once, and what is left for the
    /// next scan.
    fn scan(mut left: u64, first: u64, limit: u64) -> (u64, u64) {
        let (mut range, mut asked) = (Range::new(first, 10_000), 0);
        while left > 0 {
            let blocks = range.blocks().min(left);
            asked += 1;
            if blocks > limit {
                range.refused(blocks);
            } else {
                range.accepted(blocks);
                left -= blocks;
            }
        }
        (asked, range.next())
    }

    #[test]
    fn w5_a_limit_costs_few_questions_more() {
        for limit in [1, 7, 500, 625, 9_999] {
            let mut first = 10_000;
            (_, first) = scan(10_000, first, limit);
            let (mut asked, mut needed) = (0, 0);
            for _ in 0..10 {
                let before = scan(1_000_000, first, limit);
                asked += before.0;
                first = before.1;
                // The widest that halving finds is more than half of the limit.
                needed += 1_000_000_u64.div_ceil(limit.div_ceil(2));
            }
            assert!(asked <= needed + 10 * 25, "{limit}: {asked} questions, {needed} without growing");
            let (asked, _) = scan(100, first, limit);
            assert!(asked <= 100_u64.div_ceil(limit.div_ceil(2)) + 8, "{limit}: {asked} questions for little");
        }
    }

    #[test]
    fn w5_what_passes_is_forgotten() {
        let (asked, mut next) = scan(20_000, 1, u64::MAX);
        assert!(asked < 60, "{asked} questions, the first for one block");
        for _ in 0..10 {
            next = scan(20_000, next, u64::MAX).1;
        }
        assert_eq!(next, 10_000);
        assert_eq!(scan(20_000, next, u64::MAX).0, 2);
    }

    #[test]
    fn a_short_scan_proves_nothing() {
        assert_eq!(scan(10, 500, 500).1, 500);
        assert_eq!(Range::new(0, 0).blocks(), 1);
    }
}
