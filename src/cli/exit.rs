//! How the program ends: one table of exit codes, and the failure that carries one.

use std::{fmt::Display, io};

use alloy::transports::{RpcError, TransportErrorKind};
use chequebook::{Error as ChequeError, ErrorClass};
use chequebook_wallet::{Error as WalletError, StoreError};

use super::text::plain;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed,
    Usage,
    BadCheque,
    Policy,
    Funds,
    WouldBounce,
    Unreachable,
    WrongChain,
    Transaction,
    Ended,
    Store,
    StoreInUse,
    Key,
    NotPossible,
    NotConfirmed,
    RecoverFirst,
    Found,
    Interrupted,
    Terminated,
}

/// Code, name and meaning of every end but success, which is 0. The operators' page has the same table, and a test
/// compares the two.
pub(crate) const TABLE: [(Exit, u8, &str, &str); 19] = [
    (Exit::Failed, 1, "failed", "anything else: a file that cannot be read or written, a defect of the program"),
    (Exit::Usage, 2, "usage", "the command line or the configuration is wrong; nothing was tried"),
    (Exit::BadCheque, 3, "badCheque", "the cheque is invalid and stays so: malformed, wrongly signed, stale, cashed"),
    (Exit::Policy, 4, "policy", "the cheque is valid, and the payee's policy refuses it; a valid one is kept"),
    (Exit::Funds, 5, "funds", "deposit or account do not cover the amount, or gas costs more than allowed"),
    (Exit::WouldBounce, 6, "wouldBounce", "the balance does not cover the cheque: cashing it would end the chequebook"),
    (Exit::Unreachable, 7, "unreachable", "the node does not answer, is behind, or contradicts itself"),
    (Exit::WrongChain, 8, "wrongChain", "another chain than expected, or no genuine chequebook at the address"),
    (Exit::Transaction, 9, "transaction", "a transaction was refused, reverted, replaced or cancelled"),
    (Exit::Ended, 10, "ended", "the chequebook is dead, its end is announced, or a command of the owner is under way"),
    (Exit::Store, 11, "store", "the store is missing, damaged, of another version, or older than the chain"),
    (Exit::StoreInUse, 12, "storeInUse", "another process has the store open"),
    (Exit::Key, 13, "key", "no key, a wrong password, a key file that others can read, or no signature"),
    (
        Exit::NotPossible,
        14,
        "notPossible",
        "the request makes no sense now: amount zero, not the owner, no record, too early",
    ),
    (Exit::NotConfirmed, 15, "notConfirmed", "nobody confirmed: say --yes where there is no terminal"),
    (
        Exit::RecoverFirst,
        16,
        "recoverFirst",
        "after an import: recover what was issued since, or affirm that nothing was",
    ),
    (Exit::Found, 17, "found", "doctor found something that needs attention"),
    (Exit::Interrupted, 130, "interrupted", "SIGINT: what was signed goes on with the next command"),
    (Exit::Terminated, 143, "terminated", "SIGTERM: the same"),
];

impl Exit {
    fn row(self) -> (u8, &'static str) {
        TABLE.iter().find(|row| row.0 == self).map_or((1, "failed"), |row| (row.1, row.2))
    }

    /// The exit code of the process.
    pub(crate) fn code(self) -> u8 {
        self.row().0
    }

    /// Its name in JSON.
    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    /// The end for a kind of error.
    const fn of_class(class: ErrorClass) -> Self {
        match class {
            ErrorClass::BadCheque => Self::BadCheque,
            ErrorClass::Policy => Self::Policy,
            ErrorClass::Funds => Self::Funds,
            ErrorClass::ChainUnreachable => Self::Unreachable,
            ErrorClass::WrongChain => Self::WrongChain,
            ErrorClass::Transaction => Self::Transaction,
            ErrorClass::Ended => Self::Ended,
            ErrorClass::Store => Self::Store,
            ErrorClass::Signer => Self::Key,
            ErrorClass::InvalidInput => Self::NotPossible,
            _ => Self::Failed,
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: plain(&message.to_string()) }
    }

    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same failure, with what was being done.
    #[must_use]
    pub(crate) fn during(mut self, what: impl Display) -> Self {
        self.message = format!("{}: {}", plain(&what.to_string()), self.message);
        self
    }
}

impl From<WalletError> for Failure {
    fn from(error: WalletError) -> Self {
        let exit = match &error {
            WalletError::WouldBounce { .. } => Exit::WouldBounce,
            WalletError::Store(StoreError::InUse { .. }) => Exit::StoreInUse,
            error => Exit::of_class(error.class()),
        };
        Self::new(exit, with_causes(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        WalletError::from(error).into()
    }
}

impl From<ChequeError> for Failure {
    fn from(error: ChequeError) -> Self {
        let exit = match &error {
            ChequeError::WouldBounce { .. } => Exit::WouldBounce,
            error => Exit::of_class(error.class()),
        };
        match &error {
            // What a transport says can contain the URL of the node, and that a secret.
            ChequeError::Rpc(source) => rpc(source),
            ChequeError::Pending(_) => Self::new(exit, "the outcome of the transaction is not known"),
            ChequeError::Call { source, .. } => match &**source {
                alloy::contract::Error::TransportError(source) => rpc(source).during(&error),
                _ => Self::new(exit, &error),
            },
            error => Self::new(exit, with_causes(error)),
        }
    }
}

impl From<RpcError<TransportErrorKind>> for Failure {
    fn from(error: RpcError<TransportErrorKind>) -> Self {
        rpc(&error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl From<eyre::Report> for Failure {
    fn from(error: eyre::Report) -> Self {
        Self::new(Exit::Failed, format!("{error:#}"))
    }
}

fn rpc(error: &RpcError<TransportErrorKind>) -> Failure {
    match error {
        RpcError::ErrorResp(answer) => {
            Failure::new(Exit::Unreachable, format!("the node answers with error {}: {}", answer.code, answer.message))
        }
        // The crates leave TLS to who builds the program.
        error if with_causes(error).contains("scheme is not http") => {
            Failure::usage("the node is behind https, and this build has no TLS: build it with --features tls")
        }
        _ => Failure::new(Exit::Unreachable, "the node does not answer, or not like a node"),
    }
}

/// An error with its causes, each once: some show that of their source themselves.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the operators' page, line by line.
    #[test]
    fn the_page_has_the_table() {
        let page = include_str!("../../docs/operators.md");
        let success = "| 0 | | done, or shown by `--dry-run` |".to_owned();
        let rows = TABLE.iter().map(|(_, code, name, meaning)| format!("| {code} | `{name}` | {meaning} |"));
        let table: Vec<_> = std::iter::once(success).chain(rows).collect();
        assert!(page.contains(&table.join("\n")), "docs/operators.md lacks this table:\n{}", table.join("\n"));
    }

    #[test]
    fn every_code_and_name_is_there_once() {
        for (index, (exit, code, name, _)) in TABLE.iter().enumerate() {
            assert_eq!((exit.code(), exit.name()), (*code, *name));
            assert!(TABLE.iter().skip(index + 1).all(|other| other.1 != *code && other.2 != *name), "{name}");
        }
    }

    #[test]
    fn a_failure_has_no_control_characters() {
        assert_eq!(Failure::new(Exit::Failed, "a\u{1b}[31mb").message, "a\u{fffd}[31mb");
    }
}
