//! Requests with a key happen once, whatever comes between, and limits hold over restarts and concurrency.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::primitives::{Address, B256, U256, keccak256};
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{
    Backup, Chequebook, Error, Limit, NewChequebook, Outbox, Owner, Purpose, Request, StoreError, Wallet,
    store::{Change, Memory, MemoryDisk},
};
use tokio::task::JoinSet;

use crate::{
    DAY, Payer, chain, config,
    doubles::{Dying, Gate, Meddled, Meddler},
    key,
    sim::{Act, Sim},
    terms, wallet_with, wei, who,
};

/// 2026-11-26, at noon.
const NOON: u64 = 20_783 * 86_400 + 43_200;

fn word(text: &str) -> B256 {
    keccak256(text)
}

fn once(key: &str) -> Request {
    Request::new(NOON).once(word(key), word("content"))
}

fn at_most(max: u64) -> Request {
    Request::new(NOON).limit(Limit { counter: word("of a day"), max: wei(max) })
}

fn outbox(book: &Chequebook, index: u64) -> Outbox {
    book.outbox(who(index), Scheme::Typed)
}

/// So many seconds go by on the chain.
async fn pass(sim: &Sim, wallet: &Wallet, seconds: u64) {
    sim.warp(seconds);
    sim.mine(1);
    wallet.refresh().await.unwrap();
}

async fn issued(book: &Chequebook) -> U256 {
    book.balance().await.unwrap().issued
}

/// Another run on the same disk.
async fn on(disk: &MemoryDisk, sim: &Sim, contract: Address) -> (Wallet, Chequebook) {
    let wallet = wallet_with(sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
    (wallet, book)
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_promises_nothing_more() {
    let payer = Payer::new(100).await;
    let first = outbox(&payer.book, 1).issue_for(wei(10), &once("a")).await.unwrap();
    let again = outbox(&payer.book, 1).issue_for(wei(10), &once("a")).await.unwrap();
    assert_eq!(first, again);
    // Also when later cheques replaced it: what was answered then is answered now.
    let later = outbox(&payer.book, 1).issue_for(wei(5), &once("b")).await.unwrap();
    assert_eq!(later.cheque().amount, wei(15));
    assert_eq!(outbox(&payer.book, 1).issue_for(wei(10), &once("a")).await.unwrap(), first);
    assert_eq!(issued(&payer.book).await, wei(15));
    // Without a key there is nothing to repeat.
    for _ in 0..2 {
        outbox(&payer.book, 1).issue_for(wei(1), &Request::new(NOON)).await.unwrap();
    }
    assert_eq!(issued(&payer.book).await, wei(17));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_something_else_is_an_error() {
    let payer = Payer::new(100).await;
    outbox(&payer.book, 1).issue_for(wei(10), &once("a")).await.unwrap();
    let other = Request::new(NOON).once(word("a"), word("other content"));
    let refused = outbox(&payer.book, 1).issue_for(wei(11), &other).await.unwrap_err();
    assert!(matches!(refused, Error::KeyReused { key } if key == word("a")), "{refused:?}");
    // Of another kind, though the caller says that it is the same.
    let refused = payer.book.deposit_for(wei(10), &once("a")).await.unwrap_err();
    assert!(matches!(refused, Error::KeyReused { .. }), "{refused:?}");
    assert_eq!(issued(&payer.book).await, wei(10));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_failed_may_be_made_again() {
    let payer = Payer::new(100).await;
    let refused = outbox(&payer.book, 1).issue_for(wei(101), &once("a")).await.unwrap_err();
    assert!(matches!(refused, Error::InsufficientDeposit { .. }), "{refused:?}");
    payer.book.deposit(wei(1)).await.unwrap().confirmed().await.unwrap();
    outbox(&payer.book, 1).issue_for(wei(101), &once("a")).await.unwrap();
    assert_eq!(issued(&payer.book).await, wei(101));
}

#[tokio::test(start_paused = true)]
async fn two_hundred_at_once_with_one_key_are_one() {
    let payer = Payer::new(1_000).await;
    let mut calls = JoinSet::new();
    for index in 0..200 {
        let outbox = outbox(&payer.book, 1);
        // Half of them hang up.
        calls.spawn(async move {
            let request = once("a");
            let issued = outbox.issue_for(wei(10), &request);
            let patience = if index % 2 == 0 { Duration::from_secs(3_600) } else { Duration::ZERO };
            tokio::time::timeout(patience, issued).await.ok().map(Result::unwrap)
        });
    }
    let cheques: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    assert!(cheques.len() >= 100, "{}", cheques.len());
    assert!(cheques.iter().all(|cheque| cheque.cheque().amount == wei(10)));
    assert_eq!(issued(&payer.book).await, wei(10));
}

/// The process dies at any commit, before it is made or just after; the caller does not know, and asks again.
#[tokio::test(start_paused = true)]
async fn w1_whatever_commit_is_the_last_one_each_happens_once() {
    let mut deaths = 0;
    for after in [false, true] {
        for commit in 0..14 {
            let (sim, store) = (chain(), Arc::new(Memory::new()));
            let wallet = wallet_with(&sim, "payer", Meddled(Arc::clone(&store), Quiet), config()).await;
            let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
            let contract = book.address();
            wallet.shutdown().await;
            drop((book, wallet));

            let dying = Dying::at(commit, after);
            let store_of_it = Meddled(Arc::clone(&store), dying.clone());
            let polls = config().poll_interval(Duration::from_secs(4));
            if let Ok(wallet) = Wallet::open(sim.provider(), key("payer"), store_of_it, polls).await {
                if let Ok(book) = Chequebook::open(&wallet, contract, key("payer")).await {
                    let _ = everything(&book).await; // it may die anywhere
                    deaths += usize::from(dying.has_died());
                }
                wallet.shutdown().await;
            }

            let wallet = wallet_with(&sim, "payer", Meddled(Arc::clone(&store), Quiet), config()).await;
            let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
            let first = everything(&book).await.unwrap();
            assert_eq!(everything(&book).await.unwrap(), first, "at commit {commit}");
            sim.mine(2);
            let balance = book.balance().await.unwrap();
            // 10 and 7 to two beneficiaries, 20 to the owner, and two deposits of 5.
            assert_eq!((balance.issued, balance.funded), (wei(37), wei(110)), "at commit {commit}, after: {after}");
            let paid = sim.paid(contract);
            assert_eq!(paid.get(&key("owner").address()), Some(&wei(20)), "at commit {commit}, after: {after}");
        }
    }
    assert!(deaths > 10, "only {deaths} runs died in the middle");
}

/// Nothing happens to it.
#[derive(Clone)]
struct Quiet;

#[async_trait::async_trait]
impl Meddler for Quiet {}

/// What a caller wants, each with its key: cheques, deposits, and money back.
async fn everything(book: &Chequebook) -> Result<Vec<String>, Error> {
    let mut got = Vec::new();
    for (index, amount) in [(1, 10), (2, 7)] {
        got.push(format!("{:?}", outbox(book, index).issue_for(wei(amount), &once(&format!("{index}"))).await?));
    }
    for name in ["one", "two"] {
        got.push(book.deposit_for(wei(5), &once(name)).await?.nonce().to_string());
    }
    let withdrawn = book.withdraw_for(wei(20), &once("back")).await?;
    withdrawn.included().await?;
    got.push(withdrawn.nonce().to_string());
    Ok(got)
}

#[tokio::test(start_paused = true)]
async fn transactions_are_sent_once() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let request = once("a");
    let calls = (0..20).map(|_| payer.book.deposit_for(wei(5), &request));
    let sent: Vec<_> = futures_util::future::try_join_all(calls).await.unwrap();
    assert!(sent.iter().all(|one| one.nonce() == sent[0].nonce()), "{sent:?}");
    let cheque = outbox(&payer.book, 1).issue(wei(10)).await.unwrap();
    let cashing = payer.wallet.cashing();
    let cashed = cashing.cash_for(&cheque, Overdraft::Refuse, &once("cash")).await.unwrap();
    payer.sim.auto_mine(true);
    payer.sim.mine(3);
    payer.wallet.refresh().await.unwrap();
    // It is paid: without the key this is an error, with it the answer.
    assert!(matches!(cashing.cash(&cheque, Overdraft::Refuse).await, Err(Error::AlreadyCashed { .. })));
    let again = cashing.cash_for(&cheque, Overdraft::Refuse, &once("cash")).await.unwrap();
    assert_eq!(again.nonce(), cashed.nonce());
    assert_eq!(again.confirmed().await.unwrap(), cashed.confirmed().await.unwrap());
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(105));
}

/// A second key for what is under way already gets the same transaction, and keeps it.
#[tokio::test(start_paused = true)]
async fn a_key_keeps_what_another_call_did() {
    let (sim, disk) = (chain(), MemoryDisk::new());
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let new = NewChequebook::default().deposit(wei(100)).notice_period(DAY);
    let book = Chequebook::create(&wallet, key("payer"), new).await.unwrap();
    let contract = book.address();
    sim.auto_mine(false);
    let owner = Owner::open(&wallet, contract).await.unwrap();
    let (one, two) = (once("one"), once("two"));
    let (first, second) = tokio::join!(owner.announce_kill_for(&one), owner.announce_kill_for(&two));
    let nonce = first.unwrap().nonce();
    assert_eq!(second.unwrap().nonce(), nonce);
    sim.auto_mine(true);
    sim.mine(3);
    wallet.refresh().await.unwrap();
    wallet.shutdown().await;
    drop((book, owner, wallet));

    let (wallet, _book) = on(&disk, &sim, contract).await;
    let owner = Owner::open(&wallet, contract).await.unwrap();
    for request in [&one, &two] {
        let again = owner.announce_kill_for(request).await.unwrap();
        assert_eq!((again.nonce(), again.purpose()), (nonce, Purpose::AnnounceKill { contract }));
    }
    assert!(matches!(owner.announce_kill().await, Err(Error::KillAnnounced { .. })));
    // An announcement, its taking back and the end are three things.
    owner.cancel_kill_for(&once("back")).await.unwrap().confirmed().await.unwrap();
    let killed = owner.kill_for(&once("kill")).await.unwrap_err();
    assert!(matches!(killed, Error::NotAnnounced { .. }), "{killed:?}");
}

/// The cash of a withdrawal does not come to be: the same request goes on with it.
#[tokio::test(start_paused = true)]
async fn a_withdrawal_goes_on_where_it_stopped() {
    let payer = Payer::new(100).await;
    payer.sim.hook(|method, _| (method == "eth_estimateGas").then(|| Act::Error(-32_000, "no memory".into(), None)));
    payer.book.withdraw_for(wei(60), &once("a")).await.unwrap_err();
    payer.sim.unhook();
    let sent = payer.book.withdraw_for(wei(60), &once("a")).await.unwrap();
    sent.confirmed().await.unwrap();
    let again = payer.book.withdraw_for(wei(60), &once("a")).await.unwrap();
    assert_eq!(again.nonce(), sent.nonce());
    assert_eq!(payer.sim.paid(payer.contract()).get(&key("owner").address()), Some(&wei(60)));
    assert_eq!(issued(&payer.book).await, wei(60));
}

#[tokio::test(start_paused = true)]
async fn w2_a_limit_holds_for_all_at_once() {
    let payer = Payer::new(1_000).await;
    let mut calls = JoinSet::new();
    for index in 0..100 {
        let outbox = outbox(&payer.book, index % 7);
        calls.spawn(async move { outbox.issue_for(wei(3), &at_most(100)).await });
    }
    let (done, refused): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 33);
    for error in refused {
        let error = error.unwrap_err();
        assert!(
            matches!(error, Error::LimitReached { amount, max, .. } if (amount, max) == (wei(3), wei(100))),
            "{error:?}"
        );
    }
    assert_eq!(issued(&payer.book).await, wei(99));
    outbox(&payer.book, 1).issue_for(wei(1), &at_most(100)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_of_a_day_and_holds_over_a_restart() {
    let (sim, disk) = (chain(), MemoryDisk::new());
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(1_000)).await.unwrap();
    let contract = book.address();
    outbox(&book, 1).issue_for(wei(60), &at_most(100)).await.unwrap();
    wallet.shutdown().await;
    drop((book, wallet));

    let (_wallet, book) = on(&disk, &sim, contract).await;
    let refused = outbox(&book, 2).issue_for(wei(41), &at_most(100)).await.unwrap_err();
    assert!(matches!(refused, Error::LimitReached { left, .. } if left == wei(40)), "{refused:?}");
    // A clock that goes back opens no day anew.
    let yesterday = |max| Request::new(NOON - 86_400).limit(Limit { counter: word("of a day"), max: wei(max) });
    assert!(matches!(outbox(&book, 2).issue_for(wei(41), &yesterday(100)).await, Err(Error::LimitReached { .. })));
    outbox(&book, 2).issue_for(wei(40), &yesterday(100)).await.unwrap();
    // Another counter is another one, and the next day begins at midnight.
    let other = Request::new(NOON).limit(Limit { counter: word("other"), max: wei(5) });
    outbox(&book, 2).issue_for(wei(5), &other).await.unwrap();
    let tomorrow = Request::new(NOON + 43_200).limit(Limit { counter: word("of a day"), max: wei(100) });
    outbox(&book, 2).issue_for(wei(100), &tomorrow).await.unwrap();
    assert!(outbox(&book, 2).issue_for(wei(1), &tomorrow).await.is_err());
}

/// What failed is not counted, and neither is what is repeated; the smallest of several limits counts.
#[tokio::test(start_paused = true)]
async fn a_limit_counts_what_was_spent_and_nothing_else() {
    let payer = Payer::new(100).await;
    let request = |key: &str| once(key).limit(Limit { counter: word("of a day"), max: wei(150) });
    assert!(outbox(&payer.book, 1).issue_for(wei(101), &request("a")).await.is_err());
    for _ in 0..3 {
        outbox(&payer.book, 1).issue_for(wei(90), &request("b")).await.unwrap();
    }
    let both = request("c").limit(Limit { counter: word("of a payee"), max: wei(5) });
    let refused = outbox(&payer.book, 1).issue_for(wei(6), &both).await.unwrap_err();
    assert!(matches!(refused, Error::LimitReached { max, .. } if max == wei(5)), "{refused:?}");
    outbox(&payer.book, 1).issue_for(wei(5), &both).await.unwrap();
    let twice = at_most(200).limit(Limit { counter: word("of a day"), max: wei(95) });
    let refused = outbox(&payer.book, 1).issue_for(wei(1), &twice).await.unwrap_err();
    assert!(matches!(refused, Error::LimitReached { left, .. } if left.is_zero()), "{refused:?}");
    // So does what a call alone may spend, also of several.
    let alone = at_most(200).at_most(wei(9)).at_most(wei(4)).at_most(wei(7));
    let refused = outbox(&payer.book, 1).issue_for(wei(5), &alone).await.unwrap_err();
    assert!(matches!(refused, Error::LimitReached { left, max, .. } if (left, max) == (wei(4), wei(4))), "{refused:?}");
    // Deposits and withdrawals are counted, too.
    assert!(payer.book.deposit_for(wei(56), &request("d")).await.is_err());
    payer.book.deposit_for(wei(50), &request("d")).await.unwrap().confirmed().await.unwrap();
    assert!(payer.book.withdraw_for(wei(6), &request("e")).await.is_err());
    payer.book.withdraw_for(wei(5), &request("e")).await.unwrap();
    assert!(outbox(&payer.book, 1).issue_for(wei(1), &request("f")).await.is_err());
}

/// A store that does not answer leaves it open what is durable: nothing is given out, and a repeated call finds out.
#[tokio::test(start_paused = true)]
async fn w1_what_is_not_durable_is_not_done() {
    let (sim, gate, store) = (chain(), Gate::default(), Arc::new(Memory::new()));
    let wallet = wallet_with(&sim, "payer", Meddled(Arc::clone(&store), gate.clone()), config()).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    gate.close(true);
    for _ in 0..3 {
        let late = outbox(&book, 1).issue_for(wei(10), &once("a")).await;
        assert!(matches!(late, Err(Error::Store(_))), "{late:?}");
    }
    gate.close(false);
    outbox(&book, 1).issue_for(wei(10), &once("a")).await.unwrap();
    assert_eq!(issued(&book).await, wei(10));
}

#[tokio::test(start_paused = true)]
async fn old_keys_are_forgotten_and_no_others() {
    let payer = Payer::with(100_000, config().keep_requests(Duration::from_secs(3_600))).await;
    let start = payer.sim.time();
    let request = |index: u64, at: u64| Request::new(at).once(word(&index.to_string()), word("content"));
    for index in 0..1_000 {
        outbox(&payer.book, 1).issue_for(wei(1), &request(index, start)).await.unwrap();
    }
    let rows = async || Backup::export(&payer.wallet).await.map(|backup| keys(&backup)).unwrap();
    assert_eq!(rows().await, 1_000);
    // An hour later a key means nothing any more, whether or not it is still there.
    outbox(&payer.book, 1).issue_for(wei(1), &request(0, start + 3_600)).await.unwrap();
    assert_eq!(issued(&payer.book).await, wei(1_000));
    pass(&payer.sim, &payer.wallet, 3_601).await;
    outbox(&payer.book, 1).issue_for(wei(1), &request(1, start + 3_601)).await.unwrap();
    assert_eq!(issued(&payer.book).await, wei(1_001));
    for index in 1_000..2_000 {
        outbox(&payer.book, 1).issue_for(wei(1), &request(index, start + 3_601)).await.unwrap();
    }
    let left = rows().await;
    assert!((1_001..=1_001 + 200).contains(&left), "{left} keys");
    for index in 1_000..2_000 {
        outbox(&payer.book, 1).issue_for(wei(1), &request(index, start + 7_200)).await.unwrap();
    }
    assert_eq!(issued(&payer.book).await, wei(2_001), "none of the new ones was forgotten");
}

fn keys(backup: &Backup) -> usize {
    rows(backup, "requests")
}

fn rows(backup: &Backup, name: &str) -> usize {
    let json = serde_json::to_value(backup).unwrap();
    json[name].as_array().unwrap().len()
}

/// Commits that write something wait while it is closed.
#[derive(Clone, Default)]
struct Writes(Arc<AtomicBool>);

#[async_trait::async_trait]
impl Meddler for Writes {
    async fn before_commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        while self.0.load(Ordering::SeqCst) && changes.iter().any(|change| !change.writes.is_empty()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// Old keys are looked for just when one of them is used anew, and that is not durable yet.
#[tokio::test(start_paused = true)]
async fn w1_a_key_that_is_used_anew_is_not_forgotten_with_its_old_use() {
    let (sim, closed, store) = (chain(), Writes::default(), Arc::new(Memory::new()));
    let short = config().keep_requests(Duration::from_secs(3_600));
    let wallet = wallet_with(&sim, "payer", Meddled(store, closed.clone()), short).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(1_000)).await.unwrap();
    let start = sim.time();
    let request = |key: &str, at: u64| Request::new(at).once(word(key), word("content"));
    outbox(&book, 1).issue_for(wei(10), &request("a", start)).await.unwrap();
    // So many that the next but one looks for old keys.
    for index in 1..63 {
        outbox(&book, 2).issue_for(wei(1), &request(&index.to_string(), start)).await.unwrap();
    }
    let later = start + 3_601;
    pass(&sim, &wallet, 3_601).await;
    closed.0.store(true, Ordering::SeqCst);
    let anew = tokio::spawn({
        let (outbox, request) = (outbox(&book, 1), request("a", later));
        async move { outbox.issue_for(wei(10), &request).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let other = tokio::spawn({
        let (outbox, request) = (outbox(&book, 2), request("b", later));
        async move { outbox.issue_for(wei(1), &request).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    closed.0.store(false, Ordering::SeqCst);
    let anew = anew.await.unwrap();
    other.await.unwrap();
    assert_eq!(anew.cheque().amount, wei(20));
    assert_eq!(outbox(&book, 1).issue_for(wei(10), &request("a", later)).await.unwrap(), anew);
    assert_eq!(issued(&book).await, wei(20 + 63));
}

/// A machine whose clock is behind or ahead, and is set later: a key is kept by the time of the chain, too.
#[tokio::test(start_paused = true)]
async fn w1_a_clock_that_is_wrong_forgets_no_key() {
    let payer = Payer::new(100).await;
    let request = |at| Request::new(at).once(word("a"), word("content"));
    let cheque = outbox(&payer.book, 1).issue_for(wei(10), &request(7)).await.unwrap();
    let now = payer.sim.time();
    for at in [now, 7, now + 6 * 86_400, now + 300 * 86_400] {
        assert_eq!(outbox(&payer.book, 1).issue_for(wei(10), &request(at)).await.unwrap(), cheque, "at {at}");
    }
    assert_eq!(issued(&payer.book).await, wei(10));
    // Neither is the chain believed alone.
    pass(&payer.sim, &payer.wallet, 8 * 86_400).await;
    assert_eq!(outbox(&payer.book, 1).issue_for(wei(10), &request(now)).await.unwrap(), cheque);
    outbox(&payer.book, 1).issue_for(wei(10), &request(now + 8 * 86_400)).await.unwrap();
    assert_eq!(issued(&payer.book).await, wei(20));
}

/// A withdrawal that came to its cash later than to its cheque is forgotten as a whole: the key means a new one then, of
/// whatever amount.
#[tokio::test(start_paused = true)]
async fn a_key_of_a_withdrawal_is_forgotten_with_its_cash() {
    for (amount, content) in [(20, "content"), (30, "another")] {
        let payer = Payer::with(100, config().keep_requests(Duration::from_secs(3_600))).await;
        let start = payer.sim.time();
        let at = |at: u64, content: &str| Request::new(at).once(word("a"), word(content));
        payer
            .sim
            .hook(|method, _| (method == "eth_estimateGas").then(|| Act::Error(-32_000, "no memory".into(), None)));
        payer.book.withdraw_for(wei(20), &at(start, "content")).await.unwrap_err();
        payer.sim.unhook();
        let first = payer.book.withdraw_for(wei(20), &at(start + 3_600, "content")).await.unwrap();
        first.confirmed().await.unwrap();
        assert_eq!(
            payer.wallet.transaction_for(&at(start + 3_600, "content")).await.unwrap().unwrap().nonce(),
            first.nonce()
        );
        pass(&payer.sim, &payer.wallet, 3_601).await;
        let second = payer.book.withdraw_for(wei(amount), &at(start + 3_601, content)).await.unwrap();
        assert_ne!(first.nonce(), second.nonce());
        second.confirmed().await.unwrap();
        assert_eq!(payer.sim.paid(payer.contract()).get(&key("owner").address()), Some(&wei(20 + amount)));
    }
}

/// What was cancelled is what was done for its key: only another key does it again.
#[tokio::test(start_paused = true)]
async fn a_key_of_what_was_cancelled_does_nothing_more() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let deposit = payer.book.deposit_for(wei(5), &once("deposit")).await.unwrap();
    let withdrawal = payer.book.withdraw_for(wei(20), &once("withdraw")).await.unwrap();
    deposit.cancel().await.unwrap();
    withdrawal.cancel().await.unwrap();
    payer.sim.auto_mine(true);
    payer.sim.mine(3);
    payer.wallet.refresh().await.unwrap();
    for _ in 0..2 {
        let again = payer.book.deposit_for(wei(5), &once("deposit")).await.unwrap();
        assert!(again.nonce() == deposit.nonce() && again.is_cancelled());
        let again = payer.book.withdraw_for(wei(20), &once("withdraw")).await.unwrap();
        assert!(again.nonce() == withdrawal.nonce() && again.is_cancelled());
    }
    let balance = payer.book.balance().await.unwrap();
    assert_eq!((balance.funded, balance.issued), (wei(100), wei(20)));
    // What it promised is paid with the next one.
    payer.book.withdraw_for(wei(1), &once("next")).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.sim.paid(payer.contract()).get(&key("owner").address()), Some(&wei(21)));
}

/// Counters of days that are over make way, whether or not calls have keys, and those that count hold.
#[tokio::test(start_paused = true)]
async fn w5_old_counters_are_forgotten_and_no_others() {
    let payer = Payer::with(100_000, config().keep_requests(Duration::from_secs(3_600))).await;
    let start = payer.sim.time();
    let request = |index: u64, at: u64, max: u64| {
        Request::new(at).limit(Limit { counter: word(&index.to_string()), max: wei(max) })
    };
    let counters = async || Backup::export(&payer.wallet).await.map(|backup| rows(&backup, "counters")).unwrap();
    for index in 0..1_000 {
        outbox(&payer.book, 1).issue_for(wei(1), &request(index, start, 1)).await.unwrap();
    }
    assert_eq!(counters().await, 1_000);
    let later = start + 2 * 86_400;
    pass(&payer.sim, &payer.wallet, 2 * 86_400).await;
    for index in 1_000..2_000 {
        outbox(&payer.book, 1).issue_for(wei(1), &request(index, later, 1)).await.unwrap();
    }
    let left = counters().await;
    assert!((1_000..=1_200).contains(&left), "{left} counters");
    for index in 1_000..2_000 {
        let refused = outbox(&payer.book, 1).issue_for(wei(1), &request(index, later, 1)).await.unwrap_err();
        assert!(matches!(refused, Error::LimitReached { left, .. } if left.is_zero()), "{refused:?}");
    }
    assert_eq!(issued(&payer.book).await, wei(2_000));
}

/// A backup keeps what was done, so that whoever continues from it does nothing twice.
#[tokio::test(start_paused = true)]
async fn a_backup_has_keys_and_counters() {
    let payer = Payer::new(100).await;
    let request = once("a").limit(Limit { counter: word("of a day"), max: wei(15) });
    let first = outbox(&payer.book, 1).issue_for(wei(10), &request).await.unwrap();
    let deposit = payer.book.deposit_for(wei(5), &once("b")).await.unwrap();
    deposit.confirmed().await.unwrap();
    let backup = Backup::export(&payer.wallet).await.unwrap();
    payer.wallet.shutdown().await;
    let backup: Backup = serde_json::from_str(&serde_json::to_string(&backup).unwrap()).unwrap();
    let disk = MemoryDisk::new();
    backup.import(&disk.open().unwrap()).await.unwrap();

    let (_wallet, book) = on(&disk, &payer.sim, payer.contract()).await;
    assert_eq!(outbox(&book, 1).issue_for(wei(10), &request).await.unwrap(), first);
    assert_eq!(book.deposit_for(wei(5), &once("b")).await.unwrap().nonce(), deposit.nonce());
    let more = once("c").limit(Limit { counter: word("of a day"), max: wei(15) });
    assert!(matches!(outbox(&book, 1).issue_for(wei(6), &more).await, Err(Error::LimitReached { .. })));
    assert_eq!(issued(&book).await, wei(10));
}
