//! What is open once for all who use it, by address.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Weak},
};

use alloy::primitives::Address;
use parking_lot::Mutex;

type Anything = dyn Any + Send + Sync;

/// From how many values on it is looked for those that nobody uses any more.
const SWEEP: usize = 64;

/// Values of any one type, by address, while somebody uses them.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Values>);

#[derive(Default)]
struct Values {
    by_address: HashMap<Address, Weak<Anything>>,
    /// At how many it is looked for those that nobody uses any more.
    sweep_at: usize,
}

impl Registry {
    /// The value of an address, if there is one of this type.
    pub(crate) fn find<T: Any + Send + Sync>(&self, address: Address) -> Option<Arc<T>> {
        self.0.lock().by_address.get(&address)?.upgrade()?.downcast().ok()
    }

    /// Adds a value, unless another task has added one. Returns the one that stays.
    pub(crate) fn insert<T: Any + Send + Sync>(&self, address: Address, new: Arc<T>) -> Arc<T> {
        let mut values = self.0.lock();
        let Values { by_address, sweep_at } = &mut *values;
        if by_address.len() >= *sweep_at {
            by_address.retain(|_, value| value.strong_count() > 0);
            *sweep_at = by_address.len().saturating_mul(2).max(SWEEP);
        }
        if let Some(found) = by_address.get(&address).and_then(Weak::upgrade).and_then(|found| found.downcast().ok()) {
            return found;
        }
        let anything: Arc<Anything> = new.clone();
        by_address.insert(address, Arc::downgrade(&anything));
        new
    }
}
