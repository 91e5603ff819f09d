//! A store that dies between any two commits, and the disk that it leaves behind.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chequebook_wallet::store::{Change, Conflict, Entry, Key, Memory, MemoryDisk, Store, StoreError, Table};
use tokio::time::sleep;

/// When a store dies.
#[derive(Default)]
struct Fate {
    /// After how many more commits, and whether the last one of them is made though its answer is lost.
    dies: Option<(u32, bool)>,
    is_dead: bool,
    is_safe: bool,
}

/// A disk, and the fate of the store that is open on it.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    disk: MemoryDisk,
    fate: Arc<Mutex<Fate>>,
}

impl Disk {
    /// The store dies after so many more commits.
    pub(crate) fn die(&self, after: u32, made: bool) {
        self.fate.lock().unwrap().dies = Some((after, made));
    }

    /// While it is safe, it does not die.
    pub(crate) fn safe(&self, on: bool) {
        self.fate.lock().unwrap().is_safe = on;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.fate.lock().unwrap().is_dead
    }

    /// Opens the store, once the one before is released.
    pub(crate) async fn open(&self) -> Dying {
        for _ in 0..10_000 {
            if let Ok(memory) = self.disk.open() {
                let mut fate = self.fate.lock().unwrap();
                (fate.dies, fate.is_dead) = (None, false);
                return Dying(memory, Arc::clone(&self.fate));
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("W4: a wallet that was dropped keeps its store");
    }
}

/// The store.
pub(crate) struct Dying(Memory, Arc<Mutex<Fate>>);

impl Dying {
    /// Whether it is dead, and whether this commit is made all the same.
    fn next(&self) -> (bool, bool) {
        let mut fate = self.1.lock().unwrap();
        match (fate.is_dead, fate.is_safe, fate.dies) {
            (true, ..) => (true, false),
            (false, false, Some((0, made))) => {
                fate.is_dead = true;
                (true, made)
            }
            (false, false, Some((left, made))) => {
                fate.dies = Some((left - 1, made));
                (false, true)
            }
            _ => (false, true),
        }
    }
}

#[async_trait::async_trait]
impl Store for Dying {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.page(table, prefix, after, limit).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let (dies, made) = self.next();
        let answer = if made { self.0.commit(changes).await } else { Ok(Vec::new()) };
        if dies { Err(StoreError::Failed { reason: "as the sequence says".to_owned() }) } else { answer }
    }
}
