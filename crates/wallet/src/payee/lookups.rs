//! Unknown chequebooks that are looked up together, so that strangers cost few questions.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::Address;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{inbox::Inbox, policy::Policy};
use crate::{Error, wallet::Wallet};

/// How many are looked up at once.
const TOGETHER: usize = 500;

type Answer = oneshot::Sender<Result<Inbox, Error>>;
/// A chequebook and a beneficiary.
type Line = (Address, Address);

/// Unknown chequebooks that wait to be looked up.
#[derive(Default)]
pub(super) struct Lookups {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(Line, Answer)>,
    is_running: bool,
}

/// The task that looks them up. If it ends before its time, whoever waits is told.
struct Running {
    lookups: Arc<Lookups>,
    has_ended: bool,
}

impl Running {
    fn end(&mut self) {
        self.has_ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended {
            return; // whoever came since has begun another
        }
        let mut queue = self.lookups.queue.lock();
        queue.is_running = false;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(waiting); // tells who waits
    }
}

impl Lookups {
    /// Opens an inbox of a chequebook that is not known, together with others.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], and those of [`Inbox::open`].
    pub(super) async fn open(
        self: &Arc<Self>,
        wallet: &Wallet,
        line: Line,
        policy: Policy,
        max: usize,
    ) -> Result<Inbox, Error> {
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut queue = self.queue.lock();
            if queue.waiting.len() >= max {
                return Err(Error::Busy { max });
            }
            queue.waiting.push((line, answer));
            !std::mem::replace(&mut queue.is_running, true)
        };
        if begins {
            let mut running = Running { lookups: Arc::clone(self), has_ended: false };
            let wallet = wallet.downgrade();
            // A task, because whoever waits may be dropped. It holds the wallet for one batch only.
            tokio::spawn(async move {
                while let Some(batch) = running.lookups.next() {
                    let Some(wallet) = wallet.upgrade() else { return };
                    look_up(&wallet, batch, policy).await;
                }
                running.end();
            });
        }
        answered.await.map_err(|_| Error::ShutDown)?
    }

    /// What is looked up next. If nothing waits, the task ends.
    fn next(&self) -> Option<BTreeMap<Line, Vec<Answer>>> {
        let mut queue = self.queue.lock();
        let count = queue.waiting.len().min(TOGETHER);
        let mut batch: BTreeMap<Line, Vec<Answer>> = BTreeMap::new();
        for (line, answer) in queue.waiting.drain(..count) {
            batch.entry(line).or_default().push(answer);
        }
        queue.is_running = !batch.is_empty();
        queue.is_running.then_some(batch)
    }
}

async fn look_up(wallet: &Wallet, batch: BTreeMap<Line, Vec<Answer>>, policy: Policy) {
    let lines: Vec<Line> = batch.keys().copied().collect();
    let opened = Inbox::open_strangers(wallet, &lines, policy).await;
    let mut opened = match opened {
        Ok(opened) => opened.into_iter(),
        Err(error) => {
            for answer in batch.into_values().flatten() {
                let _ = answer.send(Err(error.again())); // its caller may be dropped
            }
            return;
        }
    };
    for answers in batch.into_values() {
        let inbox = opened.next().unwrap_or(Err(Error::ShutDown));
        for answer in answers {
            let _ = answer.send(match &inbox {
                Ok(inbox) => Ok(inbox.clone()),
                Err(error) => Err(error.again()),
            });
        }
    }
}
