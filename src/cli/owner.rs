//! What the owner does: announce the end, take that back, end, and reclaim.

use alloy::primitives::Address;
use chequebook::{ChequebookContract, State};
use chequebook_wallet::{Chequebook, Owner, Transaction};

use super::{
    args::Which,
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    output::{Record, Value},
    payer::show,
};

/// A command of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnerCommand {
    Announce,
    Cancel,
    Kill,
}

impl OwnerCommand {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Announce => "announceKill",
            Self::Cancel => "cancelKill",
            Self::Kill => "kill",
        }
    }
}

/// `announce-kill`, `cancel-kill` and `kill`.
pub(crate) async fn run(context: &Context, command: OwnerCommand, which: Which) -> Result<(), Failure> {
    context.check_wait()?;
    // The owner need not have a store of the payer's.
    let session = context.open(OpenStore::OrCreate).await?;
    let result = async {
        let address = context.which(&session, which).await?;
        let owner = Owner::open(&session.wallet, address).await?;
        let plan = plan(context, &session, &owner, command).await?;
        if !context.consent(&plan).await? {
            return Ok(None);
        }
        let transaction: Transaction = match command {
            OwnerCommand::Announce => owner.announce_kill().await?,
            OwnerCommand::Cancel => owner.cancel_kill().await?,
            OwnerCommand::Kill => owner.kill().await?,
        };
        let done = Record::new().with("chequebook", address).with("action", command.name());
        let done = context.finish(&transaction, done).await?;
        Ok(Some(with_state(done, owner.state().await?)))
    }
    .await;
    show(context, session, result).await
}

/// What would be done, and whom it harms.
async fn plan(context: &Context, session: &Session, owner: &Owner, command: OwnerCommand) -> Result<Record, Failure> {
    let address = owner.address();
    let terms = owner.terms();
    let units = context.units(terms.form.asset(), &session.provider).await?;
    let record = Record::new()
        .with("action", command.name())
        .with("chequebook", address)
        .with("owner", terms.owner)
        .with("noticeSeconds", u64::from(terms.notice_period));
    let record = with_state(record, owner.state().await?);
    let balance = ChequebookContract::at(session.provider.clone(), address, terms.form.asset()).await;
    let record = match balance {
        Ok(contract) => record.amount("balance", contract.balance().await?, &units),
        Err(chequebook::Error::NoCode { .. }) => record, // it is not created
        Err(error) => return Err(error.into()),
    };
    // Only the wallet that signs the cheques knows what payees would lose.
    if !session.wallet.chequebooks().await?.contains(&address) {
        return Ok(record.with("liabilities", "not known: this store has no record of its cheques"));
    }
    let signer = context.signer(&session.account).await?;
    if signer.address() != terms.effective_signer() {
        return Ok(record.with("liabilities", "not known: the key of its cheques is not here"));
    }
    let book = Chequebook::open(&session.wallet, address, signer).await?;
    Ok(record.amount("liabilities", book.balance().await?.liabilities(), &units))
}

/// Adds the state of a chequebook.
pub(crate) fn with_state(record: Record, state: State) -> Record {
    let (name, killable_at) = match state {
        State::NotDeployed => ("notCreated", None),
        State::Alive => ("alive", None),
        State::Ending { killable_at } => ("ending", Some(Value::Time(killable_at))),
        State::Dead => ("dead", None),
    };
    record.with("state", name).with("killableAt", killable_at.unwrap_or(Value::Nothing))
}

/// `reclaim`: a transaction that the wallet does not know, and so sends only if none of its own is under way.
pub(crate) async fn reclaim(context: &Context, which: Which) -> Result<(), Failure> {
    let session = context.open(OpenStore::OrCreate).await?;
    let result = async {
        let address: Address = context.which(&session, which).await?;
        let record = ChequebookContract::record(&session.provider, address).await?;
        let record = record.ok_or(chequebook::Error::Unproven { contract: address })?;
        let asset = record.form.asset();
        let contract = ChequebookContract::at(session.direct(&session.provider)?, address, asset).await?;
        let units = context.units(asset, &session.provider).await?;
        let (owner, account) = (contract.terms().owner, session.account.address());
        if owner != account {
            let message = format!("account is {account}, expected {owner}, the owner of chequebook {address}");
            return Err(Failure::new(Exit::NotPossible, message));
        }
        let plan = Record::new().with("action", "reclaim").with("chequebook", address).with("to", account);
        let plan = with_state(plan.amount("balance", contract.balance().await?, &units), contract.state().await?);
        if !context.consent(&plan).await? {
            return Ok(None);
        }
        let receipt = contract.reclaim().await?.get_receipt().await.map_err(chequebook::Error::from)?;
        if !receipt.status() {
            return Err(chequebook::Error::Reverted { hash: receipt.transaction_hash }.into());
        }
        Ok(Some(plan.with("transaction", receipt.transaction_hash).with("block", receipt.block_number)))
    }
    .await;
    show(context, session, result).await
}
