//! What a file contains, and how it is written.

use redb::{Builder, Database, Durability, TableDefinition, WriteTransaction};

use super::super::{
    change::Table,
    error::StoreError,
    schema::{TABLES, table},
};

/// Distinguishes our files from others, and one version from the next.
pub(super) const FORMAT_TABLE: TableDefinition<'_, (), u32> = TableDefinition::new("chequebook format");
/// One redb table for each table. The formats 2 and 3 had fewer, and format 1 had one for all: they are converted.
pub(super) const FORMAT: u32 = 4;

/// The tables that a format did not have.
pub(super) const fn missing(format: u32) -> &'static [Table] {
    match format {
        2 => &[table::ACCEPTED, table::AUTOMATIC, table::CREDIT, table::REQUESTS, table::COUNTERS],
        3 => &[table::ACCEPTED],
        _ => &[],
    }
}

/// How much of the file is kept in memory, in bytes.
pub(super) const CACHE: usize = 256 << 20;

/// One transaction, which is on the disk when this returns.
pub(super) fn transact<T>(
    database: &Database,
    work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut transaction = database.begin_write().map_err(StoreError::other)?;
    // With one phase, a last commit that was damaged later looks like an unfinished one, and redb silently uses the
    // one before. Two phases distinguish the two cases.
    transaction.set_two_phase_commit(true);
    transaction.set_durability(Durability::Immediate).map_err(StoreError::other)?;
    let result = work(&transaction)?;
    transaction.commit().map_err(StoreError::other)?;
    Ok(result)
}

/// Creates all tables that are missing, empty.
pub(super) fn create_tables(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(FORMAT_TABLE).map_err(StoreError::other)?.insert((), FORMAT).map_err(StoreError::other)?;
    for table in TABLES {
        transaction.open_table(definition(*table)).map_err(StoreError::other)?;
    }
    Ok(())
}

pub(super) const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}
