//! How long an automatic cash waits after a chequebook, or its token, refused to pay: a beneficiary can be blocked for
//! ever, and nobody can pay for asking with each block.

use std::{collections::HashMap, time::Duration};

use alloy::primitives::Address;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    Error,
    answer::{FailureKind, Refusal, RefusalKind},
};

/// How long it waits after the first refusal; each time twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait after the node did not estimate it, and did not say that the contract refuses.
const LONGEST_UNCLEAR: Duration = Duration::from_secs(30);
/// The longest wait after a refusal that cost nothing.
const LONGEST_FREE: Duration = Duration::from_secs(600);
/// The longest wait after one that cost gas.
const LONGEST_PAID: Duration = Duration::from_secs(3_600);
/// The longest wait once the end is announced, after a refusal that cost nothing, and after one that cost gas: the
/// second is besides no more than this share of what is left.
const LONGEST_FREE_AT_END: Duration = Duration::from_secs(30);
const LONGEST_PAID_AT_END: Duration = Duration::from_secs(600);
const SHARE_AT_END: u32 = 16;

/// How a payment was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The node did not estimate it: it is the node, or code that uses up all gas.
    Unclear,
    /// An estimate found it, which cost nothing.
    Estimated,
    /// The transaction was included, and did not pay.
    Included,
}

/// The refusals in a row of the payments to one beneficiary.
#[derive(Clone, Debug)]
struct Refused {
    times: u32,
    at: Instant,
    wait: Duration,
    kind: Kind,
    refusal: String,
}

/// Which payments were refused, by chequebook and beneficiary. A higher cheque changes nothing: who was refused a small
/// amount is refused a large one.
#[derive(Debug, Default)]
pub(super) struct Patience(Mutex<HashMap<(Address, Address), Refused>>);

impl Patience {
    /// Refuses, as the contract did last, while it is to be waited. `left` is how long it is until the chequebook may end,
    /// if that is announced.
    pub(super) fn check(&self, contract: Address, beneficiary: Address, left: Option<Duration>) -> Result<(), Error> {
        match self.0.lock().get(&(contract, beneficiary)) {
            Some(refused) if refused.at.elapsed() < refused.wait.min(longest(refused.kind, left)) => {
                Err(Error::Refused { refusal: refused.refusal.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Notes that a payment was refused.
    pub(super) fn refused(&self, contract: Address, beneficiary: Address, refusal: String, kind: Kind) {
        let now = Instant::now();
        let mut all = self.0.lock();
        let refused = all.entry((contract, beneficiary)).or_insert_with(|| Refused {
            times: 0,
            at: now,
            wait: Duration::ZERO,
            kind,
            refusal: String::new(),
        });
        (refused.at, refused.wait, refused.kind) = (now, wait(refused.times, kind), kind);
        (refused.times, refused.refusal) = (refused.times.saturating_add(1), refusal);
    }

    /// Notes what an attempt found.
    pub(super) fn found(&self, contract: Address, beneficiary: Address, error: &Error) {
        if let Some(kind) = kind_of(error) {
            self.refused(contract, beneficiary, error.to_string(), kind);
        }
    }

    /// Notes that a payment was made.
    pub(super) fn paid(&self, contract: Address, beneficiary: Address) {
        self.0.lock().remove(&(contract, beneficiary));
    }
}

/// How long to wait after it was refused so many times before.
fn wait(times: u32, kind: Kind) -> Duration {
    let longest = match kind {
        Kind::Unclear => LONGEST_UNCLEAR,
        Kind::Estimated => LONGEST_FREE,
        Kind::Included => LONGEST_PAID,
    };
    let doubled = 1_u32.checked_shl(times).and_then(|factor| FIRST.checked_mul(factor));
    doubled.unwrap_or(longest).min(longest)
}

/// The longest wait if the chequebook may end after `left`, by the clock of the chain.
fn longest(kind: Kind, left: Option<Duration>) -> Duration {
    let Some(left) = left else { return Duration::MAX };
    match kind {
        Kind::Unclear | Kind::Estimated => LONGEST_FREE_AT_END,
        Kind::Included => {
            left.checked_div(SHARE_AT_END).unwrap_or(left).clamp(LONGEST_FREE_AT_END, LONGEST_PAID_AT_END)
        }
    }
}

/// Whether the contract, or its token, refused, or may have by using up all gas. A node that is not reached, and an
/// account without ether, refuse nothing.
fn kind_of(error: &Error) -> Option<Kind> {
    match error {
        Error::Refused { .. } | Error::TooMuchGas { .. } => Some(Kind::Estimated),
        Error::Rpc { failure, .. } => {
            let is_short = Refusal::of(failure).is_some_and(|refusal| refusal.kind == RefusalKind::Funds);
            (failure.kind == FailureKind::Answered && !is_short).then_some(Kind::Unclear)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: Address = Address::repeat_byte(1);
    const PAYEE: Address = Address::repeat_byte(2);

    #[tokio::test(start_paused = true)]
    async fn w4_a_payment_that_is_refused_is_tried_less_and_less_but_always_again() {
        let patience = Patience::default();
        assert!(patience.check(BOOK, PAYEE, None).is_ok());
        let mut waited = Duration::ZERO;
        for _ in 0..200 {
            patience.refused(BOOK, PAYEE, "no".to_owned(), Kind::Estimated);
            let began = Instant::now();
            while patience.check(BOOK, PAYEE, None).is_err() {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            assert!(began.elapsed() >= waited && began.elapsed() <= LONGEST_FREE);
            waited = began.elapsed();
        }
        assert_eq!(waited, LONGEST_FREE);
        patience.refused(BOOK, PAYEE, "no".to_owned(), Kind::Included);
        assert!(patience.check(BOOK, PAYEE, None).is_err());
        assert!(
            patience.check(BOOK, BOOK, None).is_ok() && patience.check(PAYEE, PAYEE, None).is_ok(),
            "each for itself"
        );
        patience.paid(BOOK, PAYEE);
        assert!(patience.check(BOOK, PAYEE, None).is_ok());
    }

    #[test]
    fn a_wait_never_shrinks() {
        for kind in [Kind::Unclear, Kind::Estimated, Kind::Included] {
            let waits: Vec<_> = (0..100).map(|times| wait(times, kind)).collect();
            assert!(waits.is_sorted());
            assert_eq!(waits.first(), Some(&FIRST));
        }
        assert_eq!((wait(u32::MAX, Kind::Estimated), wait(40, Kind::Included)), (LONGEST_FREE, LONGEST_PAID));
    }

    #[tokio::test(start_paused = true)]
    async fn w4_an_announced_end_is_not_missed() {
        let patience = Patience::default();
        for kind in [Kind::Unclear, Kind::Estimated, Kind::Included] {
            for left in [0, 1, 60, 3_600, 86_400, u64::MAX].map(Duration::from_secs) {
                for _ in 0..20 {
                    patience.refused(BOOK, PAYEE, "no".to_owned(), kind);
                }
                let began = Instant::now();
                while patience.check(BOOK, PAYEE, Some(left)).is_err() {
                    tokio::time::advance(Duration::from_secs(1)).await;
                }
                let most = longest(kind, Some(left));
                assert!(most <= LONGEST_PAID_AT_END);
                assert!(began.elapsed() <= most, "{:?} with {left:?} left", began.elapsed());
            }
        }
    }
}
