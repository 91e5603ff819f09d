//! Many tasks at once: they compete for the last wei, are dropped midway, or are hostile.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "support/sim/mod.rs"]
mod sim;

use std::{pin::pin, sync::Arc, task::Context, time::Duration};

use alloy::{
    dyn_abi::TypedData,
    primitives::{Address, B256, ChainId, Signature, U256, keccak256},
    signers::{self, Signer, local::PrivateKeySigner},
};
use chequebook::{Cheque, Overdraft, Scheme, SignedCheque};
use chequebook_wallet::{Chequebook, Config, Error, Inbox, NewChequebook, Policy, Wallet, store::Memory};
use proptest::prelude::*;
use tokio::task::JoinSet;

use self::sim::Sim;

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

fn beneficiary(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

async fn wallet(sim: &Sim, name: &str, store: Memory) -> Wallet {
    let config = Config::default().confirmations(0).poll_interval(Duration::from_secs(3_600));
    Wallet::open(sim.provider(), key(name), store, config).await.unwrap()
}

/// A chequebook with a deposit of `wei`.
async fn payer(wei: u64) -> (Sim, Chequebook) {
    let sim = Sim::new(&[key("payer").address(), key("payee").address()]);
    let wallet = wallet(&sim, "payer", Memory::new()).await;
    let terms = NewChequebook::default().deposit(U256::from(wei)).notice_period(86_400);
    let book = Chequebook::create(&wallet, key("payer"), terms).await.unwrap();
    (sim, book)
}

/// The sum of the promises to the first `count` beneficiaries.
async fn promised(book: &Chequebook, count: u64) -> U256 {
    let mut sum = U256::ZERO;
    for index in 0..count {
        let last = book.outbox(beneficiary(index), Scheme::Packed).latest_cheque().await.unwrap();
        sum += last.map_or(U256::ZERO, |last| last.cheque().amount);
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_gets_the_last_wei_and_no_more() {
    for beneficiaries in [1, 7, 300] {
        let (_sim, book) = payer(100).await;
        let mut tasks = JoinSet::new();
        for index in 0..300 {
            let book = book.clone();
            let to = beneficiary(index % beneficiaries);
            tasks.spawn(async move { book.outbox(to, Scheme::Packed).issue(U256::ONE).await });
        }
        let (mut issued, mut refused) = (0, 0);
        while let Some(result) = tasks.join_next().await {
            match result.unwrap() {
                Ok(_) => issued += 1,
                Err(Error::InsufficientDeposit { .. }) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((issued, refused), (100, 200), "{beneficiaries} beneficiaries");
        let balance = book.balance().await.unwrap();
        assert_eq!((balance.issued, balance.available), (U256::from(100), U256::ZERO));
        assert_eq!(promised(&book, beneficiaries).await, U256::from(100));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Issues that are dropped at any point promise all or nothing, and leave nothing reserved.
    #[test]
    fn an_issue_that_is_dropped_leaks_nothing(polls in prop::collection::vec((0..3_u64, 0..40_u64, 0..6_usize), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_sim, book) = payer(500).await;
            for (to, amount, polls) in polls {
                let outbox = book.outbox(beneficiary(to), Scheme::Typed);
                let mut issue = pin!(outbox.issue(U256::from(amount)));
                for _ in 0..polls {
                    if issue.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            let balance = book.balance().await.unwrap();
            assert_eq!(balance.issued, promised(&book, 3).await);
            assert_eq!(balance.available, balance.funded.saturating_sub(balance.issued), "something is still reserved");
            if !balance.available.is_zero() {
                book.outbox(beneficiary(9), Scheme::Packed).issue(balance.available).await.unwrap();
            }
        });
    }
}

/// A device that refuses a packed cheque, which it cannot show, and never answers for a typed one.
struct Stubborn(PrivateKeySigner);

#[async_trait::async_trait]
impl Signer for Stubborn {
    async fn sign_hash(&self, _: &B256) -> signers::Result<Signature> {
        Err(signers::Error::other("cannot show a hash"))
    }

    async fn sign_dynamic_typed_data(&self, _: &TypedData) -> signers::Result<Signature> {
        std::future::pending().await
    }

    fn address(&self) -> Address {
        self.0.address()
    }

    fn chain_id(&self) -> Option<ChainId> {
        None
    }

    fn set_chain_id(&mut self, _: Option<ChainId>) {}
}

#[tokio::test]
async fn what_is_not_signed_is_not_promised_and_stays_available() {
    let sim = Sim::new(&[key("payer").address()]);
    let wallet = wallet(&sim, "payer", Memory::new()).await;
    let terms = NewChequebook::default().deposit(U256::from(100)).notice_period(86_400);
    let book = Chequebook::create(&wallet, Stubborn(key("signer")), terms).await.unwrap();
    let available = async || book.balance().await.unwrap().available;

    let refused = book.outbox(beneficiary(1), Scheme::Packed).issue(U256::from(60)).await.unwrap_err();
    assert!(matches!(refused, Error::Cheque(chequebook::Error::Signer(_))), "{refused:?}");
    assert_eq!(available().await, U256::from(100));

    let thinking = tokio::spawn({
        let book = book.clone();
        async move { book.outbox(beneficiary(1), Scheme::Typed).issue(U256::from(60)).await }
    });
    while available().await == U256::from(100) {
        tokio::task::yield_now().await;
    }
    // Meanwhile the amount is reserved, and less is available for others.
    let refused = book.outbox(beneficiary(2), Scheme::Packed).issue(U256::from(60)).await.unwrap_err();
    assert!(
        matches!(refused, Error::InsufficientDeposit { available, .. } if available == U256::from(40)),
        "{refused:?}"
    );
    thinking.abort();
    assert!(thinking.await.unwrap_err().is_cancelled());
    assert_eq!(available().await, U256::from(100));
    assert_eq!(book.outbox(beneficiary(1), Scheme::Typed).latest_cheque().await.unwrap(), None);
}

/// Cheques with every possible fault, each with its own error.
async fn bad(good: Cheque) -> Vec<(SignedCheque, fn(&Error) -> bool)> {
    let (payer, thief) = (key("payer"), key("thief"));
    let sign = async |cheque: Cheque, key: &PrivateKeySigner| cheque.sign(key).await.unwrap();
    let more = Cheque { amount: good.amount + U256::ONE, ..good };
    let altered = SignedCheque::new(more, sign(good, &payer).await.signature()).unwrap();
    vec![
        (sign(Cheque { contract: beneficiary(1), ..more }, &payer).await, |e| matches!(e, Error::WrongContract { .. })),
        (sign(Cheque { chain_id: 1, ..more }, &payer).await, |e| matches!(e, Error::WrongChainId { .. })),
        (sign(Cheque { beneficiary: beneficiary(1), ..more }, &payer).await, |e| {
            matches!(e, Error::WrongBeneficiary { .. })
        }),
        (sign(more, &thief).await, |e| matches!(e, Error::Cheque(chequebook::Error::WrongSigner { .. }))),
        (altered, |e| {
            matches!(
                e,
                Error::Cheque(chequebook::Error::WrongSigner { .. })
                    | Error::Cheque(chequebook::Error::Unrecoverable(_))
            )
        }),
        (sign(good, &payer).await, |e| matches!(e, Error::StaleCheque { .. })),
        (sign(Cheque { amount: U256::ZERO, ..good }, &payer).await, |e| matches!(e, Error::StaleCheque { .. })),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_bad_cheques_is_refused_and_costs_no_write_and_no_request() {
    const TASKS: usize = 64;
    const FLOOD: usize = 100_000;
    let (sim, book) = payer(10_000).await;
    let payee = wallet(&sim, "payee", Memory::new()).await;
    let policy = Policy::default();
    let inbox = Inbox::open(&payee, book.address(), payee.account(), policy).await.unwrap();
    let first = book.outbox(payee.account(), Scheme::Packed).issue(U256::from(100)).await.unwrap();
    inbox.receive(&first).await.unwrap();
    let bad = Arc::new(bad(*first.cheque()).await);

    payee.refresh().await.unwrap();
    let asked = sim.all_requests();
    let flood = async || {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (inbox, bad) = (inbox.clone(), Arc::clone(&bad));
            tasks.spawn(async move {
                for index in (task..FLOOD).step_by(TASKS) {
                    let (cheque, expected) = &bad[index % bad.len()];
                    let refused = inbox.receive(cheque).await.unwrap_err();
                    assert!(expected(&refused), "{refused:?}");
                }
            });
        }
        while let Some(result) = tasks.join_next().await {
            result.unwrap();
        }
    };
    let good = async {
        let mut added = U256::ZERO;
        for _ in 0..100 {
            let cheque = book.outbox(payee.account(), Scheme::Packed).issue(U256::from(2)).await.unwrap();
            added += inbox.receive(&cheque).await.unwrap();
        }
        added
    };
    let ((), added) = tokio::join!(flood(), good);
    assert_eq!(added, U256::from(200), "good cheques come through");

    // Only one row remains: that of the latest valid cheque.
    assert_eq!(payee.received().await.unwrap().len(), 1);
    assert!(sim.all_requests() - asked < 100, "questions: {}", sim.all_requests() - asked);
    assert_eq!(inbox.uncashed().await.unwrap(), U256::from(300));
    inbox.cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    assert_eq!(sim.paid(book.address())[&payee.account()], U256::from(300));
}
