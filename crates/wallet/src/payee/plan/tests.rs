#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use alloy::primitives::keccak256;
use proptest::prelude::*;

use super::*;

fn who(index: usize) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

fn candidates(owed: &[(u64, bool)]) -> Vec<Candidate> {
    let candidate = |(index, &(owed, may_overdraw)): (usize, &(u64, bool))| Candidate {
        beneficiary: who(index),
        owed: U256::from(owed),
        may_overdraw,
    };
    owed.iter().enumerate().map(candidate).collect()
}

fn planned(owed: &[(u64, bool)], balance: u64, reserved: u64, is_ending: bool) -> Plan {
    plan(candidates(owed), U256::from(balance), U256::from(reserved), is_ending)
}

#[test]
fn the_smallest_come_first() {
    let plan = planned(&[(60, true), (20, true), (70, true), (30, true)], 120, 0, true);
    assert_eq!(plan, Plan { covered: vec![who(1), who(3), who(0)], last: None });
}

#[test]
fn an_overdraft_is_the_last_and_the_only_one() {
    // Nothing is covered any more, and nothing is under way.
    let plan = planned(&[(60, true), (70, true)], 50, 0, true);
    assert_eq!(plan, Plan { covered: vec![], last: Some(who(1)) });
    for (balance, reserved, is_ending) in [(50, 0, false), (50, 10, true), (0, 0, true)] {
        assert_eq!(planned(&[(60, true)], balance, reserved, is_ending), Plan::default());
    }
    assert_eq!(planned(&[(60, false)], 50, 0, true), Plan::default(), "it may not");
}

proptest! {
    #[test]
    fn what_is_planned_is_covered_together(
        owed in prop::collection::vec((1..100_u64, any::<bool>()), 0..20), balance in 0..500_u64, reserved in 0..200_u64,
        is_ending: bool,
    ) {
        let plan = planned(&owed, balance, reserved, is_ending);
        let index = |beneficiary: &Address| (0..owed.len()).find(|&index| who(index) == *beneficiary).unwrap();
        let sum: u64 = plan.covered.iter().map(|one| owed[index(one)].0).sum();
        prop_assert!(plan.covered.is_empty() || sum + reserved <= balance);
        // Whoever is left out does not fit.
        for (left_out, (amount, _)) in owed.iter().enumerate() {
            if !plan.covered.contains(&who(left_out)) {
                prop_assert!(sum + reserved + amount > balance);
            }
        }
        if let Some(last) = plan.last {
            prop_assert!(is_ending && plan.covered.is_empty() && reserved == 0 && owed[index(&last)].1);
        } else if is_ending && plan.covered.is_empty() && reserved == 0 && balance > 0 {
            prop_assert!(owed.iter().all(|(_, may)| !may), "money is left behind");
        }
    }
}
