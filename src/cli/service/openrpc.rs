//! The document that describes the service for programs: <https://spec.open-rpc.org>.

use serde_json::{Value as Json, json};

use super::{
    method::Method,
    problem::{TABLE, code_of},
};
use crate::cli::exit;

/// Describes methods, and the subscription.
pub(crate) fn document(methods: &[Method], subscribe: &str, unsubscribe: &str, notification: &str) -> Json {
    let exits = exit::TABLE.iter().filter(|(exit, ..)| exit.code() < 100);
    let exits = exits.map(|(exit, _, _, meaning)| json!({"code": code_of(*exit), "message": meaning}));
    let errors: Vec<_> =
        TABLE.iter().map(|(_, code, _, what)| json!({"code": code, "message": what})).chain(exits).collect();
    let described = methods.iter().map(describe).chain([
        json!({
            "name": subscribe,
            "summary": "Tells what happens, by notifications: only over a WebSocket",
            "params": [],
            "result": {"name": "result", "schema": {"type": ["integer", "string"]}},
            "x-scope": "read",
            "x-notification": notification,
        }),
        json!({
            "name": unsubscribe,
            "summary": "Ends a subscription: only over a WebSocket",
            "params": [{"name": "subscription", "required": true, "schema": {"type": ["integer", "string"]}}],
            "result": {"name": "result", "schema": {"type": "boolean"}},
        }),
    ]);
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "chequebook",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Payer and payee by cheque. `x-scope` is the scope that a token needs.",
        },
        "methods": described.collect::<Vec<_>>(),
        "components": {"errors": errors},
    })
}

fn describe(method: &Method) -> Json {
    let params = method.params.iter().map(|param| {
        let mut described = json!({
            "name": param.name,
            "description": param.what,
            "required": param.is_required,
            "schema": param.kind.schema(false),
        });
        if let Some(described) = described.as_object_mut().filter(|_| !param.has_place) {
            described.insert("x-byNameOnly".to_owned(), json!(true));
        }
        described
    });
    let mut described = json!({
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": params.collect::<Vec<_>>(),
        "result": {"name": "result", "schema": method.result.schema()},
    });
    if let (Some(described), Some(scope)) = (described.as_object_mut(), method.scope) {
        described.insert("x-scope".to_owned(), json!(scope.name()));
    }
    described
}
