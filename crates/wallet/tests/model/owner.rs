//! The owner, by its wallet and by another program, and the issuer of the token.

use alloy::{primitives::U256, sol_types::SolCall};
use chequebook::bindings::Chequebook::{announceKillCall, cancelKillCall, killCall};
use chequebook_wallet::{Error, Owner};

use super::{
    commands::{Act, Asset, Change, Who},
    key, till,
    world::World,
};

impl World {
    fn act(&self, asset: Asset, call: impl SolCall) -> bool {
        self.sim.act(key("owner").address(), self.contract(asset), call.abi_encode().into())
    }

    pub(super) fn announce(&self, asset: Asset) {
        self.act(asset, announceKillCall {});
    }

    pub(super) fn cancel(&self, asset: Asset) {
        let is_announced = !self.killable_at(asset).is_zero() && !self.dead(asset);
        assert!(!is_announced || self.act(asset, cancelKillCall {}));
    }

    pub(super) fn kill(&self, asset: Asset) {
        self.act(asset, killCall {});
    }

    /// A command of the wallet: what the contract does not allow now is not sent, and none is sent beside another.
    pub(super) async fn own(&mut self, act: Act) {
        let asset = Asset::Ether;
        let sent = match Owner::open(&self.owner, self.contract(asset)).await {
            Ok(owner) => match act {
                Act::Announce => owner.announce_kill().await,
                Act::Cancel => owner.cancel_kill().await,
                Act::Kill => owner.kill().await,
            },
            Err(error) => Err(error),
        };
        let (killable_at, is_dead) = (self.killable_at(asset), self.dead(asset));
        let is_announced = !killable_at.is_zero() && !is_dead;
        let is_listed = !self.owner.open_transactions().is_empty();
        match sent {
            Ok(transaction) => {
                let is_right = is_announced != matches!(act, Act::Announce);
                assert!(self.trouble || (is_right && is_listed), "W2: {transaction:?} at {killable_at}");
            }
            Err(Error::CommandUnderWay { .. }) => assert!(self.trouble || is_listed),
            Err(Error::KillAnnounced { .. } | Error::NoticeRunning { .. }) => assert!(self.trouble || is_announced),
            Err(Error::NotAnnounced { .. }) => assert!(self.trouble || killable_at.is_zero()),
            Err(Error::Dead { .. }) => assert!(self.trouble || is_dead),
            Err(Error::Store(_)) if self.died(Who::Owner) => {}
            Err(error) => assert!(self.trouble, "{error:?}"),
        }
    }

    pub(super) fn change_token(&mut self, change: Change) {
        let (contract, behaviour) = (self.contract(Asset::Token), &mut self.behaviour);
        match change {
            Change::Honest => *behaviour = Default::default(),
            Change::Fee(hundredths) => behaviour.fee = hundredths,
            Change::Refuses => behaviour.refuses = true,
            Change::RefusesInBlocks => behaviour.refuses_in_blocks = true,
            Change::Blocks => _ = behaviour.blocked.insert(till::address()),
            Change::ReturnsFalse => behaviour.returns_false = true,
            Change::ReturnsFalseInBlocks => behaviour.returns_false_in_blocks = true,
            Change::Silent => behaviour.silent = true,
            Change::Hides => behaviour.hides = true,
            Change::Seize(amount) => {
                let amount = self.sim.tokens_of(self.token, contract).min(U256::from(amount));
                self.sim.seize(self.token, contract, amount.to());
            }
        }
        self.is_odd |= matches!(
            change,
            Change::Fee(_) | Change::ReturnsFalse | Change::ReturnsFalseInBlocks | Change::Seize(_) | Change::Hides
        );
        let behaviour = self.behaviour.clone();
        self.sim.behave(self.token, |token| *token = behaviour);
    }
}
