//! The handle that a payee uses.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, U256};
use chequebook::{Creation, Overdraft, SignedCheque, Terms};
use parking_lot::Mutex;

use super::{
    auto_cash::{AutoCash, Mode},
    guard,
    mailbox::Mailbox,
    policy::Policy,
};
use crate::{
    Error,
    chain::Subject,
    store::{
        Batch,
        schema::{Promise, received_key},
    },
    transactions::Transaction,
    wallet::Wallet,
};

/// The cheques of one chequebook to one beneficiary.
///
/// While it is open it watches the chequebook: when its end is announced, it cashes at once. Clones of this handle are
/// the same inbox. All methods may be called from any number of tasks at once, and all inboxes of one wallet share one
/// watcher of the chain.
#[derive(Clone)]
pub struct Inbox(Arc<Mailbox>);

impl Inbox {
    /// Opens the inbox for cheques of the chequebook at `contract`, made out to `beneficiary`, which need not be the
    /// account of the wallet. The latest cheque received earlier is loaded from the store.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] if there is no chequebook; [`chequebook::Error::Unproven`] if the factory did not create it,
    /// unless the [policy](Policy::accept_unproven) allows that; [`chequebook::Error::WrongAsset`] if it pays a token:
    /// this wallet takes ether only; [`Error::Dead`] if its account was erased; [`Error::AlreadyOpen`] if the inbox is
    /// open; [`Error::Store`]; or an error from the node.
    pub async fn open(wallet: &Wallet, contract: Address, beneficiary: Address, policy: Policy) -> Result<Self, Error> {
        Self::open_with(wallet, contract, None, beneficiary, policy).await
    }

    /// Opens the inbox for cheques of the chequebook of a creation, which need not be created yet: the
    /// [policy](Policy::accept_counterfactual) decides whether its cheques are accepted before. Its address proves its
    /// terms.
    ///
    /// # Errors
    ///
    /// [`chequebook::Error::ZeroOwner`], and those of [`open`](Self::open).
    pub async fn of(wallet: &Wallet, creation: &Creation, beneficiary: Address, policy: Policy) -> Result<Self, Error> {
        let contract = creation.address(wallet.chain_id())?;
        Self::open_with(wallet, contract, Some(*creation), beneficiary, policy).await
    }

    async fn open_with(
        wallet: &Wallet,
        contract: Address,
        creation: Option<Creation>,
        beneficiary: Address,
        policy: Policy,
    ) -> Result<Self, Error> {
        let claim = wallet.claim(contract, Some(beneficiary))?;
        let shared = wallet.shared();
        let subject = Subject::at(contract).created_by(creation.as_ref()).accept_unproven(policy.accept_unproven);
        let watched = shared.watcher.watch(subject, policy.confirmations, Some(beneficiary)).await?;
        let promise = shared.ledger.get::<Promise>(&received_key(contract, beneficiary))?;
        let newest = match promise {
            Some(promise) => promise.cheque(contract, beneficiary, wallet.chain_id())?,
            None => None,
        };
        let exposure = shared.exposures.of(contract, policy.confirmations);
        exposure.promised(beneficiary, newest.map_or(U256::ZERO, |newest| newest.cheque().amount));

        let inbox = Self(Arc::new(Mailbox {
            wallet: wallet.clone(),
            contract,
            creation,
            beneficiary,
            policy,
            exposure,
            watched,
            newest: Mutex::new(newest),
            received: Arc::default(),
            auto: Mutex::default(),
            changed: Arc::default(),
            _claim: claim,
        }));
        guard::follow(&inbox.0);
        Ok(inbox)
    }

    /* READ */

    /// The address of the chequebook.
    pub fn contract(&self) -> Address {
        self.0.contract
    }

    /// The address that its cheques pay.
    pub fn beneficiary(&self) -> Address {
        self.0.beneficiary
    }

    /// Form, owner, signer and notice period of the chequebook. Of an unproven one, this is what it states.
    pub fn terms(&self) -> Terms {
        self.0.watched.terms
    }

    /// The latest cheque.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if it cannot be made durable.
    pub async fn latest_cheque(&self) -> Result<Option<SignedCheque>, Error> {
        let newest = self.0.newest();
        self.0.wallet.shared().ledger.submit(Batch::new()).await?; // it counts as received once it is durable
        Ok(newest)
    }

    /// Asks the chain how much of the latest cheque is not yet cashed, in wei. A payment that a reorganisation drops is
    /// uncashed again.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn uncashed(&self) -> Result<U256, Error> {
        let snapshot = self.0.watched.snapshot(Duration::ZERO).await?;
        Ok(self.0.promised().saturating_sub(snapshot.sent(self.0.beneficiary)))
    }

    /* RECEIVE */

    /// Accepts a cheque if it is valid, higher than the latest, and allowed by the policy. Returns once it is durable,
    /// with the amount that it adds to the one before, in wei: acknowledge this amount only.
    ///
    /// The chain is asked only if the snapshot is older than [`Config::max_age`](crate::Config::max_age).
    ///
    /// # Errors
    ///
    /// In this order: [`Error::WrongContract`], [`Error::WrongChainId`], [`Error::WrongBeneficiary`];
    /// [`chequebook::Error::Unrecoverable`], [`chequebook::Error::WrongSigner`]; [`Error::StaleCheque`] if the amount
    /// does not rise; the errors that [`Policy`] names. [`Error::Store`] if the cheque cannot be made durable. After an
    /// error, nothing is changed.
    ///
    /// If this future is dropped, the cheque is either stored or was not received: pass it again. A duplicate is an
    /// [`Error::StaleCheque`], which means that a cheque over at least this amount is durable.
    #[tracing::instrument(skip_all, fields(contract = %self.0.contract), level = "debug")]
    pub async fn receive(&self, cheque: &SignedCheque) -> Result<U256, Error> {
        let result = self.0.receive(cheque).await;
        if matches!(result, Err(Error::StaleCheque { .. })) {
            self.0.wallet.shared().ledger.submit(Batch::new()).await?;
        }
        if result.is_ok() && self.0.auto().waits_for_cheques() {
            self.0.received.notify_one();
        }
        result
    }

    /* CASH */

    /// Sends the transaction that cashes the latest cheque, as [`Cashing::cash`](crate::Cashing::cash) does. If the
    /// chequebook is not created yet, creates it first, and waits until it is included in a block.
    ///
    /// # Errors
    ///
    /// [`Error::NothingReceived`] if there is no cheque, and those of [`Cashing::cash`](crate::Cashing::cash) and
    /// [`Factory::create`](crate::Factory::create).
    pub async fn cash(&self, overdraft: Overdraft) -> Result<Transaction, Error> {
        let Mailbox { contract, beneficiary, .. } = *self.0;
        let newest = self.latest_cheque().await?.ok_or(Error::NothingReceived { contract, beneficiary })?;
        self.0.create_if_missing().await?;
        self.0.wallet.cashing().cash(&newest, overdraft).await
    }

    /// Cashes automatically from now on. Replaces earlier settings. An attempt that fails is logged, and repeated.
    pub fn auto_cash(&self, settings: AutoCash) {
        self.0.set_auto(Mode::Auto(settings));
    }

    /// Stops all automatic cashing, including the cash when the end is announced. Transactions that are already sent
    /// continue.
    pub fn stop_auto_cash(&self) {
        self.0.set_auto(Mode::Stopped);
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Mailbox { contract, beneficiary, .. } = &*self.0;
        formatter
            .debug_struct("Inbox")
            .field("contract", contract)
            .field("beneficiary", beneficiary)
            .finish_non_exhaustive()
    }
}
