//! Cheques in both forms: ours, and the one that go-ethereum wrote in 2016.

use alloy::primitives::ChainId;
use chequebook::{Scheme, SignedCheque, geth};
use serde_json::value::RawValue;

use super::{numbers::excerpt, params::Format, problem::Problem};
use crate::cli::exit::{Exit, Failure};

/// Reads a cheque. One of 2016 names no chain: it is taken for one of ours.
///
/// # Errors
///
/// [`Exit::BadCheque`] if it is neither.
pub(crate) fn read(raw: &str, chain: ChainId) -> Result<SignedCheque, Problem> {
    let bad = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::BadCheque, format!("cheque: {}", excerpt(&error.to_string())))
    };
    // Names are exact in both forms, and no name is in both.
    if serde_json::from_str::<std::collections::BTreeMap<String, &RawValue>>(raw)
        .is_ok_and(|all| all.contains_key("Contract"))
    {
        return geth::read_cheque(raw, chain).map_err(|error| bad(&error).into());
    }
    serde_json::from_str(raw).map_err(|error| bad(&error).into())
}

/// How a cheque is to be signed so that it can be answered in a form.
///
/// # Errors
///
/// If the form of 2016 is asked for a typed cheque.
pub(crate) fn scheme(scheme: Option<Scheme>, format: Format) -> Result<Scheme, Problem> {
    match (scheme, format) {
        (Some(Scheme::Typed), Format::Geth) => {
            Err(Problem::params("scheme: a typed cheque has no form of 2016, expected packed"))
        }
        (None, Format::Geth) => Ok(Scheme::Packed),
        (scheme, _) => Ok(scheme.unwrap_or(Scheme::Typed)),
    }
}

/// Writes a cheque.
///
/// # Errors
///
/// If a typed cheque is to be written in the form of 2016.
pub(crate) fn write(cheque: &SignedCheque, format: Format) -> Result<Box<RawValue>, Problem> {
    let written = match format {
        Format::Geth => RawValue::from_string(geth::write_cheque(cheque)?),
        Format::Chequebook => serde_json::value::to_raw_value(cheque),
    };
    written.map_err(|error| Failure::new(Exit::Failed, error).into())
}
