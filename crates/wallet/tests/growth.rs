//! W5: what ten thousand of them cost in questions to the node.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[path = "support/many.rs"]
mod many;
#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "support/sim/mod.rs"]
mod sim;

use std::time::Duration;

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Scheme, SignedCheque};
use chequebook_wallet::{AutoCash, Wallet};

use self::{
    many::{MANY, chain, key, open, payee, who},
    sim::{CHAIN_ID, Sim},
};

async fn cheque(contract: Address, beneficiary: Address, amount: u64) -> SignedCheque {
    let amount = U256::from(amount);
    let cheque = Cheque { contract, beneficiary, amount, scheme: Scheme::Packed, chain_id: CHAIN_ID };
    cheque.sign(&key("payer")).await.unwrap()
}

/// How many questions a block without news costs.
async fn quiet_block(sim: &Sim, wallet: &Wallet) -> usize {
    sim.mine(1);
    let before = sim.all_requests();
    wallet.refresh().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    sim.all_requests() - before
}

/// Ten thousand payers: each has a chequebook of its own, and owes something.
#[tokio::test]
async fn w5_ten_thousand_chequebooks() {
    let (sim, contracts) = chain(MANY);
    sim.mine(20);
    let wallet = payee(&sim, 12).await;
    let wanted: Vec<_> = contracts.iter().map(|&contract| (contract, wallet.account())).collect();
    let cheques = futures_util::future::join_all(wanted.iter().map(|&(contract, to)| cheque(contract, to, 7))).await;

    let asked = sim.all_requests();
    let inboxes = open(&wallet, &wanted).await;
    let asked = sim.all_requests() - asked;
    println!("{asked} questions to open {MANY} inboxes of as many chequebooks");
    assert!(asked <= 200, "{asked} questions to open {MANY} inboxes");

    for (inbox, cheque) in inboxes.iter().zip(&cheques) {
        inbox.auto_cash(AutoCash::default().max_uncashed(U256::from(100)).interval(None));
        assert_eq!(inbox.receive(cheque).await.unwrap(), U256::from(7));
    }
    for _ in 0..3 {
        let asked = quiet_block(&sim, &wallet).await;
        println!("{asked} questions for a block, and {MANY} chequebooks");
        assert!(asked <= 25, "{asked} questions for a block, and {MANY} chequebooks");
    }
}

/// One chequebook that pays ten thousand of ours.
#[tokio::test]
async fn w5_ten_thousand_inboxes_of_one_chequebook() {
    let (sim, contracts) = chain(1);
    let wallet = payee(&sim, 0).await;
    let wanted: Vec<_> = (0..MANY).map(|index| (contracts[0], who(index))).collect();
    let asked = sim.all_requests();
    let inboxes = open(&wallet, &wanted).await;
    let asked = sim.all_requests() - asked;
    println!("{asked} questions to open {MANY} inboxes of one chequebook");
    assert!(asked <= 200, "{asked} questions to open {MANY} inboxes");
    let asked = quiet_block(&sim, &wallet).await;
    println!("{asked} questions for a block, and {MANY} inboxes of one chequebook");
    assert!(asked <= 25, "{asked} questions for a block, and {MANY} inboxes");
    drop(inboxes);
    let asked = quiet_block(&sim, &wallet).await;
    assert!(asked <= 5, "{asked} questions for a block, though nothing is open");
}

/// What is received costs no question, however many inboxes there are.
#[tokio::test]
async fn w5_a_cheque_costs_no_question() {
    let (sim, contracts) = chain(1);
    let wallet = payee(&sim, 0).await;
    let wanted: Vec<_> = (0..1_000).map(|index| (contracts[0], who(index))).collect();
    let inboxes = open(&wallet, &wanted).await;
    for inbox in &inboxes {
        inbox.auto_cash(AutoCash::default().max_uncashed(U256::from(100)).interval(None));
    }
    let asked = sim.all_requests();
    for inbox in &inboxes {
        inbox.receive(&cheque(inbox.contract(), inbox.beneficiary(), 1).await).await.unwrap();
    }
    assert_eq!(sim.all_requests(), asked);
}
