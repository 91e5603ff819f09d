//! The service: JSON-RPC 2.0 over HTTP and WebSocket, for programs that pay and are paid.

mod access;
mod cheques;
mod command;
mod guard;
mod limits;
mod measured;
mod method;
mod methods;
mod metrics;
mod numbers;
mod openrpc;
mod options;
mod page;
mod params;
mod patient;
mod problem;
mod prometheus;
mod rate;
mod server;
mod shape;
mod state;
mod tokens;

use std::{sync::Arc, time::Duration};

use alloy::primitives::Address;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

pub(crate) use self::command::run as token;
use self::{options::Options, server::Service, state::State, tokens::Tokens};
use super::{
    context::Context,
    exit::{Exit, Failure},
    output::{Record, Value},
};

/// For how long calls that were taken may go on after a signal.
const GRACE: Duration = Duration::from_secs(30);

/// `serve`: ends with a signal, after all calls that were taken.
///
/// # Errors
///
/// If it cannot start.
pub(crate) async fn serve(context: &Context) -> Result<(), Failure> {
    let options = Options::read(context)?;
    check_tokens(context, &options)?;
    let mut signals = Signals::new()?;
    // Before a store is opened for a port that is taken.
    let listen = options.listen;
    let busy = |error| Failure::new(Exit::Failed, format!("listen, {listen}: {error}"));
    let listener = TcpListener::bind(listen).await.map_err(busy)?;
    let listening = listener.local_addr().map_err(busy)?;
    let for_metrics = match options.metrics_listen {
        None => None,
        Some(listen) => {
            let busy = |error| Failure::new(Exit::Failed, format!("metrics_listen, {listen}: {error}"));
            Some(TcpListener::bind(listen).await.map_err(busy)?)
        }
    };
    let opened = tokio::select! {
        opened = State::open(context, options) => opened,
        exit = signals.next() => return Err(Failure::new(exit, exit.name())),
    };
    let state = Arc::new(opened?);
    let served = async {
        let module = methods::module(Arc::clone(&state)).map_err(|error| Failure::new(Exit::Failed, error))?;
        let (service, handle) = Service::new(Arc::clone(&state), module.into(), listening);
        let serving = tokio::spawn(service.run(listener));
        let looking = tokio::spawn({
            let state = Arc::clone(&state);
            async move { state.look().await }
        });
        let metrics = for_metrics.as_ref().map(TcpListener::local_addr).transpose()?;
        let record =
            started(&state, &listening.to_string()).with("metrics", metrics.map(|address| address.to_string()));
        let telling = tokio::spawn(prometheus::run(Arc::clone(&state), for_metrics.zip(metrics)));
        context.out.show(&record)?;
        signals.next().await;
        state.stop();
        context.out.note("stopping: calls that were taken are finished");
        let _ = handle.stop(); // it fails if nobody is left to stop
        let _ = serving.await;
        tokio::select! {
            finished = timeout(GRACE, handle.stopped()) => if finished.is_err() {
                context.out.note("some calls were not finished in time: what was signed goes on when it is started again");
            },
            _ = signals.next() => context.out.note("stopping at once"),
        }
        looking.abort();
        telling.abort();
        Ok(())
    };
    let result = served.await;
    state.session.wallet.shutdown().await;
    result
}

fn started(state: &State, listening: &str) -> Record {
    let books = state.books.keys().map(Address::to_string).collect::<Vec<_>>();
    Record::new()
        .with("event", "listening")
        .with("address", listening)
        .with("account", state.session.wallet.account())
        .with("chequebooks", Value::Json(books.into()))
}

/// Whoever listens to other machines needs tokens: else nobody could call, or everybody.
fn check_tokens(context: &Context, options: &Options) -> Result<(), Failure> {
    let tokens = Tokens::beside(&context.store_path()?).read()?;
    if options.listen.ip().is_loopback() || !tokens.is_empty() {
        return Ok(());
    }
    let message = format!(
        "listen is {}, which other machines reach, and there is no token: make one first (`chequebook token create`), or \
         listen on 127.0.0.1",
        options.listen
    );
    Err(Failure::usage(message))
}

/// The signals that ask the service to stop.
struct Signals(Signal, Signal);

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    /// Waits for the next one.
    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.0.recv() => Exit::Terminated,
            _ = self.1.recv() => Exit::Interrupted,
        }
    }
}
