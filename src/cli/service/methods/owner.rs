//! What an owner does: end chequebooks.

use std::sync::Arc;

use chequebook_wallet::{Owner, Request, Transaction};

use crate::cli::{
    output::Record,
    owner::{OwnerCommand, with_state},
    service::{
        method::{Answer, record},
        params::Args,
        problem::Problem,
        state::{Call, State},
    },
    standing::with_transaction,
};

async fn command(state: &State, call: &Call, command: OwnerCommand) -> Answer {
    // It is named even if there is only one: nobody ends another one by mistake.
    let address = Args::need("chequebook", call.args.address("chequebook")?)?;
    let request = state.request(call, &[&address], None)?;
    let owner = Owner::open(&state.session.wallet, address).await?;
    let transaction = send(&owner, command, &request).await?;
    let done = Record::new().with("chequebook", address).with("action", command.name());
    record(&with_state(with_transaction(done, &transaction), owner.state().await?))
}

async fn send(owner: &Owner, command: OwnerCommand, request: &Request) -> Result<Transaction, Problem> {
    Ok(match command {
        OwnerCommand::Announce => owner.announce_kill_for(request).await?,
        OwnerCommand::Cancel => owner.cancel_kill_for(request).await?,
        OwnerCommand::Kill => owner.kill_for(request).await?,
    })
}

pub(crate) async fn announce_kill(state: Arc<State>, call: Call) -> Answer {
    command(&state, &call, OwnerCommand::Announce).await
}

pub(crate) async fn cancel_kill(state: Arc<State>, call: Call) -> Answer {
    command(&state, &call, OwnerCommand::Cancel).await
}

pub(crate) async fn kill(state: Arc<State>, call: Call) -> Answer {
    command(&state, &call, OwnerCommand::Kill).await
}
