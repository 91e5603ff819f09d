//! The payer, which signs cheques and keeps the deposit that covers them.

mod auto_deposit;
mod balance;
mod book;
mod chequebook;
mod depositor;
mod funds;
mod new;
mod open;
mod order;
mod outbox;
mod recover;

pub use self::{auto_deposit::AutoDeposit, chequebook::Chequebook, funds::Balance, new::NewChequebook, outbox::Outbox};
