//! What the service says of itself, and how a WebSocket shows its token.

use std::sync::Arc;

use crate::cli::{
    output::{Record, Value},
    service::{
        method::{Answer, record},
        params::Args,
        state::{Call, State},
        tokens::SCOPES,
    },
};

pub(crate) async fn status(state: Arc<State>, _call: Call) -> Answer {
    let number = |count: usize| Value::Number(u64::try_from(count).unwrap_or(u64::MAX));
    let wallet = &state.session.wallet;
    let status = Record::new()
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("chainId", wallet.chain_id())
        .with("account", wallet.account())
        .with("asset", state.units.asset().to_string())
        .with("chequebooks", number(state.books.len()))
        .with("openTransactions", number(wallet.open_transactions().len()))
        .with("openInboxes", number(state.cashier.open_inboxes()))
        .with("chainSeen", state.is_chain_seen())
        .with("ready", state.is_not_ready().is_none());
    record(&status)
}

/// From then on the connection may do what the token may.
pub(crate) async fn authenticate(state: Arc<State>, call: Call) -> Answer {
    let text = Args::need("token", call.args.text("token")?)?;
    let token = state.access.show(&call.peer, &text)?;
    let scopes = SCOPES.iter().filter(|(scope, _)| token.scopes.contains(scope)).map(|(_, name)| *name);
    let scopes = scopes.collect::<Vec<_>>().join(",");
    let expires = token.expires.map_or(Value::Nothing, Value::Time);
    record(&Record::new().with("name", token.name.as_str()).with("scopes", scopes).with("expires", expires))
}
