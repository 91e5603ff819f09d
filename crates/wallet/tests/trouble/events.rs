//! Events: each after what it tells is so, and once.

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use chequebook::{ErrorClass, Overdraft, Scheme, bindings::Chequebook::cancelKillCall};
use chequebook_wallet::{
    Bounce, Cashier, CashierSettings, Chequebook, Event, Events, Inbox, Outcome, Purpose, Status, store::MemoryDisk,
};
use futures_util::FutureExt;
use serde_json::json;
use tokio::{
    task::{unconstrained, yield_now},
    time::{sleep, timeout},
};

use crate::{
    DAY, Payer, config,
    doubles::{Broken, Gate, Meddled},
    eventually, key, policy, rogue,
    sim::Act,
    terms, wallet, wallet_with, wei, who,
};

/// What was told and not read.
fn heard(events: &mut Events) -> Vec<Event> {
    std::iter::from_fn(|| unconstrained(events.next()).now_or_never().flatten()).collect()
}

/// The names of events, in order.
fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned()).collect()
}

fn issued(contract: Address, index: u64, amount: u64, added: u64) -> Event {
    Event::ChequeIssued { contract, beneficiary: who(index), amount: wei(amount), added: wei(added) }
}

fn received(contract: Address, index: u64, amount: u64, added: u64) -> Event {
    Event::ChequeReceived { contract, beneficiary: who(index), amount: wei(amount), added: wei(added) }
}

/* A LIFE */

#[tokio::test(start_paused = true)]
async fn tells_the_life_of_a_chequebook() {
    let sim = crate::chain();
    let payer = wallet(&sim, "payer").await;
    let mut events = payer.events();
    let book = Chequebook::create(&payer, key("payer"), terms(100)).await.unwrap();
    let contract = book.address();
    book.deposit(wei(20)).await.unwrap().confirmed().await.unwrap();
    let outbox = book.outbox(who(1), Scheme::Typed);
    outbox.issue(wei(30)).await.unwrap();
    let cheque = outbox.issue(wei(12)).await.unwrap();
    let told = heard(&mut events);
    assert_eq!(
        names(&told),
        [
            "transactionFinal",
            "depositConfirmed",
            "transactionFinal",
            "depositConfirmed",
            "chequeIssued",
            "chequeIssued"
        ]
    );
    let Event::TransactionFinal { nonce: 0, purpose, outcome: Outcome::Confirmed { hash, .. } } = told[0] else {
        panic!("{told:?}")
    };
    assert_eq!(purpose, Purpose::Create { contract, amount: wei(100) });
    assert_eq!(told[1], Event::DepositConfirmed { contract, amount: wei(100), nonce: 0, hash });
    assert!(matches!(told[3], Event::DepositConfirmed { amount, nonce: 1, .. } if amount == wei(20)), "{told:?}");
    assert_eq!(told[4..], [issued(contract, 1, 30, 30), issued(contract, 1, 42, 12)]);

    let payee = wallet(&sim, "payee").await;
    let inbox = Inbox::open(&payee, contract, who(1), policy()).await.unwrap();
    let mut events = payee.events();
    assert_eq!(inbox.receive(&cheque).await.unwrap(), wei(42));
    inbox.receive(&cheque).await.unwrap_err();
    let cash = inbox.cash(Overdraft::Refuse).await.unwrap();
    cash.confirmed().await.unwrap();
    let Status::Confirmed { block, hash } = cash.status() else { panic!("{cash:?}") };
    let (beneficiary, amount, nonce) = (who(1), wei(42), cash.nonce());
    assert_eq!(
        heard(&mut events),
        [
            received(contract, 1, 42, 42),
            Event::TransactionFinal {
                nonce,
                purpose: Purpose::Cash { contract, beneficiary, amount },
                outcome: Outcome::Confirmed { block, hash }
            },
            Event::Cashed { contract, beneficiary, amount, paid: wei(42), nonce, hash },
        ]
    );

    // The end is announced, taken back, announced again, and comes.
    let owner = key("owner").address();
    let announce = || assert!(sim.act(owner, contract, crate::announceKillCall {}.abi_encode().into()));
    announce();
    payee.refresh().await.unwrap();
    let killable_at = sim.killable_at(contract).to();
    assert_eq!(heard(&mut events), [Event::EndAnnounced { contract, killable_at }]);
    assert!(sim.act(owner, contract, cancelKillCall {}.abi_encode().into()));
    payee.refresh().await.unwrap();
    assert_eq!(heard(&mut events), [Event::EndCancelled { contract }]);
    announce();
    payee.refresh().await.unwrap();
    sim.warp(u64::from(DAY));
    sim.mine(1);
    assert!(sim.act(owner, contract, chequebook::bindings::Chequebook::killCall {}.abi_encode().into()));
    for _ in 0..3 {
        payee.refresh().await.unwrap();
        sim.mine(1);
    }
    assert_eq!(names(&heard(&mut events)), ["endAnnounced", "dead"]);
    payee.shutdown().await;
    assert_eq!(events.next().await, None);
    assert_eq!(payee.events().next().await, None);
}

/// A cheque that the policy refuses is kept, and acknowledged later.
#[tokio::test(start_paused = true)]
async fn tells_why_a_cheque_is_kept() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let contract = payer.contract();
    let inbox = Inbox::open(&payee, contract, who(1), policy()).await.unwrap();
    inbox.stop_auto_cash();
    let mut events = payee.events();
    payer.announce();
    payee.refresh().await.unwrap();
    let cheque = payer.rogue(who(1), 30).await;
    for _ in 0..3 {
        inbox.receive(&cheque).await.unwrap_err();
    }
    inbox.receive(&rogue(contract, who(2), 5).await).await.unwrap_err(); // not for us: nothing is kept
    let told = heard(&mut events);
    assert_eq!(names(&told), ["endAnnounced", "chequeKept"]);
    let Event::ChequeKept { beneficiary, amount, class, ref reason, .. } = told[1] else { panic!("{told:?}") };
    assert_eq!((beneficiary, amount, class), (who(1), wei(30), ErrorClass::Ended));
    assert!(reason.contains("end"), "{reason}");
    assert!(payer.sim.act(key("owner").address(), contract, cancelKillCall {}.abi_encode().into()));
    payee.refresh().await.unwrap();
    inbox.receive(&cheque).await.unwrap();
    assert_eq!(heard(&mut events), [Event::EndCancelled { contract }, received(contract, 1, 30, 30)]);
}

#[tokio::test(start_paused = true)]
async fn tells_what_a_cashier_takes() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let settings = CashierSettings::new(who(1)).policy(policy());
    let cashier = Cashier::open(&payee, settings).await.unwrap();
    let mut events = payee.events();
    let cheque = payer.rogue(who(1), 30).await;
    cashier.receive(&cheque).await.unwrap();
    cashier.receive(&cheque).await.unwrap();
    assert_eq!(heard(&mut events), [received(payer.contract(), 1, 30, 30)]);
}

#[tokio::test(start_paused = true)]
async fn tells_what_bounced_and_why() {
    // One that is late is reverted.
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let contract = payer.contract();
    let mut events = payee.events();
    payer.sim.auto_mine(false);
    let late = payee.cashing().cash(&payer.rogue(who(1), 60).await, Overdraft::Refuse).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(2), 60).await);
    payer.sim.mine(1);
    late.confirmed().await.unwrap_err();
    let told = heard(&mut events);
    assert_eq!(names(&told), ["transactionFinal", "bounced"]);
    let bounced = |event: &Event| match event {
        Event::Bounced { contract: at, beneficiary, amount, paid, reason, .. } if *at == contract => {
            Some((*beneficiary, *amount, *paid, reason.clone()))
        }
        _ => None,
    };
    assert_eq!(bounced(&told[1]), Some((who(1), wei(60), wei(0), Bounce::Reverted)));

    // Of a batch, one is skipped.
    let cheques = [payer.rogue(who(3), 10).await, payer.rogue(who(4), 20).await];
    let batch = payee.cashing().cash_many(&cheques).await;
    payer.cash_by_stranger(&payer.rogue(who(5), 25).await);
    payer.sim.mine(1);
    batch[0].as_ref().unwrap().confirmed().await.unwrap();
    let told = heard(&mut events);
    let (cashed, skipped): (Vec<_>, Vec<_>) = told[1..].iter().partition(|event| bounced(event).is_none());
    assert!(
        matches!(cashed[..], [Event::Cashed { beneficiary, paid, .. }] if (*beneficiary, *paid) == (who(3), wei(10))),
        "{told:?}"
    );
    let skipped: Vec<_> = skipped.into_iter().filter_map(bounced).collect();
    assert_eq!(skipped, [(who(4), wei(20), wei(0), Bounce::Skipped("NotCovered".to_owned()))]);

    // One that may overdraw takes what is there.
    payer.sim.auto_mine(true);
    let all = payee.cashing().cash(&payer.rogue(who(1), 60).await, Overdraft::Consent).await.unwrap();
    all.confirmed().await.unwrap();
    let told = heard(&mut events);
    let bounced: Vec<_> = told.iter().filter_map(bounced).collect();
    assert_eq!(bounced, [(who(1), wei(60), wei(5), Bounce::Overdraft)]);
    assert!(!told.iter().any(|event| matches!(event, Event::Cashed { .. })), "{told:?}");
}

/* W1 */

#[tokio::test(start_paused = true)]
async fn w1_nothing_is_told_before_it_is_durable() {
    let payer = Payer::new(100).await;
    let contract = payer.contract();
    let gate = Meddled(Arc::default(), Gate::default());
    let payee = wallet_with(&payer.sim, "payee", gate.clone(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    let strict = Inbox::open(&payee, contract, who(2), policy().accept_typed(false)).await;
    let strict = strict.unwrap();
    let book = Chequebook::create(&payee, key("payee"), terms(100)).await.unwrap();
    let outbox = book.outbox(who(9), Scheme::Typed);
    let (first, refused) = (payer.rogue(who(1), 10).await, payer.rogue(who(2), 20).await);
    inbox.receive(&first).await.unwrap();
    payer.sim.auto_mine(false);
    let cash = inbox.cash(Overdraft::Refuse).await.unwrap();
    payer.sim.mine(1);
    let mut events = payee.events();
    gate.1.close(true);
    let second = payer.rogue(who(1), 30).await;
    let work = tokio::spawn(async move {
        let (received, kept, issued, confirmed) =
            tokio::join!(inbox.receive(&second), strict.receive(&refused), outbox.issue(wei(7)), cash.confirmed());
        (received.unwrap(), kept.unwrap_err(), issued.unwrap(), confirmed.unwrap(), (inbox, strict))
    });
    sleep(Duration::from_secs(10)).await;
    assert_eq!(heard(&mut events), [], "the store has nothing of it yet");
    gate.1.close(false);
    work.await.unwrap();
    let mut told = names(&heard(&mut events));
    told.sort();
    assert_eq!(told, ["cashed", "chequeIssued", "chequeKept", "chequeReceived", "transactionFinal"]);
}

#[tokio::test(start_paused = true)]
async fn w1_what_a_store_does_not_keep_is_not_told() {
    let payer = Payer::new(100).await;
    let broken = Meddled(Arc::default(), Broken::default());
    let payee = wallet_with(&payer.sim, "payee", broken.clone(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    let book = Chequebook::create(&payee, key("payee"), terms(100)).await.unwrap();
    let deposit = book.deposit(wei(5)).await.unwrap();
    let mut events = payee.events();
    broken.1.break_it();
    book.outbox(who(9), Scheme::Typed).issue(wei(7)).await.unwrap_err();
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap_err();
    payer.sim.mine(2);
    let _ = payee.refresh().await; // the outcome cannot be stored
    assert_eq!(heard(&mut events), [], "{deposit:?}");
}

/// What is durable is told, though its caller has gone, and in the order in which it became so.
#[tokio::test]
async fn w1_what_is_durable_is_told_whether_or_not_its_caller_waits() {
    let payer = Payer::new(1_000).await;
    let mut events = payer.wallet.events();
    let outbox = payer.book.outbox(who(1), Scheme::Typed);
    for polls in 0..40 {
        {
            let mut issue = std::pin::pin!(outbox.issue(wei(1)));
            for _ in 0..polls {
                let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
                if issue.as_mut().poll(context).is_ready() {
                    break;
                }
                yield_now().await;
            }
        }
        for _ in 0..20 {
            yield_now().await;
        }
    }
    let outboxes: Vec<_> = (0..50).map(|_| outbox.clone()).collect();
    futures_util::future::join_all(outboxes.iter().map(|outbox| outbox.issue(wei(1)))).await;
    let promised: u64 = outbox.promised().await.unwrap().to();
    assert!(promised > 50, "{promised}");
    let expected: Vec<_> = (1..=promised).map(|amount| issued(payer.contract(), 1, amount, 1)).collect();
    assert_eq!(heard(&mut events), expected);
}

/// What is told in one run is not told in the next. What happens between them is state, and no event.
#[tokio::test(start_paused = true)]
async fn w1_a_restart_tells_nothing_again() {
    let payer = Payer::new(100).await;
    let (contract, disk) = (payer.contract(), MemoryDisk::new());
    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    inbox.cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    inbox.receive(&payer.rogue(who(1), 30).await).await.unwrap();
    payer.sim.auto_mine(false);
    let under_way = inbox.cash(Overdraft::Refuse).await.unwrap().nonce();
    payee.shutdown().await;
    drop(inbox);
    payer.announce();

    let payee = wallet_with(&payer.sim, "payee", disk.open().unwrap(), config()).await;
    let mut events = payee.events();
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    payer.sim.mine(2);
    payee.refresh().await.unwrap();
    let told = heard(&mut events);
    assert_eq!(names(&told), ["transactionFinal", "cashed"], "what was under way, and no end that was there before");
    assert!(
        matches!(told[1], Event::Cashed { contract: at, nonce, paid, .. } if (at, nonce, paid) == (contract, under_way, wei(20))),
        "{told:?}"
    );
}

/* W3 */

#[tokio::test(start_paused = true)]
async fn w3_a_node_that_lags_announces_no_end_twice() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    let mut events = payee.events();
    payer.announce();
    payee.refresh().await.unwrap();
    assert_eq!(names(&heard(&mut events)), ["endAnnounced"]);
    payer.sim.mine(5);
    payee.refresh().await.unwrap();
    for back in [8, 0, 8, 0] {
        payer.sim.go_back(back);
        let _ = payee.refresh().await;
        let _ = inbox.receive(&payer.rogue(who(1), 5).await).await;
    }
    payer.sim.replicas(&[0, 7, 3]);
    for _ in 0..10 {
        payer.sim.mine(1);
        let _ = payee.refresh().await;
    }
    let mut told = names(&heard(&mut events));
    told.retain(|name| !["chequeKept", "chainTrouble", "chainSeen"].contains(&name.as_str()));
    assert_eq!(told, Vec::<String>::new(), "the end is the same, and nothing was reorganised");
}

#[tokio::test(start_paused = true)]
async fn w3_a_reorganisation_is_told_with_what_it_takes_back() {
    let payer = Payer::new(100).await;
    let (sim, contract) = (&payer.sim, payer.contract());
    let payee = wallet(sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.stop_auto_cash();
    sim.mine(3);
    payee.refresh().await.unwrap();
    let ancestor = sim.head();
    let mut events = payee.events();
    payer.announce();
    payee.refresh().await.unwrap();
    assert_eq!(names(&heard(&mut events)), ["endAnnounced"]);
    sim.rollback(1, false);
    payee.refresh().await.unwrap();
    let number = sim.head();
    let reorganised = Event::ChainReorganised { number, hash: sim.hash_of(number), ancestor: Some(ancestor) };
    assert_eq!(heard(&mut events), [reorganised, Event::EndCancelled { contract }]);
    payer.announce();
    payee.refresh().await.unwrap();
    assert_eq!(names(&heard(&mut events)), ["endAnnounced"], "it is announced again");
}

/// A reorganisation deeper than the finality takes a cash back, which comes again and pays once.
#[tokio::test(start_paused = true)]
async fn w3_what_was_final_and_comes_again_is_told_once() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    let mut events = payee.events();
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    let cash = inbox.cash(Overdraft::Refuse).await.unwrap();
    cash.confirmed().await.unwrap();
    for _ in 0..3 {
        payer.sim.rollback(1, false);
        payee.refresh().await.unwrap();
        let paid = async || payer.sim.paid(payer.contract()).get(&who(1)) == Some(&wei(10));
        assert!(eventually(&payer.sim, &payee, paid).await);
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
    }
    let mut told = names(&heard(&mut events));
    told.retain(|name| name != "chainReorganised");
    assert_eq!(told, ["chequeReceived", "transactionFinal", "cashed"]);
}

/// No receipt, no outcome; and a receipt without its events does not say whether a cash has paid.
#[tokio::test(start_paused = true)]
async fn w3_an_absent_answer_tells_nothing() {
    let payer = Payer::new(100).await;
    let sim = &payer.sim;
    let payee = wallet(sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.receive(&payer.rogue(who(1), 10).await).await.unwrap();
    let mut events = payee.events();
    sim.prune_receipts(Some(0));
    sim.mine(1);
    inbox.cash(Overdraft::Refuse).await.unwrap();
    for _ in 0..5 {
        sim.mine(1);
        let _ = payee.refresh().await;
    }
    assert_eq!(heard(&mut events), []);
    sim.prune_receipts(None);
    sim.hook(|method, _| {
        (method == "eth_getTransactionReceipt").then(|| {
            Act::Map(Box::new(|mut receipt| {
                if receipt.is_object() {
                    receipt["logs"] = json!([]);
                }
                receipt
            }))
        })
    });
    sim.mine(1);
    payee.refresh().await.unwrap();
    assert_eq!(names(&heard(&mut events)), ["transactionFinal"]);
}

/* W4 */

#[tokio::test(start_paused = true)]
async fn w4_trouble_with_the_chain_is_told_when_it_begins_and_ends() {
    let payer = Payer::new(100).await;
    let sim = &payer.sim;
    let mut events = payer.wallet.events();
    sim.hook(|_, _| Some(Act::Http(502, "see https://user:word@node.example/secret-key for help".to_owned())));
    for _ in 0..5 {
        payer.wallet.refresh().await.unwrap_err();
    }
    let told = heard(&mut events);
    let [Event::ChainTrouble { reason }] = &told[..] else { panic!("{told:?}") };
    assert!(reason.contains("502") && !reason.contains("secret") && !reason.contains("word"), "{reason}");
    sim.unhook();
    for _ in 0..5 {
        payer.wallet.refresh().await.unwrap();
    }
    assert_eq!(heard(&mut events), [Event::ChainSeen]);
}

#[tokio::test(start_paused = true)]
async fn w4_a_subscriber_that_never_reads_holds_nobody_up() {
    let payer = Payer::new(5_000).await;
    let contract = payer.contract();
    let mut slow = payer.wallet.events();
    let mut fast = payer.wallet.events();
    let outbox = payer.book.outbox(who(1), Scheme::Typed);
    let mut read = 0;
    for _ in 0..3_000 {
        timeout(Duration::from_secs(1), outbox.issue(wei(1))).await.unwrap().unwrap();
        read += heard(&mut fast).len();
    }
    assert_eq!(read, 3_000);
    let told = heard(&mut slow);
    let Event::Lost { count } = told[0] else { panic!("{:?}", told[0]) };
    assert_eq!(usize::try_from(count).unwrap() + told.len() - 1, 3_000, "it knows how many it lost");
    assert_eq!(told.last(), Some(&issued(contract, 1, 3_000, 1)));
    assert_eq!(payer.book.balance().await.unwrap().issued, U256::from(3_000));
}
