#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::task::JoinSet;

use super::{Batch, Ledger};
use crate::store::{Entry, Memory, Store, StoreError, Write};

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
    commits: AtomicUsize,
    /// The keys of each commit.
    written: Mutex<Vec<Vec<Vec<u8>>>>,
    next: Mutex<Commit>,
    changed: Condvar,
    dropped: AtomicBool,
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.0.dropped.store(true, SeqCst);
    }
}

fn mock(next: Commit) -> (Ledger, Arc<Inner>) {
    let inner = Arc::new(Inner {
        memory: Memory::new(),
        commits: AtomicUsize::new(0),
        written: Mutex::default(),
        next: Mutex::new(next),
        changed: Condvar::new(),
        dropped: AtomicBool::new(false),
    });
    (Ledger::new(Mock(Arc::clone(&inner))).unwrap(), inner)
}

impl Inner {
    fn set(&self, next: Commit) {
        *self.next.lock().unwrap() = next;
        self.changed.notify_all();
    }

    /// Waits until a commit has begun, so that later batches belong to the next commit.
    fn until_committing(&self) {
        while self.commits.load(SeqCst) == 0 {
            std::thread::yield_now();
        }
    }
}

impl Store for Mock {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.memory.get(key)
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        self.0.memory.scan(prefix)
    }

    fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let before = self.0.commits.fetch_add(1, SeqCst);
        let waiting = self.0.next.lock().unwrap();
        let next = *self
            .0
            .changed
            .wait_while(waiting, |next| matches!(next, Commit::WaitsAfter(some) if before >= *some))
            .unwrap();
        match next {
            Commit::Fails => Err(StoreError::other(std::io::Error::other("no space left"))),
            Commit::Panics => panic!("as the test says"),
            Commit::Succeeds | Commit::WaitsAfter(_) => {
                self.0.written.lock().unwrap().push(writes.iter().map(|write| write.key.clone()).collect());
                self.0.memory.commit(writes)
            }
        }
    }
}

fn batch(rows: &[(&str, u64)]) -> Batch {
    let mut batch = Batch::new();
    for (key, row) in rows {
        batch.put(key.as_bytes().to_vec(), row).unwrap();
    }
    batch
}

fn rows(found: &[(&str, u64)]) -> Vec<(Vec<u8>, u64)> {
    found.iter().map(|&(key, row)| (key.as_bytes().to_vec(), row)).collect()
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
    store.memory.commit(&[Write { key: b"a/0".to_vec(), value: Some(vec![7]) }]).unwrap();
    let first = ledger.submit(batch(&[("a/1", 1), ("a/3", 3), ("b", 9)]));
    store.until_committing();
    let second = ledger.submit(batch(&[("a/1", 2), ("a/2", 2)]));
    assert_eq!(store.memory.get(b"a/1").unwrap(), None);
    assert_eq!(ledger.get::<u64>(b"a/1").unwrap(), Some(2));
    assert_eq!(ledger.get::<u64>(b"a/3").unwrap(), Some(3));
    assert_eq!(ledger.get::<u64>(b"a/0").unwrap(), Some(7));
    assert_eq!(ledger.get::<u64>(b"a").unwrap(), None);
    store.set(Commit::WaitsAfter(1));
    first.await.unwrap();
    assert_eq!(store.memory.get(b"a/1").unwrap(), Some(vec![1]));
    assert_eq!(ledger.get::<u64>(b"a/1").unwrap(), Some(2));
    store.set(Commit::Succeeds);
    let expected = rows(&[("a/0", 7), ("a/1", 2), ("a/2", 2), ("a/3", 3)]);
    assert_eq!(ledger.scan::<u64>(b"a/").unwrap(), expected);
    second.await.unwrap();
    assert_eq!(ledger.scan::<u64>(b"a/").unwrap(), expected);
    assert_eq!(ledger.get::<u64>(b"a/1").unwrap(), Some(2));
    assert!(ledger.shared.queue.lock().pending.is_empty(), "what is committed is no longer held in memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_a_commit() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    let ledger = Arc::new(ledger);
    let first = ledger.submit(batch(&[("first", 0)]));
    store.until_committing();
    let mut tasks = JoinSet::new();
    for task in 0..64_u64 {
        let durable = ledger.submit(batch(&[("total", task), (&format!("row {task}"), task)]));
        tasks.spawn(durable);
    }
    store.set(Commit::Succeeds);
    assert!(tasks.join_all().await.into_iter().all(|result| result.is_ok()));
    first.await.unwrap();
    let written = store.written.lock().unwrap();
    assert_eq!(written.len(), 2);
    assert_eq!(written[1].len(), 65, "the total is written once");
    assert_eq!(written[1].iter().collect::<BTreeSet<_>>().len(), 65);
    assert_eq!(ledger.get::<u64>(b"total").unwrap(), Some(63), "the last one wins");
}

#[tokio::test]
async fn commits_in_the_order_of_submission_and_each_batch_whole() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    let count = 2 * u64::try_from(super::GROUP).unwrap() + 10;
    let mut all: Vec<_> =
        (0..count).map(|index| ledger.submit(batch(&[(&format!("{index:05}"), index), ("z", index)]))).collect();
    let last = all.pop().unwrap();
    store.set(Commit::Succeeds);
    last.await.unwrap();
    for durable in all {
        durable.await.unwrap();
    }
    let written = store.written.lock().unwrap();
    assert!(written.iter().all(|keys| keys.len() <= super::GROUP + 1), "a commit is bounded");
    assert!(written.iter().all(|keys| keys.contains(&b"z".to_vec())), "no batch is split");
    let rows: Vec<_> = written.iter().flatten().filter(|key| *key != b"z").collect();
    assert!(rows.is_sorted());
    assert_eq!(rows.len(), usize::try_from(count).unwrap());
    assert_eq!(ledger.get::<u64>(b"z").unwrap(), Some(count - 1));
}

#[tokio::test]
async fn commits_what_nobody_waits_for() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    drop(ledger.submit(batch(&[("a", 1)])));
    store.until_committing();
    drop(ledger.submit(batch(&[("b", 2)])));
    store.set(Commit::Succeeds);
    drop(ledger);
    assert_eq!(store.memory.scan(b"").unwrap().len(), 2);
    assert!(store.dropped.load(SeqCst), "it has let go of the store");
}

#[tokio::test]
async fn an_empty_batch_waits_for_those_before_it() {
    let (ledger, store) = mock(Commit::Succeeds);
    drop(ledger.submit(batch(&[("a", 1)])));
    ledger.submit(Batch::new()).await.unwrap();
    assert_eq!(store.memory.scan(b"").unwrap().len(), 1);
}

#[tokio::test]
async fn fails_for_good_after_a_commit_failed() {
    for (next, reason) in [(Commit::Fails, "no space left"), (Commit::Panics, "panicked")] {
        let (ledger, store) = mock(Commit::WaitsAfter(0));
        let first = ledger.submit(batch(&[("a", 1)]));
        store.until_committing();
        let second = ledger.submit(batch(&[("b", 2)]));
        store.set(next);
        first.await.unwrap_err();
        assert_failed(second.await, reason);
        store.set(Commit::Succeeds);
        assert_failed(ledger.submit(batch(&[("c", 3)])).await, reason);
        assert_failed(ledger.get::<u64>(b"a"), reason);
        assert_failed(ledger.scan::<u64>(b""), reason);
        ledger.close().await;
        assert!(store.dropped.load(SeqCst));
        assert_eq!((store.commits.load(SeqCst), store.memory.scan(b"").unwrap()), (1, vec![]));
    }
}

#[tokio::test]
async fn closes_after_what_was_submitted_and_then_refuses() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    let durable = ledger.submit(batch(&[("a", 1)]));
    store.until_committing();
    drop(ledger.submit(batch(&[("b", 2)])));
    store.set(Commit::Succeeds);
    ledger.close().await;
    assert!(store.dropped.load(SeqCst));
    durable.await.unwrap();
    assert_eq!(store.memory.scan(b"").unwrap().len(), 2);
    assert!(matches!(ledger.submit(batch(&[("c", 3)])).await, Err(StoreError::Closed)));
    assert!(matches!(ledger.get::<u64>(b"a"), Err(StoreError::Closed)));
    assert!(matches!(ledger.scan::<u64>(b"a"), Err(StoreError::Closed)));
    ledger.close().await;
}

#[tokio::test]
async fn refuses_rows_that_are_not_what_they_should_be() {
    let (ledger, store) = mock(Commit::Succeeds);
    for bytes in [vec![], vec![0x80], vec![1, 0]] {
        store.memory.commit(&[Write { key: b"row".to_vec(), value: Some(bytes) }]).unwrap();
        assert!(matches!(ledger.get::<u64>(b"row"), Err(StoreError::BadRow { key }) if key == b"row"));
        assert!(matches!(ledger.scan::<u64>(b""), Err(StoreError::BadRow { key }) if key == b"row"));
    }
}

/// A store whose scans take so long that a commit can happen meanwhile.
struct Slow(Memory);

impl Store for Slow {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        for _ in 0..20 {
            std::thread::yield_now();
        }
        self.0.scan(prefix)
    }

    fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.0.commit(writes)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_sees_each_batch_whole() {
    let ledger = Arc::new(Ledger::new(Slow(Memory::new())).unwrap());
    ledger.submit(batch(&[("a", 0), ("b", 1), ("c", 1)])).await.unwrap();
    let writer = Arc::clone(&ledger);
    let writing = tokio::spawn(async move {
        for round in 2..4000 {
            let other = if round % 2 == 0 { "a" } else { "c" };
            writer.submit(batch(&[(other, round), ("b", round)])).await.unwrap();
        }
    });
    let mut last = 0;
    while !writing.is_finished() {
        let [(_, a), (_, b), (_, c)] = ledger.scan::<u64>(b"").unwrap()[..] else { panic!("three rows were written") };
        assert_eq!((b, 1), (a.max(c), a.abs_diff(c)), "half of a batch");
        assert!(b >= last, "an older state");
        last = b;
    }
    writing.await.unwrap();
}

#[cfg(feature = "redb")]
#[tokio::test]
async fn lets_go_of_the_file() {
    use crate::store::Redb;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    for round in 0..3 {
        let ledger = Ledger::new(Redb::open_or_create(&path).unwrap()).unwrap();
        assert_eq!(ledger.get::<u64>(b"round").unwrap().unwrap_or_default(), round);
        drop(ledger.submit(batch(&[("round", round + 1)])));
        if round == 1 { drop(ledger) } else { ledger.close().await }
    }
    assert_eq!(Redb::open(&path).unwrap().scan(b"").unwrap().len(), 1);
}
