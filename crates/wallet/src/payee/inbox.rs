//! The handle that a payee uses.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Creation, Overdraft, SignedCheque, Terms};
use tokio::time::Instant;

use super::{
    auto_cash::{AutoCash, Mode},
    exposure::{Added, Exposure, Open},
    keeper,
    policy::Policy,
};
use crate::{
    Error,
    chain::{Subject, Watching},
    store::{Batch, Durable},
    transactions::Transaction,
    wallet::{Claim, Wallet},
};

/// The cheques of one chequebook to one beneficiary.
///
/// While it is open it watches the chequebook: when its end is announced, it cashes at once. Clones of this handle are
/// the same inbox. All methods may be called from any number of tasks at once, and all inboxes of one wallet share one
/// watcher of the chain.
#[derive(Clone)]
pub struct Inbox(Arc<Handle>);

struct Handle {
    exposure: Arc<Exposure>,
    beneficiary: Address,
    _claim: Claim,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.exposure.close_line(self.beneficiary);
    }
}

impl Inbox {
    /// Opens the inbox for cheques of the chequebook at `contract`, made out to `beneficiary`, which need not be the
    /// account of the wallet. The latest cheque received earlier is loaded from the store.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] if there is no chequebook; [`chequebook::Error::Unproven`] if the factory did not create it,
    /// unless the [policy](Policy::accept_unproven) allows that; [`chequebook::Error::WrongAsset`] if it pays another
    /// asset than that of the [policy](Policy::asset); [`Error::Dead`] if its account was erased; [`Error::AlreadyOpen`] if
    /// the inbox is open; [`Error::Store`]; or an error from the node.
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
        let subject = Subject::at(contract).created_by(creation.as_ref()).accept_unproven(policy.accept_unproven);
        let subject = subject.paying(policy.asset);
        let mut opened = Exposure::open(wallet, &[(subject, vec![beneficiary])]).await?;
        let (exposure, watching) = opened.pop().ok_or(Error::NotGenuine { contract })??;
        let watching = watching.into_iter().next().ok_or(Error::NotGenuine { contract })?;
        Ok(Self::on(exposure, claim, beneficiary, Arc::new(policy), creation, watching))
    }

    /// Opens many inboxes, each a chequebook and a beneficiary, with as few questions to the node as possible. The answers
    /// are in their order: a failure of one is none of the others.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], or an error from the node about its newest block. For each inbox those of [`open`](Self::open).
    pub async fn open_many(
        wallet: &Wallet,
        inboxes: &[(Address, Address)],
        policy: Policy,
    ) -> Result<Vec<Result<Self, Error>>, Error> {
        Self::open_all(wallet, inboxes, policy, false).await
    }

    /// The same for chequebooks that anybody may have named: whether there is code at all is not asked.
    pub(super) async fn open_strangers(
        wallet: &Wallet,
        inboxes: &[(Address, Address)],
        policy: Policy,
    ) -> Result<Vec<Result<Self, Error>>, Error> {
        Self::open_all(wallet, inboxes, policy, true).await
    }

    async fn open_all(
        wallet: &Wallet,
        inboxes: &[(Address, Address)],
        policy: Policy,
        is_brief: bool,
    ) -> Result<Vec<Result<Self, Error>>, Error> {
        let shared_policy = Arc::new(policy);
        let mut claims = Vec::with_capacity(inboxes.len());
        let mut wanted: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
        for &(contract, beneficiary) in inboxes {
            let claim = wallet.claim(contract, Some(beneficiary));
            if claim.is_ok() {
                wanted.entry(contract).or_default().push(beneficiary);
            }
            claims.push(claim);
        }
        let subject = |(contract, beneficiaries)| {
            let subject = Subject::at(contract).accept_unproven(policy.accept_unproven).paying(policy.asset);
            (subject.brief(is_brief), beneficiaries)
        };
        let wanted: Vec<_> = wanted.into_iter().map(subject).collect();
        let opened = Exposure::open(wallet, &wanted).await?;
        let mut exposures = HashMap::new();
        let mut failures = HashMap::new();
        for ((subject, beneficiaries), opened) in wanted.into_iter().zip(opened) {
            match opened {
                Ok((exposure, watching)) => {
                    for (beneficiary, watching) in beneficiaries.into_iter().zip(watching) {
                        exposures.insert((subject.contract(), beneficiary), (Arc::clone(&exposure), watching));
                    }
                }
                Err(error) => _ = failures.insert(subject.contract(), error),
            }
        }
        let mut answers = Vec::with_capacity(inboxes.len());
        for (&(contract, beneficiary), claim) in inboxes.iter().zip(claims) {
            answers.push(match (claim, exposures.remove(&(contract, beneficiary))) {
                (Err(error), _) => Err(error),
                (Ok(claim), Some((exposure, watching))) => {
                    Ok(Self::on(exposure, claim, beneficiary, Arc::clone(&shared_policy), None, watching))
                }
                (Ok(_), None) => Err(match failures.get_mut(&contract) {
                    // Other inboxes of the same chequebook fail for the same reason.
                    Some(error) => {
                        let again = error.again();
                        std::mem::replace(error, again)
                    }
                    None => Error::NotGenuine { contract },
                }),
            });
        }
        Ok(answers)
    }

    fn on(
        exposure: Arc<Exposure>,
        claim: Claim,
        beneficiary: Address,
        policy: Arc<Policy>,
        creation: Option<Creation>,
        watching: Watching,
    ) -> Self {
        exposure.open_line(
            beneficiary,
            Open { policy, mode: Mode::default(), due: None, creation: creation.map(Box::new) },
            watching,
        );
        keeper::ensure(&exposure.wallet);
        Self(Arc::new(Handle { exposure, beneficiary, _claim: claim }))
    }

    pub(super) fn exposure(&self) -> &Exposure {
        &self.0.exposure
    }

    /// Whether there are other handles of this inbox.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /* READ */

    /// The address of the chequebook.
    pub fn contract(&self) -> Address {
        self.0.exposure.watched.contract
    }

    /// The address that its cheques pay.
    pub fn beneficiary(&self) -> Address {
        self.0.beneficiary
    }

    /// Form, owner, signer and notice period of the chequebook. Of an unproven one, this is what it states.
    pub fn terms(&self) -> Terms {
        self.0.exposure.watched.terms
    }

    /// The highest valid cheque that was received, acknowledged or not.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if it cannot be made durable.
    pub async fn latest_cheque(&self) -> Result<Option<SignedCheque>, Error> {
        let highest = self.0.exposure.highest(self.0.beneficiary);
        self.0.exposure.wallet.shared().ledger.submit(Batch::new()).await?; // it counts as received once it is durable
        Ok(highest)
    }

    /// The cheque to cash without an overdraft: the highest valid one or, if the balance that was seen last does not cover it,
    /// the one that was acknowledged last. `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if it cannot be made durable.
    pub async fn cheque_to_cash(&self) -> Result<Option<SignedCheque>, Error> {
        let cheque = self.0.exposure.to_cash(self.0.beneficiary);
        self.0.exposure.wallet.shared().ledger.submit(Batch::new()).await?;
        Ok(cheque)
    }

    /// The cumulative amount that was acknowledged: that of the highest cheque that [`receive`](Self::receive)
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if it cannot be made durable.
    pub async fn acknowledged(&self) -> Result<U256, Error> {
        let acknowledged = self.0.exposure.acknowledged(self.0.beneficiary);
        self.0.exposure.wallet.shared().ledger.submit(Batch::new()).await?;
        Ok(acknowledged)
    }

    /// Asks the chain how much of the highest cheque is not yet cashed. A payment that a reorganisation drops is
    /// uncashed again.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn uncashed(&self) -> Result<U256, Error> {
        let Handle { exposure, beneficiary, .. } = &*self.0;
        let wallet = &exposure.wallet;
        wallet.shared().watcher.refresh(&exposure.watched, Duration::ZERO).await?;
        let amount = exposure.highest(*beneficiary).map_or(U256::ZERO, |highest| highest.cheque().amount);
        Ok(amount.saturating_sub(exposure.watched.read(|seen| seen.sent(*beneficiary))))
    }

    /* RECEIVE */

    /// Acknowledges a cheque if it is valid, higher than the latest, and allowed by the policy. Returns once it is
    /// durable, with the amount that it adds, in the smallest unit of the asset, to the larger of what was acknowledged before and what the chain
    /// shows as paid: give goods for this amount only.
    ///
    /// The chain is asked only if the last look is older than [`Config::max_age`](crate::Config::max_age).
    ///
    /// # Errors
    ///
    /// In this order: [`Error::WrongContract`], [`Error::WrongChainId`], [`Error::WrongBeneficiary`];
    /// [`chequebook::Error::Unrecoverable`], [`chequebook::Error::WrongSigner`]; [`Error::StaleCheque`] if the amount
    /// does not rise; [`Error::StaleHead`] if the node or the chain has stalled, or another error from the node;
    /// [`Error::AlreadyCashed`] if the chain shows it as paid; the errors that [`Policy`] names. [`Error::Store`] if the
    /// cheque cannot be made durable. After an error, nothing is acknowledged. A valid cheque that is higher than all
    /// before is kept all the same, durably, and can be cashed; pass it again to have it acknowledged, before it is cashed.
    ///
    /// If this future is dropped, or the store does not answer in time, pass the cheque again: what it adds is returned
    /// once. A duplicate is an [`Error::StaleCheque`], which means that a cheque over at least this amount is durable.
    #[tracing::instrument(skip_all, fields(contract = %self.contract()), level = "debug")]
    pub async fn receive(&self, cheque: &SignedCheque) -> Result<U256, Error> {
        let result = self.0.receive(cheque).await;
        if matches!(result, Err(Error::StaleCheque { .. })) {
            self.0.exposure.wallet.shared().ledger.submit(Batch::new()).await?;
        }
        result
    }

    /* CASH */

    /// Sends the transaction that cashes the latest cheque, as [`Cashing::cash`](crate::Cashing::cash) does; without an
    /// overdraft the [one that the balance covers](Self::cheque_to_cash). If the chequebook is not created yet, creates it
    /// first, and waits until it is included in a block.
    ///
    /// # Errors
    ///
    /// [`Error::NothingReceived`] if there is no cheque, and those of [`Cashing::cash`](crate::Cashing::cash) and
    /// [`Factory::create`](crate::Factory::create).
    pub async fn cash(&self, overdraft: Overdraft) -> Result<Transaction, Error> {
        let Handle { exposure, beneficiary, .. } = &*self.0;
        let wallet = &exposure.wallet;
        let missing = Error::NothingReceived { contract: self.contract(), beneficiary: *beneficiary };
        let highest = self.latest_cheque().await?.ok_or(missing)?;
        exposure.create_if_missing(exposure.creation(*beneficiary)).await?;
        if overdraft == Overdraft::Consent {
            return wallet.cashing().cash(&highest, overdraft).await;
        }
        wallet.shared().watcher.refresh(&exposure.watched, Duration::ZERO).await?;
        let cheque = self.cheque_to_cash().await?.unwrap_or(highest);
        wallet.cashing().cash(&cheque, overdraft).await
    }

    /// Cashes automatically from now on. Replaces earlier settings. An attempt that fails is logged, and repeated.
    pub fn auto_cash(&self, settings: AutoCash) {
        self.set(Mode::Auto(settings));
    }

    /// Stops all automatic cashing, including the cash when the end is announced. Transactions that are already sent
    /// continue.
    pub fn stop_auto_cash(&self) {
        self.set(Mode::Stopped);
    }

    fn set(&self, mode: Mode) {
        self.0.exposure.set(self.0.beneficiary, |open| {
            open.mode = mode;
            open.due = mode.interval().and_then(|interval| Instant::now().checked_add(interval));
        });
    }
}

impl Handle {
    async fn receive(&self, cheque: &SignedCheque) -> Result<U256, Error> {
        let ledger = &self.exposure.wallet.shared().ledger;
        if let Err(error) = self.check(cheque) {
            // An earlier call had it acknowledged, and was not told.
            if matches!(error, Error::StaleCheque { .. })
                && let Some(added) = self.exposure.unanswered(cheque)
            {
                ledger.submit(Batch::new()).await?;
                return Ok(added.tell());
            }
            return Err(error);
        }
        match self.judge(cheque).await {
            Ok((durable, added)) => {
                durable.await?;
                self.exposure.look_if_wanted(self.beneficiary);
                Ok(added.tell())
            }
            // It says that nothing is to be kept.
            Err(error @ (Error::StaleCheque { .. } | Error::AlreadyCashed { .. } | Error::Store(_))) => Err(error),
            Err(error) => {
                if let Some(durable) = self.exposure.keep(cheque, &error)? {
                    durable.await?;
                    self.exposure.look_if_wanted(self.beneficiary);
                }
                Err(error)
            }
        }
    }

    /// The checks that need no chain. The cheapest come first, so that only cheques made out to us cost a signature
    /// check.
    fn check(&self, cheque: &SignedCheque) -> Result<(), Error> {
        let Cheque { contract, beneficiary, amount, chain_id, .. } = *cheque.cheque();
        let watched = &self.exposure.watched;
        if contract != watched.contract {
            return Err(Error::WrongContract { found: contract, expected: watched.contract });
        }
        if chain_id != self.exposure.wallet.chain_id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.exposure.wallet.chain_id() });
        }
        if beneficiary != self.beneficiary {
            return Err(Error::WrongBeneficiary { found: beneficiary, expected: self.beneficiary });
        }
        cheque.verify(watched.terms.signer)?;
        self.exposure.check_rise(beneficiary, amount)
    }

    /// Acknowledges a valid cheque if policy and chain allow it.
    async fn judge(&self, cheque: &SignedCheque) -> Result<(Durable, Added), Error> {
        let Self { exposure, beneficiary, .. } = self;
        let shared = exposure.wallet.shared();
        let policy = exposure.policy(*beneficiary).unwrap_or_default();
        policy.check_cheque(cheque, &exposure.watched.terms)?;
        shared.watcher.refresh(&exposure.watched, shared.config.max_age).await?;
        shared.watcher.check_age()?;
        exposure.acknowledge(cheque, &policy)
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Inbox")
            .field("contract", &self.contract())
            .field("beneficiary", &self.beneficiary())
            .finish_non_exhaustive()
    }
}
