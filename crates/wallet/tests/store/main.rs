//! The store: what it keeps, what it refuses, and what survives.
#![cfg(feature = "redb")]
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod damage;
mod faulty;
mod file;
mod model;
mod process;
mod wallet;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use chequebook_wallet::store::{
    Change, Entry, Key, Memory, MemoryDisk, Redb, Store, StoreError, TABLES, Table, Write, conformance,
};
use futures_util::FutureExt;
use tempfile::{TempDir, tempdir};

/// A table for tests that need only one.
const ROWS: Table = TABLES[0];

fn key(bytes: impl AsRef<[u8]>) -> Key {
    Key { table: ROWS, bytes: bytes.as_ref().to_vec() }
}

fn put(at: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Write {
    Write { key: key(at), value: Some(value.as_ref().to_vec()) }
}

fn remove(at: impl AsRef<[u8]>) -> Write {
    Write { key: key(at), value: None }
}

fn entry(key: &str, value: &str) -> Entry {
    (key.into(), value.into())
}

/// Commits one change without conditions.
async fn commit(store: &dyn Store, writes: &[Write]) -> Result<(), StoreError> {
    let answers = store.commit(vec![Change { conditions: Vec::new(), writes: writes.to_vec() }]).await?;
    assert_eq!(answers, [Ok(())]);
    Ok(())
}

async fn get(store: &dyn Store, at: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    store.get(&key(at)).await.unwrap()
}

/// All rows of the table whose keys begin with `prefix`.
async fn scan(store: &dyn Store, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
    store.page(ROWS, prefix, None, usize::MAX).await
}

/// What a future returns that waits for nothing: reading an embedded store does not.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

/// A directory in memory if the system has one: there, nothing waits for a disk.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| tempdir()).unwrap()
}

/// Writes `bytes` to a file that only its owner may use.
fn write_private(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    set_mode(path, 0o600);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn memory_does_what_every_store_must() {
    let disk = MemoryDisk::new();
    conformance::run(async || disk.open().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redb_does_what_every_store_must() {
    let directory = scratch();
    let path = directory.path().join("store");
    conformance::run(async || Redb::open_or_create(&path).unwrap()).await;
}

#[tokio::test]
async fn memory_is_opened_once_at_a_time_and_lasts_while_its_disk_does() {
    let disk = MemoryDisk::new();
    let store = disk.open().unwrap();
    for same in [disk.clone(), disk.clone().clone()] {
        assert!(matches!(same.open(), Err(StoreError::InUse { path }) if path == Path::new("memory")));
    }
    commit(&store, &[put("key", "value")]).await.unwrap();
    assert_eq!(get(&store, "key").await.unwrap(), b"value", "a refused attempt changes nothing");
    drop(store);
    let store = disk.clone().open().unwrap();
    assert_eq!(scan(&store, b"").await.unwrap(), [entry("key", "value")]);
    drop(disk);
    assert_eq!(get(&store, "key").await.unwrap(), b"value");

    for other in [Memory::new(), Memory::default(), MemoryDisk::new().open().unwrap()] {
        assert_eq!(scan(&other, b"").await.unwrap(), [], "every disk is another one");
    }
}
