//! The store: what it keeps, what it refuses, and what survives.
#![cfg(feature = "redb")]
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod damage;
mod model;
mod process;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use chequebook_wallet::store::{Entry, Memory, Redb, Store, StoreError, Write};
use redb::{Database, TableDefinition};
use tempfile::{TempDir, tempdir};

/// Of the one table of the store's format.
const FORMAT_TABLE: TableDefinition<'_, (), u32> = TableDefinition::new("chequebook format");

fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Write {
    Write { key: key.as_ref().to_vec(), value: Some(value.as_ref().to_vec()) }
}

fn remove(key: impl AsRef<[u8]>) -> Write {
    Write { key: key.as_ref().to_vec(), value: None }
}

fn entry(key: &str, value: &str) -> Entry {
    (key.into(), value.into())
}

/// A directory in memory if the system has one: there, nothing waits for a disk.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| tempdir()).unwrap()
}

/// Writes `bytes` to a file that only its owner may use.
fn write_private(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn for_each_store(check: impl Fn(&dyn Store)) {
    let directory = scratch();
    check(&Memory::new());
    check(&Redb::create(directory.path().join("store")).unwrap());
}

#[test]
fn returns_what_was_committed() {
    for_each_store(|store| {
        assert_eq!(store.get(b"key").unwrap(), None);
        store.commit(&[put("key", "value"), put("empty", "")]).unwrap();
        assert_eq!(store.get(b"key").unwrap().unwrap(), b"value");
        assert_eq!(store.get(b"empty").unwrap().unwrap(), b"");
        store.commit(&[remove("key"), remove("never was")]).unwrap();
        assert_eq!(store.get(b"key").unwrap(), None);
        assert_eq!(store.scan(b"").unwrap(), [entry("empty", "")]);
    });
}

#[test]
fn a_later_change_in_a_commit_wins() {
    for_each_store(|store| {
        store.commit(&[put("a", "1"), put("a", "2"), put("b", "1"), remove("b"), remove("c"), put("c", "1")]).unwrap();
        assert_eq!(store.scan(b"").unwrap(), [entry("a", "2"), entry("c", "1")]);
    });
}

#[test]
fn scans_a_prefix_in_the_order_of_keys() {
    for_each_store(|store| {
        let keys = ["b", "ab", "a", "aa\u{7f}", "c", "aa"];
        store.commit(&keys.map(|key| put(key, key))).unwrap();
        store.commit(&[put([0xff], "last"), put([0xff, 0xff], "very last")]).unwrap();
        let a = ["a", "aa", "aa\u{7f}", "ab"].map(|key| entry(key, key));
        assert_eq!(store.scan(b"a").unwrap(), a);
        assert_eq!(store.scan(b"ab").unwrap(), [entry("ab", "ab")]);
        assert_eq!(store.scan(b"abc").unwrap(), []);
        assert_eq!(store.scan(&[0xff]).unwrap().len(), 2);
        assert_eq!(store.scan(b"").unwrap().len(), 8);
    });
}

#[test]
fn clones_in_memory_share_their_content() {
    let store = Memory::new();
    store.clone().commit(&[put("key", "value")]).unwrap();
    assert_eq!(store.get(b"key").unwrap().unwrap(), b"value");
}

#[test]
fn keeps_its_content_when_opened_again() {
    let directory = scratch();
    let path = directory.path().join("store");
    Redb::create(&path).unwrap().commit(&[put("key", "value")]).unwrap();
    for _ in 0..3 {
        assert_eq!(Redb::open(&path).unwrap().scan(b"").unwrap(), [entry("key", "value")]);
    }
    assert_eq!(Redb::open_or_create(&path).unwrap().scan(b"").unwrap(), [entry("key", "value")]);
}

#[test]
fn opens_only_what_exists_and_creates_only_what_does_not() {
    let directory = scratch();
    let path = directory.path().join("store");
    assert!(matches!(Redb::open(&path), Err(StoreError::Missing { path: of }) if of == path));
    assert!(!path.exists());
    drop(Redb::open_or_create(&path).unwrap());
    assert!(matches!(Redb::create(&path), Err(StoreError::Exists { path: of }) if of == path));
    drop(Redb::open(&path).unwrap());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "creation leaves nothing else behind");
}

#[test]
fn names_the_file_that_cannot_be_used() {
    let directory = scratch();
    let path = directory.path().join("missing").join("store");
    let error = Redb::create(&path).unwrap_err();
    assert!(matches!(&error, StoreError::Io { path: of, .. } if *of == path));
    assert!(error.to_string().contains("missing/store"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn refuses_a_file_that_others_may_use() {
    let directory = scratch();
    let path = directory.path().join("store");
    drop(Redb::create(&path).unwrap());
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Permissions { found, expected: 0o600, .. } if found == mode), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    drop(Redb::open(&path).unwrap());
}

#[test]
fn refuses_to_be_opened_twice() {
    let directory = scratch();
    let path = directory.path().join("store");
    let created = Redb::create(&path).unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::InUse { path: of }) if of == path));
    assert!(matches!(Redb::open_or_create(&path), Err(StoreError::InUse { .. })));
    drop(created);
    let opened = Redb::open(&path).unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::InUse { .. })));
    opened.commit(&[put("key", "value")]).unwrap();
    assert_eq!(opened.scan(b"").unwrap(), [entry("key", "value")], "a refused attempt changes nothing");
}

#[test]
fn refuses_a_format_it_does_not_know() {
    let directory = scratch();
    let path = directory.path().join("store");
    drop(Redb::create(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(FORMAT_TABLE).unwrap().insert((), 2).unwrap();
    commit_in_two_phases(transaction);
    drop(database);
    assert!(matches!(Redb::open(&path), Err(StoreError::UnknownFormat { found: 2, expected: 1 })));
}

#[test]
fn refuses_a_database_of_another_program() {
    let directory = scratch();
    let path = directory.path().join("store");
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("chequebook")).unwrap().insert(1, 1).unwrap();
    commit_in_two_phases(transaction);
    drop(database);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::Corrupt { .. })));
}

fn commit_in_two_phases(mut transaction: redb::WriteTransaction) {
    transaction.set_two_phase_commit(true);
    transaction.commit().unwrap();
}

#[test]
fn refuses_what_is_not_a_store_and_does_not_change_it() {
    let directory = scratch();
    let path = directory.path().join("store");
    for bytes in [&b""[..], b"a", b"redb", &[0; 4096], &b"dear diary, ".repeat(1000)] {
        write_private(&path, bytes);
        for open in [Redb::open, Redb::open_or_create] {
            assert!(matches!(open(&path), Err(StoreError::Corrupt { path: of, .. }) if of == path));
        }
        assert!(matches!(Redb::create(&path), Err(StoreError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
