//! A store that measures its commits.

use std::time::Instant;

use async_trait::async_trait;
use chequebook_wallet::{
    Store, StoreError,
    store::{Change, Conflict, Entry, Key, Table},
};

use super::metrics::Commits;

/// A store whose commits are measured.
pub(crate) struct Measured<S> {
    store: S,
    commits: Commits,
}

impl<S> Measured<S> {
    pub(crate) const fn new(store: S, commits: Commits) -> Self {
        Self { store, commits }
    }
}

#[async_trait]
impl<S: Store> Store for Measured<S> {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.store.page(table, prefix, after, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let (count, began) = (changes.len(), Instant::now());
        let committed = self.store.commit(changes).await;
        self.commits.observe(count, began.elapsed(), committed.is_ok());
        committed
    }
}
