//! The payer, which signs cheques and keeps the deposit that covers them.

mod auto_deposit;
mod balance;
mod book;
mod chequebook;
mod depositor;
mod funds;
mod issued;
mod new;
mod open;
mod order;
mod outbox;
mod owner;
mod reclaim;
mod recover;

pub use self::{
    auto_deposit::{AutoDeposit, AutoDeposited},
    chequebook::Chequebook,
    funds::Balance,
    issued::Issued,
    new::NewChequebook,
    outbox::Outbox,
    owner::Owner,
};
