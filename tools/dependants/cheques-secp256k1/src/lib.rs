//! Takes cheques alone, recovered with libsecp256k1.

pub use chequebook::SignedCheque;
