//! Cashing of many cheques at once: through the clearing house, in as few transactions as the gas allows.

use std::{sync::atomic::Ordering, time::Duration};

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, U256},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use chequebook::{Overdraft, SignedCheque, bindings::ClearingHouse::cashCall, clearing_house};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    batch::{Item, batches, compact},
    cash::{Cashing, Inner, Look, Waiting},
    register::Reserved,
};
use crate::{
    Error,
    chain::skipped,
    requests::Pass,
    store::schema::Purpose,
    transactions::{Call, Status, Transaction},
};

/// The gas of a batch without its cheques, with room to spare.
const BASE_GAS: u64 = 100_000;
/// How many estimates, or cashes that take their time, are under way at once.
const AT_ONCE: usize = 16;
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
    /// Its cumulative amount, in the smallest unit of the asset.
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
        let mut answers = Vec::with_capacity(cheques.len());
        self.cash_each(cheques, |index, answer| answers.push((index, answer))).await;
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// The same, where each answer is told as soon as it is known, with the index of its cheque.
    async fn cash_each(
        &self,
        cheques: &[SignedCheque],
        mut tell: impl FnMut(usize, Result<Transaction, Error>) + Send,
    ) {
        let (mut alone, mut busy) = (Vec::new(), Vec::new());
        let _watching = self.0.attend(cheques).await;
        let called = self.0.watcher.ticket();
        // One after the other: each decision counts those before it.
        for (index, cheque) in cheques.iter().enumerate() {
            match self.0.look(cheque, Overdraft::Refuse, Some(called)).await {
                Ok(Look::Good(reserved)) => alone.push((index, cheque, reserved)),
                Ok(Look::Pending(pending)) => tell(index, Ok(pending)),
                Ok(Look::Busy) => busy.push((index, cheque)),
                Err(error) => tell(index, Err(error)),
            }
        }
        if alone.len() > 1 && self.0.has_clearing_house().await {
            let (items, refused) = self.0.weigh(std::mem::take(&mut alone)).await;
            refused.into_iter().for_each(|(index, answer)| tell(index, answer));
            for batch in batches(items, self.0.batch_gas().await) {
                let (indexes, sent) =
                    (batch.iter().map(|item| item.index).collect::<Vec<_>>(), self.0.send_batch(batch).await);
                match sent {
                    Ok(transaction) => indexes.into_iter().for_each(|index| tell(index, Ok(transaction.clone()))),
                    // It is signed, and goes on by itself, or not at all.
                    Err((error, batch)) if batch.is_empty() => {
                        indexes.into_iter().for_each(|index| tell(index, Err(error.again())));
                    }
                    Err((error, batch)) => {
                        tracing::debug!(%error, cheques = batch.len(), "could not cash the batch, will cash singly");
                        alone.extend(batch.into_iter().map(|item| (item.index, item.cheque, item.reserved)));
                    }
                }
            }
        }
        for (index, cheque, reserved) in alone {
            tell(index, self.0.send(cheque, Overdraft::Refuse, reserved, Pass::default()).await);
        }
        // Nothing of ours is undecided now, so that waiting for others cannot make them wait for us. Each may take the
        // whole time limit, so that they do not wait for each other either.
        let cash = |(index, cheque)| async move { (index, self.cash(cheque, Overdraft::Refuse).await) };
        let cashes: Vec<_> = busy.into_iter().map(cash).collect();
        let mut cashes = stream::iter(cashes).buffer_unordered(AT_ONCE);
        while let Some((index, answer)) = cashes.next().await {
            tell(index, answer);
        }
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
        let all = skipped(&receipt.logs);
        let all = all.map(|(contract, beneficiary, amount, reason)| Skipped { contract, beneficiary, amount, reason });
        Ok(all.collect())
    }

    /// Cashes a cheque, if it is covered, together with others that are to be cashed at about the same time.
    pub(crate) async fn cash_soon(&self, cheque: SignedCheque) -> Result<Transaction, Error> {
        let queue = &self.0.waiting;
        let (answer, answered) = oneshot::channel();
        queue.lock().push(Waiting { cheque, answer });
        tokio::time::sleep(WINDOW).await;

        // The first task to wake takes all cheques. The others find none, and wait for their answer.
        let all = std::mem::take(&mut *queue.lock());
        let cheques: Vec<_> = all.iter().map(|one| one.cheque).collect();
        let mut callers: Vec<_> = all.into_iter().map(|one| Some(one.answer)).collect();
        let tell = |index: usize, answer| {
            if let Some(caller) = callers.get_mut(index).and_then(Option::take) {
                let _ = caller.send(answer); // it may be dropped
            }
        };
        self.cash_each(&cheques, tell).await;
        answered.await.map_err(|_| Error::ShutDown)?
    }
}

impl Inner {
    /// Whether this chain has a clearing house. Its address proves its code.
    async fn has_clearing_house(&self) -> bool {
        // One answer without its code is no reason for a transaction for each cheque.
        for _ in 0..2 {
            if self.has_clearing_house.load(Ordering::Relaxed) {
                return true;
            }
            let code = self.chain.code(clearing_house(), BlockId::latest()).await;
            // If the chain does not answer, single cashes return the error.
            self.has_clearing_house.fetch_or(code.is_ok_and(|code| !code.is_empty()), Ordering::Relaxed);
        }
        self.has_clearing_house.load(Ordering::Relaxed)
    }

    /// The most gas for the cheques of one transaction: what remains of its limit, and of what its gas may cost, after
    /// its base cost and the quarter that is added to each estimate.
    async fn batch_gas(&self) -> u64 {
        let fees = async {
            let head = self.watcher.look(self.config.max_age).await?.head;
            self.chain.fees(&head).await
        };
        let by_fee = match fees.await {
            Ok(fees) => {
                let offered = U256::from(fees.base.saturating_mul(2).saturating_add(fees.tip)).max(U256::from(1));
                self.config.max_transaction_fee.checked_div(offered).unwrap_or(U256::MAX).saturating_to()
            }
            Err(_) => u64::MAX, // without an answer the batch fails, and says why
        };
        let limit = self.config.max_gas.min(by_fee);
        limit.saturating_sub(limit / 4).saturating_sub(BASE_GAS)
    }

    /// Estimates the gas of each cheque. A cheque that the contract refuses now does not go into a batch.
    async fn weigh<'a>(
        &self,
        cheques: Vec<(usize, &'a SignedCheque, Reserved)>,
    ) -> (Vec<Item<'a>>, Vec<(usize, Result<Transaction, Error>)>) {
        let chain = &self.chain;
        let request = |cheque: &SignedCheque| {
            let request = TransactionRequest::default().with_from(self.account.address());
            request.with_to(cheque.cheque().contract).with_input(cheque.calldata(Overdraft::Refuse))
        };
        let requests: Vec<_> = cheques.iter().map(|(_, cheque, _)| request(cheque)).collect();
        let estimates = requests.into_iter().map(|request| chain.estimate_gas(request));
        let estimates: Vec<_> = stream::iter(estimates).buffered(AT_ONCE).collect().await;
        let mut items = Vec::new();
        let mut refused = Vec::new();
        for (estimate, (index, cheque, reserved)) in estimates.into_iter().zip(cheques) {
            match self.note(cheque, estimate) {
                Ok(estimate) => {
                    // A quarter more, as with every transaction.
                    let gas = estimate.saturating_add(estimate / 4).saturating_sub(TRANSACTION_GAS);
                    items.push(Item { index, cheque, reserved, gas });
                }
                Err(error) => refused.push((index, Err(error))),
            }
        }
        (items, refused)
    }

    async fn send_batch<'a>(&self, items: Vec<Item<'a>>) -> Result<Transaction, (Error, Vec<Item<'a>>)> {
        let (call, purpose) = match batch_call(&items) {
            Ok(call) => call,
            Err(error) => return Err((error, items)),
        };
        let items = Mutex::new(items);
        let signed = |transaction: Transaction| {
            for item in std::mem::take(&mut *items.lock()) {
                item.reserved.sent(transaction.clone());
            }
        };
        let sent = self.account.send_if(call, purpose, Pass::default(), || Ok(()), signed).await;
        sent.map_err(|error| (error, items.into_inner()))
    }
}

fn batch_call(items: &[Item<'_>]) -> Result<(Call, Purpose), Error> {
    let gas = items.iter().map(|item| item.gas).max().unwrap_or_default();
    let call = cashCall {
        cheques: items.iter().map(|item| compact(item.cheque)).collect(),
        gasEach: gas.try_into().map_err(|_| Error::TooMuchGas { found: gas, max: u64::from(u32::MAX) })?,
    };
    let call = Call::new(clearing_house(), U256::ZERO, call.abi_encode().into());
    let cheques = u64::try_from(items.len()).map_err(|_| Error::Overflow)?;
    Ok((call, Purpose::CashMany { cheques }))
}
