#![cfg_attr(feature = "provider", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "provider"),
    doc = "Cheques of a chequebook contract, without the part that needs a provider."
)]

pub mod bindings;
mod cheque;
#[cfg(feature = "provider")]
mod contract;
mod creation;
mod error;
pub mod geth;
mod state;
mod terms;
mod wire;

pub use cheque::{Cheque, Scheme, SignedCheque};
#[cfg(feature = "provider")]
pub use contract::{ChequebookContract, deploy};
pub use creation::{Creation, DEPLOYER, Record, clearing_house, deployments, factory};
pub use error::{Error, ErrorClass};
pub use state::{Overdraft, State};
pub use terms::{Asset, Form, Terms};
