//! How a transaction is signed, stored and sent, and sent again with another offer.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::TxEip1559,
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, Bytes, TxKind, U256},
    rpc::types::TransactionRequest,
};
use async_trait::async_trait;
use chequebook::Asset;
use tokio::time::timeout;

use super::{
    account::Account,
    decide::{Answer, Offer, answer, ceiling, cost, first_offer, lower, raise},
    ends::Signing,
    handle::{Owner, Transaction},
    sign::sign,
    slots::{Slot, does_nothing, unsigned},
    status::{Id, Status},
};
use crate::{
    Error,
    answer::{Refusal, RefusalKind},
    chain::{Fees, Head},
    requests::Pass,
    store::{
        Batch, Durable, StoreError,
        schema::{Done, Purpose, TransactionRow, nonce_key, transaction_key},
    },
};

/// How often a refusal is answered at once, before the next look at the chain.
const ANSWERS: usize = 12;

/// What a transaction does.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) to: TxKind,
    /// In wei.
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    /// What it takes from the account of the token that it calls, in the token's smallest unit.
    pub(crate) moves: Option<U256>,
}

impl Call {
    pub(crate) const fn new(to: Address, value: U256, input: Bytes) -> Self {
        Self { to: TxKind::Call(to), value, input, moves: None }
    }

    /// The token that it takes from the account, and how much.
    fn tokens(&self) -> Option<(Address, U256)> {
        Some((*self.to.to()?, self.moves?))
    }

    /// What only uses up a nonce of the account.
    const fn nothing(account: Address) -> Self {
        Self::new(account, U256::ZERO, Bytes::new())
    }
}

/// What a transaction needs and offers.
struct Priced {
    call: Call,
    gas: u64,
    offer: Offer,
    /// What it costs on the chain below, in wei.
    l1_fee: U256,
}

impl Account {
    /* SEND */

    /// Signs and stores a transaction, and sends it.
    ///
    /// Until it is signed, nothing has happened, also if the caller is dropped. From then on it is listed, stored, sent
    /// and followed, whether or not anybody waits.
    pub(crate) async fn send(self: &Arc<Self>, call: Call, purpose: Purpose) -> Result<Transaction, Error> {
        self.send_if(call, purpose, Pass::default(), || Ok(()), drop).await
    }

    /// The same, if `allowed` allows it just before it is signed: nothing else is signed from then on until it is recorded,
    /// together with the request that it is for. Then it calls `signed`.
    pub(crate) async fn send_if(
        self: &Arc<Self>,
        call: Call,
        purpose: Purpose,
        pass: Pass,
        allowed: impl FnOnce() -> Result<(), Error> + Send,
        signed: impl FnOnce(Transaction) + Send,
    ) -> Result<Transaction, Error> {
        let look = self.watcher.look(Duration::ZERO).await?;
        let priced = self.price(call, &look.head).await?;
        let (transaction, id, durable) = {
            let _turn = self.signing.lock().await;
            let _signing = Signing::of(self, purpose);
            allowed()?;
            let l1_fee = priced.l1_fee;
            let unsigned = self.prepare(priced).await?;
            let id = (self.address(), unsigned.nonce);
            let raw = self.sign(unsigned).await?;
            // Nothing is waited for from here on until it is recorded.
            let row = TransactionRow { purpose, variants: vec![raw], cancelled: false, l1_fee, outcome: None };
            let mut batch = Batch::new();
            batch.put(nonce_key(id.0), &id.1.saturating_add(1))?.put(transaction_key(id.0, id.1), &row)?;
            let durable = pass.commit(batch, || Done::transaction(id), |batch| self.ledger.submit(batch))?;
            let mut state = self.state.lock();
            state.next = id.1.saturating_add(1);
            let mut slot = Slot::new(row, 0, Status::Pending);
            slot.since = Some(look.head.number);
            let transaction = self.handle(id, &slot);
            state.open.insert(id, slot);
            drop(state);
            signed(transaction.clone());
            (transaction, id, durable)
        };
        // The caller may be dropped. A stored transaction must still be sent, or it would block all later nonces.
        let account = Arc::clone(self);
        let sent = tokio::spawn(async move {
            if let Err(error) = durable.certainly().await {
                account.state.lock().open.remove(&id);
                return Err(Error::from(error));
            }
            account.with(id, |slot| slot.durable = slot.durable.max(1))?;
            account.broadcast(id).await;
            Ok(())
        });
        let limit = self.config.store_timeout.saturating_add(self.config.rpc_timeout.saturating_mul(2));
        match timeout(limit, sent).await {
            Ok(Ok(result)) => result?,
            Ok(Err(failed)) if failed.is_panic() => return Err(Error::Panicked),
            Ok(Err(_)) => return Err(Error::ShutDown),
            // It goes on by itself.
            Err(_) => tracing::warn!(nonce = id.1, "a transaction is not sent yet"),
        }
        Ok(transaction)
    }

    /// Estimates gas and fees of a call.
    async fn price(&self, call: Call, head: &Head) -> Result<Priced, Error> {
        if let Some((token, _)) = call.tokens() {
            let used = self.chain.nonce(self.address(), head.id()).await?;
            self.check_tokens(&call, head, used).await?;
            self.chain.check_transfer(self.address(), token, call.input.clone()).await?;
        }
        let (gas, fees) = tokio::try_join!(self.estimate(&call), self.chain.fees(head))?;
        // The cost of a storage slot may change before the transaction is included.
        let gas = gas.saturating_add(gas / 4);
        if gas > self.config.max_gas {
            return Err(Error::TooMuchGas { found: gas, max: self.config.max_gas });
        }
        let offer = first_offer(fees, gas, &self.config)?;
        let l1_fee = self.chain.l1_fee(call.input.clone()).await?;
        Ok(Priced { call, gas, offer, l1_fee })
    }

    /// Checks that the account has the tokens that a call takes, besides what is under way, where `used` nonces are used
    /// at `head`.
    async fn check_tokens(&self, call: &Call, head: &Head, used: u64) -> Result<(), Error> {
        let (account, Some((token, needed))) = (self.address(), call.tokens()) else { return Ok(()) };
        let balance = self.chain.balance_of(account, Asset::Token(token), head.id()).await?;
        let under_way = self.state.lock().token_outflow(account, used, token)?;
        let balance = balance.saturating_sub(under_way);
        if balance < needed {
            return Err(Error::InsufficientTokens { account, token, balance, needed });
        }
        Ok(())
    }

    async fn estimate(&self, call: &Call) -> Result<u64, Error> {
        let account = self.address();
        let mut request = TransactionRequest::default().with_from(account).with_value(call.value);
        request = request.with_input(call.input.clone());
        request.to = Some(call.to);
        match self.chain.estimate_gas(request).await {
            // An account with too little gets no estimate.
            Err(Error::Rpc { failure, method }) => {
                let is_short = Refusal::of(&failure).is_some_and(|refusal| refusal.kind == RefusalKind::Funds);
                let balance = self.chain.balance(account, BlockId::latest()).await?;
                if is_short || balance < call.value {
                    let needed = call.value.saturating_add(U256::from(1));
                    return Err(Error::InsufficientFunds { account, balance, needed: needed.max(balance) });
                }
                Err(Error::Rpc { failure, method })
            }
            estimate => estimate,
        }
    }

    /// What a call would cost now, in wei: not at most, but at the price of the newest block.
    pub(crate) async fn price_now(&self, call: &Call, head: &Head) -> Result<U256, Error> {
        let (gas, fees) = tokio::try_join!(self.estimate(call), self.chain.fees(head))?;
        let l1_fee = self.chain.l1_fee(call.input.clone()).await?;
        Ok(cost(gas, fees.base.saturating_add(fees.tip), U256::ZERO).saturating_add(l1_fee))
    }

    /// Gives it a nonce, if the account can pay for it and for all that is under way.
    async fn prepare(&self, Priced { call, gas, offer, l1_fee }: Priced) -> Result<TxEip1559, Error> {
        let account = self.address();
        let head = self.watcher.look(Duration::ZERO).await?.head;
        let (used, balance) =
            tokio::try_join!(self.chain.nonce(account, head.id()), self.chain.balance(account, head.id()))?;
        let ours = self.state.lock().next;
        let nonce = if used > ours { self.foreign(used, ours, &head).await? } else { ours };
        let under_way = self.state.lock().outflow(account, used.min(nonce))?;
        let left = balance.saturating_sub(under_way);
        let needed = cost(gas, offer.max_fee, call.value).saturating_add(l1_fee);
        if left < needed {
            return Err(Error::InsufficientFunds { account, balance: left, needed });
        }
        self.check_tokens(&call, &head, used.min(nonce)).await?;
        Ok(TxEip1559 {
            chain_id: self.chain.id(),
            nonce,
            gas_limit: gas,
            max_fee_per_gas: offer.max_fee,
            max_priority_fee_per_gas: offer.tip,
            to: call.to,
            value: call.value,
            input: call.input,
            ..TxEip1559::default()
        })
    }

    /// The next nonce, where the node counts more transactions than we have sent: another program uses the account, or the
    /// node is wrong. A gap would hold up all that comes later, so what used the last nonce must be shown, or, where old
    /// state is pruned, another question must find the same count.
    async fn foreign(&self, used: u64, ours: u64, head: &Head) -> Result<u64, Error> {
        let account = self.address();
        match self.chain.taken(account, used.saturating_sub(1), head).await {
            Ok(Some(_)) => Ok(used),
            Ok(None) => {
                let what = format!("the account has sent {used} transactions, and no block shows the last one");
                Err(Error::Contradiction { contract: account, what })
            }
            Err(error) => {
                tracing::debug!(%error, "could not find what used a nonce");
                Ok(used.min(self.chain.nonce(account, BlockId::latest()).await?).max(ours))
            }
        }
    }

    async fn sign(&self, transaction: TxEip1559) -> Result<Bytes, Error> {
        let limit = self.config.signer_timeout;
        timeout(limit, sign(&self.signer, transaction)).await.unwrap_or(Err(Error::SignerTimedOut { limit }))
    }

    /* BROADCAST */

    /// Sends the newest variant, and answers what the node says to it. Whoever waits hears of the result.
    pub(super) async fn broadcast(&self, id: Id) {
        if let Err(error) = self.try_broadcast(id).await {
            tracing::warn!(account = %id.0, nonce = id.1, %error, "could not send a transaction, will try again");
        }
    }

    async fn try_broadcast(&self, id: Id) -> Result<(), Error> {
        let mut last = None;
        for _ in 0..ANSWERS {
            let raw = self.with(id, |slot| slot.sendable().cloned())?;
            let Some(raw) = raw else { return Ok(()) }; // it is not durable yet
            let refusal = match self.chain.send_raw(&raw).await {
                Ok(Ok(())) => None,
                Ok(Err(refusal)) => Some(refusal),
                Err(error) => {
                    self.with(id, |slot| {
                        slot.is_accepted = false;
                        slot.set(Status::Dropped, slot.refusal.clone());
                    })?;
                    return Err(error);
                }
            };
            let Some(refusal) = refusal.filter(|refusal| answer(refusal.kind) != Answer::Accepted) else {
                return self.accepted(id);
            };
            tracing::warn!(account = %id.0, nonce = id.1, %refusal, "node refuses a transaction");
            let answered = match answer(refusal.kind) {
                Answer::Wait => {
                    self.with(id, |slot| {
                        slot.is_accepted = false;
                        slot.set(slot.status, Some(refusal.clone()));
                    })?;
                    return Ok(());
                }
                Answer::Accepted | Answer::Report => false,
                Answer::Raise => self.raise(id, Why::Refused { wanted: refusal.wanted() }).await?,
                Answer::Lower => self.lower(id).await?,
                Answer::MoreGas => self.more_gas(id).await?,
            };
            if !answered {
                return self.report(id, refusal);
            }
            last = Some(refusal);
        }
        last.map_or(Ok(()), |refusal| self.report(id, refusal))
    }

    fn accepted(&self, id: Id) -> Result<(), Error> {
        self.with(id, |slot| {
            slot.is_accepted = true;
            slot.set(Status::Pending, None);
        })
    }

    pub(super) fn report(&self, id: Id, refusal: Refusal) -> Result<(), Error> {
        self.with(id, |slot| {
            slot.is_accepted = false;
            slot.set(Status::Refused(refusal.kind), Some(refusal));
        })
    }

    /* OTHER OFFERS */

    /// Offers more. False if that is not allowed.
    pub(super) async fn raise(&self, id: Id, why: Why) -> Result<bool, Error> {
        let fees = self.newest_fees().await?;
        let Some(now) = self.offer(id)? else { return Ok(false) };
        let tip = match why {
            // That a pool is full may be a lie, too. A base fee that has risen must be met all the same.
            Why::Full if now.offer.tip >= self.config.max_priority_fee_per_gas && fees.base <= now.offer.max_fee => {
                return Ok(false);
            }
            Why::Late | Why::Full => fees.tip,
            // What a node wants may be a lie, and is no reason to pay more than the settings allow.
            Why::Refused { wanted } => {
                let most = self.config.max_priority_fee_per_gas;
                let wanted = wanted.unwrap_or_default().max(now.offer.tip.saturating_mul(2));
                if now.offer.tip >= most {
                    return Ok(false);
                }
                wanted.min(most).max(fees.tip)
            }
        };
        let least = Offer { max_fee: fees.base.saturating_mul(2).saturating_add(tip), tip };
        let Some(offer) = raise(now.offer, least, now.gas, &self.config) else { return Ok(false) };
        self.add_variant(id, |transaction| set_offer(transaction, offer), false).await?;
        Ok(true)
    }

    async fn lower(&self, id: Id) -> Result<bool, Error> {
        let fees = self.newest_fees().await?;
        let Some(now) = self.offer(id)? else { return Ok(false) };
        let Some(offer) = lower(now.offer, fees) else { return Ok(false) };
        self.add_variant(id, |transaction| set_offer(transaction, offer), false).await?;
        Ok(true)
    }

    async fn more_gas(&self, id: Id) -> Result<bool, Error> {
        let Some(now) = self.offer(id)? else { return Ok(false) };
        let gas = now.gas.saturating_mul(2).min(self.config.max_gas);
        if gas <= now.gas {
            return Ok(false);
        }
        self.add_variant(id, |transaction| transaction.gas_limit = gas, false).await?;
        Ok(true)
    }

    /// Sends it again with another offer.
    async fn reprice_to(&self, id: Id, offer: Offer) -> Result<(), Error> {
        let Some(now) = self.offer(id)? else { return Err(Error::AlreadyFinal { nonce: id.1 }) };
        let max = ceiling(now.gas, &self.config);
        if offer.max_fee > max {
            return Err(Error::FeeTooHigh { found: offer.max_fee, max });
        }
        self.add_variant(id, |transaction| set_offer(transaction, offer), false).await?;
        // The caller has said what to offer: a refusal is for the caller.
        let Some(raw) = self.with(id, |slot| slot.sendable().cloned())? else { return Ok(()) };
        match self.chain.send_raw(&raw).await? {
            Err(refusal) if answer(refusal.kind) != Answer::Accepted => {
                self.report(id, refusal.clone())?;
                Err(Error::NodeRefused { nonce: id.1, refusal })
            }
            _ => self.accepted(id),
        }
    }

    /// Replaces it with one that does nothing.
    pub(super) async fn replace_with_nothing(&self, id: Id) -> Result<(), Error> {
        let Some(now) = self.offer(id)? else { return Err(Error::AlreadyFinal { nonce: id.1 }) };
        let nothing = Call::nothing(self.address());
        let (gas, fees) = tokio::try_join!(self.estimate(&nothing), self.newest_fees())?;
        let least = Offer { max_fee: fees.base.saturating_mul(2).saturating_add(fees.tip), tip: fees.tip };
        let offer = match raise(now.offer, least, gas, &self.config) {
            Some(offer) => offer,
            // What no node has needs no more than what is paid now.
            None if !self.with(id, |slot| slot.is_accepted)? => first_offer(fees, gas, &self.config)?,
            None => return Err(Error::FeeTooHigh { found: now.offer.max_fee, max: self.config.max_fee_per_gas }),
        };
        let replace = |transaction: &mut TxEip1559| {
            (transaction.to, transaction.value, transaction.input) = (nothing.to, nothing.value, nothing.input);
            transaction.gas_limit = gas;
            set_offer(transaction, offer);
        };
        self.add_variant(id, replace, true).await?;
        self.broadcast_or_refuse(id).await
    }

    async fn broadcast_or_refuse(&self, id: Id) -> Result<(), Error> {
        self.try_broadcast(id).await?;
        let refused = self.with(id, |slot| match slot.status {
            Status::Refused(_) => slot.refusal.clone(),
            _ => None,
        });
        match refused {
            Ok(Some(refusal)) => Err(Error::NodeRefused { nonce: id.1, refusal }),
            _ => Ok(()),
        }
    }

    /// Gives a nonce that nothing uses to a transaction that does nothing.
    pub(super) async fn fill(self: &Arc<Self>, nonce: u64, head: &Head) -> Result<(), Error> {
        let account = self.address();
        let call = Call::nothing(account);
        let Priced { gas, offer, l1_fee, .. } = self.price(call.clone(), head).await?;
        let _signing = self.signing.lock().await;
        let id = (account, nonce);
        if self.state.lock().open.contains_key(&id) {
            return Ok(());
        }
        let mut transaction =
            TxEip1559 { chain_id: self.chain.id(), nonce, gas_limit: gas, to: call.to, ..TxEip1559::default() };
        set_offer(&mut transaction, offer);
        let raw = self.sign(transaction).await?;
        let row =
            TransactionRow { purpose: Purpose::FillGap, variants: vec![raw], cancelled: false, l1_fee, outcome: None };
        let mut batch = Batch::new();
        batch.put(transaction_key(id.0, id.1), &row)?;
        let durable = {
            let mut state = self.state.lock();
            let mut slot = Slot::new(row, 0, Status::Pending);
            slot.since = Some(head.number);
            state.open.insert(id, slot);
            self.ledger.submit(batch)
        };
        self.when_durable(id, 1, durable).await?;
        self.broadcast(id).await;
        Ok(())
    }

    /// Waits until the first `count` variants of a transaction are durable. That they are is noted also if nobody waits
    /// any more: what is durable must be sent.
    async fn when_durable(&self, id: Id, count: usize, durable: Durable) -> Result<(), Error> {
        let this = self.this.upgrade().ok_or(Error::ShutDown)?;
        let noted = tokio::spawn(async move {
            let result = durable.certainly().await;
            let mut state = this.state.lock();
            match (&result, state.open.get_mut(&id)) {
                (Ok(()), Some(slot)) => slot.durable = slot.durable.max(count),
                // Nothing of it was ever sent.
                (Err(_), Some(_)) if count == 1 => drop(state.open.remove(&id)),
                _ => {}
            }
            result
        });
        let limit = self.config.store_timeout;
        match timeout(limit, noted).await {
            Ok(Ok(result)) => Ok(result?),
            Ok(Err(_)) => Err(Error::ShutDown),
            Err(_) => Err(StoreError::TimedOut { limit }.into()),
        }
    }

    async fn newest_fees(&self) -> Result<Fees, Error> {
        let head = self.watcher.look(self.config.max_age).await?.head;
        self.chain.fees(&head).await
    }

    /// What the newest variant offers. `None` for a transaction of another account, which we cannot sign.
    fn offer(&self, id: Id) -> Result<Option<Now>, Error> {
        if id.0 != self.address() {
            return Ok(None);
        }
        let transaction = self.with(id, |slot| unsigned(id, slot.row.latest()))??;
        let offer = Offer { max_fee: transaction.max_fee_per_gas, tip: transaction.max_priority_fee_per_gas };
        Ok(Some(Now { offer, gas: transaction.gas_limit }))
    }

    /// Signs and stores another variant of a transaction.
    async fn add_variant(&self, id: Id, change: impl FnOnce(&mut TxEip1559), cancels: bool) -> Result<(), Error> {
        let _signing = self.signing.lock().await;
        let mut transaction = self.with(id, |slot| unsigned(id, slot.row.latest()))??;
        // Whoever cancelled it meanwhile wins.
        let was_nothing = does_nothing(id.0, &transaction);
        change(&mut transaction);
        transaction.access_list = Default::default(); // signing adds what it needs
        if was_nothing && !does_nothing(id.0, &transaction) {
            return Ok(());
        }
        let raw = self.sign(transaction).await?;
        let head = self.watcher.last().map(|look| look.head.number);
        let (durable, count) = self.with(id, |slot| {
            slot.row.variants.push(raw);
            slot.row.cancelled |= cancels;
            slot.since = head.max(slot.since);
            slot.is_accepted = false;
            let mut batch = Batch::new();
            batch.put(transaction_key(id.0, id.1), &slot.row)?;
            slot.publish();
            Ok::<_, Error>((self.ledger.submit(batch), slot.row.variants.len()))
        })??;
        self.when_durable(id, count, durable).await
    }
}

#[async_trait]
impl Owner for Account {
    async fn look(&self) -> Result<(), Error> {
        // Whoever only waits must not meet a panic of the signer, or take it along when it is dropped.
        let this = self.this.upgrade().ok_or(Error::ShutDown)?;
        let looked = tokio::spawn(async move { this.advance().await });
        looked.await.unwrap_or_else(|failed| Err(if failed.is_panic() { Error::Panicked } else { Error::ShutDown }))
    }

    async fn reprice(&self, id: Id, offer: Offer) -> Result<(), Error> {
        self.reprice_to(id, offer).await
    }

    async fn cancel(&self, id: Id) -> Result<(), Error> {
        self.replace_with_nothing(id).await
    }
}

/// Why more is offered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// Blocks came without it.
    Late,
    /// The same, while the pool had no room for it.
    Full,
    /// The node refuses it, and may have said what it wants, in wei per gas.
    Refused { wanted: Option<u128> },
}

/// What a variant offers, and its gas.
struct Now {
    offer: Offer,
    gas: u64,
}

const fn set_offer(transaction: &mut TxEip1559, offer: Offer) {
    transaction.max_fee_per_gas = offer.max_fee;
    transaction.max_priority_fee_per_gas = offer.tip;
}
