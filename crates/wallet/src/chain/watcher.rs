//! What all payers and payees of a wallet know of the chain: read once for each block, not once for each cheque.
//!
//! State is read, not events: a node can leave an event out, and a chequebook with none is not told from one with many.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use alloy::primitives::{Address, B256, BlockNumber};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::{
    blocks::Look,
    node::Chain,
    view::View,
    watched::{Seen, WatchedChequebook},
};
use crate::{
    Error,
    config::Config,
    events::Feed,
    registry::Registry,
    store::{
        Ledger,
        schema::{ViewRow, view_key},
    },
};

/// What happened since somebody looked.
#[derive(Default)]
pub(crate) struct News {
    changed: Mutex<BTreeSet<Address>>,
    is_new_block: AtomicBool,
    wake: Notify,
}

impl News {
    /// More than the blocks changed of a chequebook.
    pub(super) fn report(&self, contract: Address) {
        self.changed.lock().insert(contract);
    }

    /// There is another block.
    pub(super) fn block(&self) {
        self.is_new_block.store(true, Ordering::Relaxed);
    }

    /// Tells who listens.
    pub(super) fn publish(&self) {
        self.wake.notify_one();
    }

    /// Waits for news.
    pub(crate) async fn published(&self) {
        self.wake.notified().await;
    }

    /// Whether there is another block since the last call, and the chequebooks of which something changed.
    pub(crate) fn take(&self) -> (bool, BTreeSet<Address>) {
        (self.is_new_block.swap(false, Ordering::Relaxed), std::mem::take(&mut self.changed.lock()))
    }
}

/// All chequebooks that are watched, and the view of the chain that they share.
pub(crate) struct ChainWatcher {
    /// Itself, for what nobody waits for.
    pub(super) this: Weak<Self>,
    pub(super) chain: Arc<Chain>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) config: Config,
    watched: Arc<Registry<Address, WatchedChequebook>>,
    /// The chequebooks of which more than the blocks changed.
    pub(super) news: News,
    pub(super) feed: Feed,
    pub(super) view: Mutex<View>,
    pub(super) last: Mutex<Option<Look>>,
    /// When the newest block became the newest.
    pub(super) advanced: Mutex<Option<Instant>>,
    /// The final block of an earlier run.
    pub(super) confirmed_before: Option<(BlockNumber, B256)>,
    /// When the view was last made durable.
    pub(super) remembered: Mutex<Option<Instant>>,
    /// One look at a time: all who ask meanwhile share the next. It guards no state.
    pub(super) looking: tokio::sync::Mutex<()>,
    pub(super) tickets: AtomicU64,
}

impl ChainWatcher {
    pub(crate) async fn open(
        chain: Arc<Chain>,
        ledger: Arc<Ledger>,
        config: Config,
        feed: Feed,
    ) -> Result<Arc<Self>, Error> {
        let mut view = View::default();
        let mut confirmed_before = None;
        if let Some(ViewRow { number, hash, confirmed, confirmed_hash }) = ledger.get(&view_key()).await? {
            view.remember(number, hash);
            confirmed_before = Some((confirmed, confirmed_hash));
        }
        Ok(Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            advanced: Mutex::default(),
            confirmed_before,
            chain,
            ledger,
            config,
            watched: Arc::default(),
            news: News::default(),
            feed,
            view: Mutex::new(view),
            last: Mutex::default(),
            remembered: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            tickets: AtomicU64::new(1),
        }))
    }

    /// Number and hash of the newest block that was final in an earlier run.
    pub(crate) const fn confirmed_before(&self) -> Option<(BlockNumber, B256)> {
        self.confirmed_before
    }

    /// Reports the chequebooks of which more than the blocks changed.
    pub(crate) const fn news(&self) -> &News {
        &self.news
    }

    /// Notes what was read of a chequebook. After a failure, what is known of it stays as it was, and all others go on.
    pub(super) fn settle(&self, watched: &WatchedChequebook, seen: Result<Seen, Error>) {
        let was_failing = watched.is_failing.swap(seen.is_err(), Ordering::Relaxed);
        match seen {
            Ok(seen) => self.note(watched, seen),
            // Ten thousand chequebooks of a token that fails are not reported with each block.
            Err(error) if was_failing => {
                tracing::debug!(contract = %watched.contract, %error, "still could not read a chequebook");
            }
            Err(error) => tracing::warn!(contract = %watched.contract, %error, "could not read a chequebook"),
        }
    }

    /// Notes what was read of a chequebook, and reports it if it is news.
    pub(super) fn note(&self, watched: &WatchedChequebook, seen: Seen) {
        if watched.update(seen, &self.feed) {
            self.news.report(watched.contract);
        }
    }

    pub(super) fn find(&self, contract: Address) -> Option<Arc<WatchedChequebook>> {
        self.watched.find(&contract)
    }

    /// All that are watched.
    pub(super) fn all(&self) -> Vec<Arc<WatchedChequebook>> {
        self.watched.all()
    }

    /// Adds a chequebook that was just read, unless another task has added it.
    pub(super) fn insert(&self, mut new: WatchedChequebook) -> Arc<WatchedChequebook> {
        new.all = Some(Arc::clone(&self.watched));
        self.watched.insert(new.contract, Arc::new(new))
    }
}
