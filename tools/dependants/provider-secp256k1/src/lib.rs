//! Cashes by any provider.

pub use chequebook::{
    Asset, ChequebookContract, Overdraft,
    bindings::{Chequebook::ChequebookInstance, TokenChequebook::TokenChequebookInstance},
    deploy,
    geth::{OriginalChequebook, read_cheque},
};
