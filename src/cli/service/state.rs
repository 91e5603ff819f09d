//! What all calls share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::primitives::Address;
use chequebook::SignedCheque;
use chequebook_wallet::{AutoDeposit, Cashier, CashierSettings, Chequebook, Error as WalletError};
use tokio::time::{sleep, timeout};

use super::{
    access::{Access, Caller, Peer},
    cheques,
    limits::{Once, Spending, request},
    measured::Measured,
    metrics::Metrics,
    options::Options,
    params::Args,
    problem::Problem,
    tokens::{CurrentTokens, Tokens},
};
use crate::cli::{
    amount::Units,
    clock::now,
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    payer::Book,
    policy::{beneficiary, policy},
};

/// How often the chain is looked at to say whether the service is ready, and how long an answer may take.
const LOOK: Duration = Duration::from_secs(5);

/// What stands behind the methods. Whoever shows how the service stands (a page, metrics) takes it from here, and hears of
/// changes by [`Wallet::events`](chequebook_wallet::Wallet::events).
pub(crate) struct State {
    pub(crate) context: Context,
    pub(crate) session: Session,
    /// The chequebooks that the key signs for. Nobody else can add one while the store is open.
    pub(crate) books: BTreeMap<Address, Book>,
    pub(crate) cashier: Cashier,
    /// Of what the payee takes.
    pub(crate) units: Units,
    pub(crate) access: Access,
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    /// Imported, and not recovered: nothing is promised from them.
    unrecovered: BTreeSet<Address>,
    is_chain_seen: AtomicBool,
    is_failure_told: AtomicBool,
    is_stopping: AtomicBool,
}

/// A call: who makes it, and with what.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) peer: Peer,
    pub(crate) caller: Caller,
    pub(crate) args: Args,
}

impl State {
    /// Opens everything.
    ///
    /// # Errors
    ///
    /// Those of [`Context::open`], and of chequebooks that cannot be opened.
    pub(crate) async fn open(context: &Context, options: Options) -> Result<Self, Failure> {
        let metrics = Metrics::new();
        let measured = |store| Measured::new(store, metrics.commits());
        let session = context.open_on(OpenStore::OrCreate, measured).await?;
        match Self::on(context, &session, options, metrics).await {
            Ok(open) => Ok(open),
            Err(failure) => {
                session.close().await;
                Err(failure)
            }
        }
    }

    async fn on(context: &Context, session: &Session, options: Options, metrics: Metrics) -> Result<Self, Failure> {
        let signer = context.signer(&session.account).await?;
        let mut books = BTreeMap::new();
        for address in session.wallet.chequebooks().await? {
            let chequebook = match Chequebook::open(&session.wallet, address, Arc::clone(&signer)).await {
                Err(WalletError::NotOurSigner { .. }) => {
                    context.out.note(&format!("chequebook {address} is left out: another key signs its cheques"));
                    continue;
                }
                Err(WalletError::Dead { .. }) => {
                    context.out.note(&format!("chequebook {address} is left out: it has ended"));
                    continue;
                }
                // It promises nothing until it is recovered, and that is no reason to leave all others unguarded.
                Err(error @ WalletError::StoreOutdated { .. }) => {
                    context.out.note(&format!("chequebook {address} is left out, `recover` it: {error}"));
                    continue;
                }
                opened => opened?,
            };
            let units = context.units(chequebook.terms().form.asset(), &session.provider).await?;
            if let Some(settings) = &options.auto_deposit {
                let mut automatic = AutoDeposit::default().interval(Some(settings.interval));
                automatic = automatic.threshold(settings.threshold.of(&units)?).buffer(settings.buffer.of(&units)?);
                chequebook.auto_deposit(automatic);
            }
            books.insert(address, Book { chequebook, units });
        }
        let units = context.units(context.asset()?, &session.provider).await?;
        let auto_cash = options.auto_cash.as_ref().map(|settings| settings.of(&units)).transpose()?;
        let settings = CashierSettings::new(beneficiary(context, session.account.address())?).policy(policy(context)?);
        let cashier = Cashier::open(&session.wallet, settings.auto_cash(auto_cash)).await?;
        let unrecovered = context.unrecovered()?.read()?;
        let tokens = CurrentTokens::new(Tokens::beside(&context.store_path()?));
        let access = Access::new(tokens, options.demands_token, options.rate);
        Ok(Self {
            context: context.clone(),
            session: session.clone(),
            books,
            cashier,
            units,
            access,
            options,
            metrics,
            unrecovered,
            is_chain_seen: AtomicBool::new(true),
            is_failure_told: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        })
    }

    /* HOW IT STANDS */

    /// Looks at the chain from time to time, for ever.
    pub(crate) async fn look(&self) {
        loop {
            let looked = timeout(LOOK, self.session.wallet.refresh()).await;
            self.is_chain_seen.store(matches!(looked, Ok(Ok(()))), Ordering::Relaxed);
            sleep(LOOK).await;
        }
    }

    /// Whether the chain was seen at the last look.
    pub(crate) fn is_chain_seen(&self) -> bool {
        self.is_chain_seen.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Why no work should be sent here, if so.
    pub(crate) fn is_not_ready(&self) -> Option<&'static str> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Some("stopping");
        }
        if self.metrics.has_store_failed() {
            return Some("the store has failed");
        }
        (!self.is_chain_seen()).then_some("the chain cannot be seen")
    }

    /// Notes what a failure tells of the service itself, once.
    pub(crate) fn note(&self, problem: &Problem) {
        let is_failure = problem.is_of_store() && self.metrics.has_store_failed();
        if is_failure && !self.is_failure_told.swap(true, Ordering::Relaxed) {
            self.context.out.note(&format!("error: {}: start the service again", problem.message()));
        }
    }

    /* FOR CALLS */

    /// The chequebook that a call means: the one that it names, or the only one.
    ///
    /// # Errors
    ///
    /// If it is not here, or there are several.
    pub(crate) fn book(&self, args: &Args) -> Result<&Book, Problem> {
        match (args.address("chequebook")?, self.books.len()) {
            (Some(address), _) => self.books.get(&address).ok_or_else(|| {
                let message = format!("chequebook {address} is none that this service pays from");
                Failure::new(Exit::NotPossible, message).into()
            }),
            (None, 0) => Err(Failure::new(Exit::NotPossible, "this service has no chequebook to pay from").into()),
            (None, 1) => self.books.values().next().ok_or_else(|| Problem::params("chequebook is missing")),
            (None, _) => {
                let names: Vec<_> = self.books.keys().map(Address::to_string).collect();
                Err(Problem::params(format!("chequebook is missing, expected one of: {}", names.join(", "))))
            }
        }
    }

    /// Checks that a chequebook may promise.
    ///
    /// # Errors
    ///
    /// [`Exit::RecoverFirst`].
    pub(crate) fn check_recovered(&self, chequebook: Address) -> Result<(), Problem> {
        if !self.unrecovered.contains(&chequebook) {
            return Ok(());
        }
        let message = format!("chequebook {chequebook} was imported: stop the service, and `recover` it");
        Err(Failure::new(Exit::RecoverFirst, message).into())
    }

    /// The request of a call, which is made once, and within the limits.
    ///
    /// # Errors
    ///
    /// Those of [`request`].
    pub(crate) fn request(
        &self,
        call: &Call,
        content: &[&dyn std::fmt::Display],
        spending: Option<&Spending<'_>>,
    ) -> Result<chequebook_wallet::Request, Problem> {
        let once = Once { method: call.method, key: call.args.key()?, content };
        request(now(), &call.caller, &once, spending, &self.options.most)
    }

    /// The cheque of a call.
    ///
    /// # Errors
    ///
    /// [`Exit::BadCheque`].
    pub(crate) fn cheque(&self, call: &Call) -> Result<SignedCheque, Problem> {
        let raw = Args::need("cheque", call.args.raw("cheque"))?;
        cheques::read(raw, self.session.wallet.chain_id())
    }
}
