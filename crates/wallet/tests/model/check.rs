//! What must be true after each command, and in the end.

use alloy::primitives::U256;
use chequebook_wallet::{Purpose, Status};

use super::{
    commands::{Asset, Who},
    key,
    world::World,
};

impl World {
    /// What must be true after every command.
    pub(crate) async fn check(&mut self) {
        self.revive().await;
        self.open_books().await;
        for _ in 0..2 {
            let mut looked = Ok(());
            for wallet in self.wallets() {
                looked = looked.and(wallet.refresh().await);
            }
            let all = [Who::Payer, Who::Payee, Who::Shop, Who::Owner];
            if !all.into_iter().any(|who| self.died(who)) {
                assert!(self.trouble || looked.is_ok(), "{looked:?}");
                break;
            }
            self.revive().await; // what died by looking
            self.open_books().await;
        }
        self.disks.iter().for_each(|disk| disk.safe(true));
        self.check_verdicts().await;
        for asset in [Asset::Ether, Asset::Token] {
            self.check_funds(asset).await;
            let (sent, paid) = {
                let contract = self.contract(asset);
                (self.sim.sent_at(contract, self.sim.head()), self.sim.paid(contract))
            };
            assert_eq!(sent, paid, "CB2: what was paid is what was sent");
            for (who, sent) in sent {
                let signed = self.signed.get(&(self.contract(asset), who)).copied().unwrap_or_default();
                assert!(sent <= signed, "CB2: no more than was signed");
            }
        }
        self.check_inboxes().await;
        self.check_till().await;
        self.disks.iter().for_each(|disk| disk.safe(false));
    }

    /// The equation. A token may have kept or taken something, which counts at once: then it is a bound.
    async fn check_funds(&self, asset: Asset) {
        let Some(book) = self.books[asset.index()].clone() else { return };
        if self.trouble || !self.is_readable(asset) {
            return;
        }
        let (funded, issued) = self.equation(asset, &book).await.unwrap();
        let balance = book.balance().await.unwrap();
        assert_eq!(balance.issued, issued, "issued");
        if asset == Asset::Token && self.is_odd {
            assert!(balance.funded <= funded, "funded: {} of {funded}", balance.funded);
        } else {
            assert_eq!(balance.funded, funded, "funded");
        }
        assert_eq!(balance.available, balance.funded.saturating_sub(issued), "available");
    }

    /// W3: nothing is called final that the chain does not show.
    async fn check_verdicts(&self) {
        if self.deep {
            return; // a reorganisation deeper than the confirmations makes anything possible
        }
        for wallet in self.wallets() {
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
    pub(crate) async fn settle(&mut self) {
        self.disks.iter().for_each(|disk| disk.safe(true));
        self.heal();
        for _ in 0..40 {
            for wallet in self.wallets() {
                wallet.refresh().await.unwrap();
            }
            self.sim.mine(1);
        }
        let mut deposited = [U256::ZERO; 2];
        for wallet in self.wallets() {
            for transaction in wallet.transactions().await.unwrap() {
                assert!(transaction.status().is_final(), "W4: {transaction:?} {:?}", transaction.refusal());
                if let (Purpose::Deposit { contract, amount }, Status::Confirmed { .. }) =
                    (transaction.purpose(), transaction.status())
                {
                    deposited[usize::from(contract == self.contracts[1])] += amount;
                }
            }
        }
        assert_eq!(deposited[0], self.sim.transferred(key("payer").address(), self.contracts[0]), "deposits");
        if !self.is_odd && !self.dead(Asset::Token) {
            let sent =
                self.sim.sent_at(self.contracts[1], u64::MAX).into_values().fold(U256::ZERO, |sum, sent| sum + sent);
            let has = self.sim.tokens_of(self.token, self.contracts[1]);
            assert_eq!(deposited[1], has + sent, "deposits of the token");
        }
        for wallet in self.wallets() {
            wallet.shutdown().await;
        }
    }
}
