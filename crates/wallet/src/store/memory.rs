//! A store in memory, for tests and for data that need not last.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use super::{
    backend::{Entry, Store, Write},
    error::StoreError,
};

/// A store in memory. **Nothing in it survives the process.** Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().get(key).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
        let map = self.0.lock();
        let from = map.range(prefix.to_vec()..);
        let found = from.take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut map = self.0.lock();
        for Write { key, value } in writes {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
        Ok(())
    }
}
