//! The subscription of what happens.

use std::sync::Arc;

use jsonrpsee::{Extensions, PendingSubscriptionSink, server::SubscriptionMessage, types::ErrorObjectOwned};

use crate::cli::service::{
    access::Peer,
    method::value,
    problem::{Problem, Refusal},
    state::State,
    tokens::Scope,
};

/// Tells events until the other side has enough, its token counts no more, or the wallet ends. An event has no signature.
pub(crate) async fn subscribe(state: Arc<State>, pending: PendingSubscriptionSink, extensions: Extensions) {
    let peer = extensions.get::<Peer>().cloned();
    let admitted = match &peer {
        Some(peer) => state.access.admits(peer, Some(Scope::Read)),
        None => Err(Problem::new(Refusal::Denied, "who calls is not known")),
    };
    let (Some(peer), Ok(_)) = (peer, admitted.as_ref()) else {
        if let Err(problem) = admitted {
            pending.reject(ErrorObjectOwned::from(problem)).await;
        }
        return;
    };
    let mut events = state.session.wallet.events(); // before the answer: nothing after it is missed
    let Ok(sink) = pending.accept().await else { return };
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sink.closed() => return,
        };
        let Some(event) = event else { return };
        if state.access.allows(&peer, Some(Scope::Read)).is_err() {
            return;
        }
        let Ok(message) = value(&event) else { return };
        if sink.send(SubscriptionMessage::from(message)).await.is_err() {
            return;
        }
    }
}
