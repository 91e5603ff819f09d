//! What Prometheus is told: what was counted, and how things stand at the moment of the question.

mod figures;
mod listener;
mod told;

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;

use self::told::Told;
use super::{guard::Rules, state::State};

/// Counts events, asks for what a question of Prometheus must not wait for, and answers, until it is dropped.
pub(crate) async fn run(state: Arc<State>, listener: Option<(TcpListener, SocketAddr)>) {
    let told = Arc::new(Told::new(state));
    let mut events = told.state.session.wallet.events();
    let counting = async {
        while let Some(event) = events.next().await {
            told.state.metrics.told(&event);
        }
    };
    let Some((listener, listening)) = listener else { return counting.await };
    let rules = Arc::new(Rules::new(&told.state.options, listening));
    tokio::join!(counting, told.figures.ask(&told.state), listener::serve(Arc::clone(&told), rules, listener));
}
