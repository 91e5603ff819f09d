//! The payer: what it promises, deposits and withdraws.

use std::{
    pin::pin,
    task::{Context, Waker},
};

use alloy::primitives::{Address, U256};
use chequebook::{Scheme, SignedCheque};
use chequebook_wallet::{Chequebook, Error};

use super::{
    commands::{Asset, PAYEES, Who},
    key, till,
    world::{CONFIRMATIONS, World, at, payee},
};

/// Whom the payer pays.
fn beneficiaries() -> Vec<Address> {
    (0..PAYEES).map(payee).chain([till::address(), key("owner").address()]).collect()
}

impl World {
    /// What a chequebook has at the newest final block, with what it has paid. Of a token, what is gone at the newest
    /// block does not count, either: its issuer took it, or the owner by a kill.
    fn funded(&self, asset: Asset) -> U256 {
        let (contract, head) = (self.contract(asset), self.sim.head());
        let at = |block| {
            let has = match asset {
                Asset::Ether => self.sim.balance_at(contract, block),
                Asset::Token => self.sim.tokens_at(self.token, contract, block),
            };
            self.sim.sent_at(contract, block).into_values().fold(has, |sum, sent| sum + sent)
        };
        let funded = at(head.saturating_sub(CONFIRMATIONS));
        if asset == Asset::Token { funded.min(at(head)) } else { funded }
    }

    /// Funded and issued, computed by the equation. `None` if the store of the payer has died.
    pub(super) async fn equation(&self, asset: Asset, book: &Chequebook) -> Option<(U256, U256)> {
        let mut issued = U256::ZERO;
        for beneficiary in beneficiaries() {
            let last = book.outbox(beneficiary, Scheme::Packed).latest_cheque().await;
            issued += self.unless_died(Who::Payer, last)?.map_or(U256::ZERO, |last| last.cheque().amount);
        }
        Some((self.funded(asset), issued))
    }

    /// Issues a cheque, and checks that it may be.
    pub(super) async fn promise(
        &mut self,
        asset: Asset,
        to: Address,
        amount: u64,
        scheme: Scheme,
    ) -> Option<SignedCheque> {
        let book = self.books[asset.index()].clone()?;
        let (funded, issued) = self.equation(asset, &book).await?;
        let amount = U256::from(amount);
        let issue = book.outbox(to, scheme).issue(amount).await;
        let is_sure = !(self.trouble || (asset == Asset::Token && self.is_odd));
        match issue {
            Ok(cheque) => {
                let line = (self.contract(asset), to);
                let before = at(&self.signed, line);
                self.check_promise(asset, funded, issued, amount);
                assert!(cheque.cheque().amount >= before + amount, "the amount did not rise");
                assert_eq!(cheque.cheque().scheme, scheme);
                self.signed.insert(line, cheque.cheque().amount);
                return Some(cheque);
            }
            Err(Error::InsufficientDeposit { available, .. }) => {
                let expected = funded.saturating_sub(issued);
                assert!(!is_sure || available == expected, "{available}: {issued} of {funded}");
            }
            Err(Error::Dead { .. } | Error::KillAnnounced { .. }) => {
                assert!(self.trouble || !self.killable_at(asset).is_zero());
            }
            // A payer does not promise on answers that contradict each other.
            Err(Error::Contradiction { .. }) => assert!(!is_sure),
            Err(Error::Store(_)) if self.died(Who::Payer) => {}
            Err(error) => assert!(!self.is_readable(asset), "{error:?}"),
        }
        None
    }

    /// No lie of a node makes the payer promise more than is there; only what ends, drops or takes a deposit can.
    fn check_promise(&self, asset: Asset, funded: U256, issued: U256, amount: U256) {
        let is_taken = asset == Asset::Token && self.is_odd;
        let dropped = self.trouble && (self.deep || self.dead(asset) || is_taken);
        assert!(dropped || issued + amount <= funded, "W1: issued {amount} on {issued} of {funded}");
    }

    pub(super) async fn issue(&mut self, to: usize, amount: u64, typed: bool) {
        let scheme = if typed { Scheme::Typed } else { Scheme::Packed };
        if let Some(cheque) = self.promise(Asset::Ether, payee(to), amount, scheme).await {
            self.receive(to, &cheque).await;
        }
    }

    pub(super) async fn abandon(&mut self, to: usize, amount: u64, polls: usize) {
        let Some(book) = self.books[0].clone() else { return };
        {
            let outbox = book.outbox(payee(to), Scheme::Packed);
            let mut issue = pin!(outbox.issue(U256::from(amount)));
            for _ in 0..polls {
                if issue.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        if let Some(last) = self.last(to).await {
            self.signed.insert((self.contracts[0], payee(to)), last.cheque().amount);
        }
    }

    pub(super) async fn deposit(&mut self, asset: Asset, amount: u64) {
        let Some(book) = self.books[asset.index()].clone() else { return };
        match book.deposit(U256::from(amount)).await {
            Ok(_) => {}
            Err(Error::Dead { .. }) => assert!(self.trouble || self.dead(asset)),
            Err(Error::KillAnnounced { .. }) => assert!(self.trouble || !self.killable_at(asset).is_zero()),
            Err(Error::Refused { .. }) => {}
            Err(Error::Store(_)) if self.died(Who::Payer) => {}
            Err(error) => assert!(self.trouble || !self.is_readable(asset), "{error:?}"),
        }
    }

    /// A withdrawal is a cheque to the owner, and its cash.
    pub(super) async fn withdraw(&mut self, amount: u64) {
        let Some(book) = self.books[0].clone() else { return };
        let Some((funded, issued)) = self.equation(Asset::Ether, &book).await else { return };
        let withdrawn = book.withdraw(U256::from(amount)).await.map(Some);
        self.check_withdrawal(withdrawn);
        let owner = key("owner").address();
        if let Some(last) = self.last_of(Asset::Ether, owner, Scheme::Typed).await {
            let before = self.signed.insert((self.contracts[0], owner), last.cheque().amount);
            let more = last.cheque().amount - before.unwrap_or_default();
            assert!(more.is_zero() || more == U256::from(amount), "it promised {more}, asked for {amount}");
            // One that promises nothing may come when the end has taken what was promised before.
            if !more.is_zero() {
                self.check_promise(Asset::Ether, funded, issued, more);
            }
        }
    }

    pub(super) async fn resume_withdrawal(&mut self) {
        let Some(book) = self.books[0].clone() else { return };
        let resumed = book.resume_withdrawal().await;
        self.check_withdrawal(resumed);
    }

    fn check_withdrawal<T>(&self, answer: Result<Option<T>, Error>) {
        match answer {
            Ok(_) | Err(Error::InsufficientDeposit { .. } | Error::AlreadyCashed { .. }) => {}
            Err(Error::WouldBounce { pays, owed }) => assert!(pays < owed),
            Err(Error::Dead { .. } | Error::KillAnnounced { .. }) => {
                assert!(self.trouble || !self.killable_at(Asset::Ether).is_zero());
            }
            Err(Error::Store(_)) if self.died(Who::Payer) => {}
            Err(error) => assert!(self.trouble, "{error:?}"),
        }
    }

    /// After its store died: it has promised what it said, and perhaps what it did not get to say.
    pub(super) async fn promised_since(&mut self) {
        self.open_books().await;
        for asset in [Asset::Ether, Asset::Token] {
            if self.books[asset.index()].is_none() {
                continue; // it is dead, and promises nothing more
            }
            for beneficiary in beneficiaries() {
                let last = self.last_of(asset, beneficiary, Scheme::Packed).await;
                let (line, last) = ((self.contract(asset), beneficiary), last.map(|last| last.cheque().amount));
                assert!(last.unwrap_or_default() >= at(&self.signed, line), "W1: a cheque left before it was durable");
                self.signed.insert(line, last.unwrap_or_default());
            }
        }
    }
}
