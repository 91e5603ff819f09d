//! The transactions of the account: list, reprice, cancel.

use alloy::primitives::{Address, U256};
use chequebook_wallet::{Purpose, Transaction, Wallet};

use super::{
    amount::Written,
    args::TransactionAction,
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    output::{Record, Value},
    payer::show,
    standing::with_transaction,
};

/// How many rows of the history are read at once.
const PAGE: usize = 1_000;

/// `transactions`.
pub(crate) async fn run(context: &Context, action: Option<TransactionAction>) -> Result<(), Failure> {
    match action {
        None => list(context, false).await,
        Some(TransactionAction::List { all }) => list(context, all).await,
        Some(TransactionAction::Reprice { nonce, max_fee, priority_fee }) => {
            reprice(context, nonce, &max_fee, &priority_fee).await
        }
        Some(TransactionAction::Cancel { nonce }) => cancel(context, nonce).await,
    }
}

async fn list(context: &Context, all: bool) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        // What became of those of earlier runs meanwhile.
        session.wallet.refresh().await?;
        let rows = if all { self::all(&session.wallet).await? } else { session.wallet.open_transactions() };
        Ok::<_, Failure>(rows.iter().map(row).collect())
    }
    .await;
    session.close().await;
    context.out.list(result?)
}

/// All transactions of the account, page by page, by nonce.
pub(crate) async fn all(wallet: &Wallet) -> Result<Vec<Transaction>, Failure> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = wallet.history(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.nonce());
        rows.extend(page);
    }
    let last = rows.last().map(Transaction::nonce);
    rows.extend(wallet.open_transactions().into_iter().filter(|one| last.is_none_or(|last| one.nonce() > last)));
    Ok(rows)
}

/// A transaction, with what it is for and how it stands.
pub(crate) fn row(transaction: &Transaction) -> Record {
    let what = describe(transaction.purpose());
    let record = Record::new().with("purpose", what.name).with("chequebook", what.chequebook);
    let record = record.with("beneficiary", what.beneficiary);
    let record = record.with("amount", what.amount.map_or(Value::Nothing, |amount| Value::Text(amount.to_string())));
    let record = with_transaction(record, transaction).with("cancelled", transaction.is_cancelled());
    record.with("refusal", transaction.refusal().map(|refusal| refusal.to_string()))
}

/// A purpose in words.
pub(crate) struct Described {
    pub(crate) name: &'static str,
    pub(crate) chequebook: Option<Address>,
    pub(crate) beneficiary: Option<Address>,
    /// In the smallest unit of the chequebook's asset.
    pub(crate) amount: Option<U256>,
}

/// A purpose in words.
pub(crate) const fn describe(purpose: Purpose) -> Described {
    let (name, chequebook, beneficiary, amount) = match purpose {
        Purpose::Deposit { contract, amount } => ("deposit", Some(contract), None, Some(amount)),
        Purpose::AutoDeposit { contract, amount } => ("autoDeposit", Some(contract), None, Some(amount)),
        Purpose::Cash { contract, beneficiary, amount } => ("cash", Some(contract), Some(beneficiary), Some(amount)),
        Purpose::Create { contract, amount } => ("create", Some(contract), None, Some(amount)),
        Purpose::CashMany { .. } => ("cashMany", None, None, None),
        Purpose::FillGap => ("fillGap", None, None, None),
        Purpose::AnnounceKill { contract } => ("announceKill", Some(contract), None, None),
        Purpose::CancelKill { contract } => ("cancelKill", Some(contract), None, None),
        Purpose::Kill { contract } => ("kill", Some(contract), None, None),
        _ => ("other", None, None, None),
    };
    Described { name, chequebook, beneficiary, amount }
}

/// The transaction under way with a nonce.
///
/// # Errors
///
/// [`Exit::NotPossible`] if there is none.
pub(crate) fn find(session: &Session, nonce: u64) -> Result<Transaction, Failure> {
    let mut open = session.wallet.open_transactions().into_iter();
    open.find(|one| one.nonce() == nonce).ok_or_else(|| {
        Failure::new(
            Exit::NotPossible,
            format!("no transaction with nonce {nonce} is under way: see `transactions list`"),
        )
    })
}

async fn reprice(context: &Context, nonce: u64, max_fee: &Written, tip: &Written) -> Result<(), Failure> {
    let (max_fee, tip) = (context.price(max_fee)?, context.price(tip)?);
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let transaction = find(&session, nonce)?;
        let plan = row(&transaction).with("action", "reprice").with("maxFeePerGas", max_fee.to_string());
        if !context.consent(&plan.with("priorityFeePerGas", tip.to_string())).await? {
            return Ok(None);
        }
        transaction.reprice(max_fee, tip).await?;
        Ok(Some(with_transaction(Record::new().with("action", "reprice"), &transaction)))
    }
    .await;
    show(context, session, result).await
}

async fn cancel(context: &Context, nonce: u64) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let transaction = find(&session, nonce)?;
        if !context.consent(&row(&transaction).with("action", "cancel")).await? {
            return Ok(None);
        }
        transaction.cancel().await?;
        Ok(Some(with_transaction(Record::new().with("action", "cancel"), &transaction)))
    }
    .await;
    show(context, session, result).await
}
