//! The payer, which signs cheques and keeps the deposit that covers them.

use std::sync::Arc;

use alloy::{
    primitives::{Address, TxKind, U256},
    sol_types::SolConstructor,
};
use chequebook::{
    CloneTerms, Scheme, Terms,
    bindings::Chequebook::{BYTECODE, constructorCall},
};
use parking_lot::Mutex;

use super::{
    auto_deposit::AutoDeposit,
    balance,
    book::{Book, watch_as_signer},
    depositor,
    funds::{Balance, Funds},
    new::{Form, NewChequebook},
    outbox::Outbox,
};
use crate::{
    Error,
    locks::Locks,
    signer::{IntoSigner, SharedSigner},
    store::{
        Batch,
        schema::{ChequebookRow, Purpose, chequebook_key, total_key},
    },
    transactions::{Call, MAX_GAS, Transaction},
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
pub struct Chequebook(Arc<Book>);

impl Chequebook {
    /* CREATE AND OPEN */

    /// Creates a chequebook whose cheques `signer` signs, and waits until it is included in a block. Its deposit counts
    /// once it is confirmed.
    ///
    /// If this future is dropped, look into [`Wallet::chequebooks`] before you create again: a creation that has
    /// started continues.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientFunds`] and similar errors if the transaction cannot be sent, [`Error::Reverted`] or
    /// [`Error::Replaced`] if it failed; those of [`prepare`](Self::prepare) for a clone; or an error from the node.
    #[tracing::instrument(skip_all)]
    pub async fn create<K>(wallet: &Wallet, signer: impl IntoSigner<K>, new: NewChequebook) -> Result<Self, Error> {
        let signer = signer.into_signer();
        match new.form {
            Form::Direct => Self::create_direct(wallet, signer, new).await,
            Form::Clone { salt } => {
                let clone = CloneTerms { terms: new.terms(wallet, &signer), salt };
                let book = Self::prepare_clone(wallet, signer, clone).await?;
                wallet.factory().create(&clone, new.deposit).await?.included().await?;
                book.0.ask_funds().await?;
                Ok(book)
            }
        }
    }

    async fn create_direct(wallet: &Wallet, signer: SharedSigner, new: NewChequebook) -> Result<Self, Error> {
        let account = wallet.account();
        let Terms { owner, signer: signs, notice_period } = new.terms(wallet, &signer);
        let constructor = constructorCall { owner_: owner, signer_: signs, noticePeriod_: notice_period };
        let input = [BYTECODE.as_ref(), &constructor.abi_encode()].concat().into();
        let call = Call { to: TxKind::Create, value: new.deposit, input, max_gas: MAX_GAS };

        let row = ChequebookRow { signer: signs, clone_terms: None };
        let deployment = wallet.shared().transactions.send(call, |nonce| {
            let contract = account.create(nonce);
            let mut batch = Batch::new();
            batch.put(chequebook_key(contract), &row)?.put(total_key(contract), &U256::ZERO)?;
            Ok((Purpose::Deploy { contract }, batch))
        });
        let deployment = deployment.await?;
        deployment.included().await?;
        Self::open(wallet, account.create(deployment.nonce()), signer).await
    }

    /// Prepares a clone without a transaction. Cheques may be issued once ether that was sent to its address, for
    /// example by [`deposit`](Self::deposit), is confirmed. Anyone, including a payee, can create the clone later with
    /// [`Factory::create`](crate::Factory::create). Until then it is counterfactual, and the [policy](crate::Policy) of
    /// each payee decides whether its cheques are accepted. The deposit of `new` is not sent.
    ///
    /// # Errors
    ///
    /// [`Error::NoRecord`] if the chequebook was created or funded before, and the store has no record of it: use
    /// another salt, or [`recover`](Self::recover) it. [`Error::NoCode`] if there is no factory on this chain,
    /// [`Error::NotAClone`], [`chequebook::Error::ZeroOwner`], [`Error::AlreadyOpen`]; or an error from the node.
    pub async fn prepare<K>(wallet: &Wallet, signer: impl IntoSigner<K>, new: NewChequebook) -> Result<Self, Error> {
        let Form::Clone { salt } = new.form else { return Err(Error::NotAClone) };
        let signer = signer.into_signer();
        let clone = CloneTerms { terms: new.terms(wallet, &signer), salt };
        Self::prepare_clone(wallet, signer, clone).await
    }

    async fn prepare_clone(wallet: &Wallet, signer: SharedSigner, clone: CloneTerms) -> Result<Self, Error> {
        let contract = clone.address(wallet.chain_id())?;
        let claim = wallet.claim(contract, None)?;
        let shared = wallet.shared();
        if shared.ledger.get::<ChequebookRow>(&chequebook_key(contract))?.is_none() {
            wallet.factory().require_unused(contract).await?;
            let mut batch = Batch::new();
            let row = ChequebookRow { signer: signer.address(), clone_terms: Some(clone) };
            batch.put(chequebook_key(contract), &row)?.put(total_key(contract), &U256::ZERO)?;
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
    /// [`Error::NotOurSigner`] if `signer` is not its signer, [`Error::NoCode`] and [`Error::NotGenuine`] if `contract`
    /// is not a chequebook, [`Error::Dead`] if it has ended; [`Error::AlreadyOpen`] if it is open; or an error from the
    /// node.
    pub async fn open<K>(wallet: &Wallet, contract: Address, signer: impl IntoSigner<K>) -> Result<Self, Error> {
        let signer = signer.into_signer();
        let claim = wallet.claim(contract, None)?;
        let shared = wallet.shared();
        let row = shared.ledger.get::<ChequebookRow>(&chequebook_key(contract))?.ok_or(Error::NoRecord { contract })?;
        let clone_terms = row.clone_terms;
        let watched = watch_as_signer(wallet, contract, signer.address(), clone_terms.as_ref()).await?;
        let issued = shared.ledger.get(&total_key(contract))?.ok_or(Error::NoRecord { contract })?;

        let book = Self(Arc::new(Book {
            wallet: wallet.clone(),
            contract,
            clone_terms,
            signer,
            watched,
            funds: Mutex::new(Funds::new(issued)),
            asking: tokio::sync::Mutex::default(),
            writing: Locks::default(),
            issued: Arc::default(),
            auto: Mutex::default(),
            changed: Arc::default(),
            _claim: claim,
        }));
        book.0.ask_funds().await?;
        balance::follow(&book.0);
        depositor::follow(&book.0);
        Ok(book)
    }

    /* READ */

    /// The address of the contract.
    pub fn address(&self) -> Address {
        self.0.contract
    }

    /// Its owner, its signer and its notice period.
    pub fn terms(&self) -> Terms {
        self.0.watched.immutables.terms
    }

    /// The terms of a clone. `None` if it was deployed directly. Give them to payees: they prove what the chequebook
    /// is.
    pub fn clone_terms(&self) -> Option<CloneTerms> {
        self.0.clone_terms
    }

    /// Asks the chain for the balance, and compares it with the amount issued.
    ///
    /// # Errors
    ///
    /// An error from the node, or [`Error::Store`].
    pub async fn balance(&self) -> Result<Balance, Error> {
        self.0.newest_balance().await
    }

    /* ISSUE */

    /// The outbox for one beneficiary and one scheme. It issues the cheques.
    pub fn outbox(&self, beneficiary: Address, scheme: Scheme) -> Outbox {
        Outbox::new(Arc::clone(&self.0), beneficiary, scheme)
    }

    /* DEPOSIT */

    /// Sends a deposit of `amount`, in wei, from the account of the wallet, and returns once it is sent. It counts once
    /// it is confirmed: [`Transaction::confirmed`] waits for that.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroAmount`]; [`Error::Dead`] if the chequebook has ended; [`Error::InsufficientFunds`] and similar
    /// errors if the transaction cannot be sent; or an error from the node.
    ///
    /// If this future is dropped, look into [`Wallet::transactions`] before you deposit again: a deposit that has
    /// started continues.
    #[tracing::instrument(skip(self), fields(contract = %self.0.contract))]
    pub async fn deposit(&self, amount: U256) -> Result<Transaction, Error> {
        self.0.deposit(amount).await
    }

    /* AUTOMATIC DEPOSIT */

    /// Deposits automatically from now on. Replaces earlier settings. A deposit that fails is logged, and tried again
    /// at the next check.
    pub fn auto_deposit(&self, settings: AutoDeposit) {
        self.set_auto(Some(settings));
    }

    /// Stops the automatic deposit. Deposits that are already sent continue.
    pub fn stop_auto_deposit(&self) {
        self.set_auto(None);
    }

    fn set_auto(&self, settings: Option<AutoDeposit>) {
        *self.0.auto.lock() = settings;
        self.0.changed.notify_one();
    }
}

impl std::fmt::Debug for Chequebook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chequebook").field("contract", &self.0.contract).finish_non_exhaustive()
    }
}
