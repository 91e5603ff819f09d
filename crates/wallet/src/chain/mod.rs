//! What we ask the node, and what we believe of its answers.

mod node;
mod view;
mod watcher;

pub(crate) use self::{
    node::{Chain, Fees, Head},
    watcher::{ChainWatcher, Look, Seen, Subject, Ticket, WatchedChequebook, Watching},
};
