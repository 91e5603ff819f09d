//! The owner of all facts about an account's transactions: their nonces, what they may cost, and how they stand.
//!
//! The facts are behind one lock, which is never held while anything is waited for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
};

use alloy::primitives::{Address, B256, BlockNumber, Bytes, U256};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    handle::{Owner, Transaction},
    kept::{KEPT, newest_final},
    sign::AccountSigner,
    slots::{Slot, Slots, bad_row, unsigned},
    status::{Id, Known, Status},
};
use crate::{
    Error,
    chain::{Chain, ChainWatcher, Ticket},
    config::Config,
    events::Feed,
    health::Health,
    store::{
        Ledger, StoreError,
        schema::{Purpose, TransactionRow, nonce_key, table, transaction_of},
    },
};

/// The facts.
#[derive(Default)]
pub(super) struct State {
    /// The next nonce of our account.
    pub(super) next: u64,
    /// By account and nonce: those that are not final.
    pub(super) open: Slots,
    /// The newest of those that are.
    pub(super) closed: Slots,
    /// What is being signed.
    pub(super) signing: Option<Purpose>,
    /// By chequebook, if it is loaded: what automatic deposits that are final have sent. In wei.
    pub(super) automatic: HashMap<Address, U256>,
    /// How many reorganisations were seen before all transactions were last looked at.
    pub(super) branch: u64,
    /// Nonces that nothing uses though later ones wait for them, and the newest block when that was first seen.
    pub(super) gaps: BTreeMap<Id, BlockNumber>,
    /// Whether gaps are being filled.
    pub(super) is_filling: bool,
}

impl State {
    /// Moves a transaction to those that are final.
    pub(super) fn close(&mut self, id: Id) {
        if let Some(slot) = self.open.remove(&id) {
            self.closed.insert(id, slot);
        }
        while self.closed.len() > KEPT {
            self.closed.remove_first();
        }
    }

    /// What the transactions that are under way may cost, in wei: those of `account` from `nonce` on.
    pub(super) fn outflow(&self, account: Address, nonce: u64) -> Result<U256, StoreError> {
        let under_way = self.open.range((account, nonce)..=(account, u64::MAX));
        under_way.map(|(&id, slot)| slot.cost(id)).try_fold(U256::ZERO, |sum, cost| Ok(sum.saturating_add(cost?)))
    }
}

impl State {
    /// What the transactions that are under way move of a token, in its smallest unit: those of `account` from `nonce` on.
    pub(super) fn token_outflow(&self, account: Address, nonce: u64, token: Address) -> Result<U256, StoreError> {
        let mut under_way = self.open.range((account, nonce)..=(account, u64::MAX));
        under_way.try_fold(U256::ZERO, |sum, (&id, slot)| Ok(sum.saturating_add(slot.moves(id, token)?)))
    }
}

/// When all transactions were last looked at, and after how many reorganisations.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Followed {
    pub(super) began: Ticket,
    pub(super) branch: u64,
    /// Number and hash of the newest block that was final then. `None` if this run has not looked yet.
    pub(super) confirmed: Option<(BlockNumber, B256)>,
}

/// The account of a wallet, and all transactions that its store knows.
pub(crate) struct Account {
    /// Itself, for its handles.
    pub(super) this: Weak<Self>,
    pub(super) chain: Arc<Chain>,
    pub(super) watcher: Arc<ChainWatcher>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) signer: AccountSigner,
    pub(super) config: Config,
    pub(super) health: watch::Sender<Health>,
    pub(super) feed: Feed,
    pub(super) state: Mutex<State>,
    /// One signature at a time, so that nonces are given in order. It guards no state, and is held no longer than the
    /// time limits of node, signer and store allow.
    pub(super) signing: tokio::sync::Mutex<()>,
    /// One look at all transactions at a time: all who ask meanwhile share the next. It guards no state.
    pub(super) following: tokio::sync::Mutex<Followed>,
}

impl Account {
    /// Reads the transactions that are not final from the store, and the newest of those that are.
    pub(crate) async fn open(
        (chain, watcher, ledger): (Arc<Chain>, Arc<ChainWatcher>, Arc<Ledger>),
        signer: AccountSigner,
        config: Config,
        health: watch::Sender<Health>,
        feed: Feed,
    ) -> Result<Arc<Self>, Error> {
        let next = ledger.get::<u64>(&nonce_key(signer.address())).await?.unwrap_or_default();
        let mut state = State { next, ..State::default() };
        for (key, row) in ledger.scan::<TransactionRow>(table::TRANSACTIONS, &[]).await? {
            let id = transaction_of(table::TRANSACTIONS, &key)?;
            if row.variants.is_empty() {
                return Err(bad_row(id).into());
            }
            let durable = row.variants.len();
            let slot = Slot::new(row, durable, Status::Pending);
            slot.cost(id)?; // refuses a row that cannot be read
            state.open.insert(id, slot);
        }
        (state.closed, state.automatic) = newest_final(&ledger, signer.address(), next, state.open.len()).await?;
        Ok(Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            chain,
            watcher,
            ledger,
            signer,
            config,
            health,
            feed,
            state: Mutex::new(state),
            signing: tokio::sync::Mutex::default(),
            following: tokio::sync::Mutex::default(),
        }))
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    /* LIST */

    /// The transactions that are not final, by account and then by nonce.
    pub(crate) fn open_transactions(&self) -> Vec<Transaction> {
        let state = self.state.lock();
        state.open.iter().map(|(&id, slot)| self.handle(id, slot)).collect()
    }

    /// The input of the transactions that are not final.
    pub(crate) fn open_inputs(&self) -> Result<Vec<(Transaction, Bytes)>, Error> {
        let state = self.state.lock();
        let open = state.open.iter().map(|(&id, slot)| {
            let input = unsigned(id, slot.row.first())?.input;
            Ok((self.handle(id, slot), input))
        });
        open.collect()
    }

    pub(super) fn handle(&self, id: Id, slot: &Slot) -> Transaction {
        self.handle_of(id, slot.row.purpose, slot.known.subscribe())
    }

    pub(super) fn handle_of(&self, id: Id, purpose: Purpose, known: watch::Receiver<Known>) -> Transaction {
        let owner: Weak<dyn Owner> = Weak::<Self>::clone(&self.this);
        Transaction { owner, id, purpose, known, health: self.health.subscribe() }
    }

    /// The deposits into a chequebook that are under way or were made not long ago, with those of its creation: each
    /// amount, in wei.
    pub(crate) fn deposits(&self, contract: Address) -> Vec<(U256, Status)> {
        let state = self.state.lock();
        let all = state.open.of(contract).chain(state.closed.of(contract));
        all.filter_map(|(_, slot)| Some((slot.row.purpose.deposit()?, slot.status))).collect()
    }

    /// The transaction that funds or ends a chequebook as wanted, if it is under way.
    pub(crate) fn find(&self, contract: Address, wanted: impl Fn(Purpose) -> bool) -> Option<Transaction> {
        let state = self.state.lock();
        let mut open = state.open.of(contract);
        open.find(|(_, slot)| wanted(slot.row.purpose) && !slot.row.cancelled).map(|(id, slot)| self.handle(id, slot))
    }

    /// Runs `change` on a transaction that is not final.
    pub(super) fn with<T>(&self, id: Id, change: impl FnOnce(&mut Slot) -> T) -> Result<T, Error> {
        let mut state = self.state.lock();
        state.open.get_mut(&id).map(change).ok_or(Error::AlreadyFinal { nonce: id.1 })
    }
}
