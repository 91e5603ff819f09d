#![allow(clippy::unwrap_used, reason = "tests")]

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use chequebook::Form;
use proptest::prelude::*;

use super::*;
use crate::chain::Head;

const CONTRACT: Address = Address::repeat_byte(1);

fn seen(state: State, balance: u64, confirmed: Option<u64>) -> Seen {
    let head = Head { number: 1, hash: B256::ZERO, parent: B256::ZERO, timestamp: 0, base_fee: 0 };
    let mut seen = Seen::of(head, state, U256::from(balance));
    seen.confirmed_balance = confirmed.map(U256::from);
    seen
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::NotDeployed),
        Just(State::Alive),
        (1..u64::MAX).prop_map(|killable_at| State::Ending { killable_at }),
        Just(State::Dead),
    ]
}

#[tokio::test]
async fn a_scheme_that_is_not_accepted_is_named() {
    let key = PrivateKeySigner::from_slice(&[7; 32]).unwrap();
    let terms = Terms { notice_period: 86_400, ..Terms::new(Form::Clone, key.address()) };
    for scheme in [Scheme::Packed, Scheme::Typed] {
        let cheque = Cheque { contract: CONTRACT, beneficiary: CONTRACT, amount: U256::ONE, scheme, chain_id: 1 };
        let cheque = cheque.sign(&key).await.unwrap();
        for (packed, typed) in [(true, true), (true, false), (false, true), (false, false)] {
            let policy = Policy::default().accept_packed(packed).accept_typed(typed);
            let checked = policy.check_cheque(&cheque, &terms);
            if if scheme == Scheme::Packed { packed } else { typed } {
                assert!(checked.is_ok(), "{scheme:?} {policy:?} {checked:?}");
            } else {
                assert!(
                    matches!(checked, Err(Error::SchemeRefused { scheme: named }) if named == scheme),
                    "{checked:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_notice_may_be_as_short_as_the_policy_says_and_not_shorter() {
    let key = PrivateKeySigner::from_slice(&[7; 32]).unwrap();
    let scheme = Scheme::Typed;
    let cheque = Cheque { contract: CONTRACT, beneficiary: CONTRACT, amount: U256::ONE, scheme, chain_id: 1 };
    let cheque = cheque.sign(&key).await.unwrap();
    let check = |notice_period| {
        let terms = Terms { notice_period, ..Terms::new(Form::Clone, key.address()) };
        Policy::default().min_notice_period(3_600).check_cheque(&cheque, &terms)
    };
    assert!(check(3_600).is_ok() && check(u32::MAX).is_ok());
    for short in [0, 3_599] {
        let refused = check(short).unwrap_err();
        assert!(
            matches!(refused, Error::NoticeTooShort { contract: CONTRACT, found, expected: 3_600 } if found == u64::from(short)),
            "{refused:?}"
        );
    }
}

#[test]
fn what_is_covered_to_the_last_wei_is_covered() {
    let alive = seen(State::Alive, 100, Some(100));
    let check = |uncashed| Policy::default().check_chequebook(CONTRACT, &alive, U256::from(uncashed));
    assert!(check(100).is_ok());
    assert!(matches!(check(101), Err(Error::NotCovered { .. })));
}

proptest! {
    /// A chequebook that is about to end, or has ended, is never accepted; one that is not created only if the policy
    /// allows it; and what is demanded to be covered is covered by what is certain.
    #[test]
    fn a_chequebook_is_accepted_as_the_policy_says(
        state in any_state(), counterfactual: bool, covered: bool, balance in 0..4_u64,
        confirmed in prop::option::of(0..4_u64), uncashed in 0..4_u64,
    ) {
        let policy = Policy::default().accept_counterfactual(counterfactual).require_covered(covered);
        let checked = policy.check_chequebook(CONTRACT, &seen(state, balance, confirmed), U256::from(uncashed));
        let sure = balance.min(confirmed.unwrap_or(0));
        match (state, checked) {
            (State::Dead, checked) => {
                let is_named = matches!(checked, Err(Error::Dead { contract: CONTRACT }));
                prop_assert!(is_named, "{:?}", checked);
            }
            (State::Ending { killable_at }, checked) => {
                let is_named =
                    matches!(checked, Err(Error::KillAnnounced { contract: CONTRACT, killable_at: end }) if end == killable_at);
                prop_assert!(is_named, "{:?}", checked);
            }
            (State::NotDeployed, Err(Error::NotCreated { contract })) => {
                prop_assert!(contract == CONTRACT && !counterfactual);
            }
            (_, Ok(())) => {
                prop_assert!(state == State::Alive || counterfactual);
                prop_assert!(!covered || uncashed <= sure);
            }
            (_, Err(Error::NotCovered { contract, balance: named, uncashed: too_much })) => {
                prop_assert!(state == State::Alive || counterfactual);
                prop_assert!(contract == CONTRACT && covered && uncashed > sure);
                prop_assert_eq!((named, too_much), (U256::from(sure), U256::from(uncashed)));
            }
            (_, Err(error)) => prop_assert!(false, "{:?}", error),
        }
    }
}
