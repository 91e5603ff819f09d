//! `ledger`: each cheque, cash, deposit and fee, for bookkeeping.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider},
    sol_types::SolEvent,
};
use chequebook::{Asset, ChequebookContract, bindings::TokenChequebook::Reclaimed};
use chequebook_wallet::{Backup, Purpose, Status, Transaction};
use futures_util::{StreamExt, stream};
use serde_json::Value as Json;

use super::{
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    output::{Record, Value},
    standing::status,
    transactions::{all, describe},
};

/// How many questions are under way at once.
const AT_ONCE: usize = 16;
/// The kind of a cash of 2016.
const ORIGINAL: &str = "cashOriginal";
/// The columns of the CSV, which are the names of the JSON form.
const COLUMNS: [&str; 12] = [
    "kind",
    "chequebook",
    "counterparty",
    "asset",
    "amount",
    "fee",
    "nonce",
    "transaction",
    "block",
    "time",
    "status",
    "note",
];

/// One line. Amounts in the smallest unit of the asset, the fee in wei.
#[derive(Debug, Default)]
struct Entry {
    kind: &'static str,
    chequebook: Option<Address>,
    counterparty: Option<Address>,
    asset: String,
    amount: Option<U256>,
    fee: Option<U256>,
    nonce: Option<u64>,
    transaction: Option<B256>,
    block: Option<u64>,
    time: Option<u64>,
    status: &'static str,
    note: &'static str,
}

impl Entry {
    fn record(&self) -> Record {
        let text = |amount: Option<U256>| amount.map(|amount| amount.to_string());
        let [kind, chequebook, counterparty, asset, amount, fee, nonce, transaction, block, time, status, note] =
            COLUMNS;
        Record::new()
            .with(kind, self.kind)
            .with(chequebook, self.chequebook)
            .with(counterparty, self.counterparty)
            .with(asset, self.asset.as_str())
            .with(amount, text(self.amount))
            .with(fee, text(self.fee))
            .with(nonce, self.nonce)
            .with(transaction, self.transaction)
            .with(block, self.block)
            .with(time, self.time.map_or(Value::Nothing, Value::Time))
            .with(status, self.status)
            .with(note, self.note)
    }

    /// A line of CSV. No field has a comma, a quote or a line break, and none begins like a formula.
    fn csv(&self) -> String {
        fn text(value: Option<impl ToString>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        let fields = [
            self.kind.to_owned(),
            text(self.chequebook),
            text(self.counterparty),
            self.asset.clone(),
            text(self.amount),
            text(self.fee),
            text(self.nonce),
            text(self.transaction),
            text(self.block),
            text(self.time),
            self.status.to_owned(),
            self.note.to_owned(),
        ];
        fields.join(",")
    }
}

/// `ledger`.
pub(crate) async fn ledger(context: &Context, csv: bool) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = entries(context, &session).await;
    session.close().await;
    let entries = result?;
    if csv {
        let lines = std::iter::once(COLUMNS.join(",")).chain(entries.iter().map(Entry::csv));
        return context.out.text(&lines.map(|line| line + "\n").collect::<String>());
    }
    context.out.list(entries.iter().map(Entry::record).collect())
}

async fn entries(context: &Context, session: &Session) -> Result<Vec<Entry>, Failure> {
    let mut entries = cheques(session).await?;
    let transactions = all(&session.wallet).await?;
    let asked = transactions.iter().map(|transaction| sent(&session.provider, transaction));
    let bar = context.progress("receipts", Some(transactions.len()));
    let sent: Vec<_> = stream::iter(asked).buffered(AT_ONCE).inspect(|_| bar.inc(1)).collect().await;
    bar.finish_and_clear();
    for entry in sent {
        entries.push(entry?);
    }
    let mut assets = BTreeMap::new();
    for entry in &mut entries {
        // What is of 2016 pays ether, and the factory knows nothing of it.
        let Some(chequebook) = entry.chequebook.filter(|_| entry.kind != ORIGINAL) else { continue };
        let asset = match assets.get(&chequebook) {
            Some(known) => String::clone(known),
            None => assets.entry(chequebook).or_insert(asset(&session.provider, chequebook).await?).clone(),
        };
        entry.asset = asset;
    }
    Ok(entries)
}

/// What a chequebook pays with, by the factory's record. One that is not created, or unproven, is not known.
async fn asset(node: &DynProvider, chequebook: Address) -> Result<String, Failure> {
    let record = ChequebookContract::record(node, chequebook).await?;
    Ok(match record.map(|record| record.form.asset()) {
        Some(Asset::Ether) => "ether".to_owned(),
        Some(Asset::Token(token)) => token.to_string(),
        None => "unknown".to_owned(),
    })
}

/// The latest cheques, which contain all before them.
async fn cheques(session: &Session) -> Result<Vec<Entry>, Failure> {
    let backup = Backup::export(&session.wallet).await?;
    let backup = serde_json::to_value(&backup).map_err(|error| Failure::new(Exit::Failed, error))?;
    let mut entries = Vec::new();
    for book in backup.get("chequebooks").and_then(Json::as_array).into_iter().flatten() {
        let chequebook = book.get("contract").and_then(Json::as_str).and_then(|text| text.parse().ok());
        for issued in book.get("issued").and_then(Json::as_array).into_iter().flatten() {
            let text = |field: &str| issued.get(field).and_then(Json::as_str);
            let amount = text("amount").and_then(|digits| U256::from_str_radix(digits, 10).ok());
            let (counterparty, note) = (text("beneficiary").and_then(|text| text.parse().ok()), "cumulative");
            let kind = "chequeIssued";
            entries.push(Entry { kind, chequebook, counterparty, amount, status: "durable", note, ..Entry::default() });
        }
    }
    for received in session.wallet.received().await? {
        let cheque = received.cheque();
        entries.push(Entry {
            kind: "chequeReceived",
            chequebook: Some(cheque.contract),
            counterparty: Some(cheque.beneficiary),
            amount: Some(cheque.amount),
            status: "durable",
            note: "cumulative",
            ..Entry::default()
        });
    }
    Ok(entries)
}

/// A transaction with its fee, which its receipt tells.
async fn sent(node: &DynProvider, transaction: &Transaction) -> Result<Entry, Failure> {
    let what = describe(transaction.purpose());
    let (status, block) = status(transaction.status());
    let hash = match transaction.status() {
        Status::Confirmed { hash, .. } | Status::Reverted { hash, .. } | Status::Cancelled { hash, .. } => hash,
        _ => transaction.hash(),
    };
    let (mut fee, mut time, mut amount) = (None, None, what.amount);
    if let Some(block) = block {
        if let Some(receipt) = node.get_transaction_receipt(hash).await? {
            // How much was reclaimed, only its event tells.
            if let Purpose::Reclaim { contract } = transaction.purpose() {
                let logs = receipt.logs().iter().filter(|log| log.address() == contract);
                amount = logs.filter_map(|log| Reclaimed::decode_log(&log.inner).ok()).map(|log| log.amount).next();
            }
            fee = U256::from(receipt.gas_used).checked_mul(U256::from(receipt.effective_gas_price));
        }
        time = node.get_block_by_number(block.into()).await?.map(|block| block.header.timestamp);
    }
    let note = if ["cash", ORIGINAL].contains(&what.name) { "cumulative" } else { "" };
    Ok(Entry {
        kind: what.name,
        chequebook: what.chequebook,
        counterparty: what.beneficiary,
        asset: "ether".to_owned(),
        amount,
        fee,
        nonce: Some(transaction.nonce()),
        transaction: Some(hash),
        block,
        time,
        status,
        note,
    })
}
