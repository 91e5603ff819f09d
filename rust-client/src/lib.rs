#![doc = include_str!("../README.md")]

pub mod bindings;
mod cheque;
mod error;
mod json;

pub use bindings::Chequebook;
pub use cheque::{Cheque, Scheme, SignedCheque};
pub use error::Error;
