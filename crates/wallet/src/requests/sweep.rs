//! How old rows are found: a few at a time, so that a call costs the same however many there are.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::store::{Entry, Ledger, StoreError, Table};

/// How often old rows are looked for, in calls, and how many are looked at then: so many that the store has at most about
/// twice as many as are kept.
const EVERY: u64 = 64;
const ROWS: usize = 128;

/// Goes through a table, and again from its start.
pub(super) struct Sweep {
    table: Table,
    count: AtomicU64,
    /// The last row that was looked at.
    after: Mutex<Option<Vec<u8>>>,
}

impl Sweep {
    pub(super) const fn of(table: Table) -> Self {
        Self { table, count: AtomicU64::new(0), after: Mutex::new(None) }
    }

    /// The next rows of the table, now and then; otherwise none. They are as they are stored: what was submitted since
    /// may be newer.
    pub(super) async fn next(&self, ledger: &Ledger) -> Result<Vec<Entry>, StoreError> {
        if !self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY) {
            return Ok(Vec::new());
        }
        let after = self.after.lock().take();
        let page = ledger.durable_page(self.table, &[], after.as_deref(), ROWS).await?;
        *self.after.lock() = page.last().filter(|_| page.len() >= ROWS).map(|(key, _)| key.clone());
        Ok(page)
    }
}
