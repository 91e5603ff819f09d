#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use alloy::primitives::keccak256;
use proptest::prelude::*;

use super::*;

/// Block `number` of a branch.
fn block(branch: u64, number: u64) -> Head {
    let hash = |branch: u64, number: u64| keccak256([branch.to_be_bytes(), number.to_be_bytes()].concat());
    let parent = number.checked_sub(1).map_or(B256::ZERO, |number| hash(branch, number));
    Head { number, hash: hash(branch, number), parent, timestamp: number, base_fee: 0 }
}

/// A view of blocks of branch 0.
fn seen(numbers: &[u64]) -> View {
    let mut view = View::default();
    for &number in numbers {
        view.accept(block(0, number));
    }
    view
}

#[test]
fn believes_the_first_block_and_what_follows_it() {
    assert_eq!(View::default().judge(&block(0, 7)), Verdict::Follows);
    let view = seen(&[7]);
    assert_eq!(view.judge(&block(0, 7)), Verdict::Same);
    assert_eq!(view.judge(&block(0, 8)), Verdict::Follows, "its parent is known");
    // Over a gap, another question shows whether the chain is the same.
    assert_eq!(view.judge(&block(0, 9)), Verdict::FollowsIf { number: 7, hash: block(0, 7).hash });
    assert_eq!(view.judge(&block(1, 8)), Verdict::FollowsIf { number: 7, hash: block(0, 7).hash });
}

#[test]
fn goes_back_only_with_another_hash() {
    let view = seen(&[3, 5, 9]);
    assert_eq!(view.judge(&block(0, 5)), Verdict::Behind, "a block that is known");
    assert_eq!(view.judge(&block(0, 7)), Verdict::BehindUnless { number: 5, hash: block(0, 5).hash });
    assert_eq!(view.judge(&block(0, 8)), Verdict::Behind, "the parent of the newest");
    assert_eq!(view.judge(&block(1, 8)), Verdict::Reorganised, "where the parent of the newest was");
    assert_eq!(view.judge(&block(0, 1)), Verdict::Behind, "older than all that is known");
    assert_eq!(view.judge(&block(1, 9)), Verdict::Reorganised);
    assert_eq!(view.judge(&block(1, 5)), Verdict::Reorganised, "a shorter branch");
    let known = [8, 5, 4, 3, 2].map(|number| (number, block(0, number).hash));
    assert_eq!(view.below(9), known);
    // What is learnt of the blocks between shows a branch.
    let mut view = view;
    view.learn(block(0, 7));
    assert_eq!(view.judge(&block(1, 7)), Verdict::Reorganised);
}

#[test]
fn goes_not_back_behind_an_earlier_run() {
    let mut view = View::default();
    view.remember(9, block(0, 9).hash);
    assert_eq!(view.judge(&block(0, 8)), Verdict::Behind);
    assert_eq!(view.newest(), Some(9));
    assert_eq!(view.head(), None);
    assert_eq!(view.judge(&block(0, 9)), Verdict::Follows, "it was not read in this run");
    assert_eq!(view.judge(&block(0, 12)), Verdict::FollowsIf { number: 9, hash: block(0, 9).hash });
    assert_eq!(view.judge(&block(1, 9)), Verdict::Reorganised);
}

#[test]
fn a_reorganisation_forgets_what_it_dropped() {
    let mut view = seen(&[3, 5, 9]);
    view.reorganise(Some(5), block(1, 8));
    assert_eq!((view.branch(), view.head(), view.newest()), (1, Some(block(1, 8)), Some(8)));
    assert_eq!(view.judge(&block(0, 9)), Verdict::FollowsIf { number: 8, hash: block(1, 8).hash });
    assert_eq!(view.judge(&block(0, 5)), Verdict::Behind, "the ancestor is known");
    view.reorganise(None, block(2, 4));
    assert_eq!((view.branch(), view.newest()), (2, Some(4)));
    assert_eq!(view.judge(&block(2, 3)), Verdict::Behind);
    assert_eq!(view.judge(&block(0, 2)), Verdict::Behind);
}

#[test]
fn remembers_a_bounded_number_of_blocks() {
    let mut view = View::default();
    for number in 0..2_000 {
        view.accept(block(0, number));
    }
    assert_eq!(view.below(u64::MAX).len(), REMEMBERED);
    assert_eq!(view.newest(), Some(1_999));
}

proptest! {
    /// Whatever blocks of one chain a node calls its newest, the head never falls.
    #[test]
    fn never_goes_back_on_one_chain(numbers in prop::collection::vec(0..50_u64, 1..50)) {
        let mut view = View::default();
        let mut highest = 0;
        for number in numbers {
            let found = block(0, number);
            match view.judge(&found) {
                Verdict::Same => prop_assert_eq!(number, highest),
                Verdict::Follows => view.accept(found),
                // The node is asked for a block of the one chain.
                Verdict::FollowsIf { number, hash } => {
                    prop_assert_eq!(hash, block(0, number).hash);
                    view.accept(found);
                }
                Verdict::BehindUnless { number, hash } => prop_assert_eq!(hash, block(0, number).hash),
                Verdict::Behind => prop_assert!(number < highest),
                Verdict::Reorganised => prop_assert!(false, "there is one chain"),
            }
            highest = highest.max(number);
            prop_assert_eq!(view.head().map(|head| head.number), Some(highest));
        }
    }
}
