//! What we ask the node, and what we believe of its answers.

mod calls;
mod look;
mod node;
mod read;
mod token;
mod view;
mod watched;
mod watcher;

pub(crate) use self::{
    calls::Call,
    look::{Look, Ticket},
    node::{Chain, Fees, Head},
    token::{transfer_input, transferred},
    watched::{Seen, Subject, WatchedChequebook, Watching},
    watcher::ChainWatcher,
};
