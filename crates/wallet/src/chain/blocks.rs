//! The blocks of one look at the chain.

use tokio::time::Instant;

use super::node::Head;

/// One look at the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) head: Head,
    /// The newest block that counts as final.
    pub(crate) confirmed: Head,
    /// How many reorganisations were seen before.
    pub(crate) branch: u64,
    /// When it began.
    pub(crate) began: Ticket,
    pub(super) at: Instant,
}

/// Tells what came first, also where the clock does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(super) u64);
