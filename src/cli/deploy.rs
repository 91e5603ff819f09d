//! `deploy`: factory and clearing house, where a chain lacks them.

use chequebook::{clearing_house, factory};
use chequebook_wallet::{Purpose, Status};

use super::{
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    output::{Record, Value},
    standing::with_transaction,
    verify::{Code, code},
};

/// `deploy`. A deployment that is under way is waited for, and not sent again.
pub(crate) async fn deploy(context: &Context) -> Result<(), Failure> {
    context.check_wait()?;
    let node = context.chain().await?;
    let mut record = Record::new().with("action", "deploy");
    let mut is_missing = false;
    for (name, contract) in [("factory", factory()), ("clearingHouse", clearing_house())] {
        match code(&node, contract).await? {
            Code::Other => {
                return Err(Failure::new(Exit::WrongChain, format!("{contract} has other code than the {name}")));
            }
            Code::Missing => is_missing = true,
            Code::Ours => {}
        }
        record = record.with(name, contract);
    }
    if !is_missing {
        let record = record.with("status", "thereAlready");
        return context.out.show(&record.with("transactions", Value::Rows(Vec::new())));
    }
    let session = context.open(OpenStore::OrCreate).await?;
    let result = send(context, &session, record).await;
    session.close().await;
    result?.map_or(Ok(()), |record| context.out.show(&record))
}

async fn send(context: &Context, session: &Session, record: Record) -> Result<Option<Record>, Failure> {
    if !context.consent(&record.clone().with("account", session.account.address())).await? {
        return Ok(None);
    }
    let (mut rows, mut is_done) = (Vec::new(), true);
    for transaction in session.wallet.factory().deploy().await? {
        let row = Record::new().with(
            "contract",
            match transaction.purpose() {
                Purpose::Deploy { contract } => Some(contract),
                _ => None,
            },
        );
        context.finish(&transaction, Record::new()).await?;
        is_done &= matches!(transaction.status(), Status::Included { success: true, .. } | Status::Confirmed { .. });
        rows.push(with_transaction(row, &transaction));
    }
    let record = record.with("status", if is_done { "deployed" } else { "sent" });
    Ok(Some(record.with("transactions", Value::Rows(rows))))
}
