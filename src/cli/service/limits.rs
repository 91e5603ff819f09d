//! How much may be spent: by a call, and in a day, to one beneficiary or in all; by everybody, and by a token.

use alloy::primitives::{Address, B256, U256, keccak256};
use chequebook_wallet::{Limit, Request};

use super::{
    access::Caller,
    problem::{Problem, Refusal},
    tokens::Most,
};
use crate::cli::amount::{Units, Written};

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Promises: cheques to beneficiaries, and to the owner by a withdrawal.
    Promised,
    Deposited,
}

impl Count {
    const fn name(self) -> &'static str {
        match self {
            Self::Promised => "promised",
            Self::Deposited => "deposited",
        }
    }
}

/// What a call is about to spend.
pub(crate) struct Spending<'a> {
    pub(crate) count: Count,
    pub(crate) beneficiary: Option<Address>,
    pub(crate) units: &'a Units,
}

/// A call, as far as it must not happen twice.
pub(crate) struct Once<'a> {
    pub(crate) method: &'static str,
    pub(crate) key: Option<String>,
    /// What is asked for, with all that was left out filled in.
    pub(crate) content: &'a [&'a dyn std::fmt::Display],
}

/// A hash of texts of which none can be taken for a part of another.
fn hash_of(parts: &[&dyn std::fmt::Display]) -> B256 {
    let mut all = Vec::new();
    for part in parts {
        let text = part.to_string();
        all.extend_from_slice(&text.len().to_be_bytes());
        all.extend_from_slice(text.as_bytes());
    }
    keccak256(all)
}

/// The request of a call: with its key, and with what it counts.
///
/// # Errors
///
/// [`Refusal::LimitReached`] if a limit has a unit that the asset does not have.
pub(crate) fn request(
    now: u64,
    caller: &Caller,
    once: &Once<'_>,
    spending: Option<&Spending<'_>>,
    all: &Most,
) -> Result<Request, Problem> {
    let mut request = Request::new(now);
    if let Some(key) = &once.key {
        let name = hash_of(&[&caller.id(), &once.method, key]);
        request = request.once(name, hash_of(once.content));
    }
    let Some(spending) = spending else { return Ok(request) };
    let own = caller.token.as_ref().map(|token| (token.hash, &token.most));
    // The first counter is everybody's.
    for (whose, most) in [(B256::ZERO, all)].into_iter().chain(own) {
        request = limited(request, whose, most, spending)?;
    }
    Ok(request)
}

fn limited(mut request: Request, whose: B256, most: &Most, spending: &Spending<'_>) -> Result<Request, Problem> {
    let Spending { count, beneficiary, units } = spending;
    let read = |limit: &Option<String>| -> Result<Option<U256>, Problem> {
        let Some(text) = limit else { return Ok(None) };
        let unusable = |error: &dyn std::fmt::Display| {
            Problem::new(Refusal::LimitReached, format!("the limit of {text} cannot be applied: {error}"))
        };
        let written = text.parse::<Written>().map_err(|error| unusable(&error))?;
        written.of(units).map(Some).map_err(|failure| unusable(&failure.message))
    };
    let asset = units.asset();
    if let Some(max) = read(&most.per_call)? {
        request = request.at_most(max);
    }
    if let Some(max) = read(&most.per_day)? {
        request = request.limit(Limit { counter: hash_of(&[&whose, &count.name(), &asset]), max });
    }
    if let (Some(max), Some(beneficiary)) = (read(&most.per_beneficiary)?, beneficiary) {
        request = request.limit(Limit { counter: hash_of(&[&whose, &count.name(), &asset, beneficiary]), max });
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::service::tokens::Token;

    fn caller(hash: u8, most: Most) -> Caller {
        let token = Token {
            name: "a".into(),
            hash: B256::repeat_byte(hash),
            scopes: std::collections::BTreeSet::new(),
            created: 0,
            expires: None,
            most,
        };
        Caller { token: Some(Arc::new(token)) }
    }

    fn most(call: Option<&str>, beneficiary: Option<&str>, day: Option<&str>) -> Most {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Most { per_call: own(call), per_beneficiary: own(beneficiary), per_day: own(day) }
    }

    fn spending() -> Spending<'static> {
        let beneficiary = Some(Address::repeat_byte(1));
        Spending { count: Count::Promised, beneficiary, units: &Units::ETHER }
    }

    fn asked(caller: &Caller, key: Option<&str>, amount: u64, all: &Most) -> Result<Request, Problem> {
        let (key, amount_text) = (key.map(str::to_owned), amount.to_string());
        let once = Once { method: "chequebook_issue", key, content: &[&amount_text] };
        request(7, caller, &once, Some(&spending()), all)
    }

    #[test]
    fn the_least_of_what_a_call_may_spend_counts() {
        let of = |token, service| asked(&caller(1, most(token, None, None)), None, 5, &most(service, None, None));
        assert_eq!(of(Some("5wei"), None).unwrap(), Request::new(7).at_most(U256::from(5)));
        for (token, service) in [("6wei", "5wei"), ("5wei", "6wei")] {
            assert_eq!(of(Some(token), Some(service)).unwrap(), Request::new(7).at_most(U256::from(5)));
        }
        assert!(of(Some("5units"), None).is_err(), "ether has no such unit");
    }

    #[test]
    fn keys_belong_to_a_caller_and_limits_to_their_owner() {
        let all = most(None, Some("9wei"), Some("10wei"));
        let of = |hash, key, amount| asked(&caller(hash, Most::default()), Some(key), amount, &all).unwrap();
        assert_eq!(of(1, "k", 1), of(1, "k", 1));
        assert_ne!(of(1, "k", 1), of(2, "k", 1), "another token");
        assert_ne!(of(1, "k", 1), of(1, "l", 1), "another key");
        assert_ne!(of(1, "k", 1), of(1, "k", 2), "another content");
        // Without a key only the counters are left: those of everybody are the same for all.
        let without = |hash, most| asked(&caller(hash, most), None, 1, &all).unwrap();
        assert_eq!(without(1, Most::default()), without(2, Most::default()));
        let own = || most(None, None, Some("3wei"));
        assert_ne!(without(1, own()), without(2, own()));
    }

    #[test]
    fn no_text_is_a_part_of_another() {
        assert_ne!(hash_of(&[&"ab", &"c"]), hash_of(&[&"a", &"bc"]));
        assert_ne!(hash_of(&[&"a", &""]), hash_of(&[&"a"]));
    }
}
