//! The file itself: its creation, its permissions, and what is wrong with it.

use std::{
    fmt::Display,
    fs::{self, File, OpenOptions, Permissions, hard_link, metadata, remove_file},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, backends::FileBackend};

use super::{
    super::error::StoreError,
    database::{builder, create_tables, transact},
};

/// Read and write for the owner of the file.
const MODE: u32 = 0o600;
/// The same for its group.
const GROUP: u32 = 0o060;
const OTHERS: u32 = 0o007;

/// Creates a complete file with a temporary name, and then gives it its own name. `None` if it had to be closed for that.
pub(super) fn create(path: &Path, accept_group: bool) -> Result<Option<Database>, StoreError> {
    create_with(path, accept_group, |from, to| hard_link(from, to))
}

/// Like [`create`]; `link` links the second name to the first one.
pub(super) fn create_with(
    path: &Path,
    accept_group: bool,
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> Result<Option<Database>, StoreError> {
    if path.try_exists().map_err(|error| io(path, error))? {
        return Err(StoreError::Exists { path: path.to_owned() });
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:x}.new", RandomState::new().build_hasher().finish()));
    let temporary = path.with_file_name(name);
    let created = create_at(&temporary, path, accept_group, link);
    if created.is_err() {
        let _ = remove_file(&temporary); // it is of no use, or was never created
    }
    let store = created?;
    sync_directory(path).map_err(|error| io(path, error))?;
    Ok(store)
}

fn create_at(
    temporary: &Path,
    path: &Path,
    accept_group: bool,
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> Result<Option<Database>, StoreError> {
    let file = create_new(temporary).map_err(|error| io(path, error))?;
    check_mode(path, file.metadata().map_err(|error| io(path, error))?.mode(), accept_group)?;
    let backend = FileBackend::new(file).map_err(|error| refusal(path, error))?;
    let database = builder().create_with_backend(backend).map_err(|error| refusal(path, error))?;
    transact(&database, create_tables)?;
    match link(temporary, path) {
        Ok(()) => {
            remove_file(temporary).map_err(|error| io(path, error))?;
            Ok(Some(database))
        }
        Err(error) if has_no_links(&error) => rename(temporary, path, database).map(|()| None),
        Err(error) => Err(exists_or_io(path, error)),
    }
}

/// Closes the file, and gives it its name without a hard link.
fn rename(temporary: &Path, path: &Path, database: Database) -> Result<(), StoreError> {
    // Such file systems may refuse to rename an open file.
    drop(database);
    // A rename replaces whatever has the name. So first comes a file of which there can be only one.
    create_new(path).map_err(|error| exists_or_io(path, error))?;
    // After a failure, the empty file remains, and is reported when it is opened.
    fs::rename(temporary, path).map_err(|error| io(path, error))
}

fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(path)?;
    // `mode` is subject to the umask. A file system that has no modes may refuse to set one.
    if file.metadata()?.mode() & 0o777 != MODE {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok(file)
}

/// Whether an attempt to make a hard link shows that the file system has none.
pub(super) fn has_no_links(error: &io::Error) -> bool {
    // The system of Apple has two numbers for this.
    let unsupported = cfg!(target_vendor = "apple") && error.raw_os_error() == Some(45);
    unsupported
        || matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::TooManyLinks)
}

/// Checks that there is a file with a content, and who may use it.
pub(super) fn check(path: &Path, accept_group: bool) -> Result<(), StoreError> {
    let found = metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => StoreError::Missing { path: path.to_owned() },
        _ => io(path, error),
    })?;
    check_mode(path, found.mode(), accept_group)?;
    if found.is_file() && found.len() == 0 {
        return Err(StoreError::Empty { path: path.to_owned() });
    }
    Ok(())
}

fn check_mode(path: &Path, mode: u32, accept_group: bool) -> Result<(), StoreError> {
    let (refused, expected) = if accept_group { (OTHERS, MODE | GROUP) } else { (0o077, MODE) };
    let found = mode & 0o777;
    if found & refused != 0 || found & MODE != MODE {
        return Err(StoreError::Permissions { path: path.to_owned(), found, expected });
    }
    Ok(())
}

fn exists_or_io(path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
        _ => io(path, error),
    }
}

/// The reason why a file is not opened: its content, or a failure to read it.
pub(super) fn refusal(path: &Path, error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            StoreError::InUse { path: path.to_owned() }
        }
        redb::Error::Io(error) if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            io(path, error)
        }
        error => corrupt(path, error),
    }
}

pub(super) fn corrupt(path: &Path, reason: impl Display) -> StoreError {
    StoreError::Corrupt { path: path.to_owned(), reason: reason.to_string() }
}

fn io(path: &Path, error: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), source: Arc::new(error) }
}

/// Makes the name of a file durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    match File::open(directory)?.sync_all() {
        // The file system cannot do it: nothing more can be done.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}
