//! Payer, payee and a chain in memory, driven through random sequences, and compared with a model that is too simple to
//! be wrong: the equation of the payer, and CB2 of the contract. `CHEQUEBOOK_MODEL_CASES` sets the number of sequences.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod commands;
#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "../support/sim/mod.rs"]
mod sim;

use std::{collections::BTreeMap, env, pin::pin, task::Context, time::Duration};

use alloy::{
    primitives::{Address, U256, keccak256},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use chequebook::{
    Cheque, Overdraft, Scheme, SignedCheque,
    bindings::Chequebook::{announceKillCall, cancelKillCall, killCall},
};
use chequebook_wallet::{
    Chequebook, Config, Error, Inbox, NewChequebook, Policy, Purpose, Status, Wallet,
    store::{Memory, MemoryDisk},
};
use proptest::{prelude::*, test_runner::TestRunner};

use serde_json::json;

use self::{
    commands::{Command, PAYEES, Trouble, commands},
    sim::{Act, CHAIN_ID, Sim, words},
};

const CONFIRMATIONS: u64 = 2;
const FIRST_DEPOSIT: u64 = 1_000;

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

/// Everything under test, and what must be true of it.
struct World {
    sim: Sim,
    stores: [MemoryDisk; 2],
    payer: Wallet,
    book: Option<Chequebook>,
    contract: Address,
    payee: Wallet,
    inboxes: Vec<Inbox>,
    /// The largest amount of a cheque to each payee.
    signed: BTreeMap<Address, U256>,
    /// The amount that each inbox acknowledged last.
    acknowledged: BTreeMap<Address, U256>,
    /// The sum of what each inbox said that a cheque adds: what goods were given for.
    added: BTreeMap<Address, U256>,
    /// The highest valid cheque that each inbox got.
    highest: BTreeMap<Address, U256>,
    /// Whether nodes, pool or fees are in trouble.
    trouble: bool,
    /// Whether something in trouble can last after it is over: a reorganisation, or another user of the account.
    deep: bool,
    foreign: bool,
}

async fn wallet(sim: &Sim, name: &str, store: &MemoryDisk) -> Wallet {
    // Looks at the chain only when told to, so that each run of a sequence is the same.
    let config = Config::default()
        .confirmations(CONFIRMATIONS)
        .poll_interval(Duration::from_secs(36_000_000))
        .max_age(Duration::ZERO)
        .max_head_age(None);
    Wallet::open(sim.provider(), key(name), store.open().unwrap(), config).await.unwrap()
}

fn payee(index: usize) -> Address {
    key(&format!("payee {index}")).address()
}

fn at(amounts: &BTreeMap<Address, U256>, payee: Address) -> U256 {
    amounts.get(&payee).copied().unwrap_or_default()
}

impl World {
    async fn new() -> Self {
        let sim = Sim::new(&[key("payer").address(), key("cashier").address(), key("sponsor").address()]);
        let stores = [MemoryDisk::new(), MemoryDisk::new()];
        let payer = wallet(&sim, "payer", &stores[0]).await;
        let terms = NewChequebook::default()
            .deposit(U256::from(FIRST_DEPOSIT))
            .notice_period(24)
            .owner(Some(key("owner").address()));
        let book = Chequebook::create(&payer, key("signer"), terms).await.unwrap();
        sim.mine(4);
        sim.auto_mine(false);
        let payee = wallet(&sim, "cashier", &stores[1]).await;
        let mut world = Self {
            contract: book.address(),
            book: Some(book),
            sim,
            stores,
            payer,
            payee,
            inboxes: Vec::new(),
            signed: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            added: BTreeMap::new(),
            highest: BTreeMap::new(),
            trouble: false,
            deep: false,
            foreign: false,
        };
        world.open_inboxes().await;
        world
    }

    async fn open_inboxes(&mut self) {
        let policy = Policy::default().min_notice_period(24);
        self.inboxes.clear();
        for index in 0..PAYEES {
            let inbox = Inbox::open(&self.payee, self.contract, payee(index), policy).await.unwrap();
            inbox.stop_auto_cash(); // it would cash when the end is announced
            self.inboxes.push(inbox);
        }
    }

    fn dead(&self) -> bool {
        self.sim.killable_at(self.contract) == U256::MAX
    }

    fn sent(&self, to: usize) -> U256 {
        at(&self.sim.sent_at(self.contract, self.sim.head()), payee(to))
    }

    /// Funded and issued, computed by the equation.
    async fn equation(&self, book: &Chequebook) -> (U256, U256) {
        let final_block = self.sim.head().saturating_sub(CONFIRMATIONS);
        let sent = self.sim.sent_at(self.contract, final_block).into_values().fold(U256::ZERO, |sum, sent| sum + sent);
        let mut issued = U256::ZERO;
        for index in 0..PAYEES {
            let last = book.outbox(payee(index), Scheme::Packed).latest_cheque().await.unwrap();
            issued += last.map_or(U256::ZERO, |last| last.cheque().amount);
        }
        (self.sim.balance_at(self.contract, final_block) + sent, issued)
    }

    async fn run(&mut self, command: Command) {
        let killable_at = self.sim.killable_at(self.contract);
        match command {
            Command::Issue { to, amount, typed } => self.issue(to, amount, typed).await,
            Command::Abandon { to, amount, polls } => self.abandon(to, amount, polls).await,
            Command::Resend { to } => self.resend(to).await,
            Command::Forge { to, amount } => {
                let cheque = Cheque {
                    contract: self.contract,
                    beneficiary: payee(to),
                    amount: U256::from(amount) << 64,
                    scheme: Scheme::Packed,
                    chain_id: CHAIN_ID,
                };
                self.refused(to, &cheque.sign(&key("thief")).await.unwrap()).await;
            }
            Command::Alter { to, more } => {
                if let Some(last) = self.last(to).await {
                    let cheque = Cheque { amount: last.cheque().amount + U256::from(more), ..*last.cheque() };
                    self.refused(to, &SignedCheque::new(cheque, last.signature()).unwrap()).await;
                }
            }
            Command::Deposit { amount } => self.deposit(amount).await,
            Command::Cash { to, consent } => self.cash(to, consent).await,
            Command::CashByStranger { to } => {
                if let Some(last) = self.last(to).await {
                    self.sim.act(key("stranger").address(), self.contract, last.calldata(Overdraft::Consent));
                }
            }
            Command::Mine { blocks } => self.sim.mine(blocks),
            Command::Rollback { depth, keep } => {
                // The chequebook itself stays: its deployment is too deep to be dropped.
                self.sim.rollback(depth.min(usize::try_from(self.sim.head()).unwrap() - 2), keep);
                self.deep = true;
            }
            Command::Forget => self.sim.forget(),
            Command::Announce => _ = self.act(announceKillCall {}),
            Command::Cancel => assert!(killable_at.is_zero() || self.dead() || self.act(cancelKillCall {})),
            Command::Kill => _ = self.act(killCall {}),
            Command::RestartPayer => {
                self.book = None;
                self.payer.shutdown().await;
                self.heal();
                self.payer = wallet(&self.sim, "payer", &self.stores[0]).await;
            }
            Command::RestartPayee => {
                self.inboxes.clear();
                self.payee.shutdown().await;
                self.heal();
                self.payee = wallet(&self.sim, "cashier", &self.stores[1]).await;
                self.open_inboxes().await;
            }
            Command::Foreign { ahead } => {
                let nonce = self.sim.nonce(key("payer").address()) + ahead;
                self.sim.foreign(&key("payer"), nonce, 5_000);
                self.foreign = true;
            }
            Command::Delegate => {
                self.sim.delegate(&key("payer"));
                self.foreign = true;
            }
            Command::Evict { which } => {
                let account = key("payer").address();
                if let Some((nonce, _)) = self.sim.pending(account).get(which) {
                    self.sim.evict(account, *nonce);
                }
            }
            Command::CancelTransaction { which } => {
                if let Some(transaction) = self.payer.open_transactions().get(which) {
                    let _ = transaction.cancel().await; // the outcome is checked in the end
                }
            }
            Command::Trouble(trouble) => self.trouble(trouble),
            Command::Heal => self.heal(),
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        let sim = &self.sim;
        self.trouble = true;
        let empty = |method: &'static str, answer: serde_json::Value| {
            sim.hook(move |asked, _| (asked == method).then(|| Act::Answer(answer.clone())));
        };
        match trouble {
            Trouble::Faults(per_mille) => sim.faults(per_mille),
            Trouble::Replicas(lags) => sim.replicas(&lags),
            Trouble::GoBack(blocks) => sim.go_back(blocks),
            Trouble::Stall => sim.stall(Some(sim.head())),
            Trouble::PruneState(blocks) => sim.prune_state(Some(blocks)),
            Trouble::PruneReceipts(blocks) => sim.prune_receipts(Some(blocks)),
            Trouble::LogRange(blocks) => sim.log_range(Some(blocks), words::ALCHEMY),
            Trouble::Rate(requests) => sim.rate(Some(requests)),
            Trouble::NoReceipts => empty("eth_getTransactionReceipt", json!(null)),
            Trouble::NoLogs => empty("eth_getLogs", json!([])),
            Trouble::NoTransactions => empty("eth_getTransactionByHash", json!(null)),
            Trouble::WrongNonce(more) => {
                let account = key("payer").address();
                let wrong = format!("0x{:x}", sim.nonce(account) + more);
                let mine = json!(account);
                sim.hook(move |asked, parameters| {
                    (asked == "eth_getTransactionCount" && parameters[0] == mine)
                        .then(|| Act::Answer(json!(wrong.clone())))
                });
                self.foreign = true; // the gap is filled, or something takes it
            }
            Trouble::NoCode => empty("eth_getCode", json!("0x")),
            Trouble::MinTip(tip) => sim.min_tip(tip),
            Trouble::ValidatorsTip(tip) => sim.validators_tip(tip),
            Trouble::BaseFee(fee) => sim.base_fee(fee),
            Trouble::FeeCap(gwei) => sim.fee_cap(Some(U256::from(gwei) * U256::from(1_000))),
            Trouble::PoolFull => sim.pool_full(true),
            Trouble::InFlight(limit) => sim.in_flight_limit(Some(limit)),
        }
    }

    fn heal(&mut self) {
        let sim = &self.sim;
        sim.unhook();
        sim.faults(0);
        sim.replicas(&[0]);
        sim.go_back(0);
        sim.stall(None);
        sim.prune_state(None);
        sim.prune_receipts(None);
        sim.log_range(None, words::ALCHEMY);
        sim.rate(None);
        sim.min_tip(0);
        sim.validators_tip(0);
        sim.base_fee(1_000);
        sim.fee_cap(None);
        sim.pool_full(false);
        sim.in_flight_limit(None);
        sim.mine(1); // what was left out is seen with the next block
        self.trouble = false;
    }

    fn act(&self, call: impl SolCall) -> bool {
        self.sim.act(key("owner").address(), self.contract, call.abi_encode().into())
    }

    async fn last(&self, to: usize) -> Option<SignedCheque> {
        self.book.as_ref()?.outbox(payee(to), Scheme::Packed).latest_cheque().await.unwrap()
    }

    async fn issue(&mut self, to: usize, amount: u64, typed: bool) {
        let Some(book) = self.book.clone() else { return };
        let (funded, issued) = self.equation(&book).await;
        let scheme = if typed { Scheme::Typed } else { Scheme::Packed };
        let amount = U256::from(amount);
        match book.outbox(payee(to), scheme).issue(amount).await {
            Ok(cheque) => {
                let before = at(&self.signed, payee(to));
                // No lie of a node makes the payer promise more than is there; only what ends or drops a deposit can.
                let dropped = self.trouble && (self.deep || self.dead());
                assert!(dropped || issued + amount <= funded, "issued {amount} on {issued} of {funded}");
                assert!(cheque.cheque().amount >= before + amount, "the amount did not rise");
                assert_eq!(cheque.cheque().scheme, scheme);
                self.signed.insert(payee(to), cheque.cheque().amount);
                self.receive(to, &cheque).await;
            }
            Err(Error::InsufficientDeposit { available, .. }) => {
                assert!(
                    self.trouble || available == funded.saturating_sub(issued),
                    "{available}: {issued} of {funded}"
                );
            }
            Err(Error::Dead { .. } | Error::KillAnnounced { .. }) => {
                assert!(self.trouble || !self.sim.killable_at(self.contract).is_zero());
            }
            // A payer does not promise on answers that contradict each other.
            Err(Error::Contradiction { .. }) => assert!(self.trouble),
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn abandon(&mut self, to: usize, amount: u64, polls: usize) {
        let Some(book) = self.book.clone() else { return };
        {
            let outbox = book.outbox(payee(to), Scheme::Packed);
            let mut issue = pin!(outbox.issue(U256::from(amount)));
            for _ in 0..polls {
                if issue.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        if let Some(last) = self.last(to).await {
            self.signed.insert(payee(to), last.cheque().amount);
        }
    }

    async fn resend(&mut self, to: usize) {
        if let Some(last) = self.last(to).await {
            self.receive(to, &last).await;
        }
    }

    async fn receive(&mut self, to: usize, cheque: &SignedCheque) {
        let (who, amount, sent) = (payee(to), cheque.cheque().amount, self.sent(to));
        let newest = at(&self.acknowledged, who);
        let mut held = true;
        match self.inboxes[to].receive(cheque).await {
            Ok(added) => {
                assert!(self.trouble || added == amount - newest.max(sent), "W1: {added} of {amount}");
                assert!(added <= amount - newest, "W1: acknowledged twice");
                self.acknowledged.insert(who, amount);
                *self.added.entry(who).or_default() += added;
            }
            Err(Error::StaleCheque { .. }) => {
                assert!(amount <= newest);
                held = false;
            }
            Err(Error::AlreadyCashed { .. }) => {
                assert!(amount <= sent || self.deep, "it is not cashed");
                held = false;
            }
            Err(Error::Dead { .. } | Error::KillAnnounced { .. }) => {
                assert!(self.trouble || !self.sim.killable_at(self.contract).is_zero());
            }
            Err(Error::NotCovered { balance, uncashed, .. }) => assert!(balance < uncashed),
            Err(error) => assert!(self.trouble, "{error:?}"),
        }
        if held {
            let highest = self.highest.entry(who).or_default();
            *highest = amount.max(*highest);
        }
    }

    async fn refused(&self, to: usize, cheque: &SignedCheque) {
        let error = self.inboxes[to].receive(cheque).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Cheque(chequebook::Error::WrongSigner { .. })
                    | Error::Cheque(chequebook::Error::Unrecoverable(_))
            ),
            "{error:?}"
        );
    }

    async fn deposit(&mut self, amount: u64) {
        let Some(book) = self.book.clone() else { return };
        match book.deposit(U256::from(amount)).await {
            Ok(_) => {}
            Err(Error::Dead { .. }) => assert!(self.trouble || self.dead()),
            Err(Error::KillAnnounced { .. }) => assert!(self.trouble || !self.sim.killable_at(self.contract).is_zero()),
            Err(Error::Refused { .. }) => {}
            Err(error) => assert!(self.trouble, "{error:?}"),
        }
    }

    async fn cash(&mut self, to: usize, consent: bool) {
        let overdraft = if consent { Overdraft::Consent } else { Overdraft::Refuse };
        match self.inboxes[to].cash(overdraft).await {
            Ok(_) => {}
            Err(Error::NothingReceived { .. } | Error::AlreadyCashed { .. }) => {}
            Err(Error::WouldBounce { pays, owed }) => assert!(!consent && pays < owed),
            Err(Error::Dead { .. }) => assert!(self.trouble || self.dead()),
            Err(error) => assert!(self.trouble, "{error:?}"),
        }
    }

    /// What must be true after every command.
    async fn check(&mut self) {
        if self.book.is_none() && !self.dead() && !self.trouble {
            self.book = Some(Chequebook::open(&self.payer, self.contract, key("signer")).await.unwrap());
        }
        let looked = (self.payer.refresh().await, self.payee.refresh().await);
        if !self.trouble {
            looked.0.unwrap();
            looked.1.unwrap();
        }
        self.check_verdicts().await;
        if let Some(book) = self.book.clone().filter(|_| !self.trouble) {
            let (funded, issued) = self.equation(&book).await;
            let balance = book.balance().await.unwrap();
            assert_eq!((balance.funded, balance.issued), (funded, issued), "funded and issued");
            assert_eq!(balance.available, funded.saturating_sub(issued), "available");
        }
        let head = self.sim.head();
        let (sent, paid) = (self.sim.sent_at(self.contract, head), self.sim.paid(self.contract));
        assert_eq!(sent, paid, "CB2: what was paid is what was sent");
        for (index, inbox) in self.inboxes.iter().enumerate() {
            let (who, sent) = (payee(index), at(&sent, payee(index)));
            assert!(sent <= at(&self.signed, who), "CB2: no more than was signed");
            assert_eq!(
                inbox.acknowledged().await.unwrap(),
                at(&self.acknowledged, who),
                "what was acknowledged is kept"
            );
            assert!(at(&self.added, who) <= at(&self.signed, who), "W1: goods for no more than was signed");
            let newest = inbox.latest_cheque().await.unwrap().map_or(U256::ZERO, |newest| newest.cheque().amount);
            assert_eq!(newest, at(&self.highest, who), "the highest valid cheque is kept");
            if !self.trouble {
                assert_eq!(inbox.uncashed().await.unwrap(), newest.saturating_sub(sent), "uncashed");
            }
        }
    }

    /// W3: nothing is called final that the chain does not show.
    async fn check_verdicts(&self) {
        if self.deep {
            return; // a reorganisation deeper than the confirmations makes anything possible
        }
        for wallet in [&self.payer, &self.payee] {
            let included = self.sim.included(wallet.account());
            for transaction in wallet.transactions().await.unwrap() {
                let found = included.iter().find(|(nonce, ..)| *nonce == transaction.nonce());
                match transaction.status() {
                    Status::Confirmed { hash, .. } | Status::Cancelled { hash, .. } => {
                        assert_eq!(found.map(|(_, hash, success)| (*hash, *success)), Some((hash, true)), "W3");
                    }
                    Status::Reverted { hash, .. } => {
                        assert_eq!(found.map(|(_, hash, success)| (*hash, *success)), Some((hash, false)), "W3");
                    }
                    Status::Replaced { hash, .. } => {
                        assert!(found.is_none_or(|(_, found, _)| *found == hash), "W3: replaced by nothing");
                        assert!(self.sim.nonce(wallet.account()) > transaction.nonce(), "W3: the nonce is free");
                    }
                    _ => {}
                }
            }
        }
    }

    /// In the end, every transaction that was started was executed once or not at all, and the wallet knows which (W4).
    async fn settle(&mut self) {
        self.heal();
        for _ in 0..40 {
            self.payer.refresh().await.unwrap();
            self.payee.refresh().await.unwrap();
            self.sim.mine(1);
        }
        let mut deposited = U256::ZERO;
        let mut all = self.payer.transactions().await.unwrap();
        all.extend(self.payee.transactions().await.unwrap());
        for transaction in all {
            assert!(transaction.status().is_final(), "W4: {transaction:?} {:?}", transaction.refusal());
            if let (Purpose::Deposit { amount, .. }, Status::Confirmed { .. }) =
                (transaction.purpose(), transaction.status())
            {
                deposited += amount;
            }
        }
        assert_eq!(deposited, self.sim.transferred(key("payer").address(), self.contract), "deposits");
    }
}

#[tokio::test]
async fn asks_the_chain_once_for_all_cheques_of_all_inboxes() {
    let mut world = World::new().await;
    world.payee.shutdown().await;
    let config = Config::default().confirmations(CONFIRMATIONS).poll_interval(Duration::from_secs(3_600));
    world.payee = Wallet::open(world.sim.provider(), key("cashier"), Memory::new(), config).await.unwrap();
    world.open_inboxes().await;
    world.inboxes[0].uncashed().await.unwrap(); // the last inbox is now part of the snapshot
    let book = world.book.clone().unwrap();

    let before = world.sim.all_requests();
    for round in 0..100 {
        let to = round % PAYEES;
        let cheque = book.outbox(payee(to), Scheme::Typed).issue(U256::ONE).await.unwrap();
        assert_eq!(world.inboxes[to].receive(&cheque).await.unwrap(), U256::ONE);
    }
    // The tasks that watch the chain may start meanwhile, which takes some requests for each wallet.
    let asked = world.sim.all_requests() - before;
    assert!(asked < 50, "{asked} requests for a hundred issues and receipts");
}

#[test]
fn keeps_the_equation_and_pays_what_was_promised_whatever_happens() {
    let cases = env::var("CHEQUEBOOK_MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&commands(), |commands| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for command in commands {
                world.run(command).await;
                world.check().await;
            }
            world.settle().await;
            world.payer.shutdown().await;
            world.payee.shutdown().await;
        });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
