//! What is worthless takes no room from what is not, and trouble leaves no cost behind.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use chequebook::{Creation, Form, Terms};
use chequebook_wallet::{Error, Inbox, Limits};
use tokio::time::sleep;

use crate::{
    Payer,
    cashier::{books, cashier, settings},
    chain, key, policy, rogue,
    sim::{Act, CHAIN_ID},
    wallet, wei, who,
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
