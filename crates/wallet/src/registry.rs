//! What is in memory once for all who use it, while somebody does.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

/// Values by key. It keeps none of them: whoever drops the last use of one calls [`forget`](Self::forget).
pub(crate) struct Registry<K, V: ?Sized>(Mutex<HashMap<K, Weak<V>>>);

impl<K, V: ?Sized> Default for Registry<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: ?Sized> Registry<K, V> {
    pub(crate) fn find(&self, key: &K) -> Option<Arc<V>> {
        self.0.lock().get(key)?.upgrade()
    }

    /// All that somebody uses.
    pub(crate) fn all(&self) -> Vec<Arc<V>> {
        self.0.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Adds a value, unless another task has added one. Returns the one that stays.
    pub(crate) fn insert(&self, key: K, new: Arc<V>) -> Arc<V> {
        let mut all = self.0.lock();
        if let Some(found) = all.get(&key).and_then(Weak::upgrade) {
            return found;
        }
        all.insert(key, Arc::downgrade(&new));
        new
    }

    /// The value of a key, which is read if nobody uses it. `reading` lets one be read at a time, so that no two are of the same
    /// key: what nobody uses is as it was stored last.
    pub(crate) async fn find_or_read<E>(
        &self,
        key: K,
        reading: &tokio::sync::Mutex<()>,
        read: impl Future<Output = Result<V, E>>,
    ) -> Result<Arc<V>, E>
    where
        V: Sized,
    {
        if let Some(found) = self.find(&key) {
            return Ok(found);
        }
        let _reading = reading.lock().await;
        if let Some(found) = self.find(&key) {
            return Ok(found);
        }
        Ok(self.insert(key, Arc::new(read.await?)))
    }

    /// Forgets a value that nobody uses any more.
    pub(crate) fn forget(&self, key: &K) {
        let mut all = self.0.lock();
        if all.get(key).is_some_and(|value| value.strong_count() == 0) {
            all.remove(key);
        }
    }
}
