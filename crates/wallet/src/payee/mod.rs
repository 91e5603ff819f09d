//! The payee: who receives cheques, and cashes the newest.

mod auto_cash;
mod policy;

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, CloneTerms, Overdraft, SignedCheque, State, Terms};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use self::{auto_cash::AutoCash, policy::Policy};
use crate::{
    Error,
    chain::{Snapshot, WatchedChequebook},
    exposure::Exposure,
    store::{
        Batch, Durable,
        schema::{Promise, received_key},
    },
    transactions::Transaction,
    wallet::{Claim, Wallet},
};

/// The cheques of one chequebook to one beneficiary.
///
/// While it is open it watches the chequebook: when its end is announced, it cashes at once. Clones of this handle are the same
/// inbox.
/// All methods may be called from any number of tasks at once, and any number of inboxes on one wallet share one view of
/// the chain.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    wallet: Wallet,
    contract: Address,
    clone_terms: Option<CloneTerms>,
    beneficiary: Address,
    policy: Policy,
    exposure: Arc<Exposure>,
    watched: Arc<WatchedChequebook>,
    /// What the store has as newest cheque, or will have.
    newest: Mutex<Option<SignedCheque>>,
    /// Wakes the automatic cash.
    received: Arc<Notify>,
    auto: Mutex<auto_cash::Mode>,
    /// Changes what the automatic cash does.
    changed: Arc<Notify>,
    _claim: Claim,
}

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

        let inbox = Self(Arc::new(Inner {
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
        auto_cash::follow(&inbox.0);
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
        let Inner { contract, beneficiary, .. } = *self.0;
        let newest = self.latest_cheque().await?.ok_or(Error::NothingReceived { contract, beneficiary })?;
        self.0.create_if_missing().await?;
        self.0.wallet.cashing().cash(&newest, overdraft).await
    }

    /// Cashes by itself from now on, in place of any earlier settings. An attempt that fails is repeated, and logged.
    pub fn auto_cash(&self, settings: AutoCash) {
        self.0.set_auto(auto_cash::Mode::Auto(settings));
    }

    /// Ends every automatic cash, also that on the announcement of the end. Transactions that were sent go their way.
    pub fn stop_auto_cash(&self) {
        self.0.set_auto(auto_cash::Mode::Stopped);
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Inner { contract, beneficiary, .. } = &*self.0;
        formatter
            .debug_struct("Inbox")
            .field("contract", contract)
            .field("beneficiary", beneficiary)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn newest(&self) -> Option<SignedCheque> {
        *self.newest.lock()
    }

    /// The cumulative amount of the newest cheque, in wei.
    fn promised(&self) -> U256 {
        self.newest().map_or(U256::ZERO, |newest| newest.cheque().amount)
    }

    fn auto(&self) -> auto_cash::Mode {
        *self.auto.lock()
    }

    fn set_auto(&self, mode: auto_cash::Mode) {
        *self.auto.lock() = mode;
        self.changed.notify_one();
    }

    /// Creates a clone that is not created yet.
    async fn create_if_missing(&self) -> Result<(), Error> {
        let Self { wallet, contract, .. } = self;
        let missing = async || Ok::<_, Error>(self.watched.snapshot(Duration::ZERO).await?.state == State::NotDeployed);
        let Some(clone) = self.clone_terms else { return Ok(()) };
        // Other inboxes of the same clone wait, and find it created.
        let _creating = wallet.cashing().lock(*contract).await;
        if missing().await? {
            let factory = wallet.factory();
            let created = async {
                match factory.pending(*contract) {
                    Some(pending) => pending.included().await,
                    None => factory.create(&clone, U256::ZERO).await?.included().await,
                }
            };
            // Somebody else may have been faster.
            if let Err(error) = created.await
                && missing().await?
            {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn receive(&self, cheque: &SignedCheque) -> Result<U256, Error> {
        let Self { wallet, policy, watched, .. } = self;
        self.check(cheque)?;
        policy.check_cheque(cheque, &watched.immutables.terms)?;
        let snapshot = watched.snapshot(wallet.shared().config.max_age).await?;
        let (durable, added) = self.accept(cheque, &snapshot)?;
        durable.await?;
        Ok(added)
    }

    /// Takes a good cheque, unless another task was faster with a better one.
    fn accept(&self, cheque: &SignedCheque, snapshot: &Snapshot) -> Result<(Durable, U256), Error> {
        let Self { wallet, contract, beneficiary, policy, exposure, .. } = self;
        let amount = cheque.cheque().amount;
        let mut newest = self.newest.lock();
        let added = rise(newest.as_ref(), amount)?;
        policy.check_chequebook(*contract, snapshot, exposure.uncashed(snapshot, *beneficiary, amount))?;
        let mut batch = Batch::new();
        batch.put(received_key(*contract, *beneficiary), &Promise::of(cheque))?;
        let durable = wallet.shared().ledger.submit(batch);
        *newest = Some(*cheque);
        exposure.promised(*beneficiary, amount);
        Ok((durable, added))
    }

    /// What can be said of a cheque without the chain. The cheapest first: the rest is for those who sign for us.
    fn check(&self, cheque: &SignedCheque) -> Result<(), Error> {
        let Cheque { contract, beneficiary, amount, chain_id, .. } = *cheque.cheque();
        if contract != self.contract {
            return Err(Error::WrongContract { found: contract, expected: self.contract });
        }
        if chain_id != self.wallet.chain_id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.wallet.chain_id() });
        }
        if beneficiary != self.beneficiary {
            return Err(Error::WrongBeneficiary { found: beneficiary, expected: self.beneficiary });
        }
        cheque.verify(self.watched.immutables.terms.signer)?;
        rise(self.newest().as_ref(), amount).map(drop)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.changed.notify_one(); // so that the task ends
    }
}

/// What `amount` adds to the newest cheque, in wei.
fn rise(newest: Option<&SignedCheque>, amount: U256) -> Result<U256, Error> {
    let newest = newest.map_or(U256::ZERO, |newest| newest.cheque().amount);
    match amount.checked_sub(newest) {
        Some(added) if !added.is_zero() => Ok(added),
        _ => Err(Error::StaleCheque { amount, newest }),
    }
}
