//! The owner, which may end a chequebook.

mod decide;

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use chequebook::{
    State, Terms,
    bindings::Chequebook::{announceKillCall, cancelKillCall, killCall},
};

use self::decide::check;
use crate::{
    Error,
    chain::{Subject, WatchedChequebook},
    requests::{Begun, Request},
    store::schema::{ChequebookRow, Done, Purpose, chequebook_key},
    transactions::{Call, Single, Transaction},
    wallet::Wallet,
};

/// A chequebook that the account of the wallet owns. Who signs its cheques is of no importance here: that may be this
/// wallet, which then issues none from the moment at which the transaction of an announcement or a kill is being signed,
/// or another one, which sees the end when it is announced on the chain.
///
/// One command at a time: a second call returns the transaction that is under way, and another command waits for its
/// turn with [`Error::CommandUnderWay`]. A command is under way until the wallet has seen a block that includes it: after
/// [`Transaction::included`], and again when a reorganisation drops it.
///
/// Any number of handles may be open, also beside a [`Chequebook`](crate::Chequebook). Clones are the same handle.
#[derive(Clone)]
pub struct Owner {
    wallet: Wallet,
    watched: Arc<WatchedChequebook>,
}

impl Owner {
    /// Takes a handle of a chequebook that the account of the wallet owns.
    ///
    /// # Errors
    ///
    /// [`Error::NotOwner`]; [`Error::NoCode`] if there is no chequebook, [`chequebook::Error::Unproven`] if the factory
    /// did not create it, [`chequebook::Error::WrongAsset`] if it pays a token, [`Error::Dead`] if it has ended; or an
    /// error from the node.
    pub async fn open(wallet: &Wallet, contract: Address) -> Result<Self, Error> {
        let shared = wallet.shared();
        // One that is not created yet is known by its creation.
        let row = shared.ledger.get::<ChequebookRow>(&chequebook_key(contract)).await?;
        let creation = row.and_then(|row| row.creation);
        let watched = shared.watcher.watch(Subject::at(contract).created_by(creation.as_ref())).await?;
        let (found, expected) = (wallet.account(), watched.terms.owner);
        if found != expected {
            return Err(Error::NotOwner { contract, found, expected });
        }
        let owner = Self { wallet: wallet.clone(), watched };
        match owner.state().await? {
            State::Dead => Err(Error::Dead { contract }),
            _ => Ok(owner),
        }
    }

    /// The address of the contract.
    pub fn address(&self) -> Address {
        self.watched.contract
    }

    /// Its form, its owner, its signer and its notice period.
    pub fn terms(&self) -> Terms {
        self.watched.terms
    }

    /// What the chain shows at the newest block. What is under way is not part of it.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn state(&self) -> Result<State, Error> {
        self.wallet.shared().watcher.refresh(&self.watched, Duration::ZERO).await?;
        Ok(self.watched.state())
    }

    /// The command of this wallet that is under way.
    pub fn under_way(&self) -> Option<Transaction> {
        let seen = self.watched.read(|seen| seen.head.number);
        self.wallet.shared().account.command(self.address(), seen)
    }

    /* COMMANDS */

    /// Sends the transaction that announces the end, and returns once it is sent; if one is under way, returns that. From
    /// its inclusion plus the notice period on, [`kill`](Self::kill) is possible. Payees cash meanwhile: an announcement is
    /// what they get the notice for.
    ///
    /// # Errors
    ///
    /// [`Error::KillAnnounced`] if it is announced already, [`Error::Dead`], [`Error::NotCreated`];
    /// [`Error::CommandUnderWay`] if another command is, or one that is being cancelled; [`Error::InsufficientFunds`] and
    /// similar errors if the transaction cannot be sent; or an error from the node.
    ///
    /// If this future is dropped, the command is under way or not; calling it again sends no second one.
    pub async fn announce_kill(&self) -> Result<Transaction, Error> {
        self.command(Purpose::AnnounceKill { contract: self.address() }, announceKillCall {}, None).await
    }

    /// The same for a [`Request`]: a second one with its key gets the transaction of the first.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Forgotten`], and those of [`announce_kill`](Self::announce_kill).
    pub async fn announce_kill_for(&self, request: &Request) -> Result<Transaction, Error> {
        self.command(Purpose::AnnounceKill { contract: self.address() }, announceKillCall {}, Some(request)).await
    }

    /// Sends the transaction that takes the announcement back, and returns once it is sent; if one is under way, returns
    /// that. Once it is included, cheques may be issued again.
    ///
    /// # Errors
    ///
    /// [`Error::NotAnnounced`], and those of [`announce_kill`](Self::announce_kill). An announcement that is under way
    /// cannot be taken back by this: cancel its [`Transaction`], or wait for it.
    pub async fn cancel_kill(&self) -> Result<Transaction, Error> {
        self.command(Purpose::CancelKill { contract: self.address() }, cancelKillCall {}, None).await
    }

    /// The same for a [`Request`]: a second one with its key gets the transaction of the first.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Forgotten`], and those of [`cancel_kill`](Self::cancel_kill).
    pub async fn cancel_kill_for(&self, request: &Request) -> Result<Transaction, Error> {
        self.command(Purpose::CancelKill { contract: self.address() }, cancelKillCall {}, Some(request)).await
    }

    /// Sends the transaction that ends the chequebook and pays its balance to the account of the wallet, and returns once
    /// it is sent; if one is under way, returns that.
    ///
    /// **It takes what payees did not cash**, as the contract allows: their cheques are worth nothing afterwards. The
    /// notice period is their time to cash. [`Balance::liabilities`](crate::Balance::liabilities), which the wallet that
    /// signs the cheques knows, says what is promised and not paid; another wallet cannot know it.
    ///
    /// # Errors
    ///
    /// If there is a notice period, [`Error::NotAnnounced`], and [`Error::NoticeRunning`] by the time of the newest block;
    /// those of [`announce_kill`](Self::announce_kill).
    pub async fn kill(&self) -> Result<Transaction, Error> {
        self.command(Purpose::Kill { contract: self.address() }, killCall {}, None).await
    }

    /// The same for a [`Request`]: a second one with its key gets the transaction of the first.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Forgotten`], and those of [`kill`](Self::kill).
    pub async fn kill_for(&self, request: &Request) -> Result<Transaction, Error> {
        self.command(Purpose::Kill { contract: self.address() }, killCall {}, Some(request)).await
    }

    #[tracing::instrument(skip(self, call, request))]
    async fn command(
        &self,
        purpose: Purpose,
        call: impl SolCall + Send,
        request: Option<&Request>,
    ) -> Result<Transaction, Error> {
        let shared = self.wallet.shared();
        let pass = match shared.requests.begin(request, U256::ZERO).await? {
            Begun::Before(past) => return shared.account.known(past.sent()?).await,
            Begun::New(pass) => pass,
        };
        shared.account.try_advance().await;
        shared.watcher.refresh(&self.watched, Duration::ZERO).await?;
        let call = Call::new(self.address(), U256::ZERO, call.abi_encode().into());
        let single = shared.account.send_single(call, purpose, pass, || self.decide(purpose)).await?;
        // What another call did is kept for this key, too.
        if let Single::UnderWay(same) = &single
            && let Begun::New(pass) = shared.requests.begin(request, U256::ZERO).await?
        {
            shared.requests.found(pass, Done::transaction(same.id())).await?;
        }
        Ok(single.transaction())
    }

    /// The same command, if it is under way. Otherwise checks that the contract allows it now.
    fn decide(&self, purpose: Purpose) -> Result<Option<Transaction>, Error> {
        let contract = self.address();
        if let Some(found) = self.under_way() {
            if found.purpose() == purpose && !found.is_cancelled() {
                return Ok(Some(found));
            }
            return Err(Error::CommandUnderWay { contract, purpose: found.purpose() });
        }
        let (state, now) = self.watched.read(|seen| (seen.state, seen.head.timestamp));
        check(purpose, contract, state, self.terms().notice_period, now)?;
        Ok(None)
    }
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Owner").field("contract", &self.address()).finish_non_exhaustive()
    }
}
