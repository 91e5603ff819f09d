//! Where the contracts differ from the one of 2016. Each row of the table in docs/model.md that is about an action is here.

use std::collections::BTreeSet;

use eyre::{Result, ensure};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{
    act::{Act, Now, Who},
    ancestor::Ancestor,
    of,
    reference::Reference,
    sequences,
};

const SEQUENCES: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// Only what is paid is credited; in 2016 an overdraft credited nothing.
    Overdraft,
    /// Dead is for ever; in 2016, from Cancun on, the dead went on as if nothing had happened.
    Dead,
    BlockOfCreation,
    Notice,
    /// Reverts; in 2016 it did nothing, and succeeded.
    CommandOfAStranger,
    ToItself,
    /// Is paid with all the gas that it needs; in 2016 with 2,300.
    CostlyPayee,
    /// What 2016 did not know: its fallback function took it, and nothing happened.
    UnknownCall,
}
use Difference::{BlockOfCreation, CommandOfAStranger, CostlyPayee, Dead, Notice, Overdraft, ToItself, UnknownCall};

const ALL: [Difference; 8] =
    [Overdraft, Dead, BlockOfCreation, Notice, CommandOfAStranger, ToItself, CostlyPayee, UnknownCall];

/// The row that explains why an action does something else than in 2016.
fn explain(act: &Act, before: &Reference, now: Now) -> Option<Difference> {
    let born_now = before.born == Some(now.block);
    match act {
        Act::Cash { if_covered: true, .. } | Act::Announce(_) | Act::Cancel(_) | Act::Reclaim(_) => Some(UnknownCall),
        Act::Cash { cash, .. } if cash.typed => Some(UnknownCall),
        _ if before.dead => Some(Dead),
        Act::Kill(who) if *who != Who::Owner => Some(CommandOfAStranger),
        Act::Kill(_) if before.notice > 0 && before.announced.is_none_or(|time| now.time < time) => Some(Notice),
        Act::Cash { cash, .. } if cash.beneficiary == Who::Chequebook => Some(ToItself),
        Act::Cash { cash, .. } => {
            let sent = before.sent.get(&cash.beneficiary).copied().unwrap_or_default();
            match cash.amount.saturating_sub(sent) {
                owed if owed > before.balance && born_now => Some(BlockOfCreation),
                owed if owed > before.balance => Some(Overdraft),
                _ if cash.beneficiary == Who::Wallet => Some(CostlyPayee),
                _ => None,
            }
        }
        Act::Kill(_) if born_now => Some(BlockOfCreation),
        _ => None,
    }
}

/// Both models do the same sequences, until they differ. Every difference must have its row, and every row is met.
#[test]
fn differ_from_2016_only_where_the_list_says() -> Result<()> {
    let mut runner = TestRunner::deterministic();
    for erases in [true, false] {
        let mut met = BTreeSet::new();
        for _ in 0..SEQUENCES {
            let sequence = sequences(false).new_tree(&mut runner).map_err(|reason| eyre::eyre!("{reason}"))?;
            let sequence = sequence.current();
            let mut ours = Reference { erases, notice: sequence.notice.into(), ..Reference::default() };
            let mut theirs = Ancestor { erases, ..Ancestor::default() };
            let mut now = Now { block: 1, time: 1_000 };
            'sequence: for (seconds, acts) in &sequence.blocks {
                now = Now { block: now.block + 1, time: now.time + 12 + seconds };
                for act in acts {
                    if matches!(act, Act::Clear(_)) || (matches!(act, Act::Create { .. }) && ours.born.is_some()) {
                        continue; // there was neither clearing house nor factory
                    }
                    let before = ours.clone();
                    let (our, their) = (ours.act(act, now), theirs.act(act, now));
                    let our = (our.is_ok(), ours.balance, of(&ours.received), ours.has_code().then(|| of(&ours.sent)));
                    let their = (
                        their.is_ok(),
                        theirs.balance,
                        of(&theirs.received),
                        theirs.has_code().then(|| of(&theirs.sent)),
                    );
                    if our != their {
                        let row = explain(act, &before, now);
                        ensure!(row.is_some(), "nothing explains {act:?}: {our:?}, and in 2016 {their:?}");
                        met.extend(row);
                        break 'sequence;
                    }
                }
            }
        }
        // Before Cancun the dead are erased, under both: nobody can differ about them, nor about what they were credited.
        let erased = |row: &Difference| erases && matches!(row, Dead | Overdraft);
        let expected: BTreeSet<_> = ALL.into_iter().filter(|row| !erased(row)).collect();
        ensure!(met == expected, "met {met:?}, expected {expected:?}");
    }
    Ok(())
}
