//! The payee, which receives cheques and cashes them.

mod auto_cash;
mod exposure;
mod inbox;
mod keeper;
mod plan;
mod policy;

pub use self::{auto_cash::AutoCash, inbox::Inbox, policy::Policy};
