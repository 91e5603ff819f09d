//! What payers have with a cashier, as JSON.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use super::rows::{all, bad, row};
use crate::{
    Error,
    store::{
        Batch, Ledger, StoreError,
        schema::{CreditRow, Promise, Received, accepted_key, credit_key, decimal, received_key, received_of, table},
    },
};

/// How often the credit and the cheque of one payer are read until no other cheque comes between the two. Then commits
/// wait for two reads.
const TRIES: usize = 3;

/// What one payer has with one beneficiary, in the smallest unit of the asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Credited {
    pub(super) contract: Address,
    pub(super) beneficiary: Address,
    /// What its acknowledged cheques brought in all.
    #[serde(with = "decimal")]
    pub(super) accepted: U256,
    #[serde(with = "decimal")]
    pub(super) spent: U256,
    /// Since when something of it is uncashed, in Unix seconds.
    pub(super) since: u64,
}

/// A chequebook and a beneficiary.
type Line = (Address, Address);

/// What was received, which cheque of it was acknowledged if that is not the highest, and what it brought. They are written
/// together, so that none is read without the others: a cheque without its credit would never bring it, and a credit
/// without its cheque would come twice.
pub(super) async fn read(
    ledger: &Ledger,
) -> Result<(BTreeMap<Line, (Received, Option<Promise>)>, Vec<Credited>), Error> {
    let before = lines::<Received>(all(ledger, table::RECEIVED, &[]).await?)?;
    let mut credits = lines::<CreditRow>(all(ledger, table::CREDIT, &[]).await?)?;
    let mut accepted = lines::<Promise>(all(ledger, table::ACCEPTED, &[]).await?)?;
    let mut after = lines::<Received>(all(ledger, table::RECEIVED, &[]).await?)?;
    for (&(contract, beneficiary), received) in &mut after {
        if before.get(&(contract, beneficiary)) == Some(received) {
            continue;
        }
        let mut tries = 0..TRIES;
        loop {
            let held = if tries.next().is_none() { Some(ledger.hold().await?) } else { None };
            let credit = row::<CreditRow>(ledger, credit_key(contract, beneficiary)).await?;
            let promise = row::<Promise>(ledger, accepted_key(contract, beneficiary)).await?;
            let now = row::<Received>(ledger, received_key(contract, beneficiary)).await?;
            let now = now.ok_or_else(|| StoreError::bad_row(table::RECEIVED, contract.as_slice()))?;
            let is_same = now == *received;
            *received = now;
            if is_same || held.is_some() {
                set(&mut credits, (contract, beneficiary), credit);
                set(&mut accepted, (contract, beneficiary), promise);
                break;
            }
        }
    }
    let received = after.into_iter().map(|(line, received)| (line, (received, accepted.remove(&line)))).collect();
    let credited = |((contract, beneficiary), CreditRow { accepted, spent, since })| Credited {
        contract,
        beneficiary,
        accepted,
        spent,
        since,
    };
    Ok((received, credits.into_iter().map(credited).collect()))
}

fn set<T>(rows: &mut BTreeMap<Line, T>, line: Line, row: Option<T>) {
    match row {
        Some(row) => rows.insert(line, row),
        None => rows.remove(&line),
    };
}

fn lines<T>(rows: Vec<(Vec<u8>, T)>) -> Result<BTreeMap<Line, T>, Error> {
    rows.into_iter().map(|(key, row)| Ok((received_of(&key)?, row))).collect()
}

/// Adds the rows to an import.
pub(super) fn import(credits: &[Credited], batch: &mut Batch) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for &Credited { contract, beneficiary, accepted, spent, since } in credits {
        let bad = |reason: String| Err(bad(format!("credit of {contract} with {beneficiary}: {reason}")));
        if spent > accepted {
            return bad(format!("{spent} wei are spent of {accepted}"));
        }
        if !seen.insert((contract, beneficiary)) {
            return bad("it is there twice".to_owned());
        }
        batch.put(credit_key(contract, beneficiary), &CreditRow { accepted, spent, since })?;
    }
    Ok(())
}
