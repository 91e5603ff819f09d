//! What the deposit covers: asked once for each block, and believed only if it can be true.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    book::{Asking, Book, Outdated},
    funds::{Balance, Shown},
};
use crate::{
    Error,
    chain::{Call, Chain, Head},
    store::{
        Batch,
        schema::{ChequebookRow, Paid, Promise, address_at_end, chequebook_key, issued_key, paid_key, table},
    },
};
use alloy::{
    primitives::{Address, B256, BlockNumber, U256},
    rpc::types::{Filter, Log},
    sol_types::{SolCall, SolEvent},
};
use chequebook::{
    Asset, State,
    bindings::{
        Chequebook::{Cashed, sentCall},
        ChequebookFactory::Created,
    },
    factory,
};

/// By how many blocks a sum of events must be older than another look that finds the same sum, before it is stored. A
/// node can leave events out once.
const SECOND_LOOK: u64 = 8;
/// How many blocks are asked for again at most, before a sum is stored.
const CHECKPOINT: u64 = 128;
/// With how many beneficiaries at most a sum is compared with the state.
const AUDITED: usize = 5_000;

impl Book {
    /// Asks the chain how much the chequebook is funded with. Callers that ask meanwhile share the answer.
    pub(super) async fn ask_funds(&self) -> Result<(), Error> {
        let called = self.wallet.shared().watcher.ticket();
        let mut asking = self.asking.lock().await;
        if asking.began > called {
            return self.check_known();
        }
        let shared = self.wallet.shared();
        let look = shared.watcher.look(Duration::ZERO).await?;
        shared.watcher.refresh(&self.watched, shared.config.max_age).await?;
        let (head, confirmed, balance, newest, state) =
            self.watched.read(|seen| (*seen.head, *seen.confirmed, seen.confirmed_balance, seen.balance, seen.state));
        let reorganised = asking.branch != look.branch;
        if asking.head == Some(head.hash) && !reorganised {
            asking.began = look.began; // the state of a block never changes
            return self.check_known();
        }
        if reorganised {
            (asking.candidate, asking.checked) = (None, BTreeMap::new());
        }

        let start = self.checkpoint(confirmed).await?;
        let cashed = cashed(&shared.chain, self.contract, start.block.saturating_add(1), head.number).await?;
        self.check_payments(&mut asking, &cashed, &head).await?;
        let up_to = |block: BlockNumber| sum(start.total, cashed.iter().filter(|cashed| cashed.block <= block));
        let paid = up_to(confirmed.number)?;
        if shared.chain.block(confirmed.number).await?.hash != confirmed.hash {
            return Err(Error::Reorganised { block: confirmed.number });
        }
        let is_dead = state == State::Dead;
        let balance = balance.ok_or(Error::NoBlock { block: confirmed.number.into() })?;
        let shown = Shown { block: confirmed.number, hash: confirmed.hash, balance, paid, is_dead };
        let now = Shown { block: head.number, hash: head.hash, balance: newest, paid: up_to(head.number)?, is_dead };
        let history = async {
            self.check_history(&shown, &confirmed, reorganised).await?;
            if now == shown {
                return Ok(());
            }
            // Also what is not final yet: a payment whose event is missing is noticed at once.
            self.check_history(&now, &head, reorganised).await
        };
        match history.await {
            Ok(()) => *self.doubt.lock() = None,
            Err(Error::Contradiction { contract, what }) => {
                *self.doubt.lock() = Some(what.clone());
                return Err(Error::Contradiction { contract, what });
            }
            Err(error) => return Err(error),
        }
        let newest = matches!(self.watched.asset(), Asset::Token(_)).then(|| now.funded()).transpose()?;
        {
            let mut funds = self.funds.lock();
            funds.believe(shown);
            funds.believe_newest(newest);
        }

        // A sum is stored once a later look has found it, too, and the state does not contradict it.
        if let Some((candidate, found_at)) = asking.candidate.take() {
            if head.number.saturating_sub(found_at) < SECOND_LOOK {
                asking.candidate = Some((candidate, found_at));
            } else if up_to(candidate.block)? == candidate.total && self.is_sum_of_state(candidate, &cashed).await? {
                self.store_paid(candidate).await?;
                asking.checked.clear(); // it counts from here
            }
        }
        let is_due = confirmed.number.saturating_sub(start.block) >= CHECKPOINT;
        if asking.candidate.is_none() && is_due {
            asking.candidate = Some((Paid { block: confirmed.number, hash: confirmed.hash, total: paid }, head.number));
        }
        (asking.began, asking.head, asking.branch) = (look.began, Some(head.hash), look.branch);
        Ok(())
    }

    /// Checks that what the chain shows can follow from what was believed, unless that block was dropped.
    async fn check_history(&self, new: &Shown, at: &Head, reorganised: bool) -> Result<(), Error> {
        let asset = self.watched.asset();
        let (believed, what) = {
            let funds = self.funds.lock();
            (funds.believed(), funds.contradiction(new, asset, reorganised)?)
        };
        let (Some(what), Some((number, hash))) = (what, believed) else { return Ok(()) };
        let chain = &self.wallet.shared().chain;
        let block = chain.block(number).await?;
        if block.hash != hash {
            return Ok(());
        }
        // One of the two is wrong: what the node says of the earlier block now tells whether that was the balance then.
        let then = self.funds.lock().believed_balance();
        if new.paid >= self.funds.lock().believed_paid() {
            if chain.balance_of(self.contract, asset, block.id()).await? != then {
                return Ok(());
            }
            if matches!(asset, Asset::Token(_)) && self.was_taken(new, at).await? {
                tracing::warn!(contract = %self.contract, %what, "the token has taken from the deposit");
                return Ok(());
            }
        }
        Err(Error::Contradiction { contract: self.contract, what })
    }

    /// Whether a token has really lowered the balance, as only its own code can: asked again, it is the same at that
    /// block, and no payment is left out that would explain it.
    async fn was_taken(&self, new: &Shown, at: &Head) -> Result<bool, Error> {
        let again = self.wallet.shared().chain.balance_of(self.contract, self.watched.asset(), at.id()).await?;
        if again != new.balance {
            return Ok(false);
        }
        let sent = self.sent_to_all(at).await?;
        if sent != new.paid {
            tracing::warn!(contract = %self.contract, %sent, paid = %new.paid, "the node leaves out payments");
        }
        Ok(sent == new.paid)
    }

    /// What the contract has `sent` at a block to all to whom it was ever promised.
    async fn sent_to_all(&self, at: &Head) -> Result<U256, Error> {
        let shared = self.wallet.shared();
        let mut total = U256::ZERO;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = shared.ledger.durable_page(table::ISSUED, self.contract.as_slice(), after.as_deref(), AUDITED);
            let rows = page.await?;
            let mut calls = Vec::with_capacity(rows.len());
            for (key, _) in &rows {
                calls.push(Call::new(self.contract, sentCall { beneficiary: address_at_end(table::ISSUED, key)? }));
            }
            for answer in shared.chain.read_many(calls, at).await {
                total = total.checked_add(sent_in(self.contract, &answer?)?).ok_or(Error::Overflow)?;
            }
            match rows.into_iter().last() {
                Some((key, _)) => after = Some(key),
                None => return Ok(total),
            }
        }
    }

    /// The stored sum, if its block is still part of the chain; otherwise nothing, before the first payment.
    async fn checkpoint(&self, confirmed: Head) -> Result<Paid, Error> {
        let shared = self.wallet.shared();
        if let Some(paid) = shared.ledger.get::<Paid>(&paid_key(self.contract)).await?
            && paid.block <= confirmed.number
            && shared.chain.block(paid.block).await?.hash == paid.hash
        {
            return Ok(paid);
        }
        let first = self.scan_from().await?;
        Ok(Paid { block: first.saturating_sub(1), hash: B256::ZERO, total: U256::ZERO })
    }

    async fn store_paid(&self, paid: Paid) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.put(paid_key(self.contract), &paid)?;
        Ok(self.wallet.shared().ledger.submit(batch).await?)
    }

    /// Whether a sum of events is also what the contract has `sent` to all beneficiaries: a node that leaves events out
    /// for longer is noticed. Later payments are known by their events. With too many beneficiaries, nobody asks.
    async fn is_sum_of_state(&self, sum: Paid, cashed: &[Payment]) -> Result<bool, Error> {
        let shared = self.wallet.shared();
        let rows = shared
            .ledger
            .durable_page(table::ISSUED, self.contract.as_slice(), None, AUDITED.saturating_add(1))
            .await?;
        let (state, head) = self.watched.read(|seen| (seen.state, *seen.head));
        if rows.len() > AUDITED || state == State::Dead || state == State::NotDeployed {
            return Ok(true);
        }
        let mut calls = Vec::with_capacity(rows.len());
        for (key, _) in &rows {
            let beneficiary = address_at_end(table::ISSUED, key)?;
            calls.push(Call::new(self.contract, sentCall { beneficiary }));
        }
        let later = cashed.iter().filter(|cashed| cashed.block > sum.block && cashed.block <= head.number);
        let expected = self::sum(sum.total, later)?;
        let mut found = U256::ZERO;
        for sent in shared.chain.read_many(calls, &head).await {
            let sent =
                sentCall::abi_decode_returns(&sent?).map_err(|_| Error::NotGenuine { contract: self.contract })?;
            found = found.checked_add(sent).ok_or(Error::Overflow)?;
        }
        if found != expected {
            tracing::warn!(contract = %self.contract, %found, %expected, "the node leaves out payments");
        }
        Ok(found == expected)
    }

    /// A block before which it paid nothing, as the node counts blocks.
    pub(super) async fn scan_from(&self) -> Result<BlockNumber, Error> {
        let shared = self.wallet.shared();
        let key = chequebook_key(self.contract);
        let row = shared.ledger.get::<ChequebookRow>(&key).await?.ok_or(Error::NoRecord { contract: self.contract })?;
        if let Some(first) = row.scan_from {
            return Ok(first);
        }
        let (head, state) = self.watched.read(|seen| (*seen.head, seen.state));
        let first = created_in(&shared.chain, self.contract, head, state).await?;
        let mut batch = Batch::new();
        batch.replace(key, Some(&row), &ChequebookRow { scan_from: Some(first), ..row })?;
        shared.ledger.submit(batch).await?;
        Ok(first)
    }

    /// Checks that what was paid was promised: a store that is older than the last cheque would promise it again.
    async fn check_payments(&self, asking: &mut Asking, cashed: &[Payment], head: &Head) -> Result<(), Error> {
        let shared = self.wallet.shared();
        // Also those that a node left out before.
        let paid = by_beneficiary(cashed)?;
        let new = paid.iter().filter(|(beneficiary, paid)| asking.checked.get(*beneficiary) != Some(*paid));
        let beneficiaries: Vec<Address> = new.map(|(&beneficiary, _)| beneficiary).collect();
        let call = |&beneficiary: &Address| Call::new(self.contract, sentCall { beneficiary });
        let sent = shared.chain.read_many(beneficiaries.iter().map(call).collect(), head).await;
        for (beneficiary, sent) in beneficiaries.into_iter().zip(sent) {
            let answer = sent?;
            if answer.is_empty() {
                continue; // it is dead, and its memory is erased
            }
            let wrong = |_| Error::NotGenuine { contract: self.contract };
            let paid = sentCall::abi_decode_returns(&answer).map_err(wrong)?;
            let promise = shared.ledger.get::<Promise>(&issued_key(self.contract, beneficiary)).await?;
            let issued = promise.map_or(U256::ZERO, |promise| promise.amount);
            if paid > issued {
                *self.outdated.lock() = Some(Outdated { beneficiary, paid, issued });
            }
        }
        self.check_known()?;
        asking.checked = paid;
        Ok(())
    }

    /// Asks the chain for the balance, and compares it with the amount issued.
    pub(super) async fn newest_balance(&self) -> Result<Balance, Error> {
        // The transactions come last: their blocks then tell which deposits are part of the funds already.
        self.ask_funds().await?;
        self.wallet.shared().account.advance().await?;
        self.balance()
    }

    fn balance(&self) -> Result<Balance, Error> {
        let funds = self.funds.lock();
        let (funded, issued, available, block) = (funds.funded()?, funds.issued, funds.available()?, funds.block());
        let (mut pending, paid) = (funds.depositing, funds.believed_paid());
        drop(funds);
        for (amount, status) in self.wallet.shared().account.deposits(self.contract) {
            if status.may_follow(block) {
                pending = pending.checked_add(amount).ok_or(Error::Overflow)?;
            }
        }
        Ok(Balance { funded, issued, available, pending, paid })
    }

    /// Asks again with every new block.
    pub(super) fn follow(self: &Arc<Self>) -> tokio::task::AbortHandle {
        let weak = Arc::downgrade(self);
        let changes = self.watched.changes();
        self.wallet.supervise("funds", move || {
            let (weak, mut changes) = (weak.clone(), changes.clone());
            async move {
                while changes.changed().await.is_ok() {
                    let Some(book) = weak.upgrade() else { return };
                    if let Err(error) = book.ask_funds().await {
                        tracing::warn!(contract = %book.contract, %error, "could not ask for the funds");
                    }
                }
            }
        })
    }
}

/// What a contract has sent. One that is not there has sent nothing.
fn sent_in(contract: Address, answer: &[u8]) -> Result<U256, Error> {
    if answer.is_empty() {
        return Ok(U256::ZERO);
    }
    sentCall::abi_decode_returns(answer).map_err(|_| Error::NotGenuine { contract })
}

/// A payment, as an event tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payment {
    pub(super) block: BlockNumber,
    pub(super) beneficiary: Address,
    /// In wei.
    pub(super) paid: U256,
}

fn sum<'a>(start: U256, payments: impl Iterator<Item = &'a Payment>) -> Result<U256, Error> {
    payments.map(|payment| payment.paid).try_fold(start, |sum, paid| sum.checked_add(paid).ok_or(Error::Overflow))
}

/// The payments of a chequebook in the blocks `from` to `to`.
pub(super) async fn cashed(
    chain: &Chain,
    contract: Address,
    from: BlockNumber,
    to: BlockNumber,
) -> Result<Vec<Payment>, Error> {
    let filter = Filter::new().address(contract).event_signature(Cashed::SIGNATURE_HASH);
    let payment = |log: Log| {
        let event = Cashed::decode_log(&log.inner).map_err(|_| Error::NotGenuine { contract })?;
        let block = log.block_number.filter(|block| (from..=to).contains(block) && log.address() == contract);
        let block = block.ok_or(Error::NotGenuine { contract })?;
        Ok(Payment { block, beneficiary: event.beneficiary, paid: event.paid })
    };
    chain.logs(&filter, from, to).await?.into_iter().map(payment).collect()
}

/// What each beneficiary was paid in all, in wei.
pub(super) fn by_beneficiary(payments: &[Payment]) -> Result<BTreeMap<Address, U256>, Error> {
    let mut all = BTreeMap::new();
    for payment in payments {
        let total: &mut U256 = all.entry(payment.beneficiary).or_default();
        *total = total.checked_add(payment.paid).ok_or(Error::Overflow)?;
    }
    Ok(all)
}

/// The block, as the node counts them, in which a chequebook was created: contracts on some rollups see other numbers.
/// One that is not created has paid nothing up to now.
pub(super) async fn created_in(
    chain: &Chain,
    contract: Address,
    head: Head,
    state: State,
) -> Result<BlockNumber, Error> {
    let record = match chain.record(contract, head.id()).await? {
        Some(record) => record,
        None if state == State::NotDeployed => return Ok(head.number),
        None => {
            let what = "it answers, and the factory has no record of it".to_owned();
            return Err(Error::Contradiction { contract, what });
        }
    };
    // The factory's own number, if it is one of the node's.
    if record.born_at <= head.number {
        let born = chain.block(record.born_at).await?;
        let before = chain.block(record.born_at.saturating_sub(1)).await?;
        let at = tokio::try_join!(chain.record(contract, born.id()), chain.record(contract, before.id()));
        if matches!(at, Ok((Some(_), None))) {
            return Ok(record.born_at);
        }
    }
    // By halves, if the node has old state.
    let (mut low, mut high) = (0, head.number);
    while low < high {
        let middle = low.midpoint(high);
        let block = chain.block(middle).await?;
        match chain.record(contract, block.id()).await {
            Ok(Some(_)) => high = middle,
            Ok(None) => low = middle.saturating_add(1),
            // By the factory's event, if it has not.
            Err(_) => return created_by_event(chain, contract, head.number).await,
        }
    }
    Ok(high)
}

async fn created_by_event(chain: &Chain, contract: Address, to: BlockNumber) -> Result<BlockNumber, Error> {
    let filter = Filter::new().address(factory()).event_signature(Created::SIGNATURE_HASH).topic2(contract.into_word());
    let found = chain.logs(&filter, 0, to).await?;
    let first = found.iter().filter_map(|log| log.block_number).min();
    first.ok_or_else(|| Error::Contradiction { contract, what: "it is created, and no event says when".to_owned() })
}
