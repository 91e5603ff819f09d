//! What is a reason to cash automatically, to the last wei, and what is none.

use std::time::Duration;

use chequebook_wallet::{AutoCash, Inbox, Wallet};
use tokio::time::sleep;

use crate::{Payer, wallet, wei, who};

/// Only the amount and the balance are reasons.
fn untimed(max_uncashed: u64) -> AutoCash {
    AutoCash::default().interval(None).max_uncashed(wei(max_uncashed))
}

/// What the first beneficiary was paid, in wei, after the wallet had time to cash.
async fn paid(payer: &Payer, payee: &Wallet) -> u64 {
    for _ in 0..3 {
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    payer.sim.paid(payer.contract()).get(&who(1)).map_or(0, |paid| paid.to())
}

async fn receive(payer: &Payer, inbox: &Inbox, amount: u64) {
    inbox.receive(&payer.rogue(who(1), amount).await).await.unwrap();
}

/// `max_uncashed` is the most that may stay uncashed.
#[tokio::test(start_paused = true)]
async fn one_wei_more_than_may_stay_is_a_reason() {
    let payer = Payer::new(1_000).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.auto_cash(untimed(60));
    receive(&payer, &inbox, 59).await;
    assert_eq!(paid(&payer, &payee).await, 0);
    receive(&payer, &inbox, 60).await;
    assert_eq!(paid(&payer, &payee).await, 0, "as much may stay");
    receive(&payer, &inbox, 61).await;
    assert_eq!(paid(&payer, &payee).await, 61);
    // What was cashed does not count again.
    receive(&payer, &inbox, 121).await;
    assert_eq!(paid(&payer, &payee).await, 61);
    receive(&payer, &inbox, 200).await;
    assert_eq!(paid(&payer, &payee).await, 200, "also far above");
}

/// Others could cash as much as is owed here: it is a reason only if they would then leave less than that.
#[tokio::test(start_paused = true)]
async fn one_wei_less_than_twice_what_is_owed_is_a_reason() {
    let payer = Payer::new(200).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    receive(&payer, &inbox, 60).await;
    inbox.auto_cash(untimed(1_000));
    assert_eq!(paid(&payer, &payee).await, 0);
    payer.cash_by_stranger(&payer.rogue(who(2), 80).await);
    assert_eq!(paid(&payer, &payee).await, 0, "120 are left: as much again");
    payer.cash_by_stranger(&payer.rogue(who(2), 81).await);
    assert_eq!(paid(&payer, &payee).await, 60, "119 are left");
}

/// The guard takes what is owed when the end is announced, and only then; what is stopped never does.
#[tokio::test(start_paused = true)]
async fn the_end_is_the_only_reason_of_the_guard_and_none_of_what_is_stopped() {
    for is_stopped in [false, true] {
        let payer = Payer::new(100).await;
        let payee = wallet(&payer.sim, "payee").await;
        let inbox = payer.inbox(&payee, who(1)).await;
        receive(&payer, &inbox, 20).await;
        if is_stopped {
            inbox.stop_auto_cash();
        }
        payer.cash_by_stranger(&payer.rogue(who(2), 70).await);
        assert_eq!(paid(&payer, &payee).await, 0, "30 are left");
        payer.announce();
        assert_eq!(paid(&payer, &payee).await, if is_stopped { 0 } else { 20 });
    }
}
