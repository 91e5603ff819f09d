//! Converts a file of format 1, which had one redb table for all rows. A key was the name of the table, a slash, and the
//! key in that table; or, in row formats 1 and 2, a letter for the table.

use std::{collections::BTreeMap, path::Path};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{
    super::{
        change::Table,
        error::StoreError,
        ledger::decode,
        migrate,
        schema::{Origin, TABLES, table},
    },
    database::{create_tables, definition, transact},
    file::{corrupt, refusal},
};

pub(super) const ONE_FOR_ALL: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("chequebook");

/// The letters, and how long what follows them is.
const LETTERS: [(u8, usize, Table); 8] = [
    (b'o', 0, table::ORIGIN),
    (b'b', 20, table::CHEQUEBOOKS),
    (b't', 20, table::TOTALS),
    (b'p', 20, table::PAID),
    (b'i', 40, table::ISSUED),
    (b'n', 40, table::RECEIVED),
    (b'a', 20, table::NONCES),
    (b'x', 28, table::TRANSACTIONS),
];

/// In one transaction: after a crash, the file is either as it was, or converted. A store whose rows cannot be migrated
/// later is left as it is.
pub(super) fn convert(path: &Path, database: &Database) -> Result<(), StoreError> {
    let read = database.begin_read().map_err(|error| refusal(path, error))?;
    let old = read.open_table(ONE_FOR_ALL).map_err(|error| refusal(path, error))?;
    transact(database, |transaction| {
        create_tables(transaction)?;
        let mut tables = BTreeMap::new();
        for table in TABLES {
            tables.insert(*table, transaction.open_table(definition(*table)).map_err(StoreError::other)?);
        }
        let (mut format, mut has_chequebooks) = (None, false);
        for row in old.iter().map_err(|error| refusal(path, error))? {
            let (key, value) = row.map_err(|error| refusal(path, error))?;
            let (table, key) = place(key.value()).ok_or_else(|| corrupt(path, "it has a row of no table"))?;
            match table {
                table::ORIGIN => format = Some(decode::<Origin>(table, key, value.value())?.format),
                table::CHEQUEBOOKS => has_chequebooks = true,
                _ => {}
            }
            let rows = tables.get_mut(&table).ok_or_else(|| corrupt(path, "a table is missing"))?;
            rows.insert(key, value.value()).map_err(StoreError::other)?;
        }
        if let Some(format) = format {
            migrate::check(format, has_chequebooks)?;
        }
        drop(tables);
        transaction.delete_table(ONE_FOR_ALL).map_err(StoreError::other)?;
        Ok(())
    })
}

/// The table of a key, and the key in that table.
fn place(key: &[u8]) -> Option<(Table, &[u8])> {
    let named = |table: &Table| key.strip_prefix(table.name().as_bytes())?.strip_prefix(b"/").map(|key| (*table, key));
    TABLES.iter().find_map(named).or_else(|| {
        let (first, rest) = key.split_first()?;
        let (_, _, table) = LETTERS.iter().find(|(letter, len, _)| (letter, *len) == (first, rest.len()))?;
        Some((*table, rest))
    })
}
