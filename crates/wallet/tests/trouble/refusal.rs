//! W4: every refusal is heard, and nothing wedges.

use std::{collections::BTreeSet, time::Duration};

use alloy::primitives::U256;
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Error, RefusalKind, Status};
use tokio::time::timeout;

use crate::{
    Payer, config, eventually, key,
    sim::{Act, Vendor},
    wallet, wei, who,
};

const VENDORS: [Vendor; 5] = [Vendor::Geth, Vendor::Erigon, Vendor::Nethermind, Vendor::Besu, Vendor::Reth];

/// A pool with a minimum tip: the offer is raised at once, whatever the words.
#[tokio::test(start_paused = true)]
async fn w4_a_tip_below_the_minimum_is_raised() {
    for vendor in VENDORS {
        let payer = Payer::new(100).await;
        payer.sim.vendor(vendor);
        payer.sim.min_tip(25_000_000_000);
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        assert!(eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await, "{vendor:?}");
        deposit.confirmed().await.unwrap();
        assert_eq!(payer.book.balance().await.unwrap().funded, wei(105), "{vendor:?}");
    }
}

/// Above the settings it is not raised: who waits is told, and can do something about it.
#[tokio::test(start_paused = true)]
async fn w4_what_may_not_be_offered_is_told() {
    for vendor in VENDORS {
        let payer = Payer::new(100).await;
        payer.sim.vendor(vendor);
        payer.sim.min_tip(500_000_000_000);
        payer.sim.auto_mine(false);
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        assert_eq!(deposit.status(), Status::Refused(RefusalKind::BelowMinimum), "{vendor:?}");
        let error = deposit.included().await.unwrap_err();
        assert!(matches!(error, Error::NodeRefused { nonce: 1, .. }), "{vendor:?}: {error:?}");
        assert!(deposit.refusal().is_some_and(|refusal| !refusal.message.is_empty()));
        deposit.reprice(900_000_000_000, 600_000_000_000).await.unwrap();
        payer.sim.mine(1);
        deposit.confirmed().await.unwrap();
    }
}

/// Validators take no less than a tip that the node does not know of.
#[tokio::test(start_paused = true)]
async fn w4_more_is_offered_to_blocks_that_come_without_it() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    payer.sim.validators_tip(50);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    let behind = payer.book.deposit(wei(6)).await.unwrap();
    payer.sim.suggested_tip(100);
    for _ in 0..10 {
        payer.sim.mine(1);
        payer.wallet.refresh().await.unwrap();
    }
    assert!(deposit.status().is_final() && behind.status().is_final(), "{deposit:?} {behind:?}");
}

/// The same by patience alone, where nobody says what tip it takes.
#[tokio::test(start_paused = true)]
async fn w4_offers_rise_step_by_step() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    payer.sim.validators_tip(20);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    assert!(eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await);
    let sent = payer.sim.included(key("payer").address());
    assert_eq!(sent.iter().filter(|(nonce, ..)| *nonce == deposit.nonce()).count(), 1);
}

/// A price below the ceiling is paid, though twice as much would be above it. One above it is refused before anything is
/// signed.
#[tokio::test(start_paused = true)]
async fn w4_a_ceiling_clamps() {
    let payer = Payer::new(100).await;
    payer.sim.base_fee(600_000_000_000);
    payer.sim.mine(1);
    payer.book.deposit(wei(5)).await.unwrap().confirmed().await.unwrap();
    payer.sim.base_fee(1_200_000_000_000);
    payer.sim.mine(1);
    let error = payer.book.deposit(wei(5)).await.unwrap_err();
    assert!(matches!(error, Error::FeeTooHigh { found: 1_200_000_000_000, max: 1_000_000_000_000 }), "{error:?}");
    assert_eq!(payer.wallet.open_transactions().len(), 0);
}

/// What was sent waits while the price is above the ceiling, and goes when it falls.
#[tokio::test(start_paused = true)]
async fn w4_what_waits_for_a_lower_price_goes_when_it_comes() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    payer.sim.base_fee(2_000_000_000_000);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    for _ in 0..10 {
        payer.sim.mine(1);
        payer.wallet.refresh().await.unwrap();
    }
    assert!(!deposit.status().is_final());
    payer.sim.base_fee(1_000);
    assert!(eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await);
}

/// A node that allows a transaction only so much gas money: less is offered.
#[tokio::test(start_paused = true)]
async fn w4_a_fee_cap_is_met() {
    for vendor in VENDORS {
        let payer = Payer::new(100).await;
        payer.sim.vendor(vendor);
        // 50,000 gas and a quarter, at a base fee of 1,000 wei: 125,000,000 wei for twice the price.
        payer.sim.fee_cap(Some(wei(100_000_000)));
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        deposit.confirmed().await.unwrap();
    }
}

/// A batch that could cost more than one ether is split, as geth by default demands.
#[tokio::test(start_paused = true)]
async fn w4_a_batch_is_split_by_its_fee() {
    let payer = Payer::new(1_000).await;
    let payee = wallet(&payer.sim, "payee").await;
    payer.sim.base_fee(80_000_000_000);
    payer.sim.mine(1);
    payer.sim.fee_cap(Some(U256::from(10).pow(U256::from(18))));
    let mut cheques = Vec::new();
    for index in 1..=120 {
        cheques.push(payer.rogue(who(index), 5).await);
    }
    let answers = payee.cashing().cash_many(&cheques).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    payer.sim.mine(2);
    payee.refresh().await.unwrap();
    let all = payee.transactions().await.unwrap();
    assert!(all.len() > 1 && all.iter().all(|one| matches!(one.status(), Status::Confirmed { .. })), "{all:?}");
    assert_eq!(payer.sim.paid(payer.contract()).len(), 120);
}

#[tokio::test(start_paused = true)]
async fn w4_a_gas_limit_that_is_too_low_is_raised() {
    for vendor in VENDORS {
        let payer = Payer::new(100).await;
        payer.sim.vendor(vendor);
        payer.sim.intrinsic_gas(90_000); // the estimate said 50,000
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        assert!(!matches!(deposit.status(), Status::Refused(_)), "{vendor:?}: {:?}", deposit.refusal());
        deposit.confirmed().await.unwrap();
    }
}

/// A pool that is full, or allows an account one transaction, takes it later.
#[tokio::test(start_paused = true)]
async fn w4_what_the_pool_takes_later_is_sent_later() {
    for vendor in VENDORS {
        let payer = Payer::new(100).await;
        payer.sim.vendor(vendor);
        payer.sim.auto_mine(false);
        payer.sim.pool_full(true);
        let first = payer.book.deposit(wei(5)).await.unwrap();
        payer.sim.mine(1);
        payer.wallet.refresh().await.unwrap();
        assert_ne!(first.status(), Status::Refused(RefusalKind::Other), "{vendor:?}: {:?}", first.refusal());
        payer.sim.pool_full(false);
        payer.sim.in_flight_limit(Some(1));
        let others = [payer.book.deposit(wei(6)).await.unwrap(), payer.book.deposit(wei(7)).await.unwrap()];
        let all = async || first.status().is_final() && others.iter().all(|one| one.status().is_final());
        assert!(eventually(&payer.sim, &payer.wallet, all).await, "{vendor:?}");
        assert_eq!(payer.book.balance().await.unwrap().funded, wei(118));
    }
}

/// A pool stays full at today's price: more is offered, step by step and not to the limit, and who waits is told.
#[tokio::test(start_paused = true)]
async fn w4_a_pool_that_stays_full_is_offered_more() {
    for vendor in VENDORS {
        let payer = Payer::new(100).await;
        payer.sim.vendor(vendor);
        payer.sim.auto_mine(false);
        payer.sim.pool_full(true);
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        let behind = payer.book.deposit(wei(6)).await.unwrap();
        let (first, last) = (deposit.hash(), behind.hash());
        let mut hashes = BTreeSet::from([first]);
        for _ in 0..12 {
            payer.sim.mine(1);
            payer.wallet.refresh().await.unwrap();
            hashes.insert(deposit.hash());
        }
        assert_ne!(deposit.hash(), first, "{vendor:?}: no more is offered");
        assert!(hashes.len() <= 5, "{vendor:?}: {} offers in 12 blocks", hashes.len());
        assert_eq!(behind.hash(), last, "{vendor:?}: it waits for the one before");
        for one in [&deposit, &behind] {
            let told = timeout(Duration::from_secs(60), one.included()).await.expect("who waits is told");
            assert!(matches!(told, Err(Error::NodeRefused { .. })), "{vendor:?}: {told:?}");
        }
        payer.sim.pool_full(false);
        let both = async || deposit.status().is_final() && behind.status().is_final();
        assert!(eventually(&payer.sim, &payer.wallet, both).await, "{vendor:?}: {deposit:?} {behind:?}");
    }
}

/// The same while the price passes the offer, and where a node says for hours that it is full: the tip has a limit.
#[tokio::test(start_paused = true)]
async fn w4_a_pool_that_is_full_for_hours_is_offered_no_endless_tip() {
    let payer = Payer::with(100, config().max_priority_fee_per_gas(1_000)).await;
    payer.sim.auto_mine(false);
    payer.sim.pool_full(true);
    let before = payer.sim.balance_at(payer.wallet.account(), u64::MAX);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    for round in 0..300 {
        if round == 200 {
            payer.sim.base_fee(1_000_000);
        }
        payer.sim.mine(1);
        payer.wallet.refresh().await.unwrap();
    }
    assert!(matches!(deposit.status(), Status::Refused(RefusalKind::Later)), "{deposit:?}");
    payer.sim.pool_full(false);
    payer.wallet.refresh().await.unwrap();
    payer.sim.mine(1);
    assert!(deposit.included().await.is_ok(), "what it offers passes the base fee: {deposit:?}");
    let cost = before - payer.sim.balance_at(payer.wallet.account(), u64::MAX);
    let most = wei(50_000) * wei(1_000_000 + 2_000) + wei(5);
    assert!(cost <= most, "{cost} wei instead of {most}");
}

/// The account has lost its money to another program: what cannot be paid holds up nothing that can.
#[tokio::test(start_paused = true)]
async fn w4_what_cannot_be_paid_is_cancelled_if_others_wait() {
    for vendor in VENDORS {
        let payer = Payer::new(100).await;
        payer.sim.vendor(vendor);
        let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(10)).await.unwrap();
        payer.sim.auto_mine(false);
        let account = payer.wallet.account();
        let most = payer.sim.balance_at(account, u64::MAX) / wei(10) * wei(6);
        let deposit = payer.book.deposit(most).await.unwrap();
        let cash = payer.wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
        payer.sim.forget();
        let left = payer.sim.balance_at(account, u64::MAX) / wei(2);
        payer.sim.take(account, left);
        assert!(
            eventually(&payer.sim, &payer.wallet, async || cash.status().is_final()).await,
            "{vendor:?}: {deposit:?}"
        );
        assert!(matches!(deposit.confirmed().await, Err(Error::Cancelled { .. })), "{vendor:?}: {deposit:?}");
        assert!(matches!(cash.status(), Status::Confirmed { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn w4_a_transaction_can_be_listed_repriced_and_cancelled() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let (first, second) = (payer.book.deposit(wei(5)).await.unwrap(), payer.book.deposit(wei(6)).await.unwrap());
    let listed = payer.wallet.open_transactions();
    assert_eq!(listed.iter().map(|one| one.nonce()).collect::<Vec<_>>(), [first.nonce(), second.nonce()]);
    let hash = first.hash();
    listed[0].reprice(9_000, 9).await.unwrap();
    assert_ne!(first.hash(), hash);
    second.cancel().await.unwrap();
    payer.sim.mine(1);
    first.confirmed().await.unwrap();
    assert!(matches!(second.confirmed().await, Err(Error::Cancelled { nonce }) if nonce == second.nonce()));
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(105));
    assert!(matches!(second.cancel().await, Err(Error::AlreadyFinal { .. })));
    assert!(matches!(first.reprice(10_000, 10).await, Err(Error::AlreadyFinal { .. })));
}

/// By hand, too, all the gas of a transaction may cost only so much, however little a unit of it does.
#[tokio::test(start_paused = true)]
async fn w4_no_offer_costs_more_than_a_transaction_may() {
    let most = wei(10_000_000_000);
    let payer = Payer::with(100, config().max_transaction_fee(most)).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    let hash = deposit.hash();
    let error = deposit.reprice(1_000_000_000, 9).await.unwrap_err();
    let Error::FeeTooHigh { found: 1_000_000_000, max } = error else { panic!("{error:?}") };
    // It takes 50,000 gas, and a quarter for what may change.
    assert_eq!(U256::from(max), most / U256::from(62_500));
    assert_eq!(deposit.hash(), hash, "nothing else was signed");
    deposit.reprice(max, 9).await.unwrap();
    payer.sim.mine(1);
    deposit.confirmed().await.unwrap();
}

/// Nonces that nothing uses, because what used them was lost with a store: the gap is seen, and filled.
#[tokio::test(start_paused = true)]
async fn w4_a_gap_in_nonces_is_filled() {
    for gap in [1, 5, 11] {
        let payer = Payer::new(100).await;
        let store = crate::with_next_nonce(&payer.sim, "payee", gap).await;
        let payee = crate::wallet_with(&payer.sim, "payee", store, config()).await;
        payer.sim.auto_mine(false);
        let first = payee.cashing().cash(&payer.rogue(who(1), 10).await, Overdraft::Refuse).await.unwrap();
        let second = payee.cashing().cash(&payer.rogue(who(2), 20).await, Overdraft::Refuse).await.unwrap();
        assert_eq!((first.nonce(), second.nonce()), (gap, gap + 1));
        let both = async || first.status().is_final() && second.status().is_final();
        assert!(eventually(&payer.sim, &payee, both).await, "{gap}: {first:?} {second:?}");
        assert_eq!(payer.sim.paid(payer.contract()).len(), 2, "{gap}");
    }
}

/// One wrong count of transactions makes no gap: what used the last nonce must be shown.
#[tokio::test(start_paused = true)]
async fn w4_a_wrong_count_makes_no_gap() {
    for (tag, more) in [("latest", 5), ("pending", 5), ("all", 4)] {
        let payer = Payer::new(100).await;
        payer.sim.auto_mine(false);
        let wrong = format!("0x{:x}", 1 + more);
        payer.sim.hook(move |method, parameters| {
            let asked = tag == "all" || parameters.get(1).is_some_and(|block| block == tag);
            (method == "eth_getTransactionCount" && asked).then(|| Act::Answer(wrong.clone().into()))
        });
        let first = payer.book.deposit(wei(5)).await;
        payer.sim.unhook();
        assert!(matches!(&first, Ok(_) | Err(Error::Contradiction { .. })), "{tag}: {first:?}");
        let second = payer.book.deposit(wei(6)).await.unwrap();
        assert_eq!(second.nonce(), if first.is_ok() { 2 } else { 1 }, "{tag}");
        assert!(eventually(&payer.sim, &payer.wallet, async || second.status().is_final()).await, "{tag}");
    }
}

/// Another program's transaction waits with our nonce, or is evicted: either way the account goes on.
#[tokio::test(start_paused = true)]
async fn w4_a_foreign_transaction_leaves_no_gap() {
    for evicted in [true, false] {
        let payer = Payer::new(100).await;
        payer.sim.auto_mine(false);
        payer.sim.foreign(&key("payer"), 1, 1);
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        if evicted {
            payer.sim.forget();
        }
        assert!(eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await, "{evicted}");
        let next = payer.book.deposit(wei(6)).await.unwrap();
        assert!(eventually(&payer.sim, &payer.wallet, async || next.status().is_final()).await, "{evicted}");
    }
}

/// Words that mean no refusal, or one that is over: in each vendor's words.
#[tokio::test(start_paused = true)]
async fn w4_words_are_understood() {
    for (code, words) in [
        (-32_000, "already known"),
        (-32_000, "ALREADY_EXISTS: already known"),
        (-32_010, "AlreadyKnown"),
        (-32_000, "Known transaction"),
        (-32_000, "nonce too low: next nonce 5, tx nonce 4"),
        (-32_010, "OldNonce, Current nonce: 25, nonce of rejected tx: 21"),
        (-32_000, "replacement transaction underpriced"),
        (-32_603, "INTERNAL_ERROR: could not replace existing tx"),
        (-32_000, "transaction already imported"),
        (3, "Transaction with the same hash was already imported."),
        (-32_003, "transaction underpriced"),
        (-32_000, "timeout: context deadline exceeded"),
        (-32_000, "intrinsic gas too low"),
        (-32_000, "words that nobody knows"),
    ] {
        let payer = Payer::new(100).await;
        payer.sim.auto_mine(false);
        // The node has it, and says this all the same: once.
        let mut said = false;
        payer.sim.hook(move |method, _| {
            let now = method == "eth_sendRawTransaction" && !said;
            said |= now;
            now.then(|| Act::Error(code, words.to_owned(), None))
        });
        let deposit = payer.book.deposit(wei(1)).await.unwrap();
        assert!(eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await, "{words}");
        deposit.confirmed().await.unwrap();
    }
}

/// The device that signs says no, or nothing: nothing is sent, no nonce is lost, and others go on.
#[tokio::test(start_paused = true)]
async fn w4_a_signer_that_does_not_answer_wedges_nothing() {
    let payer = Payer::new(100).await;
    let device = crate::doubles::Moody::new(key("payee"));
    let wallet = chequebook_wallet::Wallet::open(
        payer.sim.provider(),
        device.clone(),
        chequebook_wallet::store::Memory::new(),
        config(),
    )
    .await
    .unwrap();
    let (a, b) = (payer.rogue(who(1), 10).await, payer.rogue(who(2), 10).await);
    for mood in [crate::doubles::Mood::Silent, crate::doubles::Mood::Refuses] {
        device.set(mood);
        let error = wallet.cashing().cash(&a, Overdraft::Refuse).await.unwrap_err();
        assert!(matches!(error, Error::SignerTimedOut { .. } | Error::Account(_)), "{error:?}");
        assert!(wallet.open_transactions().is_empty());
    }
    device.set(crate::doubles::Mood::Signs);
    let (a, b) =
        tokio::join!(wallet.cashing().cash(&a, Overdraft::Refuse), wallet.cashing().cash(&b, Overdraft::Refuse));
    a.unwrap().confirmed().await.unwrap();
    b.unwrap().confirmed().await.unwrap();
}
