//! What a store holds, read without a wallet: that takes neither a key nor a node.

use std::time::Duration;

use alloy::primitives::{Address, ChainId};
use chequebook::SignedCheque;

use crate::{
    Error,
    store::{
        Ledger, Store, StoreError,
        schema::{FORMAT, Origin, Received, origin_key, received_of, table},
    },
};

/// How long the store may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The highest valid cheque of one chequebook to each beneficiary that a store has records of, without opening a wallet:
/// for programs that only look. It closes the store.
///
/// # Errors
///
/// [`Error::WrongChain`] if the store belongs to another chain than `chain_id`; [`StoreError::UnknownFormat`] if another
/// version wrote it, as one that a wallet would convert; [`Error::Store`] if it cannot be read. A new store holds nothing.
pub async fn held(store: impl Store, contract: Address, chain_id: ChainId) -> Result<Vec<SignedCheque>, Error> {
    let ledger = Ledger::new(store, LIMIT);
    let held = read(&ledger, contract, chain_id).await;
    ledger.close().await;
    held
}

async fn read(ledger: &Ledger, contract: Address, expected: ChainId) -> Result<Vec<SignedCheque>, Error> {
    let Some(Origin { format, chain_id, .. }) = ledger.get::<Origin>(&origin_key()).await? else {
        return Ok(Vec::new());
    };
    if format != FORMAT {
        return Err(StoreError::UnknownFormat { found: format, expected: FORMAT }.into());
    }
    if chain_id != expected {
        return Err(Error::WrongChain { found: expected, expected: chain_id });
    }
    let mut cheques = Vec::new();
    for (key, row) in ledger.scan::<Received>(table::RECEIVED, contract.as_slice()).await? {
        let (_, beneficiary) = received_of(&key)?;
        cheques.extend(row.cheque.cheque(contract, beneficiary, chain_id)?);
    }
    Ok(cheques)
}
