//! W3: an absent answer is no fact.

use alloy::{primitives::U256, sol_types::SolCall};
use chequebook::{Overdraft, Scheme, bindings::Chequebook::killCall};
use chequebook_wallet::{Chequebook, Error, Status, store::MemoryDisk};
use serde_json::json;

use crate::{
    Payer, config, eventually, key,
    sim::{Act, Sim},
    terms, wallet, wallet_with, wei, who,
};

/// From now on every answer to this question is this one.
fn always(sim: &Sim, method: &'static str, answer: serde_json::Value) {
    sim.hook(move |asked, _| (asked == method).then(|| Act::Answer(answer.clone())));
}

/// Null receipts at any depth are no replacement.
#[tokio::test(start_paused = true)]
async fn w3_missing_receipts_prove_nothing() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    always(&payer.sim, "eth_getTransactionReceipt", json!(null));
    payer.sim.mine(20);
    payer.wallet.refresh().await.unwrap();
    assert_eq!(deposit.status(), Status::Unknown);
    // Who waits is told.
    assert!(matches!(deposit.confirmed().await, Err(Error::OutcomeUnknown { .. })));
    payer.sim.unhook();
    deposit.confirmed().await.unwrap();
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(105));
}

#[tokio::test(start_paused = true)]
async fn w3_pruned_receipts_and_pruned_state_prove_nothing() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    payer.sim.mine(100);
    payer.sim.prune_receipts(Some(10));
    payer.sim.prune_state(Some(10));
    payer.wallet.refresh().await.unwrap();
    assert_eq!(deposit.status(), Status::Unknown);
    payer.sim.prune_receipts(None);
    payer.wallet.refresh().await.unwrap();
    assert!(matches!(deposit.status(), Status::Confirmed { .. }));
}

/// What took the nonce is named, by a transaction in a block or by an authorization (EIP-7702) in one.
#[tokio::test(start_paused = true)]
async fn w3_a_replacement_is_proven_by_what_took_the_nonce() {
    for delegated in [false, true] {
        let payer = Payer::new(100).await;
        payer.sim.auto_mine(false);
        payer.sim.mine(37);
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        let expected = if delegated {
            payer.sim.delegate(&key("payer"))
        } else {
            let hash = payer.sim.foreign(&key("payer"), deposit.nonce(), 50_000);
            payer.sim.mine(1);
            hash
        };
        payer.sim.mine(23);
        let error = deposit.confirmed().await.unwrap_err();
        assert!(matches!(error, Error::Replaced { by, .. } if by == expected), "{delegated}: {error:?}");
        // The next one has a nonce of its own.
        let next = payer.book.deposit(wei(5)).await.unwrap();
        payer.sim.mine(1);
        next.confirmed().await.unwrap();
    }
}

/// A count of transactions that is too high, without anything in a block.
#[tokio::test(start_paused = true)]
async fn w3_a_count_alone_proves_nothing() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    always(&payer.sim, "eth_getTransactionCount", json!("0x20"));
    payer.wallet.refresh().await.unwrap();
    assert!(!deposit.status().is_final(), "{deposit:?}");
    payer.sim.unhook();
    payer.sim.mine(2);
    deposit.confirmed().await.unwrap();
}

/// One empty list of events lowers nothing, now or later.
#[tokio::test(start_paused = true)]
async fn w3_missing_events_lower_nothing() {
    let payer = Payer::new(100).await;
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    always(&payer.sim, "eth_getLogs", json!([]));
    payer.cash_by_stranger(&cheque);
    let error = payer.book.balance().await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error:?}");
    payer.sim.unhook();
    let balance = payer.book.balance().await.unwrap();
    assert_eq!((balance.funded, balance.available), (wei(100), wei(40)));
}

/// Nor where a deposit at the same moment hides it: it is counted with the next look at a new block.
#[tokio::test(start_paused = true)]
async fn w3_missing_events_are_counted_in_the_end() {
    let disk = MemoryDisk::new();
    let sim = crate::chain();
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    let contract = book.address();
    let cheque = book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    always(&sim, "eth_getLogs", json!([]));
    sim.act(key("stranger").address(), contract, cheque.calldata(Overdraft::Consent));
    book.deposit(wei(60)).await.unwrap();
    for _ in 0..5 {
        book.balance().await.unwrap();
        sim.mine(1);
    }
    sim.unhook();
    sim.mine(1);
    assert_eq!(book.balance().await.unwrap().funded, wei(160));
    wallet.shutdown().await;
    drop(book);
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
    assert_eq!(book.balance().await.unwrap().funded, wei(160), "after a restart");
}

/// A chequebook whose code one answer leaves out is neither dead nor gone.
#[tokio::test(start_paused = true)]
async fn w3_missing_code_ends_nothing() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    let contract = json!(payer.contract());
    payer.sim.no_multicall();
    payer.sim.hook(move |asked, parameters| {
        (asked == "eth_call" && parameters[0]["to"] == contract).then(|| Act::Answer(json!("0x")))
    });
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    let error = inbox.uncashed().await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error:?}");
    payer.sim.unhook();
    assert_eq!(inbox.uncashed().await.unwrap(), wei(10));
    assert_eq!(inbox.receive(&payer.rogue(who(1), 11).await).await.unwrap(), wei(1));
}

/// A death is believed, since the contract itself shows it, and lowers what is funded.
#[tokio::test(start_paused = true)]
async fn w3_a_death_is_a_fact() {
    let payer = Payer::new(100).await;
    payer.announce();
    payer.sim.warp(u64::from(crate::DAY) + 1);
    payer.sim.mine(1);
    assert!(payer.sim.act(key("owner").address(), payer.contract(), killCall {}.abi_encode().into()));
    let balance = payer.book.balance().await.unwrap();
    assert_eq!((balance.funded, balance.available), (U256::ZERO, U256::ZERO));
    let refused = payer.book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap_err();
    assert!(matches!(refused, Error::Dead { .. }), "{refused:?}");
}

/// A reorganisation is shown by hashes, and believed.
#[tokio::test(start_paused = true)]
async fn w3_a_reorganisation_is_a_fact() {
    let payer = Payer::with(100, config().confirmations(1)).await;
    payer.sim.mine(2);
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit(wei(5)).await.unwrap();
    payer.sim.mine(2);
    deposit.confirmed().await.unwrap();
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(105));
    payer.sim.rollback(3, false); // deeper than expected
    payer.wallet.refresh().await.unwrap();
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(100));
    assert!(!deposit.status().is_final(), "{deposit:?}");
    assert!(eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await);
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(105), "sent again");
}
