//! Keeps its state in a file.

pub use chequebook_wallet::{Inbox, store::Redb};
