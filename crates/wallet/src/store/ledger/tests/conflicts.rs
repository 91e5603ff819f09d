//! Batches with conditions.

use super::{Commit, batch, get, key, mock, rows, scan};
use crate::store::{Batch, StoreError};

/// Raises a row that must still be as it was read.
fn raise(name: &str, before: Option<u64>, row: u64) -> Batch {
    let mut batch = Batch::new();
    batch.replace(key(name), before.as_ref(), &row).unwrap();
    batch
}

fn assert_conflict(result: Result<(), StoreError>, name: &str) {
    match result {
        Err(StoreError::Conflict(conflict)) => assert_eq!(conflict.key, key(name)),
        other => panic!("expected a conflict, found {other:?}"),
    }
}

#[tokio::test]
async fn refuses_what_was_built_on_another_value_and_commits_the_others() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    store.write("row", &[1]).await;
    let first = ledger.submit(batch(&[("first", 0)]));
    store.until_committing().await;
    // All of these share one commit. Another process has written the row.
    let before = ledger.submit(batch(&[("before", 1)]));
    let refused = ledger.submit(raise("row", Some(1), 2));
    assert_eq!(get(&ledger, "row").await.unwrap(), Some(2));
    let mut later = raise("row", Some(2), 3);
    later.put(key("with it"), &3_u64).unwrap();
    let later = ledger.submit(later);
    let after = ledger.submit(batch(&[("after", 4)]));
    store.write("row", &[9]).await;
    store.set(Commit::Succeeds);
    first.await.unwrap();
    before.await.unwrap();
    assert_conflict(refused.await, "row");
    assert_conflict(later.await, "row");
    after.await.unwrap();
    assert_eq!(store.written.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [1, 4]);
    let expected = rows(&[("after", 4), ("before", 1), ("first", 0), ("row", 9)]);
    assert_eq!(scan(&ledger, "").await.unwrap(), expected, "what was refused is not pending");
    assert!(ledger.shared.queue.lock().pending.is_empty());
}

#[tokio::test]
async fn refuses_also_what_the_next_commit_builds_on_it() {
    let (ledger, store) = mock(Commit::WaitsAfter(0));
    store.write("row", &[9]).await;
    let refused = ledger.submit(raise("row", None, 1));
    store.until_committing().await;
    let later = ledger.submit(raise("row", Some(1), 2));
    store.set(Commit::WaitsAfter(1));
    assert_conflict(refused.await, "row");
    store.until_commits(2).await;
    assert_eq!(get(&ledger, "row").await.unwrap(), Some(2), "what is not decided is still pending");
    store.set(Commit::Succeeds);
    assert_conflict(later.await, "row");
    assert_eq!(get(&ledger, "row").await.unwrap(), Some(9));
}

#[tokio::test]
async fn goes_on_after_a_conflict() {
    let (ledger, store) = mock(Commit::Succeeds);
    assert_conflict(ledger.submit(raise("row", Some(1), 2)).await, "row");
    assert_eq!(get(&ledger, "row").await.unwrap(), None);
    ledger.submit(raise("row", None, 1)).await.unwrap();
    ledger.submit(raise("row", Some(1), 2)).await.unwrap();
    assert_eq!(store.stored("row").await, Some(vec![2]));
}
