//! A script in front of the nodes: a test decides, request by request, what happens to it.

use std::sync::{Arc, Mutex};

use alloy::primitives::Bytes;
use serde_json::Value;

use super::Sim;

/// What happens to a request.
pub(crate) enum Act {
    /// This is the answer. The nodes do not see the request.
    Answer(Value),
    /// This error is the answer: code, message and data. The nodes do not see the request.
    Error(i64, String, Option<Bytes>),
    /// It never reaches a node.
    Lost,
    /// It is executed, and the answer is lost.
    AnswerLost,
    /// It is executed twice. The second answer is returned.
    Twice,
    /// It waits until the hook is removed or replaced, and is answered then.
    Hang,
    /// The answer is this status of HTTP with this body. The nodes do not see the request.
    Http(u16, String),
    /// It is executed, and the answer is changed. Errors are not.
    Map(Box<dyn FnOnce(Value) -> Value + Send>),
}

/// Decides what happens to a request, from its method and its parameters. `None`: nothing special.
pub(super) type Hook = Arc<Mutex<dyn FnMut(&str, &[Value]) -> Option<Act> + Send>>;

impl Sim {
    /// Asks `hook` about each request from now on. It may use this handle, but not wait for an answer.
    pub(crate) fn hook(&self, hook: impl FnMut(&str, &[Value]) -> Option<Act> + Send + 'static) {
        *self.0.hook.lock().unwrap() = Some(Arc::new(Mutex::new(hook)));
    }

    /// Removes the hook.
    pub(crate) fn unhook(&self) {
        *self.0.hook.lock().unwrap() = None;
    }

    /// The hook now. It is called while only its own lock is held, so that it may change the chain, or remove itself.
    pub(super) fn hooked(&self) -> Option<Hook> {
        self.0.hook.lock().unwrap().clone()
    }
}
