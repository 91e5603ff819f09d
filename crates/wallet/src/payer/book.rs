//! A chequebook that we sign for: what was promised from it, and what it is funded with.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::primitives::{Address, B256, BlockNumber, U256};
use chequebook::{Asset, Creation, State};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    auto_deposit::AutoDeposit,
    funds::{Balance, Funds},
    order::Order,
};
use crate::{
    Error,
    chain::{Subject, Ticket, WatchedChequebook, transfer_input},
    requests::{Begun, Pass, Request},
    signer::SharedSigner,
    store::{
        Batch, Durable, Key,
        schema::{Done, Paid, Promise, Purpose, total_key},
    },
    transactions::{Call, Transaction},
    wallet::Wallet,
};

/// The state of a chequebook that we sign for, shared by all its handles.
pub(super) struct Book {
    pub(super) wallet: Wallet,
    pub(super) contract: Address,
    pub(super) creation: Option<Creation>,
    pub(super) signer: SharedSigner,
    pub(super) watched: Arc<WatchedChequebook>,
    /// The facts that decide about a cheque.
    pub(super) funds: Mutex<Funds>,
    /// One question for the funds at a time.
    pub(super) asking: tokio::sync::Mutex<Asking>,
    /// Why nothing may be promised: the chain has paid what the store does not know of.
    pub(super) outdated: Mutex<Option<Outdated>>,
    /// What the node contradicted itself about when it was last asked.
    pub(super) doubt: Mutex<Option<String>>,
    pub(super) order: Order,
    /// Wakes the automatic deposit.
    pub(super) issued: Arc<Notify>,
    pub(super) auto: Mutex<Option<AutoDeposit>>,
    /// Tells the automatic deposit that its settings have changed.
    pub(super) changed: Arc<Notify>,
}

/// What was asked last.
#[derive(Debug, Default)]
pub(super) struct Asking {
    pub(super) began: Ticket,
    /// The newest block then.
    pub(super) head: Option<B256>,
    pub(super) branch: u64,
    /// A sum that another look is to confirm, and the newest block when it was found.
    pub(super) candidate: Option<(Paid, BlockNumber)>,
    /// What was paid to each beneficiary since the stored sum, and is known to be promised. In wei.
    pub(super) checked: BTreeMap<Address, U256>,
}

/// A payment that the store does not know of. In wei.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outdated {
    pub(super) beneficiary: Address,
    pub(super) paid: U256,
    pub(super) issued: U256,
}

/// An amount that no other cheque can promise. Dropping it releases the amount.
pub(super) struct Reservation<'a> {
    book: &'a Book,
    amount: U256,
}

impl Reservation<'_> {
    /// Submits the promise to the store, together with the new total.
    pub(super) fn issue(
        mut self,
        key: Key,
        before: Option<&Promise>,
        promise: &Promise,
        pass: Pass,
        done: Done,
        tell: impl FnOnce() + Send + 'static,
    ) -> Result<Durable, Error> {
        let Book { wallet, contract, .. } = self.book;
        self.book.check_alive()?; // its end may have been announced while it was signed
        // Under the lock, so that totals reach the store in order.
        let mut funds = self.book.funds.lock();
        let issued = funds.issued.checked_add(self.amount).ok_or(Error::Overflow)?;
        let mut batch = Batch::new();
        batch
            .replace(key, before, promise)?
            .replace(total_key(*contract), Some(&funds.issued), &issued)?
            .when_durable(tell);
        let durable = pass.commit(batch, || done, |batch| wallet.shared().ledger.submit(batch))?;
        funds.issued = issued;
        funds.reserved = funds.reserved.saturating_sub(std::mem::take(&mut self.amount));
        drop(funds);
        Ok(durable)
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut funds = self.book.funds.lock();
        funds.reserved = funds.reserved.saturating_sub(self.amount);
    }
}

/// A deposit that is decided and not signed. Dropping it gives it up, or leaves it to the transactions.
struct Depositing<'a> {
    book: &'a Book,
    amount: U256,
}

impl Drop for Depositing<'_> {
    fn drop(&mut self) {
        let mut funds = self.book.funds.lock();
        funds.depositing = funds.depositing.saturating_sub(self.amount);
    }
}

impl Book {
    /* PROMISE */

    /// Reserves an amount. If it is not available, asks the chain once before it returns an error.
    pub(super) async fn reserve(&self, amount: U256) -> Result<Reservation<'_>, Error> {
        if self.try_reserve(amount).is_err() {
            if let Err(error) = self.ask_funds().await {
                tracing::debug!(contract = %self.contract, %error, "could not ask for the funds");
            }
            self.try_reserve(amount)?;
        }
        Ok(Reservation { book: self, amount })
    }

    fn try_reserve(&self, amount: U256) -> Result<(), Error> {
        let contract = self.contract;
        self.check_alive()?;
        self.check_known()?;
        self.check_doubt()?;
        self.wallet.shared().watcher.check_age()?;
        let mut funds = self.funds.lock();
        let available = funds.available()?;
        if amount > available {
            return Err(Error::InsufficientDeposit { contract, amount, available });
        }
        funds.reserved = funds.reserved.checked_add(amount).ok_or(Error::Overflow)?;
        Ok(())
    }

    /// Checks that it has not ended and is not about to, by what the chain shows and by what is under way.
    pub(super) fn check_alive(&self) -> Result<(), Error> {
        let contract = self.contract;
        let (state, head) = self.watched.read(|seen| (seen.state, seen.head.number));
        match state {
            State::NotDeployed | State::Alive => self.wallet.shared().account.check_no_end(contract, head),
            State::Ending { killable_at } => Err(Error::KillAnnounced { contract, killable_at }),
            State::Dead => Err(Error::Dead { contract }),
        }
    }

    /// Checks that it is created: what calls an address without a contract succeeds, and does nothing.
    pub(super) async fn require_created(&self) -> Result<(), Error> {
        self.wallet.shared().watcher.refresh(&self.watched, Duration::ZERO).await?;
        match self.watched.state() {
            State::NotDeployed => Err(Error::NotCreated { contract: self.contract }),
            _ => Ok(()),
        }
    }

    fn check_doubt(&self) -> Result<(), Error> {
        match self.doubt.lock().clone() {
            None => Ok(()),
            Some(what) => Err(Error::Contradiction { contract: self.contract, what }),
        }
    }

    /// Checks that the chain has paid nothing that the store does not know of.
    pub(super) fn check_known(&self) -> Result<(), Error> {
        match *self.outdated.lock() {
            None => Ok(()),
            Some(Outdated { beneficiary, paid, issued }) => {
                Err(Error::StoreOutdated { contract: self.contract, beneficiary, paid, issued })
            }
        }
    }

    /* DEPOSIT */

    pub(super) async fn deposit(&self, amount: U256) -> Result<Transaction, Error> {
        let purpose = Purpose::Deposit { contract: self.contract, amount };
        self.send_deposit(purpose, amount, Pass::default(), || Ok(())).await
    }

    pub(super) async fn deposit_for(&self, amount: U256, request: &Request) -> Result<Transaction, Error> {
        let shared = self.wallet.shared();
        match shared.requests.begin(Some(request), amount).await? {
            Begun::Before(past) => shared.account.known(past.sent()?).await,
            Begun::New(pass) => {
                let purpose = Purpose::Deposit { contract: self.contract, amount };
                self.send_deposit(purpose, amount, pass, || Ok(())).await
            }
        }
    }

    /// Deposits, if all automatic deposits together send no more than `max`. In wei.
    pub(super) async fn deposit_automatically(&self, amount: U256, max: U256) -> Result<Transaction, Error> {
        let contract = self.contract;
        let purpose = Purpose::AutoDeposit { contract, amount };
        let account = &self.wallet.shared().account;
        let allowed = || account.check_automatic(contract, amount, max);
        self.send_deposit(purpose, amount, Pass::default(), allowed).await
    }

    async fn send_deposit(
        &self,
        purpose: Purpose,
        amount: U256,
        pass: Pass,
        allowed: impl FnOnce() -> Result<(), Error> + Send,
    ) -> Result<Transaction, Error> {
        if amount.is_zero() {
            return Err(Error::ZeroAmount);
        }
        let depositing = {
            let mut funds = self.funds.lock();
            funds.depositing = funds.depositing.checked_add(amount).ok_or(Error::Overflow)?;
            Depositing { book: self, amount }
        };
        // Before Cancun, ether sent to a dead chequebook is lost; what is sent to one that is about to end is of no use.
        let shared = self.wallet.shared();
        shared.watcher.refresh(&self.watched, Duration::ZERO).await?;
        self.check_alive()?;
        let call = match self.watched.asset() {
            Asset::Ether => Call::new(self.contract, amount, Default::default()),
            Asset::Token(token) => {
                let input = transfer_input(self.contract, amount);
                Call { moves: Some(amount), ..Call::new(token, U256::ZERO, input) }
            }
        };
        let allowed = || self.check_alive().and_then(|()| allowed());
        // As soon as it is signed, it counts as a transaction.
        shared.account.send_if(call, purpose, pass, allowed, move |_| drop(depositing)).await
    }

    /// Creates a token chequebook, unless it is created, and deposits what is missing of its first deposit: what was
    /// ever deposited counts, and what is under way.
    pub(super) async fn create_of_token(&self, creation: &Creation, deposit: U256) -> Result<(), Error> {
        let shared = self.wallet.shared();
        shared.watcher.refresh(&self.watched, Duration::ZERO).await?;
        if self.watched.state() == State::NotDeployed {
            // Perhaps an earlier run has sent it.
            let created = match self.wallet.factory().pending(self.contract) {
                Some(pending) => pending.included().await,
                None => match self.wallet.factory().create(creation, U256::ZERO).await {
                    Ok(created) => created.included().await,
                    Err(error) => Err(error),
                },
            };
            shared.watcher.refresh(&self.watched, Duration::ZERO).await?;
            // Somebody else may have been first.
            if let Err(error) = created
                && self.watched.state() == State::NotDeployed
            {
                return Err(error);
            }
        }
        self.check_alive()?;
        let Balance { funded, pending, .. } = self.newest_balance().await?;
        let missing = deposit.saturating_sub(funded).saturating_sub(pending);
        if missing.is_zero() {
            return Ok(());
        }
        self.deposit(missing).await?.included().await?;
        self.ask_funds().await
    }

    /// Deposits into a chequebook that we tried to create and that somebody else created. `error` is the failure of our
    /// creation.
    pub(super) async fn deposit_if_created(&self, amount: U256, error: Error) -> Result<(), Error> {
        self.wallet.shared().watcher.refresh(&self.watched, Duration::ZERO).await?;
        if self.watched.state() == State::NotDeployed {
            return Err(error);
        }
        self.check_alive()?;
        if !amount.is_zero() {
            self.deposit(amount).await?.included().await?;
        }
        Ok(())
    }
}

/// Watches a chequebook that is proven, not dead, and whose signer is `signer`.
pub(super) async fn watch_as_signer(
    wallet: &Wallet,
    contract: Address,
    signer: Address,
    creation: Option<&Creation>,
) -> Result<Arc<WatchedChequebook>, Error> {
    let watcher = &wallet.shared().watcher;
    let watched = watcher.watch(Subject::at(contract).created_by(creation)).await?;
    let expected = watched.terms.signer;
    if expected != signer {
        return Err(Error::NotOurSigner { contract, found: signer, expected });
    }
    watcher.refresh(&watched, Duration::ZERO).await?;
    if watched.state() == State::Dead {
        return Err(Error::Dead { contract });
    }
    Ok(watched)
}
