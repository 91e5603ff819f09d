//! Everything under test, and what must be true of it.

use std::{collections::BTreeMap, time::Duration};

use alloy::primitives::{Address, U256};
use chequebook::{Form, Overdraft, Scheme, SignedCheque};
use chequebook_wallet::{Chequebook, Config, Error, Inbox, NewChequebook, Policy, Wallet};

use super::{
    commands::{Asset, Command, PAYEES, Who},
    dying::Disk,
    key,
    sim::{Sim, tokens::Behaviour},
    till::Till,
};

pub(crate) const CONFIRMATIONS: u64 = 2;
pub(crate) const FIRST_DEPOSIT: u64 = 1_000;

pub(crate) struct World {
    pub(super) sim: Sim,
    /// By [`Who`].
    pub(super) disks: [Disk; 4],
    pub(super) payer: Wallet,
    /// The chequebook of ether and that of a token, while they are open.
    pub(super) books: [Option<Chequebook>; 2],
    pub(super) contracts: [Address; 2],
    pub(super) token: Address,
    /// How the token behaves, and whether it ever kept or took what it should not.
    pub(super) behaviour: Behaviour,
    pub(super) is_odd: bool,
    pub(super) owner: Wallet,
    pub(super) payee: Wallet,
    pub(super) inboxes: Vec<Inbox>,
    pub(super) till: Till,
    /// By chequebook and beneficiary: the largest amount of a cheque.
    pub(super) signed: BTreeMap<(Address, Address), U256>,
    /// The amount that each inbox acknowledged last.
    pub(super) acknowledged: BTreeMap<Address, U256>,
    /// The sum of what each inbox said that a cheque adds: what goods were given for.
    pub(super) added: BTreeMap<Address, U256>,
    /// The highest valid cheque that each inbox got.
    pub(super) highest: BTreeMap<Address, U256>,
    /// Whether nodes, pool or fees are in trouble.
    pub(super) trouble: bool,
    /// Whether there was a reorganisation, which may have been deeper than the confirmations.
    pub(super) deep: bool,
}

/// A wallet that looks at the chain only when told to, so that each run of a sequence is the same.
pub(crate) async fn wallet(sim: &Sim, name: &str, disk: &Disk) -> Wallet {
    let config = Config::default()
        .confirmations(CONFIRMATIONS)
        .poll_interval(Duration::from_secs(36_000_000))
        .max_age(Duration::ZERO)
        .max_head_age(None);
    Wallet::open(sim.provider(), key(name), disk.open().await, config).await.unwrap()
}

pub(crate) fn payee(index: usize) -> Address {
    key(&format!("payee {index}")).address()
}

pub(crate) fn at<K: Ord>(amounts: &BTreeMap<K, U256>, of: K) -> U256 {
    amounts.get(&of).copied().unwrap_or_default()
}

impl World {
    pub(crate) async fn new() -> Self {
        let sim = Sim::new(&["payer", "cashier", "shop", "owner"].map(|name| key(name).address()));
        let token = sim.token("token");
        sim.mint(token, key("payer").address(), 1_000_000);
        let disks: [Disk; 4] = Default::default();
        let payer = wallet(&sim, Who::Payer.name(), &disks[0]).await;
        let terms = NewChequebook::default()
            .deposit(U256::from(FIRST_DEPOSIT))
            .notice_period(24)
            .owner(Some(key("owner").address()));
        let ether = Chequebook::create(&payer, key("signer"), terms).await.unwrap();
        let tokens = Chequebook::create(&payer, key("signer"), terms.form(Form::Token(token))).await.unwrap();
        sim.mine(4);
        sim.auto_mine(false);
        let payee = wallet(&sim, Who::Payee.name(), &disks[1]).await;
        let shop = wallet(&sim, Who::Shop.name(), &disks[2]).await;
        let owner = wallet(&sim, Who::Owner.name(), &disks[3]).await;
        let mut world = Self {
            contracts: [ether.address(), tokens.address()],
            books: [Some(ether), Some(tokens)],
            till: Till::open(shop, token).await,
            token,
            behaviour: Behaviour::default(),
            is_odd: false,
            sim,
            disks,
            payer,
            owner,
            payee,
            inboxes: Vec::new(),
            signed: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            added: BTreeMap::new(),
            highest: BTreeMap::new(),
            trouble: false,
            deep: false,
        };
        world.open_inboxes().await;
        world
    }

    pub(super) async fn open_inboxes(&mut self) {
        let policy = Policy::default().min_notice_period(24);
        self.inboxes.clear();
        for index in 0..PAYEES {
            let inbox = Inbox::open(&self.payee, self.contracts[0], payee(index), policy).await.unwrap();
            inbox.stop_auto_cash(); // it would cash when the end is announced
            self.inboxes.push(inbox);
        }
    }

    /* READ */

    pub(super) fn wallets(&self) -> [&Wallet; 4] {
        [&self.payer, &self.payee, &self.till.wallet, &self.owner]
    }

    pub(super) fn contract(&self, asset: Asset) -> Address {
        self.contracts[asset.index()]
    }

    pub(super) fn killable_at(&self, asset: Asset) -> U256 {
        self.sim.killable_at(self.contract(asset))
    }

    pub(super) fn dead(&self, asset: Asset) -> bool {
        self.killable_at(asset) == U256::MAX
    }

    pub(super) fn sent(&self, asset: Asset, beneficiary: Address) -> U256 {
        at(&self.sim.sent_at(self.contract(asset), self.sim.head()), beneficiary)
    }

    /// Whether the store of a wallet has died in the middle of something.
    pub(super) fn died(&self, who: Who) -> bool {
        self.disks[who.index()].is_dead()
    }

    /// The answer, or `None` if the store has died.
    pub(super) fn unless_died<T>(&self, who: Who, answer: Result<T, Error>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(Error::Store(_)) if self.died(who) => None,
            Err(error) => panic!("{who:?}: {error:?}"),
        }
    }

    /* RUN */

    pub(crate) async fn run(&mut self, command: Command) {
        match command {
            Command::Issue { to, amount, typed } => self.issue(to, amount, typed).await,
            Command::Abandon { to, amount, polls } => self.abandon(to, amount, polls).await,
            Command::Resend { to } => self.resend(to).await,
            Command::Forge { to, amount } => self.forge(to, amount).await,
            Command::Alter { to, more } => self.alter(to, more).await,
            Command::Deposit { asset, amount } => self.deposit(asset, amount).await,
            Command::Withdraw { amount } => self.withdraw(amount).await,
            Command::ResumeWithdrawal => self.resume_withdrawal().await,
            Command::Cash { to, consent } => self.cash(to, consent).await,
            Command::CashByStranger { to } => {
                if let Some(last) = self.last(to).await {
                    self.sim.act(key("stranger").address(), self.contracts[0], last.calldata(Overdraft::Consent));
                }
            }
            Command::Pay { asset, amount } => self.pay(asset, amount).await,
            Command::PayAgain { asset } => self.pay_again(asset).await,
            Command::Spend { asset, amount } => self.spend(asset, amount).await,
            Command::CashTill { asset, least } => self.cash_till(asset, least).await,
            Command::Strangers { count } => self.strangers(count).await,
            Command::Mine { blocks } => self.sim.mine(blocks),
            Command::Rollback { depth, keep } => {
                // The chequebooks themselves stay: their creation is too deep to be dropped.
                self.sim.rollback(depth, keep);
                self.deep = true;
            }
            Command::Forget => self.sim.forget(),
            Command::Announce { asset } => self.announce(asset),
            Command::Cancel { asset } => self.cancel(asset),
            Command::Kill { asset } => self.kill(asset),
            Command::Own(act) => self.own(act).await,
            Command::Token(change) => self.change_token(change),
            Command::Restart { who, crash } => self.restart(who, crash).await,
            Command::Die { who, after, made } => self.disks[who.index()].die(after, made),
            Command::Foreign { ahead } => {
                let nonce = self.sim.nonce(key("payer").address()) + ahead;
                self.sim.foreign(&key("payer"), nonce, 5_000);
            }
            Command::Delegate => _ = self.sim.delegate(&key("payer")),
            Command::Evict { which } => {
                let account = key("payer").address();
                if let Some((nonce, _)) = self.sim.pending(account).get(which) {
                    self.sim.evict(account, *nonce);
                }
            }
            Command::CancelTransaction { who, which } => {
                if let Some(transaction) = self.wallets()[who.index()].open_transactions().get(which) {
                    let _ = transaction.cancel().await; // the outcome is checked in the end
                }
            }
            Command::Trouble(trouble) => self.trouble(trouble),
            Command::Heal => self.heal(),
        }
    }

    /// Ends a wallet, in order or by dropping it, and opens it again on its disk.
    pub(super) async fn restart(&mut self, who: Who, crash: bool) {
        let disk = self.disks[who.index()].clone();
        disk.safe(true); // it died once, or dies with a later command
        match who {
            Who::Payer => self.books = [None, None],
            Who::Payee => self.inboxes.clear(),
            Who::Shop => self.till.close(),
            Who::Owner => {}
        }
        if !crash {
            self.wallets()[who.index()].shutdown().await;
        }
        self.heal();
        // What is dropped last is the wallet of the run that ended.
        let nobody = wallet(&self.sim, "nobody", &Disk::default()).await;
        let here = match who {
            Who::Payer => &mut self.payer,
            Who::Payee => &mut self.payee,
            Who::Shop => &mut self.till.wallet,
            Who::Owner => &mut self.owner,
        };
        drop(std::mem::replace(here, nobody));
        let opened = wallet(&self.sim, who.name(), &disk).await;
        match who {
            Who::Payer => self.payer = opened,
            Who::Payee => {
                self.payee = opened;
                self.open_inboxes().await;
            }
            Who::Shop => self.till.reopen(opened, self.token).await,
            Who::Owner => self.owner = opened,
        }
        disk.safe(false);
    }

    /// Opens the wallets again whose stores have died, and compares what they know with what they said.
    pub(super) async fn revive(&mut self) {
        for who in [Who::Payer, Who::Payee, Who::Shop, Who::Owner] {
            if !self.died(who) {
                continue;
            }
            self.restart(who, true).await;
            match who {
                Who::Payer => self.promised_since().await,
                Who::Payee => self.acknowledged_since().await,
                Who::Shop => self.accepted_since().await,
                Who::Owner => {}
            }
        }
    }

    /// Opens the chequebooks that are alive.
    pub(super) async fn open_books(&mut self) {
        for asset in [Asset::Ether, Asset::Token] {
            if self.books[asset.index()].is_none() && !self.dead(asset) && !self.trouble && self.is_readable(asset) {
                let opened = Chequebook::open(&self.payer, self.contract(asset), key("signer")).await;
                self.books[asset.index()] = self.unless_died(Who::Payer, opened);
            }
        }
    }

    /// Whether the token says what anybody has.
    pub(super) fn is_readable(&self, asset: Asset) -> bool {
        asset == Asset::Ether || !self.behaviour.hides
    }

    pub(super) async fn last(&self, to: usize) -> Option<SignedCheque> {
        self.last_of(Asset::Ether, payee(to), Scheme::Packed).await
    }

    pub(super) async fn last_of(&self, asset: Asset, beneficiary: Address, scheme: Scheme) -> Option<SignedCheque> {
        let outbox = self.books[asset.index()].as_ref()?.outbox(beneficiary, scheme);
        self.unless_died(Who::Payer, outbox.latest_cheque().await)?
    }
}
