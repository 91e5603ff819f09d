//! What the wallet knows of the chain: requests to a node, and a snapshot of each chequebook from the answers.

mod node;
mod watcher;

pub(crate) use self::{
    node::{Chain, Head},
    watcher::{ChainWatcher, Snapshot, Subject, WatchedChequebook},
};
