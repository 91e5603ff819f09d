//! What the owner does: announce the end, take that back, end, and reclaim.

use alloy::primitives::Address;
use chequebook::{ChequebookContract, State};
use chequebook_wallet::{Chequebook, Error as WalletError, Owner, Request, Transaction};

use super::{
    args::{OwnerArgs, Which},
    context::{Context, OpenStore, Session},
    exit::Failure,
    once::sent_before,
    output::Record,
    payer::show,
    standing::with_state,
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

    /// Sends it, for a request once.
    ///
    /// # Errors
    ///
    /// Those of the wallet.
    pub(crate) async fn send(self, owner: &Owner, request: Option<&Request>) -> Result<Transaction, WalletError> {
        match (self, request) {
            (Self::Announce, None) => owner.announce_kill().await,
            (Self::Announce, Some(request)) => owner.announce_kill_for(request).await,
            (Self::Cancel, None) => owner.cancel_kill().await,
            (Self::Cancel, Some(request)) => owner.cancel_kill_for(request).await,
            (Self::Kill, None) => owner.kill().await,
            (Self::Kill, Some(request)) => owner.kill_for(request).await,
        }
    }
}

/// `announce-kill`, `cancel-kill` and `kill`.
pub(crate) async fn run(context: &Context, command: OwnerCommand, args: &OwnerArgs) -> Result<(), Failure> {
    context.check_wait()?;
    // The owner need not have a store of the payer's.
    let session = context.open(OpenStore::OrCreate).await?;
    let result = async {
        let address = context.which(&session, args.which).await?;
        let request = args.once.request(&[&command.name(), &address])?;
        let done = Record::new().with("chequebook", address).with("action", command.name());
        // After a kill there is no handle any more.
        if let Some(transaction) = sent_before(&session, request.as_ref()).await? {
            let done = context.finish(&transaction, done).await?;
            return Ok(Some(with_state(done, state(&session, address).await?)));
        }
        let owner = Owner::open(&session.wallet, address).await?;
        let plan = plan(context, &session, &owner, command).await?;
        if !context.consent(&plan).await? {
            return Ok(None);
        }
        let transaction = command.send(&owner, request.as_ref()).await?;
        let done = context.finish(&transaction, done).await?;
        Ok(Some(with_state(done, owner.state().await?)))
    }
    .await;
    show(context, session, result).await
}

/// The state of a chequebook of which there may be no handle any more.
///
/// # Errors
///
/// If the factory did not create it, or the node does not answer.
pub(crate) async fn state(session: &Session, address: Address) -> Result<State, Failure> {
    let asset = ChequebookContract::record(&session.provider, address).await?.map(|known| known.form.asset());
    let asset = asset.ok_or(chequebook::Error::Unproven { contract: address })?;
    match ChequebookContract::at(session.provider.clone(), address, asset).await {
        Ok(contract) => Ok(contract.state().await?),
        Err(chequebook::Error::Dead { .. }) => Ok(State::Dead),
        Err(error) => Err(error.into()),
    }
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

/// `reclaim`: what a dead token chequebook received since. One that is under way is waited for, and not sent again.
pub(crate) async fn reclaim(context: &Context, which: Which) -> Result<(), Failure> {
    context.check_wait()?;
    let session = context.open(OpenStore::OrCreate).await?;
    let result = async {
        let address: Address = context.which(&session, which).await?;
        let record = ChequebookContract::record(&session.provider, address).await?;
        let asset = record.ok_or(chequebook::Error::Unproven { contract: address })?.form.asset();
        let contract = ChequebookContract::at(session.provider.clone(), address, asset).await?;
        let units = context.units(asset, &session.provider).await?;
        let done = Record::new().with("chequebook", address).with("action", "reclaim");
        let done = done.with("to", contract.terms().owner);
        let plan = done.clone().amount("balance", contract.balance().await?, &units);
        if !context.consent(&with_state(plan, contract.state().await?)).await? {
            return Ok(None);
        }
        let transaction = Owner::reclaim(&session.wallet, address).await?;
        context.finish(&transaction, done).await.map(Some)
    }
    .await;
    show(context, session, result).await
}
