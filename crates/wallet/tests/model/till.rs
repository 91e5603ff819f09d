//! The shop: a cashier for each asset, the credit of the payer, and strangers.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256, keccak256};
use chequebook::{Cheque, Scheme, SignedCheque};
use chequebook_wallet::{Cashier, CashierSettings, Error, Limits, Policy, Wallet};
use futures_util::future::join_all;

use super::{
    commands::{Asset, Who},
    key,
    sim::CHAIN_ID,
    world::{World, at},
};

/// The most inboxes of each cashier.
const OPEN: usize = 8;

/// The shop, and what it must know of the one payer that it has, by asset.
pub(crate) struct Till {
    pub(super) wallet: Wallet,
    /// None while the wallet is closed.
    cashiers: Option<[Cashier; 2]>,
    lines: [Line; 2],
    strangers: u64,
}

/// What is known of the credit of the payer in one asset.
#[derive(Clone, Copy, Default)]
struct Line {
    /// The amount of the cheque that was acknowledged last.
    acknowledged: U256,
    /// What the answers said that cheques added.
    accepted: U256,
    spent: U256,
    /// The amount of a cheque, and what was spent, of which the store died before the answer.
    perhaps_acknowledged: Option<U256>,
    perhaps_spent: U256,
}

/// The beneficiary of the shop.
pub(crate) fn address() -> Address {
    key("shop's safe").address()
}

async fn open(wallet: &Wallet, token: Address) -> [Cashier; 2] {
    let limits = Limits::default().open(OPEN).remembered(100);
    let ether = Policy::default().min_notice_period(24).min_gas_multiple(0);
    let settings = |policy| CashierSettings::new(address()).policy(policy).auto_cash(None).limits(limits);
    let tokens = settings(ether.asset(chequebook::Asset::Token(token)));
    [Cashier::open(wallet, settings(ether)).await.unwrap(), Cashier::open(wallet, tokens).await.unwrap()]
}

impl Till {
    pub(crate) async fn open(wallet: Wallet, token: Address) -> Self {
        let cashiers = Some(open(&wallet, token).await);
        Self { wallet, cashiers, lines: Default::default(), strangers: 0 }
    }

    /// Drops the cashiers.
    pub(super) fn close(&mut self) {
        self.cashiers = None;
    }

    pub(super) async fn reopen(&mut self, wallet: Wallet, token: Address) {
        self.wallet = wallet;
        self.cashiers = Some(open(&self.wallet, token).await);
    }

    fn cashier(&self, asset: Asset) -> Cashier {
        self.cashiers.as_ref().unwrap()[asset.index()].clone()
    }
}

impl World {
    /* PAY */

    pub(super) async fn pay(&mut self, asset: Asset, amount: u64) {
        if let Some(cheque) = self.promise(asset, address(), amount, Scheme::Typed).await {
            self.accept(asset, &cheque).await;
        }
    }

    pub(super) async fn pay_again(&mut self, asset: Asset) {
        if let Some(last) = self.last_of(asset, address(), Scheme::Typed).await {
            self.accept(asset, &last).await;
        }
    }

    async fn accept(&mut self, asset: Asset, cheque: &SignedCheque) {
        let (amount, sent) = (cheque.cheque().amount, self.sent(asset, address()));
        let received = self.till.cashier(asset).receive(cheque).await;
        let (trouble, is_readable, died) = (self.trouble, self.is_readable(asset), self.died(Who::Shop));
        let is_ending = !self.killable_at(asset).is_zero();
        let deep = self.deep;
        let line = &mut self.till.lines[asset.index()];
        match received {
            Ok(receipt) => {
                let newest = line.acknowledged;
                if amount == newest {
                    assert_eq!(receipt.added, U256::ZERO, "W1: acknowledged twice");
                } else {
                    assert!(trouble || receipt.added == amount - newest.max(sent), "W1: {receipt:?} of {amount}");
                    assert!(receipt.added <= amount - newest, "W1: acknowledged twice");
                }
                line.acknowledged = amount;
                line.accepted += receipt.added;
                assert_eq!(receipt.credit.accepted, line.accepted, "the credit is the sum of what was added");
            }
            Err(Error::StaleCheque { newest, .. }) => assert!(amount < newest && newest == line.acknowledged),
            Err(Error::AlreadyCashed { .. }) => assert!(amount <= sent || deep, "it is not cashed"),
            Err(Error::Dead { .. } | Error::KillAnnounced { .. }) => assert!(trouble || is_ending),
            Err(Error::NotCovered { balance, uncashed, .. }) => assert!(balance < uncashed),
            Err(Error::Store(_)) if died => line.perhaps_acknowledged = Some(amount),
            Err(error) => assert!(trouble || !is_readable, "{error:?}"),
        }
    }

    pub(super) async fn spend(&mut self, asset: Asset, amount: u64) {
        let amount = U256::from(amount);
        let spent = self.till.cashier(asset).spend(self.contract(asset), address(), amount).await;
        let died = self.died(Who::Shop);
        let line = &mut self.till.lines[asset.index()];
        match spent {
            Ok(credit) => {
                line.spent += amount;
                assert!(line.spent <= line.accepted, "W2: it spent {} of {}", line.spent, line.accepted);
                assert_eq!((credit.accepted, credit.spent), (line.accepted, line.spent));
            }
            Err(Error::InsufficientCredit { available, .. }) => {
                assert_eq!(available, line.accepted - line.spent, "what is available");
                assert!(amount > available);
            }
            Err(Error::Store(_)) if died => line.perhaps_spent += amount,
            Err(error) => panic!("{error:?}"),
        }
    }

    pub(super) async fn cash_till(&mut self, asset: Asset, least: u64) {
        let answers = self.till.cashier(asset).cash(U256::from(least)).await;
        let Some(answers) = self.unless_died(Who::Shop, answers) else { return };
        for (one, answer) in answers {
            assert!(one.uncashed >= U256::from(least));
            match answer {
                Ok(_) | Err(Error::AlreadyCashed { .. } | Error::Refused { .. }) => {}
                Err(Error::WouldBounce { pays, owed }) => assert!(pays < owed),
                Err(Error::Dead { .. }) => assert!(self.trouble || self.dead(asset)),
                Err(Error::Store(_)) if self.died(Who::Shop) => {}
                Err(error) => assert!(self.trouble || !self.is_readable(asset), "{error:?}"),
            }
        }
    }

    /* CREDIT */

    pub(super) async fn check_till(&mut self) {
        for asset in [Asset::Ether, Asset::Token] {
            let (cashier, line) = (self.till.cashier(asset), self.till.lines[asset.index()]);
            let credit = cashier.credit(self.contract(asset), address()).await.unwrap();
            assert_eq!((credit.accepted, credit.spent), (line.accepted, line.spent), "the credit is kept");
            assert!(credit.spent <= credit.accepted, "W2: no more is spent than was accepted");
            let signed = at(&self.signed, (self.contract(asset), address()));
            assert!(credit.accepted <= signed, "W1: no more is accepted than was signed");
            assert!(cashier.open_inboxes() <= 1, "strangers keep no inbox open");
        }
    }

    /// After its store died: it accepted and spent what it said, and perhaps what it did not get to say.
    pub(super) async fn accepted_since(&mut self) {
        for asset in [Asset::Ether, Asset::Token] {
            let (cashier, contract) = (self.till.cashier(asset), self.contract(asset));
            let credit = cashier.credit(contract, address()).await.unwrap();
            let line = &mut self.till.lines[asset.index()];
            assert!(credit.accepted >= line.accepted, "W1: it forgot what it accepted");
            if credit.accepted > line.accepted {
                let amount = line.perhaps_acknowledged.expect("W1: it accepted what nobody sent");
                assert!(credit.accepted - line.accepted <= amount - line.acknowledged, "W1: accepted twice");
                line.acknowledged = amount;
            }
            let more = credit.spent - line.spent;
            assert!(more.is_zero() || more == line.perhaps_spent, "it spent {more} of {}", line.perhaps_spent);
            (line.accepted, line.spent) = (credit.accepted, credit.spent);
            (line.perhaps_acknowledged, line.perhaps_spent) = (None, U256::ZERO);
        }
    }

    /* STRANGERS */

    /// Cheques that cost nobody a signature, of contracts that are not there.
    pub(super) async fn strangers(&mut self, count: usize) {
        let cashier = self.till.cashier(Asset::Ether);
        let mut cheques = Vec::with_capacity(count);
        for _ in 0..count {
            self.till.strangers += 1;
            let contract = Address::from_word(keccak256(self.till.strangers.to_be_bytes()));
            let (beneficiary, amount) = (address(), U256::from(1));
            let cheque = Cheque { contract, beneficiary, amount, scheme: Scheme::Typed, chain_id: CHAIN_ID };
            let mut signature = [1; 65];
            signature[64] = 27;
            cheques.push(SignedCheque::new(cheque, signature).unwrap());
        }
        let (open, asked) = (cashier.open_inboxes(), self.sim.all_requests());
        let answers = join_all(cheques.iter().map(|cheque| cashier.receive(cheque))).await;
        let asked = self.sim.all_requests() - asked;
        assert!(answers.iter().all(Result::is_err), "a cheque of nothing");
        assert_eq!(cashier.open_inboxes(), open, "W5: strangers keep no inbox open");
        let known: BTreeMap<_, _> = answers.iter().map(|answer| (format!("{answer:?}"), ())).collect();
        assert!(
            self.trouble || asked < 60 + count / 20,
            "W5: {asked} questions for {count}: {:?}",
            known.keys().next()
        );
    }
}
