//! The embedded store: one file.

mod convert;
mod database;
mod file;
mod snapshot;

use std::{
    collections::{BTreeMap, btree_map},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};

use self::{
    database::{FORMAT, FORMAT_TABLE, builder, create_tables, definition, missing, transact},
    file::{corrupt, refusal},
    snapshot::Snapshot,
};
use super::{
    backend::Store,
    change::{Change, Condition, Conflict, Entry, Key, Table, Write},
    error::StoreError,
    schema::TABLES,
};

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
    snapshot: Arc<Snapshot>, // it ends before the file is closed
    database: Arc<Database>,
}

/// How to open the file of a [`Redb`]. Start from [`Redb::options`].
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct RedbOptions {
    accept_group: bool,
}

impl RedbOptions {
    /// Whether the group of the file may have access to it. Off by default. Kubernetes gives the group (`fsGroup`) access
    /// to all files of a volume, whoever created them.
    pub const fn accept_group(mut self, accept: bool) -> Self {
        self.accept_group = accept;
        self
    }

    /// [`Redb::create`] with these options.
    ///
    /// # Errors
    ///
    /// Those of [`Redb::create`].
    pub fn create(self, path: impl AsRef<Path>) -> Result<Redb, StoreError> {
        let path = path.as_ref();
        match file::create(path, self.accept_group)? {
            Some(database) => Ok(Redb::on(database)),
            None => self.open(path),
        }
    }

    /// [`Redb::open`] with these options.
    ///
    /// # Errors
    ///
    /// Those of [`Redb::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Redb, StoreError> {
        let path = path.as_ref();
        file::check(path, self.accept_group)?;
        // Some damage makes the library panic.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = builder().set_check_integrity_on_open(true).open(path);
            let database = database.map_err(|error| refusal(path, error))?;
            check_format(path, &database)?;
            Ok(Redb::on(database))
        }));
        opened.unwrap_or_else(|_| Err(corrupt(path, "its pages contradict each other")))
    }

    /// [`Redb::open_or_create`] with these options.
    ///
    /// # Errors
    ///
    /// Those of [`Redb::open`] and [`Redb::create`].
    pub fn open_or_create(self, path: impl AsRef<Path>) -> Result<Redb, StoreError> {
        let path = path.as_ref();
        match self.open(path) {
            Err(StoreError::Missing { .. }) => self.create(path),
            opened => opened,
        }
    }
}

impl Redb {
    fn on(database: Database) -> Self {
        Self { snapshot: Arc::default(), database: Arc::new(database) }
    }

    /// Options, all of them off.
    pub const fn options() -> RedbOptions {
        RedbOptions { accept_group: false }
    }

    /// Creates a new file, for its owner only. It gets its name once it is complete. Until then, or if the process dies
    /// before, there is a file with the same name and a suffix.
    ///
    /// Some file systems have no hard links (SMB, exFAT, virtiofs). There, an empty file has the name for a moment; if the
    /// process dies then, [`open`](Self::open) reports [`StoreError::Empty`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] if the file exists; [`StoreError::Permissions`] if the file system gives others access to
    /// it; or an error from the file system.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().create(path)
    }

    /// Opens a file, and checks all of it (redb's integrity check). Never creates one: a missing store must not look
    /// like one that promised nothing. A file of an older version is converted, at once or not at all; older versions
    /// cannot open it any more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], [`StoreError::Empty`], [`StoreError::InUse`]; [`StoreError::Permissions`] if others have
    /// access, or its owner does not; [`StoreError::Corrupt`] if its content is not as it was written,
    /// [`StoreError::UnknownFormat`] if another version wrote it; or an error from the file system.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path)
    }

    /// Opens the file if it exists, otherwise creates it. A deleted file then looks like a new one, but the wallet
    /// still refuses a chequebook that it has no record of.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open_or_create(path)
    }
}

#[async_trait]
impl Store for Redb {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.snapshot.table(&self.database, key.table)?;
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
        let rows = self.snapshot.table(&self.database, table)?;
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
        let (database, snapshot) = (Arc::clone(&self.database), Arc::clone(&self.snapshot));
        // It waits for the disk.
        let committed = tokio::task::spawn_blocking(move || {
            let committed = transact(&database, |transaction| apply(transaction, changes));
            snapshot.forget();
            committed
        });
        committed.await.unwrap_or_else(|failed| Err(StoreError::other(failed)))
    }
}

fn apply(transaction: &WriteTransaction, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
    let mut tables = BTreeMap::new();
    for change in &changes {
        let read = change.conditions.iter().map(|condition| condition.key.table);
        for table in read.chain(change.writes.iter().map(|write| write.key.table)) {
            if let btree_map::Entry::Vacant(entry) = tables.entry(table) {
                entry.insert(transaction.open_table(definition(table)).map_err(StoreError::other)?);
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

/// Converts a file of an older format, and refuses all others that are not ours.
fn check_format(path: &Path, database: &Database) -> Result<(), StoreError> {
    let format = |read: &redb::ReadTransaction| -> Result<u32, StoreError> {
        let table = read.open_table(FORMAT_TABLE).map_err(|error| refusal(path, error))?;
        let format = table.get(()).map_err(|error| refusal(path, error))?;
        Ok(format.ok_or_else(|| corrupt(path, "it contains no format version"))?.value())
    };
    let begin = || database.begin_read().map_err(|error| refusal(path, error));
    match format(&begin()?)? {
        FORMAT => {}
        found @ (2 | 3) => {
            require(path, &begin()?, TABLES.iter().filter(|table| !missing(found).contains(table)))?;
            transact(database, create_tables)?;
        }
        1 => convert::convert(path, database)?,
        found => return Err(StoreError::UnknownFormat { found, expected: FORMAT }),
    }
    require(path, &begin()?, TABLES.iter())
}

/// Checks that tables exist: one that is lost must not look empty.
fn require<'a>(
    path: &Path,
    read: &redb::ReadTransaction,
    mut tables: impl Iterator<Item = &'a Table>,
) -> Result<(), StoreError> {
    tables.try_for_each(|table| read.open_table(definition(*table)).map(drop).map_err(|error| refusal(path, error)))
}

#[cfg(test)]
mod tests;
