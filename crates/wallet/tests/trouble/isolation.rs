//! W4 and W5: trouble with one is no trouble for the others, and costs follow change.

use std::time::Duration;

use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Chequebook, Error, Inbox, store::Memory};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Payer, config, eventually, key, policy, rogue, sim::Act, wallet, wallet_with, wei, who};

/// A payee with inboxes of many chequebooks.
async fn many(books: u64) -> (Payer, chequebook_wallet::Wallet, Vec<Inbox>) {
    let payer = Payer::new(100).await;
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().poll_interval(Duration::from_secs(4))).await;
    let inboxes = payer.inboxes(&payee, books).await;
    for (index, inbox) in inboxes.iter().enumerate() {
        let beneficiary = who(u64::try_from(index).unwrap());
        inbox.receive(&rogue(inbox.contract(), beneficiary, 60).await).await.unwrap();
    }
    (payer, payee, inboxes)
}

/// One chequebook that the node does not answer for: all others are read, guarded and cashed.
#[tokio::test(start_paused = true)]
async fn w4_a_question_that_fails_fails_for_one() {
    let (payer, payee, inboxes) = many(3).await;
    let bad = json!(inboxes[1].contract());
    payer.sim.no_multicall();
    payer.sim.hook(move |method, parameters| {
        (method == "eth_call" && parameters[0]["to"] == bad)
            .then(|| Act::Error(-32_000, "missing trie node".to_owned(), None))
    });
    for inbox in &inboxes {
        let input = alloy::sol_types::SolCall::abi_encode(&chequebook::bindings::Chequebook::announceKillCall {});
        assert!(payer.sim.act(key("owner").address(), inbox.contract(), input.into()));
    }
    let paid = async || {
        [0, 2]
            .iter()
            .all(|&index| payer.sim.paid(inboxes[index].contract()).contains_key(&who(u64::try_from(index).unwrap())))
    };
    assert!(eventually(&payer.sim, &payee, paid).await);
    assert!(payer.sim.paid(inboxes[1].contract()).is_empty());
    payer.sim.unhook();
    let last = async || payer.sim.paid(inboxes[1].contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, last).await);
}

/// What is dropped can be opened again at once, also while the node does not answer.
#[tokio::test(start_paused = true)]
async fn w4_what_is_dropped_is_not_open() {
    let payer = Payer::new(100).await;
    payer.sim.mine(1);
    payer.sim.hang(true);
    let look = tokio::spawn({
        let wallet = payer.wallet.clone();
        async move { wallet.refresh().await }
    });
    sleep(Duration::from_millis(50)).await;
    let contract = payer.contract();
    drop(payer.book);
    sleep(Duration::from_millis(50)).await;
    let again = timeout(Duration::from_millis(300), Chequebook::open(&payer.wallet, contract, key("payer"))).await;
    payer.sim.hang(false);
    assert!(!matches!(again, Ok(Err(Error::AlreadyOpen { .. }))), "{again:?}");
    look.await.unwrap().unwrap();
}

/* COST */

/// A cash leaves no question behind.
#[tokio::test(start_paused = true)]
async fn w5_a_cash_leaves_no_questions_behind() {
    let payer = Payer::new(1_000).await;
    let asks = async || {
        payer.sim.mine(1);
        let before = payer.sim.all_requests();
        payer.wallet.refresh().await.unwrap();
        payer.book.balance().await.unwrap();
        payer.sim.all_requests() - before
    };
    let first = asks().await;
    for index in 0..100 {
        let cheque = payer.book.outbox(who(index), Scheme::Typed).issue(wei(1)).await.unwrap();
        let cash = payer.wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
        cash.confirmed().await.unwrap();
    }
    asks().await;
    let last = asks().await;
    assert!(last <= first + 3, "{first} questions before, {last} after 100 cashes");
}

/// Many who wait ask together.
#[tokio::test(start_paused = true)]
async fn w5_waiting_for_many_is_not_quadratic() {
    let payer = Payer::new(1_000).await;
    payer.sim.auto_mine(false);
    let mut deposits = Vec::new();
    for _ in 0..60 {
        deposits.push(payer.book.deposit(wei(1)).await.unwrap());
    }
    let before = payer.sim.all_requests();
    let mut tasks = JoinSet::new();
    for deposit in deposits {
        tasks.spawn(async move { deposit.confirmed().await });
    }
    sleep(Duration::from_secs(1)).await;
    let asked = payer.sim.all_requests() - before;
    assert!(asked < 200, "{asked} questions for 60 waits, before any block came");
}

/// Callers that all find too little ask once.
#[tokio::test(start_paused = true)]
async fn w5_a_shortage_is_asked_for_once() {
    let payer = Payer::new(10).await;
    payer.sim.mine(1);
    let before = payer.sim.all_requests();
    let mut tasks = JoinSet::new();
    for index in 0..200 {
        let book = payer.book.clone();
        tasks.spawn(async move { book.outbox(who(index), Scheme::Typed).issue(wei(11)).await.unwrap_err() });
    }
    while let Some(error) = tasks.join_next().await {
        assert!(matches!(error.unwrap(), Error::InsufficientDeposit { .. }));
    }
    let asked = payer.sim.all_requests() - before;
    assert!(asked < 60, "{asked} questions for 200 issues that fail at the same time");
}

/// One batch of questions a block, whatever is watched; a block without news costs no more.
#[tokio::test(start_paused = true)]
async fn w5_questions_do_not_grow_with_chequebooks() {
    let (payer, _, inboxes) = many(50).await;
    let payee = wallet(&payer.sim, "payee").await;
    let mut watched = Vec::new();
    for (index, inbox) in inboxes.iter().enumerate() {
        let beneficiary = who(u64::try_from(index).unwrap());
        watched.push(Inbox::open(&payee, inbox.contract(), beneficiary, policy()).await.unwrap());
    }
    payee.refresh().await.unwrap();
    payer.sim.mine(1);
    let before = payer.sim.all_requests();
    payee.refresh().await.unwrap();
    let asked = payer.sim.all_requests() - before;
    assert!(asked <= 8, "{asked} questions for a block, and 50 chequebooks");
    payee.refresh().await.unwrap();
    let asked = payer.sim.all_requests() - before - asked;
    assert!(asked <= 3, "{asked} questions without a new block");
}
