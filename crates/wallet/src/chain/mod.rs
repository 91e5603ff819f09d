//! What we ask the node, and what we believe of its answers.

mod batching;
mod blocks;
mod calls;
mod look;
mod node;
mod read;
mod token;
mod view;
mod watch;
mod watched;
mod watcher;

pub(crate) use self::{
    blocks::{Look, Ticket},
    calls::Call,
    node::{Chain, Fees, Head},
    token::{transfer_input, transferred},
    watched::{Seen, Subject, WatchedChequebook, Watching},
    watcher::ChainWatcher,
};
