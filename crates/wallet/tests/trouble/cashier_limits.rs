//! What is worthless takes no room from what is not, and trouble leaves no cost behind.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Creation, Form, SignedCheque, Terms};
use chequebook_wallet::{AutoCash, Cashier, Error, Inbox, Limits, Policy, store::Memory};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Payer,
    cashier::{books, cashier, settings},
    chain, config, key, policy, rogue,
    sim::{Act, CHAIN_ID},
    wallet, wallet_with, wei, who,
};

/// Cheques of chequebooks with nothing in them are kept, and take no room from payers who have something.
#[tokio::test]
async fn w5_worthless_cheques_make_way() {
    let sim = chain();
    let terms = Terms { notice_period: 86_400, ..Terms::new(Form::Clone, key("payer").address()) };
    let creations: Vec<_> = (0..40_u64).map(|salt| Creation { terms, salt: U256::from(salt).into() }).collect();
    sim.plant(&creations, wei(0));
    let good = books(&sim, 2);
    let (_wallet, cashier) = cashier(&sim, settings().limits(Limits::default().open(2))).await;
    cashier.receive(&rogue(good[0], who(0), 50).await).await.unwrap();
    for creation in &creations {
        let empty: Address = creation.address(CHAIN_ID).unwrap();
        let refused = cashier.receive(&rogue(empty, who(0), 1_000).await).await.unwrap_err();
        assert!(matches!(refused, Error::NotCovered { .. }), "{refused}");
    }
    assert_eq!(cashier.receive(&rogue(good[1], who(0), 50).await).await.unwrap().added, wei(50));
    assert!(cashier.inbox(good[0], who(0)).is_some(), "what is worth something stays");
}

/// What a dead chequebook owes is lost: it takes no room for ever.
#[tokio::test]
async fn w5_the_dead_make_way() {
    let payer = Payer::new(100).await;
    let good = books(&payer.sim, 1)[0];
    let (wallet, cashier) = cashier(&payer.sim, settings().limits(Limits::default().open(1))).await;
    cashier.receive(&payer.rogue(who(0), 60).await).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(9), 150).await);
    wallet.refresh().await.unwrap();
    assert!(payer.is_dead());
    assert_eq!(cashier.receive(&rogue(good, who(0), 50).await).await.unwrap().added, wei(50));
}

/// Whoever wants no limit says so.
#[tokio::test]
async fn w5_no_limit_is_a_limit() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let none = Limits::default().open(usize::MAX).remembered(usize::MAX).waiting(usize::MAX);
    let (_wallet, cashier) =
        cashier(&sim, settings().limits(none.refused_for(Duration::MAX).idle(Duration::MAX))).await;
    assert_eq!(cashier.receive(&rogue(book, who(0), 50).await).await.unwrap().added, wei(50));
    cashier.receive(&rogue(who(5), who(0), 50).await).await.unwrap_err();
    let before = sim.all_requests();
    cashier.receive(&rogue(who(5), who(0), 50).await).await.unwrap_err();
    assert_eq!(sim.all_requests(), before, "a refusal for ever is remembered");
}

/// After a node has answered no large question for a while, questions are large again.
#[tokio::test(start_paused = true)]
async fn w5_small_questions_grow_again() {
    let sim = chain();
    let all = books(&sim, 60);
    let payee = wallet(&sim, "payee").await;
    let wanted: Vec<_> = all.iter().map(|book| (*book, who(0))).collect();
    let inboxes = Inbox::open_many(&payee, &wanted, policy()).await.unwrap();
    assert!(inboxes.iter().all(Result::is_ok));
    let asks = async || {
        sim.mine(1);
        let before = sim.all_requests();
        let _ = payee.refresh().await; // the node may be in trouble
        sleep(Duration::from_secs(12)).await;
        sim.all_requests() - before
    };
    let at_first = asks().await;
    let multicall = "ca11bde05977b3631167028862be2a173976ca11";
    sim.hook(move |method, parameters| {
        let is_large = method == "eth_call" && parameters[0].to_string().to_lowercase().contains(multicall);
        is_large.then(|| Act::Error(-32_000, "out of gas".into(), None))
    });
    for _ in 0..6 {
        asks().await;
    }
    sim.unhook();
    for _ in 0..40 {
        asks().await;
    }
    let asked = asks().await;
    assert!(asked <= at_first + 5, "{asked} questions for a block, {at_first} at first");
}

/// Hours of blocks in which nothing happens, while something is not worth its gas, something is refused, and intervals
/// end: a few questions a block.
#[tokio::test(start_paused = true)]
async fn w5_hours_of_nothing_cost_little() {
    let sim = chain();
    let all = books(&sim, 20);
    sim.set_time_to_now();
    let config = config().poll_interval(Duration::from_secs(4)).max_head_age(None);
    let wallet = wallet_with(&sim, "payee", Memory::new(), config).await;
    // What a cheque pays is far below its gas.
    let costly = Policy::default();
    let settings = settings().policy(costly).auto_cash(Some(AutoCash::default().max_uncashed(wei(5))));
    let cashier = Cashier::open(&wallet, settings).await.unwrap();
    for book in &all {
        cashier.receive(&rogue(*book, who(0), 10).await).await.unwrap();
    }
    sleep(Duration::from_secs(60)).await;
    let before = sim.counts();
    for _ in 0..300 {
        sim.mine(1);
        sleep(Duration::from_secs(12)).await;
    }
    let after = sim.counts();
    let asked = |method: &str| after.get(method).unwrap_or(&0) - before.get(method).unwrap_or(&0);
    assert!(asked("eth_estimateGas") <= 60, "{} estimates", asked("eth_estimateGas"));
    let total = after.values().sum::<usize>() - before.values().sum::<usize>();
    // Three polls for each block: the chain, the newest block, and what is read of it.
    assert!(total <= 300 * 12, "{total} questions for 300 blocks: {after:?}, {before:?}");
    assert_eq!(cashier.open_inboxes(), 20);
}

/// Strangers that come while the node hangs are told within its time limits, whether or not the wallet ends meanwhile.
#[tokio::test(start_paused = true)]
async fn w4_whoever_waits_is_told_when_the_wallet_ends() {
    let sim = chain();
    let (wallet, cashier) = cashier(&sim, settings().limits(Limits::default().waiting(100_000))).await;
    sim.hang(true);
    let signed = rogue(who(1), who(0), 1).await;
    let mut tasks = JoinSet::new();
    for index in 0..20_000 {
        let cheque = Cheque { contract: who(1_000 + index), ..*signed.cheque() };
        let cheque = SignedCheque::new(cheque, signed.signature()).unwrap();
        let cashier = cashier.clone();
        tasks.spawn(async move { cashier.receive(&cheque).await });
    }
    sleep(Duration::from_millis(10)).await;
    wallet.shutdown().await;
    let answers = timeout(Duration::from_secs(3_600), tasks.join_all()).await.unwrap();
    assert!(answers.iter().all(Result::is_err));
}
