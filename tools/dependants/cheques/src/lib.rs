//! Takes cheques alone.

pub use chequebook::{Cheque, CloneTerms, Error, ErrorClass, Scheme, SignedCheque, Terms, clearing_house, factory};
