//! The handle of a payee.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, U256};
use chequebook::{CloneTerms, Overdraft, SignedCheque, Terms};
use parking_lot::Mutex;

use super::{
    auto_cash::{AutoCash, Mode},
    guard,
    mailbox::Mailbox,
    policy::Policy,
};
use crate::{
    Error,
    store::{
        Batch,
        schema::{Promise, received_key},
    },
    transactions::Transaction,
    wallet::Wallet,
};

/// The cheques of one chequebook to one beneficiary.
///
/// While it is open it watches the chequebook: when its end is announced, it cashes at once. Clones of this handle are the same
/// inbox.
/// All methods may be called from any number of tasks at once, and any number of inboxes on one wallet share one view of
/// the chain.
#[derive(Clone)]
pub struct Inbox(Arc<Mailbox>);

impl Inbox {
    /// Opens the inbox for cheques of the chequebook at `contract`, made out to `beneficiary`, which need not be the
    /// account of the wallet. What was received earlier is there again.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] and [`Error::NotGenuine`] if there is no chequebook, [`Error::AlreadyOpen`] if the inbox is open;
    /// [`Error::Store`]; or what the chain answers.
    pub async fn open(wallet: &Wallet, contract: Address, beneficiary: Address, policy: Policy) -> Result<Self, Error> {
        Self::open_with(wallet, contract, None, beneficiary, policy).await
    }

    /// Opens the inbox for cheques of a clone, which need not be created yet: the
    /// [policy](Policy::accept_counterfactual) says whether its cheques are taken before it is. That it is genuine, and its
    /// terms, follow from its address.
    ///
    /// # Errors
    ///
    /// [`chequebook::Error::ZeroOwner`], and those of [`open`](Self::open).
    pub async fn open_clone(
        wallet: &Wallet,
        clone: &CloneTerms,
        beneficiary: Address,
        policy: Policy,
    ) -> Result<Self, Error> {
        let contract = clone.address(wallet.chain_id())?;
        Self::open_with(wallet, contract, Some(*clone), beneficiary, policy).await
    }

    async fn open_with(
        wallet: &Wallet,
        contract: Address,
        clone_terms: Option<CloneTerms>,
        beneficiary: Address,
        policy: Policy,
    ) -> Result<Self, Error> {
        let claim = wallet.claim(contract, Some(beneficiary))?;
        let shared = wallet.shared();
        let watched =
            shared.watcher.watch(contract, policy.confirmations, Some(beneficiary), clone_terms.as_ref()).await?;
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
            clone_terms,
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

    /// Whom its cheques pay.
    pub fn beneficiary(&self) -> Address {
        self.0.beneficiary
    }

    /// Owner, signer and notice period of the chequebook.
    pub fn terms(&self) -> Terms {
        self.0.watched.immutables.terms
    }

    /// The latest cheque.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if it cannot be made durable.
    pub async fn latest_cheque(&self) -> Result<Option<SignedCheque>, Error> {
        let newest = self.0.newest();
        self.0.wallet.shared().ledger.submit(Batch::new()).await?; // until it is durable, it is not received
        Ok(newest)
    }

    /// Asks the chain how much of the newest cheque is not yet cashed, in wei. What a reorganisation drops is uncashed
    /// again.
    ///
    /// # Errors
    ///
    /// What the chain answers.
    pub async fn uncashed(&self) -> Result<U256, Error> {
        let snapshot = self.0.watched.snapshot(Duration::ZERO).await?;
        Ok(self.0.promised().saturating_sub(snapshot.sent(self.0.beneficiary)))
    }

    /* RECEIVE */

    /// Takes a cheque if it is good, better than the newest, and within the policy. Returns once it is durable, with what
    /// it adds to the one before, in wei: acknowledge that, and no more.
    ///
    /// The chain is asked only if nobody did for [`Config::max_age`](crate::Config::max_age).
    ///
    /// # Errors
    ///
    /// In this order: [`Error::WrongContract`], [`Error::WrongChainId`], [`Error::WrongBeneficiary`];
    /// [`chequebook::Error::Unrecoverable`], [`chequebook::Error::WrongSigner`]; [`Error::StaleCheque`] unless the amount rises; what the policy
    /// refuses, as [`Policy`] says. [`Error::Store`] if it cannot be made durable. Nothing is changed then.
    ///
    /// If this future is dropped, the cheque is either stored or was not received: pass it once more. A duplicate is a
    /// [`Error::StaleCheque`], which says that a cheque over as much is durable.
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

    /// Sends the transaction that cashes the newest cheque, as [`Cashing::cash`](crate::Cashing::cash) does. Before that
    /// it creates a clone that is not created yet, and waits until that is included in a block.
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

    /// Cashes by itself from now on, in place of any earlier settings. An attempt that fails is repeated, and logged.
    pub fn auto_cash(&self, settings: AutoCash) {
        self.0.set_auto(Mode::Auto(settings));
    }

    /// Ends every automatic cash, also that on the announcement of the end. Transactions that were sent go their way.
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
