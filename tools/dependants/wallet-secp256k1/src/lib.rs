//! Recovers with libsecp256k1.

pub use chequebook_wallet::Inbox;
