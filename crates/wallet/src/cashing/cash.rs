//! How a single cheque is cashed.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Overdraft, SignedCheque};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::register::{Decision, Finished, Register, Reserved};
use crate::{
    Error,
    chain::{Chain, ChainWatcher, Seen, Subject, Ticket, Watching, cheques_of},
    config::Config,
    requests::{Begun, Pass, Request, Requests},
    store::schema::{Done, Purpose},
    transactions::{Account, Call, Transaction},
};

/// Cashes cheques of any chequebook to any beneficiary. Clones of this handle share their state.
#[derive(Clone)]
pub struct Cashing(pub(super) Arc<Inner>);

/// An automatic cash that waits for others to join its batch.
pub(super) struct Waiting {
    pub(super) cheque: SignedCheque,
    pub(super) answer: oneshot::Sender<Result<Transaction, Error>>,
}

pub(super) struct Inner {
    pub(super) chain: Arc<Chain>,
    pub(super) watcher: Arc<ChainWatcher>,
    pub(super) account: Arc<Account>,
    requests: Arc<Requests>,
    pub(super) config: Config,
    pub(super) register: Register,
    /// Automatic cashes that wait for their batch.
    pub(super) waiting: Mutex<Vec<Waiting>>,
    /// Whether the clearing house was seen on this chain. Its address proves its code.
    pub(super) has_clearing_house: AtomicBool,
}

/// What is to happen with a cheque.
pub(super) enum Look {
    Good(Reserved),
    Pending(Transaction),
    /// Another task decides on the same payment, or the chequebook could not be read: it takes time to find out more.
    Busy,
}

impl Cashing {
    /// Takes up what an earlier run has set going.
    pub(crate) fn open(
        (chain, watcher, account, requests): (Arc<Chain>, Arc<ChainWatcher>, Arc<Account>, Arc<Requests>),
        config: Config,
    ) -> Result<Self, Error> {
        let register = Register::default();
        for (transaction, input) in account.open_inputs()? {
            match transaction.purpose() {
                Purpose::Cash { contract, beneficiary, amount } => {
                    register.record(contract, beneficiary, amount, transaction);
                }
                Purpose::CashMany { .. } => {
                    for (contract, beneficiary, amount) in cheques_of(&input) {
                        register.record(contract, beneficiary, amount, transaction.clone());
                    }
                }
                _ => {}
            }
        }
        let (waiting, has_clearing_house) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self(Arc::new(Inner { chain, watcher, account, requests, config, register, waiting, has_clearing_house })))
    }

    /// Sends the transaction that cashes a cheque, of any chequebook to any beneficiary, and returns once it is sent.
    /// If a transaction that is under way already cashes this cheque or a newer one, returns that transaction.
    ///
    /// With [`Overdraft::Refuse`] the balance must cover the cheque besides all cashes of this wallet that are under
    /// way, and the contract itself checks that it covers the cheque: if another cheque is cashed first, the transaction
    /// is reverted, and the chequebook lives.
    ///
    /// The contract may be unproven: then this only warns (by `tracing`), since the cheque is there already.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChainId`], [`Error::NoCode`], [`Error::NotGenuine`], [`chequebook::Error::WrongSigner`] if the
    /// cheque is invalid; [`Error::AlreadyCashed`], [`Error::Dead`] if it would pay nothing; with
    /// [`Overdraft::Refuse`], [`Error::WouldBounce`]; [`Error::Refused`] if the contract, or its token, would refuse to
    /// pay; [`Error::InsufficientFunds`], [`Error::FeeTooHigh`] if the
    /// transaction cannot be sent; or an error from the node.
    ///
    /// If this future is dropped, the cheque is under way or not; calling it again never sends a second transaction for
    /// one that is.
    #[tracing::instrument(skip_all, fields(contract = %cheque.cheque().contract, amount = %cheque.cheque().amount))]
    pub async fn cash(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<Transaction, Error> {
        self.cash_with(cheque, overdraft, Pass::default()).await
    }

    /// The same for a [`Request`], whose limits count nothing here.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::Forgotten`], and those of [`cash`](Self::cash).
    pub async fn cash_for(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
        request: &Request,
    ) -> Result<Transaction, Error> {
        match self.0.requests.begin(Some(request), U256::ZERO).await? {
            Begun::Before(past) => self.0.account.known(past.sent()?).await,
            Begun::New(pass) => self.cash_with(cheque, overdraft, pass).await,
        }
    }

    async fn cash_with(&self, cheque: &SignedCheque, overdraft: Overdraft, pass: Pass) -> Result<Transaction, Error> {
        loop {
            match self.0.look(cheque, overdraft, None).await? {
                Look::Pending(pending) => {
                    self.0.requests.found(pass, Done::transaction(pending.id())).await?;
                    return Ok(pending);
                }
                Look::Good(reserved) => return self.0.send(cheque, overdraft, reserved, pass).await,
                Look::Busy => {}
            }
        }
    }

    /// What a cash of this cheque would cost now, in wei: its gas at the price of the newest block, and what the chain below
    /// takes.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the contract would refuse it; or an error from the node.
    pub async fn price(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<U256, Error> {
        let head = self.0.watcher.look(self.0.config.max_age).await?.head;
        self.0.note(cheque, self.0.account.price_now(&call(cheque, overdraft), &head).await)
    }

    /// Refuses what was refused before, until it is worth another try: for what is cashed automatically. `left` is how long
    /// it is until the chequebook may end, if that is announced.
    pub(crate) fn check_patience(&self, cheque: &SignedCheque, left: Option<Duration>) -> Result<(), Error> {
        let Cheque { contract, beneficiary, .. } = *cheque.cheque();
        self.0.register.patience().check(contract, beneficiary, left)
    }

    /// The beneficiaries of a chequebook that are being paid, and the cumulative amount of each, in wei.
    pub(crate) fn under_way(&self, contract: Address, seen: &Seen) -> BTreeMap<Address, U256> {
        self.0.register.under_way(contract, seen)
    }

    /// Forgets cashes that are over, so that nothing is asked about them any more.
    pub(crate) fn forget_what_is_over(&self) {
        self.0.register.forget_what_is_over();
    }
}

impl std::fmt::Debug for Cashing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cashing").finish_non_exhaustive()
    }
}

impl Inner {
    /// Decides whether a cheque is cashed: it is recorded as under way, unless it is already. If another task decides on
    /// the same payment, waits for it; with a ticket, which many cheques share, returns [`Look::Busy`], also if the
    /// chequebook could not be read at that look.
    pub(super) async fn look(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
        shared: Option<Ticket>,
    ) -> Result<Look, Error> {
        let Cheque { contract, beneficiary, chain_id, .. } = *cheque.cheque();
        if chain_id != self.chain.id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.chain.id() });
        }
        let subject = Subject::at(contract).accept_unproven(true);
        let watched = self.watcher.watch(subject).await?;
        if !watched.is_proven() {
            tracing::warn!(%contract, %beneficiary, "cashing a cheque of an unproven contract, which may not pay");
        }
        cheque.verify(watched.terms.signer)?;
        if let Some(called) = shared {
            self.watcher.look_since(called).await?;
            // It may take the whole time limit to read it again, and none of the others is to wait for that.
            if watched.is_failing() {
                return Ok(Look::Busy);
            }
        }
        let mut watching = self.watcher.attend(&watched, &[beneficiary]).await?;
        loop {
            let called = shared.unwrap_or_else(|| self.watcher.ticket());
            self.watcher.refresh_since(&watched, called).await?;
            let mut finished = Finished::default();
            let decision = watched.read(|seen| self.register.decide(cheque.cheque(), overdraft, seen, &mut finished));
            drop(finished);
            match decision? {
                Decision::Pending(transaction) => return Ok(Look::Pending(transaction)),
                Decision::Go(reserved) => {
                    if let Some(watching) = watching.pop() {
                        reserved.keep(watching);
                    }
                    return Ok(Look::Good(reserved));
                }
                Decision::Wait(_) if shared.is_some() => return Ok(Look::Busy),
                Decision::Wait(mut changes) => {
                    let _ = changes.changed().await; // the register lives as long as this
                }
            }
        }
    }

    /// Reads what many cheques need, with as few questions as possible. What cannot be read is read again for itself.
    pub(super) async fn attend(&self, cheques: &[SignedCheque]) -> Vec<Watching> {
        let mut wanted: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
        for cheque in cheques {
            wanted.entry(cheque.cheque().contract).or_default().push(cheque.cheque().beneficiary);
        }
        let mut all = Vec::new();
        for (contract, beneficiaries) in wanted {
            let subject = Subject::at(contract).accept_unproven(true);
            if let Ok(watched) = self.watcher.watch(subject).await
                && let Ok(watching) = self.watcher.attend(&watched, &beneficiaries).await
            {
                all.extend(watching);
            }
        }
        all
    }

    pub(super) async fn send(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
        reserved: Reserved,
        pass: Pass,
    ) -> Result<Transaction, Error> {
        let Cheque { contract, beneficiary, amount, .. } = *cheque.cheque();
        let purpose = Purpose::Cash { contract, beneficiary, amount };
        let signed = move |transaction| reserved.sent(transaction);
        self.note(cheque, self.account.send_if(call(cheque, overdraft), purpose, pass, || Ok(()), signed).await)
    }

    /// Notes whether the contract refuses a cheque.
    pub(super) fn note<T>(&self, cheque: &SignedCheque, result: Result<T, Error>) -> Result<T, Error> {
        let Cheque { contract, beneficiary, .. } = *cheque.cheque();
        result.inspect_err(|error| self.register.patience().found(contract, beneficiary, error))
    }
}

fn call(cheque: &SignedCheque, overdraft: Overdraft) -> Call {
    Call::new(cheque.cheque().contract, U256::ZERO, cheque.calldata(overdraft))
}
