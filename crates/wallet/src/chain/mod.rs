//! What we know of the chain: questions to a node, and what follows from the answers for each chequebook.

mod node;
mod watcher;

pub(crate) use self::{
    node::{Chain, Head},
    watcher::{ChainWatcher, Snapshot, WatchedChequebook},
};
