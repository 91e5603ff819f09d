//! The state of a wallet as JSON: to read it, to keep it elsewhere, and to import it into a new store.

mod credits;
mod old;
mod receipt;
mod requests;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, BlockNumber, ChainId, U256};
use chequebook::{Cheque, Creation, Scheme};
use serde::{Deserialize, Serialize};

use self::{
    credits::Credited,
    receipt::Receipt,
    requests::{Counter, Requested},
    rows::{all, bad},
};
use crate::{
    Error,
    store::{
        Batch, Key, Ledger, Store, StoreError,
        schema::{
            ChequebookRow, FORMAT, Origin, Promise, Received, Signed, TABLES, TransactionRow, accepted_key,
            address_at_end, automatic_key, chequebook_key, decimal, history_key, issued_key, nonce_key, origin_key,
            received_key, table, total_key, transaction_key, transaction_of,
        },
    },
    wallet::Wallet,
};

/// Everything in the store of a wallet, except what can be read from the chain. It contains no keys, but each cheque in
/// it is money to its beneficiary.
///
/// **A backup is outdated after the next cheque.** Cheques that were issued later are not in it, and a wallet that
/// continues from it promises their amounts a second time. To prevent this, call
/// [`recover`](crate::Chequebook::recover) with the later cheques.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backup {
    format: u32,
    chain_id: ChainId,
    genesis: B256,
    chequebooks: Vec<Issuer>,
    received: Vec<Receipt>,
    /// What payers have with a cashier. Older backups have none.
    #[serde(default)]
    credits: Vec<Credited>,
    transactions: Vec<Sent>,
    /// What was done for requests, and what they have spent. Older backups have none.
    #[serde(default)]
    requests: Vec<Requested>,
    #[serde(default)]
    counters: Vec<Counter>,
}

/// A chequebook that we sign for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Issuer {
    contract: Address,
    signer: Address,
    creation: Option<Creation>,
    scan_from: Option<BlockNumber>,
    /// What automatic deposits that are final have sent, in wei.
    #[serde(default, with = "decimal")]
    auto_deposited: U256,
    issued: Vec<Issued>,
}

/// What was promised to one beneficiary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Issued {
    beneficiary: Address,
    /// In wei.
    #[serde(with = "decimal")]
    amount: U256,
    /// Scheme and signature are missing if the promise was recovered from the chain.
    scheme: Option<Scheme>,
    signature: Option<alloy::primitives::FixedBytes<65>>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    account: Address,
    nonce: u64,
    #[serde(deserialize_with = "old::transaction")]
    transaction: TransactionRow,
}

impl Backup {
    /// Exports what is durable, row by row, and holds nobody up: what is written meanwhile may be in it or not. The whole
    /// backup is held in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn export(wallet: &Wallet) -> Result<Self, Error> {
        Self::of(&wallet.shared().ledger).await
    }

    async fn of(ledger: &Ledger) -> Result<Self, Error> {
        let origin = all::<Origin>(ledger, table::ORIGIN, &[]).await?;
        let Some((_, Origin { format, chain_id, genesis })) = origin.into_iter().next() else {
            return Err(StoreError::bad_row(table::ORIGIN, &[]).into());
        };

        let mut chequebooks = Vec::new();
        for (key, row) in all::<ChequebookRow>(ledger, table::CHEQUEBOOKS, &[]).await? {
            let contract = address_at_end(table::CHEQUEBOOKS, &key)?;
            let mut issued = Vec::new();
            for (key, promise) in all::<Promise>(ledger, table::ISSUED, contract.as_slice()).await? {
                let beneficiary = address_at_end(table::ISSUED, &key)?;
                let (scheme, signature) = promise.signed.map(|signed| (signed.scheme, signed.signature)).unzip();
                issued.push(Issued { beneficiary, amount: promise.amount, scheme, signature });
            }
            let ChequebookRow { signer, creation, scan_from } = row;
            let auto_deposited = U256::ZERO; // it is read last
            chequebooks.push(Issuer { contract, signer, creation, scan_from, auto_deposited, issued });
        }
        let mut received = Vec::new();
        let (rows, credits) = credits::read(ledger).await?;
        for ((contract, beneficiary), (row, accepted)) in rows {
            let cheque = |promise: Promise| promise.cheque(contract, beneficiary, chain_id);
            let accepted = accepted.map(cheque).transpose()?.flatten();
            let (cheque, acknowledged) = (cheque(row.cheque)?, row.acknowledged);
            received.extend(cheque.map(|cheque| Receipt { cheque, acknowledged, accepted, is_old: false }));
        }
        let mut transactions = BTreeMap::new();
        for table in [table::TRANSACTIONS, table::HISTORY] {
            for (key, transaction) in all::<TransactionRow>(ledger, table, &[]).await? {
                // One that became final meanwhile is read twice.
                transactions.insert(transaction_of(table, &key)?, transaction);
            }
        }
        // After the transactions: one that becomes final meanwhile counts twice rather than not at all.
        for (key, total) in all::<U256>(ledger, table::AUTOMATIC, &[]).await? {
            let contract = address_at_end(table::AUTOMATIC, &key)?;
            // They are in the order of their addresses. One that is not there yet began after the export.
            if let Ok(index) = chequebooks.binary_search_by_key(&contract, |issuer: &Issuer| issuer.contract)
                && let Some(issuer) = chequebooks.get_mut(index)
            {
                issuer.auto_deposited = total;
            }
        }
        let sent = |((account, nonce), transaction)| Sent { account, nonce, transaction };
        let transactions = transactions.into_iter().map(sent).collect();
        let (requests, counters) = requests::read(ledger).await?;
        Ok(Self { format, chain_id, genesis, chequebooks, received, credits, transactions, requests, counters })
    }

    /// Imports the backup into an empty store, in one commit.
    ///
    /// # Errors
    ///
    /// [`Error::StoreNotEmpty`]; [`StoreError::UnknownFormat`] if it was exported by another version, but for format 4,
    /// which is converted; [`Error::BadBackup`] if it contradicts itself. After an error, nothing is written.
    pub async fn import(&self, store: &impl Store) -> Result<(), Error> {
        if ![old::FORMAT, FORMAT].contains(&self.format) {
            return Err(StoreError::UnknownFormat { found: self.format, expected: FORMAT }.into());
        }
        for table in TABLES {
            if !store.page(*table, &[], None, 1).await?.is_empty() {
                return Err(Error::StoreNotEmpty);
            }
        }
        let mut batch = Batch::new();
        let Self { chain_id, genesis, .. } = *self;
        batch.replace(origin_key(), None, &Origin { format: FORMAT, chain_id, genesis })?;
        let mut contracts = BTreeSet::new();
        for issuer in &self.chequebooks {
            if !contracts.insert(issuer.contract) {
                return Err(bad(format!("chequebook {}: it is there twice", issuer.contract)));
            }
            self.import_issuer(&mut batch, issuer)?;
        }
        self.import_received(&mut batch)?;
        credits::import(&self.credits, &mut batch)?;
        requests::import(&self.requests, &self.counters, &mut batch)?;

        let mut nonces = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for Sent { account, nonce, transaction } in &self.transactions {
            let bad = |reason| Err(bad(format!("transaction {nonce} of {account}: {reason}")));
            if transaction.variants.is_empty() {
                return bad("it is not signed");
            }
            if !seen.insert((account, nonce)) {
                return bad("it is there twice");
            }
            let is_final = transaction.outcome.is_some();
            let key = if is_final { history_key(*account, *nonce) } else { transaction_key(*account, *nonce) };
            batch.put(key, transaction)?;
            let next: &mut u64 = nonces.entry(*account).or_default();
            *next = nonce.saturating_add(1).max(*next);
        }
        for (account, next) in nonces {
            batch.put(nonce_key(account), &next)?;
        }
        for answer in store.commit(vec![batch.into_change()]).await? {
            answer.map_err(|_| Error::StoreNotEmpty)?; // since we looked
        }
        Ok(())
    }

    fn import_issuer(&self, batch: &mut Batch, issuer: &Issuer) -> Result<(), Error> {
        let Issuer { contract, signer, creation, scan_from, auto_deposited, ref issued } = *issuer;
        if let Some(creation) = creation
            && (creation.address(self.chain_id)?, creation.terms.effective_signer()) != (contract, signer)
        {
            return Err(bad(format!("chequebook {contract}: its terms belong to another chequebook")));
        }
        let mut total = U256::ZERO;
        let mut seen: BTreeSet<Key> = BTreeSet::new();
        for line in issued {
            let bad = |reason: &str| bad(format!("cheque to {}: {reason}", line.beneficiary));
            let promise = line.promise().map_err(bad)?;
            if let Some(cheque) = promise.cheque(contract, line.beneficiary, self.chain_id)? {
                cheque.verify(signer)?;
            }
            let key = issued_key(contract, line.beneficiary);
            if !seen.insert(key.clone()) {
                return Err(bad("it is there twice"));
            }
            total = total.checked_add(promise.amount).ok_or(Error::Overflow)?;
            batch.put(key, &promise)?;
        }
        batch
            .put(chequebook_key(contract), &ChequebookRow { signer, creation, scan_from })?
            .put(total_key(contract), &total)?;
        if !auto_deposited.is_zero() {
            batch.put(automatic_key(contract), &auto_deposited)?;
        }
        Ok(())
    }

    fn import_received(&self, batch: &mut Batch) -> Result<(), Error> {
        let mut seen: BTreeSet<Key> = BTreeSet::new();
        for Receipt { cheque: received, acknowledged, accepted, is_old } in &self.received {
            let cheque = received.cheque();
            let bad =
                |reason: &str| Err(bad(format!("cheque of {} to {}: {reason}", cheque.contract, cheque.beneficiary)));
            if *is_old != (self.format == old::FORMAT) {
                return bad("it has the form of another format");
            }
            if *acknowledged > cheque.amount {
                return bad(&format!("{acknowledged} wei are acknowledged of {}", cheque.amount));
            }
            let key = received_key(cheque.contract, cheque.beneficiary);
            if cheque.chain_id != self.chain_id {
                return Err(Error::WrongChainId { found: cheque.chain_id, expected: self.chain_id });
            }
            if !seen.insert(key.clone()) {
                return bad("it is there twice");
            }
            batch.put(key, &Received { cheque: Promise::of(received), acknowledged: *acknowledged })?;
            if let Some(accepted) = accepted {
                let of = |cheque: &Cheque| (cheque.contract, cheque.beneficiary, cheque.chain_id);
                if of(accepted.cheque()) != of(cheque) || accepted.cheque().amount != *acknowledged {
                    return bad(&format!("the one that was acknowledged is another than over {acknowledged} wei"));
                }
                batch.put(accepted_key(cheque.contract, cheque.beneficiary), &Promise::of(accepted))?;
            }
        }
        Ok(())
    }
}

impl Issued {
    fn promise(&self) -> Result<Promise, &'static str> {
        let signed = match (self.scheme, self.signature) {
            (Some(scheme), Some(signature)) => Some(Signed { scheme, signature }),
            (None, None) => None,
            _ => return Err("either scheme or signature is missing, expected both or none"),
        };
        Ok(Promise { amount: self.amount, signed })
    }
}

#[cfg(test)]
mod tests;
