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
    /// Loses `per_mille` of a thousand requests during the next commands.
    Faults {
        per_mille: u64,
    },
    Heal,
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
        1 => (50..400_u64).prop_map(|per_mille| Command::Faults { per_mille }),
        2 => Just(Command::Heal),
    ];
    prop::collection::vec(command, 1..80)
}
