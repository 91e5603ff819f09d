//! The payee: who receives cheques, and cashes the newest.

mod auto_cash;
mod policy;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy::primitives::{Address, U256};
use tokio::sync::Notify;

pub use self::{auto_cash::AutoCash, policy::Policy};
use crate::{
    Cheque, Client, Error, Opening, Overdraft, SignedCheque, Transaction,
    chain::{Genuine, Life, Snapshot, Watched},
    client::Claim,
    rows::{Promise, inbox_key},
    store::{Batch, Durable},
};

/// The cheques of one chequebook to one beneficiary.
///
/// While it is open it watches the chequebook: when its end is announced, it cashes at once. Clones are the same inbox.
/// All methods may be called from any number of tasks at once, and any number of inboxes on one client share one view of
/// the chain.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    client: Client,
    contract: Address,
    opening: Option<Opening>,
    beneficiary: Address,
    policy: Policy,
    watched: Arc<Watched>,
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
    /// account of the client. What was received earlier is there again.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] and [`Error::NotGenuine`] if there is no chequebook, [`Error::AlreadyOpen`] if the inbox is open;
    /// [`Error::Store`]; or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn open(client: &Client, contract: Address, beneficiary: Address, policy: Policy) -> Result<Self, Error> {
        Self::open_with(client, contract, None, beneficiary, policy).await
    }

    /// Opens the inbox for cheques of a clone, which need not be opened yet: the [policy](Policy::unopened) says whether
    /// its cheques are taken before it is. That it is genuine, and its terms, follow from its address.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`], and those of [`open`](Self::open).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn open_clone(
        client: &Client,
        opening: &Opening,
        beneficiary: Address,
        policy: Policy,
    ) -> Result<Self, Error> {
        let contract = opening.address(client.chain_id())?;
        Self::open_with(client, contract, Some(*opening), beneficiary, policy).await
    }

    async fn open_with(
        client: &Client,
        contract: Address,
        opening: Option<Opening>,
        beneficiary: Address,
        policy: Policy,
    ) -> Result<Self, Error> {
        let claim = client.claim(contract, Some(beneficiary))?;
        let shared = client.shared();
        let watched = shared.view.watch(contract, policy.confirmations, Some(beneficiary), opening.as_ref()).await?;
        let promise = shared.ledger.get::<Promise>(&inbox_key(contract, beneficiary))?;
        let newest = match promise {
            Some(promise) => promise.cheque(contract, beneficiary, client.chain_id())?,
            None => None,
        };
        watched.claims(beneficiary, newest.map_or(U256::ZERO, |newest| newest.cheque().amount));

        let inbox = Self(Arc::new(Inner {
            client: client.clone(),
            contract,
            opening,
            beneficiary,
            policy,
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

    /// Who commands the chequebook, who signs its cheques, and its notice period.
    pub fn terms(&self) -> Genuine {
        self.0.watched.genuine
    }

    /// The newest cheque.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if it cannot be made durable.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn last(&self) -> Result<Option<SignedCheque>, Error> {
        let newest = self.0.copy();
        self.0.client.shared().ledger.submit(Batch::new()).await?; // until it is durable, it is not received
        Ok(newest)
    }

    /// Asks the chain how much of the newest cheque is not yet cashed, in wei. What a reorganisation drops is uncashed
    /// again.
    ///
    /// # Errors
    ///
    /// What the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
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
    /// [`Error::Unrecoverable`], [`Error::WrongSigner`]; [`Error::StaleCheque`] unless the amount rises; what the policy
    /// refuses, as [`Policy`] says. [`Error::Store`] if it cannot be made durable. Nothing is changed then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, in that nothing is lost: either the cheque is stored, or it was not received. [`last`](Self::last)
    /// tells. A cheque that comes a second time is a [`Error::StaleCheque`], which says that a cheque over as much is
    /// durable.
    #[tracing::instrument(skip_all, fields(contract = %self.0.contract), level = "debug")]
    pub async fn receive(&self, cheque: &SignedCheque) -> Result<U256, Error> {
        let result = self.0.receive(cheque).await;
        if matches!(result, Err(Error::StaleCheque { .. })) {
            self.0.client.shared().ledger.submit(Batch::new()).await?;
        }
        if result.is_ok() && self.0.auto().waits_for_cheques() {
            self.0.received.notify_one();
        }
        result
    }

    /* CASH */

    /// Sends the transaction that cashes the newest cheque, as [`Client::cash`] does. Before that it opens a clone that is
    /// not opened yet, and waits until that is included in a block.
    ///
    /// # Errors
    ///
    /// [`Error::NothingReceived`] if there is no cheque, and those of [`Client::cash`] and [`Client::create`].
    ///
    /// # Cancel safety
    ///
    /// That of [`Client::cash`].
    pub async fn cash(&self, overdraft: Overdraft) -> Result<Transaction, Error> {
        let Inner { contract, beneficiary, .. } = *self.0;
        let newest = self.last().await?.ok_or(Error::NothingReceived { contract, beneficiary })?;
        self.0.create_if_unborn().await?;
        self.0.client.cash(&newest, overdraft).await
    }

    /// Cashes by itself from now on, in place of any earlier settings. An attempt that fails is repeated, and logged.
    pub fn auto_cash(&self, settings: AutoCash) {
        self.0.set_auto(auto_cash::Mode::Auto(settings));
    }

    /// Ends every automatic cash, also that on the announcement of the end. Transactions that were sent go their way.
    pub fn stop(&self) {
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
    fn newest(&self) -> MutexGuard<'_, Option<SignedCheque>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy(&self) -> Option<SignedCheque> {
        *self.newest()
    }

    /// The cumulative amount of the newest cheque, in wei.
    fn promised(&self) -> U256 {
        self.newest().map_or(U256::ZERO, |newest| newest.cheque().amount)
    }

    fn auto(&self) -> auto_cash::Mode {
        *self.auto.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_auto(&self, mode: auto_cash::Mode) {
        *self.auto.lock().unwrap_or_else(PoisonError::into_inner) = mode;
        self.changed.notify_one();
    }

    /// Opens a clone that is not opened yet.
    async fn create_if_unborn(&self) -> Result<(), Error> {
        let Self { client, contract, .. } = self;
        let unborn = async || Ok::<_, Error>(self.watched.snapshot(Duration::ZERO).await?.life == Life::Unborn);
        let Some(opening) = self.opening else { return Ok(()) };
        // Other inboxes of the same clone wait, and find it opened.
        let _creating = client.shared().cashing.lock(*contract).await;
        if unborn().await? {
            let created = async {
                match client.pending_creation(*contract) {
                    Some(pending) => pending.included().await,
                    None => client.create(&opening, U256::ZERO).await?.included().await,
                }
            };
            // Somebody else may have been faster.
            if let Err(error) = created.await
                && unborn().await?
            {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn receive(&self, cheque: &SignedCheque) -> Result<U256, Error> {
        let Self { client, policy, watched, .. } = self;
        self.check(cheque)?;
        policy.check_cheque(cheque, &watched.genuine)?;
        let snapshot = watched.snapshot(client.shared().config.max_age).await?;
        let (durable, added) = self.accept(cheque, &snapshot)?;
        durable.await?;
        Ok(added)
    }

    /// Takes a good cheque, unless another task was faster with a better one.
    fn accept(&self, cheque: &SignedCheque, snapshot: &Snapshot) -> Result<(Durable, U256), Error> {
        let Self { client, contract, beneficiary, policy, watched, .. } = self;
        let amount = cheque.cheque().amount;
        let mut newest = self.newest();
        let added = rise(newest.as_ref(), amount)?;
        policy.check_chequebook(watched, snapshot, *beneficiary, amount)?;
        let mut batch = Batch::new();
        batch.put(inbox_key(*contract, *beneficiary), &Promise::of(cheque))?;
        let durable = client.shared().ledger.submit(batch);
        *newest = Some(*cheque);
        watched.claims(*beneficiary, amount);
        Ok((durable, added))
    }

    /// What can be said of a cheque without the chain. The cheapest first: the rest is for those who sign for us.
    fn check(&self, cheque: &SignedCheque) -> Result<(), Error> {
        let Cheque { contract, beneficiary, amount, chain_id, .. } = *cheque.cheque();
        if contract != self.contract {
            return Err(Error::WrongContract { found: contract, expected: self.contract });
        }
        if chain_id != self.client.chain_id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.client.chain_id() });
        }
        if beneficiary != self.beneficiary {
            return Err(Error::WrongBeneficiary { found: beneficiary, expected: self.beneficiary });
        }
        cheque.verify(self.watched.genuine.signer)?;
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
