//! The amount that the deposit covers.

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, BlockNumber, U256},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use chequebook::{State, bindings::Chequebook::Cashed};
use parking_lot::MutexGuard;

use super::{
    book::Book,
    funds::{Balance, Funds},
};
use crate::{
    Error,
    chain::{Chain, Head},
    store::{
        Batch, Durable, Ledger,
        schema::{Key, Paid, Promise, Purpose, paid_key, total_key},
    },
    transactions::Status,
};

/// An amount that no other cheque can promise. Dropping it releases the amount.
pub(super) struct Reservation<'a> {
    book: &'a Book,
    amount: U256,
}

impl Reservation<'_> {
    /// Submits the promise to the store, together with the new total.
    pub(super) fn issue(mut self, key: Key, promise: &Promise) -> Result<Durable, Error> {
        let Book { wallet, contract, .. } = self.book;
        // Under the lock, so that totals reach the store in order.
        let mut funds = self.book.funds();
        let issued = funds.issued.checked_add(self.amount).ok_or(Error::Overflow)?;
        let mut batch = Batch::new();
        batch.put(key, promise)?.put(total_key(*contract), &issued)?;
        let durable = wallet.shared().ledger.submit(batch);
        funds.issued = issued;
        funds.reserved = funds.reserved.saturating_sub(std::mem::take(&mut self.amount));
        drop(funds);
        Ok(durable)
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut funds = self.book.funds();
        funds.reserved = funds.reserved.saturating_sub(self.amount);
    }
}

impl Book {
    fn funds(&self) -> MutexGuard<'_, Funds> {
        self.funds.lock()
    }

    /// Reserves an amount. If it is not available, asks the chain once before it returns an error.
    pub(super) async fn reserve(&self, amount: U256) -> Result<Reservation<'_>, Error> {
        if let Err(error) = self.try_reserve(amount) {
            self.ask_funds().await.map_err(|_| error)?;
            self.try_reserve(amount)?;
        }
        Ok(Reservation { book: self, amount })
    }

    fn try_reserve(&self, amount: U256) -> Result<(), Error> {
        let contract = self.contract;
        match self.watched.newest().state {
            State::NotDeployed | State::Alive => {}
            State::Ending { killable_at } => return Err(Error::KillAnnounced { contract, killable_at }),
            State::Dead => return Err(Error::Dead { contract }),
        }
        let mut funds = self.funds();
        let available = funds.available();
        if amount > available {
            return Err(Error::InsufficientDeposit { contract, amount, available });
        }
        funds.reserved = funds.reserved.checked_add(amount).ok_or(Error::Overflow)?;
        Ok(())
    }

    /// Asks the chain how much the chequebook is funded with.
    pub(super) async fn ask_funds(&self) -> Result<(), Error> {
        let _asking = self.asking.lock().await;
        let shared = self.wallet.shared();
        let snapshot = self.watched.snapshot(Duration::ZERO).await?;
        let born_at = self.watched.born_at;
        let paid = paid(&shared.chain, &shared.ledger, self.contract, born_at, snapshot.confirmed).await?;
        let funded = snapshot.confirmed_balance.checked_add(paid).ok_or(Error::Overflow)?;

        let mut funds = self.funds();
        (funds.funded, funds.block) = (funded, snapshot.confirmed.number);
        Ok(())
    }

    /// Asks the chain for the balance, and compares it with the amount issued.
    pub(super) async fn newest_balance(&self) -> Result<Balance, Error> {
        // Pending deposits come first: a deposit that has become part of the funds must not count twice.
        self.wallet.shared().transactions.advance().await?;
        self.ask_funds().await?;
        self.balance()
    }

    fn balance(&self) -> Result<Balance, Error> {
        let funds = self.funds();
        let (funded, issued, available, block) = (funds.funded, funds.issued, funds.available(), funds.block);
        drop(funds);

        let mut pending = U256::ZERO;
        for transaction in self.wallet.transactions() {
            let counted = match transaction.status() {
                Status::Pending | Status::Dropped => false,
                Status::Included { block: at, success } => !success || at <= block,
                Status::Confirmed { block: at, .. } => at <= block,
                Status::Reverted { .. } | Status::Replaced => true,
            };
            let amount = match transaction.purpose() {
                Purpose::Deposit { contract, amount } | Purpose::Create { contract, amount }
                    if contract == self.contract =>
                {
                    amount
                }
                _ => continue,
            };
            if !counted {
                pending = pending.checked_add(amount).ok_or(Error::Overflow)?;
            }
        }
        Ok(Balance { funded, issued, available, pending })
    }
}

/// The total that a chequebook paid by cheques up to `confirmed`, in wei: the sum of its events. The stored sum is
/// reused if its block is still part of the chain.
pub(super) async fn paid(
    chain: &Chain,
    ledger: &Ledger,
    contract: Address,
    born_at: BlockNumber,
    confirmed: Head,
) -> Result<U256, Error> {
    let key = paid_key(contract);
    let before = ledger.get::<Paid>(&key)?.filter(|before| before.block <= confirmed.number);
    let before = match before {
        Some(before) if chain.block(before.block).await?.hash == before.hash => Some(before),
        _ => None,
    };
    let (mut total, from) = before.map_or((U256::ZERO, born_at), |b| (b.total, b.block.saturating_add(1)));
    let filter = Filter::new().address(contract).event_signature(Cashed::SIGNATURE_HASH);
    for log in chain.logs(&filter, from, confirmed.number).await? {
        let cashed = Cashed::decode_log(&log.inner).map_err(|_| Error::NotGenuine { contract })?;
        total = total.checked_add(cashed.paid).ok_or(Error::Overflow)?;
    }
    if chain.block(confirmed.number).await?.hash != confirmed.hash {
        return Err(Error::Reorganised { block: confirmed.number });
    }

    let mut batch = Batch::new();
    batch.put(key, &Paid { block: confirmed.number, hash: confirmed.hash, total })?;
    ledger.submit(batch).await?;
    Ok(total)
}

/// Asks again with every new block.
pub(super) fn follow(book: &Arc<Book>) {
    let weak = Arc::downgrade(book);
    let mut rounds = book.wallet.shared().rounds.subscribe();
    book.wallet.spawn(async move {
        while rounds.changed().await.is_ok() {
            let Some(book) = weak.upgrade() else { return };
            if let Err(error) = book.ask_funds().await {
                tracing::warn!(contract = %book.contract, %error, "could not ask for the funds");
            }
        }
    });
}
