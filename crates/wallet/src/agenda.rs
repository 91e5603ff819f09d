//! Which chequebooks are to be looked at, and when, so that nobody looks at all the others. It knows no chequebook.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
};

use alloy::primitives::Address;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

/// Which chequebooks are to be looked at, and when.
#[derive(Default)]
pub(crate) struct Agenda {
    entries: Mutex<Entries>,
    wake: Notify,
    /// Whether somebody looks.
    is_kept: AtomicBool,
}

#[derive(Default)]
struct Entries {
    now: BTreeSet<Address>,
    /// Each chequebook at most once: at the earliest time.
    later: BTreeSet<(Instant, Address)>,
    times: BTreeMap<Address, Instant>,
    /// Those where something waits for another block.
    blocks: BTreeSet<Address>,
}

impl Agenda {
    /// Whether the caller is the first who is to keep it.
    pub(crate) fn begin(&self) -> bool {
        !self.is_kept.swap(true, Ordering::Relaxed)
    }

    /// As soon as possible.
    pub(crate) fn now(&self, contract: Address) {
        self.entries.lock().now.insert(contract);
        self.wake.notify_one();
    }

    /// As soon as possible, all of them.
    pub(crate) fn all_now(&self, contracts: BTreeSet<Address>) {
        self.entries.lock().now.extend(contracts);
    }

    /// At a time, or earlier.
    pub(crate) fn at(&self, time: Instant, contract: Address) {
        let mut entries = self.entries.lock();
        match entries.times.get(&contract).copied() {
            Some(before) if before <= time => return,
            Some(before) => _ = entries.later.remove(&(before, contract)),
            None => {}
        }
        entries.later.insert((time, contract));
        entries.times.insert(contract, time);
        drop(entries);
        self.wake.notify_one();
    }

    /// Whether it is looked at with each block.
    pub(crate) fn with_blocks(&self, contract: Address, on: bool) {
        let blocks = &mut self.entries.lock().blocks;
        if on {
            blocks.insert(contract)
        } else {
            blocks.remove(&contract)
        };
    }

    /// There is another block.
    pub(crate) fn block(&self) {
        let mut entries = self.entries.lock();
        let Entries { now, blocks, .. } = &mut *entries;
        now.extend(blocks.iter());
    }

    /// Forgets a chequebook.
    pub(crate) fn remove(&self, contract: Address) {
        let mut entries = self.entries.lock();
        entries.now.remove(&contract);
        entries.blocks.remove(&contract);
        if let Some(time) = entries.times.remove(&contract) {
            entries.later.remove(&(time, contract));
        }
    }

    /// What is to be looked at, each once.
    pub(crate) fn take(&self, now: Instant) -> BTreeSet<Address> {
        let mut entries = self.entries.lock();
        let mut due = std::mem::take(&mut entries.now);
        while let Some(&(time, contract)) = entries.later.first().filter(|(time, _)| *time <= now) {
            entries.later.remove(&(time, contract));
            entries.times.remove(&contract);
            due.insert(contract);
        }
        due
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.lock().later.first().map(|(time, _)| *time)
    }

    /// Waits until something is added.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn book(byte: u8) -> Address {
        Address::repeat_byte(byte)
    }

    #[test]
    fn each_is_due_once_at_its_earliest_time() {
        let (agenda, start) = (Agenda::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        agenda.at(after(5), book(1));
        agenda.at(after(3), book(1));
        agenda.at(after(9), book(1));
        agenda.at(after(4), book(2));
        assert_eq!(agenda.next(), Some(after(3)));
        assert_eq!(agenda.take(after(2)), [].into());
        assert_eq!(agenda.take(after(3)), [book(1)].into());
        agenda.now(book(2));
        agenda.now(book(2));
        assert_eq!(agenda.take(after(4)), [book(2)].into());
        assert_eq!(agenda.take(after(99)), [].into());
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn what_waits_for_blocks_is_due_with_each_until_it_does_not() {
        let agenda = Agenda::default();
        agenda.with_blocks(book(1), true);
        assert_eq!(agenda.take(Instant::now()), [].into());
        for _ in 0..2 {
            agenda.block();
            assert_eq!(agenda.take(Instant::now()), [book(1)].into());
        }
        agenda.with_blocks(book(1), false);
        agenda.block();
        assert_eq!(agenda.take(Instant::now()), [].into());
    }

    #[test]
    fn what_is_forgotten_is_not_due() {
        let (agenda, now) = (Agenda::default(), Instant::now());
        agenda.now(book(1));
        agenda.at(now, book(1));
        agenda.with_blocks(book(1), true);
        agenda.remove(book(1));
        agenda.block();
        assert_eq!((agenda.take(now), agenda.next()), ([].into(), None));
    }
}
