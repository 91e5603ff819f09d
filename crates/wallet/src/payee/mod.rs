//! The payee, which receives cheques and cashes them.

mod auto_cash;
mod cashier;
mod debt;
mod exposure;
mod inbox;
mod keeper;
mod known;
mod limits;
mod lookups;
mod plan;
mod policy;
mod reopen;

pub use self::{
    auto_cash::AutoCash,
    cashier::{Cashier, Order, Receipt, Uncashed},
    debt::Debt,
    inbox::Inbox,
    limits::{CashierSettings, Limits},
    policy::Policy,
};
