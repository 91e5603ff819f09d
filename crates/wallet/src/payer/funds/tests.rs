#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use super::*;

fn shown(block: u64, balance: u64, paid: u64) -> Shown {
    let (balance, paid) = (U256::from(balance), U256::from(paid));
    Shown { block, hash: B256::repeat_byte(1), balance, paid, is_dead: false }
}

fn funds(issued: u64, shown: Shown) -> Funds {
    let mut funds = Funds::new(U256::from(issued));
    funds.believe(shown);
    funds
}

#[test]
fn what_is_available_is_funded_and_not_issued_or_reserved() {
    let mut funds = funds(30, shown(1, 60, 40));
    funds.reserved = U256::from(20);
    assert_eq!(funds.funded().unwrap(), U256::from(100));
    assert_eq!(funds.available().unwrap(), U256::from(50));
    funds.issued = U256::from(90);
    assert_eq!(funds.available().unwrap(), U256::ZERO, "not less than nothing");
    assert_eq!((funds.block(), funds.believed()), (1, Some((1, B256::repeat_byte(1)))));
    assert_eq!((funds.believed_balance(), funds.believed_paid()), (U256::from(60), U256::from(40)));
}

#[test]
fn nothing_is_available_before_the_chain_is_asked() {
    let funds = Funds::new(U256::ZERO);
    assert_eq!((funds.available().unwrap(), funds.block(), funds.believed()), (U256::ZERO, 0, None));
    assert_eq!(funds.contradiction(&shown(1, 0, 0), Asset::Ether, false).unwrap(), None);
    assert_eq!((funds.believed_balance(), funds.believed_paid()), (U256::ZERO, U256::ZERO));
}

#[test]
fn what_is_funded_and_paid_never_falls_on_one_chain() {
    let funds = funds(0, shown(1, 60, 40));
    for (balance, paid) in [(60, 40), (50, 50), (0, 100), (70, 40), (10, 100)] {
        assert_eq!(
            funds.contradiction(&shown(2, balance, paid), Asset::Ether, false).unwrap(),
            None,
            "{balance} {paid}"
        );
    }
    for (balance, paid, what) in [
        (59, 40, "it was funded with 100 wei in block 1, and 99 in block 2"),
        (0, 99, "it was funded with 100 wei in block 1, and 99 in block 2"),
        (100, 39, "it had paid 40 wei in block 1, and 39 in block 2"), // a deposit hides no missing payment
    ] {
        assert_eq!(funds.contradiction(&shown(2, balance, paid), Asset::Ether, false).unwrap().as_deref(), Some(what));
    }
    // The owner takes what is left when it ends, and not what was paid.
    let dead = |balance, paid| Shown { is_dead: true, ..shown(2, balance, paid) };
    assert_eq!(funds.contradiction(&dead(0, 40), Asset::Ether, false).unwrap(), None);
    assert!(funds.contradiction(&dead(0, 39), Asset::Ether, false).unwrap().is_some());
}

#[test]
fn what_a_token_lost_at_the_newest_block_is_not_available() {
    let token = Asset::Token(alloy::primitives::Address::repeat_byte(7));
    let mut funds = funds(30, shown(1, 60, 40));
    funds.believe_newest(Some(U256::from(80)));
    assert_eq!((funds.funded().unwrap(), funds.available().unwrap()), (U256::from(80), U256::from(50)));
    assert_eq!(funds.contradiction(&shown(2, 40, 40), token, false).unwrap(), None, "it is known");
    let what =
        "it was funded with 80 units of token 0x0707070707070707070707070707070707070707 in block 1, and 79 in block 2";
    assert_eq!(funds.contradiction(&shown(2, 39, 40), token, false).unwrap().as_deref(), Some(what));
    assert!(funds.contradiction(&shown(2, 40, 40), token, true).unwrap().is_some(), "not after a reorganisation");
    funds.believe_newest(Some(U256::from(120)));
    assert_eq!(funds.funded().unwrap(), U256::from(100), "what is not final adds nothing");
}

#[test]
fn a_sum_that_is_too_large_is_an_error() {
    let mut funds = Funds::new(U256::ZERO);
    funds.believe(Shown { balance: U256::MAX, ..shown(1, 0, 1) });
    assert!(matches!(funds.available(), Err(Error::Overflow)));
}
