//! The transactions of an account: each is signed and stored before it is sent, and followed until its outcome is
//! final.

mod follow;
mod sequence;
mod sign;

pub(crate) use self::sequence::{Call, MAX_GAS, Transactions};
pub use self::sequence::{Status, Transaction};
