//! W1: no money is taken twice, and no valid cheque is thrown away.

use std::time::Duration;

use alloy::sol_types::SolCall;
use chequebook::{Overdraft, Scheme, bindings::Chequebook::cancelKillCall};
use chequebook_wallet::{
    AutoCash, Backup, Cashier, CashierSettings, Chequebook, Error, Inbox, Order,
    store::{Memory, MemoryDisk},
};
use tokio::time::sleep;

use crate::{Payer, config, eventually, key, policy, sim::Act, terms, wallet, wallet_with, wei, who};

/// A payee with a new store, or with one of a backup: what was paid is not acknowledged.
#[tokio::test(start_paused = true)]
async fn w1_what_was_paid_is_not_acknowledged_again() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    let backup = Backup::export(&payee).await.unwrap();
    let cheque = payer.rogue(who(1), 60).await;
    assert_eq!(inbox.receive(&cheque).await.unwrap(), wei(60));
    inbox.cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    payee.shutdown().await;

    for restored in [true, false] {
        let store = Memory::new();
        if restored {
            backup.import(&store).await.unwrap();
        }
        let payee = wallet_with(&payer.sim, "payee", store, config()).await;
        let inbox = payer.inbox(&payee, who(1)).await;
        let error = inbox.receive(&cheque).await.unwrap_err();
        assert!(matches!(error, Error::AlreadyCashed { sent, .. } if sent == wei(60)), "{error:?}");
        // A higher one adds only what is not paid.
        assert_eq!(inbox.receive(&payer.rogue(who(1), 70).await).await.unwrap(), wei(10));
    }
}

/// Also while the inbox is open, and a stranger cashes a cheque that it never saw.
#[tokio::test(start_paused = true)]
async fn w1_what_strangers_cashed_is_not_acknowledged() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(1), 30).await);
    payee.refresh().await.unwrap();
    assert_eq!(inbox.receive(&payer.rogue(who(1), 35).await).await.unwrap(), wei(5));
}

/// Who opens an inbox while a new block is being looked at reads what was paid in that block, too.
#[tokio::test(start_paused = true)]
async fn w1_an_inbox_that_opens_during_a_look_knows_what_that_block_paid() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let _other = payer.inbox(&payee, who(2)).await; // the chequebook is watched
    let cheque = payer.rogue(who(1), 30).await;
    payer.cash_by_stranger(&cheque);
    let newest = format!("{:?}", payer.sim.hash_of(payer.sim.head()));
    payer.sim.hook(move |method, parameters| {
        let is_of_it = parameters.iter().any(|one| one.to_string().contains(&newest));
        (method == "eth_call" && is_of_it).then_some(Act::Hang)
    });
    let looks = payee.clone();
    let looking = tokio::spawn(async move { looks.refresh().await });
    sleep(Duration::from_millis(100)).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    payer.sim.unhook();
    looking.await.unwrap().unwrap();
    let error = inbox.receive(&cheque).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyCashed { sent, .. } if sent == wei(30)), "{error:?}");
}

/// A payer that continues from an old store would promise the same again.
#[tokio::test(start_paused = true)]
async fn w1_a_payer_with_an_old_store_stops() {
    let sim = crate::chain();
    let payer = wallet(&sim, "payer").await;
    let book = Chequebook::create(&payer, key("payer"), terms(100)).await.unwrap();
    let contract = book.address();
    let backup = Backup::export(&payer).await.unwrap();
    let cheque = book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    sim.act(key("stranger").address(), contract, cheque.calldata(Overdraft::Consent));
    payer.shutdown().await;
    drop(book);

    let store = Memory::new();
    backup.import(&store).await.unwrap();
    let payer = wallet_with(&sim, "payer", store, config()).await;
    let error = Chequebook::open(&payer, contract, key("payer")).await.unwrap_err();
    assert!(
        matches!(error, Error::StoreOutdated { beneficiary, paid, issued, .. }
            if (beneficiary, paid, issued) == (who(1), wei(60), wei(0))),
        "{error:?}"
    );
    let book = Chequebook::recover(&payer, contract, key("payer"), []).await.unwrap();
    assert_eq!(book.balance().await.unwrap().available, wei(40));
    assert_eq!(book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap().cheque().amount, wei(61));
}

/// It is seen also if it happens later, by another process that issues.
#[tokio::test(start_paused = true)]
async fn w1_a_payment_that_nobody_promised_stops_the_payer() {
    let payer = Payer::new(100).await;
    payer.book.outbox(who(1), Scheme::Typed).issue(wei(10)).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(1), 30).await);
    let error = payer.book.balance().await.unwrap_err();
    assert!(matches!(error, Error::StoreOutdated { .. }), "{error:?}");
    let error = payer.book.outbox(who(2), Scheme::Typed).issue(wei(1)).await.unwrap_err();
    assert!(matches!(error, Error::StoreOutdated { .. }), "{error:?}");
}

/// A valid cheque that the policy refuses is money all the same: it is kept, cashed, and acknowledged when it is passed
/// again.
#[tokio::test(start_paused = true)]
async fn w1_a_refused_cheque_is_kept() {
    let payer = Payer::new(100).await;
    let disk = MemoryDisk::new();
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    payer.announce();
    payee.refresh().await.unwrap();
    let higher = payer.rogue(who(1), 30).await;
    assert!(matches!(inbox.receive(&higher).await, Err(Error::KillAnnounced { .. })));
    payee.shutdown().await;
    drop(inbox);

    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    assert_eq!(inbox.acknowledged().await.unwrap(), wei(10));
    assert_eq!(inbox.latest_cheque().await.unwrap(), Some(higher));
    assert!(payer.sim.act(key("owner").address(), payer.contract(), cancelKillCall {}.abi_encode().into()));
    payee.refresh().await.unwrap();
    assert_eq!(inbox.receive(&higher).await.unwrap(), wei(20));
    inbox.cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.sim.paid(payer.contract())[&who(1)], wei(30));
}

/* THE END */

/// 50 of 60 are there, and the end is announced: the guard takes the 50.
#[tokio::test(start_paused = true)]
async fn w1_the_guard_takes_what_is_left() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(2), 50).await);
    assert!(!eventually(&payer.sim, &payee, async || payer.is_dead()).await, "never before the end is announced");
    payer.announce();
    assert!(eventually(&payer.sim, &payee, async || payer.is_dead()).await);
    assert_eq!(payer.sim.paid(payer.contract())[&who(1)], wei(50));
}

/// Covered cheques come first, and one overdraft is the last.
#[tokio::test(start_paused = true)]
async fn w1_covered_cheques_come_first_and_one_overdraft_last() {
    let payer = Payer::new(200).await;
    let payee = wallet(&payer.sim, "payee").await;
    let mut inboxes = Vec::new();
    for (index, amount) in [(1, 60), (2, 20), (3, 70), (4, 30)] {
        let inbox = payer.inbox(&payee, who(index)).await;
        inbox.receive(&payer.rogue(who(index), amount).await).await.unwrap();
        inboxes.push(inbox);
    }
    payer.cash_by_stranger(&payer.rogue(who(9), 80).await); // 120 of 180 are left
    payer.announce();
    assert!(eventually(&payer.sim, &payee, async || payer.is_dead()).await);
    let paid = payer.sim.paid(payer.contract());
    assert_eq!(
        [1, 2, 3, 4].map(|index| paid.get(&who(index)).copied().unwrap_or_default()),
        [
            wei(60), // 20, 30 and 60 are covered
            wei(20),
            wei(10), // of 70
            wei(30)
        ]
    );
    assert_eq!(payer.sim.balance_at(payer.contract(), u64::MAX), wei(0));
    drop(inboxes);
}

/// Whoever does not want that says so.
#[tokio::test(start_paused = true)]
async fn w1_the_guard_overdraws_nothing_if_it_may_not() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let strict = policy().overdraw_at_end(false);
    let inbox = Inbox::open(&payee, payer.contract(), who(1), strict).await.unwrap();
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(2), 50).await);
    payer.announce();
    assert!(!eventually(&payer.sim, &payee, async || payer.is_dead()).await);
    // A call that consents may.
    inbox.cash(Overdraft::Consent).await.unwrap();
    assert!(payer.is_dead());
}

/// A cheque that the balance does not cover is kept, and stops no cash of what was acknowledged, whichever comes first: a
/// payer would switch automatic cashes off with it, and take the deposit itself.
#[tokio::test(start_paused = true)]
async fn w1_a_cheque_that_is_too_high_stops_no_cash() {
    for too_high_first in [true, false] {
        let payer = Payer::new(100).await;
        let disk = MemoryDisk::new();
        let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
        let inbox = payer.inbox(&payee, who(1)).await;
        let (good, high) = (payer.rogue(who(1), 60).await, payer.rogue(who(1), 160).await);
        if !too_high_first {
            assert_eq!(inbox.receive(&payer.rogue(who(1), 50).await).await.unwrap(), wei(50));
            assert_eq!(inbox.receive(&good).await.unwrap(), wei(10));
        }
        let refused = inbox.receive(&high).await.unwrap_err();
        assert!(matches!(refused, Error::NotCovered { .. }), "{refused}");
        if too_high_first {
            assert_eq!(inbox.receive(&payer.rogue(who(1), 50).await).await.unwrap(), wei(50));
            assert_eq!(inbox.receive(&good).await.unwrap(), wei(10));
        }
        assert_eq!(inbox.latest_cheque().await.unwrap(), Some(high));
        assert_eq!(inbox.cheque_to_cash().await.unwrap(), Some(good));

        // Both are in the store, and in a backup.
        drop(inbox);
        let backup = Backup::export(&payee).await.unwrap();
        payee.shutdown().await;
        let restored = Memory::new();
        backup.import(&restored).await.unwrap();
        let copy = wallet_with(&payer.sim, "copy", restored, config()).await;
        let inbox = payer.inbox(&copy, who(1)).await;
        assert_eq!(inbox.cheque_to_cash().await.unwrap(), Some(good));
        assert_eq!(Backup::export(&copy).await.unwrap(), backup);
        copy.shutdown().await;

        let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
        let inbox = payer.inbox(&payee, who(1)).await;
        assert_eq!(inbox.latest_cheque().await.unwrap(), Some(high));
        inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(0)));
        let paid = async || payer.sim.paid(payer.contract()).get(&who(1)) == Some(&wei(60));
        assert!(eventually(&payer.sim, &payee, paid).await, "too high first: {too_high_first}");
        assert!(!payer.is_dead());
        inbox.stop_auto_cash();
        // What is too high is no longer, and replaces both.
        let error = inbox.cash(Overdraft::Refuse).await.unwrap_err();
        assert!(matches!(error, Error::WouldBounce { .. }), "{error}");
        let deposit = payer.book.deposit(wei(60)).await.unwrap();
        assert!(eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await);
        payee.refresh().await.unwrap();
        assert_eq!(inbox.cheque_to_cash().await.unwrap(), Some(high));
        assert_eq!(inbox.receive(&high).await.unwrap(), wei(100));
        inbox.cash(Overdraft::Refuse).await.unwrap();
        let paid = async || payer.sim.paid(payer.contract()).get(&who(1)) == Some(&wei(160));
        assert!(eventually(&payer.sim, &payee, paid).await);
    }
}

/// The same by hand, and for all cheques of a cashier together.
#[tokio::test(start_paused = true)]
async fn w1_a_cheque_that_is_too_high_stops_no_cash_by_hand() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    inbox.receive(&payer.rogue(who(1), 160).await).await.unwrap_err();
    inbox.cash(Overdraft::Refuse).await.unwrap();
    let paid = async || payer.sim.paid(payer.contract()).get(&who(1)) == Some(&wei(60));
    assert!(eventually(&payer.sim, &payee, paid).await);
    drop(inbox);

    let cashier = Cashier::open(&payee, CashierSettings::new(who(2)).policy(policy()).auto_cash(None)).await.unwrap();
    cashier.receive(&payer.rogue(who(2), 30).await).await.unwrap();
    cashier.receive(&payer.rogue(who(2), 130).await).await.unwrap_err();
    assert_eq!(
        (cashier.uncashed(Order::Payer, 0, 9)[0].uncashed, cashier.cash(wei(31)).await.unwrap().len()),
        (wei(130), 0)
    );
    for (one, cashed) in cashier.cash(wei(30)).await.unwrap() {
        assert_eq!(one.payable, wei(30));
        cashed.unwrap();
    }
    let paid = async || payer.sim.paid(payer.contract()).get(&who(2)) == Some(&wei(30));
    assert!(eventually(&payer.sim, &payee, paid).await);
}
