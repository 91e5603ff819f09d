//! The transactions of an account: each is signed and stored before it is sent, and followed until its outcome is
//! final.

mod account;
mod automatic;
mod decide;
mod deep;
mod ends;
mod follow;
mod handle;
mod history;
mod kept;
mod news;
mod send;
mod sign;
mod single;
mod slots;
mod status;

pub(crate) use self::{
    account::Account,
    send::Call,
    sign::AccountSigner,
    single::{Single, same},
};
pub use self::{handle::Transaction, status::Status};
