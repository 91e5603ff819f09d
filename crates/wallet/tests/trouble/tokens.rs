//! Chequebooks that pay a token, whose code is not ours.

use std::time::Duration;

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use chequebook::{
    Asset, Error as ChequeError, Form, Overdraft, Scheme,
    bindings::Chequebook::{announceKillCall, killCall},
};
use chequebook_wallet::{
    AutoCash, AutoDeposit, Backup, Chequebook, Config, Error, Inbox, NewChequebook, Policy, Purpose, Wallet,
    store::{Memory, MemoryDisk},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    DAY, chain, config, eventually, key, policy, rogue,
    sim::{Act, Sim},
    terms, wallet, wallet_with, wei, who,
};

fn payer() -> Address {
    key("payer").address()
}

/// A chain with a token, of which the payer has a thousand.
fn with_token() -> (Sim, Address) {
    let sim = chain();
    let token = sim.token("token");
    sim.mint(token, payer(), 1_000);
    (sim, token)
}

fn of(token: Address, deposit: u64) -> NewChequebook {
    terms(deposit).form(Form::Token(token))
}

fn taking(token: Address) -> Policy {
    policy().asset(Asset::Token(token))
}

/// The payer of a token chequebook.
struct Payer {
    sim: Sim,
    token: Address,
    wallet: Wallet,
    book: Chequebook,
}

impl Payer {
    async fn new(deposit: u64) -> Self {
        Self::with(deposit, config()).await
    }

    async fn with(deposit: u64, config: Config) -> Self {
        let (sim, token) = with_token();
        let wallet = wallet_with(&sim, "payer", Memory::new(), config).await;
        let book = Chequebook::create(&wallet, key("payer"), of(token, deposit)).await.unwrap();
        Self { sim, token, wallet, book }
    }

    async fn funds(&self) -> (U256, U256, U256) {
        let balance = self.book.balance().await.unwrap();
        (balance.funded, balance.available, balance.pending)
    }

    async fn inbox(&self, payee: &Wallet, beneficiary: Address) -> Inbox {
        Inbox::open(payee, self.book.address(), beneficiary, taking(self.token)).await.unwrap()
    }

    async fn pay(&self, inbox: &Inbox, amount: u64) {
        let cheque = self.book.outbox(inbox.beneficiary(), Scheme::Typed).issue(wei(amount)).await.unwrap();
        assert_eq!(inbox.receive(&cheque).await.unwrap(), wei(amount));
    }

    fn held(&self, account: Address) -> U256 {
        self.sim.tokens_of(self.token, account)
    }
}

/// What asks a token for a balance, and for nothing else.
fn asks_token(token: Address, method: &str, parameters: &[Value]) -> bool {
    method == "eth_call" && parameters[0]["to"] == json!(token)
}

/* LIFE */

/// Deposit, cheque, cash and end, with what each leaves. A cash changes nothing of what is funded, and ether moves only for gas.
#[tokio::test(start_paused = true)]
async fn a_token_chequebook_pays_its_token() {
    let payer = Payer::new(100).await;
    let contract = payer.book.address();
    assert_eq!(payer.funds().await, (wei(100), wei(100), wei(0)));
    assert_eq!((payer.held(contract), payer.held(self::payer())), (wei(100), wei(900)));
    assert_eq!(payer.sim.balance_at(contract, u64::MAX), U256::ZERO);
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    assert_eq!(inbox.terms().form, Form::Token(payer.token));
    payer.pay(&inbox, 60).await;
    inbox.cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    assert_eq!((payer.held(who(1)), inbox.uncashed().await.unwrap()), (wei(60), wei(0)));
    assert_eq!(payer.funds().await, (wei(100), wei(40), wei(0)));
    payer.book.deposit(wei(7)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.funds().await, (wei(107), wei(47), wei(0)));

    // The guard cashes what is covered, then the owner takes the rest.
    payer.pay(&inbox, 20).await;
    let owner = key("owner").address();
    assert!(payer.sim.act(owner, contract, announceKillCall {}.abi_encode().into()));
    assert!(eventually(&payer.sim, &payee, async || payer.held(who(1)) == wei(80)).await);
    payer.sim.warp(u64::from(DAY) + 1);
    payer.sim.mine(1);
    assert!(payer.sim.act(owner, contract, killCall {}.abi_encode().into()));
    assert_eq!(payer.held(owner), wei(27));
    payer.wallet.refresh().await.unwrap();
    let outbox = payer.book.outbox(who(1), Scheme::Typed);
    assert!(matches!(outbox.issue(wei(1)).await.unwrap_err(), Error::Dead { .. }));
    payee.refresh().await.unwrap();
    let late = rogue(contract, who(1), 81).await;
    assert!(matches!(inbox.receive(&late).await.unwrap_err(), Error::Dead { .. }));
    // What arrives later pays a cheque that it covers, if somebody cashes it.
    assert!(matches!(inbox.cash(Overdraft::Consent).await.unwrap_err(), Error::Dead { .. }));
    payer.sim.mint(payer.token, contract, 1);
    inbox.cash(Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.held(who(1)), wei(81));
}

/// Many tokens return nothing.
#[tokio::test(start_paused = true)]
async fn a_token_that_returns_nothing_pays() {
    let (sim, token) = with_token();
    sim.behave(token, |token| token.silent = true);
    let wallet = wallet(&sim, "payer").await;
    let book = Chequebook::create(&wallet, key("payer"), of(token, 100)).await.unwrap();
    let cheque = book.outbox(who(1), Scheme::Packed).issue(wei(30)).await.unwrap();
    wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    assert_eq!(sim.tokens_of(token, who(1)), wei(30));
    assert_eq!(book.balance().await.unwrap().funded, wei(100));
}

/// A payee takes the asset that it chose, and names both if it is another.
#[tokio::test(start_paused = true)]
async fn a_payee_takes_the_asset_that_it_chose() {
    let payer = Payer::new(100).await;
    let other = payer.sim.token("other");
    let ether = Chequebook::create(&payer.wallet, key("payer"), terms(100)).await.unwrap();
    let payee = wallet(&payer.sim, "payee").await;
    let creation = payer.book.creation().unwrap();
    for (contract, creation, policy, found, expected) in [
        (payer.book.address(), None, policy(), Asset::Token(payer.token), Asset::Ether),
        (payer.book.address(), Some(creation), policy(), Asset::Token(payer.token), Asset::Ether),
        (payer.book.address(), None, taking(other), Asset::Token(payer.token), Asset::Token(other)),
        (ether.address(), None, taking(payer.token), Asset::Ether, Asset::Token(payer.token)),
    ] {
        // Also while another inbox of it is open.
        let right = policy.asset(found);
        for open in [false, true] {
            let _open = if open { Some(Inbox::open(&payee, contract, who(9), right).await.unwrap()) } else { None };
            let error = match &creation {
                Some(creation) => Inbox::of(&payee, creation, who(1), policy).await.unwrap_err(),
                None => Inbox::open(&payee, contract, who(1), policy).await.unwrap_err(),
            };
            let Error::Cheque(ChequeError::WrongAsset { found: was, expected: wanted, .. }) = error else {
                panic!("{error:?}")
            };
            assert_eq!((was, wanted), (found, expected));
        }
    }
    // What is in hand can be cashed all the same.
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(5)).await.unwrap();
    payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.held(who(1)), wei(5));
    // No ether comes with the creation of a token chequebook, and no address without code is a token.
    let error = payer.wallet.factory().create(&creation, wei(1)).await.unwrap_err();
    assert!(matches!(error, Error::Cheque(ChequeError::WrongAsset { expected: Asset::Ether, .. })), "{error:?}");
    let nothing = NewChequebook::default().form(Form::Token(who(77)));
    let error = Chequebook::create(&payer.wallet, key("payer"), nothing).await.unwrap_err();
    assert!(matches!(error, Error::NoCode { contract } if contract == who(77)), "{error:?}");
}

/// For a token, the least amount decides alone; for ether the gas, too.
#[tokio::test(start_paused = true)]
async fn an_automatic_cash_pays_at_least_what_the_policy_says() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let contract = payer.book.address();
    let policy = Policy::default().asset(Asset::Token(payer.token)).min_cash(wei(50));
    let inbox = Inbox::open(&payee, contract, who(1), policy).await.unwrap();
    inbox.auto_cash(AutoCash::default().max_uncashed(U256::ZERO));
    payer.pay(&inbox, 49).await;
    for _ in 0..20 {
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(12)).await;
    }
    assert_eq!(payer.held(who(1)), U256::ZERO);
    payer.pay(&inbox, 1).await;
    assert!(eventually(&payer.sim, &payee, async || payer.held(who(1)) == wei(50)).await);

    let ether = Chequebook::create(&payer.wallet, key("payer"), terms(100)).await.unwrap();
    let min = crate::policy().min_cash(wei(50));
    let inbox = Inbox::open(&payee, ether.address(), who(2), min).await.unwrap();
    inbox.auto_cash(AutoCash::default().max_uncashed(U256::ZERO));
    inbox.receive(&ether.outbox(who(2), Scheme::Typed).issue(wei(49)).await.unwrap()).await.unwrap();
    assert!(!eventually(&payer.sim, &payee, async || !payer.sim.paid(ether.address()).is_empty()).await);
    inbox.receive(&ether.outbox(who(2), Scheme::Typed).issue(wei(1)).await.unwrap()).await.unwrap();
    assert!(eventually(&payer.sim, &payee, async || payer.sim.paid(ether.address()).contains_key(&who(2))).await);
}

/// The settings of the automatic deposit are in units of the token.
#[tokio::test(start_paused = true)]
async fn a_token_is_deposited_automatically() {
    let payer = Payer::new(100).await;
    payer.book.auto_deposit(AutoDeposit::default().interval(None).threshold(wei(50)).buffer(wei(80)));
    payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    let deposited = async || payer.funds().await == (wei(140), wei(80), wei(0));
    assert!(eventually(&payer.sim, &payer.wallet, deposited).await, "{:?}", payer.funds().await);
    assert_eq!(payer.held(payer.book.address()), wei(140));
}

/// A store and a backup hold the asset with the terms; a lost store is recovered from the address, or from the creation.
#[tokio::test(start_paused = true)]
async fn a_token_chequebook_is_recovered() {
    let payer = Payer::new(100).await;
    let (contract, creation) = (payer.book.address(), payer.book.creation().unwrap());
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    let backup = Backup::export(&payer.wallet).await.unwrap();
    let backup: Backup = serde_json::from_str(&serde_json::to_string(&backup).unwrap()).unwrap();
    payer.wallet.shutdown().await;
    drop(payer.book);
    for way in 0..3 {
        let store = Memory::new();
        if way == 0 {
            backup.import(&store).await.unwrap();
        }
        let wallet = wallet_with(&payer.sim, "payer", store, config()).await;
        let book = match way {
            0 => Chequebook::open(&wallet, contract, key("payer")).await.unwrap(),
            1 => Chequebook::recover(&wallet, contract, key("payer"), [cheque]).await.unwrap(),
            _ => {
                // What was used before is not prepared as if it was new.
                let error = Chequebook::prepare(&wallet, key("payer"), of(payer.token, 100)).await.unwrap_err();
                assert!(matches!(error, Error::NoRecord { .. }), "{error:?}");
                Chequebook::recover_of(&wallet, &creation, key("payer"), [cheque]).await.unwrap()
            }
        };
        let balance = book.balance().await.unwrap();
        assert_eq!((balance.funded, balance.available), (wei(100), wei(40)), "{way}");
        assert_eq!(book.terms().form, Form::Token(payer.token));
        wallet.shutdown().await;
    }
}

/// Tokens that wait at an address without a chequebook say that it was used, as ether does.
#[tokio::test(start_paused = true)]
async fn a_funded_address_is_not_new() {
    let (sim, token) = with_token();
    let wallet = wallet(&sim, "payer").await;
    let book = Chequebook::prepare(&wallet, key("payer"), of(token, 0)).await.unwrap();
    book.deposit(wei(5)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(book.balance().await.unwrap().funded, wei(5));
    wallet.shutdown().await;
    let lost = crate::wallet(&sim, "payer").await;
    let error = Chequebook::prepare(&lost, key("payer"), of(token, 0)).await.unwrap_err();
    assert!(matches!(error, Error::NoRecord { .. }), "{error:?}");
}

/* DEPOSIT */

/// What fails or dies between creation and deposit is made up for by the next creation, and nothing is deposited twice.
#[tokio::test(start_paused = true)]
async fn w2_a_creation_that_ends_halfway_deposits_once() {
    let (sim, token) = with_token();
    let disk = MemoryDisk::new();
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    sim.behave(token, |token| token.refuses = true);
    let error = Chequebook::create(&wallet, key("payer"), of(token, 100)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    wallet.shutdown().await;

    // The process dies again after the deposit is signed, and before it is included.
    sim.behave(token, |token| token.refuses = false);
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    sim.auto_mine(false);
    let create = Chequebook::create(&wallet, key("payer"), of(token, 100));
    assert!(timeout(Duration::from_secs(5), create).await.is_err(), "it waits for a block");
    wallet.shutdown().await;

    sim.auto_mine(true);
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    for _ in 0..2 {
        let book = Chequebook::create(&wallet, key("payer"), of(token, 100)).await.unwrap();
        sim.mine(1);
        wallet.refresh().await.unwrap();
        let balance = book.balance().await.unwrap();
        assert_eq!((balance.funded, balance.pending), (wei(100), wei(0)));
        assert_eq!(sim.tokens_of(token, book.address()), wei(100));
    }
    let all = wallet.transactions().await.unwrap();
    let purposes: Vec<_> = all.iter().map(chequebook_wallet::Transaction::purpose).collect();
    assert!(matches!(purposes[..], [Purpose::Create { .. }, Purpose::Deposit { .. }]), "{purposes:?}");
}

/// A node that loses the answer, or the transaction, to the deposit.
#[tokio::test(start_paused = true)]
async fn w1_a_deposit_whose_answer_is_lost_arrives_once() {
    for lost in [false, true] {
        let payer = Payer::new(100).await;
        let mut times = 0;
        payer.sim.hook(move |method, _| {
            let first = method == "eth_sendRawTransaction" && std::mem::replace(&mut times, 1) == 0;
            first.then(|| if lost { Act::Lost } else { Act::AnswerLost })
        });
        let deposit = payer.book.deposit(wei(30)).await.unwrap();
        let included = async || deposit.included().await.is_ok();
        assert!(eventually(&payer.sim, &payer.wallet, included).await);
        assert_eq!(payer.funds().await, (wei(130), wei(130), wei(0)));
        assert_eq!(payer.held(payer.book.address()), wei(130));
    }
}

/// A reorganisation drops the deposit: it does not count any more, and is sent again.
#[tokio::test(start_paused = true)]
async fn w3_a_deposit_that_is_dropped_does_not_count_until_it_is_back() {
    let payer = Payer::with(100, config().confirmations(3)).await;
    payer.sim.mine(4);
    let deposit = payer.book.deposit(wei(30)).await.unwrap();
    deposit.included().await.unwrap();
    assert_eq!(payer.funds().await, (wei(100), wei(100), wei(30)));
    payer.sim.auto_mine(false);
    payer.sim.rollback(1, false);
    payer.wallet.refresh().await.unwrap();
    assert_eq!(payer.held(payer.book.address()), wei(100));
    assert_eq!(payer.funds().await, (wei(100), wei(100), wei(30)), "sent again, and pending");
    payer.sim.mine(6);
    payer.wallet.refresh().await.unwrap();
    assert_eq!(payer.funds().await, (wei(130), wei(130), wei(0)));
    assert_eq!(payer.held(payer.book.address()), wei(130));
}

/// The account's tokens cover what is under way, after a restart, too. The error names token, found and needed.
#[tokio::test(start_paused = true)]
async fn w2_two_token_deposits_that_do_not_fit_together_are_not_both_sent() {
    let (sim, token) = with_token();
    let disk = MemoryDisk::new();
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::create(&wallet, key("payer"), of(token, 900)).await.unwrap();
    let contract = book.address();
    sim.auto_mine(false);
    let (one, two) = tokio::join!(book.deposit(wei(60)), book.deposit(wei(60)));
    let error = one.and(two).unwrap_err();
    let is_short = |error: &Error, balance: u64, needed: u64| {
        matches!(error, Error::InsufficientTokens { account, token: of, balance: found, needed: wanted }
            if (*account, *of, *found, *wanted) == (payer(), token, wei(balance), wei(needed)))
    };
    assert!(is_short(&error, 40, 60), "{error:?}");
    let balance = book.balance().await.unwrap();
    assert_eq!((balance.funded, balance.pending), (wei(900), wei(60)));
    drop(book);
    wallet.shutdown().await;

    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
    let error = book.deposit(wei(41)).await.unwrap_err();
    assert!(is_short(&error, 40, 41), "{error:?}");
    book.deposit(wei(40)).await.unwrap();
    sim.mine(2);
    wallet.refresh().await.unwrap();
    assert_eq!(book.balance().await.unwrap().funded, wei(1_000));
    assert_eq!(sim.tokens_of(token, payer()), U256::ZERO);
    assert!(is_short(&book.deposit(wei(1)).await.unwrap_err(), 0, 1));
}

/// What a token would refuse is not sent. What it takes as a fee, and what it only claims to have moved, does not count.
#[tokio::test(start_paused = true)]
async fn w3_what_arrives_is_what_counts() {
    let payer = Payer::new(100).await;
    let sent = payer.sim.included(self::payer()).len();
    payer.sim.behave(payer.token, |token| token.refuses = true);
    assert!(matches!(payer.book.deposit(wei(10)).await.unwrap_err(), Error::Refused { .. }));
    payer.sim.behave(payer.token, |token| (token.refuses, token.returns_false) = (false, true));
    let error = payer.book.deposit(wei(10)).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { refusal } if refusal.contains("returns 0x")), "{error:?}");
    assert_eq!(payer.sim.included(self::payer()).len(), sent, "no gas is paid for it");
    assert_eq!(payer.funds().await, (wei(100), wei(100), wei(0)));

    payer.sim.behave(payer.token, |token| (token.returns_false, token.returns_false_in_blocks) = (false, true));
    payer.book.deposit(wei(10)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.funds().await, (wei(100), wei(100), wei(0)));
    payer.sim.behave(payer.token, |token| (token.returns_false_in_blocks, token.fee) = (false, 10));
    payer.book.deposit(wei(100)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.funds().await, (wei(190), wei(190), wei(0)));
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(50)).await.unwrap();
    payer.wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.funds().await, (wei(190), wei(140), wei(0)), "what was asked to be paid counts as paid");
    assert_eq!(payer.held(who(1)), wei(45));
}

/* WHAT IS BELIEVED */

/// The issuer takes: that is believed at once, though it is not final, and nothing below zero is available. Once it is
/// dropped, or paid back, all is as before.
#[tokio::test(start_paused = true)]
async fn w3_what_the_issuer_takes_is_not_available() {
    let payer = Payer::with(100, config().confirmations(3)).await;
    payer.sim.mine(4);
    let outbox = payer.book.outbox(who(1), Scheme::Typed);
    outbox.issue(wei(50)).await.unwrap();
    payer.sim.seize(payer.token, payer.book.address(), 30);
    payer.wallet.refresh().await.unwrap();
    assert_eq!(payer.funds().await, (wei(70), wei(20), wei(0)));
    let error = outbox.issue(wei(21)).await.unwrap_err();
    assert!(matches!(error, Error::InsufficientDeposit { available, .. } if available == wei(20)), "{error:?}");
    payer.sim.rollback(1, false);
    assert_eq!(payer.funds().await, (wei(100), wei(50), wei(0)));

    payer.sim.seize(payer.token, payer.book.address(), 60);
    assert_eq!(payer.funds().await, (wei(40), wei(0), wei(0)));
    payer.sim.mine(8);
    assert_eq!(payer.funds().await, (wei(40), wei(0), wei(0)), "when it is final, too");
    payer.book.deposit(wei(60)).await.unwrap();
    payer.sim.mine(8);
    payer.wallet.refresh().await.unwrap();
    assert_eq!(payer.funds().await, (wei(100), wei(50), wei(0)));
    // The payee sees it with its next look.
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    payer.sim.seize(payer.token, payer.book.address(), 60);
    payee.refresh().await.unwrap();
    let cheque = outbox.latest_cheque().await.unwrap().unwrap();
    let error = inbox.receive(&cheque).await.unwrap_err();
    assert!(matches!(error, Error::NotCovered { balance, .. } if balance == wei(40)), "{error:?}");
}

/// A payment whose event is missing looks like an issuer that takes. It is none: the contract knows what it has sent.
#[tokio::test(start_paused = true)]
async fn w3_a_missing_payment_is_not_what_the_issuer_took() {
    let payer = Payer::new(100).await;
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    payer.sim.hook(|method, _| (method == "eth_getLogs").then(|| Act::Answer(json!([]))));
    payer.wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
    let error = payer.book.balance().await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error:?}");
    assert!(matches!(
        payer.book.outbox(who(2), Scheme::Typed).issue(wei(1)).await.unwrap_err(),
        Error::Contradiction { .. }
    ));
    payer.sim.unhook();
    payer.sim.mine(1);
    assert_eq!(payer.funds().await, (wei(100), wei(40), wei(0)));
}

/// A balance that is said once is no evidence, and neither is one that is no balance.
#[tokio::test(start_paused = true)]
async fn w3_a_balance_that_is_said_once_lowers_nothing() {
    let word = |amount: u64| json!(Bytes::from(wei(amount).to_be_bytes::<32>()));
    let long = json!(Bytes::from([0; 64]));
    for (answer, times) in [(word(10), 1), (json!("0x"), 9), (json!("0x01"), 9), (long, 9)] {
        let payer = Payer::new(100).await;
        payer.sim.mine(1);
        let (token, mut asked, said) = (payer.token, 0, answer.clone());
        payer.sim.hook(move |method, parameters| {
            asked += usize::from(asks_token(token, method, parameters));
            (asks_token(token, method, parameters) && asked <= times).then(|| Act::Answer(said.clone()))
        });
        let error = payer.book.balance().await.unwrap_err();
        assert!(matches!(error, Error::Contradiction { .. } | Error::NotGenuine { .. }), "{answer}: {error:?}");
        payer.sim.unhook();
        payer.sim.mine(1);
        assert_eq!(payer.funds().await, (wei(100), wei(100), wei(0)), "{answer}");
    }
}

/// Neither is it about a block that is not final.
#[tokio::test(start_paused = true)]
async fn w3_a_balance_of_the_newest_block_takes_evidence_too() {
    let payer = Payer::with(100, config().confirmations(3)).await;
    payer.sim.mine(5);
    assert_eq!(payer.funds().await, (wei(100), wei(100), wei(0)));
    payer.sim.mine(1);
    let (token, newest, mut asked) = (payer.token, payer.sim.hash_of(payer.sim.head()), false);
    payer.sim.hook(move |method, parameters| {
        let is_newest = asks_token(token, method, parameters) && parameters[1]["blockHash"] == json!(newest);
        let first = is_newest && !asked;
        asked |= is_newest;
        first.then(|| Act::Answer(json!(Bytes::from(wei(10).to_be_bytes::<32>()))))
    });
    assert!(matches!(payer.book.balance().await.unwrap_err(), Error::Contradiction { .. }));
    payer.sim.unhook();
    payer.sim.mine(1);
    assert_eq!(payer.funds().await, (wei(100), wei(100), wei(0)));
}

/* PAYEE */

/// Inboxes of many chequebooks of one token, with a cheque in each.
async fn many(payer: &Payer, payee: &Wallet, count: u64) -> Vec<Inbox> {
    payer.sim.mint(payer.token, self::payer(), 20 * count);
    let mut inboxes = Vec::new();
    for index in 1..=count {
        let new = of(payer.token, 20).salt(U256::from(index).into());
        let book = Chequebook::create(&payer.wallet, key("payer"), new).await.unwrap();
        let inbox = Inbox::open(payee, book.address(), who(index), taking(payer.token)).await.unwrap();
        inbox.receive(&book.outbox(who(index), Scheme::Typed).issue(wei(5)).await.unwrap()).await.unwrap();
        inboxes.push(inbox);
    }
    inboxes
}

/// A token that uses up all gas, hides its balances or answers nonsense: chequebooks of ether and of other tokens go on.
#[tokio::test(start_paused = true)]
async fn w4_a_token_harms_only_its_own_chequebooks() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let bad = many(&payer, &payee, 12).await;
    let good = payer.sim.token("good");
    payer.sim.mint(good, self::payer(), 1_000);
    let fine = Payer { token: good, book: payer.book.clone(), wallet: payer.wallet.clone(), sim: payer.sim.clone() };
    let mut others = many(&fine, &payee, 12).await;
    for index in 0..12 {
        let new = terms(20).salt(U256::from(index).into());
        let book = Chequebook::create(&payer.wallet, key("payer"), new).await.unwrap();
        others.push(Inbox::open(&payee, book.address(), who(index), policy()).await.unwrap());
    }
    payee.refresh().await.unwrap();
    let all = bad.iter().map(Inbox::contract).collect::<std::collections::BTreeSet<_>>();
    for trouble in 0..3 {
        let all = all.clone();
        payer.sim.behave(payer.token, |token| match trouble {
            0 => token.burns = all,
            1 => token.hides = true,
            _ => token.answer = Some(Bytes::from_static(b"nonsense")),
        });
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        let before = payer.sim.all_requests();
        for (index, inbox) in others.iter().enumerate() {
            let cheque = rogue(inbox.contract(), inbox.beneficiary(), 6 + 2 * trouble).await;
            let received = inbox.receive(&cheque).await;
            assert!(received.is_ok(), "{trouble}, {index}: {received:?}");
        }
        let asked = payer.sim.all_requests() - before;
        assert!(asked <= 4, "{asked} questions: they were read with the block");
        let error = bad[3].receive(&rogue(bad[3].contract(), who(4), 6 + 2 * trouble).await).await.unwrap_err();
        assert!(matches!(error, Error::NotGenuine { .. } | Error::Rpc { .. }), "{trouble}: {error:?}");
        payer.sim.behave(payer.token, |token| *token = Default::default());
        let again = async || bad[3].receive(&rogue(bad[3].contract(), who(4), 7 + 2 * trouble).await).await.is_ok();
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        assert!(again().await, "{trouble}");
    }
}

/// One chequebook whose balance uses up all gas: others of the same token are read without it.
#[tokio::test(start_paused = true)]
async fn w4_one_balance_that_burns_gas_is_left_out() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inboxes = many(&payer, &payee, 20).await;
    let burns = [3, 11].map(|index: usize| inboxes[index].contract());
    payer.sim.behave(payer.token, |token| token.burns.extend(burns));
    for round in 0..3 {
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let before = payer.sim.all_requests();
        for inbox in inboxes.iter().filter(|inbox| !burns.contains(&inbox.contract())) {
            inbox.receive(&rogue(inbox.contract(), inbox.beneficiary(), 6 + round).await).await.unwrap();
        }
        let asked = payer.sim.all_requests() - before;
        assert!(asked <= 4, "{asked} questions: they were read with the block");
    }
}

/// A token that answers late: nobody waits for it twice.
#[tokio::test(start_paused = true)]
async fn w4_a_token_that_is_late_holds_nobody_up() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let late = payer.inbox(&payee, who(1)).await;
    let ether = Chequebook::create(&payer.wallet, key("payer"), terms(100)).await.unwrap();
    let inbox = Inbox::open(&payee, ether.address(), who(2), policy()).await.unwrap();
    let token = payer.token;
    payer.sim.hook(move |method, parameters| asks_token(token, method, parameters).then(|| Act::Hang));
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    payer.sim.mine(1);
    let look = timeout(Duration::from_secs(1), payee.refresh()).await;
    assert!(look.is_ok(), "it is not waited for again");
    let received = timeout(Duration::from_secs(1), inbox.receive(&rogue(ether.address(), who(2), 5).await)).await;
    assert_eq!(received.unwrap().unwrap(), wei(5));
    payer.sim.unhook();
    sleep(Duration::from_secs(60)).await;
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    late.receive(&rogue(payer.book.address(), who(1), 5).await).await.unwrap();
}

/// Chequebooks that cannot be read are due with another one: its cash waits for none of them, and neither does its next.
#[tokio::test(start_paused = true)]
async fn w4_a_token_that_is_late_holds_up_no_cash() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let mut inboxes = many(&payer, &payee, 40).await;
    let ether = Chequebook::create(&payer.wallet, key("payer"), terms(100)).await.unwrap();
    inboxes.push(Inbox::open(&payee, ether.address(), who(99), policy()).await.unwrap());
    let inbox = inboxes.last().unwrap();
    inbox.receive(&ether.outbox(who(99), Scheme::Typed).issue(wei(5)).await.unwrap()).await.unwrap();
    // Alone, or many at once.
    let token = format!("{:x}", payer.token);
    let asks = move |parameters: &[Value]| parameters[0].to_string().to_lowercase().contains(&token);
    payer.sim.hook(move |method, parameters| (method == "eth_call" && asks(parameters)).then(|| Act::Hang));
    payer.sim.mine(1);
    payee.refresh().await.unwrap();
    // All are due at once, and so in one batch.
    for inbox in &inboxes {
        inbox.auto_cash(AutoCash::default().interval(Some(Duration::from_secs(60))).max_uncashed(U256::MAX));
    }
    sleep(Duration::from_secs(61)).await;
    let paid = || payer.sim.paid(ether.address()).get(&who(99)).copied().unwrap_or_default();
    let in_time = async |amount| {
        for _ in 0..5 {
            if paid() == amount {
                return true;
            }
            payee.refresh().await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        false
    };
    assert!(in_time(wei(5)).await, "{} is paid: it waits for chequebooks of another token", paid());
    inbox.auto_cash(AutoCash::default().max_uncashed(U256::ZERO));
    inbox.receive(&ether.outbox(who(99), Scheme::Typed).issue(wei(6)).await.unwrap()).await.unwrap();
    assert!(in_time(wei(11)).await, "{} is paid: its last cash is not over yet", paid());
    // Once the token answers, they are cashed, too.
    payer.sim.unhook();
    sleep(Duration::from_secs(120)).await;
    let all = async || (1..=40).all(|index| payer.held(who(index)) == wei(5));
    assert!(eventually(&payer.sim, &payee, all).await);
}

/// A beneficiary that the token blocks is tried less and less, at no gas; all others are paid; once it is free, it is, too.
#[tokio::test(start_paused = true)]
async fn w4_a_blocked_beneficiary_costs_little_and_holds_up_nobody() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let (blocked, free) = (payer.inbox(&payee, who(1)).await, payer.inbox(&payee, who(2)).await);
    for inbox in [&blocked, &free] {
        inbox.auto_cash(AutoCash::default().max_uncashed(U256::ZERO));
    }
    payer.sim.behave(payer.token, |token| _ = token.blocked.insert(who(1)));
    payer.pay(&blocked, 10).await;
    payer.pay(&free, 20).await;
    assert!(eventually(&payer.sim, &payee, async || payer.held(who(2)) == wei(20)).await);
    let estimates = || payer.sim.counts().get("eth_estimateGas").copied().unwrap_or_default();
    let before = (payer.sim.included(payee.account()).len(), estimates());
    for _ in 0..300 {
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(12)).await;
    }
    assert_eq!(payer.sim.included(payee.account()).len(), before.0, "a refusal costs no gas");
    let asked = estimates() - before.1;
    assert!((1..60).contains(&asked), "{asked} estimates in an hour of 300 blocks");
    payer.sim.behave(payer.token, |token| token.blocked.clear());
    sleep(Duration::from_secs(600)).await;
    assert!(eventually(&payer.sim, &payee, async || payer.held(who(1)) == wei(10)).await);
}

/// A token that lets an estimate pass, and refuses in the block: what that costs is bounded.
#[tokio::test(start_paused = true)]
async fn w4_a_refusal_that_costs_gas_is_not_repeated_with_each_block() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.auto_cash(AutoCash::default().max_uncashed(U256::ZERO));
    payer.sim.behave(payer.token, |token| token.refuses_in_blocks = true);
    payer.pay(&inbox, 10).await;
    for _ in 0..300 {
        payer.sim.mine(1);
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(12)).await;
    }
    let tried = payer.sim.included(payee.account()).len();
    assert!((2..=14).contains(&tried), "{tried} transactions in an hour of 300 blocks");
    payer.sim.behave(payer.token, |token| token.refuses_in_blocks = false);
    sleep(Duration::from_secs(3_600)).await;
    assert!(eventually(&payer.sim, &payee, async || payer.held(who(1)) == wei(10)).await);
}

/// However long a token has refused, a cash is tried again in time once the end is announced.
#[tokio::test(start_paused = true)]
async fn w4_a_refusal_is_tried_again_before_the_end() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inbox = payer.inbox(&payee, who(1)).await;
    inbox.auto_cash(AutoCash::default().max_uncashed(U256::ZERO));
    payer.sim.behave(payer.token, |token| token.refuses_in_blocks = true);
    payer.pay(&inbox, 10).await;
    let blocks = async |count| {
        for _ in 0..count {
            payer.sim.mine(1);
            payee.refresh().await.unwrap();
            sleep(Duration::from_secs(12)).await;
        }
    };
    blocks(600).await;
    payer.sim.behave(payer.token, |token| token.refuses_in_blocks = false);
    assert!(payer.sim.act(key("owner").address(), payer.book.address(), announceKillCall {}.abi_encode().into()));
    blocks(60).await;
    assert_eq!(payer.held(who(1)), wei(10));
}

/// In a batch, the clearing house skips what a token refuses, and says so.
#[tokio::test(start_paused = true)]
async fn w4_a_batch_skips_what_a_token_refuses() {
    let payer = Payer::new(100).await;
    let ether = Chequebook::create(&payer.wallet, key("payer"), terms(100)).await.unwrap();
    let payee = wallet(&payer.sim, "payee").await;
    let cheques = [
        rogue(payer.book.address(), who(1), 10).await,
        rogue(ether.address(), who(2), 20).await,
        rogue(ether.address(), who(3), 30).await,
    ];
    payer.sim.behave(payer.token, |token| token.refuses_in_blocks = true);
    let sent = payee.cashing().cash_many(&cheques).await;
    let batch = sent[0].as_ref().unwrap();
    batch.confirmed().await.unwrap();
    let skipped = payee.cashing().skipped(batch).await.unwrap();
    let [one] = &skipped[..] else { panic!("{skipped:?}") };
    assert_eq!((one.contract, one.beneficiary, one.reason.as_str()), (payer.book.address(), who(1), "PaymentFailed"));
    assert_eq!(payer.sim.paid(ether.address()).len(), 2);
    // What an estimate refuses does not come into the batch.
    payer.sim.behave(payer.token, |token| token.refuses = true);
    payer.sim.mine(1);
    let cheques = [cheques[0], rogue(ether.address(), who(2), 25).await, rogue(ether.address(), who(3), 35).await];
    let sent = payee.cashing().cash_many(&cheques).await;
    assert!(matches!(sent[0], Err(Error::Refused { .. })), "{sent:?}");
    sent[1].as_ref().unwrap().confirmed().await.unwrap();
    assert_eq!(payer.sim.paid(ether.address())[&who(3)], wei(35));
}

/// Many chequebooks of one token cost few questions a block, also while the token fails for all of them.
#[tokio::test(start_paused = true)]
async fn w5_questions_do_not_grow_with_token_chequebooks() {
    let payer = Payer::new(100).await;
    let payee = wallet(&payer.sim, "payee").await;
    let inboxes = many(&payer, &payee, 50).await;
    let asks = async || {
        payer.sim.mine(1);
        let before = payer.sim.all_requests();
        payee.refresh().await.unwrap();
        sleep(Duration::from_secs(5)).await;
        payer.sim.all_requests() - before
    };
    asks().await;
    let asked = asks().await;
    assert!(asked <= 8, "{asked} questions for a block, and {} chequebooks", inboxes.len());
    payer.sim.behave(payer.token, |token| token.hides = true);
    asks().await;
    let asked = asks().await;
    assert!(asked <= 16, "{asked} questions for a block, and a token that fails");
}
