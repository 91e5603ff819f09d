//! Rows of earlier formats.
//!
//! | format | since | what becomes of it |
//! |---|---|---|
//! | 4 | chequebooks of all forms come from the factory | migrated |
//! | 3 | tables have names | migrated, unless it has a chequebook that we sign for |
//! | 2 | clones have terms | the same |
//! | 1 | the first one | the same |
//!
//! Chequebooks of the formats 1 to 3 were created without today's factory, or by an earlier one. This version opens none
//! of them, and no version that does could read the store afterwards; the terms of a clone, without which nobody can
//! create it, would be lost. So such a store is left as it is, for the version that wrote it.

mod old;

use alloy::primitives::U256;

pub(crate) use self::old::Outcome as OldOutcome;

use super::{
    change::{Key, Table},
    error::StoreError,
    ledger::{Batch, Ledger, decode},
    schema::{ChequebookRow, FORMAT, Origin, Promise, Received, TransactionRow, origin_key, table},
};

/// The format that still had all that today's wallet needs.
const COMPLETE: u32 = 4;

/// Whether the rows of a format can be migrated.
pub(crate) fn check(format: u32, has_chequebooks: bool) -> Result<(), StoreError> {
    match format {
        COMPLETE | FORMAT => Ok(()),
        1..COMPLETE if !has_chequebooks => Ok(()),
        found => Err(StoreError::UnknownFormat { found, expected: FORMAT }),
    }
}

/// Migrates a store to [`FORMAT`], as a whole or not at all. Does nothing to the store of another chain, which the caller
/// refuses.
///
/// # Errors
///
/// [`StoreError::UnknownFormat`] if its format cannot be migrated.
pub(crate) async fn migrate(ledger: &Ledger, found: &Origin, expected: &Origin) -> Result<(), StoreError> {
    if found.format == FORMAT {
        return Ok(());
    }
    check(found.format, false)?; // whatever its chain is
    if (found.chain_id, found.genesis) != (expected.chain_id, expected.genesis) {
        return Ok(());
    }
    tracing::info!(from = found.format, to = FORMAT, "migrating the store");
    let migrated = async {
        let batch = rewrite(ledger, found).await?;
        ledger.submit(batch).certainly().await // a large store takes long
    };
    match migrated.await {
        Ok(()) => Ok(()),
        // Another process that shares the store may have been faster.
        Err(error) => match ledger.get::<Origin>(&origin_key()).await {
            Ok(Some(now)) if now.format == FORMAT => Ok(()),
            _ => Err(error),
        },
    }
}

/// All changes, which are made only if the store still has this origin.
async fn rewrite(ledger: &Ledger, found: &Origin) -> Result<Batch, StoreError> {
    let mut batch = Batch::new();
    batch.replace(origin_key(), Some(found), &Origin { format: FORMAT, ..*found })?;

    let chequebooks = ledger.durable_rows(table::CHEQUEBOOKS, &[]).await?;
    check(found.format, !chequebooks.is_empty())?;
    for (bytes, value) in chequebooks {
        let old::ChequebookRow { signer, creation } = decode(table::CHEQUEBOOKS, &bytes, &value)?;
        // It is not known since when it can have paid: the wallet looks for that.
        let row = ChequebookRow { signer, creation, scan_from: None };
        batch.put(Key { table: table::CHEQUEBOOKS, bytes }, &row)?;
    }
    for (bytes, value) in ledger.durable_rows(table::RECEIVED, &[]).await? {
        let cheque: Promise = decode(table::RECEIVED, &bytes, &value)?;
        // All that was stored was acknowledged.
        batch.put(Key { table: table::RECEIVED, bytes }, &Received { cheque, acknowledged: cheque.amount })?;
    }
    // They were stored after one look at the events of a chequebook, and are summed again.
    for (bytes, _) in ledger.durable_rows(table::PAID, &[]).await? {
        batch.remove(Key { table: table::PAID, bytes });
    }
    for (bytes, value) in ledger.durable_rows(table::TRANSACTIONS, &[]).await? {
        let row = transaction(found.format, table::TRANSACTIONS, &bytes, &value)?;
        let before = Key { table: table::TRANSACTIONS, bytes: bytes.clone() };
        if row.outcome.is_some() {
            batch.remove(before).put(Key { table: table::HISTORY, bytes }, &row)?;
        } else {
            batch.put(before, &row)?;
        }
    }
    Ok(batch)
}

fn transaction(format: u32, table: Table, key: &[u8], value: &[u8]) -> Result<TransactionRow, StoreError> {
    let old::TransactionRow { purpose, variants, outcome } = if format == COMPLETE {
        decode(table, key, value)?
    } else {
        let old::TransactionRow::<old::EarlyPurpose> { purpose, variants, outcome } = decode(table, key, value)?;
        // A direct deployment, which only a store with a chequebook can have.
        let purpose = purpose.upgrade().ok_or_else(|| StoreError::bad_row(table, key))?;
        old::TransactionRow { purpose, variants, outcome }
    };
    let outcome = outcome.and_then(old::Outcome::upgrade);
    Ok(TransactionRow { purpose, variants, cancelled: false, l1_fee: U256::ZERO, outcome })
}

#[cfg(all(test, feature = "redb"))]
mod tests;
