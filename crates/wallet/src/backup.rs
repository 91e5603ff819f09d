//! The state of a wallet as JSON: to read it, to keep it elsewhere, and to import it into a new store.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, ChainId, U256};
use chequebook::{Creation, Scheme, SignedCheque};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    store::{
        Batch, Store, StoreError,
        schema::{
            ChequebookRow, FORMAT, Key, Origin, Promise, Signed, TransactionRow, address_at_end, chequebook_key,
            decimal, issued_key, issued_prefix, nonce_key, origin_key, received_key, table, total_key, transaction_key,
            transaction_of,
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
    received: Vec<SignedCheque>,
    transactions: Vec<Sent>,
}

/// A chequebook that we sign for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Issuer {
    contract: Address,
    signer: Address,
    creation: Option<Creation>,
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
    transaction: TransactionRow,
}

impl Backup {
    /// Exports everything that is durable at this moment. The whole backup is held in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn export(wallet: &Wallet) -> Result<Self, Error> {
        let shared = wallet.shared();
        let ledger = &shared.ledger;
        ledger.submit(Batch::new()).await?;
        let Origin { format, chain_id, genesis } =
            ledger.get(&origin_key())?.ok_or(StoreError::BadRow { key: origin_key() })?;

        let mut chequebooks = Vec::new();
        for (key, row) in ledger.scan::<ChequebookRow>(table::CHEQUEBOOKS)? {
            let contract = address_at_end(&key).ok_or(StoreError::BadRow { key })?;
            let mut issued = Vec::new();
            for (key, promise) in ledger.scan::<Promise>(&issued_prefix(contract))? {
                let beneficiary = address_at_end(&key).ok_or(StoreError::BadRow { key })?;
                let (scheme, signature) = promise.signed.map(|signed| (signed.scheme, signed.signature)).unzip();
                issued.push(Issued { beneficiary, amount: promise.amount, scheme, signature });
            }
            chequebooks.push(Issuer { contract, signer: row.signer, creation: row.creation, issued });
        }
        let mut transactions = Vec::new();
        for (key, transaction) in ledger.scan(table::TRANSACTIONS)? {
            let (account, nonce) = transaction_of(&key).ok_or(StoreError::BadRow { key })?;
            transactions.push(Sent { account, nonce, transaction });
        }
        Ok(Self { format, chain_id, genesis, chequebooks, received: wallet.received()?, transactions })
    }

    /// Imports the backup into an empty store, in one commit.
    ///
    /// # Errors
    ///
    /// [`Error::StoreNotEmpty`]; [`StoreError::UnknownFormat`] if it was exported by another version;
    /// [`Error::BadBackup`] if it contradicts itself. After an error, nothing is written.
    pub fn import(&self, store: &impl Store) -> Result<(), Error> {
        if self.format != FORMAT {
            return Err(StoreError::UnknownFormat { found: self.format, expected: FORMAT }.into());
        }
        if !store.scan(&[])?.is_empty() {
            return Err(Error::StoreNotEmpty);
        }
        let mut batch = Batch::new();
        let Self { format, chain_id, genesis, .. } = *self;
        batch.put(origin_key(), &Origin { format, chain_id, genesis })?;
        for issuer in &self.chequebooks {
            self.import_issuer(&mut batch, issuer)?;
        }
        self.import_received(&mut batch)?;

        let mut nonces = BTreeMap::new();
        for Sent { account, nonce, transaction } in &self.transactions {
            if transaction.variants.is_empty() {
                return Err(bad(format!("transaction {nonce} of {account}: it is not signed")));
            }
            batch.put(transaction_key(*account, *nonce), transaction)?;
            let next: &mut u64 = nonces.entry(*account).or_default();
            *next = nonce.saturating_add(1).max(*next);
        }
        for (account, next) in nonces {
            batch.put(nonce_key(account), &next)?;
        }
        Ok(store.commit(&batch.into_writes())?)
    }

    fn import_issuer(&self, batch: &mut Batch, issuer: &Issuer) -> Result<(), Error> {
        let Issuer { contract, signer, creation, ref issued } = *issuer;
        if let Some(creation) = creation
            && (creation.address(self.chain_id)?, creation.terms.effective_signer()) != (contract, signer)
        {
            return Err(bad(format!("chequebook {contract}: its terms belong to another chequebook")));
        }
        let mut total = U256::ZERO;
        let mut seen: BTreeMap<Key, ()> = BTreeMap::new();
        for line in issued {
            let bad = |reason: &str| bad(format!("cheque to {}: {reason}", line.beneficiary));
            let promise = line.promise().map_err(bad)?;
            if let Some(cheque) = promise.cheque(contract, line.beneficiary, self.chain_id)? {
                cheque.verify(signer)?;
            }
            let key = issued_key(contract, line.beneficiary);
            if seen.insert(key.clone(), ()).is_some() {
                return Err(bad("it is there twice"));
            }
            total = total.checked_add(promise.amount).ok_or(Error::Overflow)?;
            batch.put(key, &promise)?;
        }
        batch.put(chequebook_key(contract), &ChequebookRow { signer, creation })?.put(total_key(contract), &total)?;
        Ok(())
    }

    fn import_received(&self, batch: &mut Batch) -> Result<(), Error> {
        let mut seen: BTreeMap<Key, ()> = BTreeMap::new();
        for received in &self.received {
            let cheque = received.cheque();
            let key = received_key(cheque.contract, cheque.beneficiary);
            if cheque.chain_id != self.chain_id {
                return Err(Error::WrongChainId { found: cheque.chain_id, expected: self.chain_id });
            }
            if seen.insert(key.clone(), ()).is_some() {
                return Err(bad(format!("cheque of {} to {}: it is there twice", cheque.contract, cheque.beneficiary)));
            }
            batch.put(key, &Promise::of(received))?;
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

const fn bad(reason: String) -> Error {
    Error::BadBackup { reason }
}
