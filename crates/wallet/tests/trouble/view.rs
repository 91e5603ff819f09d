//! W3: a view has an age and a direction.

use std::time::Duration;

use alloy::sol_types::SolCall;
use chequebook::{Scheme, bindings::Chequebook::cancelKillCall};
use chequebook_wallet::{Error, Status, Wallet, store::MemoryDisk};
use serde_json::json;

use crate::{
    Payer, config, eventually, key,
    sim::{Act, words},
    wallet, wallet_with, wei, who,
};

/// The chain goes on, and the node does not: money stops moving in, and nothing is promised.
#[tokio::test(start_paused = true)]
async fn w3_a_head_that_is_too_old_decides_nothing() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    let cheque = payer.rogue(who(1), 10).await;
    // The node shows a block of three days ago as its newest.
    payer.sim.hook(|asked, parameters| {
        (asked == "eth_getBlockByNumber" && parameters[0] == json!("latest")).then(|| {
            Act::Map(Box::new(|mut block| {
                let time = block["timestamp"].as_str().and_then(|hex| u64::from_str_radix(&hex[2..], 16).ok());
                block["timestamp"] = json!(format!("0x{:x}", time.unwrap() - 3 * 86_400));
                block
            }))
        })
    });
    let old = wallet(&payer.sim, "payee").await;
    let stale = payer.inbox(&old, who(2)).await;
    let error = stale.receive(&payer.rogue(who(2), 10).await).await.unwrap_err();
    assert!(matches!(error, Error::StaleHead { age, .. } if age > Duration::from_secs(2 * 86_400)), "{error:?}");
    assert_eq!(stale.acknowledged().await.unwrap(), wei(0));
    assert_eq!(stale.latest_cheque().await.unwrap().unwrap().cheque().amount, wei(10), "it is kept all the same");
    let book = old_book(&payer).await;
    let error = book.outbox(who(3), Scheme::Typed).issue(wei(1)).await.unwrap_err();
    assert!(matches!(error, Error::StaleHead { .. }), "{error:?}");
    payer.sim.unhook();
    assert_eq!(inbox.receive(&cheque).await.unwrap(), wei(10));
    payer.sim.mine(1);
    old.refresh().await.unwrap();
    assert_eq!(stale.receive(&payer.rogue(who(2), 10).await).await.unwrap(), wei(10));
}

/// The payer's chequebook, in a wallet that sees the chain as it is shown now.
async fn old_book(payer: &Payer) -> chequebook_wallet::Chequebook {
    let wallet = wallet(&payer.sim, "payer").await;
    chequebook_wallet::Chequebook::recover(&wallet, payer.contract(), key("payer"), []).await.unwrap()
}

/// A load balancer that goes back: what was known stays known.
#[tokio::test(start_paused = true)]
async fn w3_the_view_does_not_go_back() {
    let payer = Payer::with(100, config().confirmations(2)).await;
    payer.sim.mine(3);
    let payee =
        wallet_with(&payer.sim, "payee", chequebook_wallet::store::Memory::new(), config().confirmations(2)).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    let cash = inbox.cash(chequebook::Overdraft::Refuse).await.unwrap();
    payer.sim.mine(3);
    cash.confirmed().await.unwrap();
    payer.announce();
    payee.refresh().await.unwrap();
    payer.sim.go_back(9);
    for _ in 0..3 {
        payee.refresh().await.unwrap();
        let error = inbox.receive(&payer.rogue(who(1), 20).await).await.unwrap_err();
        assert!(matches!(error, Error::KillAnnounced { .. }), "{error:?}");
        assert!(matches!(cash.status(), Status::Confirmed { .. }));
        assert_eq!(inbox.uncashed().await.unwrap(), wei(10), "20 of which 10 were paid");
    }
    payer.sim.go_back(0);
    payer.sim.mine(1);
    assert!(payer.sim.act(key("owner").address(), payer.contract(), cancelKillCall {}.abi_encode().into()));
    payee.refresh().await.unwrap();
    assert_eq!(inbox.receive(&payer.rogue(who(1), 20).await).await.unwrap(), wei(10));
}

/// Not even after a restart.
#[tokio::test(start_paused = true)]
async fn w3_the_view_does_not_go_back_over_a_restart() {
    let payer = Payer::new(100).await;
    let disk = MemoryDisk::new();
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    payer.sim.mine(5);
    payee.refresh().await.unwrap();
    payee.shutdown().await;
    drop(inbox);
    payer.sim.go_back(4);
    let payee = Wallet::open(payer.sim.provider(), key("payee"), disk.open().unwrap(), config()).await.unwrap();
    let error = payee.refresh().await.unwrap_err();
    assert!(matches!(error, Error::NodeBehind { .. }), "{error:?}");
    payer.sim.go_back(0);
    payee.refresh().await.unwrap();
}

/// Answers that come from nodes at different blocks are never mixed.
#[tokio::test(start_paused = true)]
async fn w3_split_answers_are_not_mixed() {
    let payer = Payer::with(1_000, config().confirmations(2)).await;
    payer.sim.mine(3);
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    payer.book.balance().await.unwrap();
    payer.sim.replicas(&[0, 1, 3, 0]);
    let mut sum = wei(0);
    for round in 1..=40 {
        payer.sim.mine(1);
        let cheque = match payer.book.outbox(who(1), Scheme::Typed).issue(wei(1)).await {
            Ok(cheque) => cheque,
            Err(error) => panic!("round {round}: {error:?}"),
        };
        match inbox.receive(&cheque).await {
            Ok(added) => sum += added,
            Err(error) => assert!(matches!(error, Error::Rpc { .. } | Error::NoBlock { .. }), "{error:?}"),
        }
        if round % 10 == 0 {
            let _ = inbox.cash(chequebook::Overdraft::Refuse).await;
        }
    }
    payer.sim.replicas(&[0]);
    payer.sim.mine(3);
    assert_eq!(sum, wei(40));
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(1_000));
}

/// Where events are refused, `killableAt` is read all the same: the guard needs no event.
#[tokio::test(start_paused = true)]
async fn w3_the_guard_needs_no_events() {
    let payer = Payer::new(100).await;
    let config = config().poll_interval(Duration::from_secs(12));
    let payee = wallet_with(&payer.sim, "payee", chequebook_wallet::store::Memory::new(), config).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.sim.hook(|asked, _| {
        (asked == "eth_getLogs").then(|| Act::Error(-32_601, "eth_getLogs is not available".to_owned(), None))
    });
    payer.sim.mine(1_500); // five hours without network
    payer.announce();
    let paid = async || payer.sim.paid(payer.contract()).get(&who(1)) == Some(&wei(60));
    assert!(eventually(&payer.sim, &payee, paid).await);
}

/// In every vendor's words, half of the blocks are asked for, and half of that.
#[tokio::test(start_paused = true)]
async fn w3_a_range_that_is_refused_is_halved() {
    for words in words::RANGES {
        let payer = Payer::new(100).await;
        let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
        payer.cash_by_stranger(&cheque);
        payer.sim.mine(3_000);
        payer.sim.log_range(Some(500), words);
        assert_eq!(payer.book.balance().await.unwrap().funded, wei(100), "{words:?}");
    }
}

/// Who is asked too often is asked more slowly, and nothing is lost.
#[tokio::test(start_paused = true)]
async fn w3_a_rate_that_is_refused_is_slowed_down() {
    for seed in 1..5 {
        let payer = Payer::on(crate::seeded(seed), 100, config()).await;
        let payee = wallet(&payer.sim, "payee").await;
        let inbox = payer.inbox(&payee, who(seed)).await;
        inbox.receive(&payer.rogue(who(seed), 60).await).await.unwrap();
        payer.sim.rate(Some(6));
        let seconds = tokio::spawn({
            let sim = payer.sim.clone();
            async move {
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    sim.tick();
                }
            }
        });
        payer.announce();
        let paid = async || payer.sim.paid(payer.contract()).get(&who(seed)) == Some(&wei(60));
        assert!(eventually(&payer.sim, &payee, paid).await, "{seed}");
        seconds.abort();
    }
}
