//! What a call is answered when it fails: one stable code for each kind of failure.

use std::fmt::Display;

use chequebook_wallet::Error as WalletError;
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::json;

use crate::cli::{
    exit::{Exit, Failure},
    text::plain,
};

/// The code of an exit code is this, less the exit code. The codes from -32768 to -32000 belong to JSON-RPC.
const BASE: i32 = -31_000;
/// JSON-RPC's code for wrong parameters.
const INVALID_PARAMS: i32 = -32_602;

/// A failure that only a call can have: code, name and meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Params,
    Denied,
    TooFast,
    KeyReused,
    LimitReached,
}

/// All of them. The page of the service has the same table, and a test compares the two.
pub(crate) const TABLE: [(Refusal, i32, &str, &str); 5] = [
    (Refusal::Params, INVALID_PARAMS, "invalidParams", "a parameter is missing, unknown, or not what it should be"),
    (Refusal::Denied, -31_050, "denied", "no token, or one that is unknown, expired, revoked, or without this scope"),
    (
        Refusal::TooFast,
        -31_051,
        "tooFast",
        "more calls than `rate` allows, or too many at the same time: come back in a second",
    ),
    (Refusal::KeyReused, -31_052, "keyReused", "the key belongs to a call with other parameters"),
    (Refusal::LimitReached, -31_053, "limitReached", "a spending limit of the service or of the token"),
];

/// The code of an exit code.
pub(crate) fn code_of(exit: Exit) -> i32 {
    BASE.saturating_sub(i32::from(exit.code()))
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    code: i32,
    name: &'static str,
    /// The exit code of the command that fails like this.
    exit: Option<u8>,
    message: String,
}

impl Problem {
    pub(crate) fn new(refusal: Refusal, message: impl Display) -> Self {
        let row = TABLE.iter().find(|row| row.0 == refusal);
        let (code, name) = row.map_or((INVALID_PARAMS, "invalidParams"), |row| (row.1, row.2));
        Self { code, name, exit: None, message: harmless(&message.to_string()) }
    }

    pub(crate) fn params(message: impl Display) -> Self {
        Self::new(Refusal::Params, message)
    }

    /// Whether it is of the store, which may go on all the same: one chequebook can be outdated.
    pub(crate) fn is_of_store(&self) -> bool {
        self.code == code_of(Exit::Store)
    }

    /// Its name, of which there are few.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

/// A message without control characters, and without URLs, which can be a node's with a secret in it.
fn harmless(text: &str) -> String {
    let words = plain(text);
    let words = words.split(' ').map(|word| if word.contains("://") { "(a URL)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let Failure { exit, message } = failure;
        Self { code: code_of(exit), name: exit.name(), exit: Some(exit.code()), message: harmless(&message) }
    }
}

impl From<WalletError> for Problem {
    fn from(error: WalletError) -> Self {
        match error {
            WalletError::KeyReused { .. } => {
                Self::new(Refusal::KeyReused, "the key belongs to a call with other parameters, expected the same ones")
            }
            WalletError::LimitReached { .. } => Self::new(Refusal::LimitReached, error),
            error => Failure::from(error).into(),
        }
    }
}

impl From<chequebook::Error> for Problem {
    fn from(error: chequebook::Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<Problem> for ErrorObjectOwned {
    fn from(problem: Problem) -> Self {
        let Problem { code, name, exit, message } = problem;
        Self::owned(code, message, Some(json!({"exit": name, "code": exit})))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit;

    #[test]
    fn every_code_is_there_once() {
        let exits = exit::TABLE.iter().map(|(exit, ..)| code_of(*exit));
        let mut codes: Vec<_> = exits.chain(TABLE.iter().map(|row| row.1)).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(codes.iter().all(|code| *code == INVALID_PARAMS || *code > -32_000), "{codes:?}");
        assert_eq!(code_of(Exit::Funds), -31_005);
    }

    /// The table of the service's page, line by line.
    #[test]
    fn the_page_has_the_table() {
        let page = include_str!("../../../docs/service.md");
        let rows = TABLE.iter().map(|(_, code, name, meaning)| format!("| {code} | `{name}` | {meaning} |"));
        let table: Vec<_> = rows.collect();
        assert!(page.contains(&table.join("\n")), "docs/service.md lacks this table:\n{}", table.join("\n"));
    }

    #[test]
    fn no_url_is_told() {
        let failure = Failure::new(Exit::Unreachable, "error for url (http://user:secret@node/key) \u{1b}[31m");
        let problem = Problem::from(failure);
        assert!(!problem.message.contains("secret") && !problem.message.contains('\u{1b}'), "{problem:?}");
    }
}
