//! Backups: export, import, and what a payer does before it issues again.

use std::{collections::BTreeSet, fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use alloy::primitives::Address;
use chequebook_wallet::{Backup, Chequebook, Error as WalletError, Store, StoreError};

use super::{
    args::Recover,
    balance::amounts,
    context::{Context, OpenStore},
    exit::{Exit, Failure},
    files,
    output::{Record, Value},
    payer::{Book, show},
    unrecovered::Unrecovered,
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
    let books: BTreeSet<_> = books.filter_map(|book| book.get("contract")?.as_str()?.parse::<Address>().ok()).collect();

    let store = context.store(OpenStore::OrCreate)?;
    import_into(&store, &backup, &context.unrecovered()?, &books).await?;
    let rows = books.into_iter().map(|book| Record::new().with("chequebook", book)).collect();
    let note = "recover each chequebook before it issues";
    context
        .out
        .show(&Record::new().with("status", "imported").with("next", note).with("unrecovered", Value::Rows(rows)))
}

/// Imports, and notes that these chequebooks are to be recovered.
async fn import_into(
    store: &impl Store,
    backup: &Backup,
    unrecovered: &Unrecovered,
    books: &BTreeSet<Address>,
) -> Result<(), Failure> {
    // Before the import, so that there is no moment in which somebody could issue.
    let before = unrecovered.read()?;
    unrecovered.write(&before.union(books).copied().collect())?;
    match backup.import(store).await {
        Ok(()) => Ok(()),
        Err(error) if is_unwritten(&error) => {
            // A store that was not empty keeps what it remembered.
            unrecovered.write(&before)?;
            Err(error.into())
        }
        Err(error) => {
            let doubt = "whether the backup was imported is not known, so that its chequebooks are to be recovered";
            Err(Failure::from(error).during(doubt))
        }
    }
}

/// Whether an import that failed has certainly written nothing. A commit that failed can be durable all the same.
const fn is_unwritten(error: &WalletError) -> bool {
    matches!(error, WalletError::Store(StoreError::UnknownFormat { .. })) || !matches!(error, WalletError::Store(_))
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

#[cfg(test)]
mod tests {
    use std::io;

    use async_trait::async_trait;
    use chequebook_wallet::store::{Change, Conflict, Entry, Key, Memory, TABLES, Table};
    use serde_json::json;

    use super::*;

    /// A store that commits, and says that it has failed.
    struct Doubtful(Memory);

    #[async_trait]
    impl Store for Doubtful {
        async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(key).await
        }

        async fn page(
            &self,
            table: Table,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Result<Vec<Entry>, StoreError> {
            self.0.page(table, prefix, after, limit).await
        }

        async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
            self.0.commit(changes).await?;
            Err(StoreError::Io { path: "store".into(), source: io::Error::other("no answer").into() })
        }
    }

    async fn is_empty(store: &impl Store) -> bool {
        for table in TABLES {
            if !store.page(*table, &[], None, 1).await.unwrap().is_empty() {
                return false;
            }
        }
        true
    }

    #[tokio::test]
    async fn after_an_import_that_may_be_there_nothing_is_issued() {
        let directory = tempfile::tempdir().unwrap();
        let unrecovered = Unrecovered::beside(&directory.path().join("a.redb"));
        let [old, new] = [1, 2].map(Address::repeat_byte);
        let backup = json!({
            "format": 5,
            "chainId": 31_337,
            "genesis": format!("0x{}", "11".repeat(32)),
            "chequebooks": [{"contract": new, "signer": old, "creation": null, "scanFrom": null, "issued": []}],
            "received": [],
            "transactions": [],
        });
        let mut backup: Backup = serde_json::from_value(backup).unwrap();
        unrecovered.write(&[old].into()).unwrap();

        // It is in the store, whatever the store says.
        let store = Doubtful(Memory::new());
        let failure = import_into(&store, &backup, &unrecovered, &[new].into()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Store);
        assert!(!is_empty(&store).await);
        assert_eq!(unrecovered.read().unwrap(), [old, new].into());

        // A store that has something is not written to, and no more is a backup of a format that nobody knows.
        unrecovered.write(&[old].into()).unwrap();
        let failure = import_into(&store.0, &backup, &unrecovered, &[new].into()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::NotPossible);
        assert_eq!(unrecovered.read().unwrap(), [old].into());
        let mut json = serde_json::to_value(&backup).unwrap();
        json["format"] = json!(99);
        backup = serde_json::from_value(json).unwrap();
        let store = Memory::new();
        let failure = import_into(&store, &backup, &unrecovered, &[new].into()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Store);
        assert!(is_empty(&store).await);
        assert_eq!(unrecovered.read().unwrap(), [old].into());
    }
}
