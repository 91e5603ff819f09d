//! What a cashier remembers of contracts, so that nobody makes it ask the same twice. All of it is bounded.

use std::{num::NonZeroUsize, time::Duration};

use alloy::primitives::Address;
use chequebook::{Error as ChequeError, Terms};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Error;

/// What is remembered.
pub(super) struct Known {
    /// The terms of proven chequebooks, which never change.
    terms: Mutex<LruCache<Address, Terms>>,
    refused: Mutex<LruCache<Address, Refused>>,
    refused_for: Duration,
}

struct Refused {
    until: Instant,
    error: Error,
}

impl Known {
    pub(super) fn new(capacity: usize, refused_for: Duration) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Self { terms: Mutex::new(LruCache::new(capacity)), refused: Mutex::new(LruCache::new(capacity)), refused_for }
    }

    pub(super) fn terms(&self, contract: Address) -> Option<Terms> {
        self.terms.lock().get(&contract).copied()
    }

    pub(super) fn remember(&self, contract: Address, terms: Terms) {
        self.terms.lock().put(contract, terms);
    }

    /// Refuses a contract that was refused not long ago.
    pub(super) fn check(&self, contract: Address) -> Result<(), Error> {
        let mut refused = self.refused.lock();
        match refused.get(&contract) {
            Some(Refused { until, error }) if *until > Instant::now() => Err(error.again()),
            Some(_) => {
                refused.pop(&contract);
                Ok(())
            }
            None => Ok(()),
        }
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
        if let Some(until) = Instant::now().checked_add(self.refused_for)
            && is_about_contract
        {
            self.refused.lock().put(contract, Refused { until, error: error.again() });
        }
    }
}
