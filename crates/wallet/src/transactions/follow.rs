//! How transactions are followed until their outcome is final.

use std::collections::BTreeSet;

use alloy::{
    consensus::{TxEnvelope, transaction::Transaction as _},
    eips::Decodable2718,
    primitives::{Address, Bytes, keccak256},
};

use super::{
    sequence::{Entry, Id, Status, Transactions, bad_row},
    sign::sign,
};
use crate::{
    Error,
    chain::Head,
    store::{
        Batch,
        schema::{Outcome, TransactionRow, transaction_key},
    },
};

impl Transactions {
    /// Asks the chain for the outcome of all transactions that are not final, and sends lost ones again.
    pub(crate) async fn advance(&self) -> Result<(), Error> {
        let _advancing = self.advancing.lock().await;
        let result = self.follow_all().await;
        self.shut_down.send_if_modified(|shut_down| !*shut_down);
        result
    }

    async fn follow_all(&self) -> Result<(), Error> {
        let accounts: BTreeSet<_> = self.entries.lock().keys().map(|(account, _)| *account).collect();
        if accounts.is_empty() {
            return Ok(());
        }
        let head = self.chain.head().await?;
        let confirmed = self.chain.block(head.number.saturating_sub(self.confirmations)).await?;
        // A node may count a nonce of its newest block before it has the receipt.
        let deep = self.confirmations.max(1);
        let settled = self.chain.block(head.number.saturating_sub(deep)).await?;
        // A failure for one account must not stop the others.
        let mut result = Ok(());
        for account in accounts {
            result = result.and(self.follow(account, head, confirmed, settled).await);
        }
        result
    }

    /// Follows the transactions of one account.
    async fn follow(&self, account: Address, head: Head, confirmed: Head, settled: Head) -> Result<(), Error> {
        let (newest, final_) =
            tokio::try_join!(self.chain.nonce(account, head.id()), self.chain.nonce(account, settled.id()))?;
        let mut result = Ok(());
        for (id, mut entry) in self.unsettled(account, newest) {
            let looked = if newest <= id.1 {
                self.push(id, &mut entry.row, head).await
            } else {
                self.settle(id, &mut entry.row, confirmed, final_ > id.1).await
            };
            match looked {
                Ok(status) => {
                    tracing::debug!(%account, nonce = id.1, ?status, "transaction");
                    entry.status = status;
                    self.entries.lock().insert(id, entry);
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// The transactions that are not final, and those that were final but are no longer on the chain, because a
    /// reorganisation was deeper than expected: they would block all later ones.
    fn unsettled(&self, account: Address, newest: u64) -> Vec<(Id, Entry)> {
        let entries = self.entries.lock();
        let mine = entries.range((account, 0)..=(account, u64::MAX));
        let open = mine.filter(|((_, nonce), entry)| match entry.status {
            Status::Confirmed { .. } | Status::Reverted { .. } => *nonce >= newest,
            Status::Replaced => false,
            _ => true,
        });
        open.map(|(&id, entry)| (id, entry.clone())).collect()
    }

    /// Handles a nonce that is not used yet: makes sure that the node knows the transaction, and that it offers enough.
    async fn push(&self, id: Id, row: &mut TransactionRow, head: Head) -> Result<Status, Error> {
        let raw = row.latest().clone();
        let newest = decode(id, &raw)?;
        if head.base_fee > newest.max_fee_per_gas() && id.0 == self.account() {
            let raw = self.raise(id, row, &newest).await?;
            self.broadcast(id, &raw).await;
            return Ok(Status::Pending);
        }
        if self.chain.knows(*newest.tx_hash()).await? {
            return Ok(Status::Pending);
        }
        self.broadcast(id, &raw).await;
        Ok(Status::Dropped)
    }

    /// Adds a variant that offers the current price, and at least an eighth more than before: nodes do not replace a
    /// transaction for less.
    async fn raise(&self, id: Id, row: &mut TransactionRow, newest: &TxEnvelope) -> Result<Bytes, Error> {
        let mut transaction = newest.as_eip1559().ok_or_else(|| bad_row(id))?.tx().clone();
        let fees = self.chain.fees().await?;
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        transaction.max_fee_per_gas = more(transaction.max_fee_per_gas).max(fees.max_fee_per_gas);
        transaction.max_priority_fee_per_gas =
            more(transaction.max_priority_fee_per_gas).max(fees.max_priority_fee_per_gas);
        self.check_fee(transaction.max_fee_per_gas)?;

        let raw = sign(&self.account, transaction).await?;
        row.variants.push(raw.clone());
        let mut batch = Batch::new();
        batch.put(transaction_key(id.0, id.1), row)?;
        self.ledger.submit(batch).await?;
        Ok(raw)
    }

    /// Handles a nonce that is used, by a variant of this transaction or by another program. Stores a final outcome.
    async fn settle(&self, id: Id, row: &mut TransactionRow, confirmed: Head, is_final: bool) -> Result<Status, Error> {
        let status = self.look(row, confirmed, is_final).await?;
        row.outcome = match status {
            Status::Confirmed { block, hash } => Some(Outcome::Confirmed { block, hash }),
            Status::Reverted { block, hash } => Some(Outcome::Reverted { block, hash }),
            Status::Replaced => Some(Outcome::Replaced),
            _ => return Ok(status),
        };
        let mut batch = Batch::new();
        batch.put(transaction_key(id.0, id.1), row)?;
        self.ledger.submit(batch).await?;
        Ok(status)
    }

    async fn look(&self, row: &TransactionRow, confirmed: Head, is_final: bool) -> Result<Status, Error> {
        for raw in row.variants.iter().rev() {
            let hash = keccak256(raw);
            let Some(receipt) = self.chain.receipt(hash).await? else { continue };
            let Some((block, block_hash)) = receipt.block_number.zip(receipt.block_hash) else { continue };
            let success = receipt.status();
            if block > confirmed.number || self.chain.block(block).await?.hash != block_hash {
                return Ok(Status::Included { block, success });
            }
            return Ok(if success { Status::Confirmed { block, hash } } else { Status::Reverted { block, hash } });
        }
        // Until that is final it may still be included: a reorganisation can drop the other transaction.
        Ok(if is_final { Status::Replaced } else { Status::Dropped })
    }
}

fn decode(id: Id, raw: &Bytes) -> Result<TxEnvelope, Error> {
    TxEnvelope::decode_2718_exact(raw).map_err(|_| bad_row(id).into())
}
