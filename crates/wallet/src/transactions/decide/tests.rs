#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const GAS: u64 = 50_000;

fn config() -> Config {
    Config::default()
}

/// A price of any size, each about as often.
fn price() -> impl Strategy<Value = u128> {
    (0..128_u32, any::<u128>()).prop_map(|(bits, random)| random >> bits)
}

fn gas() -> impl Strategy<Value = u64> {
    21_000..20_000_000_u64
}

#[test]
fn an_offer_lasts_while_the_base_fee_doubles() {
    let offer = first_offer(Fees { base: 100, tip: 7 }, GAS, &config()).unwrap();
    assert_eq!(offer, Offer { max_fee: 207, tip: 7 });
}

#[test]
fn a_ceiling_clamps_and_refuses_only_what_cannot_be_included() {
    let config = config().max_fee_per_gas(1_000);
    let offer = |base, tip| first_offer(Fees { base, tip }, GAS, &config);
    assert_eq!(offer(600, 1).unwrap(), Offer { max_fee: 1_000, tip: 1 });
    assert_eq!(offer(1_000, 5_000).unwrap(), Offer { max_fee: 1_000, tip: 1_000 });
    assert!(matches!(offer(1_001, 1), Err(Error::FeeTooHigh { found: 1_001, max: 1_000 })));
    // The whole cost has a ceiling, too.
    let config = config.max_transaction_fee(U256::from(GAS * 500));
    assert_eq!(first_offer(Fees { base: 300, tip: 0 }, GAS, &config).unwrap(), Offer { max_fee: 500, tip: 0 });
}

#[test]
fn a_higher_offer_may_reach_the_ceiling_and_not_pass_it() {
    let before = Offer { max_fee: 800, tip: 8 };
    let least = Offer { max_fee: 0, tip: 0 };
    let raised = |ceiling| raise(before, least, GAS, &config().max_fee_per_gas(ceiling));
    assert_eq!(raised(901), Some(Offer { max_fee: 901, tip: 10 }), "an eighth and one more");
    assert_eq!(raised(900), None);
}

#[test]
fn a_lower_offer_is_half_or_what_the_base_fee_demands() {
    let fees = Fees { base: 100, tip: 5 };
    let lowered = |max_fee, tip| lower(Offer { max_fee, tip }, fees);
    assert_eq!(lowered(1_000, 10), Some(Offer { max_fee: 500, tip: 10 }));
    // The base fee may rise by an eighth in the next block: 112, and the tip.
    assert_eq!(lowered(200, 10), Some(Offer { max_fee: 117, tip: 10 }));
    assert_eq!(lowered(200, 2), Some(Offer { max_fee: 114, tip: 2 }), "it never tipped more");
    assert_eq!(lowered(118, 118), Some(Offer { max_fee: 117, tip: 117 }));
    assert_eq!(lowered(117, 10), None);
}

#[test]
fn a_refusal_has_one_answer() {
    for (refusal, expected) in [
        (RefusalKind::Known, Answer::Accepted),
        (RefusalKind::NonceUsed, Answer::Wait),
        (RefusalKind::Later, Answer::Wait),
        (RefusalKind::Underpriced, Answer::Raise),
        (RefusalKind::BelowMinimum, Answer::Raise),
        (RefusalKind::FeeCap, Answer::Lower),
        (RefusalKind::GasTooLow, Answer::MoreGas),
        (RefusalKind::Funds, Answer::Report),
        (RefusalKind::GasTooHigh, Answer::Report),
        (RefusalKind::Other, Answer::Report),
    ] {
        assert_eq!(answer(refusal), expected, "{refusal:?}");
    }
}

#[test]
fn a_transaction_that_waits_is_helped() {
    let calm = Standing {
        offer: Offer { max_fee: 100, tip: 1 },
        is_next: true,
        is_accepted: true,
        is_full: false,
        is_unpayable: false,
        is_cancelled: false,
        blocks_others: true,
        since: 10,
    };
    let step = |standing, base_fee, head| step(standing, base_fee, head, 3);
    assert_eq!(step(calm, 100, 12), Step::Check);
    assert_eq!(step(calm, 100, 13), Step::Raise, "three blocks without it");
    assert_eq!(step(calm, 101, 10), Step::Raise, "below the base fee");
    assert_eq!(step(Standing { is_next: false, ..calm }, 500, 99), Step::Check, "it waits for those before it");
    assert_eq!(step(Standing { is_accepted: false, ..calm }, 500, 99), Step::Send);
    let full = Standing { is_accepted: false, is_full: true, ..calm };
    assert_eq!(step(full, 100, 12), Step::Send);
    assert_eq!(step(full, 100, 13), Step::Raise, "others pay more for the room");
    assert_eq!(step(full, 101, 10), Step::Raise, "below the base fee");
    assert_eq!(step(Standing { is_next: false, ..full }, 500, 99), Step::Send, "it waits for those before it");
    let unpayable = Standing { is_accepted: false, is_unpayable: true, ..calm };
    assert_eq!(step(unpayable, 100, 12), Step::Send);
    assert_eq!(step(unpayable, 100, 13), Step::Cancel);
    assert_eq!(step(Standing { blocks_others: false, ..unpayable }, 100, 99), Step::Send, "nobody waits for it");
    assert_eq!(step(Standing { is_cancelled: true, ..unpayable }, 100, 99), Step::Send, "it is cancelled already");
    assert_eq!(step(Standing { is_next: false, ..unpayable }, 100, 99), Step::Send);
    // With zero, as with one, not before there is another block.
    assert_eq!(super::step(calm, 100, 10, 0), Step::Check);
    assert_eq!(super::step(calm, 100, 11, 0), Step::Raise);
}

proptest! {
    /// No offer is above the ceilings, or too low for the base fee of now.
    #[test]
    fn a_first_offer_is_within_its_bounds(base in price(), tip in price(), gas in gas()) {
        let config = config();
        match first_offer(Fees { base, tip }, gas, &config) {
            Ok(offer) => {
                prop_assert!(offer.tip <= offer.max_fee && offer.tip <= tip);
                prop_assert!(base <= offer.max_fee && offer.max_fee <= config.max_fee_per_gas);
                prop_assert!(cost(gas, offer.max_fee, U256::ZERO) <= config.max_transaction_fee);
            }
            Err(Error::FeeTooHigh { found, max }) => prop_assert!(found == base && found > max),
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }

    /// What replaces a transaction offers a tenth more of both fees, as nodes demand, and at least what is wanted if the
    /// ceiling allows it.
    #[test]
    fn a_higher_offer_replaces_the_one_before(
        max_fee in price(), tip in price(), wanted in price(), wanted_tip in price(), gas in gas(),
    ) {
        let before = Offer { max_fee, tip: tip.min(max_fee) };
        let least = Offer { max_fee: wanted, tip: wanted_tip };
        let config = config();
        let Some(offer) = raise(before, least, gas, &config) else {
            let needed = before.max_fee.saturating_add(before.max_fee / 8).saturating_add(1);
            prop_assert!(cost(gas, needed, U256::ZERO) > config.max_transaction_fee || needed > config.max_fee_per_gas);
            return Ok(());
        };
        prop_assert!(offer.max_fee <= config.max_fee_per_gas);
        prop_assert!(cost(gas, offer.max_fee, U256::ZERO) <= config.max_transaction_fee);
        prop_assert!(U256::from(offer.max_fee) * U256::from(10) >= U256::from(before.max_fee) * U256::from(11));
        prop_assert!(U256::from(offer.tip) * U256::from(10) >= U256::from(before.tip) * U256::from(11));
        prop_assert!(offer.tip <= offer.max_fee);
        let clamped = wanted > offer.max_fee;
        prop_assert!(!clamped || offer.max_fee == config.max_fee_per_gas
            || cost(gas, offer.max_fee + 1, U256::ZERO) > config.max_transaction_fee);
    }

    /// An offer is lowered for as long as half of it is enough for the next block, and by no more than half.
    #[test]
    fn what_can_be_halved_is_halved(max_fee in price(), tip in price(), base in price()) {
        let before = Offer { max_fee, tip: tip.min(max_fee) };
        let lowered = lower(before, Fees { base, tip });
        // U256 has room for any sum.
        let enough = U256::from(base) + U256::from(base / 8) + U256::from(before.tip);
        if max_fee > 1 && U256::from(max_fee / 2) >= enough {
            prop_assert_eq!(lowered.map(|offer| offer.max_fee), Some(max_fee / 2));
        } else if let Some(offer) = lowered {
            prop_assert_eq!(U256::from(offer.max_fee), enough);
        } else {
            prop_assert!(U256::from(max_fee) <= enough);
        }
    }

    /// A lower offer is lower, and still good for the base fee of now. So it ends after a few steps.
    #[test]
    fn a_lower_offer_is_still_good(max_fee in price(), tip in price(), base in price()) {
        let mut offer = Offer { max_fee, tip: tip.min(max_fee) };
        let fees = Fees { base, tip };
        let mut steps = 0;
        while let Some(lower) = lower(offer, fees) {
            prop_assert!(lower.max_fee < offer.max_fee && lower.max_fee >= base && lower.tip <= lower.max_fee);
            offer = lower;
            steps += 1;
            prop_assert!(steps <= 140);
        }
    }
}
