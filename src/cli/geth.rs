//! What go-ethereum's chequebook of 2016 left: its cheques, which can still be cashed, and its file of promises.

use alloy::{primitives::Address, providers::DynProvider};
use chequebook::{
    Cheque, Overdraft, SignedCheque,
    geth::{ChequebookFile, OriginalChequebook, ReadError, read_cheque, read_chequebook},
};

use super::{
    amount::Units,
    args::ImportGeth,
    context::{Context, OpenStore},
    exit::{Exit, Failure},
    files,
    output::{Record, Value},
    payer::{print_cheque, show},
};

/// `import-geth`.
pub(crate) async fn import(context: &Context, args: ImportGeth) -> Result<(), Failure> {
    let bytes = files::read_all(&args.file)?;
    let chain = context.profile()?.id;
    match (read_cheque(&bytes, chain), read_chequebook(&bytes)) {
        (Ok(cheque), _) if args.cash => cash(context, &cheque, args.allow_overdraft).await,
        (Ok(cheque), _) => print_cheque(context, &cheque),
        (Err(_), Ok(file)) if !args.cash => promises(context, &file).await,
        (Err(_), Ok(_)) => Err(Failure::usage("this is the file of a chequebook, and --cash needs a cheque")),
        (Err(cheque), Err(file)) => {
            let message = format!(
                "{}: no cheque ({}), and no file of a chequebook ({})",
                args.file.display(),
                say(&cheque),
                say(&file)
            );
            Err(Failure::new(Exit::BadCheque, message))
        }
    }
}

fn say(error: &ReadError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Whether the code of a contract may be any.
fn accept_unproven(context: &Context) -> Result<bool, Failure> {
    Ok(context.settings.get("accept_unproven")?.unwrap_or_default())
}

/// The contract: with the code that go-ethereum deployed, or with any, if the settings accept what is unproven.
async fn original(
    context: &Context,
    node: DynProvider,
    contract: Address,
) -> Result<OriginalChequebook<DynProvider>, Failure> {
    if accept_unproven(context)? {
        return Ok(OriginalChequebook::at_unproven(node, contract).await?);
    }
    Ok(OriginalChequebook::at(node, contract).await?)
}

/// What the file promises, beside what the chain shows as paid. The contract of 2016 cannot be continued by this program:
/// its payees cash what they hold.
async fn promises(context: &Context, file: &ChequebookFile) -> Result<(), Failure> {
    let node = context.chain().await?;
    let book = original(context, node, file.contract).await?;
    let mut rows = Vec::new();
    for (beneficiary, promised) in &file.promised {
        let sent = book.sent(*beneficiary).await?;
        let row = Record::new().with("beneficiary", *beneficiary).amount("promised", *promised, &Units::ETHER);
        rows.push(row.amount("sent", sent, &Units::ETHER).amount("owed", promised.saturating_sub(sent), &Units::ETHER));
    }
    let record = Record::new().with("contract", file.contract).with("owner", book.owner());
    let record = record.amount("availableThen", file.available, &Units::ETHER);
    let record = record.amount("balance", book.balance().await?, &Units::ETHER);
    context.out.show(&record.with("beneficiaries", Value::Rows(rows)))
}

/// Cashes a cheque of 2016. A cash that is under way is waited for, and not sent again.
async fn cash(context: &Context, cheque: &SignedCheque, allow_overdraft: bool) -> Result<(), Failure> {
    context.check_wait()?;
    let overdraft = if allow_overdraft { Overdraft::Consent } else { Overdraft::Refuse };
    let session = context.open(OpenStore::OrCreate).await?;
    let result = async {
        let Cheque { contract, beneficiary, .. } = *cheque.cheque();
        let pays = original(context, session.provider.clone(), contract).await?.payable(cheque, overdraft).await?;
        let plan =
            Record::new().with("action", "cashOriginal").with("contract", contract).with("beneficiary", beneficiary);
        let plan = plan.amount("pays", pays, &Units::ETHER).with("allowOverdraft", allow_overdraft);
        if !context.consent(&plan).await? {
            return Ok(None);
        }
        let accept_unproven = accept_unproven(context)?;
        let transaction = session.wallet.cashing().cash_original(cheque, overdraft, accept_unproven).await?;
        context.finish(&transaction, plan).await.map(Some)
    }
    .await;
    show(context, session, result).await
}
