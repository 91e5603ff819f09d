//! The transactions of an account: each is signed and stored before it is sent, and followed until its outcome is
//! final.

mod account;
mod decide;
mod follow;
mod handle;
mod send;
mod sign;

pub use self::handle::{Status, Transaction};
pub(crate) use self::{account::Account, send::Call, sign::AccountSigner};
