//! Cashing of many cheques at once: through the clearing house, in as few transactions as the gas allows.

use std::time::Duration;

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, TxKind, U256},
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolEvent},
};
use chequebook::{
    Overdraft, SignedCheque,
    bindings::ClearingHouse::{Skipped as SkippedEvent, cashCall},
    clearing_house,
};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::{
    batch::{Item, batches, compact, name},
    cash::{Cashing, Inner, Waiting},
};
use crate::{
    Error,
    store::{Batch, schema::Purpose},
    transactions::{Call, Status, Transaction},
};

/// The most gas that a transaction may have since the Osaka upgrade (EIP-7825).
const MAX_GAS: u64 = 16_777_216;
/// The base gas of a transaction, which a cheque in a batch does not pay.
const TRANSACTION_GAS: u64 = 21_000;
/// How long an automatic cash waits for others to join its batch.
const WINDOW: Duration = Duration::from_millis(50);

/// A cheque that the clearing house did not cash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The chequebook.
    pub contract: Address,
    /// The beneficiary of the cheque.
    pub beneficiary: Address,
    /// Its cumulative amount, in wei.
    pub amount: U256,
    /// The name of the contract's error, or the selector if the error is unknown.
    pub reason: String,
}

impl Cashing {
    /// Cashes many cheques, of any chequebooks to any beneficiaries, with the checks of [`cash`](Self::cash), each only
    /// if it is covered: through the clearing house, in as few transactions as the gas allows. If the chain has no
    /// clearing house, each cheque has its own transaction. A cheque that cannot be cashed does not stop the others.
    ///
    /// The answers are in the order of the cheques. A cheque that can no longer be cashed when the transaction is
    /// included is skipped, and the transaction succeeds: [`skipped`](Self::skipped) and
    /// [`Inbox::uncashed`](crate::Inbox::uncashed) show it.
    ///
    /// # Errors
    ///
    /// For each cheque those of [`cash`](Self::cash) with [`Overdraft::Refuse`].
    #[tracing::instrument(skip_all, fields(cheques = cheques.len()))]
    pub async fn cash_many(&self, cheques: &[SignedCheque]) -> Vec<Result<Transaction, Error>> {
        let _clearing = self.0.clearing.write().await;
        let looks = cheques.iter().map(|cheque| self.0.pending_or_good(cheque, Overdraft::Refuse));
        let mut answers = Vec::new();
        let mut good = Vec::new();
        for (index, (look, cheque)) in join_all(looks).await.into_iter().zip(cheques).enumerate() {
            match look {
                Ok(None) => good.push((index, cheque)),
                Ok(Some(pending)) => answers.push((index, Ok(pending))),
                Err(error) => answers.push((index, Err(error))),
            }
        }

        let mut alone = good;
        if alone.len() > 1 && self.0.has_clearing_house().await {
            let (items, refused) = self.0.weigh(std::mem::take(&mut alone)).await;
            answers.extend(refused);
            for batch in batches(items) {
                match self.0.send_batch(&batch).await {
                    Ok(transaction) => answers.extend(batch.iter().map(|item| (item.index, Ok(transaction.clone())))),
                    Err(error) => {
                        tracing::debug!(%error, cheques = batch.len(), "could not cash the batch, will cash singly");
                        alone.extend(batch.iter().map(|item| (item.index, item.cheque)));
                    }
                }
            }
        }
        for (index, cheque) in alone {
            answers.push((index, self.0.send(cheque, Overdraft::Refuse).await));
        }
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// The cheques of a transaction that the clearing house did not cash. Call this once the transaction is final:
    /// before, the answer may be empty or change.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn skipped(&self, transaction: &Transaction) -> Result<Vec<Skipped>, Error> {
        let hash = match transaction.status() {
            Status::Confirmed { hash, .. } => hash,
            _ => transaction.hash(),
        };
        let Some(receipt) = self.0.chain.receipt(hash).await? else { return Ok(Vec::new()) };
        let logs = receipt.logs().iter().filter(|log| log.address() == clearing_house());
        let events = logs.filter_map(|log| SkippedEvent::decode_log(&log.inner).ok());
        let skipped = events.map(|event| {
            let SkippedEvent { chequebook: contract, beneficiary, amount, reason } = event.data;
            Skipped { contract, beneficiary, amount, reason: name(reason) }
        });
        Ok(skipped.collect())
    }

    /// Cashes a cheque together with others that are to be cashed at about the same time; alone, if it may overdraw its
    /// chequebook.
    pub(crate) async fn cash_soon(&self, cheque: SignedCheque, overdraft: Overdraft) -> Result<Transaction, Error> {
        if overdraft == Overdraft::Consent {
            return self.cash(&cheque, overdraft).await;
        }
        let queue = &self.0.waiting;
        let (answer, answered) = oneshot::channel();
        queue.lock().push(Waiting { cheque, answer });
        tokio::time::sleep(WINDOW).await;

        // The first task to wake takes all cheques. The others find none, and wait for their answer.
        let all = std::mem::take(&mut *queue.lock());
        let cheques: Vec<_> = all.iter().map(|one| one.cheque).collect();
        for (one, answer) in all.into_iter().zip(self.cash_many(&cheques).await) {
            let _ = one.answer.send(answer); // its caller may be dropped
        }
        answered.await.map_err(|_| Error::ShutDown)?
    }
}

impl Inner {
    /// Whether this chain has a clearing house. Its address proves its code.
    async fn has_clearing_house(&self) -> bool {
        let code = self.chain.code(clearing_house(), BlockId::latest()).await;
        code.is_ok_and(|code| !code.is_empty()) // if the chain does not answer, single cashes return the error
    }

    /// Estimates the gas of each cheque. A cheque that the contract refuses now does not go into a batch.
    async fn weigh<'a>(
        &self,
        cheques: Vec<(usize, &'a SignedCheque)>,
    ) -> (Vec<Item<'a>>, Vec<(usize, Result<Transaction, Error>)>) {
        let chain = &self.chain;
        let estimates = cheques.iter().map(|(_, cheque)| {
            let request =
                TransactionRequest::default().with_from(self.transactions.account()).with_to(cheque.cheque().contract);
            chain.estimate_gas(request.with_input(cheque.calldata(Overdraft::Refuse)))
        });
        let mut items = Vec::new();
        let mut refused = Vec::new();
        for (estimate, &(index, cheque)) in join_all(estimates).await.into_iter().zip(&cheques) {
            match estimate {
                Ok(estimate) => {
                    // A quarter more, as with every transaction.
                    let needed = estimate.saturating_add(estimate / 4).saturating_sub(TRANSACTION_GAS);
                    items.push(Item { index, cheque, gas: needed });
                }
                Err(error) => refused.push((index, Err(error))),
            }
        }
        (items, refused)
    }

    async fn send_batch(&self, items: &[Item<'_>]) -> Result<Transaction, Error> {
        let gas = items.iter().map(|item| item.gas).max().unwrap_or_default();
        let call = cashCall {
            cheques: items.iter().map(|item| compact(item.cheque)).collect(),
            gasEach: gas.try_into().map_err(|_| Error::TooMuchGas { found: gas, max: MAX_GAS })?,
        };
        let to = TxKind::Call(clearing_house());
        let call = Call { to, value: U256::ZERO, input: call.abi_encode().into(), max_gas: MAX_GAS };
        let purpose = Purpose::CashMany { cheques: u64::try_from(items.len()).map_err(|_| Error::Overflow)? };
        self.transactions.send(call, |_| Ok((purpose, Batch::new()))).await
    }
}
