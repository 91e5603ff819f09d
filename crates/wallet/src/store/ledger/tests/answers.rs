//! Stores that do not answer, answer wrongly, or work elsewhere.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{runtime, sync::oneshot};

use super::{Commit, LONG, TABLE, assert_failed, batch, get, key, mock_within, scan};
use crate::store::{Change, Conflict, Entry, Key, Ledger, Memory, Store, StoreError, Table};

const SHORT: Duration = Duration::from_millis(40);

#[tokio::test]
async fn a_caller_does_not_wait_for_a_store_that_never_answers_and_others_read_on() {
    let (ledger, store) = mock_within(Commit::WaitsAfter(0), SHORT);
    store.write("old", &[1]).await;
    let waiting = ledger.submit(batch(&[("new", 2)]));
    assert!(matches!(waiting.await, Err(StoreError::TimedOut { limit: SHORT })));
    let waiting = ledger.submit(batch(&[("newer", 3)]));
    assert!(matches!(waiting.await, Err(StoreError::TimedOut { limit: SHORT })));
    assert_eq!(get(&ledger, "old").await.unwrap(), Some(1));
    assert_eq!(get(&ledger, "new").await.unwrap(), Some(2), "it may still become durable");
    assert_eq!(scan(&ledger, "").await.unwrap().len(), 3);
    store.set(Commit::Succeeds);
    ledger.submit(batch(&[("last", 4)])).certainly().await.unwrap();
    assert_eq!(store.count().await, 4, "it did become durable, and the ledger goes on");
}

#[tokio::test]
async fn who_must_be_certain_waits_longer() {
    let (ledger, store) = mock_within(Commit::WaitsAfter(0), SHORT);
    let certain = tokio::spawn(ledger.submit(batch(&[("new", 2)])).certainly());
    tokio::time::sleep(4 * SHORT).await;
    assert!(!certain.is_finished());
    store.set(Commit::Succeeds);
    certain.await.unwrap().unwrap();
}

/// A store that answers nothing but its commits, or too little.
struct Odd {
    reads: bool,
    answers: usize,
}

#[async_trait]
impl Store for Odd {
    async fn get(&self, _: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        if self.reads { Ok(None) } else { std::future::pending().await }
    }

    async fn page(&self, _: Table, _: &[u8], _: Option<&[u8]>, _: usize) -> Result<Vec<Entry>, StoreError> {
        if self.reads { Ok(Vec::new()) } else { std::future::pending().await }
    }

    async fn commit(&self, _: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        Ok(vec![Ok(()); self.answers])
    }
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_store_that_never_answers() {
    let ledger = Ledger::new(Odd { reads: false, answers: 1 }, SHORT);
    assert!(matches!(get(&ledger, "row").await, Err(StoreError::TimedOut { .. })));
    assert!(matches!(scan(&ledger, "").await, Err(StoreError::TimedOut { .. })));
    assert!(matches!(ledger.durable_page(TABLE, b"", None, 1).await, Err(StoreError::TimedOut { .. })));
    ledger.submit(batch(&[("row", 1)])).await.unwrap();
}

#[tokio::test]
async fn a_store_that_answers_too_few_or_too_many_changes_has_failed() {
    for answers in [0, 2] {
        let ledger = Ledger::new(Odd { reads: true, answers }, LONG);
        let expected = format!("it answered {answers} changes of 1");
        assert_failed(ledger.submit(batch(&[("row", 1)])).await, &expected);
        assert_failed(get(&ledger, "row").await, &expected);
    }
}

/// A store that works on a runtime of its own, as a client of a database may.
struct Elsewhere {
    memory: Arc<Memory>,
    runtime: Option<runtime::Runtime>,
}

impl Elsewhere {
    async fn run<T, F>(&self, work: impl FnOnce(Arc<Memory>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        let work = work(Arc::clone(&self.memory));
        self.runtime.as_ref().unwrap().handle().spawn(async move { done.send(work.await).map_err(drop) });
        answer.await.map_err(StoreError::other)?
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // A runtime must not wait for its end within another one.
        self.runtime.take().unwrap().shutdown_background();
    }
}

#[async_trait]
impl Store for Elsewhere {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.clone();
        self.run(|memory| async move { memory.get(&key).await }).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (prefix, after) = (prefix.to_vec(), after.map(<[u8]>::to_vec));
        self.run(|memory| async move { memory.page(table, &prefix, after.as_deref(), limit).await }).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        self.run(|memory| async move { memory.commit(changes).await }).await
    }
}

#[tokio::test]
async fn a_store_may_have_a_runtime_of_its_own() {
    let memory = Arc::new(Memory::new());
    let runtime = Some(runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap());
    let ledger = Ledger::new(Elsewhere { memory: Arc::clone(&memory), runtime }, LONG);
    for row in 0..100 {
        ledger.submit(batch(&[("row", row)])).await.unwrap();
    }
    assert_eq!(get(&ledger, "row").await.unwrap(), Some(99));
    assert_eq!(scan(&ledger, "").await.unwrap().len(), 1);
    ledger.close().await;
    assert_eq!(memory.get(&key("row")).await.unwrap(), Some(vec![99]));
    assert_eq!(Arc::strong_count(&memory), 1, "it is free");
}
