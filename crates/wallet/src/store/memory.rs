//! A store in memory, for tests and for data that need not last.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{
    backend::Store,
    change::{Change, Condition, Conflict, Entry, Key, Table, Write},
    error::StoreError,
};

type Rows = BTreeMap<Key, Vec<u8>>;

/// Makes one change, or tells what is in its way.
fn apply(rows: &mut Rows, change: Change) -> Result<(), Conflict> {
    for Condition { key, value } in change.conditions {
        if rows.get(&key) != value.as_ref() {
            return Err(Conflict { key });
        }
    }
    for Write { key, value } in change.writes {
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
    Ok(())
}

/// A store in memory, open. **Nothing in it survives the process.**
#[derive(Debug, Default)]
pub struct Memory(MemoryDisk);

/// What remains of a [`Memory`] store while it is closed. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    rows: Rows,
    in_use: bool,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the store on it.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] until the store that was opened before is dropped.
    pub fn open(&self) -> Result<Memory, StoreError> {
        let mut disk = self.0.lock();
        if disk.in_use {
            return Err(StoreError::InUse { path: "memory".into() });
        }
        disk.in_use = true;
        Ok(Memory(self.clone()))
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        let disk = MemoryDisk::new();
        disk.0.lock().in_use = true;
        Self(disk)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.0.lock().in_use = false;
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.0.lock().rows.get(key).cloned())
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let disk = self.0.0.lock();
        let from = Key { table, bytes: after.map_or(prefix, |after| after.max(prefix)).to_vec() };
        let rows = disk.rows.range(from..).filter(|(key, _)| after != Some(key.bytes.as_slice()));
        let found = rows.take_while(|(key, _)| key.table == table && key.bytes.starts_with(prefix)).take(limit);
        Ok(found.map(|(key, value)| (key.bytes.clone(), value.clone())).collect())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let mut disk = self.0.0.lock();
        Ok(changes.into_iter().map(|change| apply(&mut disk.rows, change)).collect())
    }
}
