//! A store that measures its commits.

use std::{panic::AssertUnwindSafe, time::Instant};

use async_trait::async_trait;
use chequebook_wallet::{
    Store, StoreError,
    store::{Change, Conflict, Entry, Key, Table},
};
use futures_util::FutureExt;

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
        // A panic is a failure for the wallet, and so it is counted.
        let committed = AssertUnwindSafe(self.store.commit(changes)).catch_unwind().await;
        let committed = committed.unwrap_or_else(|_| Err(StoreError::Failed { reason: "it panicked".to_owned() }));
        self.commits.observe(count, began.elapsed(), committed.is_ok());
        committed
    }
}

#[cfg(test)]
mod tests {
    use chequebook_wallet::store::TABLES;

    use super::*;
    use crate::cli::service::metrics::Metrics;

    /// What commits do.
    #[derive(Clone, Copy)]
    enum Mood {
        Works,
        Fails,
        Panics,
    }

    #[async_trait]
    impl Store for Mood {
        async fn get(&self, _key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
            Err(StoreError::Closed)
        }

        async fn page(
            &self,
            _table: Table,
            _prefix: &[u8],
            _after: Option<&[u8]>,
            _limit: usize,
        ) -> Result<Vec<Entry>, StoreError> {
            Err(StoreError::Closed)
        }

        async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
            match self {
                Self::Works => Ok(changes.iter().map(|_| Ok(())).collect()),
                Self::Fails => Err(StoreError::Closed),
                Self::Panics => panic!("as if by a defect"),
            }
        }
    }

    /// Whoever has committed, and whether or not anybody called.
    #[tokio::test]
    async fn a_commit_that_fails_is_known() {
        for (mood, expected) in [(Mood::Works, false), (Mood::Fails, true), (Mood::Panics, true)] {
            let metrics = Metrics::new();
            let store = Measured::new(mood, metrics.commits());
            assert!(store.page(TABLES[0], &[], None, 1).await.is_err());
            assert!(!metrics.has_store_failed(), "a question that fails is asked again");
            assert_eq!(store.commit(Vec::new()).await.is_err(), expected);
            assert_eq!(metrics.has_store_failed(), expected);
        }
    }
}
