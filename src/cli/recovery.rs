//! Backups: export, import, and what a payer does before it issues again.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use alloy::primitives::Address;
use chequebook_wallet::{Backup, Chequebook, Error as WalletError};

use super::{
    args::Recover,
    balance::amounts,
    context::{Context, OpenStore},
    exit::{Exit, Failure},
    files,
    output::{Record, Value},
    payer::{Book, show},
};

/// `export`.
pub(crate) async fn export(context: &Context, path: &Path) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let exported = Backup::export(&session.wallet).await;
    session.close().await;
    let mut json = serde_json::to_string_pretty(&exported?).map_err(|error| Failure::new(Exit::Failed, error))?;
    json.push('\n');
    if path == Path::new("-") {
        return context.out.text(&json);
    }
    // It contains cheques: nobody else may read it, and no older backup is lost for it.
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = written.and_then(|mut file| file.write_all(json.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
    let bytes = u64::try_from(json.len()).unwrap_or(u64::MAX);
    context.out.show(&Record::new().with("file", path.display().to_string()).with("bytes", bytes))
}

/// `import`: needs no node and no key.
pub(crate) async fn import(context: &Context, path: &Path) -> Result<(), Failure> {
    context.profile()?;
    let bytes = files::read_all(path)?;
    let wrong = |error: serde_json::Error| Failure::from(WalletError::BadBackup { reason: error.to_string() });
    let backup: Backup = serde_json::from_slice(&bytes).map_err(wrong)?;
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(wrong)?;
    let id = json.get("chainId").and_then(serde_json::Value::as_u64);
    let expected = context.profile()?.id;
    if id != Some(expected) {
        let found = id.map_or("none".to_owned(), |id| id.to_string());
        return Err(Failure::new(Exit::WrongChain, format!("the backup is of chain {found}, expected {expected}")));
    }
    let books = json.get("chequebooks").and_then(serde_json::Value::as_array).into_iter().flatten();
    let books = books.filter_map(|book| book.get("contract")?.as_str()?.parse::<Address>().ok()).collect();

    let store = context.store(OpenStore::OrCreate)?;
    // Before the import, so that there is no moment in which somebody could issue. A store that was not empty keeps what
    // it remembered.
    let unrecovered = context.unrecovered()?;
    let before = unrecovered.read()?;
    unrecovered.write(&before.union(&books).copied().collect())?;
    if let Err(error) = backup.import(&store).await {
        unrecovered.write(&before)?;
        return Err(error.into());
    }
    let rows = books.into_iter().map(|book| Record::new().with("chequebook", book)).collect();
    let note = "recover each chequebook before it issues";
    context
        .out
        .show(&Record::new().with("status", "imported").with("next", note).with("unrecovered", Value::Rows(rows)))
}

/// `recover`.
pub(crate) async fn recover(context: &Context, args: Recover) -> Result<(), Failure> {
    if args.cheques.is_empty() && !args.nothing_issued {
        let message = "expected the cheques issued since the backup, or --nothing-issued to affirm that there are none";
        return Err(Failure::usage(message));
    }
    let creation = args.creation.as_deref().map(files::creation).transpose()?;
    let mut cheques = Vec::new();
    for path in &args.cheques {
        let mut all = files::cheques(path)?;
        while let Some(cheque) = all.recv().await {
            cheques.push(cheque?);
        }
    }
    if cheques.is_empty() && !args.nothing_issued {
        return Err(Failure::new(Exit::BadCheque, "no cheque was there: if none was issued, say --nothing-issued"));
    }
    let count = u64::try_from(cheques.len()).unwrap_or(u64::MAX);
    let session = context.open(OpenStore::OrCreate).await?;
    let result = async {
        let contract = context.which(&session, args.which).await?;
        let plan = Record::new().with("action", "recover").with("chequebook", contract).with("cheques", count);
        let plan = plan.with("warning", "what was issued and is not among these cheques is promised a second time");
        // Who affirms must do so; whoever brings cheques has said enough.
        if (args.nothing_issued || context.dry_run()) && !context.consent(&plan).await? {
            return Ok(None);
        }
        let (wallet, signer) = (&session.wallet, context.signer(&session.account).await?);
        let bar = context.progress("reading what the chequebook paid", None);
        let chequebook = match creation {
            Some(creation) if creation.address(wallet.chain_id())? == contract => {
                Chequebook::recover_of(wallet, &creation, signer, cheques).await?
            }
            Some(_) => {
                let message = format!("the creation is not that of chequebook {contract}");
                return Err(Failure::new(Exit::NotPossible, message));
            }
            None => Chequebook::recover(wallet, contract, signer, cheques).await?,
        };
        bar.finish_and_clear();
        context.unrecovered()?.recovered(contract)?;
        let units = context.units(chequebook.terms().form.asset(), &session.provider).await?;
        amounts(&Book { chequebook, units }).await.map(Some)
    }
    .await;
    show(context, session, result).await
}
