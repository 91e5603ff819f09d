//! What happened, for whoever wants to hear of it. Nothing in here decides or keeps anything.

use std::sync::Arc;

use alloy::primitives::{Address, B256, BlockNumber, U256};
use chequebook::ErrorClass;
use futures_util::{Stream, stream};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::store::{Outcome, Purpose, decimal};

/// How many events wait for a subscriber, before it loses the oldest.
const CAPACITY: usize = 1024;

/// Something that happened in this run of the wallet. Amounts are in the smallest unit of the chequebook's asset.
///
/// An event is a hint, and the state is the truth. Each comes after what it tells is durable, or was seen on the chain, and
/// once. What happens while nobody has subscribed, or between two runs, is told by no event. What a reorganisation takes back
/// is told: of what was final, only if it ends differently the next time.
///
/// As JSON it is an object whose `event` names it, with fields in camel case, and amounts as strings of decimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// A cheque that we issued is durable.
    ChequeIssued {
        /// The chequebook.
        contract: Address,
        /// Whom it pays.
        beneficiary: Address,
        /// Its cumulative amount.
        #[serde(with = "decimal")]
        amount: U256,
        /// What it promises more than the one before.
        #[serde(with = "decimal")]
        added: U256,
    },
    /// A cheque was acknowledged, and that is durable.
    ChequeReceived {
        /// The chequebook.
        contract: Address,
        /// Whom it pays.
        beneficiary: Address,
        /// Its cumulative amount.
        #[serde(with = "decimal")]
        amount: U256,
        /// What it adds to the larger of what was acknowledged and what was paid before.
        #[serde(with = "decimal")]
        added: U256,
    },
    /// A valid cheque is higher than all before, and was not acknowledged. It is durable, and can be cashed.
    ChequeKept {
        /// The chequebook.
        contract: Address,
        /// Whom it pays.
        beneficiary: Address,
        /// Its cumulative amount.
        #[serde(with = "decimal")]
        amount: U256,
        /// The kind of error that the payer was answered.
        class: ErrorClass,
        /// The error, without the paths of URLs.
        reason: String,
    },
    /// A cash of this wallet is final, and has paid in full.
    Cashed {
        /// The chequebook.
        contract: Address,
        /// Whom it paid.
        beneficiary: Address,
        /// The cumulative amount of the cheque.
        #[serde(with = "decimal")]
        amount: U256,
        /// What was paid now.
        #[serde(with = "decimal")]
        paid: U256,
        /// The nonce of the transaction.
        nonce: u64,
        /// Its hash.
        hash: B256,
    },
    /// A cash of this wallet is final, and has not paid in full.
    Bounced {
        /// The chequebook.
        contract: Address,
        /// Whom it should have paid.
        beneficiary: Address,
        /// The cumulative amount of the cheque.
        #[serde(with = "decimal")]
        amount: U256,
        /// What was paid now: nothing, unless it has overdrawn the chequebook.
        #[serde(with = "decimal")]
        paid: U256,
        /// Why.
        reason: Bounce,
        /// The nonce of the transaction.
        nonce: u64,
        /// Its hash.
        hash: B256,
    },
    /// The end of a chequebook that is open is announced, in the newest block.
    EndAnnounced {
        /// The chequebook.
        contract: Address,
        /// The earliest time of its end, in Unix seconds.
        killable_at: u64,
    },
    /// An end that was told of is not coming: it was cancelled, or a reorganisation dropped the announcement or the end.
    EndCancelled {
        /// The chequebook.
        contract: Address,
    },
    /// A chequebook that is open has ended, by its owner or by an overdraft, in the newest block.
    Dead {
        /// The chequebook.
        contract: Address,
    },
    /// A deposit of this wallet is final. What arrived of a token that takes a fee is in
    /// [`Chequebook::balance`](crate::Chequebook::balance).
    DepositConfirmed {
        /// The chequebook.
        contract: Address,
        /// What was sent.
        #[serde(with = "decimal")]
        amount: U256,
        /// The nonce of the transaction.
        nonce: u64,
        /// Its hash.
        hash: B256,
    },
    /// The outcome of a transaction of this wallet is final, and durable. It comes before the events of what the
    /// transaction did.
    TransactionFinal {
        /// Its nonce.
        nonce: u64,
        /// What it is for.
        purpose: Purpose,
        /// How it ended.
        outcome: Outcome,
    },
    /// The chain cannot be seen.
    ChainTrouble {
        /// Why, without the paths of URLs.
        reason: String,
    },
    /// The chain is seen again.
    ChainSeen,
    /// The chain was reorganised. What it changed is told by other events.
    ChainReorganised {
        /// The number of the newest block.
        number: BlockNumber,
        /// Its hash.
        hash: B256,
        /// The newest block that both branches are known to have.
        ancestor: Option<BlockNumber>,
    },
    /// This subscriber was too slow, and lost the oldest events that waited for it: look at the state.
    Lost {
        /// How many.
        count: u64,
    },
}

/// Why a cash has not paid in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Bounce {
    /// The contract refused its transaction.
    Reverted,
    /// The clearing house skipped it: the name of the contract's error, or its selector if it is unknown.
    Skipped(String),
    /// It has taken the whole balance, which was too low, and ended the chequebook.
    Overdraft,
}

/// Hears of all [events](Event) from the subscription on. [`Wallet::events`](crate::Wallet::events) subscribes.
///
/// 1,024 events wait for each subscriber. One that is slower loses the oldest, is told [how many](Event::Lost), and holds
/// nobody up. It does not keep the wallet.
#[derive(Debug)]
pub struct Events(Option<broadcast::Receiver<Event>>);

impl Events {
    /// Waits for the next event. `None` once the wallet has ended and all is told. If this future is dropped, nothing is
    /// lost.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(count)) => Some(Event::Lost { count }),
            Err(RecvError::Closed) => None,
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Event> + Send + 'static {
        stream::unfold(self, |mut events| async move { Some((events.next().await?, events)) })
    }
}

#[derive(Default)]
enum Channel {
    /// Nobody listens.
    #[default]
    Unused,
    Open(broadcast::Sender<Event>),
    Ended,
}

/// Where events come from. Clones are the same feed. As long as nobody listens it keeps no memory.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<Channel>>);

impl Feed {
    pub(crate) fn subscribe(&self) -> Events {
        let mut channel = self.0.lock();
        Events(match &*channel {
            Channel::Ended => None,
            Channel::Open(sender) => Some(sender.subscribe()),
            Channel::Unused => {
                let (sender, receiver) = broadcast::channel(CAPACITY);
                *channel = Channel::Open(sender);
                Some(receiver)
            }
        })
    }

    /// Tells who listens. Waits for nobody.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        let mut channel = self.0.lock();
        if let Channel::Open(sender) = &*channel
            && (sender.receiver_count() == 0 || sender.send(event()).is_err())
        {
            *channel = Channel::Unused; // the last of them has gone
        }
    }

    /// Whether somebody listens.
    pub(crate) fn is_heard(&self) -> bool {
        matches!(&*self.0.lock(), Channel::Open(sender) if sender.receiver_count() > 0)
    }

    /// There will be no more events.
    pub(crate) fn end(&self) {
        *self.0.lock() = Channel::Ended;
    }
}

#[cfg(test)]
mod tests;
