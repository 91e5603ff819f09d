//! What we ask the node, and what we believe of its answers.

mod batching;
mod blocks;
mod calls;
mod cashes;
mod heads;
mod look;
mod node;
mod range;
mod read;
mod token;
mod view;
mod watch;
mod watched;
mod watcher;

pub(crate) use self::{
    blocks::{Look, Ticket},
    calls::Call,
    cashes::{cheques_of, is_overdrawn, paid, skipped},
    node::{Chain, Fees, Head},
    token::{transfer_input, transferred},
    watched::{Seen, Subject, WatchedChequebook, Watching},
    watcher::ChainWatcher,
};
