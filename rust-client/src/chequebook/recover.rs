//! How a payer gets its state back that has lost it.

use std::{collections::BTreeMap, time::Duration};

use alloy::{
    primitives::{Address, U256},
    rpc::types::Filter,
    signers::Signer,
    sol_types::SolEvent,
};

use super::{Chequebook, watch_as_signer};
use crate::{
    Client, Error, Opening, SignedCheque,
    bindings::Chequebook::Cashed,
    rows::{Book, Promise, address_at_end, book_key, issued_key, issued_prefix, total_key},
    store::Batch,
};

impl Chequebook {
    /// Opens a chequebook that the store has no record of, or one that is older than `cheques`: cheques that `signer`
    /// signed, collected from their payees, say. They and what the chain paid are added to what the store has.
    ///
    /// **A cheque that is missing here is forgotten**, and its amount is promised a second time. For a chequebook that
    /// never had a cheque, pass none.
    ///
    /// # Errors
    ///
    /// [`Error::WrongContract`], [`Error::WrongChainId`] or [`Error::WrongSigner`] for a cheque that is not ours: then
    /// nothing is changed. Those of [`open`](Self::open).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: all is stored, or nothing.
    #[tracing::instrument(skip_all, fields(%contract))]
    pub async fn recover(
        client: &Client,
        contract: Address,
        signer: impl Signer + Send + Sync + 'static,
        cheques: impl IntoIterator<Item = SignedCheque>,
    ) -> Result<Self, Error> {
        let mut promises = BTreeMap::new();
        for cheque in cheques {
            check_ours(client, contract, signer.address(), &cheque)?;
            raise(&mut promises, cheque.cheque().beneficiary, Promise::of(&cheque));
        }

        let claim = client.claim(contract, None)?;
        let opening = client.shared().ledger.get::<Book>(&book_key(contract))?.and_then(|book| book.opening);
        for (beneficiary, amount) in paid(client, contract, signer.address(), opening.as_ref()).await? {
            raise(&mut promises, beneficiary, Promise { amount, signed: None });
        }
        let ledger = &client.shared().ledger;
        for (key, promise) in ledger.scan::<Promise>(&issued_prefix(contract))? {
            let beneficiary = address_at_end(&key).ok_or(Error::NoRecord { contract })?;
            raise(&mut promises, beneficiary, promise);
        }

        let mut batch = Batch::new();
        let mut total = U256::ZERO;
        for (beneficiary, promise) in promises {
            total = total.checked_add(promise.amount).ok_or(Error::Overflow)?;
            batch.put(issued_key(contract, beneficiary), &promise)?;
        }
        batch.put(book_key(contract), &Book { signer: signer.address(), opening })?.put(total_key(contract), &total)?;
        ledger.submit(batch).await?;
        drop(claim);
        Self::open(client, contract, signer).await
    }
}

fn check_ours(client: &Client, contract: Address, signer: Address, cheque: &SignedCheque) -> Result<(), Error> {
    let found = cheque.cheque();
    if found.contract != contract {
        return Err(Error::WrongContract { found: found.contract, expected: contract });
    }
    if found.chain_id != client.chain_id() {
        return Err(Error::WrongChainId { found: found.chain_id, expected: client.chain_id() });
    }
    cheque.verify(signer)
}

/// Keeps the larger promise; of two equal ones that which has a cheque.
fn raise(promises: &mut BTreeMap<Address, Promise>, beneficiary: Address, new: Promise) {
    let rank = |promise: &Promise| (promise.amount, promise.signed.is_some());
    let kept = promises.entry(beneficiary).or_insert(new);
    if rank(&new) > rank(kept) {
        *kept = new;
    }
}

/// What the chequebook paid to each beneficiary up to the newest block, final or not, in wei.
async fn paid(
    client: &Client,
    contract: Address,
    signer: Address,
    opening: Option<&Opening>,
) -> Result<BTreeMap<Address, U256>, Error> {
    let watched = watch_as_signer(client, contract, signer, opening).await?;
    let head = watched.snapshot(Duration::ZERO).await?.head;
    let filter = Filter::new().address(contract).event_signature(Cashed::SIGNATURE_HASH);
    let mut paid = BTreeMap::new();
    for log in client.shared().chain.logs(&filter, watched.genuine.born_at, head.number).await? {
        let cashed = Cashed::decode_log(&log.inner).map_err(|_| Error::NotGenuine { contract })?;
        let total: &mut U256 = paid.entry(cashed.beneficiary).or_default();
        *total = total.checked_add(cashed.paid).ok_or(Error::Overflow)?;
    }
    Ok(paid)
}
