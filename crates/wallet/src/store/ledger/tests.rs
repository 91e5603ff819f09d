#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod answers;
mod conflicts;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::watch,
    task::{JoinSet, yield_now},
};

use super::{Batch, Ledger};
use crate::store::{Change, Conflict, Entry, Key, Memory, Store, StoreError, Table, Write, schema::table};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

/// What a store does when it is told to commit.
#[derive(Clone, Copy, PartialEq)]
enum Commit {
    Succeeds,
    /// Waits, except for the first ones, whose number is given.
    WaitsAfter(usize),
    Fails,
    Panics,
}

/// A store in memory that counts commits, delays them, and fails.
#[derive(Clone)]
struct Mock(Arc<Inner>);

struct Inner {
    memory: Memory,
    commits: watch::Sender<usize>,
    /// The keys of each change of each commit.
    written: Mutex<Vec<Vec<Vec<Vec<u8>>>>>,
    next: watch::Sender<Commit>,
    dropped: watch::Sender<bool>,
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.0.dropped.send_replace(true);
    }
}

fn mock(next: Commit) -> (Ledger, Arc<Inner>) {
    mock_within(next, LONG)
}

fn mock_within(next: Commit, limit: Duration) -> (Ledger, Arc<Inner>) {
    let inner = Arc::new(Inner {
        memory: Memory::new(),
        commits: watch::Sender::default(),
        written: Mutex::default(),
        next: watch::Sender::new(next),
        dropped: watch::Sender::default(),
    });
    (Ledger::new(Mock(Arc::clone(&inner)), limit), inner)
}

impl Inner {
    fn set(&self, next: Commit) {
        self.next.send_replace(next);
    }

    /// Waits until a commit has begun, so that later batches belong to the next commit.
    async fn until_committing(&self) {
        self.until_commits(1).await;
    }

    async fn until_commits(&self, count: usize) {
        self.commits.subscribe().wait_for(|begun| *begun >= count).await.unwrap();
    }

    async fn until_dropped(&self) {
        self.dropped.subscribe().wait_for(|&dropped| dropped).await.unwrap();
    }

    fn dropped(&self) -> bool {
        *self.dropped.borrow()
    }

    /// Whether a row is durable, and its value.
    async fn stored(&self, name: &str) -> Option<Vec<u8>> {
        self.memory.get(&key(name)).await.unwrap()
    }

    async fn count(&self) -> usize {
        self.memory.page(TABLE, &[], None, usize::MAX).await.unwrap().len()
    }

    /// Writes behind the back of the ledger.
    async fn write(&self, name: &str, bytes: &[u8]) {
        let write = Write { key: key(name), value: Some(bytes.to_vec()) };
        let change = Change { conditions: vec![], writes: vec![write] };
        assert_eq!(self.memory.commit(vec![change]).await.unwrap(), [Ok(())]);
    }
}

#[async_trait]
impl Store for Mock {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.memory.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.memory.page(table, prefix, after, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let before = *self.0.commits.borrow();
        self.0.commits.send_replace(before + 1);
        let mut next = self.0.next.subscribe();
        let waits = |next: &Commit| matches!(next, Commit::WaitsAfter(some) if before >= *some);
        let next = *next.wait_for(|next| !waits(next)).await.unwrap();
        match next {
            Commit::Fails => Err(StoreError::other(std::io::Error::other("no space left"))),
            Commit::Panics => panic!("as the test says"),
            Commit::Succeeds | Commit::WaitsAfter(_) => {
                let keys = |change: &Change| change.writes.iter().map(|write| write.key.bytes.clone()).collect();
                self.0.written.lock().unwrap().push(changes.iter().map(keys).collect());
                self.0.memory.commit(changes).await
            }
        }
    }
}

const TABLE: Table = table::TOTALS;

fn key(name: &str) -> Key {
    Key { table: TABLE, bytes: name.into() }
}

fn batch(rows: &[(&str, u64)]) -> Batch {
    let mut batch = Batch::new();
    for (name, row) in rows {
        batch.put(key(name), row).unwrap();
    }
    batch
}

fn rows(found: &[(&str, u64)]) -> Vec<(Vec<u8>, u64)> {
    found.iter().map(|&(name, row)| (name.into(), row)).collect()
}

async fn get(ledger: &Ledger, name: &str) -> Result<Option<u64>, StoreError> {
    ledger.get(&key(name)).await
}

async fn scan(ledger: &Ledger, prefix: &str) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    ledger.scan(TABLE, prefix.as_bytes()).await
}

fn assert_failed<T: Debug>(result: Result<T, StoreError>, expected: &str) {
    match result {
        Err(StoreError::Failed { reason }) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("expected that the store failed, found {other:?}"),
    }
}

#[tokio::test]
async fn reads_what_was_submitted_before_it_is_durable() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    store.write("a/0", &[7]).await;
    let first = ledger.submit(batch(&[("a/1", 1), ("a/3", 3), ("b", 9)]));
    store.until_committing().await;
    let second = ledger.submit(batch(&[("a/1", 2), ("a/2", 2)]));
    assert_eq!(store.stored("a/1").await, None);
    assert_eq!(get(&ledger, "a/1").await.unwrap(), Some(2));
    assert_eq!(get(&ledger, "a/3").await.unwrap(), Some(3));
    assert_eq!(get(&ledger, "a/0").await.unwrap(), Some(7));
    assert_eq!(get(&ledger, "a").await.unwrap(), None);
    let expected = rows(&[("a/0", 7), ("a/1", 2), ("a/2", 2), ("a/3", 3)]);
    assert_eq!(scan(&ledger, "a/").await.unwrap(), expected);
    let durable = ledger.durable_page(TABLE, b"a/", None, 9).await.unwrap();
    assert_eq!(durable, [(b"a/0".to_vec(), vec![7])], "only what is durable");
    store.set(Commit::WaitsAfter(1));
    first.await.unwrap();
    assert_eq!(store.stored("a/1").await, Some(vec![1]));
    assert_eq!(get(&ledger, "a/1").await.unwrap(), Some(2));
    store.set(Commit::Succeeds);
    assert_eq!(scan(&ledger, "a/").await.unwrap(), expected);
    second.await.unwrap();
    assert_eq!(scan(&ledger, "a/").await.unwrap(), expected);
    assert_eq!(get(&ledger, "a/1").await.unwrap(), Some(2));
    assert!(ledger.shared.queue.lock().pending.is_empty(), "what is committed is no longer held in memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_a_commit() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    let first = ledger.submit(batch(&[("first", 0)]));
    store.until_committing().await;
    let mut tasks = JoinSet::new();
    for task in 0..64_u64 {
        tasks.spawn(ledger.submit(batch(&[("total", task), (&format!("row {task}"), task)])));
    }
    store.set(Commit::Succeeds);
    assert!(tasks.join_all().await.into_iter().all(|result| result.is_ok()));
    first.await.unwrap();
    assert_eq!(store.written.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [1, 64]);
    assert_eq!(get(&ledger, "total").await.unwrap(), Some(63), "the last one wins");
    assert_eq!(store.count().await, 66);
}

#[tokio::test]
async fn commits_in_the_order_of_submission_and_each_batch_whole() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    let count = 2 * super::GROUP + 10;
    let submit = |index: usize| {
        let number = u64::try_from(index).unwrap();
        ledger.submit(batch(&[(&format!("{index:05}"), number), ("z", number)]))
    };
    let all: Vec<_> = (0..count).map(submit).collect();
    store.set(Commit::Succeeds);
    for durable in all {
        durable.await.unwrap();
    }
    let written = store.written.lock().unwrap().clone();
    assert!(written.iter().all(|changes| changes.len() <= super::GROUP), "a commit is bounded");
    let expected = (0..count).map(|index| vec![format!("{index:05}").into_bytes(), b"z".to_vec()]);
    assert_eq!(written.concat(), expected.collect::<Vec<_>>(), "no batch is split");
    assert_eq!(get(&ledger, "z").await.unwrap(), Some(u64::try_from(count).unwrap() - 1));
}

#[tokio::test]
async fn commits_what_nobody_waits_for_and_frees_the_store_when_dropped() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    drop(ledger.submit(batch(&[("a", 1)])));
    store.until_committing().await;
    drop(ledger.submit(batch(&[("b", 2)])));
    drop(ledger);
    assert!(!store.dropped(), "it still commits");
    store.set(Commit::Succeeds);
    store.until_dropped().await;
    assert_eq!(store.count().await, 2);
}

#[tokio::test]
async fn an_empty_batch_waits_for_those_before_it() {
    let (ledger, store) = mock(Commit::Succeeds);
    drop(ledger.submit(batch(&[("a", 1)])));
    ledger.submit(Batch::new()).await.unwrap();
    assert_eq!(store.count().await, 1);
    ledger.submit(Batch::new()).await.unwrap();
    assert_eq!(*store.commits.borrow(), 1, "there was nothing to commit");
}

#[tokio::test]
async fn fails_for_good_after_a_commit_failed_or_panicked() {
    for (next, reason) in [(Commit::Fails, "no space left"), (Commit::Panics, "panicked")] {
        let (ledger, store) = mock(Commit::WaitsAfter(0));
        let first = ledger.submit(batch(&[("a", 1)]));
        store.until_committing().await;
        let second = ledger.submit(batch(&[("b", 2)]));
        store.set(next);
        first.await.unwrap_err();
        assert_failed(second.await, reason);
        store.set(Commit::Succeeds);
        assert_failed(ledger.submit(batch(&[("c", 3)])).await, reason);
        assert_failed(get(&ledger, "a").await, reason);
        assert_failed(scan(&ledger, "").await, reason);
        ledger.close().await;
        assert!(store.dropped());
        assert_eq!((*store.commits.borrow(), store.count().await), (1, 0));
    }
}

#[tokio::test]
async fn closes_after_what_was_submitted_and_then_refuses() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    let durable = ledger.submit(batch(&[("a", 1)]));
    store.until_committing().await;
    drop(ledger.submit(batch(&[("b", 2)])));
    store.set(Commit::Succeeds);
    ledger.close().await;
    assert!(store.dropped(), "the store is free once it is closed");
    durable.await.unwrap();
    assert_eq!(store.count().await, 2);
    assert!(matches!(ledger.submit(batch(&[("c", 3)])).await, Err(StoreError::Closed)));
    assert!(matches!(get(&ledger, "a").await, Err(StoreError::Closed)));
    assert!(matches!(scan(&ledger, "a").await, Err(StoreError::Closed)));
    assert!(matches!(ledger.durable_page(TABLE, b"", None, 1).await, Err(StoreError::Closed)));
    ledger.close().await;
}

#[tokio::test]
async fn refuses_rows_that_are_not_what_they_should_be() {
    let (ledger, store) = mock(Commit::Succeeds);
    for bytes in [vec![], vec![0x80], vec![1, 0]] {
        store.write("row", &bytes).await;
        for error in [get(&ledger, "row").await.unwrap_err(), scan(&ledger, "").await.unwrap_err()] {
            assert!(matches!(error, StoreError::BadRow { key, table: "totals" } if key == b"row"));
        }
    }
}

/// A store whose pages take so long that a commit can happen meanwhile.
struct Slow(Memory);

#[async_trait]
impl Store for Slow {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        for _ in 0..20 {
            yield_now().await;
        }
        let page = self.0.page(table, prefix, after, limit).await;
        for _ in 0..20 {
            yield_now().await;
        }
        page
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        self.0.commit(changes).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_sees_each_batch_whole() {
    let ledger = Arc::new(Ledger::new(Slow(Memory::new()), LONG));
    ledger.submit(batch(&[("a", 0), ("b", 1), ("c", 1)])).await.unwrap();
    let writer = Arc::clone(&ledger);
    let writing = tokio::spawn(async move {
        for round in 2..4000 {
            let other = if round % 2 == 0 { "a" } else { "c" };
            writer.submit(batch(&[(other, round), ("b", round)])).await.unwrap();
        }
    });
    let (mut last, mut scans) = (0, 0);
    while !writing.is_finished() {
        let [(_, a), (_, b), (_, c)] = scan(&ledger, "").await.unwrap()[..] else { panic!("three rows were written") };
        assert_eq!((b, 1), (a.max(c), a.abs_diff(c)), "half of a batch");
        assert!(b >= last, "an older state");
        last = b;
        scans += 1;
    }
    writing.await.unwrap();
    assert!(scans > 10, "commits held the scans up, which were only {scans}");
}

#[cfg(feature = "redb")]
#[tokio::test]
async fn lets_go_of_the_file() {
    use crate::store::Redb;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    for round in 0..3 {
        let ledger = Ledger::new(Redb::open_or_create(&path).unwrap(), LONG);
        assert_eq!(get(&ledger, "round").await.unwrap().unwrap_or_default(), round);
        drop(ledger.submit(batch(&[("round", round + 1)])));
        if round == 1 {
            let mut ended = ledger.ended.clone();
            drop(ledger);
            ended.wait_for(|&ended| ended).await.unwrap();
        } else {
            ledger.close().await;
        }
    }
    assert_eq!(Redb::open(&path).unwrap().page(TABLE, &[], None, 9).await.unwrap().len(), 1);
}
