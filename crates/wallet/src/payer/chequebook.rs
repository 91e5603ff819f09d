//! The payer, which signs cheques and keeps the deposit that covers them.

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use chequebook::{Asset, Creation, Overdraft, Scheme, Terms};
use parking_lot::Mutex;

use super::{
    auto_deposit::{AutoDeposit, AutoDeposited},
    book::{Book, watch_as_signer},
    depositor,
    funds::{Balance, Funds},
    issued::Issued,
    new::NewChequebook,
    open::Open,
    order::Order,
    outbox::Outbox,
};
use crate::{
    Error,
    requests::Request,
    signer::{IntoSigner, SharedSigner},
    store::{
        Batch,
        schema::{ChequebookRow, chequebook_key, total_key},
    },
    transactions::Transaction,
    wallet::Wallet,
};

/// A chequebook that we sign for.
///
/// What may be issued follows from one equation, with *B* the newest block that counts as final:
///
/// ```text
/// funded(B) = balance(B) + all that was paid by cheques up to B
/// available = funded(B) - all that was ever issued
/// ```
///
/// Clones of this handle are the same chequebook. All methods may be called from any number of tasks at once.
#[derive(Clone)]
pub struct Chequebook(Arc<Open>);

impl Chequebook {
    /* CREATE AND OPEN */

    /// Creates a chequebook whose cheques `signer` signs, and waits until it is included in a block. Its deposit counts
    /// once it is confirmed. If somebody else creates it first, this only deposits.
    ///
    /// The same settings are the same chequebook: choose another salt for each. If this future is dropped, look into
    /// [`Wallet::transactions`] before you create again: a creation that has started continues, and a second one would
    /// deposit again.
    ///
    /// The deposit of a token chequebook is a transaction of its own, after the creation. If that fails, or the process
    /// dies between the two, the chequebook is created: create it again, which deposits what is missing of the first
    /// deposit, and nothing twice.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`](Self::prepare); [`Error::InsufficientFunds`] and similar errors if the transaction cannot be
    /// sent, [`Error::Refused`], [`Error::Reverted`] or [`Error::Replaced`] if it failed; [`Error::Dead`] or
    /// [`Error::KillAnnounced`] if somebody else created it, and it has ended or is about to; those of
    /// [`deposit`](Self::deposit) for a token; or an error from the node.
    #[tracing::instrument(skip_all)]
    pub async fn create<K>(wallet: &Wallet, signer: impl IntoSigner<K>, new: NewChequebook) -> Result<Self, Error> {
        let signer = signer.into_signer();
        let creation = new.creation(wallet, &signer);
        let book = Self::prepare_creation(wallet, signer, creation).await?;
        if matches!(creation.terms.form.asset(), Asset::Token(_)) {
            book.0.book.create_of_token(&creation, new.deposit).await?;
            return Ok(book);
        }
        let created = async { wallet.factory().create(&creation, new.deposit).await?.included().await };
        match created.await {
            Ok(_) => {}
            // The deposit did not arrive with it, and never will.
            Err(error @ (Error::Refused { .. } | Error::Reverted { .. } | Error::Replaced { .. })) => {
                book.0.book.deposit_if_created(new.deposit, error).await?;
            }
            Err(error) => return Err(error),
        }
        book.0.book.ask_funds().await?;
        Ok(book)
    }

    /// Prepares a chequebook without a transaction. Cheques may be issued once what was sent to its address, for
    /// example by [`deposit`](Self::deposit), is confirmed. Anyone, including a payee, can create it later with
    /// [`Factory::create`](crate::Factory::create). Until then it is counterfactual, and the [policy](crate::Policy) of
    /// each payee decides whether its cheques are accepted. The deposit of `new` is not sent.
    ///
    /// # Errors
    ///
    /// [`Error::NoRecord`] if the chequebook was created or funded before, and the store has no record of it: use
    /// another salt, or recover it with [`recover_of`](Self::recover_of). [`Error::NoCode`] if there is no factory, or no such token, on this
    /// chain, [`chequebook::Error::ZeroOwner`], [`chequebook::Error::ZeroToken`], [`Error::AlreadyOpen`]; or an error from the node.
    pub async fn prepare<K>(wallet: &Wallet, signer: impl IntoSigner<K>, new: NewChequebook) -> Result<Self, Error> {
        let signer = signer.into_signer();
        let creation = new.creation(wallet, &signer);
        Self::prepare_creation(wallet, signer, creation).await
    }

    async fn prepare_creation(wallet: &Wallet, signer: SharedSigner, creation: Creation) -> Result<Self, Error> {
        let contract = creation.address(wallet.chain_id())?;
        let claim = wallet.claim(contract, None)?;
        let shared = wallet.shared();
        if shared.ledger.get::<ChequebookRow>(&chequebook_key(contract)).await?.is_none() {
            let unused_at = wallet.factory().require_unused(contract, creation.terms.form.asset()).await?;
            let mut batch = Batch::new();
            let row = ChequebookRow { signer: signer.address(), creation: Some(creation), scan_from: Some(unused_at) };
            batch.replace(chequebook_key(contract), None, &row)?.put(total_key(contract), &U256::ZERO)?;
            shared.ledger.submit(batch).await?;
        }
        drop(claim);
        Self::open(wallet, contract, signer).await
    }

    /// Opens a chequebook that the store has a record of.
    ///
    /// # Errors
    ///
    /// [`Error::NoRecord`] if the store has none: only [`recover`](Self::recover) opens such a chequebook.
    /// [`Error::NotOurSigner`] if `signer` is not its signer, [`Error::NoCode`] if there is no chequebook,
    /// [`chequebook::Error::Unproven`] if the factory did not create it, [`Error::Dead`] if it has ended; [`Error::StoreOutdated`] if the chain has paid what the store does not know
    /// of; [`Error::AlreadyOpen`] if it is open; or an error from the node.
    pub async fn open<K>(wallet: &Wallet, contract: Address, signer: impl IntoSigner<K>) -> Result<Self, Error> {
        let signer = signer.into_signer();
        let claim = wallet.claim(contract, None)?;
        let shared = wallet.shared();
        let row = shared.ledger.get::<ChequebookRow>(&chequebook_key(contract)).await?;
        let creation = row.ok_or(Error::NoRecord { contract })?.creation;
        let watched = watch_as_signer(wallet, contract, signer.address(), creation.as_ref()).await?;
        let issued = shared.ledger.get(&total_key(contract)).await?.ok_or(Error::NoRecord { contract })?;

        let book = Arc::new(Book {
            wallet: wallet.clone(),
            contract,
            creation,
            signer,
            watched,
            funds: Mutex::new(Funds::new(issued)),
            asking: tokio::sync::Mutex::default(),
            outdated: Mutex::default(),
            doubt: Mutex::default(),
            order: Order::default(),
            issued: Arc::default(),
            auto: Mutex::default(),
            changed: Arc::default(),
        });
        book.ask_funds().await?;
        let tasks = [book.follow(), depositor::follow(&book)];
        Ok(Self(Arc::new(Open::new(book, tasks, claim))))
    }

    /* READ */

    /// The address of the contract.
    pub fn address(&self) -> Address {
        self.0.book.contract
    }

    /// Its form, its owner, its signer and its notice period.
    pub fn terms(&self) -> Terms {
        self.0.book.watched.terms
    }

    /// Its terms and its salt. Give them to payees: they prove what the chequebook is, also before it is created. `None`
    /// if it was [recovered](Self::recover) from its address alone.
    pub fn creation(&self) -> Option<Creation> {
        self.0.book.creation
    }

    /// Asks the chain for the balance, and compares it with the amount issued. [`Balance::liabilities`] is what payees can
    /// still cash: look at it before the [owner](crate::Owner) kills the chequebook.
    ///
    /// # Errors
    ///
    /// An error from the node, or [`Error::Store`].
    pub async fn balance(&self) -> Result<Balance, Error> {
        self.0.book.newest_balance().await
    }

    /* ISSUE */

    /// The outbox for one beneficiary and one scheme. It issues the cheques.
    pub fn outbox(&self, beneficiary: Address, scheme: Scheme) -> Outbox {
        Outbox::new(Arc::clone(&self.0), beneficiary, scheme)
    }

    /// A page of what was issued, by beneficiary: those above `after`, at most `limit` and 1,024. Only what is durable is
    /// in it. Begin with `None`, and go on with the last beneficiary until a page is empty; what is issued meanwhile may
    /// be in it or not.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn issued(&self, after: Option<Address>, limit: usize) -> Result<Vec<Issued>, Error> {
        self.0.book.issued_page(after, limit).await
    }

    /* WITHDRAW */

    /// Pays `amount`, in wei, out to the [owner](Self::terms): issues a typed cheque to it over so much more, sends the
    /// transaction that cashes that, only if it is covered, and returns once it is sent. What else was promised to the
    /// owner and is uncashed is paid with it.
    ///
    /// The contract has no function for this: it is a payment like any other, and takes no more than is available. To any
    /// other address, [issue](Outbox::issue) a cheque and [cash](crate::Cashing::cash) it.
    ///
    /// **After any error, or if this future is dropped, call [`resume_withdrawal`](Self::resume_withdrawal)** before you
    /// withdraw again: the cheque can be durable, and its cash not sent. What is promised to the owner stays promised, also
    /// over a restart, and the next withdrawal cashes it, too.
    ///
    /// # Errors
    ///
    /// [`Error::NotCreated`], and those of [`Outbox::issue`], such as [`Error::InsufficientDeposit`]: nothing is promised
    /// then. Those of [`Cashing::cash`](crate::Cashing::cash); [`Error::AlreadyCashed`] means that it is paid.
    #[tracing::instrument(skip(self), fields(contract = %self.0.book.contract))]
    pub async fn withdraw(&self, amount: U256) -> Result<Transaction, Error> {
        self.0.book.require_created().await?;
        let cheque = self.own_outbox().issue(amount).await?;
        self.0.book.wallet.cashing().cash(&cheque, Overdraft::Refuse).await
    }

    /// The same for a [`Request`]: a second one with its key promises nothing, and sends what the first one did not come
    /// to. What its limits count is the amount.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`] and [`Error::LimitReached`], after which nothing is promised; those of
    /// [`withdraw`](Self::withdraw), after which the request may be made again.
    #[tracing::instrument(skip(self, request), fields(contract = %self.0.book.contract))]
    pub async fn withdraw_for(&self, amount: U256, request: &Request) -> Result<Transaction, Error> {
        self.0.book.require_created().await?;
        let cheque = self.own_outbox().issue_for(amount, request).await?;
        self.0.book.wallet.cashing().cash_for(&cheque, Overdraft::Refuse, &request.second(&cheque)).await
    }

    /// Sends the transaction that cashes what was promised to the owner, if anything of it is uncashed; or returns the one
    /// that is under way. It pays nothing twice.
    ///
    /// # Errors
    ///
    /// [`Error::NotCreated`], and those of [`Cashing::cash`](crate::Cashing::cash).
    pub async fn resume_withdrawal(&self) -> Result<Option<Transaction>, Error> {
        self.own_outbox().cash().await
    }

    fn own_outbox(&self) -> Outbox {
        self.outbox(self.terms().owner, Scheme::Typed)
    }

    /* DEPOSIT */

    /// Sends a deposit of `amount` from the account of the wallet, in wei, or in the smallest unit of the token, and
    /// returns once it is sent. It counts once it is confirmed: [`Transaction::confirmed`] waits for that. Of a token,
    /// what arrives is what counts, and the [balance](Self::balance) shows it: a token may take a fee, or say that it
    /// made a transfer that it did not make.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroAmount`]; [`Error::Dead`], [`Error::KillAnnounced`] or [`Error::CommandUnderWay`] if the chequebook has
    /// ended or is about to;
    /// [`Error::InsufficientTokens`] if the account has too few besides the deposits that are under way;
    /// [`Error::Refused`] if the token would refuse the transfer; [`Error::InsufficientFunds`] and similar errors if the
    /// transaction cannot be sent; or an error from the node.
    ///
    /// If this future is dropped, look into [`Wallet::transactions`] before you deposit again: a deposit that has
    /// started continues.
    #[tracing::instrument(skip(self), fields(contract = %self.0.book.contract))]
    pub async fn deposit(&self, amount: U256) -> Result<Transaction, Error> {
        self.0.book.deposit(amount).await
    }

    /// The same for a [`Request`]: a second one with its key gets the transaction of the first. What its limits count is
    /// the amount.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::LimitReached`], [`Error::Forgotten`], and those of [`deposit`](Self::deposit).
    #[tracing::instrument(skip(self, request), fields(contract = %self.0.book.contract))]
    pub async fn deposit_for(&self, amount: U256, request: &Request) -> Result<Transaction, Error> {
        self.0.book.deposit_for(amount, request).await
    }

    /* AUTOMATIC DEPOSIT */

    /// Deposits automatically from now on. Replaces earlier settings. A deposit that fails is logged, and tried again
    /// at the next check.
    pub fn auto_deposit(&self, settings: AutoDeposit) {
        self.set_auto(Some(settings));
    }

    /// What automatic deposits have sent, and what [`AutoDeposit::max_total`] leaves them.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn auto_deposited(&self) -> Result<AutoDeposited, Error> {
        self.0.book.auto_deposited().await
    }

    /// Stops the automatic deposit. Deposits that are already sent continue.
    pub fn stop_auto_deposit(&self) {
        self.set_auto(None);
    }

    fn set_auto(&self, settings: Option<AutoDeposit>) {
        *self.0.book.auto.lock() = settings;
        self.0.book.changed.notify_one();
    }
}

impl std::fmt::Debug for Chequebook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chequebook").field("contract", &self.0.book.contract).finish_non_exhaustive()
    }
}
