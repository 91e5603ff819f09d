//! One sequence of commits for all callers: all batches that are submitted during a commit share the next one.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    thread,
};

use parking_lot::{Condvar, Mutex, RwLock};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{oneshot, watch};

use super::{
    backend::{Entry, Store, Write},
    error::StoreError,
};

/// The most batches in one commit, so that the first of them need not wait for long.
const GROUP: usize = 1024;

/// Changes that are committed together.
#[derive(Default)]
pub(crate) struct Batch(Vec<Write>);

impl Batch {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets a row.
    pub(crate) fn put(&mut self, key: Vec<u8>, row: &impl Serialize) -> Result<&mut Self, StoreError> {
        let value = postcard::to_allocvec(row).map_err(|_| StoreError::BadRow { key: key.clone() })?;
        self.0.push(Write { key, value: Some(value) });
        Ok(self)
    }

    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.0
    }
}

/// Becomes ready once a batch is durable. The batch is committed even if this is dropped.
pub(crate) struct Durable(oneshot::Receiver<Result<(), StoreError>>);

impl Future for Durable {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Without an answer, the thread has ended.
        Poll::Ready(ready!(Pin::new(&mut self.0).poll(context)).unwrap_or(Err(StoreError::Closed)))
    }
}

struct Waiting {
    batch: Batch,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// The batches that are submitted and not yet committed.
#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// The newest uncommitted value of each key, and the number of its batch.
    pending: HashMap<Vec<u8>, (u64, Option<Vec<u8>>)>,
    /// How many batches were submitted.
    count: u64,
    /// Set by the first commit that fails: from then on it is not known what is durable.
    failed: Option<String>,
    closing: bool,
}

impl Queue {
    /// Whether the store may be trusted.
    fn check(&self) -> Result<(), StoreError> {
        match &self.failed {
            Some(reason) => Err(StoreError::Failed { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Whether it may be used.
    fn check_open(&self) -> Result<(), StoreError> {
        self.check()?;
        if self.closing { Err(StoreError::Closed) } else { Ok(()) }
    }
}

struct Shared {
    /// `None` once the ledger is closed.
    store: RwLock<Option<Box<dyn Store>>>,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Locked for writing from before a commit until its changes are no longer pending, and for reading by scans.
    committing: RwLock<()>,
}

impl Shared {
    fn with_store<T>(&self, ask: impl FnOnce(&dyn Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let store = self.store.read();
        ask(store.as_deref().ok_or(StoreError::Closed)?)
    }

    /// Tells the thread to commit the waiting batches, and to end.
    fn begin_close(&self) {
        self.queue.lock().closing = true;
        self.wake.notify_one();
    }
}

/// The store of a wallet, with a thread that commits to it.
pub(crate) struct Ledger {
    shared: Arc<Shared>,
    /// True once the thread has ended.
    ended: watch::Receiver<bool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Ledger {
    pub(crate) fn new(store: impl Store) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            store: RwLock::new(Some(Box::new(store))),
            queue: Mutex::default(),
            wake: Condvar::new(),
            committing: RwLock::new(()),
        });
        let (end, ended) = watch::channel(false);
        let committer = Arc::clone(&shared);
        let thread = thread::Builder::new().name("chequebook-store".to_owned()).spawn(move || {
            while commit_next(&committer) {}
            // First releases the lock of the file, then reports the end.
            drop(committer.store.write().take());
            end.send_replace(true);
        });
        Ok(Self { shared, ended, thread: Some(thread.map_err(StoreError::other)?) })
    }

    /// The row at `key`, as it was last submitted.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        // Uncommitted values come first; all others are in the store.
        let queue = self.shared.queue.lock();
        queue.check_open()?;
        let value = match queue.pending.get(key) {
            Some((_, value)) => value.clone(),
            None => {
                drop(queue);
                self.shared.with_store(|store| store.get(key))?
            }
        };
        value.map(|value| decode(key, &value)).transpose()
    }

    /// The rows whose keys begin with `prefix`, as they were last submitted.
    pub(crate) fn scan<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let rows = self.scan_raw(prefix)?.into_iter();
        rows.map(|(key, value)| decode(&key, &value).map(|row| (key, row))).collect()
    }

    pub(crate) fn scan_raw(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        // No commit may happen meanwhile: some of its changes would be seen, others not.
        let _commits = self.shared.committing.read();
        let queue = self.shared.queue.lock();
        queue.check_open()?;
        let pending = queue.pending.iter().filter(|(key, _)| key.starts_with(prefix));
        let pending: Vec<_> = pending.map(|(key, (_, value))| (key.clone(), value.clone())).collect();
        drop(queue);
        let mut rows: BTreeMap<_, _> = self.shared.with_store(|store| store.scan(prefix))?.into_iter().collect();
        for (key, value) in pending {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(rows.into_iter().collect())
    }

    /// Submits a batch. It is committed after all earlier ones, whether or not anybody waits.
    pub(crate) fn submit(&self, batch: Batch) -> Durable {
        let (done, durable) = oneshot::channel();
        let mut queue = self.shared.queue.lock();
        if let Err(error) = queue.check_open() {
            drop(queue);
            let _ = done.send(Err(error)); // cannot fail: the receiver exists
            return Durable(durable);
        }
        queue.count = queue.count.wrapping_add(1);
        let count = queue.count;
        for Write { key, value } in &batch.0 {
            queue.pending.insert(key.clone(), (count, value.clone()));
        }
        queue.waiting.push(Waiting { batch, done });
        drop(queue);
        self.shared.wake.notify_one();
        Durable(durable)
    }

    /// Waits until all submitted batches are committed, and closes the store. Later batches are refused.
    pub(crate) async fn close(&self) {
        self.shared.begin_close();
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|&ended| ended).await; // an error also means that the thread has ended
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.shared.begin_close();
        // If the thread itself drops the ledger, it must not wait for its own end.
        if let Some(thread) = self.thread.take().filter(|handle| handle.thread().id() != thread::current().id()) {
            let _ = thread.join(); // only dropping the store can have panicked
        }
    }
}

fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(value) {
        Ok((row, [])) => Ok(row),
        _ => Err(StoreError::BadRow { key: key.to_vec() }),
    }
}

/// Waits for batches, and commits them. False once there will be no more.
fn commit_next(shared: &Shared) -> bool {
    let mut queue = shared.queue.lock();
    while queue.waiting.is_empty() {
        if queue.closing {
            return false;
        }
        shared.wake.wait(&mut queue);
    }
    let rest = if queue.waiting.len() > GROUP { queue.waiting.split_off(GROUP) } else { Vec::new() };
    let group = std::mem::replace(&mut queue.waiting, rest);
    let failed = queue.check();
    let last = queue.count.wrapping_sub(u64::try_from(queue.waiting.len()).unwrap_or(u64::MAX));
    drop(queue);

    let (writes, done) = merge(group);
    let commits = shared.committing.write();
    let result = failed.and_then(|()| commit(shared, &writes));
    let mut queue = shared.queue.lock();
    match &result {
        Ok(()) => {
            for Write { key, .. } in &writes {
                if queue.pending.get(key).is_some_and(|(count, _)| *count <= last) {
                    queue.pending.remove(key);
                }
            }
        }
        Err(error) => queue.failed = queue.failed.take().or_else(|| Some(describe(error))),
    }
    drop(queue);
    drop(commits);
    for done in done {
        let _ = done.send(result.clone()); // its caller may be dropped
    }
    true
}

/// The last change of each key, and the callers to answer. A total that every batch changes is written once.
fn merge(group: Vec<Waiting>) -> (Vec<Write>, Vec<oneshot::Sender<Result<(), StoreError>>>) {
    let mut newest = BTreeMap::new();
    let mut all = Vec::with_capacity(group.len());
    for Waiting { batch, done } in group {
        newest.extend(batch.0.into_iter().map(|Write { key, value }| (key, value)));
        all.push(done);
    }
    (newest.into_iter().map(|(key, value)| Write { key, value }).collect(), all)
}

/// Commits. A panic of the store is a failure, so that no caller waits for ever.
fn commit(shared: &Shared, writes: &[Write]) -> Result<(), StoreError> {
    if writes.is_empty() {
        return Ok(());
    }
    catch_unwind(AssertUnwindSafe(|| shared.with_store(|store| store.commit(writes))))
        .unwrap_or_else(|_| Err(StoreError::Failed { reason: "it panicked".to_owned() }))
}

/// An error and its sources, in one line.
fn describe(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
