//! How a transaction stands.

use alloy::primitives::{Address, B256, BlockNumber};
use tokio::sync::watch;

use crate::{
    answer::{Refusal, RefusalKind},
    store::schema::Outcome,
};

/// Account and nonce.
pub(crate) type Id = (Address, u64);

/// The status of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Signed and stored, on its way to a block.
    Pending,
    /// The node does not know it, or no longer knows it. It is sent again.
    Dropped,
    /// The node refuses it, for a reason that the wallet has no answer to, or still has no room for it after the wallet
    /// has waited and offered more. It is sent again with each block.
    /// [`Transaction::refusal`](crate::Transaction::refusal) is what the node says.
    Refused(RefusalKind),
    /// Included in a block that a reorganisation may still drop.
    Included {
        /// The number of the block.
        block: BlockNumber,
        /// Whether it succeeded.
        success: bool,
    },
    /// Its nonce is used, and the node shows neither a receipt nor what else used it. The wallet goes on asking.
    Unknown,
    /// Final, and it succeeded.
    Confirmed {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the variant that was included: variants differ in their fees.
        hash: B256,
    },
    /// Final, but the contract refused it. Its only effect is its fee.
    Reverted {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the transaction.
        hash: B256,
    },
    /// Final: it was replaced by one that does nothing, because it was cancelled.
    Cancelled {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the transaction that does nothing.
        hash: B256,
    },
    /// Final: a transaction of another program, or an authorization (EIP-7702), used its nonce.
    Replaced {
        /// The number of the block.
        block: BlockNumber,
        /// The hash of the transaction that used the nonce.
        hash: B256,
    },
}

impl Status {
    /// Whether nothing can change it any more.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Confirmed { .. } | Self::Reverted { .. } | Self::Cancelled { .. } | Self::Replaced { .. })
    }

    /// Whether it may do something that the state of block `seen` does not show.
    pub(crate) const fn may_follow(&self, seen: BlockNumber) -> bool {
        match *self {
            Self::Pending | Self::Dropped | Self::Refused(_) | Self::Unknown => true,
            Self::Included { block, success } => success && block > seen,
            Self::Confirmed { block, .. } => block > seen,
            Self::Reverted { .. } | Self::Cancelled { .. } | Self::Replaced { .. } => false,
        }
    }

    /// The final outcome, as it is stored.
    pub(super) const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Confirmed { block, hash } => Some(Outcome::Confirmed { block, hash }),
            Self::Reverted { block, hash } => Some(Outcome::Reverted { block, hash }),
            Self::Cancelled { block, hash } => Some(Outcome::Cancelled { block, hash }),
            Self::Replaced { block, hash } => Some(Outcome::Replaced { block, hash }),
            _ => None,
        }
    }
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Confirmed { block, hash } => Self::Confirmed { block, hash },
            Outcome::Reverted { block, hash } => Self::Reverted { block, hash },
            Outcome::Cancelled { block, hash } => Self::Cancelled { block, hash },
            Outcome::Replaced { block, hash } => Self::Replaced { block, hash },
        }
    }
}

/// What is known of a transaction, as its handles see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) status: Status,
    pub(super) refusal: Option<Refusal>,
    /// The nonce and the refusal of one before it, which it waits for.
    pub(super) blocked: Option<(u64, Refusal)>,
    /// Whether it is being replaced by one that does nothing.
    pub(super) is_cancelled: bool,
    /// The hash that it was last sent with.
    pub(super) hash: B256,
}

/// Where the handles of a transaction learn about it.
pub(super) fn publish(known: &watch::Sender<Known>, new: Known) {
    known.send_if_modified(|before| {
        let changed = *before != new;
        *before = new;
        changed
    });
}
