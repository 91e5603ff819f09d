#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use alloy::primitives::B256;
use chequebook::Scheme;
use proptest::prelude::*;

use super::*;
use crate::{answer::RefusalKind, chain::Head};

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

/* WHAT IS SIGNED */

const WHO: Address = Address::repeat_byte(2);
const HEAD: u64 = 1;

/// What was recorded of one cash, of this amount, whose transaction stands like this.
fn recorded(amount: u64, status: Status) -> Register {
    let register = Register::default();
    register.record(CONTRACT, WHO, U256::from(amount), Transaction::that_stands(7, status, false));
    register
}

fn is_under_way(register: &Register, seen: &Seen) -> bool {
    register.under_way(CONTRACT, seen).contains_key(&WHO)
}

/// All that may still pay, and nothing else. What is final in a block that is not seen yet may have paid there.
#[test]
fn what_may_still_pay_is_under_way() {
    let hash = B256::ZERO;
    let seen = seen(100, State::Alive);
    for (status, expected) in [
        (Status::Pending, true),
        (Status::Dropped, true),
        (Status::Refused(RefusalKind::Other), true),
        (Status::Unknown, true),
        (Status::Included { block: HEAD, success: true }, true),
        (Status::Included { block: HEAD, success: false }, false),
        (Status::Confirmed { block: HEAD - 1, hash }, false),
        (Status::Confirmed { block: HEAD, hash }, false),
        (Status::Confirmed { block: HEAD + 1, hash }, true),
        (Status::Confirmed { block: HEAD + 9, hash }, true),
        (Status::Reverted { block: HEAD + 9, hash }, false),
        (Status::Cancelled { block: HEAD + 9, hash }, false),
        (Status::Replaced { block: HEAD + 9, hash }, false),
    ] {
        assert_eq!(is_under_way(&recorded(60, status), &seen), expected, "{status:?}");
    }
}

#[test]
fn what_was_paid_is_not_under_way() {
    for status in [Status::Pending, Status::Included { block: HEAD, success: true }] {
        let register = recorded(60, status);
        let seen = |sent: u64| seen(100, State::Alive).paid(WHO, U256::from(sent));
        assert!(is_under_way(&register, &seen(59)));
        assert!(!is_under_way(&register, &seen(60)));
        assert!(!is_under_way(&register, &seen(61)));
    }
}

#[test]
fn a_cheque_is_cashed_once_and_a_newer_one_again() {
    let (register, seen) = (recorded(60, Status::Pending), seen(100, State::Alive));
    for amount in [59, 60] {
        match decide(&register, &cheque(2, amount), Overdraft::Refuse, &seen).unwrap() {
            Decision::Pending(transaction) => assert_eq!(transaction.nonce(), 7),
            _ => panic!("a second transaction for {amount}"),
        }
    }
    let newer = reserve(&register, &cheque(2, 61), &seen).unwrap();
    assert_eq!(register.under_way(CONTRACT, &seen)[&WHO], U256::from(61), "it stands for both");
    drop(newer);
    assert_eq!(register.under_way(CONTRACT, &seen)[&WHO], U256::from(60), "the earlier one is still under way");
    reserve(&register, &cheque(2, 61), &seen).unwrap().sent(Transaction::that_stands(8, Status::Pending, false));
    let Ok(Decision::Pending(transaction)) = decide(&register, &cheque(2, 61), Overdraft::Refuse, &seen) else {
        panic!("a third transaction")
    };
    assert_eq!(transaction.nonce(), 8);
}

/// It may still pay, or do nothing: nobody knows, so nothing is sent, of whatever amount.
#[test]
fn behind_one_that_is_being_cancelled_nothing_is_decided() {
    let (register, seen) = (Register::default(), seen(100, State::Alive));
    register.record(CONTRACT, WHO, U256::from(60), Transaction::that_stands(7, Status::Pending, true));
    for amount in [59, 60, 61] {
        let refused = decide(&register, &cheque(2, amount), Overdraft::Consent, &seen).err().unwrap();
        assert!(matches!(refused, Error::Cancelled { nonce: 7 }), "{refused:?}");
    }
    assert!(is_under_way(&register, &seen));
}

/// A decision whose cheque another payer of gas has cashed meanwhile gives way to a newer one, and touches nothing of it.
#[test]
fn a_decision_that_was_overtaken_changes_nothing() {
    for is_sent in [false, true] {
        let (register, before) = (Register::default(), seen(100, State::Alive));
        let overtaken = reserve(&register, &cheque(2, 60), &before).unwrap();
        let after = seen(40, State::Alive).paid(WHO, U256::from(60));
        let newer = reserve(&register, &cheque(2, 100), &after).unwrap();
        if is_sent {
            overtaken.sent(Transaction::that_stands(7, Status::Pending, false));
        } else {
            drop(overtaken);
        }
        assert_eq!(register.under_way(CONTRACT, &after)[&WHO], U256::from(100));
        let decided = decide(&register, &cheque(2, 100), Overdraft::Refuse, &after);
        assert!(matches!(decided, Ok(Decision::Wait(_))), "the newer one is not signed yet");
        newer.sent(Transaction::that_stands(8, Status::Pending, false));
        let Ok(Decision::Pending(transaction)) = decide(&register, &cheque(2, 100), Overdraft::Refuse, &after) else {
            panic!("a second transaction")
        };
        assert_eq!(transaction.nonce(), 8);
    }
}

/// What is final is forgotten; what is not signed or not final stays.
#[test]
fn only_what_is_over_is_forgotten() {
    let is_kept = |register: &Register| {
        register.forget_what_is_over();
        !register.0.cashes.lock().is_empty()
    };
    for status in [Status::Pending, Status::Unknown, Status::Included { block: HEAD, success: true }] {
        assert!(is_kept(&recorded(60, status)), "{status:?}");
    }
    let hash = B256::ZERO;
    for status in [Status::Confirmed { block: HEAD, hash }, Status::Reverted { block: HEAD, hash }] {
        assert!(!is_kept(&recorded(60, status)), "{status:?}");
    }
    let register = Register::default();
    let decided = reserve(&register, &cheque(2, 60), &seen(100, State::Alive)).unwrap();
    assert!(is_kept(&register));
    drop(decided);
    assert!(!is_kept(&register));
}

proptest! {
    /// W2: whatever was decided, and whatever became of it, what may still pay is covered together.
    #[test]
    fn what_is_under_way_is_covered_together(
        cashes in prop::collection::vec((2..6_u8, 1..60_u64, 0..4_u8), 0..30), balance in 0..150_u64,
    ) {
        let (register, seen) = (Register::default(), seen(balance, State::Alive));
        let mut decided = Vec::new();
        for (nonce, (beneficiary, amount, what)) in (0..).zip(cashes) {
            if let Ok(Decision::Go(reserved)) = decide(&register, &cheque(beneficiary, amount), Overdraft::Refuse, &seen) {
                match what {
                    0 => decided.push(reserved),
                    1 => drop(reserved),
                    2 => reserved.sent(Transaction::that_stands(nonce, Status::Pending, false)),
                    _ => {
                        let status = Status::Reverted { block: HEAD, hash: B256::ZERO };
                        reserved.sent(Transaction::that_stands(nonce, status, false));
                    }
                }
            }
            register.forget_what_is_over();
            let sum = register.under_way(CONTRACT, &seen).into_values().fold(U256::ZERO, U256::saturating_add);
            prop_assert!(sum <= U256::from(balance), "{} of {}", sum, balance);
        }
    }
}
