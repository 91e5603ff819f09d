//! W3 and W4: views that go back, lies that last, and offers that nobody wanted.

use std::time::Duration;

use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Error, Finality, store::Memory};
use serde_json::json;
use tokio::time::sleep;

use crate::doubles::{Broken, Meddled};
use crate::{
    Payer, chain, config, key,
    sim::{Act, Vendor},
    wallet, wallet_with, wei, who,
};

/// A slow answer about an old block arrives after a new one was seen: the end is known, and a cheque is acknowledged.
/// chain/watcher.rs, refresh(): updates with what it read, though `seen` has a newer head by then.
#[tokio::test(start_paused = true)]
async fn w3_a_slow_answer_does_not_take_the_view_back() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    let contract = json!(payer.contract());
    let bad = contract.clone();
    payer.sim.mine(1);
    payer.sim.hook(move |method, parameters| {
        (method == "eth_call" && parameters[0]["to"] == bad)
            .then(|| Act::Error(-32_000, "missing trie node".to_owned(), None))
    });
    payee.refresh().await.unwrap(); // this chequebook could not be read at this block
    let old = json!(payer.sim.hash_of(payer.sim.head()));
    payer.sim.hook(move |method, parameters| {
        let is_old = parameters.get(1).is_some_and(|block| block["blockHash"] == old);
        (method == "eth_call" && parameters[0]["to"] == contract && is_old).then_some(Act::Hang)
    });
    let cheque = payer.rogue(who(1), 60).await;
    let receive = tokio::spawn({
        let inbox = inbox.clone();
        async move { inbox.receive(&cheque).await }
    });
    sleep(Duration::from_millis(200)).await;
    payer.announce();
    payee.refresh().await.unwrap();
    let known = inbox.receive(&payer.rogue(who(1), 20).await).await;
    assert!(matches!(known, Err(Error::KillAnnounced { .. })), "{known:?}");
    payer.sim.unhook();
    let late = receive.await.unwrap();
    assert!(matches!(late, Err(Error::KillAnnounced { .. })), "the end is known: {late:?}");
}

/// The tag of the final block goes back, and the question for the old one is lost: so does the wallet.
/// chain/watcher.rs, confirmed(): an error counts as "it is not there", which is a fact without evidence.
#[tokio::test(start_paused = true)]
async fn w3_the_final_block_does_not_go_back_without_proof() {
    let sim = chain();
    sim.finality(2, 4);
    sim.mine(20);
    let payer = Payer::on(sim, 100, config()).await;
    payer.sim.mine(5);
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().finality(Finality::Safe)).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    let last = format!("0x{:x}", payer.sim.head() - 2);
    payer.sim.finality(10, 20);
    payer.sim.hook(move |method, parameters| {
        (method == "eth_getBlockByNumber" && parameters[0] == json!(last)).then(|| Act::Answer(json!(null)))
    });
    payer.sim.mine(1);
    let _ = payee.refresh().await;
    let received = inbox.receive(&payer.rogue(who(1), 20).await).await;
    assert!(received.is_ok(), "the deposit was final: {received:?}");
}

/// One balance that is too high: the truth contradicts it from then on, and promises go on against the lie.
/// payer/balance.rs, check_history(): keeps the larger of two answers that contradict each other, and issues on it.
#[tokio::test(start_paused = true)]
async fn w3_nothing_is_promised_on_answers_that_contradict_each_other() {
    let payer = Payer::new(100).await;
    payer.sim.mine(1);
    payer.sim.hook(|method, _| (method == "eth_getBalance").then(|| Act::Answer(json!("0x3e8"))));
    payer.book.balance().await.unwrap();
    payer.sim.unhook();
    payer.sim.mine(1);
    let balance = payer.book.balance().await;
    let issued = payer.book.outbox(who(1), Scheme::Typed).issue(wei(500)).await;
    assert!(
        issued.is_err(),
        "100 are there; the wallet knows of a contradiction ({balance:?}), and promises {issued:?}"
    );
}

/// And it never learns the truth again, at any depth, until it is restarted.
/// payer/balance.rs, check_history(): asks whether the old block is there, and not for the balance at it once more.
#[tokio::test(start_paused = true)]
async fn w3_one_wrong_balance_does_not_outlive_the_truth() {
    let payer = Payer::new(100).await;
    payer.sim.mine(1);
    payer.sim.hook(|method, _| (method == "eth_getBalance").then(|| Act::Answer(json!("0x3e8"))));
    payer.book.balance().await.unwrap();
    payer.sim.unhook();
    for _ in 0..100 {
        payer.sim.mine(1);
        let _ = payer.wallet.refresh().await;
    }
    let balance = payer.book.balance().await;
    assert_eq!(balance.expect("a hundred true answers").funded, wei(100));
}

/// Nethermind names the base fee besides the tip that it wants: the wallet offers the base fee as a tip.
/// chain/refusal.rs, Refusal::wanted(): the largest number of the message is what the node "wants".
#[tokio::test(start_paused = true)]
async fn w4_a_base_fee_in_a_refusal_is_no_tip() {
    let payer = Payer::new(100).await;
    payer.sim.vendor(Vendor::Nethermind);
    payer.sim.base_fee(50_000_000_000);
    payer.sim.mine(1);
    payer.sim.min_tip(2);
    let before = payer.sim.balance_at(payer.wallet.account(), u64::MAX);
    payer.book.deposit(wei(5)).await.unwrap().confirmed().await.unwrap();
    let cost = before - payer.sim.balance_at(payer.wallet.account(), u64::MAX);
    let fair = wei(50_000) * wei(50_000_000_100);
    assert!(cost <= fair, "{cost} wei instead of {fair}: a tip of 50 gwei where 2 wei were wanted");
}

/// A caller offers less than the node has: it is to be refused, and is raised above what was offered before.
/// transactions/send.rs, reprice(): try_broadcast() answers the refusal with raise(), against what the caller said.
#[tokio::test(start_paused = true)]
async fn w4_a_lower_offer_does_not_become_a_higher_one() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    payer.sim.base_fee(1_000_000_000);
    payer.sim.mine(1);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    let before = payer.sim.pending(payer.wallet.account());
    let repriced = deposit.reprice(1_500_000_000, 1).await;
    let after = payer.sim.pending(payer.wallet.account());
    assert!(
        matches!(repriced, Err(Error::NodeRefused { .. })) && before == after,
        "asked for 1.5 gwei, and replaced one of 2 gwei: {repriced:?}, {before:?}, {after:?}"
    );
}

/// A pool is full for a minute, in nethermind's words: the offer rises a million times over, to the limit.
/// chain/refusal.rs: "FeeTooLowToCompete" is Underpriced, and send.rs answers it twelve times at each look.
#[tokio::test(start_paused = true)]
async fn w4_a_full_pool_does_not_raise_a_tip_to_the_limit() {
    let payer = Payer::new(100).await;
    payer.sim.vendor(Vendor::Nethermind);
    payer.sim.auto_mine(false);
    payer.sim.pool_full(true);
    let before = payer.sim.balance_at(payer.wallet.account(), u64::MAX);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    for _ in 0..5 {
        payer.sim.mine(1);
        payer.wallet.refresh().await.unwrap();
    }
    payer.sim.pool_full(false);
    payer.wallet.refresh().await.unwrap();
    payer.sim.mine(1);
    deposit.included().await.unwrap();
    let cost = before - payer.sim.balance_at(payer.wallet.account(), u64::MAX);
    let fair = wei(50_000) * wei(1_001);
    assert!(cost <= fair * wei(10), "{cost} wei instead of {fair}, where all others pay a tip of 1 wei");
}

/// A cash is cancelled; somebody asks for it again: the answer is the transaction that does nothing.
/// cashing/register.rs, decide(): `Pending` with a transaction that is cancelled, which cashes nothing any more.
#[tokio::test(start_paused = true)]
async fn w2_a_cancelled_cash_is_no_cash() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    payer.sim.auto_mine(false);
    let cheque = payer.rogue(who(1), 60).await;
    let cash = payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
    cash.cancel().await.unwrap();
    let again = payee.cashing().cash(&cheque, Overdraft::Refuse).await;
    payer.sim.mine(2);
    payee.refresh().await.unwrap();
    let Ok(again) = again else { return };
    let paid = again.confirmed().await;
    assert!(paid.is_ok() && payer.sim.paid(payer.contract()).contains_key(&who(1)), "{paid:?}");
    let _ = key;
}

/// One answer leaves out the code of the clearing house: twenty cheques are cashed by twenty transactions.
/// cashing/clearing.rs, has_clearing_house(): an empty or a failed answer, once, means that this chain has none.
#[tokio::test(start_paused = true)]
async fn w3_one_missing_answer_does_not_cost_a_transaction_for_each_cheque() {
    for fails in [true, false] {
        let payer = Payer::new(100).await;
        let payee = wallet(&payer.sim, "payee").await;
        payer.sim.auto_mine(false);
        let mut cheques = Vec::new();
        for index in 1..=20 {
            cheques.push(payer.rogue(who(index), 1).await);
        }
        payee.cashing().cash(&payer.rogue(who(99), 1).await, Overdraft::Refuse).await.unwrap(); // it is watched
        let house = json!(chequebook::clearing_house());
        let mut said = false;
        payer.sim.hook(move |method, parameters| {
            let now = method == "eth_getCode" && parameters[0] == house && !said;
            said |= now;
            now.then(
                || if fails { Act::Error(-32_000, "out of memory".into(), None) } else { Act::Answer(json!("0x")) },
            )
        });
        let answers = payee.cashing().cash_many(&cheques).await;
        assert!(answers.iter().all(Result::is_ok));
        let sent = payee.open_transactions().len() - 1;
        assert_eq!(sent, 1, "{sent} transactions for twenty cheques");
    }
}

/// A deposit is included between the two looks of a balance: it is funded, and pending too.
/// payer/balance.rs, newest_balance(): two looks at the chain, at different blocks, are added up.
#[tokio::test(start_paused = true)]
async fn w2_a_deposit_counts_once_if_blocks_come_meanwhile() {
    let payer = Payer::with(100, config().confirmations(2)).await;
    payer.sim.mine(5);
    payer.sim.auto_mine(false);
    payer.book.deposit(wei(50)).await.unwrap();
    payer.sim.mine(0);
    let sim = payer.sim.clone();
    let mut asked = 0;
    payer.sim.hook(move |method, parameters| {
        if method == "eth_getBlockByNumber" && parameters[0] == json!("latest") {
            asked += 1;
            if asked == 2 {
                sim.mine(6); // the node catches up
            }
        }
        None
    });
    let balance = payer.book.balance().await.unwrap();
    assert_eq!(balance.funded + balance.pending, wei(150), "{balance:?}");
}

/// The final block is that of a node which is ahead, on another branch than the newest: a dropped block counts as final.
/// chain/node.rs, confirmed(): where the tag is above the head, the head itself is final, without a look at its hash.
#[tokio::test(start_paused = true)]
async fn w3_a_head_that_is_dropped_is_not_final() {
    let sim = chain();
    sim.finality(2, 4);
    sim.mine(20);
    let payer = Payer::on(sim, 100, config().finality(Finality::Safe)).await;
    payer.sim.mine(5);
    payer.book.balance().await.unwrap();
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(50)).await.unwrap();
    payer.sim.mine(1);
    let orphan = payer.sim.head();
    let hash = payer.sim.hash_of(orphan);
    let sim = payer.sim.clone();
    // One node is behind, on the dropped branch; the tag comes from one that is on the other.
    let provider = sim.provider();
    let question = alloy::providers::Provider::raw_request::<_, serde_json::Value>(
        &provider,
        "eth_getBlockByNumber".into(),
        (format!("0x{orphan:x}"), false),
    );
    let block = question.await.unwrap();
    payer.sim.forget();
    payer.sim.rollback(1, false);
    payer.sim.mine(5);
    payer.sim.hook(move |method, parameters| {
        let latest =
            method == "eth_getBlockByNumber" && (parameters[0] == json!("latest") || parameters[0] == block["number"]);
        latest.then(|| Act::Answer(block.clone()))
    });
    let balance = payer.book.balance().await;
    payer.sim.unhook();
    let funded = balance.as_ref().map(|balance| balance.funded);
    assert!(
        funded.is_err() || funded.is_ok_and(|funded| funded == wei(100)),
        "{balance:?}: {deposit:?} is in the dropped block {hash}"
    );
}

/// The store breaks while a batch is cashed: there are fewer answers than cheques.
/// cashing/clearing.rs, send_batch(): after `signed` took the items, an error returns none of them, and nobody answers.
#[tokio::test(start_paused = true)]
async fn w4_each_cheque_of_a_batch_has_an_answer() {
    let payer = Payer::new(100).await;
    let store = Meddled(std::sync::Arc::default(), Broken::default());
    let payee = wallet_with(&payer.sim, "payee", store.clone(), config()).await;
    let cheques = [payer.rogue(who(1), 30).await, payer.rogue(who(2), 30).await];
    store.1.break_it();
    let answers = payee.cashing().cash_many(&cheques).await;
    assert_eq!(answers.len(), 2, "{answers:?}");
}

/// The base fee is above the ceiling for a day: who waits is not told in all that time, and the status says `Pending`.
/// transactions/follow.rs, push(): where no more may be offered, only the log is told.
#[tokio::test(start_paused = true)]
async fn w4_who_waits_above_the_ceiling_is_told() {
    let payer = Payer::with(100, config().poll_interval(Duration::from_secs(4))).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    payer.sim.base_fee(2_000_000_000_000);
    let blocks = tokio::spawn({
        let sim = payer.sim.clone();
        async move {
            loop {
                sleep(Duration::from_secs(12)).await;
                sim.mine(1);
            }
        }
    });
    let waited = tokio::time::timeout(Duration::from_secs(7_200), deposit.included()).await;
    blocks.abort();
    assert!(waited.is_ok(), "{deposit:?} waits in silence for two hours");
}

/// A node that is down for a moment: the cheque is kept, and not cashed before it is acknowledged.
#[tokio::test(start_paused = true)]
async fn w1_what_is_kept_is_not_cashed_before_it_is_acknowledged() {
    let payer = Payer::new(100).await;
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().max_age(Duration::ZERO)).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.auto_cash(chequebook_wallet::AutoCash::default().interval(None).max_uncashed(wei(0)));
    let cheque = payer.rogue(who(1), 60).await;
    payer.sim.hook(|_, _| Some(Act::Http(502, "bad gateway".to_owned())));
    inbox.receive(&cheque).await.unwrap_err();
    payer.sim.unhook();
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(payer.sim.paid(payer.contract()).is_empty());
    assert_eq!(inbox.receive(&cheque).await.unwrap(), wei(60));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(payer.sim.paid(payer.contract())[&who(1)], wei(60));
}
