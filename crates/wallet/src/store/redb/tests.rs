#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod convert;

use std::{
    cell::Cell,
    fs,
    io::{Error, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::{
    Redb,
    file::{create_with, has_no_links},
};
use crate::store::StoreError;

/// Creates a store as on a file system without hard links. `meanwhile` happens just before the file gets its name.
fn create(path: &Path, meanwhile: impl FnOnce(&Path)) -> Result<Redb, StoreError> {
    let created = create_with(path, false, |temporary, _| {
        meanwhile(temporary);
        Err(ErrorKind::PermissionDenied.into())
    });
    assert!(created?.is_none(), "it is closed before it gets its name");
    Redb::open(path)
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn knows_when_a_file_system_has_no_hard_links() {
    // EPERM, EACCES, EMLINK, ENOSYS, EOPNOTSUPP
    #[cfg(target_os = "linux")]
    for number in [1, 13, 31, 38, 95] {
        let error = Error::from_raw_os_error(number);
        assert!(has_no_links(&error), "{error}");
    }
    for other in [ErrorKind::AlreadyExists, ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::NotFound]
    {
        assert!(!has_no_links(&other.into()), "{other}");
    }
}

#[test]
fn creates_a_file_without_hard_links() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = create(&path, |temporary| assert_ne!(temporary, path)).unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::InUse { .. })));
    drop(store);
    assert_eq!(names(directory.path()), ["store"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(Redb::open(&path).unwrap());
    assert!(matches!(create(&path, |_| panic!("it exists")), Err(StoreError::Exists { .. })));
}

#[test]
fn only_one_of_two_creators_succeeds_without_hard_links() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let faster = Cell::new(None);
    let slower = create(&path, |_| faster.set(Some(create(&path, |_| {}).unwrap())));
    assert!(matches!(slower, Err(StoreError::Exists { path: of }) if of == path));
    drop(faster.take().unwrap());
    assert_eq!(names(directory.path()), ["store"]);
    drop(Redb::open(&path).unwrap());
}

#[test]
fn an_interrupted_creation_without_hard_links_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    // The complete file is gone before it is renamed.
    let failed = create(&path, |temporary| fs::remove_file(temporary).unwrap());
    assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
    assert_eq!((names(directory.path()), fs::read(&path).unwrap()), (vec!["store".to_owned()], vec![]));
    assert!(matches!(Redb::open(&path), Err(StoreError::Empty { path: of }) if of == path));
    assert!(matches!(create(&path, |_| {}), Err(StoreError::Exists { .. })));
}

#[test]
fn any_other_failure_to_link_is_one_of_the_creation() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let failed = create_with(&path, false, |_, _| Err(ErrorKind::StorageFull.into()));
    assert!(matches!(failed, Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull));
    let raced = create_with(&path, false, |_, _| Err(ErrorKind::AlreadyExists.into()));
    assert!(matches!(raced, Err(StoreError::Exists { .. })));
    assert!(names(directory.path()).is_empty(), "nothing is left behind");
}
