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

use self::{
    commands::{Command, PAYEES, commands},
    sim::{CHAIN_ID, Sim},
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
    received: BTreeMap<Address, U256>,
    faulty: bool,
}

async fn wallet(sim: &Sim, name: &str, store: &MemoryDisk) -> Wallet {
    // Looks at the chain only when told to, so that each run of a sequence is the same.
    let config = Config::default()
        .confirmations(CONFIRMATIONS)
        .poll_interval(Duration::from_secs(3_600))
        .max_age(Duration::ZERO);
    Wallet::open(sim.provider(), key(name), store.open().unwrap(), config).await.unwrap()
}

fn payee(index: usize) -> Address {
    key(&format!("payee {index}")).address()
}

impl World {
    async fn new() -> Self {
        let sim = Sim::new(&[key("payer").address(), key("cashier").address()]);
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
            received: BTreeMap::new(),
            faulty: false,
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
            }
            Command::Forget => self.sim.forget(),
            Command::Announce => _ = self.act(announceKillCall {}),
            Command::Cancel => assert!(killable_at.is_zero() || self.dead() || self.act(cancelKillCall {})),
            Command::Kill => _ = self.act(killCall {}),
            Command::RestartPayer => {
                self.book = None;
                self.payer.shutdown().await;
                self.sim.faults(0);
                self.payer = wallet(&self.sim, "payer", &self.stores[0]).await;
            }
            Command::RestartPayee => {
                self.payee.shutdown().await;
                self.sim.faults(0);
                self.payee = wallet(&self.sim, "cashier", &self.stores[1]).await;
                self.open_inboxes().await;
            }
            Command::Faults { per_mille } => {
                self.sim.faults(per_mille);
                self.faulty = true;
            }
            Command::Heal => {
                self.sim.faults(0);
                self.faulty = false;
            }
        }
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
                let before = self.signed.get(&payee(to)).copied().unwrap_or_default();
                assert!(self.faulty || issued + amount <= funded, "issued {amount} on {issued} of {funded}");
                assert!(cheque.cheque().amount >= before + amount, "the amount did not rise");
                assert_eq!(cheque.cheque().scheme, scheme);
                self.signed.insert(payee(to), cheque.cheque().amount);
                self.receive(to, &cheque).await;
            }
            Err(Error::InsufficientDeposit { available, .. }) => {
                assert!(self.faulty || available == funded.saturating_sub(issued), "{available}: {issued} of {funded}");
            }
            Err(Error::Dead { .. } | Error::KillAnnounced { .. }) => {
                assert!(self.faulty || !self.sim.killable_at(self.contract).is_zero());
            }
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
        let newest = self.received.get(&payee(to)).copied().unwrap_or_default();
        let amount = cheque.cheque().amount;
        match self.inboxes[to].receive(cheque).await {
            Ok(added) => {
                assert_eq!(newest + added, amount);
                self.received.insert(payee(to), amount);
            }
            Err(Error::StaleCheque { .. }) => assert!(amount <= newest),
            Err(Error::Dead { .. } | Error::KillAnnounced { .. }) => {
                assert!(!self.sim.killable_at(self.contract).is_zero());
            }
            Err(Error::NotCovered { balance, uncashed, .. }) => assert!(balance < uncashed),
            Err(error) => assert!(self.faulty, "{error:?}"),
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
            Err(Error::Dead { .. }) => assert!(self.dead()),
            Err(Error::Refused { .. }) => {}
            Err(error) => assert!(self.faulty, "{error:?}"),
        }
    }

    async fn cash(&mut self, to: usize, consent: bool) {
        let overdraft = if consent { Overdraft::Consent } else { Overdraft::Refuse };
        match self.inboxes[to].cash(overdraft).await {
            Ok(_) => {}
            Err(Error::NothingReceived { .. } | Error::AlreadyCashed { .. }) => {}
            Err(Error::WouldBounce { pays, owed }) => assert!(!consent && pays < owed),
            Err(Error::Dead { .. }) => assert!(self.dead()),
            Err(error) => assert!(self.faulty, "{error:?}"),
        }
    }

    /// What must be true after every command.
    async fn check(&mut self) {
        let faulty = std::mem::take(&mut self.faulty);
        self.sim.faults(0);
        if self.book.is_none() && !self.dead() {
            self.book = Some(Chequebook::open(&self.payer, self.contract, key("signer")).await.unwrap());
        }
        self.payer.refresh().await.unwrap();
        self.payee.refresh().await.unwrap();

        if let Some(book) = self.book.clone() {
            let (funded, issued) = self.equation(&book).await;
            let balance = book.balance().await.unwrap();
            assert_eq!((balance.funded, balance.issued), (funded, issued), "funded and issued");
            assert_eq!(balance.available, funded.saturating_sub(issued), "available");
        }
        let head = self.sim.head();
        let (sent, paid) = (self.sim.sent_at(self.contract, head), self.sim.paid(self.contract));
        assert_eq!(sent, paid, "CB2: what was paid is what was sent");
        for (index, inbox) in self.inboxes.iter().enumerate() {
            let sent = sent.get(&payee(index)).copied().unwrap_or_default();
            assert!(
                sent <= self.signed.get(&payee(index)).copied().unwrap_or_default(),
                "CB2: no more than was signed"
            );
            let newest = inbox.latest_cheque().await.unwrap().map_or(U256::ZERO, |newest| newest.cheque().amount);
            let received = self.received.get(&payee(index)).copied().unwrap_or_default();
            assert_eq!(newest, received, "what was acknowledged is kept");
            assert_eq!(inbox.uncashed().await.unwrap(), newest.saturating_sub(sent), "uncashed");
        }
        if faulty {
            self.faulty = true;
            self.sim.faults(200);
        }
    }

    /// In the end, every transaction that was started was executed once or not at all, and the wallet knows which.
    async fn settle(&mut self) {
        self.sim.faults(0);
        for _ in 0..12 {
            self.payer.refresh().await.unwrap();
            self.payee.refresh().await.unwrap();
            self.sim.mine(1);
        }
        let mut deposited = U256::ZERO;
        for transaction in
            self.payer.transactions().await.unwrap().iter().chain(&self.payee.transactions().await.unwrap())
        {
            assert!(transaction.status().is_final(), "{transaction:?}");
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
    let cases = env::var("CHEQUEBOOK_MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&commands(), |commands| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
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
