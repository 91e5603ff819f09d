//! The embedded store: one file.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::{File, OpenOptions, Permissions, hard_link, metadata, remove_file},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
    backends::FileBackend,
};

use async_trait::async_trait;

use super::{
    backend::{Change, Condition, Conflict, Entry, Key, Store, Table, Write},
    error::StoreError,
    schema::TABLES,
};

/// Distinguishes our files from others, and one version from the next.
const FORMAT_TABLE: TableDefinition<'_, (), u32> = TableDefinition::new("chequebook format");
const FORMAT: u32 = 2;

/// Read and write for the owner of the file only.
const MODE: u32 = 0o600;

/// How much of the file is kept in memory, in bytes.
const CACHE: usize = 256 << 20;

/// A store in one file, of [redb](https://docs.rs/redb/4). It is locked while it is open, accessible to its owner only,
/// and checked as a whole when it is opened, which takes a fifth of a second for a million cheques.
///
/// A file that was not closed, because the process or the machine died, is repaired when it is opened, and contains all
/// that was committed. After a commit fails, all later ones fail; opening the file again shows which commit was the
/// last.
///
/// **What remains unprotected:** redb keeps two commits, and one byte of the file says which is the newer. That byte
/// has no checksum. If it alone is damaged, the store opens with the commit before the last one. A file that is refused
/// as damaged may have been changed by the attempt to repair it: examine a copy.
#[derive(Debug)]
pub struct Redb {
    database: Arc<Database>,
}

impl Redb {
    /// Creates a new file. It gets its name once it is complete. Until then, or if the process dies before, there is a
    /// file with the same name and a suffix.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] if the file exists; or an error from the file system.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if path.try_exists().map_err(|error| io(path, error))? {
            return Err(StoreError::Exists { path: path.to_owned() });
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:x}.new", RandomState::new().build_hasher().finish()));
        let temporary = path.with_file_name(name);
        let store = Self::create_at(&temporary, path);
        // In both cases: the file now has its own name, or is of no use.
        let removed = remove_file(&temporary);
        let store = store?;
        removed.and_then(|()| sync_directory(path)).map_err(|error| io(path, error))?;
        Ok(store)
    }

    fn create_at(temporary: &Path, path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(MODE).open(temporary);
        let file = file.map_err(|error| io(path, error))?;
        // `mode` is subject to the umask.
        file.set_permissions(Permissions::from_mode(MODE)).map_err(|error| io(path, error))?;
        let backend = FileBackend::new(file).map_err(|error| refusal(path, error))?;
        let database = builder().create_with_backend(backend).map_err(|error| refusal(path, error))?;
        Self::commit_with(&database, Vec::new(), Some(FORMAT))?;
        let store = Self { database: Arc::new(database) };
        hard_link(temporary, path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
            _ => io(path, error),
        })?;
        Ok(store)
    }

    /// Opens a file, and checks all of it (redb's integrity check). Never creates one: a missing store must not look
    /// like one that promised nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], [`StoreError::InUse`], [`StoreError::Permissions`] if others have access,
    /// [`StoreError::Corrupt`] if its content is not as it was written, [`StoreError::UnknownFormat`] if another
    /// version wrote it; or an error from the file system.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mode = metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing { path: path.to_owned() },
            _ => io(path, error),
        })?;
        let mode = mode.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StoreError::Permissions { path: path.to_owned(), found: mode, expected: MODE });
        }
        // Some damage makes the library panic.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = builder().set_check_integrity_on_open(true).open(path);
            let database = database.map_err(|error| refusal(path, error))?;
            check_format(path, &database)?;
            Ok(Self { database: Arc::new(database) })
        }));
        opened.unwrap_or_else(|_| Err(corrupt(path, "its pages contradict each other")))
    }

    /// Opens the file if it exists, otherwise creates it. A deleted file then looks like a new one, but the wallet
    /// still refuses a chequebook that it has no record of.
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

    fn commit_with(
        database: &Database,
        changes: Vec<Change>,
        format: Option<u32>,
    ) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let mut transaction = database.begin_write().map_err(StoreError::other)?;
        // With one phase, a last commit that was damaged later looks like an unfinished one, and redb silently uses the
        // one before. Two phases distinguish the two cases.
        transaction.set_two_phase_commit(true);
        transaction.set_durability(Durability::Immediate).map_err(StoreError::other)?;
        if let Some(format) = format {
            let mut table = transaction.open_table(FORMAT_TABLE).map_err(StoreError::other)?;
            table.insert((), format).map_err(StoreError::other)?;
            for table in TABLES {
                transaction.open_table(definition(*table)).map_err(StoreError::other)?; // creates it
            }
        }
        let answers = apply(&transaction, changes)?;
        transaction.commit().map_err(StoreError::other)?;
        Ok(answers)
    }
}

#[async_trait]
impl Store for Redb {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database.begin_read().map_err(StoreError::other)?;
        let table = read.open_table(definition(key.table)).map_err(StoreError::other)?;
        let value = table.get(key.bytes.as_slice()).map_err(StoreError::other)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let read = self.database.begin_read().map_err(StoreError::other)?;
        let rows = read.open_table(definition(table)).map_err(StoreError::other)?;
        let from = after.map_or(prefix, |after| after.max(prefix));
        let mut entries = Vec::new();
        for entry in rows.range(from..).map_err(StoreError::other)? {
            let (key, value) = entry.map_err(StoreError::other)?;
            if entries.len() >= limit || !key.value().starts_with(prefix) {
                break;
            }
            if after != Some(key.value()) {
                entries.push((key.value().to_vec(), value.value().to_vec()));
            }
        }
        Ok(entries)
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let database = Arc::clone(&self.database);
        // It waits for the disk.
        let committed = tokio::task::spawn_blocking(move || Self::commit_with(&database, changes, None)).await;
        committed.unwrap_or_else(|failed| Err(StoreError::other(failed)))
    }
}

const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

fn apply(transaction: &WriteTransaction, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
    let mut tables = BTreeMap::new();
    for change in &changes {
        let read = change.conditions.iter().map(|condition| condition.key.table);
        for table in read.chain(change.writes.iter().map(|write| write.key.table)) {
            if !tables.contains_key(&table) {
                tables.insert(table, transaction.open_table(definition(table)).map_err(StoreError::other)?);
            }
        }
    }
    let missing = |table: Table| StoreError::Failed { reason: format!("table {} is not open", table.name()) };
    let mut answers = Vec::with_capacity(changes.len());
    'changes: for change in changes {
        for Condition { key, value } in change.conditions {
            let table = tables.get(&key.table).ok_or_else(|| missing(key.table))?;
            let found = table.get(key.bytes.as_slice()).map_err(StoreError::other)?;
            if found.as_ref().map(|found| found.value()) != value.as_deref() {
                answers.push(Err(Conflict { key }));
                continue 'changes;
            }
        }
        for Write { key, value } in change.writes {
            let table = tables.get_mut(&key.table).ok_or_else(|| missing(key.table))?;
            match value {
                Some(value) => table.insert(key.bytes.as_slice(), value.as_slice()),
                None => table.remove(key.bytes.as_slice()),
            }
            .map_err(StoreError::other)?;
        }
        answers.push(Ok(()));
    }
    Ok(answers)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

fn check_format(path: &Path, database: &Database) -> Result<(), StoreError> {
    let read = database.begin_read().map_err(|error| refusal(path, error))?;
    let table = read.open_table(FORMAT_TABLE).map_err(|error| refusal(path, error))?;
    let format = table.get(()).map_err(|error| refusal(path, error))?;
    let format = format.ok_or_else(|| corrupt(path, "it contains no format version"))?.value();
    if format != FORMAT {
        return Err(StoreError::UnknownFormat { found: format, expected: FORMAT });
    }
    for table in TABLES {
        read.open_table(definition(*table)).map_err(|error| refusal(path, error))?;
    }
    Ok(())
}

/// The reason why a file is not opened: its content, or a failure to read it.
fn refusal(path: &Path, error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            StoreError::InUse { path: path.to_owned() }
        }
        redb::Error::Io(error)
            if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            io(path, error)
        }
        error => corrupt(path, error),
    }
}

fn corrupt(path: &Path, reason: impl Display) -> StoreError {
    StoreError::Corrupt { path: path.to_owned(), reason: reason.to_string() }
}

fn io(path: &Path, error: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), source: Arc::new(error) }
}

/// Makes the name of a file durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    File::open(directory)?.sync_all()
}
