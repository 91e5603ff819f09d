//! `watch`: stays, so that transactions are followed, inboxes guarded, and cheques cashed automatically.

use std::{collections::BTreeMap, path::Path, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use chequebook_wallet::{AutoCash, Cashier, CashierSettings, Order, Status};
use tokio::time::sleep;

use super::{
    amount::{Units, Written, duration},
    context::{Context, OpenStore, Session},
    exit::Failure,
    files,
    output::Record,
    policy::{beneficiary, policy},
    standing::with_transaction,
    transactions::describe,
};

/// How often what changed is printed.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many transactions are read at once.
const PAGE: usize = 100;

/// `watch`: ends with a signal.
pub(crate) async fn run(context: &Context, receive: Option<&Path>) -> Result<(), Failure> {
    let cheques = receive.map(files::cheques).transpose()?;
    let session = context.open(OpenStore::OrCreate).await?;
    let result = watch(context, &session, cheques).await;
    session.close().await;
    result
}

async fn watch(
    context: &Context,
    session: &Session,
    cheques: Option<tokio::sync::mpsc::Receiver<Result<chequebook::SignedCheque, Failure>>>,
) -> Result<(), Failure> {
    let units = context.units(context.asset()?, &session.provider).await?;
    let settings = CashierSettings::new(beneficiary(context, session.account.address())?).policy(policy(context)?);
    let cashier = Cashier::open(&session.wallet, settings.auto_cash(Some(auto_cash(context, &units)?))).await?;
    context.out.note("watching: stop with ctrl-c");
    tokio::try_join!(changes(context, session, &cashier, &units), receiving(context, &cashier, &units, cheques))
        .map(drop)
}

/// When to cash automatically.
///
/// # Errors
///
/// If a setting cannot be read.
pub(crate) fn auto_cash(context: &Context, units: &Units) -> Result<AutoCash, Failure> {
    let settings = &context.settings;
    let mut auto_cash = AutoCash::default();
    if let Some(above) = settings.read("auto_cash_above", str::parse::<Written>)? {
        auto_cash = auto_cash.max_uncashed(above.of(units)?);
    }
    match settings.raw("auto_cash_interval") {
        Some("never") => return Ok(auto_cash.interval(None)),
        _ => {
            if let Some(seconds) = settings.read("auto_cash_interval", duration)? {
                auto_cash = auto_cash.interval(Some(Duration::from_secs(seconds)));
            }
        }
    }
    Ok(auto_cash)
}

/// Prints what changes: what is uncashed, and how transactions stand.
async fn changes(context: &Context, session: &Session, cashier: &Cashier, units: &Units) -> Result<(), Failure> {
    let mut uncashed: BTreeMap<(Address, Address), U256> = BTreeMap::new();
    // What was final before is not news.
    let next = session.provider.get_transaction_count(session.account.address()).await?;
    let mut seen = next.checked_sub(1);
    let mut followed: BTreeMap<u64, (chequebook_wallet::Transaction, Option<Status>)> = BTreeMap::new();
    loop {
        let mut now = BTreeMap::new();
        for one in cashier.uncashed(Order::Payer, 0, usize::MAX) {
            now.insert((one.contract, one.beneficiary), one.uncashed);
        }
        let gone = uncashed.keys().filter(|line| !now.contains_key(*line)).map(|line| (*line, U256::ZERO));
        let new = now.iter().filter(|(line, amount)| uncashed.get(*line) != Some(*amount));
        let changed: Vec<_> = gone.chain(new.map(|(line, amount)| (*line, *amount))).collect();
        for ((contract, beneficiary), amount) in changed {
            let record = Record::new().with("event", "uncashed").with("chequebook", contract);
            context.out.show(&record.with("beneficiary", beneficiary).amount("uncashed", amount, units))?;
        }
        uncashed = now;

        // Also those that were sent and became final since the last look.
        let page = session.wallet.history(seen, PAGE).await?;
        seen = page.last().map(chequebook_wallet::Transaction::nonce).or(seen);
        for transaction in session.wallet.open_transactions().into_iter().chain(page) {
            followed.entry(transaction.nonce()).or_insert((transaction, None));
        }
        for (transaction, before) in followed.values_mut() {
            let status = transaction.status();
            if before.replace(status) != Some(status) {
                let what = describe(transaction.purpose());
                let record = Record::new().with("event", "transaction").with("purpose", what.name);
                context.out.show(&with_transaction(record.with("chequebook", what.chequebook), transaction))?;
            }
        }
        followed.retain(|nonce, (transaction, _)| {
            !transaction.status().is_final() || seen.is_none_or(|seen| *nonce > seen)
        });
        sleep(INTERVAL).await;
    }
}

/// Receives what comes in, and goes on when nothing more comes.
async fn receiving(
    context: &Context,
    cashier: &Cashier,
    units: &Units,
    cheques: Option<tokio::sync::mpsc::Receiver<Result<chequebook::SignedCheque, Failure>>>,
) -> Result<(), Failure> {
    let Some(mut cheques) = cheques else { return Ok(()) };
    while let Some(cheque) = cheques.recv().await {
        let received = async { Ok::<_, Failure>(cashier.receive(&cheque?).await?) };
        match received.await {
            Ok(receipt) => {
                let record = Record::new().with("event", "received").with("chequebook", receipt.contract);
                let record = record.with("beneficiary", receipt.beneficiary).amount("added", receipt.added, units);
                context.out.show(&record.amount("credit", receipt.credit.available(), units))?;
            }
            Err(failure) => context.out.failure(&failure),
        }
    }
    Ok(())
}
