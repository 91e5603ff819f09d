//! One sequence of commits for all callers: all batches that are submitted during a commit share the next one.

use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::{Mutex, RwLock};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::{Notify, RwLockReadGuard, oneshot, watch},
    time::{Sleep, sleep, timeout},
};

use super::{
    backend::Store,
    change::{Change, Condition, Conflict, Entry, Key, Table, Write},
    error::StoreError,
};

/// The most batches in one commit, so that the first of them need not wait for long.
const GROUP: usize = 1024;
/// How many rows are read at once.
const PAGE: usize = 1024;
/// How often a scan that a commit has disturbed begins again before it holds commits up.
const TRIES: usize = 3;

/// What is to be done once something is durable. It must wait for nothing.
type Told = Box<dyn FnOnce() + Send>;

/// Changes that are committed together.
#[derive(Default)]
pub(crate) struct Batch {
    change: Change,
    told: Vec<Told>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Sets a row.
    pub(crate) fn put(&mut self, key: Key, row: &impl Serialize) -> Result<&mut Self, StoreError> {
        let value = Some(encode(&key, row)?);
        self.change.writes.push(Write { key, value });
        Ok(self)
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, key: Key) -> &mut Self {
        self.change.writes.push(Write { key, value: None });
        self
    }

    /// Sets a row that must still be as it was read; `None` if there was none.
    pub(crate) fn replace<T: Serialize>(
        &mut self,
        key: Key,
        before: Option<&T>,
        row: &T,
    ) -> Result<&mut Self, StoreError> {
        let value = before.map(|before| encode(&key, before)).transpose()?;
        self.change.conditions.push(Condition { key: key.clone(), value });
        self.put(key, row)
    }

    /// Tells of it once it is durable, in the order of the commits, whether or not its caller still waits; never if it is
    /// not written. `tell` must wait for nothing, and not panic.
    pub(crate) fn when_durable(&mut self, tell: impl FnOnce() + Send + 'static) -> &mut Self {
        self.told.push(Box::new(tell));
        self
    }

    pub(crate) fn into_change(self) -> Change {
        self.change
    }
}

/// Becomes ready once a batch is durable. The batch is committed even if this is dropped.
pub(crate) struct Durable {
    answer: oneshot::Receiver<Result<(), StoreError>>,
    limit: Duration,
    /// When the caller is told that the store does not answer.
    late: Option<Pin<Box<Sleep>>>,
}

impl Durable {
    /// Waits for ever: for what must not be done before it is certain that it is durable.
    pub(crate) async fn certainly(self) -> Result<(), StoreError> {
        self.answer.await.unwrap_or(Err(StoreError::Closed)) // without an answer, the task has ended
    }
}

impl Future for Durable {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(context) {
            return Poll::Ready(answer.unwrap_or(Err(StoreError::Closed)));
        }
        let limit = self.limit;
        ready!(self.late.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context));
        Poll::Ready(Err(StoreError::TimedOut { limit }))
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
    /// The newest uncommitted value of each row, and the number of its batch.
    pending: HashMap<Key, (u64, Option<Vec<u8>>)>,
    /// How many batches were submitted.
    count: u64,
    /// How many commits have ended.
    commits: u64,
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
    store: RwLock<Option<Arc<dyn Store>>>,
    queue: Mutex<Queue>,
    /// Locked for writing by each commit, and for reading by scans that commits have disturbed too often.
    committing: tokio::sync::RwLock<()>,
    wake: Notify,
}

impl Shared {
    fn store(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.store.read().clone().ok_or(StoreError::Closed)
    }

    /// Tells the task to commit the waiting batches, and to end.
    fn begin_close(&self) {
        self.queue.lock().closing = true;
        self.wake.notify_one();
    }
}

/// The store of a wallet, with a task that commits to it.
pub(crate) struct Ledger {
    shared: Arc<Shared>,
    /// How long a caller waits for the store.
    limit: Duration,
    /// True once the task has ended.
    ended: watch::Receiver<bool>,
}

impl Ledger {
    /// Takes the store over, and starts the task that commits.
    pub(crate) fn new(store: impl Store, limit: Duration) -> Self {
        let shared = Arc::new(Shared {
            store: RwLock::new(Some(Arc::new(store))),
            queue: Mutex::default(),
            committing: tokio::sync::RwLock::default(),
            wake: Notify::new(),
        });
        let (end, ended) = watch::channel(false);
        let committer = Arc::clone(&shared);
        tokio::spawn(async move {
            while commit_next(&committer).await {}
            // First releases the store, then reports the end.
            drop(committer.store.write().take());
            end.send_replace(true);
        });
        Self { shared, limit, ended }
    }

    /// The row at `key`, as it was last submitted.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        // Uncommitted values come first; all others are in the store.
        let pending = {
            let queue = self.shared.queue.lock();
            queue.check_open()?;
            queue.pending.get(key).map(|(_, value)| value.clone())
        };
        let value = match pending {
            Some(value) => value,
            None => {
                let store = self.shared.store()?;
                self.within(store.get(key)).await?
            }
        };
        value.map(|value| decode(key.table, &key.bytes, &value)).transpose()
    }

    /// All rows of a table whose keys begin with `prefix`, as they were last submitted.
    pub(crate) async fn scan<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut rows = None;
        for _ in 0..TRIES {
            rows = self.try_scan(table, prefix).await?;
            if rows.is_some() {
                break;
            }
        }
        let rows = match rows {
            Some(rows) => rows,
            None => {
                // Commits follow each other faster than we read: the next one waits for us.
                let _commits = self.hold().await?;
                let rows = self.try_scan(table, prefix).await?;
                rows.ok_or_else(|| StoreError::Failed { reason: "it committed during a scan".to_owned() })?
            }
        };
        let rows = rows.into_iter();
        rows.map(|(key, value)| decode(table, &key, &value).map(|row| (key, row))).collect()
    }

    /// `None` if a commit ended meanwhile: then some of its rows may be missing, and others not.
    async fn try_scan(&self, table: Table, prefix: &[u8]) -> Result<Option<BTreeMap<Vec<u8>, Vec<u8>>>, StoreError> {
        let commits = self.shared.queue.lock().commits;
        let mut rows: BTreeMap<_, _> = self.durable_rows(table, prefix).await?.into_iter().collect();
        let queue = self.shared.queue.lock();
        queue.check_open()?;
        if queue.commits != commits {
            return Ok(None);
        }
        // A commit that has not ended may be in the rows or not. All of it is still pending, with what came later.
        for (key, (_, value)) in queue.pending.iter().filter(|(key, _)| key.table == table) {
            if key.bytes.starts_with(prefix) {
                match value {
                    Some(value) => rows.insert(key.bytes.clone(), value.clone()),
                    None => rows.remove(&key.bytes),
                };
            }
        }
        Ok(Some(rows))
    }

    /// Rows that are durable, without what was submitted and is not. Blocks nobody.
    pub(crate) async fn durable_page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.shared.queue.lock().check_open()?;
        let store = self.shared.store()?;
        self.within(store.page(table, prefix, after, limit)).await
    }

    /// All durable rows of a table whose keys begin with `prefix`, page by page: what is written meanwhile may be among
    /// them or not.
    pub(crate) async fn durable_rows(&self, table: Table, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        let mut rows: Vec<Entry> = Vec::new();
        loop {
            let after = rows.last().map(|(key, _)| key.clone());
            let page = self.durable_page(table, prefix, after.as_deref(), PAGE).await?;
            let full = page.len() >= PAGE;
            rows.extend(page);
            if !full {
                return Ok(rows);
            }
        }
    }

    /// Holds commits up until the guard is dropped: for the few reads that must be of one commit.
    pub(crate) async fn hold(&self) -> Result<RwLockReadGuard<'_, ()>, StoreError> {
        self.within(async { Ok(self.shared.committing.read().await) }).await
    }

    /// Submits a batch. It is committed after all earlier ones, whether or not anybody waits.
    pub(crate) fn submit(&self, batch: Batch) -> Durable {
        let (done, durable) = oneshot::channel();
        let durable = Durable { answer: durable, limit: self.limit, late: None };
        let mut queue = self.shared.queue.lock();
        if let Err(error) = queue.check_open() {
            drop(queue);
            let _ = done.send(Err(error)); // cannot fail: the receiver exists
            return durable;
        }
        queue.count = queue.count.wrapping_add(1);
        let count = queue.count;
        for Write { key, value } in &batch.change.writes {
            queue.pending.insert(key.clone(), (count, value.clone()));
        }
        queue.waiting.push(Waiting { batch, done });
        drop(queue);
        self.shared.wake.notify_one();
        durable
    }

    /// Waits until all submitted batches are committed, and closes the store. Later batches are refused.
    pub(crate) async fn close(&self) {
        self.shared.begin_close();
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|&ended| ended).await; // an error also means that the task has ended
    }

    async fn within<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.limit, answer).await.unwrap_or(Err(StoreError::TimedOut { limit: self.limit }))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.shared.begin_close();
    }
}

fn encode(key: &Key, row: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_allocvec(row).map_err(|_| StoreError::bad_row(key.table, &key.bytes))
}

/// Reads a row of a table.
pub(crate) fn decode<T: DeserializeOwned>(table: Table, key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(value) {
        Ok((row, [])) => Ok(row),
        _ => Err(StoreError::bad_row(table, key)),
    }
}

/// Waits for batches, and commits them. False once there will be no more.
async fn commit_next(shared: &Shared) -> bool {
    let (group, failed, last) = loop {
        {
            let mut queue = shared.queue.lock();
            if !queue.waiting.is_empty() {
                let rest = if queue.waiting.len() > GROUP { queue.waiting.split_off(GROUP) } else { Vec::new() };
                let group = std::mem::replace(&mut queue.waiting, rest);
                let left = u64::try_from(queue.waiting.len()).unwrap_or(u64::MAX);
                break (group, queue.check(), queue.count.wrapping_sub(left));
            }
            if queue.closing {
                return false;
            }
        }
        shared.wake.notified().await;
    };

    let (changes, done): (Vec<_>, Vec<_>) =
        group.into_iter().map(|Waiting { batch, done }| (batch.change, (done, batch.told))).unzip();
    let written: Vec<_> = changes.iter().flat_map(|change| &change.writes).map(|write| write.key.clone()).collect();
    let committing = shared.committing.write().await;
    let result = match failed {
        Ok(()) => commit(shared, changes).await,
        Err(error) => Err(error),
    };
    {
        let mut queue = shared.queue.lock();
        queue.commits = queue.commits.wrapping_add(1);
        match &result {
            // What was refused is pending no longer, either: it never will be true.
            Ok(_) => {
                for key in written {
                    if queue.pending.get(&key).is_some_and(|(count, _)| *count <= last) {
                        queue.pending.remove(&key);
                    }
                }
            }
            Err(error) => queue.failed = queue.failed.take().or_else(|| Some(describe(error))),
        }
    }
    drop(committing);
    match result {
        Ok(answers) => {
            for ((done, told), answer) in done.into_iter().zip(answers) {
                if answer.is_ok() {
                    told.into_iter().for_each(|tell| tell());
                }
                let _ = done.send(answer.map_err(StoreError::from)); // its caller may be dropped
            }
        }
        Err(error) => {
            for (done, _) in done {
                let _ = done.send(Err(error.clone())); // its caller may be dropped
            }
        }
    }
    true
}

/// Commits. A panic of the store is a failure, so that no caller waits for ever.
async fn commit(shared: &Shared, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
    let expected = changes.len();
    let store = shared.store()?;
    let nothing = |change: &Change| change.writes.is_empty() && change.conditions.is_empty();
    if changes.iter().all(nothing) {
        return Ok(vec![Ok(()); expected]);
    }
    let result = AssertUnwindSafe(store.commit(changes)).catch_unwind().await;
    let answers = result.unwrap_or_else(|_| Err(StoreError::Failed { reason: "it panicked".to_owned() }))?;
    if answers.len() != expected {
        let reason = format!("it answered {} changes of {expected}", answers.len());
        return Err(StoreError::Failed { reason });
    }
    Ok(answers)
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
