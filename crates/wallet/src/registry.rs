//! What is open once for all who use it, by address.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Weak},
};

use alloy::primitives::Address;
use parking_lot::Mutex;

type Anything = dyn Any + Send + Sync;

/// Values of any one type, by address, while somebody uses them.
#[derive(Default)]
pub(crate) struct Registry(Mutex<HashMap<Address, Weak<Anything>>>);

impl Registry {
    /// The value of an address, if there is one of this type.
    pub(crate) fn find<T: Any + Send + Sync>(&self, address: Address) -> Option<Arc<T>> {
        self.0.lock().get(&address)?.upgrade()?.downcast().ok()
    }

    /// Adds a value, unless another task has added one. Returns the one that stays. Whoever drops the last use of a value
    /// calls [`forget`](Self::forget).
    pub(crate) fn insert<T: Any + Send + Sync>(&self, address: Address, new: Arc<T>) -> Arc<T> {
        let mut all = self.0.lock();
        if let Some(found) = all.get(&address).and_then(Weak::upgrade).and_then(|found| found.downcast().ok()) {
            return found;
        }
        let anything: Arc<Anything> = new.clone();
        all.insert(address, Arc::downgrade(&anything));
        new
    }

    /// Forgets a value that nobody uses any more.
    pub(crate) fn forget(&self, address: Address) {
        let mut all = self.0.lock();
        if all.get(&address).is_some_and(|value| value.strong_count() == 0) {
            all.remove(&address);
        }
    }
}
