//! W2: what is under way is counted.

use std::{sync::Arc, time::Duration};

use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{AutoCash, AutoDeposit, Error, Status, store::Memory};
use tokio::{task::yield_now, time::sleep};

use crate::{
    Payer, config,
    doubles::{Gate, Meddled},
    eventually, key, wallet, wallet_with, wei, who,
};

#[tokio::test(start_paused = true)]
async fn w2_two_cashes_of_a_batch_do_not_overdraw_together() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    payer.sim.auto_mine(false);
    let answers = payee.cashing().cash_many(&[payer.rogue(who(1), 60).await, payer.rogue(who(2), 60).await]).await;
    assert!(answers[0].is_ok(), "{answers:?}");
    assert!(
        matches!(answers[1], Err(Error::WouldBounce { pays, owed }) if (pays, owed) == (wei(40), wei(60))),
        "{answers:?}"
    );
    payer.sim.mine(1);
    assert!(!payer.is_dead());
    assert_eq!(payer.sim.paid(payer.contract())[&who(1)], wei(60));
}

#[tokio::test(start_paused = true)]
async fn w2_a_second_cash_counts_the_first() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    payer.sim.auto_mine(false);
    let first = payee.cashing().cash(&payer.rogue(who(1), 60).await, Overdraft::Refuse).await.unwrap();
    let refused = payee.cashing().cash(&payer.rogue(who(2), 60).await, Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(refused, Error::WouldBounce { pays, .. } if pays == wei(40)), "{refused:?}");
    payee.cashing().cash(&payer.rogue(who(3), 40).await, Overdraft::Refuse).await.unwrap();

    // It counts until the chain shows it, and no longer.
    payer.sim.mine(1);
    first.confirmed().await.unwrap();
    let refused = payee.cashing().cash(&payer.rogue(who(2), 60).await, Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(refused, Error::WouldBounce { pays, .. } if pays.is_zero()), "{refused:?}");
}

/// What the newest block shows as paid is not under way any more, long before it is final: the balance is lower by as much.
#[tokio::test(start_paused = true)]
async fn w2_what_was_paid_is_not_counted_twice() {
    let payer = Payer::new(200).await;
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().confirmations(3)).await;
    payer.sim.auto_mine(false);
    let first = payee.cashing().cash(&payer.rogue(who(1), 60).await, Overdraft::Refuse).await.unwrap();
    payer.sim.mine(1);
    first.included().await.unwrap();
    assert!(!first.status().is_final());
    let refused = payee.cashing().cash(&payer.rogue(who(2), 141).await, Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(refused, Error::WouldBounce { pays, .. } if pays == wei(140)), "{refused:?}");
    payee.cashing().cash(&payer.rogue(who(2), 140).await, Overdraft::Refuse).await.unwrap();
}

/// Other payees race every cash: the contract itself checks each, also a batch of one.
#[tokio::test(start_paused = true)]
async fn w2_a_cash_that_comes_too_late_does_not_overdraw() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    payer.sim.auto_mine(false);
    let late = payee.cashing().cash_many(&[payer.rogue(who(1), 60).await]).await.remove(0).unwrap();
    payer.cash_by_stranger(&payer.rogue(who(2), 60).await);
    payer.sim.mine(1);
    assert!(matches!(late.confirmed().await, Err(Error::Reverted { .. })));
    assert!(!payer.is_dead());
}

#[tokio::test(start_paused = true)]
async fn w2_two_inboxes_that_cash_by_themselves_do_not_overdraw() {
    let payer = Payer::new(200).await;
    let payee = wallet(&payer.sim, "payee").await;
    let mut inboxes = Vec::new();
    for index in 1..=2 {
        let inbox = payer.inbox(&payee, who(index)).await;
        inbox.receive(&payer.rogue(who(index), 60).await).await.unwrap(); // 120 of 200
        inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(1_000)));
        inboxes.push(inbox);
    }
    payer.sim.auto_mine(false);
    // Each is covered by what is left, both together are not.
    payer.cash_by_stranger(&payer.rogue(who(3), 100).await);
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    payer.sim.mine(1);
    assert!(!payer.is_dead());
    assert!(eventually(&payer.sim, &payee, async || payer.sim.paid(payer.contract()).len() == 2).await);
    assert!(!payer.is_dead());
}

#[tokio::test(start_paused = true)]
async fn w2_two_deposits_that_do_not_fit_together_are_not_both_sent() {
    let payer = Payer::new(100).await;
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(10)).await.unwrap();
    payer.sim.auto_mine(false);
    let most = payer.sim.balance_at(payer.wallet.account(), u64::MAX) / wei(100) * wei(60);
    let first = payer.book.deposit(most).await.unwrap();
    let refused = payer.book.deposit(most).await.unwrap_err();
    assert!(matches!(refused, Error::InsufficientFunds { balance, needed, .. } if balance < needed), "{refused:?}");
    let cash = payer.wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
    payer.sim.mine(2);
    first.confirmed().await.unwrap();
    cash.confirmed().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn w2_the_deposit_of_a_creation_is_pending() {
    let payer = Payer::with(1_000, config().confirmations(3)).await;
    let balance = payer.book.balance().await.unwrap();
    assert_eq!((balance.funded, balance.pending), (wei(0), wei(1_000)));
    payer.book.auto_deposit(AutoDeposit::default().interval(None).threshold(wei(500)).buffer(wei(1_000)));
    let refused = payer.book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap_err();
    assert!(matches!(refused, Error::InsufficientDeposit { .. }), "{refused:?}");
    sleep(Duration::from_secs(1)).await;
    payer.sim.mine(5);
    let balance = payer.book.balance().await.unwrap();
    assert_eq!((balance.funded, balance.pending), (wei(1_000), wei(0)), "deposited once");
}

#[tokio::test(start_paused = true)]
async fn w2_nothing_is_deposited_into_what_is_about_to_end() {
    let payer = Payer::new(100).await;
    payer.announce();
    payer.wallet.refresh().await.unwrap();
    payer.book.auto_deposit(
        AutoDeposit::default().interval(Some(Duration::from_secs(1))).threshold(wei(500)).buffer(wei(1_000)),
    );
    sleep(Duration::from_secs(10)).await;
    assert_eq!(payer.sim.balance_at(payer.contract(), u64::MAX), wei(100));
    let refused = payer.book.deposit(wei(1)).await.unwrap_err();
    assert!(matches!(refused, Error::KillAnnounced { .. }), "{refused:?}");
}

/// All that was acknowledged counts: also of inboxes that are closed, and of those that receive at the same moment.
#[tokio::test(start_paused = true)]
async fn w2_cover_counts_every_inbox() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let first = payer.inbox(&payee, who(1)).await;
    first.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    drop(first);
    let second = payer.inbox(&payee, who(2)).await;
    let refused = second.receive(&payer.rogue(who(2), 60).await).await.unwrap_err();
    assert!(matches!(refused, Error::NotCovered { uncashed, .. } if uncashed == wei(120)), "{refused:?}");

    let (a, b) = (payer.inbox(&payee, who(3)).await, payer.inbox(&payee, who(4)).await);
    let (a_cheque, b_cheque) = (payer.rogue(who(3), 30).await, payer.rogue(who(4), 30).await);
    let (a, b) = tokio::join!(a.receive(&a_cheque), b.receive(&b_cheque));
    assert!(a.is_ok() ^ b.is_ok(), "{a:?} {b:?}");
}

/// Whoever is dropped in the middle looks into the transactions before it asks again.
#[tokio::test]
async fn w2_what_was_begun_is_listed_and_not_sent_twice() {
    let payer = Payer::new(100).await;
    let gate = Meddled(Arc::default(), Gate::default());
    let payee = wallet_with(&payer.sim, "payee", gate.clone(), config()).await;
    let cheque = payer.rogue(who(1), 60).await;
    payer.sim.auto_mine(false);
    gate.1.close(true);
    let cash = || {
        let payee = payee.clone();
        tokio::spawn(async move { payee.cashing().cash(&cheque, Overdraft::Refuse).await })
    };
    let first = cash();
    while payee.open_transactions().is_empty() {
        yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(payee.open_transactions().len(), 1, "it is listed");
    let again = cash().await.unwrap().unwrap();
    gate.1.close(false);
    while payer.sim.pending(key("payee").address()).is_empty() {
        yield_now().await;
    }
    payer.sim.mine(1);
    again.confirmed().await.unwrap();
    assert_eq!(payee.transactions().await.unwrap().len(), 1);
}

/// At any moment before it is listed, nothing has happened.
#[tokio::test]
async fn w2_a_call_that_is_dropped_early_has_not_happened() {
    for polls in 0..60 {
        let payer = Payer::new(100).await;
        payer.sim.auto_mine(false);
        {
            let mut deposit = std::pin::pin!(payer.book.deposit(wei(7)));
            for _ in 0..polls {
                if deposit.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready() {
                    break;
                }
                yield_now().await;
            }
        }
        let listed = payer.wallet.open_transactions().len();
        for _ in 0..200 {
            yield_now().await;
        }
        assert_eq!(payer.sim.pending(payer.wallet.account()).len(), listed, "after {polls} polls");
        let balance = payer.book.balance().await.unwrap();
        assert_eq!(balance.pending, if listed == 1 { wei(7) } else { wei(0) });
    }
}

/// A restart changes nothing of this.
#[tokio::test(start_paused = true)]
async fn w2_cashes_of_an_earlier_run_count() {
    let payer = Payer::new(100).await;
    let disk = chequebook_wallet::store::MemoryDisk::new();
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    payer.sim.auto_mine(false);
    let cheques = [payer.rogue(who(1), 30).await, payer.rogue(who(2), 30).await];
    for answer in payee.cashing().cash_many(&cheques).await {
        answer.unwrap();
    }
    payee.shutdown().await;
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let refused = payee.cashing().cash(&payer.rogue(who(3), 60).await, Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(refused, Error::WouldBounce { pays, .. } if pays == wei(40)), "{refused:?}");
    let again = payee.cashing().cash(&cheques[0], Overdraft::Refuse).await.unwrap();
    payer.sim.mine(2);
    again.confirmed().await.unwrap();
    assert_eq!(payee.transactions().await.unwrap().len(), 1, "one batch");
    assert!(matches!(again.status(), Status::Confirmed { .. }));
}
