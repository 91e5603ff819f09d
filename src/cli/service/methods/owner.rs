//! What an owner does: end chequebooks.

use std::sync::Arc;

use chequebook_wallet::{Owner, Request, Transaction};

use crate::cli::{
    output::{Record, Value},
    owner::{self, OwnerCommand, with_state},
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
    let wallet = &state.session.wallet;
    // After a kill there is no handle any more.
    let transaction = match wallet.transaction_for(&request).await? {
        Some(transaction) => transaction,
        None => send(&Owner::open(wallet, address).await?, command, &request).await?,
    };
    let done = Record::new().with("chequebook", address).with("action", command.name());
    let done = with_transaction(done, &transaction);
    record(&match owner::state(&state.session, address).await {
        Ok(state) => with_state(done, state),
        // It is sent, and that is the answer.
        Err(_) => done.with("state", Value::Nothing).with("killableAt", Value::Nothing),
    })
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
