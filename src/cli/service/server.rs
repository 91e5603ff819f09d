//! Connections: how many, how long they may take, and what each request leads to.

use std::{
    convert::Infallible,
    net::{Shutdown, SocketAddr},
    os::fd::AsFd,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL,
        CONTENT_TYPE, HeaderValue, UPGRADE, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
    http::request::Parts,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioTimer;
use jsonrpsee::server::{
    BatchRequestConfig, HttpBody, Methods, PingConfig, Server, ServerConfig, ServerHandle, StopHandle, stop_channel,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tower::{Service as _, layer::util::Identity};

use super::{
    access::Peer,
    guard::{Asked, Refused, Rules, is_local, token},
    methods,
    options::Options,
    page,
    patient::Patient,
    problem::Problem,
    state::State,
    tokens::Scope,
};

type Rpc = jsonrpsee::server::TowerServiceBuilder<Identity, Identity>;

/// The longest answer, in bytes: a page of a thousand rows has less.
const MAX_ANSWER: u32 = 4 * 1_024 * 1_024;
/// How many subscriptions a WebSocket has at most.
const MAX_SUBSCRIPTIONS: u32 = 16;
/// How many answers wait for a WebSocket that does not read.
const MAX_WAITING: u32 = 256;
/// How often a WebSocket must show that it is there, and for how long it may fail to.
const PING: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);
/// How long to wait if no connection can be accepted, as when all files are in use.
const PAUSE: Duration = Duration::from_millis(100);

/// The other end of a connection.
struct End {
    address: SocketAddr,
    place: Arc<OwnedSemaphorePermit>,
    /// Its socket once more, to cut it.
    line: Arc<std::net::TcpStream>,
}

/// What serves connections.
pub(crate) struct Service {
    state: Arc<State>,
    rules: Rules,
    rpc: Rpc,
    methods: Methods,
    places: Arc<Semaphore>,
    stop: StopHandle,
}

impl Service {
    pub(crate) fn new(state: Arc<State>, methods: Methods, listening: SocketAddr) -> (Self, ServerHandle) {
        let Options { max_body, max_batch, max_connections, .. } = state.options;
        let config = ServerConfig::builder()
            .max_request_body_size(max_body)
            .max_response_body_size(MAX_ANSWER)
            .max_connections(max_connections)
            .max_subscriptions_per_connection(MAX_SUBSCRIPTIONS)
            .set_message_buffer_capacity(MAX_WAITING)
            .set_batch_request_config(BatchRequestConfig::Limit(max_batch))
            .enable_ws_ping(PingConfig::new().ping_interval(PING).inactive_limit(SILENCE))
            .build();
        let rpc = Server::builder().set_config(config).to_service_builder();
        let places = Arc::new(Semaphore::new(usize::try_from(max_connections).unwrap_or(Semaphore::MAX_PERMITS)));
        let (stop, handle) = stop_channel();
        (Self { rules: Rules::new(&state.options, listening), state, rpc, methods, places, stop }, handle)
    }

    /// Accepts connections until the service stops.
    pub(crate) async fn run(self, listener: TcpListener) {
        let this = Arc::new(self);
        let mut stopped = pin!(this.stop.clone().shutdown());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopped => return,
            };
            let Ok((stream, address)) = accepted else {
                sleep(PAUSE).await;
                continue;
            };
            // Who comes when all places are taken is turned away: to wait would keep everybody out.
            let Ok(place) = Arc::clone(&this.places).try_acquire_owned() else { continue };
            let _ = stream.set_nodelay(true); // it is only faster
            tokio::spawn(Arc::clone(&this).connection(stream, address, Arc::new(place)));
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr, place: Arc<OwnedSemaphorePermit>) {
        let Ok(line) = stream.as_fd().try_clone_to_owned() else { return };
        let line = Arc::new(std::net::TcpStream::from(line));
        let (limit, stopped) = (self.state.options.read_timeout, self.stop.clone().shutdown());
        let rpc = self.rpc.clone().build(self.methods.clone(), self.stop.clone());
        let answer = service_fn(|request| {
            let end = End { address, place: Arc::clone(&place), line: Arc::clone(&line) };
            let (this, rpc) = (Arc::clone(&self), rpc.clone());
            async move { Ok::<_, Infallible>(this.answer(request, end, rpc).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limit)
            .serve_connection(Patient::new(stream, limit), answer)
            .with_upgrades();
        let mut connection = pin!(connection);
        // A connection that breaks is the other side's concern.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = stopped => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        end: End,
        rpc: jsonrpsee::server::TowerService<Identity, Identity>,
    ) -> Response<HttpBody> {
        let origin = self.rules.origin(request.headers()).cloned();
        let mut response = match self.try_answer(request, end, rpc).await {
            Ok(response) => response,
            Err(Refused(status, message)) => refusal(status, message),
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        response
    }

    async fn try_answer(
        &self,
        request: Request<Incoming>,
        end: End,
        mut rpc: jsonrpsee::server::TowerService<Identity, Identity>,
    ) -> Result<Response<HttpBody>, Refused> {
        let (mut head, body) = request.into_parts();
        let asked = self.rules.check(&head)?;
        match asked {
            Asked::Preflight => return Ok(preflight()),
            Asked::Page => return self.page(&head),
            Asked::Calls | Asked::WebSocket => {}
        }
        let shown = token(&head.headers)?;
        if let Some(hash) = shown {
            // Each call asks again: this only tells somebody with a wrong one at once.
            let denied = |problem: Problem| Refused(StatusCode::UNAUTHORIZED, problem.message().to_owned());
            self.state.access.token(hash).map_err(denied)?;
        }
        let peer = Peer::new(end.address.ip(), is_local(&head, end.address), shown, end.place);
        let body = match asked {
            Asked::Calls => {
                head.headers.remove(UPGRADE); // only what asks for a WebSocket gets one
                HttpBody::from(self.body(&head.headers, body).await?)
            }
            _ => {
                self.wait_for_token(&peer, end.line);
                HttpBody::new(body)
            }
        };
        head.extensions.insert(peer);
        let answered = rpc.call(Request::from_parts(head, body)).await;
        answered.map_err(|_| Refused(StatusCode::INTERNAL_SERVER_ERROR, "the call could not be answered".to_owned()))
    }

    /// Cuts the line of a WebSocket that may do nothing, unless it shows a token in time: strangers hold no places.
    fn wait_for_token(&self, peer: &Peer, line: Arc<std::net::TcpStream>) {
        let may = |state: &State, peer: &Peer| peer.has_shown() || state.access.allows(peer, Some(Scope::Read)).is_ok();
        if may(&self.state, peer) {
            return;
        }
        let (state, peer, limit) = (Arc::clone(&self.state), peer.clone(), self.state.options.read_timeout);
        tokio::spawn(async move {
            sleep(limit).await;
            if !may(&state, &peer) {
                let _ = line.shutdown(Shutdown::Both); // it may be gone
            }
        });
    }

    /// Reads a body, which may be neither long nor slow.
    async fn body(&self, headers: &HeaderMap, body: Incoming) -> Result<Vec<u8>, Refused> {
        let Options { max_body, read_timeout, .. } = self.state.options;
        let max = usize::try_from(max_body).unwrap_or(usize::MAX);
        let too_long =
            || Refused(StatusCode::PAYLOAD_TOO_LARGE, format!("body is too long, expected at most {max} bytes"));
        let said =
            headers.get(hyper::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if said.is_some_and(|length| length > max) {
            return Err(too_long());
        }
        match timeout(read_timeout, Limited::new(body, max).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(_)) => Err(Refused(StatusCode::BAD_REQUEST, "body could not be read".to_owned())),
            Err(_) => {
                let message = format!("body did not come within {read_timeout:?}");
                Err(Refused(StatusCode::REQUEST_TIMEOUT, message))
            }
        }
    }

    /// What is read, and calls nothing.
    fn page(&self, head: &Parts) -> Result<Response<HttpBody>, Refused> {
        match head.uri.path() {
            "/healthz" => Ok(text(StatusCode::OK, "ok".to_owned())),
            "/readyz" => Ok(match self.state.is_not_ready() {
                None => text(StatusCode::OK, "ready".to_owned()),
                Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, why.to_owned()),
            }),
            "/openrpc.json" => {
                let mut response = Response::new(HttpBody::from(methods::document().to_string()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok(response)
            }
            path => {
                page::answer(path).ok_or_else(|| Refused(StatusCode::NOT_FOUND, "there is nothing here".to_owned()))
            }
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::from(text + "\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn refusal(status: StatusCode, message: String) -> Response<HttpBody> {
    let mut response = text(status, message);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Says what a page of an origin that is allowed may send.
fn preflight() -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    response
}
