//! The payees with inboxes of their own.

use alloy::primitives::U256;
use chequebook::{Cheque, Overdraft, Scheme, SignedCheque};
use chequebook_wallet::Error;

use super::{
    commands::{Asset, PAYEES, Who},
    key,
    sim::CHAIN_ID,
    world::{World, at, payee},
};

impl World {
    pub(super) async fn resend(&mut self, to: usize) {
        if let Some(last) = self.last(to).await {
            self.receive(to, &last).await;
        }
    }

    pub(super) async fn receive(&mut self, to: usize, cheque: &SignedCheque) {
        let (who, amount) = (payee(to), cheque.cheque().amount);
        let (sent, newest) = (self.sent(Asset::Ether, who), at(&self.acknowledged, who));
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
                assert!(self.trouble || !self.killable_at(Asset::Ether).is_zero());
            }
            Err(Error::NotCovered { balance, uncashed, .. }) => assert!(balance < uncashed),
            // It holds the cheque or not.
            Err(Error::Store(_)) if self.died(Who::Payee) => held = false,
            Err(error) => assert!(self.trouble, "{error:?}"),
        }
        if held {
            let highest = self.highest.entry(who).or_default();
            *highest = amount.max(*highest);
        }
    }

    /// A cheque of another key.
    pub(super) async fn forge(&mut self, to: usize, amount: u64) {
        let cheque = Cheque {
            contract: self.contracts[0],
            beneficiary: payee(to),
            amount: U256::from(amount) << 64,
            scheme: Scheme::Packed,
            chain_id: CHAIN_ID,
        };
        self.refused(to, &cheque.sign(&key("thief")).await.unwrap()).await;
    }

    /// The latest cheque with another amount.
    pub(super) async fn alter(&mut self, to: usize, more: u64) {
        if let Some(last) = self.last(to).await {
            let cheque = Cheque { amount: last.cheque().amount + U256::from(more), ..*last.cheque() };
            self.refused(to, &SignedCheque::new(cheque, last.signature()).unwrap()).await;
        }
    }

    async fn refused(&mut self, to: usize, cheque: &SignedCheque) {
        let error = self.inboxes[to].receive(cheque).await.unwrap_err();
        assert!(
            matches!(error, Error::Cheque(chequebook::Error::WrongSigner { .. } | chequebook::Error::Unrecoverable(_))),
            "{error:?}"
        );
    }

    pub(super) async fn cash(&mut self, to: usize, consent: bool) {
        let overdraft = if consent { Overdraft::Consent } else { Overdraft::Refuse };
        match self.inboxes[to].cash(overdraft).await {
            Ok(_) | Err(Error::NothingReceived { .. } | Error::AlreadyCashed { .. }) => {}
            Err(Error::WouldBounce { pays, owed }) => assert!(!consent && pays < owed),
            Err(Error::Dead { .. }) => assert!(self.trouble || self.dead(Asset::Ether)),
            Err(Error::Store(_)) if self.died(Who::Payee) => {}
            Err(error) => assert!(self.trouble, "{error:?}"),
        }
    }

    /// After its store died: it has acknowledged what it said, and perhaps what it did not get to say. For that no goods
    /// were given.
    pub(super) async fn acknowledged_since(&mut self) {
        for (index, inbox) in self.inboxes.iter().enumerate() {
            let (who, acknowledged) = (payee(index), inbox.acknowledged().await.unwrap());
            let signed = at(&self.signed, (self.contracts[0], who));
            assert!(acknowledged >= at(&self.acknowledged, who), "W1: it forgot what it acknowledged");
            assert!(acknowledged <= signed, "W1: it acknowledged what nobody signed");
            self.acknowledged.insert(who, acknowledged);
            let newest = inbox.latest_cheque().await.unwrap().map_or(U256::ZERO, |newest| newest.cheque().amount);
            assert!(newest >= at(&self.highest, who), "W1: it forgot the highest valid cheque");
            assert!(newest <= signed, "it holds what nobody signed");
            self.highest.insert(who, newest);
        }
    }

    pub(super) async fn check_inboxes(&self) {
        let sent = self.sim.sent_at(self.contracts[0], self.sim.head());
        assert_eq!(self.inboxes.len(), PAYEES);
        for (index, inbox) in self.inboxes.iter().enumerate() {
            let (who, sent) = (payee(index), at(&sent, payee(index)));
            assert_eq!(
                inbox.acknowledged().await.unwrap(),
                at(&self.acknowledged, who),
                "what was acknowledged is kept"
            );
            let signed = at(&self.signed, (self.contracts[0], who));
            assert!(at(&self.added, who) <= signed, "W1: goods for no more than was signed");
            let newest = inbox.latest_cheque().await.unwrap().map_or(U256::ZERO, |newest| newest.cheque().amount);
            assert_eq!(newest, at(&self.highest, who), "the highest valid cheque is kept");
            if !self.trouble {
                assert_eq!(inbox.uncashed().await.unwrap(), newest.saturating_sub(sent), "uncashed");
            }
        }
    }
}
