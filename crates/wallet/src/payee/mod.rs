//! The payee: who receives cheques, and cashes the newest.

mod auto_cash;
mod guard;
mod inbox;
mod mailbox;
mod policy;

pub use self::{auto_cash::AutoCash, inbox::Inbox, policy::Policy};
