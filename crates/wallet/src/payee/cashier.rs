//! The cashier: cheques of any chequebook, by one policy, from strangers.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use alloy::primitives::{Address, U256};
use chequebook::{Overdraft, SignedCheque};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{
    debt::Debt,
    inbox::Inbox,
    known::Known,
    limits::{CashierSettings, Limits},
    lookups::Lookups,
};
use crate::{Error, credit::Credit, transactions::Transaction, wallet::Wallet};

/// Among how many of the longest unused inboxes one is looked for that may be forgotten.
const TRIED: usize = 32;
/// How long it waits for another task that is opening the same inbox; each time twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// How often it waits for that.
const WAITS: u32 = 8;

/// A chequebook and a beneficiary.
pub(super) type Line = (Address, Address);

/// Takes cheques of any chequebook for our addresses, by one policy. It opens an inbox with the first cheque of a payer,
/// forgets it when nothing is to be cashed, and keeps what each payer may use up. Strangers cost it little: what it does
/// not know is looked up in batches, refusals are remembered, and memory is [limited](Limits).
///
/// Clones of this handle are the same cashier. All methods may be called from any number of tasks at once.
///
/// A payer is known by the address of its chequebook. Amounts are in the smallest unit of the chequebook's asset.
#[derive(Clone)]
pub struct Cashier(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) wallet: Wallet,
    pub(super) settings: CashierSettings,
    pub(super) open: Mutex<LruCache<Line, Opened>>,
    known: Known,
    lookups: Arc<Lookups>,
    /// What earlier runs have left to be cashed, and could not be opened yet.
    pub(super) closed: Mutex<BTreeSet<Line>>,
    pub(super) tasks: Mutex<Vec<AbortHandle>>,
}

pub(super) struct Opened {
    inbox: Inbox,
    used: Instant,
}

/// What became of a cheque that a cashier acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The chequebook.
    pub contract: Address,
    /// Whom it pays.
    pub beneficiary: Address,
    /// What the cheque brought: nothing if it was acknowledged before.
    pub added: U256,
    /// The credit of the payer, with what was added.
    pub credit: Credit,
}

/// What a chequebook owes to one of our beneficiaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uncashed {
    /// The chequebook.
    pub contract: Address,
    /// Whom it pays.
    pub beneficiary: Address,
    /// What could be cashed.
    pub uncashed: U256,
    /// What a cash without an overdraft pays: all of it or, if the balance that was seen last does not cover that, what of it
    /// was acknowledged.
    pub payable: U256,
    /// What of it was kept and not acknowledged: the payer has no credit for it.
    pub unacknowledged: U256,
    /// Since when something is uncashed, in Unix seconds, by the clock of the chain. `None` if nothing was acknowledged.
    pub since: Option<u64>,
}

/// In which order [`Cashier::uncashed`] lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// By the address of the chequebook.
    Payer,
    /// The largest first.
    Amount,
    /// The oldest first.
    Age,
}

impl Cashier {
    /// Opens a cashier, with the inboxes of earlier runs that have something to be cashed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], or an error from the node about its newest block. Inboxes that cannot be opened are logged, and
    /// tried again; they open with their next cheque, too.
    pub async fn open(wallet: &Wallet, settings: CashierSettings) -> Result<Self, Error> {
        let Limits { remembered, refused_for, .. } = settings.limits;
        let cashier = Self(Arc::new(Inner {
            wallet: wallet.clone(),
            settings,
            open: Mutex::new(LruCache::unbounded()), // what makes way is decided here
            known: Known::new(remembered, refused_for),
            lookups: Arc::default(),
            closed: Mutex::default(),
            tasks: Mutex::default(),
        }));
        cashier.0.open_what_is_uncashed().await?;
        cashier.sweep_from_time_to_time();
        cashier.open_what_is_closed();
        Ok(cashier)
    }

    /* RECEIVE */

    /// Takes a cheque, and returns once it is durable with what it brings, in one commit. A cheque that was acknowledged
    /// before brings nothing, and is no error: whoever lost our answer may send it again.
    ///
    /// # Errors
    ///
    /// [`Error::WrongBeneficiary`] if it is not for us; [`Error::Busy`] and [`Error::Full`] if the [limits](Limits) are
    /// reached; those of [`Inbox::open`] if its chequebook is refused, which is remembered for a while; and those of
    /// [`Inbox::receive`]. A valid cheque that is higher than all before may be kept after an error: it is not acknowledged,
    /// and brings nothing, but is cashed when the end of its chequebook is announced.
    #[tracing::instrument(skip_all, fields(contract = %cheque.cheque().contract), level = "debug")]
    pub async fn receive(&self, cheque: &SignedCheque) -> Result<Receipt, Error> {
        let line = (cheque.cheque().contract, cheque.cheque().beneficiary);
        let inbox = self.0.inbox_for(cheque).await?;
        let received = match inbox.receive(cheque).await {
            // It was acknowledged already, and its signature was checked.
            Err(Error::StaleCheque { amount, newest }) if amount == newest => Ok(U256::ZERO),
            received => received,
        };
        drop(inbox); // it is forgotten only if nobody uses it
        if received.is_err() {
            self.0.forget_if_unused(line);
        }
        let added = received?;
        let credit = self.credit(line.0, line.1).await?;
        Ok(Receipt { contract: line.0, beneficiary: line.1, added, credit })
    }

    /* CREDIT */

    /// What a payer may use up with a beneficiary.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn credit(&self, contract: Address, beneficiary: Address) -> Result<Credit, Error> {
        let shared = self.0.wallet.shared();
        Ok(shared.credits.purse(&shared.ledger, contract, beneficiary).await?.credit())
    }

    /// Takes `amount` from what a payer may use up, and returns once that is durable. What was spent is spent for good,
    /// also if the process dies before it gave anything for it. If this future is dropped, look at
    /// [`credit`](Self::credit).
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientCredit`]: then nothing is spent. [`Error::Store`] if it is not certain.
    pub async fn spend(&self, contract: Address, beneficiary: Address, amount: U256) -> Result<Credit, Error> {
        let shared = self.0.wallet.shared();
        shared.credits.spend(&shared.ledger, contract, beneficiary, amount).await
    }

    /* CASH */

    /// What can be cashed, in this order: at most `limit`, after the first `skip`. Dust of inboxes that were forgotten is
    /// not listed.
    pub fn uncashed(&self, order: Order, skip: usize, limit: usize) -> Vec<Uncashed> {
        let mut all: Vec<_> = self.0.owed().into_iter().map(|(one, _)| one).collect();
        match order {
            Order::Payer => all.sort_by_key(|one| (one.contract, one.beneficiary)),
            Order::Amount => all.sort_by_key(|one| (Reverse(one.uncashed), one.contract, one.beneficiary)),
            Order::Age => all.sort_by_key(|one| (one.since.unwrap_or(u64::MAX), one.contract, one.beneficiary)),
        }
        all.into_iter().skip(skip).take(limit).collect()
    }

    /// What each chequebook owes, the largest first. Dust of inboxes that were forgotten is not in it.
    pub fn debts(&self) -> Vec<Debt> {
        let mut debts: HashMap<Address, Debt> = HashMap::new();
        for (one, inbox) in self.0.owed() {
            let debt = debts.entry(one.contract).or_insert_with(|| Debt::of(&inbox.exposure().watched));
            debt.beneficiaries = debt.beneficiaries.saturating_add(1);
            debt.uncashed = debt.uncashed.saturating_add(one.uncashed);
        }
        let mut debts: Vec<_> = debts.into_values().collect();
        debts.sort_by_key(|debt| (Reverse(debt.uncashed), debt.contract));
        debts
    }

    /// The inbox of a payer, if it is open: to cash it, or to change how it is cashed automatically.
    pub fn inbox(&self, contract: Address, beneficiary: Address) -> Option<Inbox> {
        self.0.open.lock().peek(&(contract, beneficiary)).map(|opened| opened.inbox.clone())
    }

    /// Cashes all cheques that pay at least `least`, each only if it is covered, in as few transactions as possible. The
    /// answers are in the order of the payers.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]. For each cheque those of [`Cashing::cash`](crate::Cashing::cash) with [`Overdraft::Refuse`].
    pub async fn cash(&self, least: U256) -> Result<Vec<(Uncashed, Result<Transaction, Error>)>, Error> {
        let mut all = self.uncashed(Order::Payer, 0, usize::MAX);
        all.retain(|one| one.payable >= least);
        let (mut wanted, mut cheques) = (Vec::new(), Vec::new());
        for one in all {
            let Some(inbox) = self.inbox(one.contract, one.beneficiary) else { continue };
            if let Some(cheque) = inbox.cheque_to_cash().await? {
                wanted.push(one);
                cheques.push(cheque);
            }
        }
        let answers = match cheques.as_slice() {
            [cheque] => vec![self.0.wallet.cashing().cash(cheque, Overdraft::Refuse).await],
            cheques => self.0.wallet.cashing().cash_many(cheques).await,
        };
        Ok(wanted.into_iter().zip(answers).collect())
    }

    /// How many inboxes are open.
    pub fn open_inboxes(&self) -> usize {
        self.0.open.lock().len()
    }

    /// Forgets from time to time what nobody uses.
    fn sweep_from_time_to_time(&self) {
        let idle = self.0.settings.limits.idle;
        let interval = idle.checked_div(4).unwrap_or(idle).max(Duration::from_secs(1));
        let weak = Arc::downgrade(&self.0);
        let sweeper = self.0.wallet.supervise("cashier", move || {
            let weak = Weak::clone(&weak);
            async move {
                loop {
                    sleep(interval).await;
                    let Some(inner) = weak.upgrade() else { return };
                    inner.sweep(idle);
                }
            }
        });
        self.0.tasks.lock().push(sweeper);
    }
}

impl std::fmt::Debug for Cashier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cashier").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.lock().drain(..).for_each(|task| task.abort());
    }
}

impl Inner {
    /* OPEN */

    /// The inbox of a cheque, which is opened if its chequebook is good. The cheapest checks come first.
    async fn inbox_for(&self, cheque: &SignedCheque) -> Result<Inbox, Error> {
        let line @ (contract, beneficiary) = (cheque.cheque().contract, cheque.cheque().beneficiary);
        if !self.settings.beneficiaries.contains(&beneficiary) {
            let expected = self.settings.beneficiaries.first().copied().unwrap_or_default();
            return Err(Error::WrongBeneficiary { found: beneficiary, expected });
        }
        let (found, expected) = (cheque.cheque().chain_id, self.wallet.chain_id());
        if found != expected {
            return Err(Error::WrongChainId { found, expected });
        }
        if let Some(inbox) = self.find(line) {
            return Ok(inbox);
        }
        self.known.check(contract)?;
        // Whoever signs for others learns nothing, and costs no question.
        if let Some(terms) = self.known.terms(contract) {
            cheque.verify(terms.signer)?;
        }
        let Limits { waiting, .. } = self.settings.limits;
        let (mut waits, mut wait) = (0..WAITS, FIRST_WAIT);
        loop {
            match self.lookups.open(&self.wallet, line, self.settings.policy, waiting).await {
                Ok(inbox) => {
                    if !self.settings.policy.accept_unproven {
                        self.known.remember(contract, inbox.terms());
                    }
                    cheque.verify(inbox.terms().signer)?;
                    return self.keep(line, inbox).await;
                }
                // Another task opens it, or drops it again because its cheque was bad.
                Err(error @ Error::AlreadyOpen { .. }) => {
                    if let Some(inbox) = self.find(line) {
                        return Ok(inbox);
                    }
                    if waits.next().is_none() {
                        return Err(error); // somebody else has it
                    }
                    sleep(wait).await;
                    wait = wait.saturating_mul(2);
                    if let Some(inbox) = self.find(line) {
                        return Ok(inbox);
                    }
                }
                Err(error) => {
                    self.known.refuse(contract, &error);
                    return Err(error);
                }
            }
        }
    }

    fn find(&self, line: Line) -> Option<Inbox> {
        self.open.lock().get_mut(&line).map(|opened| {
            opened.used = Instant::now();
            opened.inbox.clone()
        })
    }

    /// Keeps an inbox open, and counts what its cheques bring.
    pub(super) async fn keep(&self, line: Line, inbox: Inbox) -> Result<Inbox, Error> {
        let shared = self.wallet.shared();
        let purse = shared.credits.purse(&shared.ledger, line.0, line.1).await?;
        inbox.exposure().count(line.1, purse);
        if let Some(auto_cash) = self.settings.auto_cash {
            inbox.auto_cash(auto_cash);
        }
        let forgotten = {
            let mut open = self.open.lock();
            let is_new = !open.contains(&line);
            let forgotten = if is_new && open.len() >= self.settings.limits.open {
                let oldest =
                    open.iter().rev().take(TRIED).find(|(line, opened)| self.may_forget(**line, &opened.inbox));
                let Some(oldest) = oldest.map(|(line, _)| *line) else {
                    return Err(Error::Full { max: self.settings.limits.open });
                };
                open.pop(&oldest)
            } else {
                None
            };
            open.put(line, Opened { inbox: inbox.clone(), used: Instant::now() });
            forgotten
        };
        drop(forgotten); // closes an inbox, which takes locks
        Ok(inbox)
    }

    /* FORGET */

    /// Whether so little is to be cashed that nobody needs to guard it.
    pub(super) fn is_dust(&self, (_, beneficiary): Line, inbox: &Inbox) -> bool {
        inbox.exposure().standing(beneficiary).worth <= self.settings.limits.dust
    }

    /// Whether an inbox makes way: not while somebody uses it, whose cheque may be worth something in a moment.
    fn may_forget(&self, line: Line, inbox: &Inbox) -> bool {
        !inbox.is_shared() && self.is_dust(line, inbox)
    }

    /// Forgets an inbox that a bad cheque has opened.
    fn forget_if_unused(&self, line: Line) {
        let mut open = self.open.lock();
        let is_unused = open.peek(&line).is_some_and(|Opened { inbox, .. }| {
            !inbox.is_shared() && inbox.exposure().standing(line.1).amount.is_zero()
        });
        let forgotten = if is_unused { open.pop(&line) } else { None };
        drop(open);
        drop(forgotten); // closes an inbox, which takes locks
    }

    fn sweep(&self, idle: Duration) {
        let mut open = self.open.lock();
        let old = open.iter().rev().take_while(|(_, opened)| opened.used.elapsed() >= idle);
        let old = old.filter(|(line, opened)| self.may_forget(**line, &opened.inbox)).map(|(line, _)| *line);
        let forgotten: Vec<_> = old.collect::<Vec<_>>().into_iter().filter_map(|line| open.pop(&line)).collect();
        drop(open);
        drop(forgotten); // closes inboxes, which takes locks
    }

    /// The open inboxes with what they could cash, if it is anything.
    fn owed(&self) -> Vec<(Uncashed, Inbox)> {
        let open = self.open.lock();
        let all = open.iter().map(|(&(contract, beneficiary), opened)| {
            let standing = opened.inbox.exposure().standing(beneficiary);
            let uncashed = Uncashed {
                contract,
                beneficiary,
                uncashed: standing.amount.saturating_sub(standing.sent),
                payable: standing.payable,
                unacknowledged: standing.amount.saturating_sub(standing.acknowledged.max(standing.sent)),
                since: standing.since,
            };
            (uncashed, opened.inbox.clone())
        });
        all.filter(|(one, _)| !one.uncashed.is_zero()).collect()
    }
}
