//! W1, W2, W3: money that is not counted, and answers that become facts.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{
    AutoCash, Chequebook, Config, Error, Finality, Inbox, Policy, Purpose,
    store::{Memory, MemoryDisk},
};
use serde_json::{Value, json};
use tokio::{task::yield_now, time::sleep};

use crate::{Payer, chain, config, eventually, key, policy, sim::Act, terms, wallet, wallet_with, wei, who};

/// Whether a request of a call or of an estimate contains these bytes in its input.
fn contains(parameters: &[Value], address: Address) -> bool {
    let needle = format!("{address:x}");
    parameters.first().is_some_and(|call| call.to_string().to_lowercase().contains(&needle))
}

/* UNDER WAY */

/// A cash of 60 from a chequebook with 100 is under way, and a cheque over 60 to another beneficiary is acknowledged.
/// payee/exposure.rs, Lines::uncashed and acknowledge: only acknowledged amounts count, no cash that is under way.
#[tokio::test(start_paused = true)]
async fn w2_cover_counts_cashes_that_are_under_way() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    payer.sim.auto_mine(false);
    payee.cashing().cash(&payer.rogue(who(3), 60).await, Overdraft::Refuse).await.unwrap();
    let refused = inbox.receive(&payer.rogue(who(1), 60).await).await;
    assert!(matches!(refused, Err(Error::NotCovered { .. })), "{refused:?}");
}

/// The same with inboxes alone: a cheque that the policy refused is kept, and cashed, and counts for nobody.
/// payee/exposure.rs, Lines::uncashed: what is kept and being cashed is not acknowledged, so it is not counted.
#[tokio::test(start_paused = true)]
async fn w2_cover_counts_kept_cheques_that_are_being_cashed() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let strict = Inbox::open(&payee, payer.contract(), who(1), policy().accept_typed(false)).await.unwrap();
    let inbox = payer.inbox(&payee, who(2)).await;
    payer.sim.auto_mine(false);
    assert!(matches!(strict.receive(&payer.rogue(who(1), 60).await).await, Err(Error::SchemeRefused { .. })));
    strict.cash(Overdraft::Refuse).await.unwrap();
    let refused = inbox.receive(&payer.rogue(who(2), 60).await).await;
    assert!(matches!(refused, Err(Error::NotCovered { .. })), "{refused:?}");
}

/// A reorganisation puts a cash back into the pool; the same cheque is cashed by a second transaction.
/// cashing/register.rs, UnderWay::counts believes `Included` of the dropped block: cash.rs, look() asks no status anew.
#[tokio::test(start_paused = true)]
async fn w2_a_cash_that_a_reorganisation_drops_is_still_under_way() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().confirmations(3)).await;
    let cheque = payer.rogue(who(1), 60).await;
    let first = payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
    payer.sim.mine(1);
    first.included().await.unwrap();
    payer.sim.validators_tip(1_000_000_000); // it waits again
    payer.sim.rollback(1, true);
    assert_eq!(payer.sim.pending(payee.account()).len(), 1);
    let again = payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
    assert_eq!(again.nonce(), first.nonce(), "a second transaction for a cash that is under way");
}

/// And what it will pay is not counted: a second beneficiary's cash is sent, which cannot be covered.
/// cashing/register.rs, decide(): extract_if drops the cash for ever, though it pays as soon as it is included again.
#[tokio::test(start_paused = true)]
async fn w2_a_cash_that_a_reorganisation_drops_is_counted() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().confirmations(3)).await;
    let first = payee.cashing().cash(&payer.rogue(who(1), 60).await, Overdraft::Refuse).await.unwrap();
    payer.sim.mine(1);
    first.included().await.unwrap();
    payer.sim.validators_tip(1_000_000_000);
    payer.sim.rollback(1, true);
    let second = payee.cashing().cash(&payer.rogue(who(2), 60).await, Overdraft::Refuse).await;
    assert!(matches!(second, Err(Error::WouldBounce { .. })), "{second:?}");
}

/// A cash that is given up removes the record of another one, of a newer cheque: that is then sent twice.
/// cashing/register.rs, Reserved::drop removes whatever is recorded for the beneficiary, also if it is not its own.
#[tokio::test(start_paused = true)]
async fn w2_a_cash_that_is_given_up_forgets_no_other() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    payer.sim.auto_mine(false);
    let (low, high) = (payer.rogue(who(1), 30).await, payer.rogue(who(1), 60).await);
    payer.sim.hook(|method, _| (method == "eth_estimateGas").then_some(Act::Hang));
    let cash = |cheque: chequebook::SignedCheque| {
        let payee = payee.clone();
        tokio::spawn(async move { payee.cashing().cash(&cheque, Overdraft::Refuse).await })
    };
    let first = cash(low);
    sleep(Duration::from_millis(100)).await;
    payer.cash_by_stranger(&low);
    let second = cash(high);
    sleep(Duration::from_millis(100)).await;
    payer.sim.unhook();
    assert!(first.await.unwrap().is_err());
    let second = second.await.unwrap().unwrap();
    let third = payee.cashing().cash(&high, Overdraft::Refuse).await.unwrap();
    assert_eq!(third.nonce(), second.nonce(), "a second transaction for a cash that is under way");
}

/// A batch that is being cancelled may still pay. After a restart it counts no more, and is cashed again.
/// cashing/cash.rs, Cashing::open reads the cheques from the newest variant (account.rs, open_inputs), which is empty.
#[tokio::test(start_paused = true)]
async fn w2_a_batch_that_is_being_cancelled_counts_after_a_restart() {
    let payer = Payer::new(100).await;
    let disk = MemoryDisk::new();
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    payer.sim.auto_mine(false);
    let cheques = [payer.rogue(who(1), 30).await, payer.rogue(who(2), 30).await];
    let batch = payee.cashing().cash_many(&cheques).await.remove(0).unwrap();
    assert!(matches!(batch.purpose(), Purpose::CashMany { .. }));
    batch.cancel().await.unwrap();
    let refused = payee.cashing().cash(&payer.rogue(who(3), 60).await, Overdraft::Refuse).await;
    assert!(matches!(refused, Err(Error::WouldBounce { .. })), "before the restart: {refused:?}");
    payee.shutdown().await;
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let refused = payee.cashing().cash(&payer.rogue(who(3), 60).await, Overdraft::Refuse).await;
    assert!(matches!(refused, Err(Error::WouldBounce { .. })), "after it: {refused:?}");
}

/// While a cash of a cheque without an inbox is decided and not signed, the guard overdraws, and that cash gets nothing.
/// payee/keeper.rs, cash_what_is_due: `reserved` sums over the lines of inboxes only, not over all that is under way.
#[tokio::test(start_paused = true)]
async fn w2_the_guard_overdraws_nothing_that_is_under_way() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = Inbox::open(&payee, payer.contract(), who(1), policy().require_covered(false)).await.unwrap();
    inbox.receive(&payer.rogue(who(1), 120).await).await.unwrap();
    let cheque = payer.rogue(who(5), 30).await;
    payer
        .sim
        .hook(|method, parameters| (method == "eth_estimateGas" && contains(parameters, who(5))).then_some(Act::Hang));
    let cash = tokio::spawn({
        let payee = payee.clone();
        async move { payee.cashing().cash(&cheque, Overdraft::Refuse).await }
    });
    sleep(Duration::from_millis(100)).await;
    payer.announce();
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    payer.sim.unhook();
    let cash = cash.await.unwrap();
    assert!(cash.is_ok(), "what was decided first, and is covered, gets nothing: {cash:?}");
}

/// The fee of the chain below is checked for each transaction, and forgotten: two that fit singly are both sent.
/// transactions/account.rs, Slot::cost and State::outflow: `l1_fee` is part of what is needed, not of what is under way.
#[tokio::test(start_paused = true)]
async fn w2_the_fee_of_the_chain_below_is_reserved() {
    let sim = chain();
    let config = Config::op_stack().confirmations(0).poll_interval(config().poll_interval);
    let wallet = wallet_with(&sim, "payer", Memory::new(), config).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await;
    assert!(book.is_err(), "there is no oracle: {book:?}");
    let fee = sim.balance_at(wallet.account(), u64::MAX) / wei(10) * wei(6);
    sim.hook(move |method, parameters| {
        let oracle = "0x420000000000000000000000000000000000000f";
        (method == "eth_call" && parameters[0]["to"] == oracle)
            .then(|| Act::Answer(json!(alloy::primitives::Bytes::from(fee.to_be_bytes::<32>()))))
    });
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    sim.auto_mine(false);
    book.deposit(wei(1)).await.unwrap();
    let second = book.deposit(wei(1)).await;
    assert!(matches!(second, Err(Error::InsufficientFunds { .. })), "{second:?}");
}

/// A deposit was final; after a restart the tag of the final block is back before it: it is neither funded nor pending.
/// payer/balance.rs, balance(): counts `open` and `closed` only, and `closed` is empty after a restart (account.rs, open).
#[tokio::test(start_paused = true)]
async fn w2_a_deposit_counts_if_the_final_tag_goes_back_over_a_restart() {
    let sim = chain();
    sim.finality(2, 4);
    sim.mine(30);
    let disk = MemoryDisk::new();
    let config = config().finality(Finality::Safe);
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    let contract = book.address();
    sim.mine(20);
    let deposit = book.deposit(wei(50)).await.unwrap();
    sim.mine(4);
    deposit.confirmed().await.unwrap();
    let balance = book.balance().await.unwrap();
    assert_eq!(balance.funded + balance.pending, wei(150));
    wallet.shutdown().await;
    drop(book);
    sim.finality(10, 20); // another node, which has seen less of the chain below
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config).await;
    let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
    let balance = book.balance().await.unwrap();
    assert_eq!(balance.funded + balance.pending, wei(150), "an automatic deposit would deposit again: {balance:?}");
}

/* THE END */

/// The end is announced; one wei to somebody is covered and not worth its gas: the 99 are never taken.
/// payee/plan.rs, plan(): the last one goes only if nothing is covered, and keeper.rs does not cash what is not worth it.
#[tokio::test(start_paused = true)]
async fn w1_dust_does_not_keep_the_guard_from_what_is_left() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let large = Inbox::open(&payee, payer.contract(), who(1), policy().require_covered(false)).await.unwrap();
    let dust = Inbox::open(&payee, payer.contract(), who(2), Policy::default()).await.unwrap();
    dust.receive(&payer.rogue(who(2), 1).await).await.unwrap();
    large.receive(&payer.rogue(who(1), 120).await).await.unwrap();
    payer.announce();
    assert!(eventually(&payer.sim, &payee, async || payer.is_dead()).await, "the owner takes 100 wei");
}

/// The same with a covered cheque to a beneficiary that takes no payment: it fails for ever, and all others get nothing.
/// payee/keeper.rs, cash_what_is_due: what cannot be cashed stays `covered`, so that plan.last is never set.
#[tokio::test(start_paused = true)]
async fn w1_a_beneficiary_that_takes_no_payment_does_not_keep_the_guard_from_what_is_left() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let large = Inbox::open(&payee, payer.contract(), who(1), policy().require_covered(false)).await.unwrap();
    let broken = payer.inbox(&payee, who(2)).await;
    broken.receive(&payer.rogue(who(2), 10).await).await.unwrap();
    large.receive(&payer.rogue(who(1), 120).await).await.unwrap();
    payer.sim.refuses(who(2), true);
    payer.announce();
    assert!(eventually(&payer.sim, &payee, async || payer.is_dead()).await, "the owner takes 100 wei");
}

/// One wei is left when the end is announced: the guard pays gas for it, though its policy wants twice the gas.
/// payee/keeper.rs, is_worth(): the price is that of a covered cash (cash.rs, price), whose refusal counts as worth it.
#[tokio::test(start_paused = true)]
async fn w1_the_last_cash_is_worth_its_gas() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = Inbox::open(&payee, payer.contract(), who(1), Policy::default()).await.unwrap();
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(2), 99).await);
    payer.announce();
    let _ = eventually(&payer.sim, &payee, async || payer.is_dead()).await;
    assert_eq!(payee.transactions().await.unwrap().len(), 0, "50,000 gas for one wei");
}

/* ABSENT ANSWERS */

/// A node leaves the event of a payment out once: that the store does not know the payment is never noticed again.
/// payer/balance.rs, check_payments(): `checked` becomes the newest block, whatever the events were.
#[tokio::test(start_paused = true)]
async fn w3_a_missing_event_does_not_hide_that_the_store_is_outdated() {
    let payer = Payer::with(100, config().confirmations(3)).await;
    payer.sim.mine(5);
    payer.book.balance().await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(1), 60).await); // signed by another process, or before a restore
    payer.sim.hook(|asked, _| (asked == "eth_getLogs").then(|| Act::Answer(json!([]))));
    assert!(matches!(payer.book.balance().await, Err(Error::Contradiction { .. })), "the balance has fallen");
    payer.sim.unhook();
    payer.sim.mine(6);
    let balance = payer.book.balance().await;
    assert!(matches!(balance, Err(Error::StoreOutdated { .. })), "{balance:?}");
}

/// The same where the load balancer asks a node that is three blocks late.
/// payer/balance.rs, check_payments(): the events of blocks that the node does not have yet count as checked.
#[tokio::test(start_paused = true)]
async fn w3_a_node_that_is_late_does_not_hide_that_the_store_is_outdated() {
    let payer = Payer::with(100, config().confirmations(3)).await;
    payer.sim.mine(5);
    payer.book.balance().await.unwrap();
    let before = payer.sim.head();
    payer.cash_by_stranger(&payer.rogue(who(1), 60).await);
    // Only the question for events reaches the late node, which shows no later event.
    payer.sim.hook(move |asked, _| {
        (asked == "eth_getLogs").then(|| {
            Act::Map(Box::new(move |logs| {
                let known = |log: &Value| {
                    u64::from_str_radix(&log["blockNumber"].as_str().unwrap()[2..], 16).unwrap() <= before
                };
                json!(logs.as_array().unwrap().iter().filter(|log| known(log)).collect::<Vec<_>>())
            }))
        })
    });
    let _ = payer.book.outbox(who(2), Scheme::Typed).issue(wei(1_000)).await;
    payer.sim.unhook();
    payer.sim.mine(6);
    let issued = payer.book.outbox(who(2), Scheme::Typed).issue(wei(100)).await;
    assert!(issued.is_err(), "60 of 100 are paid, and 100 are promised: {issued:?}");
}

/// A node without events for some blocks, hidden by a deposit: the sum is stored, and too low for ever.
/// payer/balance.rs, ask_funds(): the same absence found twice, eight blocks apart, is taken for evidence.
#[tokio::test(start_paused = true)]
async fn w3_events_that_are_missing_for_some_blocks_are_counted_in_the_end() {
    let payer = Payer::new(100).await;
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    payer.sim.hook(|asked, _| (asked == "eth_getLogs").then(|| Act::Answer(json!([]))));
    payer.cash_by_stranger(&cheque);
    payer.book.deposit(wei(60)).await.unwrap();
    for _ in 0..30 {
        payer.book.balance().await.unwrap();
        payer.sim.mine(1);
    }
    payer.sim.unhook();
    payer.sim.mine(30);
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(160));
}

/// One empty answer of the factory, while a payer recovers: what was paid is forgotten, in the store too.
/// payer/balance.rs, created_in(): no record means "not created", so the scan starts at the newest block, and is stored.
#[tokio::test(start_paused = true)]
async fn w3_an_empty_answer_of_the_factory_forgets_no_payment() {
    let payer = Payer::new(100).await;
    let creation = payer.book.creation().unwrap();
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    payer.cash_by_stranger(&cheque);
    payer.sim.mine(3);
    let factory = json!(chequebook::factory());
    payer.sim.hook(move |method, parameters| {
        (method == "eth_call" && parameters[0]["to"] == factory).then(|| Act::Answer(json!("0x")))
    });
    let payer_again = wallet(&payer.sim, "payer").await;
    let recovered = Chequebook::recover_of(&payer_again, &creation, key("payer"), []).await;
    payer.sim.unhook();
    let Ok(book) = recovered else { return };
    payer.sim.mine(1);
    let next = book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap();
    assert_eq!(next.cheque().amount, wei(61), "a cheque over 1 is worth nothing: 60 were paid");
}

/// Block times are ahead of our clock, and the node stalls for hours: money moves in all the same.
/// chain/watcher.rs, check_age(): the age is that of the block's own time only, not how long the head has been the same.
#[tokio::test(start_paused = true)]
async fn w3_a_stall_is_seen_if_the_clock_is_behind() {
    let payer = Payer::new(100).await;
    payer.sim.warp(3 * 86_400);
    payer.sim.mine(1);
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    payer.sim.stall(Some(payer.sim.head()));
    payer.announce();
    payer.cash_by_stranger(&payer.rogue(who(2), 100).await);
    for _ in 0..100 {
        sleep(Duration::from_secs(120)).await;
        payee.refresh().await.unwrap();
    }
    let received = inbox.receive(&payer.rogue(who(1), 60).await).await;
    assert!(matches!(received, Err(Error::StaleHead { .. })), "the same head for three hours: {received:?}");
}

/* AUTOMATIC CASH */

/// An automatic cash fails when its interval ends: it is not repeated before the next one ends.
/// payee/keeper.rs, cash_what_is_due: `due` is moved on before the attempt, and a retry finds no reason.
#[tokio::test(start_paused = true)]
async fn w4_an_interval_that_fails_is_repeated() {
    let payer = Payer::new(100).await;
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().poll_interval(Duration::from_secs(4))).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer
        .sim
        .hook(|method, _| (method == "eth_estimateGas").then(|| Act::Error(-32_000, "out of memory".into(), None)));
    inbox.auto_cash(AutoCash::default().interval(Some(Duration::from_secs(36_000))).max_uncashed(wei(1_000)));
    sleep(Duration::from_secs(36_010)).await;
    payer.sim.unhook();
    sleep(Duration::from_secs(3_600)).await;
    assert!(payer.sim.paid(payer.contract()).contains_key(&who(1)), "an attempt that fails is repeated");
}

/// Payments to others leave too little; the automatic cash is replaced by another program: it is not cashed again.
/// payee/keeper.rs, follow(): `fallen` is forgotten when the cash is sent, not when it has paid.
#[tokio::test(start_paused = true)]
async fn w2_an_automatic_cash_that_is_replaced_is_sent_again() {
    let payer = Payer::new(200).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(1_000)));
    sleep(Duration::from_millis(200)).await;
    payer.sim.auto_mine(false);
    payer.cash_by_stranger(&payer.rogue(who(3), 110).await);
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let sent = payee.open_transactions();
    assert_eq!(sent.len(), 1, "{sent:?}");
    payer.sim.foreign(&key("payee"), sent[0].nonce(), 1_000_000);
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await, "{:?}", sent[0]);
}

#[allow(dead_code)]
async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

#[allow(dead_code)]
const fn max() -> U256 {
    U256::MAX
}
