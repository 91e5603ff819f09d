//! W4: what wedges, or holds up others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::primitives::{B256, U256};
use chequebook::{Creation, Overdraft, Scheme, Terms};
use chequebook_wallet::{
    AutoCash, AutoDeposit, Chequebook, Error, Finality, Inbox, Purpose, Status, Wallet,
    store::{Memory, MemoryDisk},
};
use serde_json::json;
use tokio::{
    task::yield_now,
    time::{Instant, sleep, timeout},
};

use crate::doubles::{Gate, Meddled, Mood, Moody};
use crate::{
    DAY, Payer, Sim, chain, config, eventually, key, policy, rogue, sim::Act, terms, wallet, wallet_with, wei, who,
};

async fn blocks_every_12_seconds(sim: Sim) {
    loop {
        sleep(Duration::from_secs(12)).await;
        sim.mine(1);
    }
}

/* THE VIEW */

/// One answer with a block far ahead, and the view never comes back: everything is read at a block that does not exist.
/// chain/watcher.rs, follow(): `FollowsIf` checks the block before only, never that the node has the new one by number.
#[tokio::test(start_paused = true)]
async fn w3_one_block_that_does_not_exist_wedges_nothing() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    let mut said = false;
    payer.sim.hook(move |method, parameters| {
        let now = method == "eth_getBlockByNumber" && parameters[0] == json!("latest") && !said;
        said |= now;
        now.then(|| {
            Act::Map(Box::new(|mut block| {
                block["number"] = json!("0x3b9aca00");
                block["hash"] = json!(B256::repeat_byte(7));
                block["parentHash"] = json!(B256::repeat_byte(6));
                block
            }))
        })
    });
    let _ = payee.refresh().await;
    payer.sim.unhook();
    payer.announce();
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await, "{:?}", payee.refresh().await);
}

/// And it is stored: not even a restart helps.
/// chain/watcher.rs, look_now(): remembers a head that nothing was read at, also if every read at it failed.
#[tokio::test(start_paused = true)]
async fn w3_one_block_that_does_not_exist_wedges_no_later_run() {
    let payer = Payer::new(100).await;
    let disk = MemoryDisk::new();
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    sleep(Duration::from_secs(60)).await;
    let mut said = false;
    payer.sim.hook(move |method, parameters| {
        let now = method == "eth_getBlockByNumber" && parameters[0] == json!("latest") && !said;
        said |= now;
        now.then(|| {
            Act::Map(Box::new(|mut block| {
                block["number"] = json!("0x3b9aca00");
                block["hash"] = json!(B256::repeat_byte(7));
                block
            }))
        })
    });
    let _ = payee.refresh().await;
    payer.sim.unhook();
    payee.shutdown().await;
    drop(inbox);
    payer.sim.mine(200);
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    payee.refresh().await.unwrap();
}

/// One wrong answer for what was paid: every true answer contradicts it from then on, and the guard cashes nothing.
/// chain/watcher.rs, check_history(): proves that the old block is there, and never asks what is true at that block.
#[tokio::test(start_paused = true)]
async fn w3_one_wrong_payment_does_not_outlive_the_truth() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    let contract = json!(payer.contract());
    payer.sim.no_multicall();
    payer.sim.hook(move |method, parameters| {
        let sent = alloy::hex::encode_prefixed(
            <chequebook::bindings::Chequebook::sentCall as alloy::sol_types::SolCall>::SELECTOR,
        );
        let asked =
            method == "eth_call" && parameters[0]["to"] == contract && parameters[0].to_string().contains(&sent);
        asked.then(|| Act::Answer(json!(B256::from(U256::from(1_000)))))
    });
    payer.sim.mine(1);
    let _ = payee.refresh().await;
    payer.sim.unhook();
    payer.announce();
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await, "{:?}", inbox.uncashed().await);
}

/// Nothing becomes final on the chain for an hour, and the node prunes state as always: the guard does not see the end.
/// chain/watcher.rs, read(): a balance at the final block that is pruned fails all that was read at the newest.
#[tokio::test(start_paused = true)]
async fn w4_the_guard_needs_no_state_of_the_final_block() {
    let sim = chain();
    sim.finality(2, 4);
    let payer = Payer::on(sim, 100, config()).await;
    payer.sim.mine(10);
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().finality(Finality::Finalized)).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.sim.mine(290);
    payer.sim.finality(200, 300);
    payer.sim.prune_state(Some(128));
    payer.announce();
    for _ in 0..10 {
        let _ = payee.refresh().await;
        sleep(Duration::from_secs(12)).await;
    }
    assert!(payer.sim.paid(payer.contract()).contains_key(&who(1)), "{:?}", payee.refresh().await);
}

/// The same for transactions: none is sent again, repriced or seen included.
/// transactions/follow.rs, follow_account(): without the count at the final block, nothing is done for the account.
#[tokio::test(start_paused = true)]
async fn w4_transactions_need_no_state_of_the_final_block() {
    let sim = chain();
    sim.finality(2, 4);
    sim.mine(10);
    let payer = Payer::on(sim, 100, config().finality(Finality::Finalized)).await;
    payer.sim.mine(300);
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    payer.sim.forget();
    payer.sim.finality(400, 500);
    payer.sim.mine(140);
    payer.sim.prune_state(Some(128));
    let included = async || matches!(deposit.status(), Status::Included { .. });
    assert!(eventually(&payer.sim, &payer.wallet, included).await, "{deposit:?} {:?}", payer.wallet.refresh().await);
}

/// The node answers null for the final block for some hours: the guard does not see the end, though it needs no final block.
/// chain/watcher.rs, look_now(): no chequebook is read at the newest block if the final one is not told.
#[tokio::test(start_paused = true)]
async fn w4_the_guard_needs_no_final_block() {
    let sim = chain();
    sim.finality(2, 4);
    let payer = Payer::on(sim, 100, config()).await;
    payer.sim.mine(10);
    let payee = wallet_with(&payer.sim, "payee", Memory::new(), config().finality(Finality::Safe)).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.sim.hook(|method, parameters| {
        (method == "eth_getBlockByNumber" && parameters[0] == json!("safe")).then(|| Act::Answer(json!(null)))
    });
    payer.announce();
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await, "{:?}", payee.refresh().await);
}

/* TRANSACTIONS */

/// Who waits is dropped while a gap is being filled: what fills it is never sent, and all later ones wait for ever.
/// transactions/send.rs, fill(): `durable = 1` is set by the caller's future after the store has it; push() skips 0.
#[tokio::test(start_paused = true)]
async fn w4_a_wait_that_is_dropped_while_a_gap_is_filled_wedges_nothing() {
    let payer = Payer::new(100).await;
    let store = Arc::new(crate::with_next_nonce(&payer.sim, "payee", 1).await);
    let gate = Meddled(store, Gate::default());
    let payee = wallet_with(&payer.sim, "payee", gate.clone(), config()).await;
    payer.sim.auto_mine(false);
    let cheque = payer.rogue(who(1), 60).await;
    let cash = payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
    payer.sim.unhook();
    assert_eq!(cash.nonce(), 1, "there is a gap at 0");
    payee.refresh().await.unwrap();
    payer.sim.mine(1);
    gate.1.close(true);
    let waiting = tokio::spawn({
        let cash = cash.clone();
        async move { cash.confirmed().await }
    });
    let fills = || payee.open_transactions().iter().any(|one| one.purpose() == Purpose::FillGap);
    for _ in 0..10_000 {
        if fills() {
            break;
        }
        yield_now().await;
    }
    assert!(fills(), "{:?}", payee.open_transactions());
    waiting.abort();
    let _ = waiting.await;
    gate.1.close(false);
    assert!(eventually(&payer.sim, &payee, async || cash.status().is_final()).await, "{:?}", payee.open_transactions());
}

/// A call of cancel() is dropped while the store is slow: it is durable, and the wallet goes on sending the other one.
/// transactions/send.rs, add_variant(): `durable` rises in the caller's future only, so sendable() stays the old variant.
#[tokio::test(start_paused = true)]
async fn w2_a_cancel_that_is_durable_is_sent() {
    let payer = Payer::new(100).await;
    let gate = Meddled(Arc::default(), Gate::default());
    let payee = wallet_with(&payer.sim, "payee", gate.clone(), config()).await;
    payer.sim.auto_mine(false);
    let cheque = payer.rogue(who(1), 60).await;
    let cash = payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
    let first = cash.hash();
    payer.sim.validators_tip(1_000_000_000);
    gate.1.close(true);
    let cancelling = tokio::spawn({
        let cash = cash.clone();
        async move { cash.cancel().await }
    });
    while cash.hash() == first {
        yield_now().await;
    }
    cancelling.abort();
    let _ = cancelling.await;
    gate.1.close(false);
    sleep(Duration::from_millis(10)).await; // until it is durable
    payee.refresh().await.unwrap();
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    let sent = payer.sim.pending(payee.account())[0].1;
    assert_eq!(sent, cash.hash(), "`hash` is what it was last sent with, and after a restart it is cancelled");
}

/// A transaction at the ceiling cannot be paid any more: it cannot be cancelled, and all behind it wait for ever.
/// transactions/send.rs, cancel(): raise() wants an eighth more than an offer that no node has, also above the ceiling.
#[tokio::test(start_paused = true)]
async fn w4_what_cannot_be_paid_is_cancelled_though_it_offers_the_most() {
    let payer = Payer::new(100).await;
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(10)).await.unwrap();
    payer.sim.auto_mine(false);
    payer.sim.base_fee(600_000_000_000);
    payer.sim.mine(1);
    let account = payer.wallet.account();
    let most = payer.sim.balance_at(account, u64::MAX) / wei(10) * wei(6);
    let deposit = payer.book.deposit(most).await.unwrap();
    let cash = payer.wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap();
    payer.sim.forget();
    payer.sim.take(account, payer.sim.balance_at(account, u64::MAX) / wei(2));
    payer.sim.base_fee(1_000);
    let done = eventually(&payer.sim, &payer.wallet, async || cash.status().is_final()).await;
    assert!(done, "{deposit:?} {cash:?} {:?}", payer.wallet.refresh().await);
}

/// The first transaction is refused for good: who waits for the second is never told, in ten hours.
/// transactions/handle.rs, wait(): looks at its own transaction only, which is `Pending` behind one that cannot go.
#[tokio::test(start_paused = true)]
async fn w4_who_waits_behind_a_refused_transaction_is_told() {
    let payer = Payer::with(100, config().poll_interval(Duration::from_secs(4))).await;
    payer.sim.auto_mine(false);
    let first = Arc::new(AtomicBool::new(true));
    let is_first = Arc::clone(&first);
    let mut bad = None;
    payer.sim.hook(move |method, parameters| {
        if method != "eth_sendRawTransaction" {
            return None;
        }
        if is_first.swap(false, Ordering::SeqCst) {
            bad = Some(parameters[0].clone());
        }
        (bad.as_ref() == Some(&parameters[0])).then(|| Act::Error(-32_000, "sender is on a list".into(), None))
    });
    let refused = payer.book.deposit(wei(5)).await.unwrap();
    let behind = payer.book.deposit(wei(6)).await.unwrap();
    assert!(matches!(refused.confirmed().await, Err(Error::NodeRefused { .. })));
    let blocks = tokio::spawn({
        let sim = payer.sim.clone();
        async move {
            loop {
                sleep(Duration::from_secs(12)).await;
                sim.mine(1);
            }
        }
    });
    let waited = timeout(Duration::from_secs(36_000), behind.confirmed()).await;
    blocks.abort();
    assert!(waited.is_ok(), "{behind:?} waits in silence for {refused:?}");
}

/// One node counts two thousand transactions too many, for a moment: the account is wedged behind a gap for hours.
/// transactions/send.rs, prepare(): the same count asked for twice is believed, however far it is from all evidence.
#[tokio::test(start_paused = true)]
async fn w4_a_gap_far_ahead_wedges_nothing() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    payer.sim.hook(|method, _| (method == "eth_getTransactionCount").then(|| Act::Answer(json!("0x7d0"))));
    let first = payer.book.deposit(wei(5)).await;
    payer.sim.unhook();
    let Ok(first) = first else { return };
    assert!(
        eventually(&payer.sim, &payer.wallet, async || first.status().is_final()).await,
        "{first:?}, with {} that fill the gap so far",
        payer.wallet.transactions().await.unwrap().len()
    );
}

/// A signer that panics panics in whoever only waits.
/// transactions/handle.rs, wait(): advance() signs a higher offer in the future of the caller.
#[tokio::test(start_paused = true)]
async fn w4_a_signer_that_panics_does_not_panic_in_who_waits() {
    let sim = chain();
    let device = Moody::new(key("payer"));
    let wallet = Wallet::open(sim.provider(), device.clone(), Memory::new(), config()).await.unwrap();
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    sim.auto_mine(false);
    sim.validators_tip(1_000);
    let deposit = book.deposit(wei(5)).await.unwrap();
    for _ in 0..4 {
        sim.mine(1);
        if sim.head() < 4 {
            wallet.refresh().await.unwrap();
        }
    }
    device.set(Mood::Panics);
    sim.mine(3);
    let waiting = tokio::spawn({
        let deposit = deposit.clone();
        async move { deposit.included().await }
    });
    sleep(Duration::from_secs(5)).await;
    assert!(!waiting.is_finished(), "{:?}", waiting.await);
}

/* TASKS */

/// A signer panics once in the automatic deposit: its timer never runs again.
/// payer/depositor.rs, follow(): `next` is `None` after a restart, and only new settings or the timer itself set it.
#[tokio::test(start_paused = true)]
async fn w4_an_automatic_deposit_that_panics_keeps_its_timer() {
    let sim = chain();
    let device = Moody::new(key("payer"));
    let wallet = Wallet::open(sim.provider(), device.clone(), Memory::new(), config()).await.unwrap();
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    book.auto_deposit(
        AutoDeposit::default().interval(Some(Duration::from_secs(60))).threshold(wei(500)).buffer(wei(1_000)),
    );
    device.set(Mood::Panics);
    sleep(Duration::from_secs(70)).await;
    device.set(Mood::Signs);
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(book.balance().await.unwrap().funded, wei(1_000));
}

/// A signer panics once in the automatic cash after payments to others: the reason is forgotten, and it is never cashed.
/// payee/keeper.rs, follow(): `fallen` is a variable of the task, and false after a restart.
#[tokio::test(start_paused = true)]
async fn w4_an_automatic_cash_that_panics_is_repeated() {
    let payer = Payer::new(200).await;
    let device = Moody::new(key("payee"));
    let config = config().poll_interval(Duration::from_secs(4));
    let payee = Wallet::open(payer.sim.provider(), device.clone(), Memory::new(), config).await.unwrap();
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(1_000)));
    sleep(Duration::from_secs(5)).await;
    device.set(Mood::Panics);
    payer.cash_by_stranger(&payer.rogue(who(3), 110).await);
    sleep(Duration::from_secs(5)).await;
    device.set(Mood::Signs);
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await);
}

/// All handles are dropped while the guard waits for a creation: the wallet, and its store, never end.
/// payee/keeper.rs, follow(): holds the exposure, and with it the wallet, while create_if_missing waits without limit.
#[tokio::test(start_paused = true)]
async fn w4_a_wallet_that_is_dropped_while_it_creates_ends() {
    let sim = chain();
    let disk = MemoryDisk::new();
    let config = config().poll_interval(Duration::from_secs(4));
    let payee = wallet_with(&sim, "payee", disk.open().unwrap(), config).await;
    let terms = Terms {
        form: chequebook::Form::Direct,
        owner: key("owner").address(),
        signer: key("payer").address(),
        notice_period: DAY,
    };
    let creation = Creation { terms, salt: B256::ZERO };
    let contract = creation.address(crate::sim::CHAIN_ID).unwrap();
    sim.give(contract, wei(100));
    let inbox = Inbox::of(&payee, &creation, who(1), policy().accept_counterfactual(true)).await.unwrap();
    inbox.receive(&rogue(contract, who(1), 60).await).await.unwrap();
    sim.auto_mine(false);
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(0)));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(payee.open_transactions().len(), 1, "the creation is under way");
    drop((inbox, payee));
    sleep(Duration::from_secs(600)).await;
    assert!(disk.open().is_ok(), "the store is still open");
}

/* ISOLATION */

/// The node does not answer for one chequebook: a cash of another one takes minutes.
/// chain/watcher.rs, look_now(): each look, of which a cash makes several, waits for the chequebook that failed before.
#[tokio::test(start_paused = true)]
async fn w4_a_chequebook_that_is_not_answered_for_delays_no_other() {
    let payer = Payer::new(100).await;
    let other = Chequebook::create(&payer.wallet, key("payer"), terms(100).salt(U256::from(1).into())).await.unwrap();
    let payee = wallet(&payer.sim, "payee").await;
    let bad = payer.inbox(&payee, who(1)).await;
    let good = Inbox::open(&payee, other.address(), who(2), policy()).await.unwrap();
    good.receive(&rogue(other.address(), who(2), 60).await).await.unwrap();
    let contract = json!(bad.contract());
    payer.sim.no_multicall();
    payer
        .sim
        .hook(move |method, parameters| (method == "eth_call" && parameters[0]["to"] == contract).then_some(Act::Hang));
    payer.sim.mine(1);
    let start = Instant::now();
    good.cash(Overdraft::Refuse).await.unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(12), "{took:?}");
}

/// A receipt of a block that a reorganisation dropped ends no wait of a creation, nor makes a cash paid.
/// transactions/follow.rs, receipt(): a receipt above the final block is `Included`, whatever its block is.
#[tokio::test(start_paused = true)]
async fn w3_a_receipt_of_a_dropped_block_includes_nothing() {
    let payer = Payer::with(100, config().confirmations(5)).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    let hash = deposit.hash();
    let calls = Arc::new(AtomicUsize::new(0));
    // The nonce is counted, and the receipt is of a block that nobody has.
    payer.sim.hook(move |method, _| match method {
        "eth_getTransactionCount" => Some(Act::Answer(json!("0x2"))),
        "eth_getTransactionReceipt" => {
            calls.fetch_add(1, Ordering::SeqCst);
            Some(Act::Answer(json!({
                "transactionHash": hash, "blockNumber": "0x1", "blockHash": B256::repeat_byte(9), "status": "0x1", "logs": []
            })))
        }
        _ => None,
    });
    payer.sim.mine(1);
    let included = timeout(Duration::from_secs(60), deposit.included()).await;
    assert!(!matches!(included, Ok(Ok(_))), "{included:?}: no block with this hash is on the chain");
}

/// A foreign transaction takes the nonce on the new branch, and the node still has the receipt of the old one: never final.
/// transactions/follow.rs, receipt(): a receipt of a block that is not on the chain ends the search, at any depth.
#[tokio::test(start_paused = true)]
async fn w3_a_receipt_of_a_dropped_block_hides_no_replacement() {
    let payer = Payer::with(100, config().confirmations(3)).await;
    payer.sim.mine(3);
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    let hash = deposit.hash();
    payer.sim.mine(1);
    deposit.included().await.unwrap();
    let orphan = json!({
        "transactionHash": hash,
        "blockNumber": format!("0x{:x}", payer.sim.head()),
        "blockHash": payer.sim.hash_of(payer.sim.head()),
        "status": "0x1",
        "logs": [],
    });
    payer.sim.rollback(1, false);
    payer.sim.foreign(&key("payer"), deposit.nonce(), 50_000);
    payer.sim.hook(move |method, parameters| {
        (method == "eth_getTransactionReceipt" && parameters[0] == json!(hash)).then(|| Act::Answer(orphan.clone()))
    });
    assert!(
        eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await,
        "{deposit:?}: its nonce is used by another one, a hundred blocks ago"
    );
}

/// The device refuses to sign a higher offer: who waits hears that the chain was not seen, which is not so.
/// wallet.rs, Shared::refresh: notes a failure of one transaction (follow.rs, push) as a failure to see the chain.
#[tokio::test(start_paused = true)]
async fn w4_a_signer_that_refuses_makes_no_chain_unreachable() {
    let sim = chain();
    let device = Moody::new(key("payer"));
    let config = config().poll_interval(Duration::from_secs(4));
    let wallet = Wallet::open(sim.provider(), device.clone(), Memory::new(), config).await.unwrap();
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    sim.auto_mine(false);
    sim.validators_tip(1_000);
    let deposit = book.deposit(wei(5)).await.unwrap();
    device.set(Mood::Refuses);
    let blocks = tokio::spawn(blocks_every_12_seconds(sim.clone()));
    let waited = timeout(Duration::from_secs(1_200), deposit.included()).await;
    blocks.abort();
    assert!(!matches!(waited, Ok(Err(Error::Unreachable { .. }))), "{waited:?}");
}

/// The device does not answer for a higher offer: meanwhile nobody learns a balance, or the outcome of anything.
/// transactions/follow.rs, follow(): the lock of all followers is held while the signer is waited for.
#[tokio::test(start_paused = true)]
async fn w4_a_silent_signer_delays_no_balance() {
    let sim = chain();
    let device = Moody::new(key("payer"));
    let config = config().poll_interval(Duration::from_secs(4));
    let wallet = Wallet::open(sim.provider(), device.clone(), Memory::new(), config).await.unwrap();
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    sim.auto_mine(false);
    sim.validators_tip(1_000);
    book.deposit(wei(5)).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    device.set(Mood::Silent);
    sim.mine(5);
    sleep(Duration::from_secs(5)).await;
    let start = Instant::now();
    book.balance().await.unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?} for a balance, because a person does not confirm a fee");
}

/// The interval of an automatic cash ends while a cash is under way: the task spins until that is included.
/// payee/keeper.rs, cash_what_is_due: skips who is being paid before `due` moves on, and next_due() stays in the past.
#[test]
fn w4_an_interval_that_ends_while_a_cash_waits_does_not_spin() {
    let (done, waited) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let payer = Payer::new(100).await;
            let payee = wallet(&payer.sim, "payee").await;
            let inbox = payer.inbox(&payee, who(1)).await;
            inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
            payer.sim.auto_mine(false);
            inbox.auto_cash(AutoCash::default().interval(Some(Duration::from_secs(10))).max_uncashed(wei(1_000)));
            sleep(Duration::from_secs(15)).await;
            assert_eq!(payee.open_transactions().len(), 1);
            // Time goes on only while all tasks wait: one that spins stops it.
            sleep(Duration::from_secs(30)).await;
            done.send(()).unwrap();
        });
    });
    let result = waited.recv_timeout(Duration::from_secs(10));
    assert!(result.is_ok(), "time stands still, because a task never waits: {result:?}");
}

/* MORE */

/// After a restart a payee does not know that payments to others left too little meanwhile, and never cashes.
/// payee/keeper.rs, follow(): only a fall that its task itself sees is a reason; what is thin when it begins is none.
#[tokio::test(start_paused = true)]
async fn w4_what_became_thin_over_a_restart_is_cashed() {
    let payer = Payer::new(200).await;
    let disk = MemoryDisk::new();
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(1_000)));
    sleep(Duration::from_secs(1)).await;
    payee.shutdown().await;
    drop(inbox);
    payer.cash_by_stranger(&payer.rogue(who(3), 110).await);
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(wei(1_000)));
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await, "90 are left for 60, and 120 were wanted");
}

/// An old account's transaction cannot be paid: the waits for the new account's are told that the chain is gone.
/// transactions/follow.rs, push(): cancels what it cannot sign, which fails at each look, and wallet.rs notes that.
#[tokio::test(start_paused = true)]
async fn w4_an_old_account_without_money_makes_no_chain_unreachable() {
    let sim = chain();
    let disk = MemoryDisk::new();
    let config = config().poll_interval(Duration::from_secs(4));
    let old = Wallet::open(sim.provider(), key("payer"), disk.open().unwrap(), config).await.unwrap();
    let book = Chequebook::create(&old, key("payer"), terms(100)).await.unwrap();
    let contract = book.address();
    sim.auto_mine(false);
    book.deposit(wei(5)).await.unwrap();
    book.deposit(wei(6)).await.unwrap();
    old.shutdown().await;
    drop(book);
    sim.forget();
    sim.take(key("payer").address(), sim.balance_at(key("payer").address(), u64::MAX) - wei(1));
    let new = Wallet::open(sim.provider(), key("owner"), disk.open().unwrap(), config).await.unwrap();
    let book = Chequebook::open(&new, contract, key("payer")).await.unwrap();
    sim.validators_tip(1_000_000_000);
    let deposit = book.deposit(wei(7)).await.unwrap();
    let blocks = tokio::spawn(blocks_every_12_seconds(sim.clone()));
    let waited = timeout(Duration::from_secs(1_200), deposit.included()).await;
    blocks.abort();
    assert!(!matches!(waited, Ok(Err(Error::Unreachable { .. }))), "{waited:?}");
}

/// The chain switches to a shorter branch on which the end is announced, and stays there: the guard does not see it.
/// chain/view.rs, judge(): a smaller number that was never seen is `Behind`, and nobody asks for the newest that was known.
#[tokio::test(start_paused = true)]
async fn w3_a_shorter_branch_is_seen() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 60).await).await.unwrap();
    payer.sim.mine(10);
    payee.refresh().await.unwrap(); // it has seen 1 and 11, and nothing between
    payer.sim.reorganise_to(8, true, 3);
    payer.announce();
    payer.sim.auto_mine(false);
    for _ in 0..5 {
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(12)).await;
    }
    let sent = payee.open_transactions().len();
    assert_eq!(sent, 1, "the branch with the announcement is {} blocks long, the old one was 11", payer.sim.head());
}

/// An interval ends while the node is asked, or while the cash is not worth its gas: it is not tried again with the next
/// block. payee/keeper.rs, cash_what_is_due: `due` moves on though nothing was cashed.
#[tokio::test(start_paused = true)]
async fn w4_an_interval_that_is_not_worth_its_gas_is_tried_with_the_next_block() {
    let payer = Payer::new(10_000_000_000).await;
    let payee = wallet(&payer.sim, "payee").await;
    let strict = policy().min_gas_multiple(2);
    let inbox = Inbox::open(&payee, payer.contract(), who(1), strict).await.unwrap();
    inbox.receive(&payer.rogue(who(1), 1_000_000_000).await).await.unwrap();
    inbox.auto_cash(AutoCash::default().interval(Some(Duration::from_secs(36_000))).max_uncashed(U256::MAX));
    payer.sim.base_fee(1_000_000); // for one hour
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(36_010)).await;
    payer.sim.base_fee(1_000);
    payer.sim.mine(1);
    let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
    assert!(eventually(&payer.sim, &payee, paid).await, "an automatic cash waits until it is worth its gas");
}

/// What a cash cost when it was asked last is believed for a while only: the tip of one busy minute, which does not fall with
/// the base fee, must not keep a cash away for ever, and least of all once the end is announced.
#[tokio::test(start_paused = true)]
async fn w3_a_price_has_an_age() {
    for (is_ending, later) in [(false, 3_700), (true, 70)] {
        let payer = Payer::new(10_000_000_000).await;
        let payee = wallet(&payer.sim, "payee").await;
        let strict = policy().min_gas_multiple(2);
        let inbox = Inbox::open(&payee, payer.contract(), who(1), strict).await.unwrap();
        payer.sim.suggested_tip(1_000_000);
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        inbox.receive(&payer.rogue(who(1), 1_000_000_000).await).await.unwrap();
        inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(U256::ZERO));
        sleep(Duration::from_secs(1)).await;
        payer.sim.suggested_tip(1);
        if is_ending {
            payer.announce();
        }
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let paid = async || payer.sim.paid(payer.contract()).contains_key(&who(1));
        assert!(!paid().await, "the last price is believed for now");
        sleep(Duration::from_secs(later)).await;
        assert!(eventually(&payer.sim, &payee, paid).await, "is ending: {is_ending}");
    }
}
