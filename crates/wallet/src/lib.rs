#![cfg_attr(feature = "redb", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "redb"), doc = "Payer and payee of a chequebook contract, with a store of your own.")]

mod agenda;
mod answer;
mod backup;
mod cashing;
mod chain;
mod config;
mod credit;
mod error;
mod events;
mod factory;
mod health;
mod held;
mod payee;
mod payer;
mod registry;
mod requests;
mod setters;
mod signer;
pub mod store;
mod timer;
mod transactions;
mod wallet;

pub use answer::{FailureKind, NodeFailure, Refusal, RefusalKind};
pub use backup::Backup;
pub use cashing::{Cashing, Skipped};
/// The thin crate, which defines cheques and terms.
pub use chequebook;
pub use config::{Config, Finality, History, L1Fee};
pub use credit::Credit;
pub use error::Error;
pub use events::{Bounce, Event, Events};
pub use factory::Factory;
pub use held::held;
pub use payee::{AutoCash, Cashier, CashierSettings, Debt, Inbox, Limits, Order, Policy, Receipt, Uncashed};
pub use payer::{AutoDeposit, AutoDeposited, Balance, Chequebook, Issued, NewChequebook, Outbox, Owner};
pub use requests::{Limit, Request};
pub use signer::{IntoSigner, SharedSigner};
pub use store::{Outcome, Purpose, Store, StoreError};
pub use transactions::{Status, Transaction};
pub use wallet::Wallet;
