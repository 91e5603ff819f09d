//! The transactions of an account: each is signed and stored before it is sent, and followed until its outcome is
//! final.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::{Transaction as _, TxEip1559, TxEnvelope},
    eips::{BlockId, Decodable2718},
    network::TransactionBuilder,
    primitives::{Address, B256, BlockNumber, Bytes, TxKind, U256, keccak256},
    rpc::types::TransactionRequest,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::sign::{Account, sign};
use crate::{
    Error,
    chain::Chain,
    store::{
        Batch, Ledger, StoreError,
        schema::{Outcome, Purpose, TransactionRow, nonce_key, table, transaction_key, transaction_of},
    },
};

/// The most gas for a transaction that does one thing. A direct creation needs 600,000; the code of a beneficiary can use
/// any amount.
pub(crate) const MAX_GAS: u64 = 2_000_000;

/// What a transaction does.
pub(crate) struct Call {
    pub(crate) to: TxKind,
    /// In wei.
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    /// The most gas that it may need.
    pub(crate) max_gas: u64,
}

/// The status of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Sent, and not yet included in a block.
    Pending,
    /// The node does not know it, or no longer knows it. It is sent again.
    Dropped,
    /// Included in a block that a reorganisation may still drop.
    Included {
        /// The number of the block.
        block: BlockNumber,
        /// Whether it succeeded.
        success: bool,
    },
    /// Final, and it succeeded.
    Confirmed {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the variant that was included: variants differ in their fees.
        hash: B256,
    },
    /// Final, but the contract refused it. Its only effect is its fee.
    Reverted {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the transaction.
        hash: B256,
    },
    /// A transaction of the account that another program sent used its nonce, at least one block ago. It can never be
    /// included.
    Replaced,
}

impl Status {
    /// Whether nothing can change it any more.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Confirmed { .. } | Self::Reverted { .. } | Self::Replaced)
    }
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Confirmed { block, hash } => Self::Confirmed { block, hash },
            Outcome::Reverted { block, hash } => Self::Reverted { block, hash },
            Outcome::Replaced => Self::Replaced,
        }
    }
}

/// A transaction of the wallet's account. The wallet sends it again when a node forgets it, also after a restart, and
/// raises its fees when the price of gas rises above them.
#[derive(Clone)]
pub struct Transaction {
    all: Arc<Transactions>,
    id: Id,
    purpose: Purpose,
}

/// Account and nonce.
pub(crate) type Id = (Address, u64);

impl Transaction {
    /// Its nonce, which identifies it in the wallet.
    pub const fn nonce(&self) -> u64 {
        self.id.1
    }

    /// The hash that it was last sent with. It changes when the fees are raised.
    pub fn hash(&self) -> B256 {
        keccak256(self.latest())
    }

    /// The input of its call.
    pub(crate) fn input(&self) -> Result<Bytes, Error> {
        let raw = self.latest();
        let transaction = TxEnvelope::decode_2718_exact(&raw).map_err(|_| bad_row(self.id))?;
        Ok(transaction.input().clone())
    }

    /// The signed transaction as it was last sent.
    #[expect(clippy::expect_used, reason = "handles exist only for entries, and no entry is ever removed")]
    fn latest(&self) -> Bytes {
        let entries = self.all.entries.lock();
        entries.get(&self.id).expect("every handle has an entry").row.latest().clone()
    }

    /// What it is for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Its status when the wallet last looked.
    pub fn status(&self) -> Status {
        self.all.entries.lock().get(&self.id).map_or(Status::Pending, |entry| entry.status)
    }

    /// Waits until it is included in a block, which a reorganisation may still drop.
    ///
    /// # Errors
    ///
    /// [`Error::Reverted`] or [`Error::Replaced`] if it failed, [`Error::ShutDown`] if the wallet is shut down.
    ///
    /// If this future is dropped, the transaction continues.
    pub async fn included(&self) -> Result<BlockNumber, Error> {
        self.wait(|status| match status {
            Status::Included { block, success: true } => Some(block),
            _ => None,
        })
        .await
    }

    /// Waits until it is final.
    ///
    /// # Errors
    ///
    /// [`Error::Reverted`] or [`Error::Replaced`] if it failed, [`Error::ShutDown`] if the wallet is shut down.
    ///
    /// If this future is dropped, the transaction continues.
    pub async fn confirmed(&self) -> Result<BlockNumber, Error> {
        self.wait(|_| None).await
    }

    async fn wait(&self, enough: impl Fn(Status) -> Option<BlockNumber>) -> Result<BlockNumber, Error> {
        let mut rounds = self.all.shut_down.subscribe();
        // The status may have changed since the last poll.
        if !self.status().is_final()
            && let Err(error) = self.all.advance().await
        {
            tracing::debug!(%error, "could not check a transaction, will check again");
        }
        loop {
            let shut_down = *rounds.borrow_and_update();
            let status = self.status();
            match status {
                Status::Confirmed { block, .. } => return Ok(block),
                Status::Reverted { block, hash } => return Err(Error::Reverted { hash, block }),
                Status::Replaced => return Err(Error::Replaced { nonce: self.nonce() }),
                _ => {}
            }
            if let Some(block) = enough(status) {
                return Ok(block);
            }
            if shut_down || rounds.changed().await.is_err() {
                return Err(Error::ShutDown);
            }
        }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id: (account, nonce), purpose, .. } = self;
        formatter
            .debug_struct("Transaction")
            .field("account", account)
            .field("nonce", nonce)
            .field("purpose", purpose)
            .field("status", &self.status())
            .finish()
    }
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) row: TransactionRow,
    pub(super) status: Status,
}

/// All transactions that the store knows.
pub(crate) struct Transactions {
    pub(super) chain: Arc<Chain>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) account: Account,
    /// In blocks.
    pub(super) confirmations: u64,
    /// In wei per gas.
    pub(super) max_fee_per_gas: u128,
    /// Held while a nonce is assigned.
    pub(super) sending: tokio::sync::Mutex<()>,
    /// Held while the chain is asked for their outcome.
    pub(super) advancing: tokio::sync::Mutex<()>,
    pub(super) entries: Mutex<BTreeMap<Id, Entry>>,
    /// Changes with every look at the chain. True after shutdown.
    pub(crate) shut_down: watch::Sender<bool>,
}

impl Transactions {
    /// Reads the transactions from the store.
    pub(crate) fn open(
        chain: Arc<Chain>,
        ledger: Arc<Ledger>,
        account: Account,
        confirmations: u64,
        max_fee_per_gas: u128,
    ) -> Result<Self, Error> {
        let mut entries = BTreeMap::new();
        for (key, row) in ledger.scan::<TransactionRow>(table::TRANSACTIONS)? {
            let id = transaction_of(&key).filter(|_| !row.variants.is_empty()).ok_or(StoreError::BadRow { key })?;
            let status = row.outcome.map_or(Status::Pending, Status::from);
            entries.insert(id, Entry { row, status });
        }
        Ok(Self {
            chain,
            ledger,
            account,
            confirmations,
            max_fee_per_gas,
            sending: tokio::sync::Mutex::default(),
            advancing: tokio::sync::Mutex::default(),
            entries: Mutex::new(entries),
            shut_down: watch::Sender::new(false),
        })
    }

    pub(crate) fn account(&self) -> Address {
        self.account.address()
    }

    /// All transactions, by account and then by nonce.
    pub(crate) fn list(self: &Arc<Self>) -> Vec<Transaction> {
        let entries = self.entries.lock();
        entries.iter().map(|(&id, entry)| self.handle(id, entry.row.purpose)).collect()
    }

    fn handle(self: &Arc<Self>, id: Id, purpose: Purpose) -> Transaction {
        Transaction { all: Arc::clone(self), id, purpose }
    }

    /* SEND */

    /// Signs and stores a transaction, and sends it. `record` returns, for the nonce, the purpose and what else to
    /// store with the transaction. Once it is stored it is followed, even if the caller is dropped or the sending
    /// fails.
    pub(crate) async fn send(
        self: &Arc<Self>,
        call: Call,
        record: impl FnOnce(u64) -> Result<(Purpose, Batch), Error>,
    ) -> Result<Transaction, Error> {
        let mut transaction = self.price(call).await?;

        let sending = self.sending.lock().await;
        let account = self.account();
        let ours = self.ledger.get::<u64>(&nonce_key(account))?.unwrap_or_default();
        transaction.nonce = ours.max(self.chain.nonce(account, BlockId::pending()).await?);
        let (purpose, mut batch) = record(transaction.nonce)?;
        let id = (account, transaction.nonce);
        let row = TransactionRow { purpose, variants: vec![sign(&self.account, transaction).await?], outcome: None };
        batch.put(nonce_key(account), &id.1.saturating_add(1))?;
        batch.put(transaction_key(id.0, id.1), &row)?;
        let durable = self.ledger.submit(batch);
        drop(sending);

        // The caller may be dropped. A stored transaction must still be sent, or it would block all later nonces.
        let all = Arc::clone(self);
        let sent = tokio::spawn(async move {
            durable.await?;
            let raw = row.latest().clone();
            all.entries.lock().insert(id, Entry { row, status: Status::Pending });
            all.broadcast(id, &raw).await;
            Ok::<_, Error>(())
        });
        sent.await.map_err(|failed| if failed.is_panic() { Error::Panicked } else { Error::ShutDown })??;
        Ok(self.handle(id, purpose))
    }

    /// A transaction that offers the current fees. Its nonce is not set yet.
    async fn price(&self, call: Call) -> Result<TxEip1559, Error> {
        let Call { to, value, input, max_gas } = call;
        let account = self.account();
        let mut request = TransactionRequest::default().with_from(account).with_value(value).with_input(input.clone());
        request.to = Some(to);
        let estimate = self.chain.estimate_gas(request).await?;
        // The cost of a storage slot may change before the transaction is included.
        let gas_limit = estimate.saturating_add(estimate / 4);
        if gas_limit > max_gas {
            return Err(Error::TooMuchGas { found: gas_limit, max: max_gas });
        }
        let fees = self.chain.fees().await?;
        self.check_fee(fees.max_fee_per_gas)?;

        let needed = U256::from(fees.max_fee_per_gas)
            .checked_mul(U256::from(gas_limit))
            .and_then(|fee| fee.checked_add(value))
            .unwrap_or(U256::MAX);
        let balance = self.chain.balance(account, BlockId::latest()).await?;
        if balance < needed {
            return Err(Error::InsufficientFunds { account, balance, needed });
        }
        Ok(TxEip1559 {
            chain_id: self.chain.id(),
            gas_limit,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
            to,
            value,
            input,
            ..TxEip1559::default()
        })
    }

    pub(super) fn check_fee(&self, found: u128) -> Result<(), Error> {
        if found > self.max_fee_per_gas {
            return Err(Error::FeeTooHigh { found, max: self.max_fee_per_gas });
        }
        Ok(())
    }

    /// Sends a stored transaction. A failure is only logged: following the transaction shows whether the chain has it.
    pub(super) async fn broadcast(&self, id: Id, raw: &[u8]) {
        if let Err(error) = self.chain.send_raw(raw).await {
            tracing::debug!(account = %id.0, nonce = id.1, %error, "transaction was not accepted, will be sent again");
        }
    }
}

pub(super) fn bad_row((account, nonce): Id) -> StoreError {
    StoreError::BadRow { key: transaction_key(account, nonce) }
}
