//! The embedded store: one file.

use std::{
    fs::{File, OpenOptions, hard_link, metadata, remove_file},
    io::ErrorKind,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase, StorageError, TableDefinition,
    backends::FileBackend,
};

use super::{Entry, Store, StoreError, Write};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("chequebook");

/// Read and write for the owner of the file, nothing for anybody else.
const MODE: u32 = 0o600;

/// How much of the file is kept in memory, in bytes.
const CACHE: usize = 256 << 20;

/// A store in one file, of [redb](https://docs.rs/redb/4). It is locked while it is open, readable for its owner only,
/// and checked as a whole when it is opened, which takes a fifth of a second for a million cheques.
#[derive(Debug)]
pub struct Redb {
    database: Database,
}

impl Redb {
    /// Creates a new file. It appears under its name once it is complete.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] if there is one; or what the file system says.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if path.try_exists().map_err(StoreError::other)? {
            return Err(StoreError::Exists { path: path.to_owned() });
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let temporary = path.with_file_name(name);
        let store = Self::create_at(&temporary, path);
        // Whether or not it was created: the file has its own name, or is of no use.
        let removed = remove_file(&temporary);
        let store = store?;
        removed.and_then(|()| sync_directory(path)).map_err(StoreError::other)?;
        Ok(store)
    }

    fn create_at(temporary: &Path, path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create_new(true).mode(MODE).open(temporary).map_err(StoreError::other)?;
        let backend = FileBackend::new(file).map_err(|error| refusal(path, error))?;
        let database = builder().create_with_backend(backend).map_err(|error| refusal(path, error))?;
        let store = Self { database };
        store.commit(&[])?; // makes the table
        hard_link(temporary, path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
            _ => StoreError::other(error),
        })?;
        Ok(store)
    }

    /// Opens a file, and checks all of it. Never creates one: a store that is gone must not look like one that promised
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], [`StoreError::InUse`], [`StoreError::Permissions`] if others have access,
    /// [`StoreError::Corrupt`] if anything in it is not as it was written; or what the file system says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let found = metadata(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::Missing { path: path.to_owned() },
            _ => StoreError::other(error),
        })?;
        let mode = found.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StoreError::Permissions { path: path.to_owned(), found: mode, expected: MODE });
        }
        // Of a damaged file, some damage makes the library panic.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = builder().open(path).map_err(|error| refusal(path, error))?;
            let read = database.begin_read().map_err(|error| corrupt(path, error))?;
            read.open_table(TABLE).map_err(|error| corrupt(path, error))?;
            Ok(Self { database })
        }));
        opened.unwrap_or_else(|_| Err(corrupt(path, "its pages contradict each other")))
    }

    /// Opens the file if there is one, else creates it. A file that was deleted then looks like one that never was; the
    /// client still refuses a chequebook that it has no record of.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        match Self::open(path) {
            Err(StoreError::Missing { .. }) => Self::create(path),
            opened => opened,
        }
    }
}

impl Store for Redb {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database.begin_read().map_err(StoreError::other)?;
        let table = read.open_table(TABLE).map_err(StoreError::other)?;
        let value = table.get(key).map_err(StoreError::other)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        let read = self.database.begin_read().map_err(StoreError::other)?;
        let table = read.open_table(TABLE).map_err(StoreError::other)?;
        let mut entries = Vec::new();
        for entry in table.range(prefix..).map_err(StoreError::other)? {
            let (key, value) = entry.map_err(StoreError::other)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            entries.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(entries)
    }

    fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write().map_err(StoreError::other)?;
        // With one phase, a last commit that was damaged later looks like one that was never finished, and the one before
        // is taken in silence. Two phases tell the two apart.
        transaction.set_two_phase_commit(true);
        transaction.set_durability(Durability::Immediate).map_err(StoreError::other)?;
        {
            let mut table = transaction.open_table(TABLE).map_err(StoreError::other)?;
            for Write { key, value } in writes {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()),
                    None => table.remove(key.as_slice()),
                }
                .map_err(StoreError::other)?;
            }
        }
        transaction.commit().map_err(StoreError::other)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

/// Why the library does not open a file.
fn refusal(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::InUse { path: path.to_owned() }
        }
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            StoreError::other(error)
        }
        error => corrupt(path, error),
    }
}

fn corrupt(path: &Path, reason: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { path: path.to_owned(), reason: reason.to_string() }
}

/// Makes the name of a file durable.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    File::open(directory)?.sync_all()
}
