//! Why a node does not take a transaction, in the words of each client.

use std::fmt;

use super::failure::{FailureKind, NodeFailure};

/// Why a node does not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What the wallet makes of it.
    pub kind: RefusalKind,
    /// What the node says.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({:?})", self.message, self.kind)
    }
}

/// The kinds of refusal, each with another answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The node has it already. It is no refusal.
    Known,
    /// The nonce is used: the outcome shows by what.
    NonceUsed,
    /// Another transaction with the same nonce offers as much. Answer: offer more.
    Underpriced,
    /// It offers less than the node's minimum, or than the base fee. Answer: offer more.
    BelowMinimum,
    /// Its gas could cost more than the node allows. Answer: offer less, or split it.
    FeeCap,
    /// The account cannot pay for it, together with those before it.
    Funds,
    /// Its gas limit is too low. Answer: estimate again.
    GasTooLow,
    /// Its gas limit is above that of a block or a transaction.
    GasTooHigh,
    /// The pool is full, or allows the account fewer transactions. Answer: wait, and offer more in time.
    Later,
    /// Anything else.
    Other,
}

/// Words in lower case, and what they mean. The first that is found counts, so the more special stand first.
#[rustfmt::skip]
const WORDS: &[(&str, RefusalKind)] = {
    use RefusalKind::*;
    &[
        // geth, reth, erigon: "already known", "ALREADY_EXISTS: already known"; nethermind: "AlreadyKnown";
        // besu: "Known transaction"; parity's heirs: "already imported"
        ("already known", Known), ("alreadyknown", Known), ("known transaction", Known), ("already imported", Known),
        ("already_exists", Known), ("already in mempool", Known), ("already in the pool", Known), ("already exists", Known),
        // geth: "nonce too low: next nonce 5, tx nonce 4"; nethermind: "OldNonce, Current nonce: 25, …"
        ("nonce too low", NonceUsed), ("nonce_too_low", NonceUsed), ("oldnonce", NonceUsed), ("nonce is too low", NonceUsed),
        ("nonce has already been used", NonceUsed), ("invalid transaction nonce", NonceUsed),
        // geth: "replacement transaction underpriced"; erigon: "could not replace existing tx"; nethermind:
        // "ReplacementNotAllowed"; reth: "replacement transaction underpriced"
        ("replacement", Underpriced), ("could not replace", Underpriced),
        ("another transaction with same nonce", Underpriced),
        // geth: "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"; besu: "Transaction fee cap exceeded"
        ("exceeds the configured cap", FeeCap), ("fee cap exceeded", FeeCap), ("exceeds max fee cap", FeeCap),
        // geth: "insufficient funds for gas * price + value: …", "gas required exceeds allowance (0)"; besu: "Upfront cost
        // exceeds account balance"; nethermind: "InsufficientFunds, …"; reth: "transaction would cause overdraft"
        ("insufficient funds", Funds), ("insufficientfunds", Funds), ("insufficient_funds", Funds),
        ("upfront cost exceeds", Funds), ("upfront_cost_exceeds", Funds), ("overdraft", Funds), ("insufficient balance", Funds),
        ("exceeds allowance", Funds),
        // geth: "intrinsic gas too low: have …"; besu: "Intrinsic gas exceeds gas limit"; "gas floor data cost" since Prague
        ("intrinsic gas", GasTooLow), ("intrinsicgas", GasTooLow), ("intrinsic_gas", GasTooLow), ("gas limit below", GasTooLow), ("floor data gas", GasTooLow),
        // geth: "exceeds block gas limit", "transaction gas limit too high (cap: …)"; nethermind: "GasLimitExceeded"
        ("exceeds block gas limit", GasTooHigh), ("gas limit too high", GasTooHigh), ("gaslimitexceeded", GasTooHigh),
        ("exceeds_block_gas_limit", GasTooHigh), ("exceeds the block gas limit", GasTooHigh), ("exceeds transaction gas limit", GasTooHigh),
        ("exceeds max gas", GasTooHigh), ("gas limit is too high", GasTooHigh),
        // geth: "transaction underpriced: gas tip cap 1, minimum needed 25"; erigon: "UNDERPRICED", "FEE_TOO_LOW"; besu:
        // "Gas price below configured minimum gas price"; nethermind: "FeeTooLow, …"; "max fee per gas less than block
        // base fee"; Arbitrum and others: "gas price below …"
        ("feetoolowtocompete", Later), ("underpriced", BelowMinimum), ("feetoolow", BelowMinimum), ("fee_too_low", BelowMinimum), ("fee too low", BelowMinimum),
        ("below configured minimum", BelowMinimum), ("below current base fee", BelowMinimum), ("less than block base fee", BelowMinimum),
        ("minimum needed", BelowMinimum), ("gas price too low", BelowMinimum), ("gasprice_too_low", BelowMinimum),
        ("gas price below", BelowMinimum), ("max fee per gas too low", BelowMinimum), ("tip too low", BelowMinimum),
        // nethermind, when its pool is full: "FeeTooLowToCompete"; geth: "txpool is full", "in-flight transaction limit reached for delegated accounts", "gapped-nonce tx from
        // delegated accounts"; besu: "nonce too far in the future"
        ("txpool is full", Later), ("pool is full", Later), ("in-flight transaction limit", Later), ("delegated account", Later),
        ("too many transactions", Later), ("account limit", Later), ("too far in", Later), ("queue", Later), ("nonce gap", Later),
        ("nonce too high", Later), ("account_limit", Later), ("too many pending", Later), ("txpool overflow", Later),
        ("delegatorhaspendingtx", Later), ("notcurrentnoncefordelegation", Later), ("already reserved", Later),
        // Something passing, or nothing that was said.
        ("internal error", Later), ("timeout", Later), ("deadline exceeded", Later), ("syncing", Later), ("try again", Later),
    ]
};

impl Refusal {
    /// What a node's answer to a transaction means. `None` if it was not an answer of the node.
    pub(crate) fn of(failure: &NodeFailure) -> Option<Self> {
        if matches!(failure.kind, FailureKind::Unreachable | FailureKind::RateLimited) {
            return None;
        }
        let message = failure.message.clone();
        let words = message.to_lowercase();
        let known = WORDS.iter().find(|(known, _)| words.contains(known));
        Some(Self { kind: known.map_or(RefusalKind::Other, |&(_, kind)| kind), message })
    }

    /// What the node wants, in wei, if it wants more than was offered and says how much.
    pub(crate) fn wanted(&self) -> Option<u128> {
        let words = self.message.to_lowercase();
        let after =
            ["minimum needed", "tip needed", "<", "at least", "minimum"].iter().find_map(|word| words.split_once(word));
        // A whole word of digits: not a part of an address or of a fraction.
        let mut numbers =
            after?.1.split(|char: char| !char.is_ascii_alphanumeric() && char != '.').filter(|word| !word.is_empty());
        numbers.next()?.trim_end_matches('.').parse().ok()
    }
}

#[cfg(test)]
mod tests;
