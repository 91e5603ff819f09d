//! The payee, which receives cheques and cashes the latest.

mod auto_cash;
mod guard;
mod inbox;
mod mailbox;
mod policy;

pub use self::{auto_cash::AutoCash, inbox::Inbox, policy::Policy};
