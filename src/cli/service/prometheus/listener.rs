//! Where Prometheus asks: an address of its own, which answers nothing else.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::told::Told;
use crate::cli::service::guard::{Refused, Rules};

/// How many may ask at once, and for how long a connection may stay.
const PLACES: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);
const STAY: Duration = Duration::from_secs(300);
/// How long to wait if no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(100);
const FORMAT: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Answers until it is dropped.
pub(super) async fn serve(told: Arc<Told>, rules: Arc<Rules>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(PLACES));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (told, rules) = (Arc::clone(&told), Arc::clone(&rules));
        tokio::spawn(async move {
            // A connection that breaks is the other side's concern.
            let _ = timeout(STAY, connection(told, rules, stream)).await;
            drop(place);
        });
    }
}

async fn connection(told: Arc<Told>, rules: Arc<Rules>, stream: TcpStream) -> hyper::Result<()> {
    let answer = service_fn(move |request| {
        let answer = answer(&told, &rules, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    connection.serve_connection(TokioIo::new(stream), answer).await
}

fn answer(told: &Told, rules: &Rules, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let is_asked = request.method() == Method::GET && request.uri().path() == "/metrics";
    let (status, text) = match rules.check_metrics(request.uri(), request.headers()) {
        Err(Refused(status, message)) => (status, message + "\n"),
        Ok(()) if is_asked => (StatusCode::OK, told.text()),
        Ok(()) => (StatusCode::NOT_FOUND, "expected GET /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::OK {
        headers.insert(CONTENT_TYPE, FORMAT);
    }
    response
}
