//! Short ways to read and write rows.

use super::super::{
    backend::Store,
    change::{Change, Condition, Conflict, Entry, Key, Table, Write},
    schema::TABLES,
};

/// Some table, and another one.
pub(super) const ONE: Table = TABLES[0];
pub(super) const OTHER: Table = TABLES[1];

pub(super) fn key(table: Table, bytes: impl AsRef<[u8]>) -> Key {
    Key { table, bytes: bytes.as_ref().to_vec() }
}

pub(super) fn put(at: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Write {
    Write { key: key(ONE, at), value: Some(value.as_ref().to_vec()) }
}

pub(super) fn remove(at: impl AsRef<[u8]>) -> Write {
    Write { key: key(ONE, at), value: None }
}

/// A condition on a row of the table. `None`: there must be none.
pub(super) fn has(at: impl AsRef<[u8]>, value: Option<&str>) -> Condition {
    Condition { key: key(ONE, at), value: value.map(|value| value.as_bytes().to_vec()) }
}

pub(super) fn change(conditions: impl Into<Vec<Condition>>, writes: impl Into<Vec<Write>>) -> Change {
    Change { conditions: conditions.into(), writes: writes.into() }
}

pub(super) async fn commit(store: &impl Store, changes: impl Into<Vec<Change>>) -> Vec<Result<(), Conflict>> {
    let changes = changes.into();
    let expected = changes.len();
    let answers = store.commit(changes).await.expect("the store commits");
    assert_eq!(answers.len(), expected, "each change has one answer");
    answers
}

/// Commits one change without conditions.
pub(super) async fn write(store: &impl Store, writes: impl Into<Vec<Write>>) {
    assert_eq!(commit(store, [change([], writes)]).await, [Ok(())], "there is no condition");
}

pub(super) async fn get(store: &impl Store, key: &Key) -> Option<Vec<u8>> {
    store.get(key).await.expect("the store can be read")
}

pub(super) async fn page(
    store: &impl Store,
    table: Table,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Vec<Entry> {
    store.page(table, prefix, after, limit).await.expect("the store can be read")
}

/// All rows of a table.
pub(super) async fn rows(store: &impl Store, table: Table) -> Vec<Entry> {
    page(store, table, &[], None, 1 << 20).await
}

/// Removes all rows.
pub(super) async fn clear(store: &impl Store) {
    for table in TABLES {
        let writes: Vec<_> =
            rows(store, *table).await.into_iter().map(|(at, _)| Write { key: key(*table, at), value: None }).collect();
        write(store, writes).await;
        assert_eq!(rows(store, *table).await, [], "all rows were removed");
    }
}

pub(super) fn entries<const N: usize>(expected: [(&str, &str); N]) -> [Entry; N] {
    expected.map(|(key, value)| (key.into(), value.into()))
}
