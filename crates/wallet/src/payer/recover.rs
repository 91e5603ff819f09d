//! How a payer that has lost its state recovers it.

use std::collections::BTreeMap;

use alloy::primitives::{Address, BlockNumber, U256};
use chequebook::{Creation, SignedCheque};

use super::{
    balance::{by_beneficiary, cashed, created_in},
    book::watch_as_signer,
    chequebook::Chequebook,
};
use crate::{
    Error,
    signer::{IntoSigner, SharedSigner},
    store::{
        Batch,
        schema::{ChequebookRow, Promise, address_at_end, chequebook_key, issued_key, table, total_key},
    },
    wallet::Wallet,
};

impl Chequebook {
    /// Opens a chequebook whose record in the store is missing, or older than `cheques`: cheques that `signer` signed,
    /// for example collected from their payees. These cheques and the payments on the chain are added to the record.
    ///
    /// **A cheque that is missing here is forgotten**, and its amount is promised a second time. For a chequebook that
    /// never issued a cheque, pass no cheques.
    ///
    /// # Errors
    ///
    /// [`Error::WrongContract`], [`Error::WrongChainId`] or [`chequebook::Error::WrongSigner`] for a cheque that is not
    /// ours; nothing is changed then. Those of [`open`](Self::open).
    #[tracing::instrument(skip_all, fields(%contract))]
    pub async fn recover<K>(
        wallet: &Wallet,
        contract: Address,
        signer: impl IntoSigner<K>,
        cheques: impl IntoIterator<Item = SignedCheque>,
    ) -> Result<Self, Error> {
        Self::recover_with(wallet, contract, None, signer.into_signer(), cheques).await
    }

    /// The same for a chequebook of a creation, which need not be created yet, and whose terms are known: what
    /// [`prepare`](Self::prepare) prepared, if the store is lost.
    ///
    /// # Errors
    ///
    /// [`chequebook::Error::ZeroOwner`], [`chequebook::Error::ZeroToken`], and those of [`recover`](Self::recover).
    pub async fn recover_of<K>(
        wallet: &Wallet,
        creation: &Creation,
        signer: impl IntoSigner<K>,
        cheques: impl IntoIterator<Item = SignedCheque>,
    ) -> Result<Self, Error> {
        let contract = creation.address(wallet.chain_id())?;
        Self::recover_with(wallet, contract, Some(*creation), signer.into_signer(), cheques).await
    }

    async fn recover_with(
        wallet: &Wallet,
        contract: Address,
        creation: Option<Creation>,
        signer: SharedSigner,
        cheques: impl IntoIterator<Item = SignedCheque>,
    ) -> Result<Self, Error> {
        let mut promises = BTreeMap::new();
        for cheque in cheques {
            check_ours(wallet, contract, signer.address(), &cheque)?;
            raise(&mut promises, cheque.cheque().beneficiary, Promise::of(&cheque));
        }

        let claim = wallet.claim(contract, None)?;
        let ledger = &wallet.shared().ledger;
        let row = ledger.get::<ChequebookRow>(&chequebook_key(contract)).await?;
        let creation = creation.or(row.and_then(|row| row.creation));
        let known_from = row.and_then(|row| row.scan_from);
        let (scan_from, paid) = paid(wallet, contract, signer.address(), creation.as_ref(), known_from).await?;
        for (beneficiary, amount) in paid {
            raise(&mut promises, beneficiary, Promise { amount, signed: None });
        }
        for (key, promise) in ledger.scan::<Promise>(table::ISSUED, contract.as_slice()).await? {
            raise(&mut promises, address_at_end(table::ISSUED, &key)?, promise);
        }

        let mut batch = Batch::new();
        let mut total = U256::ZERO;
        for (beneficiary, promise) in promises {
            total = total.checked_add(promise.amount).ok_or(Error::Overflow)?;
            batch.put(issued_key(contract, beneficiary), &promise)?;
        }
        let row = ChequebookRow { signer: signer.address(), creation, scan_from: Some(scan_from) };
        batch.put(chequebook_key(contract), &row)?.put(total_key(contract), &total)?;
        ledger.submit(batch).await?;
        drop(claim);
        Self::open(wallet, contract, signer).await
    }
}

fn check_ours(wallet: &Wallet, contract: Address, signer: Address, cheque: &SignedCheque) -> Result<(), Error> {
    let found = cheque.cheque();
    if found.contract != contract {
        return Err(Error::WrongContract { found: found.contract, expected: contract });
    }
    if found.chain_id != wallet.chain_id() {
        return Err(Error::WrongChainId { found: found.chain_id, expected: wallet.chain_id() });
    }
    Ok(cheque.verify(signer)?)
}

/// Keeps the larger promise; of two equal ones, the one that has a cheque.
fn raise(promises: &mut BTreeMap<Address, Promise>, beneficiary: Address, new: Promise) {
    let rank = |promise: &Promise| (promise.amount, promise.signed.is_some());
    let kept = promises.entry(beneficiary).or_insert(new);
    if rank(&new) > rank(kept) {
        *kept = new;
    }
}

/// A block before which the chequebook paid nothing, and the amount that it paid to each beneficiary up to the newest
/// block, final or not, in wei.
async fn paid(
    wallet: &Wallet,
    contract: Address,
    signer: Address,
    creation: Option<&Creation>,
    known_from: Option<BlockNumber>,
) -> Result<(BlockNumber, BTreeMap<Address, U256>), Error> {
    let watched = watch_as_signer(wallet, contract, signer, creation).await?;
    let (head, state) = watched.read(|seen| (*seen.head, seen.state));
    let chain = &wallet.shared().chain;
    let from = match known_from {
        Some(from) => from,
        None => created_in(chain, contract, head, state).await?,
    };
    let payments = cashed(chain, contract, from, head.number).await?;
    Ok((from, by_beneficiary(&payments)?))
}
