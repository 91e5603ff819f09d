//! Which block is the newest that is believed, and how old it is.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::Address;
use chequebook::Asset;
use tokio::time::Instant;

use super::{
    blocks::{Look, Ticket},
    node::Head,
    view::Verdict,
    watched::WatchedChequebook,
    watcher::ChainWatcher,
};
use crate::{
    Error,
    events::Event,
    store::{
        Batch,
        schema::{ViewRow, view_key},
    },
};

/// How many blocks are walked back at most to compare two branches.
const WALK: u64 = 64;
/// How often the view is made durable at most.
const REMEMBER: Duration = Duration::from_secs(15);

const fn row_of(look: &Look) -> ViewRow {
    let Look { head, confirmed, .. } = look;
    ViewRow { number: head.number, hash: head.hash, confirmed: confirmed.number, confirmed_hash: confirmed.hash }
}

impl ChainWatcher {
    /// The last look, if it is no older than `max_age`; otherwise a new one, which begins after this call.
    pub(crate) async fn look(&self, max_age: Duration) -> Result<Look, Error> {
        let called = self.ticket();
        if let Some(last) = self.last().filter(|last| !max_age.is_zero() && last.at.elapsed() <= max_age) {
            return Ok(last);
        }
        self.look_since(called).await
    }

    /// A look that began after this ticket was drawn.
    pub(crate) async fn look_since(&self, called: Ticket) -> Result<Look, Error> {
        let fresh = |look: &Look| look.began > called;
        if let Some(last) = self.last().filter(fresh) {
            return Ok(last);
        }
        let _looking = self.looking.lock().await;
        if let Some(last) = self.last().filter(fresh) {
            return Ok(last);
        }
        self.look_now().await
    }

    /// A ticket that is above all before.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    /// The last look, of any age.
    pub(crate) fn last(&self) -> Option<Look> {
        *self.last.lock()
    }

    /// Checks that the newest block is recent enough to decide on, by the clock of this machine.
    pub(crate) fn check_age(&self) -> Result<(), Error> {
        let (Some(max), Some(Look { head, .. })) = (self.config.max_head_age, self.last()) else { return Ok(()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_secs(head.timestamp));
        // A clock that is behind, ours or that of the chain, hides no stall.
        let unchanged = self.advanced.lock().map_or(Duration::ZERO, |at| at.elapsed());
        let age = age.max(unchanged);
        if age > max { Err(Error::StaleHead { number: head.number, age, max }) } else { Ok(()) }
    }

    async fn look_now(&self) -> Result<Look, Error> {
        let (began, at) = (self.ticket(), Instant::now());
        let found = self.chain.head().await?;
        let head = self.follow(found).await?;
        let before = self.last().filter(|last| last.head.hash == head.hash);
        let confirmed = match before {
            Some(last) => last.confirmed,
            None => self.confirmed(head).await?,
        };
        let look = Look { head, confirmed, branch: self.view.lock().branch(), began, at };
        let behind = self.all().into_iter().filter(|one| one.read(|seen| seen.head.hash != head.hash));
        // Nobody waits for those that could not be read before: they may take as long as the time limits allow.
        let (failing, sound): (Vec<_>, Vec<_>) = behind.partition(|one| one.is_failing());
        self.retry(failing, look);
        for (watched, seen) in self.read_all(&sound, look).await {
            self.settle(&watched, seen);
        }
        if before.is_none() {
            *self.advanced.lock() = Some(at);
            self.news.block();
        }
        *self.last.lock() = Some(look);
        self.remember(look);
        self.news.publish();
        Ok(look)
    }

    /// Reads chequebooks again while nobody waits: those of one token together, because it may fail for all of them, and
    /// each other one for itself.
    fn retry(&self, failing: Vec<Arc<WatchedChequebook>>, look: Look) {
        let mut groups: BTreeMap<(Option<Address>, Option<Address>), Vec<_>> = BTreeMap::new();
        for watched in failing {
            let group = match watched.asset() {
                Asset::Token(token) => (Some(token), None),
                Asset::Ether => (None, Some(watched.contract)),
            };
            groups.entry(group).or_default().push(watched);
        }
        for (_, mut group) in groups {
            let Some(this) = self.this.upgrade() else { return };
            group.retain(|watched| !watched.is_retried.swap(true, Ordering::Relaxed));
            // Each time another one is first: one that uses up the gas of those behind it does so to others.
            let first = u64::try_from(group.len()).ok().and_then(|count| look.head.number.checked_rem(count));
            group.rotate_left(first.and_then(|first| usize::try_from(first).ok()).unwrap_or_default());
            if group.is_empty() {
                continue;
            }
            tokio::spawn(async move {
                for (watched, seen) in this.read_all(&group, look).await {
                    this.settle(&watched, seen);
                }
                for watched in group {
                    watched.is_retried.store(false, Ordering::Relaxed);
                }
                this.news.publish();
            });
        }
    }

    /// Decides whether to believe a block that the node calls its newest, and returns the newest that is believed.
    async fn follow(&self, found: Head) -> Result<Head, Error> {
        let verdict = self.view.lock().judge(&found);
        let reorganised = match verdict {
            Verdict::Same | Verdict::Follows => false,
            Verdict::Reorganised => true,
            Verdict::FollowsIf { number, hash } => {
                // A block that no other question shows is not there.
                if self.chain.shown(found.number).await?.hash != found.hash {
                    return Err(Error::Reorganised { block: found.number });
                }
                self.chain.block(number).await?.hash != hash
            }
            Verdict::BehindUnless { number, hash } => {
                if self.chain.block(number).await?.hash == hash && !self.is_other_branch(found).await? {
                    return self.behind(found);
                }
                true
            }
            Verdict::Behind => return self.behind(found),
        };
        if !reorganised {
            self.view.lock().accept(found);
            return Ok(found);
        }
        let remembered = self.view.lock().below(found.number);
        let mut ancestor = None;
        for (number, hash) in remembered {
            if self.chain.block(number).await?.hash == hash {
                ancestor = Some(number);
                break;
            }
        }
        tracing::info!(number = found.number, hash = %found.hash, ?ancestor, "chain was reorganised");
        self.view.lock().reorganise(ancestor, found);
        let Head { number, hash, .. } = found;
        self.feed.tell(|| Event::ChainReorganised { number, hash, ancestor });
        Ok(found)
    }

    /// Whether a block is of another branch than the newest that is known, though it is older: the blocks before that one
    /// show it, if the node still has them by their hashes.
    async fn is_other_branch(&self, found: Head) -> Result<bool, Error> {
        let Some(mut head) = self.view.lock().head() else { return Ok(false) };
        for _ in 0..WALK {
            if head.number <= found.number {
                return Ok(head.number == found.number && head.hash != found.hash);
            }
            match self.chain.block_of(head.parent).await? {
                Some(parent) if parent.number.checked_add(1) == Some(head.number) => head = parent,
                _ => return Ok(false),
            }
            self.view.lock().learn(head);
        }
        Ok(false)
    }

    /// A node that is behind proves nothing: what is known stays.
    fn behind(&self, found: Head) -> Result<Head, Error> {
        let view = self.view.lock();
        tracing::debug!(found = found.number, newest = ?view.newest(), "node is behind");
        let expected = view.newest().unwrap_or_default();
        view.head().ok_or(Error::NodeBehind { found: found.number, expected })
    }

    /// The newest final block, as seen from `head`: never one before that of the last look, unless the chain was
    /// reorganised.
    async fn confirmed(&self, head: Head) -> Result<Head, Error> {
        let last = self.last().map(|last| last.confirmed);
        let found = match self.chain.confirmed(head).await {
            Ok(found) => found,
            // What is new needs no final block: the guard goes on, with what was final before.
            Err(error) => {
                tracing::warn!(%error, "the node does not say what is final");
                match last {
                    Some(last) => last,
                    None => self.chain.block(0).await?,
                }
            }
        };
        let before = last.map(|last| (last.number, last.hash)).or(self.confirmed_before);
        let Some((number, hash)) = before.filter(|(number, _)| *number > found.number && *number <= head.number) else {
            return Ok(found);
        };
        let block = self.chain.block(number).await?;
        Ok(if block.hash == hash { block } else { found })
    }

    /// What the next run must not go back behind.
    pub(crate) fn row(&self) -> Option<ViewRow> {
        self.last().map(|look| row_of(&look))
    }

    /// Makes the view durable. Nobody waits for it.
    fn remember(&self, look: Look) {
        let mut remembered = self.remembered.lock();
        if remembered.is_some_and(|at| at.elapsed() < REMEMBER) {
            return;
        }
        *remembered = Some(Instant::now());
        drop(remembered);
        let mut batch = Batch::new();
        match batch.put(view_key(), &row_of(&look)) {
            Ok(_) => drop(self.ledger.submit(batch)),
            Err(error) => tracing::error!(%error, "could not store the view of the chain"),
        }
    }
}
