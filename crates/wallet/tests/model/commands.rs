//! The events that a payer, its payees and their chain may meet.

use proptest::prelude::*;

/// The number of payees.
pub(crate) const PAYEES: usize = 3;

/// One event.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Issue {
        to: usize,
        amount: u64,
        typed: bool,
    },
    /// Begins to issue, and drops the future after `polls` polls.
    Abandon {
        to: usize,
        amount: u64,
        polls: usize,
    },
    /// Sends the latest cheque again.
    Resend {
        to: usize,
    },
    /// Sends a cheque of another key.
    Forge {
        to: usize,
        amount: u64,
    },
    /// Sends the latest cheque with another amount.
    Alter {
        to: usize,
        more: u64,
    },
    Deposit {
        amount: u64,
    },
    Cash {
        to: usize,
        consent: bool,
    },
    /// A stranger cashes the latest cheque.
    CashByStranger {
        to: usize,
    },
    Mine {
        blocks: usize,
    },
    Rollback {
        depth: usize,
        keep: bool,
    },
    Forget,
    Announce,
    Cancel,
    Kill,
    RestartPayer,
    RestartPayee,
    /// Another program uses the payer's account.
    Foreign {
        ahead: u64,
    },
    /// An authorization (EIP-7702) uses the next nonce of the payer's account.
    Delegate,
    /// Takes one of the payer's transactions out of the pool.
    Evict {
        which: usize,
    },
    /// Asks to cancel one of the payer's transactions.
    CancelTransaction {
        which: usize,
    },
    /// Something is wrong with the nodes during the next commands.
    Trouble(Trouble),
    Heal,
}

/// What may be wrong with nodes, pool and fees.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// So many of a thousand requests are lost: some before execution, some after.
    Faults(u64),
    /// A load balancer over nodes that are so many blocks behind.
    Replicas(Vec<u64>),
    /// All nodes go back.
    GoBack(u64),
    /// All nodes stay at the newest block.
    Stall,
    PruneState(u64),
    PruneReceipts(u64),
    LogRange(u64),
    Rate(usize),
    /// No receipt is there, no event, or no transaction.
    NoReceipts,
    NoLogs,
    NoTransactions,
    /// The count of transactions is too high.
    WrongNonce(u64),
    /// Contracts without code.
    NoCode,
    MinTip(u128),
    ValidatorsTip(u128),
    BaseFee(u64),
    FeeCap(u64),
    PoolFull,
    InFlight(usize),
}

/// A random trouble.
fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        3 => (50..400_u64).prop_map(Trouble::Faults),
        3 => prop::collection::vec(0..5_u64, 1..4).prop_map(Trouble::Replicas),
        2 => (1..10_u64).prop_map(Trouble::GoBack),
        1 => Just(Trouble::Stall),
        1 => (4..12_u64).prop_map(Trouble::PruneState),
        1 => (1..6_u64).prop_map(Trouble::PruneReceipts),
        1 => (1..4_u64).prop_map(Trouble::LogRange),
        1 => (1..20_usize).prop_map(Trouble::Rate),
        2 => Just(Trouble::NoReceipts),
        2 => Just(Trouble::NoLogs),
        1 => Just(Trouble::NoTransactions),
        1 => (1..4_u64).prop_map(Trouble::WrongNonce),
        1 => Just(Trouble::NoCode),
        1 => (1..1_000_u128).prop_map(Trouble::MinTip),
        1 => (1..1_000_u128).prop_map(Trouble::ValidatorsTip),
        1 => (1..100_000_u64).prop_map(Trouble::BaseFee),
        1 => (1..1_000_000_u64).prop_map(Trouble::FeeCap),
        1 => Just(Trouble::PoolFull),
        1 => (1..3_usize).prop_map(Trouble::InFlight),
    ]
}

/// A random sequence.
pub(crate) fn commands() -> impl Strategy<Value = Vec<Command>> {
    let to = || 0..PAYEES;
    let amount = || prop_oneof![5 => 1..200_u64, 1 => 200..2_000_u64];
    let command = prop_oneof![
        12 => (to(), amount(), any::<bool>()).prop_map(|(to, amount, typed)| Command::Issue { to, amount, typed }),
        4 => (to(), amount(), 0..4_usize).prop_map(|(to, amount, polls)| Command::Abandon { to, amount, polls }),
        8 => to().prop_map(|to| Command::Resend { to }),
        1 => (to(), amount()).prop_map(|(to, amount)| Command::Forge { to, amount }),
        1 => (to(), amount()).prop_map(|(to, more)| Command::Alter { to, more }),
        5 => amount().prop_map(|amount| Command::Deposit { amount }),
        5 => (to(), prop::bool::weighted(0.2)).prop_map(|(to, consent)| Command::Cash { to, consent }),
        2 => to().prop_map(|to| Command::CashByStranger { to }),
        8 => (1..4_usize).prop_map(|blocks| Command::Mine { blocks }),
        3 => (1..4_usize, any::<bool>()).prop_map(|(depth, keep)| Command::Rollback { depth, keep }),
        1 => Just(Command::Forget),
        1 => Just(Command::Announce),
        2 => Just(Command::Cancel),
        1 => Just(Command::Kill),
        2 => Just(Command::RestartPayer),
        2 => Just(Command::RestartPayee),
        1 => (0..3_u64).prop_map(|ahead| Command::Foreign { ahead }),
        1 => Just(Command::Delegate),
        1 => (0..4_usize).prop_map(|which| Command::Evict { which }),
        1 => (0..4_usize).prop_map(|which| Command::CancelTransaction { which }),
        3 => trouble().prop_map(Command::Trouble),
        3 => Just(Command::Heal),
    ];
    prop::collection::vec(command, 1..80)
}
