#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use alloy::primitives::B256;
use chequebook::Scheme;

use super::*;
use crate::chain::Head;

const CONTRACT: Address = Address::repeat_byte(1);

fn seen(balance: u64, state: State) -> Seen {
    let head = Head { number: 1, hash: B256::ZERO, parent: B256::ZERO, timestamp: 0, base_fee: 0 };
    Seen::of(head, state, U256::from(balance))
}

fn cheque(beneficiary: u8, amount: u64) -> Cheque {
    let beneficiary = Address::repeat_byte(beneficiary);
    Cheque { contract: CONTRACT, beneficiary, amount: U256::from(amount), scheme: Scheme::Typed, chain_id: 1 }
}

fn decide(register: &Register, cheque: &Cheque, overdraft: Overdraft, seen: &Seen) -> Result<Decision, Error> {
    register.decide(cheque, overdraft, seen, &mut Finished::default())
}

fn reserve(register: &Register, cheque: &Cheque, seen: &Seen) -> Result<Reserved, Error> {
    match decide(register, cheque, Overdraft::Refuse, seen)? {
        Decision::Go(reserved) => Ok(reserved),
        _ => panic!("it is under way"),
    }
}

#[test]
fn a_decision_counts_those_before_it_until_they_are_given_up() {
    let (register, seen) = (Register::default(), seen(100, State::Alive));
    let first = reserve(&register, &cheque(2, 60), &seen).unwrap();
    let refused = reserve(&register, &cheque(3, 41), &seen).err().unwrap();
    assert!(matches!(refused, Error::WouldBounce { pays, owed } if (pays, owed) == (U256::from(40), U256::from(41))));
    let second = reserve(&register, &cheque(3, 40), &seen).unwrap();
    assert_eq!(register.under_way(CONTRACT, &seen).len(), 2);
    drop(first);
    assert!(matches!(decide(&register, &cheque(3, 40), Overdraft::Refuse, &seen), Ok(Decision::Wait(_))));
    drop(second);
    assert!(register.under_way(CONTRACT, &seen).is_empty());
    reserve(&register, &cheque(3, 100), &seen).unwrap();
}

#[test]
fn others_of_other_chequebooks_do_not_count() {
    let (register, seen) = (Register::default(), seen(100, State::Alive));
    let _first = reserve(&register, &cheque(2, 100), &seen).unwrap();
    let other = Cheque { contract: Address::repeat_byte(9), ..cheque(3, 100) };
    reserve(&register, &other, &seen).unwrap();
}

#[tokio::test]
async fn who_waits_is_woken_when_the_decision_is_over() {
    let (register, seen) = (Register::default(), seen(100, State::Alive));
    let first = reserve(&register, &cheque(2, 60), &seen).unwrap();
    let Ok(Decision::Wait(mut changes)) = decide(&register, &cheque(2, 70), Overdraft::Refuse, &seen) else {
        panic!("two decisions on one payment")
    };
    assert!(!changes.has_changed().unwrap());
    drop(first);
    changes.changed().await.unwrap();
    reserve(&register, &cheque(2, 70), &seen).unwrap();
}

#[test]
fn what_pays_nothing_is_refused() {
    let register = Register::default();
    let refused = |cheque: Cheque, overdraft, seen: &Seen| decide(&register, &cheque, overdraft, seen).err().unwrap();
    let error = refused(cheque(2, 0), Overdraft::Consent, &seen(100, State::Alive));
    assert!(matches!(error, Error::AlreadyCashed { .. }));
    let error = refused(cheque(2, 10), Overdraft::Consent, &seen(0, State::Dead));
    assert!(matches!(error, Error::Dead { contract: CONTRACT }));
    let error = refused(cheque(2, 101), Overdraft::Refuse, &seen(100, State::Alive));
    assert!(matches!(error, Error::WouldBounce { pays, .. } if pays == U256::from(100)));
    // Whoever consents may overdraw; who is covered may cash, whatever the state.
    assert!(decide(&register, &cheque(2, 101), Overdraft::Consent, &seen(100, State::Alive)).is_ok());
    assert!(decide(&register, &cheque(2, 100), Overdraft::Refuse, &seen(100, State::Dead)).is_ok());
}
