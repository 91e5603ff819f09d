#![cfg_attr(feature = "redb", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "redb"), doc = "Cheques of a chequebook contract: the crate with fewer features.")]

pub mod bindings;
mod cheque;
mod clone;
mod error;
mod json;

#[cfg(feature = "client")]
mod backup;
#[cfg(feature = "client")]
mod cash;
#[cfg(feature = "client")]
mod chain;
#[cfg(feature = "client")]
mod chequebook;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod house;
#[cfg(feature = "client")]
mod inbox;
#[cfg(feature = "client")]
mod rows;
#[cfg(feature = "client")]
pub mod store;
#[cfg(feature = "client")]
mod transactions;

#[cfg(feature = "client")]
pub use backup::Backup;
#[cfg(feature = "client")]
pub use cash::Overdraft;
#[cfg(feature = "client")]
pub use chain::Genuine;
pub use cheque::{Cheque, Scheme, SignedCheque};
#[cfg(feature = "client")]
pub use chequebook::{AutoDeposit, Balance, Chequebook, Form, Outbox, Terms};
#[cfg(feature = "client")]
pub use client::{Client, Config};
pub use clone::{DEPLOYER, Opening, clearing_house, factory};
pub use error::Error;
#[cfg(feature = "client")]
pub use house::Skipped;
#[cfg(feature = "client")]
pub use inbox::{AutoCash, Inbox, Policy};
#[cfg(feature = "client")]
pub use rows::Purpose;
#[cfg(feature = "client")]
pub use store::{Store, StoreError};
#[cfg(feature = "client")]
pub use transactions::{Status, Transaction};
