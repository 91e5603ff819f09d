//! The file of the embedded store: who may open it, and which files are refused.

use std::{fs, path::Path};

use chequebook_wallet::store::{Redb, StoreError};
use redb::{Database, TableDefinition};

use super::{commit, entry, put, scan, scratch, set_mode, write_private};

/// Of the one table of the store's format.
const FORMAT_TABLE: TableDefinition<'_, (), u32> = TableDefinition::new("chequebook format");

#[tokio::test]
async fn keeps_its_content_when_opened_again() {
    let directory = scratch();
    let path = directory.path().join("store");
    commit(&Redb::create(&path).unwrap(), &[put("key", "value")]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(scan(&Redb::open(&path).unwrap(), b"").await.unwrap(), [entry("key", "value")]);
    }
    assert_eq!(scan(&Redb::open_or_create(&path).unwrap(), b"").await.unwrap(), [entry("key", "value")]);
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
        set_mode(&path, mode);
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Permissions { found, expected: 0o600, .. } if found == mode), "{error}");
    }
    set_mode(&path, 0o600);
    drop(Redb::open(&path).unwrap());
}

#[tokio::test]
async fn refuses_to_be_opened_twice() {
    let directory = scratch();
    let path = directory.path().join("store");
    let created = Redb::create(&path).unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::InUse { path: of }) if of == path));
    assert!(matches!(Redb::open_or_create(&path), Err(StoreError::InUse { .. })));
    drop(created);
    let opened = Redb::open(&path).unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::InUse { .. })));
    commit(&opened, &[put("key", "value")]).await.unwrap();
    assert_eq!(scan(&opened, b"").await.unwrap(), [entry("key", "value")], "a refused attempt changes nothing");
}

#[test]
fn refuses_a_format_it_does_not_know() {
    let directory = scratch();
    let path = directory.path().join("store");
    drop(Redb::create(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(FORMAT_TABLE).unwrap().insert((), 3).unwrap();
    commit_in_two_phases(transaction);
    drop(database);
    assert!(matches!(Redb::open(&path), Err(StoreError::UnknownFormat { found: 3, expected: 2 })));
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
    set_mode(&path, 0o600);
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
