//! A cashier takes cheques from strangers: what it acknowledges, what it counts, and what strangers cost.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};
use async_trait::async_trait;
use chequebook::{
    Creation, Error as ChequeError, Form, Overdraft, Scheme, SignedCheque, State, Terms,
    bindings::Chequebook::announceKillCall,
};
use chequebook_wallet::{
    Cashier, CashierSettings, Credit, Error, Limits, Order, Wallet,
    store::{Change, MemoryDisk, StoreError},
};
use futures_util::future::join_all;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    Payer, chain, config,
    doubles::{Meddled, Meddler},
    eventually, key, policy, rogue,
    sim::Act,
    sim::Sim,
    wallet, wallet_with, wei, who,
};

pub(crate) fn settings() -> CashierSettings {
    CashierSettings::new(who(0)).policy(policy()).auto_cash(None)
}

/// Chequebooks of the payer with 100 wei each, which nobody's wallet knows.
pub(crate) fn books(sim: &Sim, count: u64) -> Vec<Address> {
    let terms = Terms { notice_period: 86_400, ..Terms::new(Form::Clone, key("owner").address()) };
    let terms = Terms { signer: key("payer").address(), ..terms };
    let creations: Vec<_> = (0..count).map(|salt| Creation { terms, salt: U256::from(salt).into() }).collect();
    sim.plant(&creations, wei(100));
    creations.iter().map(|creation| creation.address(crate::sim::CHAIN_ID).unwrap()).collect()
}

pub(crate) async fn cashier_on(sim: &Sim, disk: &MemoryDisk, settings: CashierSettings) -> (Wallet, Cashier) {
    let wallet = wallet_with(sim, "payee", disk.open().unwrap(), config()).await;
    let cashier = Cashier::open(&wallet, settings).await.unwrap();
    (wallet, cashier)
}

pub(crate) async fn cashier(sim: &Sim, settings: CashierSettings) -> (Wallet, Cashier) {
    cashier_on(sim, &MemoryDisk::new(), settings).await
}

pub(crate) fn credit(cashier: Credit) -> (U256, U256) {
    (cashier.accepted, cashier.spent)
}

/* CREDIT */

/// Notes the tables of each change, and can be lost.
#[derive(Clone, Default)]
struct Spy {
    changes: Arc<Mutex<Vec<Vec<&'static str>>>>,
    is_lost: Arc<AtomicBool>,
}

#[async_trait]
impl Meddler for Spy {
    async fn before_commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        if self.is_lost.load(Ordering::Relaxed) {
            return Err(StoreError::Failed { reason: "the process dies here".to_owned() });
        }
        let tables = changes.iter().map(|change| change.writes.iter().map(|write| write.key.table.name()).collect());
        self.changes.lock().unwrap().extend(tables);
        Ok(())
    }
}

/// A cheque and what it brings are one change: no crash can separate them.
#[tokio::test]
async fn w1_a_cheque_and_its_credit_are_one_change() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (disk, spy) = (MemoryDisk::new(), Spy::default());
    let store = Meddled(Arc::new(disk.open().unwrap()), spy.clone());
    let wallet = wallet_with(&sim, "payee", store, config()).await;
    let cashier = Cashier::open(&wallet, settings()).await.unwrap();
    let receipt = cashier.receive(&rogue(book, who(0), 10).await).await.unwrap();
    assert_eq!((receipt.added, credit(receipt.credit)), (wei(10), (wei(10), wei(0))));
    cashier.spend(book, who(0), wei(4)).await.unwrap();
    let noted: Vec<_> =
        spy.changes.lock().unwrap().iter().filter(|change| change.contains(&"received")).cloned().collect();
    assert_eq!(noted, [vec!["received", "credit"]]);

    // The process dies before it is written: neither the cheque nor its credit was there.
    spy.is_lost.store(true, Ordering::Relaxed);
    let lost = cashier.receive(&rogue(book, who(0), 30).await).await.unwrap_err();
    assert!(matches!(lost, Error::Store(_)), "{lost}");
    wallet.shutdown().await;
    drop((cashier, wallet));

    let (_wallet, cashier) = cashier_on(&sim, &disk, settings()).await;
    assert_eq!(credit(cashier.credit(book, who(0)).await.unwrap()), (wei(10), wei(4)));
    let receipt = cashier.receive(&rogue(book, who(0), 30).await).await.unwrap();
    assert_eq!((receipt.added, credit(receipt.credit)), (wei(20), (wei(30), wei(4))));
}

/// A cheque that comes twice, or from many tasks at once, brings its amount once, and each answer is the same.
#[tokio::test]
async fn w1_a_cheque_that_comes_often_counts_once() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (_wallet, cashier) = cashier(&sim, settings()).await;
    let cheque = rogue(book, who(0), 50).await;
    let receipts = join_all((0..64).map(|_| cashier.receive(&cheque))).await;
    let added = receipts.into_iter().map(|receipt| receipt.unwrap().added).sum::<U256>();
    assert_eq!(added, wei(50));
    assert_eq!(credit(cashier.receive(&cheque).await.unwrap().credit), (wei(50), wei(0)));
    // An older one is worth nothing, and is an error: it replaces nothing.
    let older = cashier.receive(&rogue(book, who(0), 49).await).await.unwrap_err();
    assert!(matches!(older, Error::StaleCheque { .. }), "{older}");
}

/// Nobody spends more than the cheques brought, also all at once, also after a restart.
#[tokio::test]
async fn w2_spends_no_more_than_was_brought() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let disk = MemoryDisk::new();
    let (wallet, first) = cashier_on(&sim, &disk, settings()).await;
    first.receive(&rogue(book, who(0), 50).await).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let cashier = first.clone();
        tasks.spawn(async move { cashier.spend(book, who(0), wei(1)).await });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 50);
    assert!(
        results
            .iter()
            .flat_map(|result| result.as_ref().err())
            .all(|error| { matches!(error, Error::InsufficientCredit { available, .. } if available.is_zero()) })
    );
    wallet.shutdown().await;
    drop((first, wallet));
    let (_wallet, cashier) = cashier_on(&sim, &disk, settings()).await;
    assert!(cashier.spend(book, who(0), wei(1)).await.is_err());
    assert_eq!(credit(cashier.credit(book, who(0)).await.unwrap()), (wei(50), wei(50)));
    // Of a stranger there is nothing.
    let none = cashier.spend(who(9), who(0), wei(1)).await.unwrap_err();
    assert!(matches!(none, Error::InsufficientCredit { .. }), "{none}");
}

/// What was paid before the cashier knew of it brings nothing.
#[tokio::test]
async fn w1_what_was_paid_already_is_no_credit() {
    let payer = Payer::new(100).await;
    let (_wallet, cashier) = cashier(&payer.sim, settings()).await;
    payer.cash_by_stranger(&payer.rogue(who(0), 40).await);
    let paid = cashier.receive(&payer.rogue(who(0), 40).await).await.unwrap_err();
    assert!(matches!(paid, Error::AlreadyCashed { .. }), "{paid}");
    let receipt = cashier.receive(&payer.rogue(who(0), 60).await).await.unwrap();
    assert_eq!((receipt.added, credit(receipt.credit)), (wei(20), (wei(20), wei(0))));
}

/// A cheque that the policy refuses is kept and gives no credit; when the end is announced, it is cashed.
#[tokio::test(start_paused = true)]
async fn w1_what_is_kept_is_no_credit() {
    let payer = Payer::new(100).await;
    let (wallet, cashier) = cashier(&payer.sim, settings()).await;
    cashier.receive(&payer.rogue(who(0), 60).await).await.unwrap();
    let refused = cashier.receive(&payer.rogue(who(0), 160).await).await.unwrap_err();
    assert!(matches!(refused, Error::NotCovered { .. }), "{refused}");
    let listed = cashier.uncashed(Order::Payer, 0, 9);
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].uncashed, listed[0].unacknowledged), (wei(160), wei(100)));
    assert_eq!(credit(cashier.credit(payer.contract(), who(0)).await.unwrap()), (wei(60), wei(0)));
    payer.announce();
    let contract = payer.contract();
    assert!(eventually(&payer.sim, &wallet, async || payer.sim.paid(contract).get(&who(0)) == Some(&wei(100))).await);
}

/* STRANGERS */

/// Cheques of a hundred thousand contracts that are none: few questions, no memory, and none twice.
#[tokio::test]
async fn w5_strangers_cost_little() {
    let sim = chain();
    let limits = Limits::default().waiting(200_000).remembered(1_000).refused_for(Duration::from_secs(3_600));
    let (_wallet, cashier) = cashier(&sim, settings().limits(limits)).await;
    // One signature for all: strangers need none that is good.
    let signed = rogue(who(1), who(0), 1).await;
    let cheque = |index: u64| {
        let cheque = chequebook::Cheque { contract: who(index), ..*signed.cheque() };
        SignedCheque::new(cheque, signed.signature()).unwrap()
    };
    let before = sim.all_requests();
    let cheques: Vec<_> = (0..100_000).map(|index| cheque(1_000 + index)).collect();
    for answers in
        join_all(cheques.chunks(5_000).map(|chunk| join_all(chunk.iter().map(|one| cashier.receive(one))))).await
    {
        for answer in answers {
            let error = answer.unwrap_err();
            assert!(matches!(error, Error::Cheque(ChequeError::Unproven { .. })), "{error}");
        }
    }
    let asked = sim.all_requests() - before;
    assert!(asked <= 1_000, "{asked} questions for 100,000 strangers");
    assert_eq!(cashier.open_inboxes(), 0);
    // Whoever was refused a moment ago is refused again without a question.
    let mut asked = Vec::new();
    for _ in 0..2 {
        let before = sim.all_requests();
        for index in 0..500 {
            cashier.receive(&cheque(1_000 + index)).await.unwrap_err();
        }
        asked.push(sim.all_requests() - before);
    }
    assert_eq!(asked[1], 0, "{asked:?}");
}

/// A contract that is refused may be created later: it is looked up again after a while.
#[tokio::test(start_paused = true)]
async fn w3_a_refusal_is_not_for_ever() {
    let sim = chain();
    let terms = Terms { notice_period: 86_400, ..Terms::new(Form::Clone, key("payer").address()) };
    let creation = Creation { terms, salt: B256::ZERO };
    let book = creation.address(crate::sim::CHAIN_ID).unwrap();
    let (_wallet, cashier) = cashier(&sim, settings()).await;
    let cheque = rogue(book, who(0), 10).await;
    cashier.receive(&cheque).await.unwrap_err();
    sim.plant(&[creation], wei(100));
    let still = cashier.receive(&cheque).await.unwrap_err();
    assert!(matches!(still, Error::Cheque(ChequeError::Unproven { .. })), "{still}");
    sleep(Duration::from_secs(16)).await;
    assert_eq!(cashier.receive(&cheque).await.unwrap().added, wei(10));
}

/// A node that fails refuses nobody.
#[tokio::test(start_paused = true)]
async fn w3_a_node_that_fails_is_no_refusal() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (_wallet, cashier) = cashier(&sim, settings()).await;
    let cheque = rogue(book, who(0), 10).await;
    sim.hook(|method, _| (method == "eth_call").then(|| Act::Error(-32_000, "missing trie node".into(), None)));
    cashier.receive(&cheque).await.unwrap_err();
    sim.unhook();
    assert_eq!(cashier.receive(&cheque).await.unwrap().added, wei(10));
}

/// Whoever signs cheques of somebody else's chequebook costs questions once, and opens nothing.
#[tokio::test]
async fn w5_a_bad_signature_costs_no_question_twice() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (_wallet, cashier) = cashier(&sim, settings()).await;
    let forged = async |amount: u64| {
        let good = rogue(book, who(0), amount).await;
        good.cheque().sign(&key("thief")).await.unwrap()
    };
    let error = cashier.receive(&forged(1).await).await.unwrap_err();
    assert!(matches!(error, Error::Cheque(ChequeError::WrongSigner { .. })), "{error}");
    assert_eq!(cashier.open_inboxes(), 0);
    let before = sim.all_requests();
    for amount in 2..50 {
        cashier.receive(&forged(amount).await).await.unwrap_err();
    }
    assert_eq!((sim.all_requests(), cashier.open_inboxes()), (before, 0));
    // The payer itself is served.
    assert_eq!(cashier.receive(&rogue(book, who(0), 5).await).await.unwrap().added, wei(5));
}

/// What is not for us is refused before anything is asked.
#[tokio::test]
async fn a_cheque_for_somebody_else_costs_nothing() {
    let sim = chain();
    let book = books(&sim, 1)[0];
    let (_wallet, cashier) = cashier(&sim, settings().beneficiary(who(1))).await;
    let before = sim.all_requests();
    let error = cashier.receive(&rogue(book, who(2), 5).await).await.unwrap_err();
    assert!(matches!(error, Error::WrongBeneficiary { found, .. } if found == who(2)), "{error}");
    assert_eq!(sim.all_requests(), before);
    assert_eq!(cashier.receive(&rogue(book, who(1), 5).await).await.unwrap().added, wei(5));
}

/// While the node hangs, no more than the limit waits; when it answers, all of them are served.
#[tokio::test(start_paused = true)]
async fn w4_who_waits_is_limited_and_served() {
    let sim = chain();
    let all = books(&sim, 12);
    let (_wallet, cashier) = cashier(&sim, settings().limits(Limits::default().waiting(10))).await;
    sim.hang(true);
    let mut cheques = Vec::new();
    for book in &all {
        cheques.push(rogue(*book, who(0), 5).await);
    }
    let mut tasks = JoinSet::new();
    for cheque in cheques {
        let cashier = cashier.clone();
        tasks.spawn(async move { cashier.receive(&cheque).await });
        sleep(Duration::from_millis(1)).await;
    }
    // The first is being looked up, ten wait, and the last was told.
    let error = tasks.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, Error::Busy { max: 10 }), "{error}");
    sim.hang(false);
    let served = tasks.join_all().await;
    assert_eq!(served.iter().filter(|answer| answer.is_ok()).count(), 11, "{served:?}");
}

/* MEMORY */

/// As many inboxes as the limit are open. One that has nothing to be cashed makes way, one that has does not.
#[tokio::test]
async fn w5_open_inboxes_are_limited() {
    let sim = chain();
    let all = books(&sim, 4);
    let (wallet, cashier) = cashier(&sim, settings().limits(Limits::default().open(2).dust(wei(3)))).await;
    for book in &all[..2] {
        cashier.receive(&rogue(*book, who(0), 50).await).await.unwrap();
    }
    let full = cashier.receive(&rogue(all[2], who(0), 50).await).await.unwrap_err();
    assert!(matches!(full, Error::Full { max: 2 }), "{full}");
    let cash = cashier.inbox(all[1], who(0)).unwrap().cash(Overdraft::Refuse).await.unwrap();
    cash.confirmed().await.unwrap();
    wallet.refresh().await.unwrap();
    assert_eq!(cashier.receive(&rogue(all[2], who(0), 2).await).await.unwrap().added, wei(2));
    assert!(cashier.inbox(all[1], who(0)).is_none());
    // The two wei of the third are dust. What a payer has stays, though its inbox was forgotten.
    assert_eq!(cashier.receive(&rogue(all[3], who(0), 50).await).await.unwrap().added, wei(50));
    assert!(cashier.inbox(all[2], who(0)).is_none() && cashier.inbox(all[0], who(0)).is_some());
    assert_eq!(credit(cashier.credit(all[2], who(0)).await.unwrap()), (wei(2), wei(0)));
    assert_eq!(credit(cashier.spend(all[2], who(0), wei(1)).await.unwrap()), (wei(2), wei(1)));
}

/// What nobody uses is forgotten, and costs no question any more. The next cheque opens it again, with its credit.
#[tokio::test(start_paused = true)]
async fn w5_what_is_idle_is_forgotten() {
    let sim = chain();
    let all = books(&sim, 2);
    let (wallet, cashier) = cashier(&sim, settings()).await;
    for book in &all {
        cashier.receive(&rogue(*book, who(0), 50).await).await.unwrap();
    }
    cashier.inbox(all[0], who(0)).unwrap().cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    wallet.refresh().await.unwrap();
    sleep(Duration::from_secs(800)).await;
    sim.mine(1);
    wallet.refresh().await.unwrap();
    assert!(cashier.inbox(all[0], who(0)).is_none());
    assert!(cashier.inbox(all[1], who(0)).is_some());
    let receipt = cashier.receive(&rogue(all[0], who(0), 70).await).await.unwrap();
    assert_eq!((receipt.added, credit(receipt.credit)), (wei(20), (wei(70), wei(0))));
}

/// After a restart, what is uncashed is guarded again, with few questions, and what is cashed is not even open.
#[tokio::test]
async fn w1_a_restart_guards_what_is_uncashed() {
    let sim = chain();
    let all = books(&sim, 40);
    let disk = MemoryDisk::new();
    let (wallet, first) = cashier_on(&sim, &disk, settings()).await;
    for book in &all {
        first.receive(&rogue(*book, who(0), 50).await).await.unwrap();
    }
    let cash = first.inbox(all[0], who(0)).unwrap().cash(Overdraft::Refuse).await.unwrap();
    cash.confirmed().await.unwrap();
    wallet.shutdown().await;
    drop((first, wallet, cash));
    let before = sim.all_requests();
    let (wallet, cashier) = cashier_on(&sim, &disk, settings()).await;
    let asked = sim.all_requests() - before;
    assert!(asked <= 30, "{asked} questions to open 40 inboxes");
    assert_eq!(cashier.open_inboxes(), 39);
    assert!(sim.act(key("owner").address(), all[7], announceKillCall {}.abi_encode().into()));
    assert!(eventually(&sim, &wallet, async || sim.paid(all[7]).get(&who(0)) == Some(&wei(50))).await);
}

/* LIST */

#[tokio::test]
async fn lists_and_cashes_what_is_uncashed() {
    let sim = chain();
    let all = books(&sim, 3);
    let (wallet, cashier) = cashier(&sim, settings()).await;
    for (book, amount) in all.iter().zip([20, 90, 5]) {
        cashier.receive(&rogue(*book, who(0), amount).await).await.unwrap();
        sim.mine(1);
        wallet.refresh().await.unwrap();
    }
    let amounts = |order, skip, limit| -> Vec<u64> {
        cashier.uncashed(order, skip, limit).iter().map(|one| one.uncashed.to()).collect()
    };
    assert_eq!(amounts(Order::Amount, 0, 9), [90, 20, 5]);
    assert_eq!(amounts(Order::Age, 0, 9), [20, 90, 5]);
    assert_eq!(amounts(Order::Amount, 1, 1), [20]);
    assert_eq!(amounts(Order::Payer, 0, 9).len(), 3);
    let cashed = cashier.cash(wei(20)).await.unwrap();
    assert_eq!(cashed.len(), 2);
    for (_, transaction) in cashed {
        transaction.unwrap().confirmed().await.unwrap();
    }
    wallet.refresh().await.unwrap();
    assert_eq!(amounts(Order::Amount, 0, 9), [5]);
}

/// What payers owe is known without a question: by chequebook, with cover and state.
#[tokio::test(start_paused = true)]
async fn debts_are_of_each_chequebook() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let settings = CashierSettings::new(who(1)).beneficiary(who(2)).policy(policy()).auto_cash(None);
    let cashier = Cashier::open(&payee, settings).await.unwrap();
    assert_eq!(cashier.debts(), []);
    for (index, amount) in [(1, 30), (2, 50)] {
        let cheque = payer.book.outbox(who(index), Scheme::Typed).issue(wei(amount)).await.unwrap();
        cashier.receive(&cheque).await.unwrap();
    }
    let asked = payer.sim.all_requests();
    let debts = cashier.debts();
    let [debt] = debts.as_slice() else { panic!("{debts:?}") };
    assert_eq!((debt.contract, debt.beneficiaries, debt.uncashed), (payer.contract(), 2, wei(80)));
    assert_eq!((debt.balance, debt.is_covered(), debt.state), (wei(100), true, State::Alive));
    assert_eq!(payer.sim.all_requests(), asked, "it asks nobody");

    // Somebody else takes so much that the rest does not cover it, and the end comes.
    payer.cash_by_stranger(&payer.rogue(who(3), 40).await);
    payer.announce();
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    let debt = cashier.debts()[0];
    let (number, seen_at) = payee.newest_block().unwrap();
    assert_eq!((debt.balance, debt.is_covered(), debt.seen_at), (wei(60), false, seen_at));
    assert!(matches!(debt.state, State::Ending { killable_at } if killable_at > seen_at), "{debt:?} at {number}");
}
