//! How things stand: balances, debts, deadlines, transactions, the chain.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use alloy::{primitives::U256, providers::Provider};
use chequebook::{Asset, Overdraft, State as BookState};
use chequebook_wallet::{Order, Status};
use parking_lot::Mutex;
use prometheus_client::{
    encoding::text::encode_registry,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::time::{sleep, timeout};

use crate::cli::{
    clock::now,
    service::{metrics::Labels, state::State},
};

/// Prometheus knows only floats. They are shown, and nothing is decided by them.
type Float = Gauge<f64, AtomicU64>;

/// How often the node is asked, and for how long.
const INTERVAL: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(10);

/// The status of transactions that are not final.
const STATUS: [&str; 5] = ["pending", "included", "dropped", "refused", "unknown"];

/// How things stand. Amounts are in the smallest unit of the asset.
pub(super) struct Figures {
    registry: Registry,
    funded: Family<Labels<1>, Float>,
    issued: Family<Labels<1>, Float>,
    available: Family<Labels<1>, Float>,
    liabilities: Family<Labels<1>, Float>,
    pending: Family<Labels<1>, Float>,
    uncashed: Float,
    uncovered: Float,
    debtors: Gauge,
    ending: Float,
    deadline: Float,
    oldest: Float,
    worth: Float,
    gas_money: Float,
    transactions: Family<Labels<1>, Gauge>,
    oldest_transaction: Float,
    block: Gauge,
    block_age: Float,
    is_seen: Gauge,
    is_ready: Gauge,
    asked_at: Float,
    /// When this process first saw each transaction that is not final.
    since: Mutex<HashMap<u64, Instant>>,
}

fn float(amount: U256) -> f64 {
    f64::from(amount)
}

fn seconds(seconds: u64) -> f64 {
    Duration::from_secs(seconds).as_secs_f64()
}

impl Figures {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("chequebook");
        macro_rules! figure {
            ($name:literal, $help:literal) => {{
                let figure = Default::default();
                registry.register($name, $help, Clone::clone(&figure));
                figure
            }};
        }
        Self {
            funded: figure!("funded", "Payer: what a chequebook is funded with, by its address"),
            issued: figure!("issued", "Payer: what was ever issued"),
            available: figure!("available", "Payer: what may still be issued"),
            liabilities: figure!("liabilities", "Payer: what was issued and is not paid"),
            pending: figure!("pending", "Payer: deposits that do not count yet"),
            uncashed: figure!("uncashed", "Payee: what could be cashed, if it were covered"),
            uncovered: figure!("uncovered", "Payee: how much of it the balances of the payers do not cover"),
            debtors: figure!("debtors", "Payee: chequebooks of which something is uncashed"),
            ending: figure!("ending", "Payee: how much is uncashed of chequebooks whose end is announced"),
            deadline: figure!(
                "notice_deadline_seconds",
                "Payee: how long it is until the first chequebook with something uncashed may end; +Inf if none is ending"
            ),
            oldest: figure!("oldest_uncashed_seconds", "Payee: for how long the oldest uncashed cheque has waited"),
            worth: figure!(
                "cash_worth_ratio",
                "Payee: the largest uncashed amount in multiples of what its cash costs now; NaN if that is not known"
            ),
            gas_money: figure!("gas_money_wei", "What the account has for gas"),
            transactions: figure!("transactions", "Transactions that are not final, by status"),
            oldest_transaction: figure!(
                "oldest_transaction_seconds",
                "For how long this process has seen the oldest transaction that is not final"
            ),
            block: figure!("chain_block", "The newest block that was believed"),
            block_age: figure!("chain_block_age_seconds", "How old it is, by the clock of this machine"),
            is_seen: figure!("chain_seen", "Whether the chain was seen at the last look"),
            is_ready: figure!("ready", "Whether calls are answered"),
            asked_at: figure!(
                "asked_timestamp_seconds",
                "When funded, issued, available, liabilities, pending, gas_money and cash_worth were last asked for"
            ),
            since: Mutex::default(),
            registry,
        }
    }

    /// How things stand now, as text. It asks nobody.
    pub(super) fn write(&self, state: &State, text: &mut String) -> std::fmt::Result {
        self.look(state);
        encode_registry(text, &self.registry)
    }

    fn look(&self, state: &State) {
        let (wallet, now) = (&state.session.wallet, now());
        let (mut uncashed, mut uncovered, mut ending) = (U256::ZERO, U256::ZERO, U256::ZERO);
        let (debts, mut deadline) = (state.cashier.debts(), None);
        for debt in debts.iter().filter(|debt| debt.asset == state.units.asset()) {
            uncashed = uncashed.saturating_add(debt.uncashed);
            uncovered = uncovered.saturating_add(debt.uncashed.saturating_sub(debt.balance));
            if let BookState::Ending { killable_at } = debt.state {
                ending = ending.saturating_add(debt.uncashed);
                deadline = Some(deadline.unwrap_or(u64::MAX).min(killable_at.saturating_sub(debt.seen_at)));
            }
        }
        self.uncashed.set(float(uncashed));
        self.uncovered.set(float(uncovered));
        self.ending.set(float(ending));
        self.debtors.set(i64::try_from(debts.len()).unwrap_or(i64::MAX));
        self.deadline.set(deadline.map_or(f64::INFINITY, seconds));
        let oldest = state.cashier.uncashed(Order::Age, 0, 1).first().and_then(|one| one.since);
        self.oldest.set(seconds(oldest.map_or(0, |since| now.saturating_sub(since))));

        let (mut counts, mut since) = (HashMap::new(), self.since.lock());
        let before = std::mem::take(&mut *since);
        for transaction in wallet.open_transactions() {
            let nonce = transaction.nonce();
            since.insert(nonce, before.get(&nonce).copied().unwrap_or_else(Instant::now));
            let status = match transaction.status() {
                Status::Pending => "pending",
                Status::Included { .. } => "included",
                Status::Dropped => "dropped",
                Status::Refused(_) => "refused",
                _ => "unknown",
            };
            let count: &mut i64 = counts.entry(status).or_default();
            *count = count.saturating_add(1);
        }
        let age = since.values().map(Instant::elapsed).max().unwrap_or_default();
        drop(since);
        self.oldest_transaction.set(age.as_secs_f64());
        for status in STATUS {
            let count = counts.get(status).copied().unwrap_or_default();
            self.transactions.get_or_create(&[("status", status.to_owned())]).set(count);
        }
        if let Some((number, time)) = wallet.newest_block() {
            self.block.set(i64::try_from(number).unwrap_or(i64::MAX));
            self.block_age.set(seconds(now.saturating_sub(time)));
        }
        self.is_seen.set(state.is_chain_seen().into());
        self.is_ready.set(state.is_not_ready().is_none().into());
    }

    /// Asks for the rest from time to time, for ever.
    pub(super) async fn ask(&self, state: &Arc<State>) {
        loop {
            // What cannot be asked stays as it was, and its age tells.
            if timeout(PATIENCE, self.try_ask(state)).await.is_ok_and(|asked| asked.is_some()) {
                self.asked_at.set(seconds(now()));
            }
            sleep(INTERVAL).await;
        }
    }

    async fn try_ask(&self, state: &State) -> Option<()> {
        for (address, book) in &state.books {
            let balance = book.chequebook.balance().await.ok()?;
            let label = [("chequebook", address.to_string())];
            self.funded.get_or_create(&label).set(float(balance.funded));
            self.issued.get_or_create(&label).set(float(balance.issued));
            self.available.get_or_create(&label).set(float(balance.available));
            self.liabilities.get_or_create(&label).set(float(balance.liabilities()));
            self.pending.get_or_create(&label).set(float(balance.pending));
        }
        let account = state.session.wallet.account();
        self.gas_money.set(float(state.session.provider.get_balance(account).await.ok()?));
        self.worth.set(worth(state).await.unwrap_or(f64::NAN));
        Some(())
    }
}

/// The largest uncashed amount in multiples of what its cash costs. What a token is worth in gas is not known.
async fn worth(state: &State) -> Option<f64> {
    if state.units.asset() != Asset::Ether {
        return None;
    }
    let largest = state.cashier.uncashed(Order::Amount, 0, 1);
    let Some(largest) = largest.first() else { return Some(0.0) };
    let inbox = state.cashier.inbox(largest.contract, largest.beneficiary)?;
    let cheque = inbox.cheque_to_cash().await.ok()??;
    let price = state.session.wallet.cashing().price(&cheque, Overdraft::Refuse).await.ok()?;
    Some(float(largest.payable) / float(price.max(U256::ONE)))
}
