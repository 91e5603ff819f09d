#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use super::*;

const CONTRACT: Address = Address::repeat_byte(1);
const DAY: u32 = 86_400;
const ENDING: State = State::Ending { killable_at: 100 };

fn asked(purpose: Purpose, state: State, notice: u32, now: u64) -> Result<(), Error> {
    check(purpose, CONTRACT, state, notice, now)
}

const ANNOUNCE: Purpose = Purpose::AnnounceKill { contract: CONTRACT };
const CANCEL: Purpose = Purpose::CancelKill { contract: CONTRACT };
const KILL: Purpose = Purpose::Kill { contract: CONTRACT };

#[test]
fn is_as_strict_as_the_contract() {
    for notice in [0, DAY] {
        asked(ANNOUNCE, State::Alive, notice, 0).unwrap();
        asked(CANCEL, ENDING, notice, 200).unwrap();
        asked(KILL, ENDING, notice, 100).unwrap();
        assert!(matches!(asked(CANCEL, State::Alive, notice, 0), Err(Error::NotAnnounced { .. })));
        for command in [ANNOUNCE, CANCEL, KILL] {
            assert!(matches!(asked(command, State::Dead, notice, 200), Err(Error::Dead { .. })));
            assert!(matches!(asked(command, State::NotDeployed, notice, 200), Err(Error::NotCreated { .. })));
        }
    }
    assert!(matches!(asked(KILL, State::Alive, DAY, 200), Err(Error::NotAnnounced { .. })));
    asked(KILL, State::Alive, 0, 0).unwrap();
    asked(KILL, ENDING, 0, 0).unwrap();
}

#[test]
fn names_the_time_from_which_it_may_be_killed() {
    let error = asked(KILL, ENDING, DAY, 99).unwrap_err();
    assert!(matches!(error, Error::NoticeRunning { killable_at: 100, now: 99, .. }), "{error:?}");
    let error = asked(ANNOUNCE, ENDING, DAY, 99).unwrap_err();
    assert!(matches!(error, Error::KillAnnounced { killable_at: 100, .. }), "{error:?}");
}
