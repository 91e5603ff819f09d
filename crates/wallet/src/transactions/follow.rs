//! How transactions are followed until their outcome is final, which takes evidence.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, keccak256},
    rpc::types::Log,
};
use tokio::{task::JoinSet, time::timeout};

use super::{
    account::{Account, Followed},
    decide::{Standing, Step, step},
    kept::slot_of,
    send::Why,
    slots::{does_nothing, unsigned},
    status::{Id, Status},
};
use crate::{
    Error,
    answer::{Refusal, RefusalKind},
    chain::{Head, Look, Ticket},
    store::schema::{TransactionRow, history_key},
};

/// How many transactions are checked and sent again at each look: those that can be included first.
const AHEAD: usize = 16;
/// How long a look waits for what it set going.
const GRACE: Duration = Duration::from_secs(1);
/// How many unused nonces are filled at each look.
const FILLED: usize = 4;

impl Account {
    /// Asks the chain for the outcome of all transactions that are not final, and sends lost ones again. Callers that ask
    /// meanwhile share the next answer.
    pub(crate) async fn advance(&self) -> Result<(), Error> {
        let called = self.watcher.ticket();
        let look = self.watcher.look(Duration::ZERO).await?;
        self.follow(called, look).await
    }

    /// The same at a look that was just made.
    pub(crate) async fn follow(&self, called: Ticket, look: Look) -> Result<(), Error> {
        let mut last = self.following.lock().await;
        if last.began > called {
            return Ok(());
        }
        let depth = self.depth(&last, look).await?;
        self.follow_all(look, depth).await?;
        self.state.lock().branch = look.branch;
        let confirmed = Some((look.confirmed.number, look.confirmed.hash));
        *last = Followed { began: look.began, branch: look.branch, confirmed };
        Ok(())
    }

    async fn depth(&self, last: &Followed, look: Look) -> Result<Depth, Error> {
        let (is_first, reorganised) = (last.confirmed.is_none(), look.branch != last.branch);
        let before = last.confirmed.or(self.watcher.confirmed_before());
        Ok(match (is_first || reorganised) && self.is_deep(before, look).await? {
            true => Depth::Final,
            false if reorganised => Depth::NotFinal,
            false => Depth::None,
        })
    }

    async fn follow_all(&self, look: Look, depth: Depth) -> Result<(), Error> {
        let accounts: BTreeSet<Address> = {
            let state = self.state.lock();
            let closed = state.closed.keys().filter(|_| depth != Depth::None);
            state.open.keys().chain(closed).map(|(account, _)| *account).collect()
        };
        if accounts.is_empty() {
            return Ok(());
        }
        // A node may count a nonce of its newest block before it has the receipt.
        let settled = if look.confirmed.number < look.head.number {
            look.confirmed
        } else {
            self.chain.block(look.head.number.saturating_sub(1)).await?
        };
        // A failure for one account must not stop the others.
        let mut result = Ok(());
        for account in accounts {
            result = result.and(self.follow_account(account, look, settled, depth).await);
        }
        result
    }

    async fn follow_account(&self, account: Address, look: Look, settled: Head, depth: Depth) -> Result<(), Error> {
        let (used, used_for_good) =
            tokio::join!(self.chain.nonce(account, look.head.id()), self.chain.nonce(account, settled.id()));
        let used = used?;
        // Old state may be pruned: then nothing is searched for, and all else goes on.
        let (used_for_good, mut result) = match used_for_good {
            Ok(used) => (used, Ok(())),
            Err(error) => {
                tracing::warn!(%account, %error, "could not read what is final");
                (0, if depth == Depth::Final { Err(error) } else { Ok(()) })
            }
        };
        if depth != Depth::None {
            self.reopen_unused(account, used);
        }
        if depth == Depth::Final && result.is_ok() {
            result = self.reopen_moved(account, used, used_for_good, look, settled).await;
        }
        let ids: Vec<Id> = {
            let state = self.state.lock();
            state.open.range((account, 0)..=(account, u64::MAX)).map(|(&id, _)| id).collect()
        };
        let (waiting, past): (Vec<Id>, Vec<Id>) = ids.into_iter().partition(|id| id.1 >= used);
        for id in past {
            let search = (used_for_good > id.1).then_some(settled);
            result = result.and(self.settle(id, look, search).await);
        }
        let mut helpers = JoinSet::new();
        for (index, &id) in waiting.iter().take(AHEAD).enumerate() {
            let blocks_others = waiting.len() > index.saturating_add(1);
            result = result.and(self.push(id, id.1 == used, blocks_others, look.head, &mut helpers).await);
        }
        if account == self.address() {
            self.fill_gaps(used, &waiting, look.head, &mut helpers);
        }
        // Whoever waits sees what was done, unless a signer or a store takes its time. They go on all the same.
        let all = async { while helpers.join_next().await.is_some() {} };
        let _ = timeout(GRACE, all).await;
        helpers.detach_all();
        self.block(account, &waiting);
        result
    }

    /// Tells those that wait behind one that the node refuses.
    fn block(&self, account: Address, waiting: &[Id]) {
        let mut state = self.state.lock();
        let first = waiting.first().and_then(|id| Some((*id, state.open.get(id)?)));
        let blocked = first.and_then(|((_, nonce), slot)| match (slot.status, &slot.refusal) {
            (Status::Refused(_), Some(refusal)) => Some((nonce, refusal.clone())),
            _ => None,
        });
        for (id, slot) in state.open.range_mut((account, 0)..=(account, u64::MAX)) {
            let behind = blocked.clone().filter(|(nonce, _)| *nonce < id.1);
            if slot.blocked != behind {
                slot.blocked = behind;
                slot.publish();
            }
        }
    }

    /* NOT USED YET */

    /// Makes sure that the node has a transaction whose nonce is not used, and that it offers enough.
    async fn push(
        &self,
        id: Id,
        is_next: bool,
        blocks_others: bool,
        head: Head,
        helpers: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        let standing = self.with(id, |slot| {
            if is_next && !slot.was_next {
                slot.since = Some(head.number);
            }
            slot.was_next = is_next;
            slot.used_at = None;
            if matches!(slot.status, Status::Included { .. } | Status::Unknown) {
                slot.set(Status::Pending, None); // a reorganisation dropped it
            }
            let since = *slot.since.get_or_insert(head.number);
            Ok::<_, Error>((slot.durable > 0 && !slot.is_busy).then_some(Standing {
                offer: slot.offer(id)?,
                is_next,
                is_accepted: slot.is_accepted,
                is_full: slot.is_full(),
                is_unpayable: slot.status == Status::Refused(RefusalKind::Funds),
                is_cancelled: slot.row.cancelled,
                blocks_others,
                since,
            }))
        })??;
        let Some(standing) = standing else { return Ok(()) };
        let mut step = step(standing, head.base_fee, head.number, self.config.reprice_after);
        if step == Step::Check {
            if self.is_known(id, head).await? {
                return Ok(());
            }
            step = Step::Send;
        }
        // A signer, a store or a node may take its time, and nobody else is to wait for them.
        let (Some(this), true) = (self.this.upgrade(), self.begin(id)) else { return Ok(()) };
        helpers.spawn(async move {
            let busy = Busy(Arc::clone(&this), id);
            if let Err(error) = this.help(id, step, head).await {
                tracing::warn!(nonce = id.1, %error, "could not help a transaction, will try again");
            }
            drop(busy);
        });
        Ok(())
    }

    /// Notes that something is being done about a transaction. False if it is already.
    fn begin(&self, id: Id) -> bool {
        self.with(id, |slot| !std::mem::replace(&mut slot.is_busy, true)).unwrap_or(false)
    }

    async fn help(&self, id: Id, step: Step, head: Head) -> Result<(), Error> {
        let mut was_full = false;
        match step {
            Step::Check | Step::Send => {}
            Step::Raise => {
                was_full = self.with(id, |slot| slot.is_full())?;
                if !self.raise(id, if was_full { Why::Full } else { Why::Late }).await? {
                    let offer = self.with(id, |slot| {
                        slot.since = Some(head.number);
                        slot.offer(id)
                    })??;
                    if head.base_fee > offer.max_fee {
                        let (base, max) = (head.base_fee, offer.max_fee);
                        let message = format!("the base fee is {base} wei, and {max} is the most that may be offered");
                        return self.report(id, Refusal { kind: RefusalKind::BelowMinimum, message });
                    }
                    tracing::warn!(nonce = id.1, "a transaction waits, and may offer no more");
                }
            }
            Step::Cancel => {
                tracing::warn!(nonce = id.1, "cancels a transaction that cannot be paid, since others wait behind it");
                return self.replace_with_nothing(id).await;
            }
        }
        self.broadcast(id).await;
        // Blocks came without it, and the pool is still full: who waits is told.
        match self.with(id, |slot| slot.refusal.clone().filter(|_| slot.is_full()))? {
            Some(refusal) if was_full => self.report(id, refusal),
            _ => Ok(()),
        }
    }

    /// Whether the node has a transaction. One that it lost is told to who waits.
    async fn is_known(&self, id: Id, head: Head) -> Result<bool, Error> {
        let asked = self.with(id, |slot| {
            // The one that all others wait for is checked at each look, the others with each block.
            let is_checked = !slot.was_next && slot.checked == Some(head.hash) && slot.status == Status::Pending;
            slot.sendable().filter(|_| !is_checked).cloned()
        })?;
        let Some(raw) = asked else { return Ok(true) };
        let known = self.chain.knows(keccak256(&raw)).await?;
        self.with(id, |slot| {
            slot.checked = Some(head.hash);
            slot.set(if known { Status::Pending } else { Status::Dropped }, None);
        })?;
        Ok(known)
    }

    /* USED */

    /// Looks for the outcome of a transaction whose nonce is used: by one of its variants, or by something else. With
    /// `search`, the nonce is used in a block that counts as final.
    async fn settle(&self, id: Id, look: Look, search: Option<Head>) -> Result<(), Error> {
        let Some(row) = self.with(id, |slot| {
            slot.used_at.get_or_insert(look.head.number);
            // Without a new block, what is included stays included.
            let is_known = slot.checked == Some(look.head.hash) && matches!(slot.status, Status::Included { .. });
            (!is_known).then(|| slot.row.clone())
        })?
        else {
            return Ok(());
        };
        if let Some((status, logs)) = self.receipt(id, &row, look).await? {
            self.with(id, |slot| slot.checked = Some(look.head.hash))?;
            return self.conclude(id, row, status, &logs).await;
        }
        let Some(settled) = search else { return Ok(()) };
        let searched = self.with(id, |slot| slot.searched.replace(look.head.hash))?;
        if searched == Some(look.head.hash) {
            return Ok(());
        }
        // Without a receipt, only what else used the nonce proves that it failed.
        let taken = match self.chain.taken(id.0, id.1, &settled).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(nonce = id.1, %error, "could not find what used the nonce of a transaction");
                None
            }
        };
        let ours = |hash: B256| row.variants.iter().any(|raw| keccak256(raw) == hash);
        match taken {
            Some(taken) if !ours(taken.by) => {
                let status = Status::Replaced { block: taken.block, hash: taken.by };
                self.conclude(id, row, status, &[]).await
            }
            // Ours was included, and its receipt will come. Or nothing was found, and nothing is known.
            _ => self.with(id, |slot| slot.set(Status::Unknown, None)),
        }
    }

    /// What the receipt of one of its variants says, and its events.
    pub(super) async fn receipt(
        &self,
        id: Id,
        row: &TransactionRow,
        look: Look,
    ) -> Result<Option<(Status, Vec<Log>)>, Error> {
        for raw in row.variants.iter().rev() {
            let hash = keccak256(raw);
            let Some(receipt) = self.chain.receipt(hash).await? else { continue };
            let (block, cancelled) = (receipt.block, does_nothing(id.0, &unsigned(id, raw)?));
            let success = receipt.success && (!cancelled || !row.cancelled);
            // A node may still have the receipt of a block that a reorganisation dropped.
            if block > look.head.number || self.chain.block(block).await?.hash != receipt.block_hash {
                continue;
            }
            if block > look.confirmed.number {
                return Ok(Some((Status::Included { block, success }, Vec::new())));
            }
            let status = match (receipt.success, cancelled && row.cancelled) {
                (true, true) => Status::Cancelled { block, hash },
                (true, false) => Status::Confirmed { block, hash },
                (false, _) => Status::Reverted { block, hash },
            };
            return Ok(Some((status, receipt.logs)));
        }
        Ok(None)
    }

    /* GAPS */

    /// Fills nonces that nothing uses, so that those behind them are included: what used them was evicted, or a node
    /// counted what was never there.
    fn fill_gaps(&self, used: u64, waiting: &[Id], head: Head, helpers: &mut JoinSet<()>) {
        let account = self.address();
        let Some(last) = waiting.last() else { return };
        let missing: Vec<u64> =
            (used..last.1).filter(|nonce| !waiting.contains(&(account, *nonce))).take(FILLED).collect();
        let due: Vec<u64> = {
            let mut state = self.state.lock();
            state.gaps.retain(|id, _| missing.contains(&id.1));
            let seen = missing.into_iter().filter(|nonce| {
                let since = *state.gaps.entry((account, *nonce)).or_insert(head.number);
                head.number > since // seen at two blocks at least
            });
            seen.collect()
        };
        if due.is_empty() || std::mem::replace(&mut self.state.lock().is_filling, true) {
            return;
        }
        let Some(this) = self.this.upgrade() else { return };
        helpers.spawn(async move {
            let filling = Filling(Arc::clone(&this));
            for nonce in due {
                if let Err(error) = this.fill_gap(nonce, head).await {
                    tracing::warn!(nonce, %error, "could not fill a nonce, will try again");
                    break;
                }
            }
            drop(filling);
        });
    }

    async fn fill_gap(self: &Arc<Self>, nonce: u64, head: Head) -> Result<(), Error> {
        let id = (self.address(), nonce);
        let Some(row) = self.ledger.get::<TransactionRow>(&history_key(id.0, id.1)).await? else {
            tracing::warn!(nonce, "nothing uses a nonce that others wait for: fills it");
            return self.fill(nonce, &head).await;
        };
        self.load_automatic(row.purpose).await?;
        let mut slot = slot_of(id, row)?;
        (slot.row.outcome, slot.since) = (None, Some(head.number));
        slot.set(Status::Dropped, None);
        let mut state = self.state.lock();
        state.closed.remove(&id);
        self.store_again(&mut state, id, &mut slot);
        state.open.insert(id, slot);
        drop(state);
        Ok(())
    }
}

/// How much of what was known a reorganisation has dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    None,
    NotFinal,
    /// Also blocks that were final.
    Final,
}

/// Ends with what is done about a transaction, also if that panics.
struct Busy(Arc<Account>, Id);

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.with(self.1, |slot| slot.is_busy = false); // it may be final meanwhile
    }
}

/// Ends with the filling of gaps, also if that panics.
struct Filling(Arc<Account>);

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.state.lock().is_filling = false;
    }
}
