//! What we ask the node, and what we believe of its answers.

mod calls;
mod look;
mod node;
mod read;
mod view;
mod watched;
mod watcher;

pub(crate) use self::{
    calls::Call,
    look::{Look, Ticket},
    node::{Chain, Fees, Head},
    watched::{Seen, Subject, WatchedChequebook, Watching},
    watcher::ChainWatcher,
};
