//! What a cashier remembers of contracts, so that nobody makes it ask the same twice. All of it is bounded, and believed
//! for a while: it is what one node said once.

use std::time::Duration;

use alloy::primitives::Address;
use chequebook::{Error as ChequeError, Terms};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Error;

/// What is remembered.
pub(super) struct Known {
    /// The terms of proven chequebooks.
    terms: Mutex<LruCache<Address, Remembered<Terms>>>,
    refused: Mutex<LruCache<Address, Remembered<Error>>>,
    /// How many of each.
    capacity: usize,
    believed_for: Duration,
}

/// What is believed.
struct Remembered<T> {
    /// `None`: for ever.
    until: Option<Instant>,
    what: T,
}

impl Known {
    pub(super) fn new(capacity: usize, believed_for: Duration) -> Self {
        let (terms, refused) = (Mutex::new(LruCache::unbounded()), Mutex::new(LruCache::unbounded()));
        Self { terms, refused, capacity, believed_for }
    }

    pub(super) fn terms(&self, contract: Address) -> Option<Terms> {
        believed(&mut self.terms.lock(), contract, |terms| *terms)
    }

    pub(super) fn remember(&self, contract: Address, terms: Terms) {
        self.put(&self.terms, contract, terms);
    }

    /// Refuses a contract that was refused not long ago.
    pub(super) fn check(&self, contract: Address) -> Result<(), Error> {
        believed(&mut self.refused.lock(), contract, Error::again).map_or(Ok(()), Err)
    }

    /// Remembers a refusal that has nothing to do with the cheque or the node.
    pub(super) fn refuse(&self, contract: Address, error: &Error) {
        let is_about_contract = matches!(
            error,
            Error::NoCode { .. }
                | Error::NotGenuine { .. }
                | Error::Dead { .. }
                | Error::Cheque(ChequeError::Unproven { .. } | ChequeError::WrongAsset { .. })
        );
        if is_about_contract {
            self.put(&self.refused, contract, error.again());
        }
    }

    fn put<T>(&self, all: &Mutex<LruCache<Address, Remembered<T>>>, contract: Address, what: T) {
        if self.capacity == 0 {
            return;
        }
        let mut all = all.lock();
        all.put(contract, Remembered { until: Instant::now().checked_add(self.believed_for), what });
        if all.len() > self.capacity {
            all.pop_lru();
        }
    }
}

/// What is remembered of a contract, unless that was too long ago.
fn believed<T, U>(
    all: &mut LruCache<Address, Remembered<T>>,
    contract: Address,
    read: impl FnOnce(&T) -> U,
) -> Option<U> {
    let Remembered { until, what } = all.get(&contract)?;
    if until.is_none_or(|until| Instant::now() < until) {
        return Some(read(what));
    }
    all.pop(&contract);
    None
}
