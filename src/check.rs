//! Comparison of expected values with those of the chain.

use std::fmt::Debug;

/// A value is not the expected one.
#[derive(Debug, thiserror::Error)]
#[error("{what}: found {found}, expected {expected}")]
pub(crate) struct Mismatch {
    what: String,
    found: String,
    expected: String,
}

/// Compares what was `found` with what was `expected`.
///
/// # Errors
///
/// [`Mismatch`] unless they are equal.
pub(crate) fn equal<T: PartialEq + Debug>(what: impl Into<String>, found: T, expected: T) -> Result<(), Mismatch> {
    if found != expected {
        return Err(Mismatch { what: what.into(), found: format!("{found:?}"), expected: format!("{expected:?}") });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_differs_and_how() {
        let mismatch = equal("balance in wei", 1, 2).unwrap_err();
        assert_eq!(mismatch.to_string(), "balance in wei: found 1, expected 2");
    }

    #[test]
    fn accepts_what_is_equal() {
        equal("balance in wei", 2, 2).unwrap();
    }
}
