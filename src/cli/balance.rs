//! What a chequebook is funded with, what was promised from it, and to whom.

use chequebook_wallet::Issued;

use super::{
    amount::Units,
    args::Which,
    context::{Context, OpenStore},
    exit::Failure,
    output::{Record, Value},
    payer::{Book, show},
};

/// How many rows of what was issued are read at once.
const PAGE: usize = 1_000;

/// `balance`.
pub(crate) async fn balance(context: &Context, which: Which) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let book = Book::open(context, &session, which).await?;
        amounts(&book).await.map(Some)
    }
    .await;
    show(context, session, result).await
}

/// What a chequebook is funded with, and what was promised from it.
pub(crate) async fn amounts(book: &Book) -> Result<Record, Failure> {
    let Book { chequebook, units } = book;
    let balance = chequebook.balance().await?;
    Ok(Record::new()
        .with("chequebook", chequebook.address())
        .with("asset", units.asset().to_string())
        .amount("funded", balance.funded, units)
        .amount("issued", balance.issued, units)
        .amount("available", balance.available, units)
        .amount("pending", balance.pending, units)
        .amount("paid", balance.paid, units)
        .amount("liabilities", balance.liabilities(), units))
}

/// What was promised to a beneficiary.
pub(crate) fn promised(one: &Issued, units: &Units) -> Record {
    let row = Record::new().with("beneficiary", one.beneficiary).amount("issued", one.amount, units);
    row.with("hasCheque", one.cheque.is_some())
}

/// `liabilities`.
pub(crate) async fn liabilities(context: &Context, which: Which) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let book = Book::open(context, &session, which).await?;
        let record = amounts(&book).await?;
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = book.chequebook.issued(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.beneficiary);
            rows.extend(page.iter().map(|one| promised(one, &book.units)));
        }
        Ok(Some(record.with("beneficiaries", Value::Rows(rows))))
    }
    .await;
    show(context, session, result).await
}
