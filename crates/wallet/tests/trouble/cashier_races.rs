//! A cashier while things happen at once: answers that come late, are lies, or do not come, and inboxes that are opened,
//! used and forgotten at the same time.

use std::time::Duration;

use alloy::{primitives::Address, sol_types::SolCall};
use async_trait::async_trait;
use chequebook::{
    Error as ChequeError, Overdraft,
    bindings::Chequebook::{announceKillCall, signerCall},
};
use chequebook_wallet::{Backup, Cashier, Error, Inbox, Limits, Order, store::MemoryDisk};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cashier::{books, cashier, cashier_on, credit, settings},
    chain, config,
    doubles::{Meddled, Meddler},
    eventually, key, policy, rogue,
    sim::{Act, Sim},
    wallet, wallet_with, wei, who,
};

/// Whether a request is about this contract.
fn is_about(contract: Address, parameters: &[Value]) -> bool {
    let contract = format!("{contract:x}");
    parameters.iter().any(|parameter| parameter.to_string().to_lowercase().contains(&contract))
}

fn announce(sim: &Sim, book: Address) {
    assert!(sim.act(key("owner").address(), book, announceKillCall {}.abi_encode().into()));
}

/* FORGET */

/// While a cheque is being judged, its inbox makes way for nobody: what is acknowledged then is listed and guarded.
#[tokio::test]
async fn w4_an_inbox_in_use_is_not_forgotten() {
    let sim = chain();
    let all = books(&sim, 2);
    let disk = MemoryDisk::new();
    let wallet = wallet_with(&sim, "payee", disk.open().unwrap(), config().max_age(Duration::ZERO)).await;
    let cashier = Cashier::open(&wallet, settings().limits(Limits::default().open(1))).await.unwrap();
    cashier.receive(&rogue(all[0], who(0), 50).await).await.unwrap();
    let cash = cashier.inbox(all[0], who(0)).unwrap().cash(Overdraft::Refuse).await.unwrap();
    cash.confirmed().await.unwrap();
    wallet.refresh().await.unwrap();

    // The first chequebook cannot be read, and all others can.
    let first = all[0];
    sim.hook(move |_, parameters| is_about(first, parameters).then(|| Act::Error(-32_000, "no state".into(), None)));
    sim.mine(1);
    wallet.refresh().await.unwrap();
    sim.hook(move |_, parameters| is_about(first, parameters).then_some(Act::Hang));
    let task = tokio::spawn({
        let (cashier, cheque) = (cashier.clone(), rogue(all[0], who(0), 70).await);
        async move { cashier.receive(&cheque).await }
    });
    sleep(Duration::from_millis(100)).await;
    let other = cashier.receive(&rogue(all[1], who(0), 10).await).await;
    assert!(matches!(other, Err(Error::Full { max: 1 })), "{other:?}");
    sim.unhook();
    assert_eq!(task.await.unwrap().unwrap().added, wei(20));
    let listed = cashier.uncashed(Order::Payer, 0, 9);
    assert_eq!(listed.iter().map(|one| one.uncashed).collect::<Vec<_>>(), [wei(20)]);
    announce(&sim, all[0]);
    assert!(eventually(&sim, &wallet, async || sim.paid(first).get(&who(0)) == Some(&wei(70))).await);
}

/// Whoever holds an inbox of the cashier keeps it open: its payer is not refused because of that.
#[tokio::test(start_paused = true)]
async fn w4_an_inbox_that_is_held_stays_open() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (wallet, cashier) = cashier(&sim, settings()).await;
    cashier.receive(&rogue(book, who(0), 50).await).await.unwrap();
    let held = cashier.inbox(book, who(0)).unwrap();
    held.cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    wallet.refresh().await.unwrap();
    sleep(Duration::from_secs(2_000)).await;
    sim.mine(1);
    wallet.refresh().await.unwrap();
    assert_eq!(cashier.receive(&rogue(book, who(0), 60).await).await.unwrap().added, wei(10));
    drop(held);
}

/* OPEN */

/// Answers late.
struct Slow;

#[async_trait]
impl Meddler for Slow {
    async fn before_get(&self) {
        sleep(Duration::from_millis(100)).await;
    }
}

/// The second cheque of a new payer comes while the inbox is being opened for the first: both are served.
#[tokio::test(start_paused = true)]
async fn w4_cheques_that_come_while_an_inbox_opens_are_served() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let wallet = wallet_with(&sim, "payee", Meddled(std::sync::Arc::default(), Slow), config()).await;
    let cashier = Cashier::open(&wallet, settings()).await.unwrap();
    let mut tasks = Vec::new();
    for amount in 1..=20 {
        let (cashier, cheque) = (cashier.clone(), rogue(book, who(0), amount).await);
        tasks.push(tokio::spawn(async move { cashier.receive(&cheque).await }));
        sleep(Duration::from_millis(10)).await;
    }
    for task in tasks {
        let answer = task.await.unwrap();
        assert!(matches!(answer, Ok(_) | Err(Error::StaleCheque { .. })), "{answer:?}");
    }
    assert_eq!(credit(cashier.credit(book, who(0)).await.unwrap()), (wei(20), wei(0)));
}

/// The last inbox of a chequebook closes while another one of it opens, which has to wait for others: it has all cheques.
#[tokio::test]
async fn w4_an_inbox_opens_while_the_last_one_closes() {
    let sim = chain();
    let all = books(&sim, 2);
    let payee = wallet(&sim, "payee").await;
    let one = Inbox::open(&payee, all[0], who(1), policy()).await.unwrap();
    let two = Inbox::open(&payee, all[0], who(2), policy()).await.unwrap();
    one.receive(&rogue(all[0], who(1), 10).await).await.unwrap();
    drop(one);
    let other = all[1];
    sim.hook(move |_, parameters| is_about(other, parameters).then_some(Act::Hang));
    let task = tokio::spawn({
        let (payee, wanted) = (payee.clone(), [(all[0], who(1)), (all[1], who(1))]);
        async move { Inbox::open_many(&payee, &wanted, policy()).await }
    });
    sleep(Duration::from_millis(100)).await;
    drop(two);
    sim.unhook();
    let mut opened = task.await.unwrap().unwrap();
    opened.remove(1).unwrap();
    let one = opened.remove(0).unwrap();
    assert_eq!(one.latest_cheque().await.unwrap().unwrap().cheque().amount, wei(10));
    assert_eq!(one.receive(&rogue(all[0], who(1), 25).await).await.unwrap(), wei(15));
}

/// While an inbox opens, which has to wait for others, another one of its chequebook opens, receives and closes: nothing
/// that it received is forgotten.
#[tokio::test]
async fn w1_an_inbox_that_opens_slowly_knows_what_came_meanwhile() {
    let sim = chain();
    let all = books(&sim, 2);
    let payee = wallet(&sim, "payee").await;
    let two = Inbox::open(&payee, all[0], who(2), policy()).await.unwrap();
    two.receive(&rogue(all[0], who(2), 10).await).await.unwrap();
    drop(two);
    let other = all[1];
    sim.hook(move |_, parameters| is_about(other, parameters).then_some(Act::Hang));
    let slow = tokio::spawn({
        let (payee, wanted) = (payee.clone(), [(all[0], who(1)), (all[1], who(1))]);
        async move { Inbox::open_many(&payee, &wanted, policy()).await }
    });
    sleep(Duration::from_millis(100)).await;
    let fast = tokio::spawn({
        let (payee, contract, cheque) = (payee.clone(), all[0], rogue(all[0], who(2), 25).await);
        async move {
            let two = Inbox::open(&payee, contract, who(2), policy()).await.unwrap();
            two.receive(&cheque).await.unwrap()
        }
    });
    sleep(Duration::from_millis(300)).await;
    sim.unhook();
    let opened = slow.await.unwrap().unwrap();
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    assert_eq!(fast.await.unwrap(), wei(15));
    let two = Inbox::open(&payee, all[0], who(2), policy()).await.unwrap();
    assert_eq!(two.latest_cheque().await.unwrap().unwrap().cheque().amount, wei(25));
    assert_eq!(two.receive(&rogue(all[0], who(2), 30).await).await.unwrap(), wei(5));
}

/* LIES */

/// A node that fails refuses nobody, whichever of our addresses a cheque pays.
#[tokio::test(start_paused = true)]
async fn w3_a_failure_is_the_same_for_all_of_ours() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (_wallet, cashier) = cashier(&sim, settings().beneficiary(who(1))).await;
    let [one, two] = [rogue(book, who(0), 10).await, rogue(book, who(1), 10).await];
    sim.hook(|method, _| (method == "eth_call").then(|| Act::Error(-32_000, "missing trie node".into(), None)));
    let (first, second) = tokio::join!(cashier.receive(&one), cashier.receive(&two));
    for answer in [first, second] {
        assert!(matches!(answer, Err(Error::Rpc { .. })), "{answer:?}");
    }
    sim.unhook();
    for cheque in [one, two] {
        assert_eq!(cashier.receive(&cheque).await.unwrap().added, wei(10));
    }
}

/// A node that lies once about a signer: the payer is served after a while.
#[tokio::test(start_paused = true)]
async fn w3_a_lie_about_a_signer_is_not_for_ever() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (_wallet, cashier) = cashier(&sim, settings()).await;
    let cheque = rogue(book, who(0), 10).await;
    let selector = alloy::hex::encode(signerCall::SELECTOR);
    sim.hook(move |method, parameters| {
        let is_asked = method == "eth_call" && parameters[0].to_string().contains(&format!("0x{selector}"));
        is_asked.then(|| Act::Answer(json!(who(7).into_word())))
    });
    let refused = cashier.receive(&cheque).await.unwrap_err();
    assert!(matches!(refused, Error::Cheque(ChequeError::WrongSigner { .. })), "{refused}");
    sim.unhook();
    sleep(Duration::from_secs(16)).await;
    assert_eq!(cashier.receive(&cheque).await.unwrap().added, wei(10));
}

/* RESTART */

/// What cannot be read when the cashier opens is not forgotten: it is guarded once it can be read.
#[tokio::test(start_paused = true)]
async fn w4_a_node_that_fails_at_a_restart_takes_no_guard_away() {
    let sim = chain();
    let all = books(&sim, 20);
    let disk = MemoryDisk::new();
    let (wallet, first) = cashier_on(&sim, &disk, settings()).await;
    for book in &all {
        first.receive(&rogue(*book, who(0), 50).await).await.unwrap();
    }
    wallet.shutdown().await;
    drop((first, wallet));
    sim.hook(|method, _| (method == "eth_call").then(|| Act::Error(-32_000, "missing trie node".into(), None)));
    let (wallet, cashier) = cashier_on(&sim, &disk, settings()).await;
    assert_eq!(cashier.open_inboxes(), 0);
    sleep(Duration::from_secs(3_600)).await;
    sim.unhook();
    sleep(Duration::from_secs(900)).await;
    assert_eq!(cashier.open_inboxes(), 20);
    announce(&sim, all[7]);
    assert!(eventually(&sim, &wallet, async || sim.paid(all[7]).get(&who(0)) == Some(&wei(50))).await);
}

/// What payers have is in a backup, with what they spent. One of an older version has none.
#[tokio::test]
async fn w1_credit_is_in_a_backup() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (wallet, first) = cashier(&sim, settings()).await;
    first.receive(&rogue(book, who(0), 50).await).await.unwrap();
    first.spend(book, who(0), wei(20)).await.unwrap();
    let since = first.uncashed(Order::Age, 0, 1)[0].since;
    let mut json = serde_json::to_value(Backup::export(&wallet).await.unwrap()).unwrap();
    wallet.shutdown().await;
    let disk = MemoryDisk::new();
    let store = disk.open().unwrap();
    serde_json::from_value::<Backup>(json.clone()).unwrap().import(&store).await.unwrap();
    drop(store);
    let (_wallet, again) = cashier_on(&sim, &disk, settings()).await;
    assert_eq!(credit(again.credit(book, who(0)).await.unwrap()), (wei(50), wei(20)));
    assert_eq!(again.uncashed(Order::Age, 0, 1)[0].since, since);
    // The same cheque brings nothing again, and a higher one what it adds.
    assert_eq!(again.receive(&rogue(book, who(0), 50).await).await.unwrap().added, wei(0));
    assert_eq!(credit(again.receive(&rogue(book, who(0), 60).await).await.unwrap().credit), (wei(60), wei(20)));

    json.as_object_mut().unwrap().remove("credits").unwrap();
    let older: Backup = serde_json::from_value(json).unwrap();
    let disk = MemoryDisk::new();
    let store = disk.open().unwrap();
    older.import(&store).await.unwrap();
    drop(store);
    let (_wallet, again) = cashier_on(&sim, &disk, settings()).await;
    assert_eq!(credit(again.credit(book, who(0)).await.unwrap()), (wei(0), wei(0)));
}

/// An inbox that somebody opened for itself has cheques before a cashier counts: their time is known all the same.
#[tokio::test]
async fn what_is_older_than_the_cashier_has_a_time() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let payee = wallet(&sim, "payee").await;
    let inbox = Inbox::open(&payee, book, who(0), policy()).await.unwrap();
    inbox.receive(&rogue(book, who(0), 10).await).await.unwrap();
    drop(inbox);
    let cashier = Cashier::open(&payee, settings()).await.unwrap();
    assert_eq!(cashier.uncashed(Order::Age, 0, 1)[0].since, None);
    let now = sim.time();
    cashier.receive(&rogue(book, who(0), 30).await).await.unwrap();
    assert!(cashier.uncashed(Order::Age, 0, 1)[0].since >= Some(now));
}
