#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn failure(kind: FailureKind, message: &str) -> NodeFailure {
    NodeFailure { kind, code: Some(-32_000), message: message.to_owned(), contract_error: None }
}

fn refusal(message: &str) -> Refusal {
    Refusal::of(&failure(FailureKind::Answered, message)).unwrap()
}

/// The first words that are found count: what is more special stands first.
#[test]
fn words_of_each_client_have_a_kind() {
    for (words, kind) in [
        ("ALREADY_EXISTS: already known", RefusalKind::Known),
        ("OldNonce, Current nonce: 25, nonce of rejected tx: 21", RefusalKind::NonceUsed),
        ("replacement transaction underpriced", RefusalKind::Underpriced),
        ("transaction underpriced: gas tip cap 1, minimum needed 25", RefusalKind::BelowMinimum),
        ("tx fee (1.20 ether) exceeds the configured cap (1.00 ether)", RefusalKind::FeeCap),
        ("insufficient funds for gas * price + value: balance 1", RefusalKind::Funds),
        ("intrinsic gas too low: gas 1, minimum needed 21000", RefusalKind::GasTooLow),
        ("exceeds block gas limit", RefusalKind::GasTooHigh),
        ("FeeTooLowToCompete", RefusalKind::Later),
        ("words that nobody knows", RefusalKind::Other),
    ] {
        let refusal = refusal(words);
        assert_eq!(refusal.kind, kind, "{words}");
        assert_eq!(refusal.to_string(), format!("{words} ({kind:?})"));
    }
}

/// W3: an absent answer is no fact, so it is no refusal either, whatever its words are.
#[test]
fn no_answer_is_no_refusal() {
    for kind in [FailureKind::Unreachable, FailureKind::RateLimited] {
        assert_eq!(Refusal::of(&failure(kind, "insufficient funds")), None);
    }
    assert!(Refusal::of(&failure(FailureKind::NoSuchBlock, "insufficient funds")).is_some());
}

#[test]
fn what_is_wanted_is_a_whole_number_after_words_that_say_so() {
    for (words, wanted) in [
        ("transaction underpriced: gas tip cap 1, minimum needed 25", Some(25)),
        ("Gas Tip Cap 1, MINIMUM NEEDED 25.", Some(25)),
        ("tip needed 7, tip permitted 3", Some(7)),
        ("gas price 1 < 9", Some(9)),
        ("the fee must be at least: 30 wei", Some(30)),
        ("gas price below minimum (40)", Some(40)),
        // A part of a fraction, of an address or of an amount in another unit is no amount in wei.
        ("minimum needed 1.5 gwei", None),
        ("at least 0x5", None),
        ("at least 5gwei", None),
        ("underpriced", None),
        ("minimum needed", None),
        ("minimum needed 999999999999999999999999999999999999999999", None),
    ] {
        assert_eq!(refusal(words).wanted(), wanted, "{words}");
    }
}
