//! What can be wrong with a text of 2016.

use alloy::primitives::Address;

use crate::{Error, ErrorClass};

/// What can be wrong with a text of 2016. The [source](std::error::Error::source) says more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text is too long to be what it should be.
    #[error("text has {length} bytes, expected at most {max}")]
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// The longest text that is read, in bytes.
        max: usize,
    },

    /// It is not JSON, or a field is missing, unknown, there twice or of another type.
    #[error("text is not of the expected form")]
    Json(#[from] serde_json::Error),

    /// An address, an amount or a signature is not one.
    #[error("field {field} is not usable")]
    Field {
        /// The name of the field. A beneficiary is part of it, as in `Sent 0x…`.
        field: String,
        /// What is wrong with it.
        source: Error,
    },

    /// The signature is not in the format of 2016.
    #[error("Sig {value:?} is not 65 bytes in base64, expected 88 characters, of which the last is =")]
    InvalidSig {
        /// The text in the cheque.
        value: String,
    },

    /// The last byte of the signature is none that go-ethereum, or a contract, accepts.
    #[error("Sig has v = {v}, expected 0 or 1, or 27 or 28")]
    InvalidV {
        /// The last byte of the signature.
        v: u8,
    },

    /// A beneficiary is there twice, perhaps in upper and lower case.
    #[error("beneficiary {beneficiary} is there twice, expected one amount for each")]
    DuplicateBeneficiary {
        /// The beneficiary.
        beneficiary: Address,
    },
}

impl ReadError {
    /// The kind of this error: what is read is malformed, and will stay so.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::BadCheque
    }

    pub(super) fn field(field: &'static str) -> impl FnOnce(Error) -> Self {
        move |source| Self::Field { field: field.into(), source }
    }
}

/// Refuses what is longer than `max` before anything reads it.
pub(super) fn limit(text: &[u8], max: usize) -> Result<(), ReadError> {
    let length = text.len();
    if length > max { Err(ReadError::TooLong { length, max }) } else { Ok(()) }
}
