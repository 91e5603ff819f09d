//! What an owner does: end chequebooks.

use std::sync::Arc;

use chequebook_wallet::Owner;

use crate::cli::{
    output::Record,
    owner::{self, OwnerCommand},
    service::{
        method::{Answer, record},
        params::Args,
        state::{Call, State},
    },
    standing::{with_state, with_transaction},
};

async fn command(state: &State, call: &Call, command: OwnerCommand) -> Answer {
    // It is named even if there is only one: nobody ends another one by mistake.
    let address = Args::need("chequebook", call.args.address("chequebook")?)?;
    let request = state.request(call, &[&address], None)?;
    let wallet = &state.session.wallet;
    // After a kill there is no handle any more.
    let transaction = match wallet.transaction_for(&request).await? {
        Some(transaction) => transaction,
        None => command.send(&Owner::open(wallet, address).await?, Some(&request)).await?,
    };
    let done = Record::new().with("chequebook", address).with("action", command.name());
    let done = with_transaction(done, &transaction);
    // It is sent, and that is the answer, whether or not the state is known.
    record(&with_state(done, owner::state(&state.session, address).await.ok()))
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
