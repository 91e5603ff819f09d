//! What a node, or the way to it, answers in place of an answer.

use std::{error::Error, fmt};

use alloy::{
    primitives::Bytes,
    transports::{RpcError, TransportError, TransportErrorKind},
};
use chequebook::bindings::{
    Chequebook::ChequebookErrors, ChequebookFactory::ChequebookFactoryErrors, ClearingHouse::ClearingHouseErrors,
};

/// How a question to the node failed. It contains no URL, because that of a node often contains a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeFailure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// The code of the JSON-RPC error, if the node answered with one.
    pub code: Option<i64>,
    /// What the node, or the way to it, says.
    pub message: String,
    /// The error of one of our contracts.
    pub(crate) contract_error: Option<String>,
}

/// The kinds of failure that the wallet treats differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The node was not reached, or its answer was lost.
    Unreachable,
    /// It was asked too often.
    RateLimited,
    /// It does not have the block yet, or no longer: behind a load balancer another node may have it.
    NoSuchBlock,
    /// It answered with another error.
    Answered,
}

impl FailureKind {
    /// Whether the same question may be answered if it is asked again.
    pub(crate) const fn is_passing(self) -> bool {
        !matches!(self, Self::Answered)
    }
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(formatter, "{} (code {code})", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

impl NodeFailure {
    pub(crate) fn of(error: &TransportError) -> Self {
        let Some(answer) = error.as_error_resp() else {
            let kind = if is_http_429(error) { FailureKind::RateLimited } else { FailureKind::Unreachable };
            return Self { kind, code: None, message: redact(&causes(error)), contract_error: None };
        };
        let message = redact(&printable(&answer.message));
        let chequebook = || answer.as_decoded_interface_error::<ChequebookErrors>().map(|error| format!("{error:?}"));
        let factory =
            || answer.as_decoded_interface_error::<ChequebookFactoryErrors>().map(|error| format!("{error:?}"));
        let house = || answer.as_decoded_interface_error::<ClearingHouseErrors>().map(|error| format!("{error:?}"));
        let contract_error = chequebook().or_else(factory).or_else(house);
        let kind = kind_of(answer.code, &message.to_lowercase());
        Self { kind, code: Some(answer.code), message, contract_error }
    }

    /// Whether a call was executed and reverted, with or without data.
    pub(crate) fn is_revert(error: &TransportError) -> bool {
        error.as_error_resp().is_some_and(|answer| {
            answer.code == 3
                || answer.message.to_lowercase().contains("revert")
                || answer.try_data_as::<Bytes>().is_some_and(|data| data.is_ok_and(|data| !data.is_empty()))
        })
    }
}

fn kind_of(code: i64, message: &str) -> FailureKind {
    let says = |all: &[&str]| all.iter().any(|words| message.contains(words));
    // -32005 is "limit exceeded" (EIP-1474), which nodes also use for too many events: those are not asked again.
    if code == 429
        || says(&["rate limit", "too many requests", "request count exceeded", "capacity", "compute units per second"])
    {
        FailureKind::RateLimited
    } else if says(&[
        "header not found",
        "unknown block",
        "block not found",
        "not currently canonical",
        "no such block",
    ]) {
        FailureKind::NoSuchBlock
    } else {
        FailureKind::Answered
    }
}

fn is_http_429(error: &TransportError) -> bool {
    match error {
        RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, .. }) => error.status == 429,
        RpcError::Transport(TransportErrorKind::HttpError(error)) => error.status == 429,
        _ => false,
    }
}

/// An error with all its causes, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    printable(&text)
}

/// The text without control characters, and not longer than a few lines: a node may say anything.
fn printable(text: &str) -> String {
    const LONGEST: usize = 500;
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(LONGEST).collect()
}

/// The text with every URL cut down to its scheme and host, because the rest may be a secret.
pub(crate) fn redact(text: &str) -> String {
    let mut rest = text;
    let mut safe = String::new();
    while let Some((before, after)) = rest.split_once("://") {
        safe.push_str(before);
        safe.push_str("://");
        let end = after.find(|char: char| char.is_whitespace() || "\"'()<>,;".contains(char)).unwrap_or(after.len());
        let (url, others) = after.split_at(end);
        let (authority, path) = url.find(['/', '?', '#']).map_or((url, ""), |end| url.split_at(end));
        safe.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        if !path.is_empty() {
            safe.push_str("/…");
        }
        rest = others;
    }
    safe.push_str(rest);
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_secret_of_a_url() {
        for (text, safe) in [
            ("error for url (https://eth.example/v3/KEY): refused", "error for url (https://eth.example/…): refused"),
            ("https://user:KEY@eth.example:8545", "https://eth.example:8545"),
            ("wss://eth.example?key=KEY, again", "wss://eth.example/…, again"),
            ("at https://a/KEY and http://b/KEY", "at https://a/… and http://b/…"),
            ("no URL: //", "no URL: //"),
        ] {
            assert_eq!(redact(text), safe);
        }
    }
}
