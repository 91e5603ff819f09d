//! Futures that are dropped at every await point, stores that are slow, and batches that are held up.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use alloy::primitives::U256;
use chequebook::Overdraft;
use chequebook_wallet::{Chequebook, Error};
use serde_json::json;
use tokio::{
    task::yield_now,
    time::{Instant, timeout},
};

use crate::doubles::{Gate, Meddled};
use crate::{Payer, config, eventually, key, rogue, sim::Act, terms, wallet, wallet_with, wei, who};

/// Polls a future so many times, and drops it.
pub(crate) async fn drop_after<T>(polls: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        yield_now().await;
    }
    false
}

/// In vain: a batch that is dropped anywhere is under way or not, and can be asked for again.
#[tokio::test]
async fn a_batch_that_is_dropped_can_be_asked_for_again() {
    for polls in (0..150).step_by(3) {
        let payer = Payer::new(100).await;
        let payee = wallet(&payer.sim, "payee").await;
        payer.sim.auto_mine(false);
        let cheques = [payer.rogue(who(1), 30).await, payer.rogue(who(2), 30).await];
        drop_after(polls, payee.cashing().cash_many(&cheques)).await;
        for _ in 0..50 {
            yield_now().await;
        }
        let again = timeout(Duration::from_secs(5), payee.cashing().cash_many(&cheques)).await.expect("it hangs");
        let again: Vec<_> = again.into_iter().map(Result::unwrap).collect();
        assert_eq!(payee.open_transactions().len(), 1, "after {polls} polls");
        payer.sim.mine(2);
        again[0].confirmed().await.unwrap();
        assert_eq!(payer.sim.paid(payer.contract()).len(), 2, "after {polls} polls");
    }
}

/// In vain, but for gaps (see wedge.rs): a wait that is dropped anywhere while more is offered wedges nothing.
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_while_more_is_offered_wedges_nothing() {
    for polls in 0..60 {
        let payer = Payer::new(100).await;
        payer.sim.auto_mine(false);
        payer.sim.validators_tip(20);
        let deposit = payer.book.deposit(wei(5)).await.unwrap();
        payer.sim.mine(4);
        drop_after(polls, deposit.confirmed()).await;
        assert!(
            eventually(&payer.sim, &payer.wallet, async || deposit.status().is_final()).await,
            "after {polls} polls: {deposit:?}"
        );
    }
}

/// The store is slow for longer than its time limit: the error says that nothing is acknowledged, and it is.
/// payee/exposure.rs, acknowledge(): memory is ahead of the store, and stays so after an error; inbox.rs says otherwise.
#[tokio::test(start_paused = true)]
async fn w1_what_was_answered_with_an_error_is_not_acknowledged() {
    let payer = Payer::new(100).await;
    let gate = Meddled(Arc::default(), Gate::default());
    let payee = wallet_with(&payer.sim, "payee", gate.clone(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    let cheque = payer.rogue(who(1), 60).await;
    gate.1.close(true);
    let error = inbox.receive(&cheque).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error:?}");
    gate.1.close(false);
    let again = inbox.receive(&cheque).await;
    assert!(matches!(again, Ok(added) if added == wei(60)), "passed again, as the documentation says: {again:?}");
}

/// The node does not answer for one chequebook: twenty cheques of another one are cashed after minutes.
/// chain/watcher.rs, look_now(): each cheque's look reads the chequebook that failed again, and all wait for it.
#[tokio::test(start_paused = true)]
async fn w4_a_batch_is_not_held_up_once_for_each_cheque() {
    let payer = Payer::new(100).await;
    let other = Chequebook::create(&payer.wallet, key("payer"), terms(100).salt(U256::from(1).into())).await.unwrap();
    let payee = wallet(&payer.sim, "payee").await;
    let bad = payer.inbox(&payee, who(1)).await;
    let contract = json!(bad.contract());
    payer.sim.no_multicall();
    payer
        .sim
        .hook(move |method, parameters| (method == "eth_call" && parameters[0]["to"] == contract).then_some(Act::Hang));
    payer.sim.mine(1);
    let mut cheques = Vec::new();
    for index in 10..30 {
        cheques.push(rogue(other.address(), who(index), 1).await);
    }
    let start = Instant::now();
    let answers = payee.cashing().cash_many(&cheques).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?} for twenty cheques of a chequebook that is in order");
    let _ = Overdraft::Refuse;
}
