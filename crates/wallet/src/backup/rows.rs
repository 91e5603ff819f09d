//! The rows of a store, and what is wrong with those of a backup.

use serde::de::DeserializeOwned;

use crate::{
    Error,
    store::{Key, Ledger, Table, decode},
};

/// All durable rows of a table.
pub(super) async fn all<T: DeserializeOwned>(
    ledger: &Ledger,
    table: Table,
    prefix: &[u8],
) -> Result<Vec<(Vec<u8>, T)>, Error> {
    let mut rows = Vec::new();
    for (key, value) in ledger.durable_rows(table, prefix).await? {
        let row = decode(table, &key, &value)?;
        rows.push((key, row));
    }
    Ok(rows)
}

/// A durable row.
pub(super) async fn row<T: DeserializeOwned>(ledger: &Ledger, key: Key) -> Result<Option<T>, Error> {
    let page = ledger.durable_page(key.table, &key.bytes, None, 1).await?;
    let found = page.into_iter().find(|(bytes, _)| *bytes == key.bytes);
    Ok(found.map(|(bytes, value)| decode(key.table, &bytes, &value)).transpose()?)
}

/// A backup contradicts itself.
pub(super) const fn bad(reason: String) -> Error {
    Error::BadBackup { reason }
}
