//! What we ask the node, and what we believe of its answers.

mod failure;
mod node;
mod refusal;
mod view;
mod watcher;

pub use self::{
    failure::{FailureKind, NodeFailure},
    refusal::{Refusal, RefusalKind},
};
pub(crate) use self::{
    failure::{causes, redact},
    node::{Chain, Fees, Head},
    watcher::{ChainWatcher, Look, Seen, Subject, Ticket, WatchedChequebook, Watching},
};
