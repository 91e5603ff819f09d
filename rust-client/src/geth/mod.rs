//! What go-ethereum's chequebook of 2016 leaves behind (`contracts/chequebook`, up to go-ethereum 1.8): its cheques, its
//! file, and its contracts, so that what was promised then can still be read, served and cashed.
//!
//! The digest of 2016 is that of [`Scheme::Packed`](crate::Scheme::Packed), byte for byte. Only the JSON differs:
//!
//! ```json
//! {
//!   "Contract": "0x5fbdb2315678afecb367f032d93f642f64180aa3",
//!   "Beneficiary": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
//!   "Amount": 42,
//!   "Sig": "…65 bytes in base64: r, s, and v, which is 0 or 1"
//! }
//! ```
//!
//! Go's reader takes names in any case, ignores what it does not know, and of a name that comes twice takes the last:
//! two readers could see two cheques in one text. Go's writer writes none of that, so here all of it is refused, and so
//! are an amount that is no plain whole number, an address whose checksum is wrong, and a signature in a second spelling.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let json = r#"{
//!     "Contract": "0x5fbdb2315678afecb367f032d93f642f64180aa3",
//!     "Beneficiary": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
//!     "Amount": 1,
//!     "Sig": "3FO114S06rtMtsvq6Uxr0T8Ac8wOXdwbThShGF2zov4fGw+MqobGtwr3Rs3YgYqsqO30HbRE9lObgwxGAgcNhQA="
//! }"#;
//! let cheque = chequebook::geth::read_cheque(json, 31_337)?;
//! assert_eq!(chequebook::geth::read_cheque(chequebook::geth::write_cheque(&cheque)?, 31_337)?, cheque);
//! # Ok(())
//! # }
//! ```

mod base64;
mod cheque;
mod error;
mod file;
#[cfg(feature = "provider")]
mod original;

pub use cheque::{MAX_CHEQUE, read_cheque, write_cheque};
pub use error::ReadError;
pub use file::{ChequebookFile, MAX_FILE, read_chequebook};
#[cfg(feature = "provider")]
pub use original::{OriginalChequebook, is_original};
