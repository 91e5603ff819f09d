//! W4: nobody waits for ever, in silence.

use std::{error::Error as _, sync::Arc, time::Duration};

use alloy::{primitives::U256, providers::ProviderBuilder};
use chequebook_wallet::{AutoCash, Chequebook, Error, Wallet, store::Memory};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    Payer, config,
    doubles::{Gate, Meddled},
    eventually, key,
    sim::Act,
    terms, wallet_with, wei, who,
};

/// While the chain cannot be seen, who waits is told after a while, and may wait again.
#[tokio::test(start_paused = true)]
async fn w4_who_waits_hears_that_the_chain_is_gone() {
    let payer = Payer::with(100, config().poll_interval(Duration::from_secs(4))).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    payer.sim.hook(|_, _| Some(Act::Http(502, "bad gateway".to_owned())));
    let error = timeout(Duration::from_secs(600), deposit.included()).await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Unreachable { reason, .. } if reason.contains("bad gateway")), "{error:?}");
    payer.sim.unhook();
    payer.sim.mine(1);
    deposit.included().await.unwrap();
}

/// A node that never answers is no different.
#[tokio::test(start_paused = true)]
async fn w4_a_node_that_hangs_is_given_up() {
    let payer = Payer::with(100, config().poll_interval(Duration::from_secs(4))).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    payer.sim.hang(true);
    let error = timeout(Duration::from_secs(600), deposit.included()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    payer.sim.hang(false);
    payer.sim.mine(1);
    deposit.included().await.unwrap();
}

/// A store that has failed makes nothing final any more: who waits is told at once, and if it only does not answer, after
/// a while.
#[tokio::test(start_paused = true)]
async fn w4_who_waits_hears_that_the_store_is_gone() {
    let config = config().poll_interval(Duration::from_secs(4));
    for hangs in [false, true] {
        let (sim, gate) = (crate::chain(), Gate::default());
        let wallet = wallet_with(&sim, "payer", Meddled(Arc::default(), gate.clone()), config).await;
        let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
        let deposit = book.deposit(wei(5)).await.unwrap();
        if hangs {
            gate.close(true);
        } else {
            gate.fail();
        }
        let error = timeout(Duration::from_secs(600), deposit.confirmed()).await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Store(_)), "{error:?}");
        if hangs {
            gate.close(false);
            deposit.confirmed().await.unwrap();
        }
    }
}

/// Waiting ends with the wallet, and a transaction that somebody keeps holds no store open.
#[tokio::test(start_paused = true)]
async fn w4_waiting_ends_with_the_wallet() {
    for shut_down in [true, false] {
        let sim = crate::chain();
        let disk = chequebook_wallet::store::MemoryDisk::new();
        let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
        let book = chequebook_wallet::Chequebook::create(&wallet, key("payer"), crate::terms(100)).await.unwrap();
        sim.auto_mine(false);
        let deposit = book.deposit(wei(5)).await.unwrap();
        let waiting = tokio::spawn({
            let deposit = deposit.clone();
            async move { deposit.confirmed().await }
        });
        sleep(Duration::from_millis(50)).await;
        if shut_down {
            wallet.shutdown().await;
        }
        drop((wallet, book));
        let waited = timeout(Duration::from_secs(3), waiting).await.unwrap().unwrap();
        assert!(matches!(waited, Err(Error::ShutDown)), "{waited:?}");
        assert!(matches!(deposit.cancel().await, Err(Error::ShutDown | Error::Store(_))));
        sleep(Duration::from_millis(200)).await;
        disk.open().unwrap();
    }
}

/// A task that panics is started again: the guard goes on.
#[tokio::test(start_paused = true)]
async fn w4_a_task_that_panics_starts_again() {
    let payer = Payer::new(100).await;
    let device = crate::doubles::Moody::new(key("payee"));
    let config = config().poll_interval(Duration::from_secs(4));
    let payee = Wallet::open(payer.sim.provider(), device.clone(), Memory::new(), config).await.unwrap();
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    device.set(crate::doubles::Mood::Panics);
    payer.announce();
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(5)).await;
    device.set(crate::doubles::Mood::Signs);
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await);
}

/// An absurd price does not end the watch.
#[tokio::test(start_paused = true)]
async fn w4_an_absurd_price_ends_nothing() {
    let payer = Payer::new(100).await;
    let config = config().poll_interval(Duration::from_secs(4));
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.sim.hook(|method, _| {
        (method == "eth_getBlockByNumber").then(|| {
            Act::Map(Box::new(|mut block| {
                block["baseFeePerGas"] = json!(U256::MAX);
                block
            }))
        })
    });
    payer.announce();
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(10)).await;
    payer.sim.unhook();
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await);
}

/// An error shows its cause, and no key of a node.
#[tokio::test]
async fn errors_show_their_cause_and_no_secret() {
    let url = "http://user:SECRET@127.0.0.1:9/v3/SECRET0123456789?key=SECRET";
    let provider = ProviderBuilder::new().connect_http(url.parse().unwrap());
    let error = Wallet::open(provider, key("payer"), Memory::new(), config()).await.unwrap_err();
    let mut texts = vec![error.to_string(), format!("{error:?}"), format!("{error:#?}")];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    assert!(texts.iter().all(|text| !text.contains("SECRET")), "{texts:?}");
    assert!(texts[0].contains("127.0.0.1:9"), "{texts:?}");
    assert!(texts[0].to_lowercase().contains("connect"), "{texts:?}");
}

/// A cheque that fails to be cashed is tried again when the node is well.
#[tokio::test(start_paused = true)]
async fn w4_what_cannot_be_cashed_now_is_cashed_later() {
    let payer = Payer::new(100).await;
    let config = config().poll_interval(Duration::from_secs(4));
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    payer
        .sim
        .hook(|method, _| (method == "eth_estimateGas").then(|| Act::Error(-32_000, "out of memory".to_owned(), None)));
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(0)));
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    assert!(payee.open_transactions().is_empty());
    payer.sim.unhook();
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await);
}
