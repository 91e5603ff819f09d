//! Cashes by any provider.

pub use chequebook::{ChequebookContract, Overdraft, bindings::Chequebook::ChequebookInstance};
