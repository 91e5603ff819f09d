//! What readers see between two commits.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use parking_lot::Mutex;
use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase};

use super::{
    super::{change::Table, error::StoreError},
    database::definition,
};

pub(super) type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The tables as the last commit left them: to begin a read and to open a table costs more than to read a row, and between
/// two commits it need be done only once.
#[derive(Default)]
pub(super) struct Snapshot(Mutex<Option<Open>>);

struct Open {
    transaction: ReadTransaction,
    tables: BTreeMap<Table, Arc<Rows>>,
}

impl Snapshot {
    /// A table.
    pub(super) fn table(&self, database: &Database, table: Table) -> Result<Arc<Rows>, StoreError> {
        // Under the lock, so that nothing is kept that is older than the commit after which it was last forgotten.
        let mut kept = self.0.lock();
        let open = match &mut *kept {
            Some(open) => open,
            none => none.insert(Open {
                transaction: database.begin_read().map_err(StoreError::other)?,
                tables: BTreeMap::new(),
            }),
        };
        Ok(match open.tables.entry(table) {
            btree_map::Entry::Occupied(entry) => Arc::clone(entry.get()),
            btree_map::Entry::Vacant(entry) => {
                let rows = open.transaction.open_table(definition(table)).map_err(StoreError::other)?;
                Arc::clone(entry.insert(Arc::new(rows)))
            }
        })
    }

    /// Forgets what was read: after each commit, before anybody is told of it.
    pub(super) fn forget(&self) {
        drop(self.0.lock().take());
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
