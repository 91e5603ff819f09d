//! W5: cost that follows size.

use std::time::Duration;

use alloy::primitives::U256;
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Chequebook, Inbox};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    Payer, key, policy, rogue,
    sim::{Act, words::ALCHEMY},
    terms, wallet, wei, who,
};

/// Each chequebook that was ever cashed is read at every block, though nobody holds a handle on it and all is final.
/// cashing/register.rs, decide(): what is over is removed only with the next decision about the same chequebook.
#[tokio::test(start_paused = true)]
async fn w5_cashes_of_other_chequebooks_leave_no_questions_behind() {
    let payer = Payer::new(100).await;
    payer.sim.no_multicall();
    let payee = wallet(&payer.sim, "payee").await;
    let asks = async || {
        payer.sim.mine(1);
        let before = payer.sim.all_requests();
        payee.refresh().await.unwrap();
        payer.sim.all_requests() - before
    };
    let first = asks().await;
    for index in 1..=30 {
        let terms = terms(100).salt(U256::from(index).into());
        let book = Chequebook::create(&payer.wallet, key("payer"), terms).await.unwrap();
        let cheque = rogue(book.address(), who(index), 60).await;
        payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    }
    asks().await;
    let last = asks().await;
    assert!(last <= first + 3, "{first} questions before, {last} after 30 cashes that are final");
}

/// Events are refused for a moment, for another reason than the range: from then on each block is asked for singly.
/// chain/node.rs, logs(): `log_range` must not fall to one with any error.
#[tokio::test(start_paused = true)]
async fn w5_a_refusal_that_passes_costs_no_question_for_each_block() {
    let payer = Payer::new(100).await;
    payer.sim.mine(2_000);
    payer.sim.hook(|asked, _| {
        (asked == "eth_getLogs").then(|| Act::Error(-32_603, "database is being compacted".into(), None))
    });
    payer.book.balance().await.unwrap_err();
    payer.sim.unhook();
    payer.sim.mine(1);
    let before = payer.sim.counts()["eth_getLogs"];
    payer.book.balance().await.unwrap();
    let asked = payer.sim.counts()["eth_getLogs"] - before;
    assert!(asked < 50, "{asked} questions for events of 2,000 blocks, in a range that was never too wide");
}

/// How many questions for events 4,000 new blocks cost.
async fn scan(payer: &Payer) -> usize {
    payer.sim.mine(4_000);
    let asked = || payer.sim.counts().get("eth_getLogs").copied().unwrap_or_default();
    let before = asked();
    payer.book.balance().await.unwrap();
    asked() - before
}

/// The same for a moment within one scan: the range falls for that scan, and rises again.
#[tokio::test(start_paused = true)]
async fn w5_a_range_that_fell_rises_again() {
    let payer = Payer::new(100).await;
    scan(&payer).await;
    let first = scan(&payer).await;
    let mut left = 10;
    payer.sim.hook(move |method, _| {
        let now = method == "eth_getLogs" && left > 0;
        left -= usize::from(now);
        now.then(|| Act::Error(-32_603, "database is being compacted".into(), None))
    });
    let in_trouble = scan(&payer).await;
    assert!(in_trouble < 80, "{in_trouble} questions");
    payer.sim.unhook();
    for _ in 0..4 {
        scan(&payer).await;
    }
    let last = scan(&payer).await;
    assert_eq!(last, first, "questions for events of 4,000 blocks");
}

/// A node that limits the range for good is seldom asked for more.
#[tokio::test(start_paused = true)]
async fn w5_a_range_that_is_limited_for_good_costs_little_more() {
    let payer = Payer::new(100).await;
    payer.sim.log_range(Some(500), ALCHEMY);
    scan(&payer).await;
    for _ in 0..4 {
        let asked = scan(&payer).await;
        assert!(asked <= 20, "{asked} questions for the same 4,000 blocks twice, 500 at once: 16 if none is refused");
    }
}

/// The node does not have the newest block yet: one batch that fails becomes four questions for each call in it.
/// chain/node.rs, read_chunk(): any error, also one that passes, is taken for "too much for this node".
#[tokio::test(start_paused = true)]
async fn w5_a_batch_that_fails_does_not_become_hundreds_of_questions() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let _inboxes = payer.inboxes(&payee, 50).await;
    payee.refresh().await.unwrap();
    payer.sim.mine(1);
    payer.sim.hook(|method, _| (method == "eth_call").then(|| Act::Error(-32_000, "header not found".into(), None)));
    let before = payer.sim.all_requests();
    let _ = payee.refresh().await;
    let asked = payer.sim.all_requests() - before;
    assert!(asked <= 30, "{asked} questions to a node that does not have the block");
}

/// Too often is too often: where a node limits requests, one batch that it refuses becomes a storm.
/// chain/node.rs, has_multicall() and read_chunk(): a refused question for code means "no Multicall", so one by one.
#[tokio::test(start_paused = true)]
async fn w5_one_missing_answer_does_not_become_hundreds_of_questions() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let _inboxes = payer.inboxes(&payee, 50).await;
    payee.refresh().await.unwrap();
    payer.sim.mine(1);
    // One answer without code.
    let mut said = false;
    payer.sim.hook(move |method, _| {
        let now = method == "eth_getCode" && !said;
        said |= now;
        now.then(|| Act::Answer(json!("0x")))
    });
    let before = payer.sim.all_requests();
    payee.refresh().await.unwrap();
    let asked = payer.sim.all_requests() - before;
    assert!(asked <= 30, "{asked} questions, because one answer left the code of Multicall out");
}

/// Cheques of one chequebook are cashed: each asks for the newest block again.
/// cashing/cash.rs, Inner::look: a look of its own for each cheque (ZERO), one after the other.
#[tokio::test(start_paused = true)]
async fn w5_many_cheques_look_once() {
    let payer = Payer::new(10_000).await;
    let payee = wallet(&payer.sim, "payee").await;
    let mut cheques = Vec::new();
    for index in 1..=200 {
        cheques.push(payer.rogue(who(index), 1).await);
    }
    let before = payer.sim.counts();
    let answers = payee.cashing().cash_many(&cheques).await;
    assert!(answers.iter().all(Result::is_ok));
    let after = payer.sim.counts();
    let asked = |method: &str| after.get(method).copied().unwrap_or(0) - before.get(method).copied().unwrap_or(0);
    let looks = asked("eth_getBlockByNumber");
    assert!(looks < 50, "{looks} looks for 200 cheques; calls: {}, code: {}", asked("eth_call"), asked("eth_getCode"));
}

/// 2,000 inboxes of 50 chequebooks: one block, and a thousand cheques, ask little.
#[tokio::test(start_paused = true)]
async fn w5_two_thousand_inboxes() {
    let payer = Payer::new(1_000_000).await;
    let payee = wallet(&payer.sim, "payee").await;
    let mut inboxes = Vec::new();
    for index in 0..50 {
        let contract = if index == 0 {
            payer.contract()
        } else {
            let terms = terms(1_000_000).salt(U256::from(index).into());
            Chequebook::create(&payer.wallet, key("payer"), terms).await.unwrap().address()
        };
        for line in 0..40 {
            inboxes.push(Inbox::open(&payee, contract, who(index * 40 + line), policy()).await.unwrap());
        }
    }
    payee.refresh().await.unwrap();
    payer.sim.mine(1);
    let before = payer.sim.all_requests();
    payee.refresh().await.unwrap();
    let block = payer.sim.all_requests() - before;
    let before = payer.sim.all_requests();
    let start = std::time::Instant::now();
    let mut cheques = Vec::new();
    for inbox in inboxes.iter().take(400) {
        cheques.push(rogue(inbox.contract(), inbox.beneficiary(), 1).await);
    }
    let signed = start.elapsed();
    let start = std::time::Instant::now();
    for (inbox, cheque) in inboxes.iter().zip(&cheques) {
        assert_eq!(inbox.receive(cheque).await.unwrap(), wei(1));
    }
    let each = start.elapsed() / 400;
    let receive = payer.sim.all_requests() - before;
    sleep(Duration::from_millis(10)).await;
    println!("{block} questions a block, {receive} for 400 cheques, {each:?} each (signing took {:?})", signed / 400);
    assert!(block <= 20 && receive <= 5, "{block} {receive}");
    let _ = Scheme::Typed;
}

/// Transactions that are included and not final: each look asks for all their receipts again, without a new block.
/// transactions/follow.rs, follow_account(): settle() of every used nonce at each look, whatever the newest block is.
#[tokio::test(start_paused = true)]
async fn w5_a_look_without_a_new_block_asks_for_no_receipts() {
    let payer = Payer::with(100, crate::config().confirmations(50)).await;
    payer.sim.auto_mine(false);
    for _ in 0..60 {
        payer.book.deposit(wei(1)).await.unwrap();
    }
    payer.sim.mine(3);
    payer.wallet.refresh().await.unwrap();
    let before = payer.sim.all_requests();
    payer.wallet.refresh().await.unwrap();
    let asked = payer.sim.all_requests() - before;
    assert!(asked < 10, "{asked} questions without a new block");
}

/// Default settings, and gas of 20 gwei: each cheque that is received asks what a cash would cost.
/// payee/keeper.rs, is_worth(): price() asks for an estimate and for fees at every wake, also at a block seen before.
#[tokio::test(start_paused = true)]
async fn w5_a_cheque_that_is_not_worth_its_gas_asks_nothing() {
    let payer = Payer::new(1_000_000_000_000_000_000).await;
    payer.sim.base_fee(20_000_000_000);
    payer.sim.mine(1);
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = Inbox::open(&payee, payer.contract(), who(1), chequebook_wallet::Policy::default()).await.unwrap();
    inbox.auto_cash(chequebook_wallet::AutoCash::default());
    inbox.receive(&payer.rogue(who(1), 100_000_000_000_000).await).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let before = payer.sim.all_requests();
    for index in 1..=100 {
        inbox.receive(&payer.rogue(who(1), 100_000_000_000_000 + index).await).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    let asked = payer.sim.all_requests() - before;
    assert!(asked <= 20, "{asked} questions for 100 cheques, without a new block");
}

/// The same with each block: two questions for each inbox whose cash is not worth its gas.
/// payee/keeper.rs, cash_what_is_due: a price for each job, though the fees are one fact, and the gas is known.
#[tokio::test(start_paused = true)]
async fn w5_inboxes_that_are_not_worth_their_gas_ask_nothing_each() {
    let payer = Payer::new(1_000_000_000_000_000_000).await;
    payer.sim.base_fee(20_000_000_000);
    payer.sim.mine(1);
    let payee = wallet(&payer.sim, "payee").await;
    let mut inboxes = Vec::new();
    for index in 1..=100 {
        let default = chequebook_wallet::Policy::default();
        let inbox = Inbox::open(&payee, payer.contract(), who(index), default).await.unwrap();
        inbox.auto_cash(chequebook_wallet::AutoCash::default());
        inbox.receive(&payer.rogue(who(index), 100_000_000_000_000).await).await.unwrap();
        inboxes.push(inbox);
    }
    sleep(Duration::from_secs(2)).await;
    payer.sim.mine(1);
    let before = payer.sim.all_requests();
    payee.refresh().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let asked = payer.sim.all_requests() - before;
    assert!(asked <= 20, "{asked} questions for one block and 100 inboxes, none of which is cashed");
}
