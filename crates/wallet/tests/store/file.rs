//! The file of the embedded store: who may open it, and which files are refused.

use std::{fs, os::unix::fs::PermissionsExt};

use chequebook_wallet::store::{Redb, RedbOptions, StoreError};
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
fn refuses_a_file_that_others_may_use_or_its_owner_may_not() {
    let directory = scratch();
    let path = directory.path().join("store");
    drop(Redb::create(&path).unwrap());
    let group = Redb::options().accept_group(true);
    // Each mode, and whether it is accepted: by default, and with the group.
    let modes = [
        (0o600, true, true),
        (0o700, true, true),
        (0o640, false, true),
        (0o620, false, true),
        (0o660, false, true),
        (0o610, false, true),
        (0o644, false, false),
        (0o604, false, false),
        (0o602, false, false),
        (0o601, false, false),
        (0o664, false, false),
        (0o777, false, false),
        (0o400, false, false),
        (0o440, false, false),
        (0o200, false, false),
        (0o000, false, false),
    ];
    for (mode, by_default, with_group) in modes {
        set_mode(&path, mode);
        for (options, accepted, most) in [(Redb::options(), by_default, 0o600), (group, with_group, 0o660)] {
            for open in [RedbOptions::open, RedbOptions::open_or_create] {
                let opened = open(options, &path);
                assert_eq!(opened.is_ok(), accepted, "mode {mode:o} with {options:?}");
                let Err(error) = opened else { continue };
                assert!(
                    matches!(&error, StoreError::Permissions { path: of, found, expected }
                        if (of, *found, *expected) == (&path, mode, most)),
                    "{error}"
                );
                assert!(
                    error.to_string().ends_with(&format!("has permissions {mode:o}, expected {most:o}")),
                    "{error}"
                );
            }
        }
        set_mode(&path, 0o600);
    }
    drop(Redb::open(&path).unwrap());
}

#[test]
fn creates_a_file_for_its_owner_also_when_the_group_is_accepted() {
    let directory = scratch();
    for name in ["a", "b"] {
        let path = directory.path().join(name);
        let group = Redb::options().accept_group(true);
        drop(if name == "a" { group.create(&path).unwrap() } else { group.open_or_create(&path).unwrap() });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(Redb::open(&path).unwrap());
    }
}

#[test]
fn an_empty_file_is_an_unfinished_one() {
    let directory = scratch();
    let path = directory.path().join("store");
    write_private(&path, b"");
    for open in [Redb::open, Redb::open_or_create] {
        let error = open(&path).unwrap_err();
        assert!(matches!(&error, StoreError::Empty { path: of } if *of == path), "{error}");
        assert!(error.to_string().contains("its creation was interrupted"));
    }
    assert!(matches!(Redb::create(&path), Err(StoreError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"");
    fs::remove_file(&path).unwrap();
    drop(Redb::open_or_create(&path).unwrap());
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
    transaction.open_table(FORMAT_TABLE).unwrap().insert((), 5).unwrap();
    commit_in_two_phases(transaction);
    drop(database);
    assert!(matches!(Redb::open(&path), Err(StoreError::UnknownFormat { found: 5, expected: 4 })));
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
    for bytes in [&b"a"[..], b"redb", &[0; 4096], &b"dear diary, ".repeat(1000)] {
        write_private(&path, bytes);
        for open in [Redb::open, Redb::open_or_create] {
            assert!(matches!(open(&path), Err(StoreError::Corrupt { path: of, .. }) if of == path));
        }
        assert!(matches!(Redb::create(&path), Err(StoreError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
