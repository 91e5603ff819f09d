//! The way of a request to a node, and of the answer back. Each can fail.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use alloy::{
    rpc::json_rpc::{ErrorPayload, Id, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest},
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use serde_json::{Value, value::to_raw_value};

use super::{Act, Sim, rpc::Answer, words::Refusal};

#[derive(Clone)]
pub(super) struct Transport(pub(super) Sim);

impl tower::Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let sim = self.0.clone();
        Box::pin(async move {
            tokio::task::yield_now().await; // as if there was a network
            match packet {
                RequestPacket::Single(request) => Ok(ResponsePacket::Single(sim.serve(&request).await?)),
                RequestPacket::Batch(requests) => {
                    let mut responses = Vec::new();
                    for request in &requests {
                        responses.push(sim.serve(request).await?);
                    }
                    Ok(ResponsePacket::Batch(responses))
                }
            }
        })
    }
}

impl Sim {
    /// Serves one request, which may be part of a batch.
    async fn serve(&self, request: &SerializedRequest) -> Result<Response, TransportError> {
        let method = request.method();
        let parameters = request.params().map_or("[]", |parameters| parameters.get());
        let parameters: Vec<Value> = serde_json::from_str(parameters).expect("parameters are a list");
        *self.lock().counts.entry(method.to_owned()).or_default() += 1;
        while self.lock().nodes.hanging {
            wait().await;
        }

        let act = self.script(method, &parameters).await;
        let answer = match act {
            Some(Act::Answer(value)) => Ok(value),
            Some(Act::Error(code, message, data)) => Err(Refusal { code, message, data }),
            Some(Act::Lost) => return Err(lost("the request was lost")),
            Some(Act::Http(status, body)) => return Err(TransportErrorKind::http_error(status, body)),
            Some(Act::AnswerLost) => {
                let _ = self.reach(method, &parameters)?;
                return Err(lost("the answer was lost"));
            }
            Some(Act::Twice) => {
                let _ = self.reach(method, &parameters)?;
                self.reach(method, &parameters)?
            }
            Some(Act::Map(change)) => self.reach(method, &parameters)?.map(change),
            Some(Act::Hang) | None => self.reach(method, &parameters)?,
        };
        Ok(respond(request.id().clone(), answer))
    }

    /// What the hook says about a request, after a wait if it says so.
    async fn script(&self, method: &str, parameters: &[Value]) -> Option<Act> {
        let hook = self.hooked()?;
        let act = (*hook.lock().unwrap())(method, parameters);
        if matches!(act, Some(Act::Hang)) {
            while self.hooked().is_some_and(|now| Arc::ptr_eq(&now, &hook)) {
                wait().await;
            }
        }
        act
    }

    /// Lets a node answer, unless request or answer is lost, or there were too many.
    fn reach(&self, method: &str, parameters: &[Value]) -> Result<Answer, TransportError> {
        let mut chain = self.lock();
        if let Some(limited) = chain.nodes.limit() {
            return limited.map(Err);
        }
        let (dice, faults) = (chain.random.below(1_000), chain.faults);
        if dice < faults / 2 {
            return Err(lost("the request was lost"));
        }
        let answer = chain.answer(method, parameters);
        if dice < faults { Err(lost("the answer was lost")) } else { Ok(answer) }
    }
}

/// Gives others time while nothing is answered.
async fn wait() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// An error of the network.
fn lost(what: &str) -> TransportError {
    TransportErrorKind::custom_str(what)
}

/// Wraps an answer as JSON-RPC does.
fn respond(id: Id, answer: Answer) -> Response {
    let payload = match answer {
        Ok(value) => ResponsePayload::Success(to_raw_value(&value).expect("it is JSON")),
        Err(Refusal { code, message, data }) => ResponsePayload::Failure(ErrorPayload {
            code,
            message: message.into(),
            data: data.map(|data| to_raw_value(&data).expect("it is JSON")),
        }),
    };
    Response { id, payload }
}
