//! The demo, run as its users run it.

use std::{
    env,
    process::{Command, Output},
};

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chequebook"));
    command.arg("demo").args(arguments);
    command
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// The lines that do not depend on the speed of the machine.
fn steady_lines(output: &Output) -> Vec<&str> {
    let timed = |line: &&str| line.starts_with("issued") || line.starts_with("received");
    text(&output.stdout).lines().filter(|line| !timed(line)).collect()
}

#[test]
fn shows_what_was_paid_and_that_it_was_checked() {
    let output = demo(&["--cheques", "30"]).output().unwrap();
    let shown = text(&output.stdout);

    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "", "no progress bar without a terminal");
    for (line, paid) in [
        ("alice      packed          10             1", "37,000,000,000"),
        ("bob        typed           10             1", "47,000,000,000"),
        ("carol      packed          10             1", "57,000,000,000"),
        ("together                   30             3", "141,000,000,000"),
        ("restarted   both sides, which remember", "66,000,000,000 wei promised"),
        ("balance  ", "999,999,859,000,000,000 wei"),
        ("on-chain    5 transactions", " a payment, where a plain transfer takes 21,000"),
        ("dead        balance 0, killable never, still", "bytes of code"),
        ("refused  ", "both with Dead()"),
    ] {
        let found = shown.lines().any(|shown| shown.starts_with(line) && shown.ends_with(paid));
        assert!(found, "no line {line:?} … {paid:?} in:\n{shown}");
    }
    for timed in ["issued ", "received "] {
        assert_eq!(shown.lines().filter(|line| line.starts_with(timed)).count(), 2, "{shown}");
    }
    assert!(shown.ends_with("\nevery amount, event and unit of gas above was checked against the chain\n"), "{shown}");
    assert!(shown.lines().all(|line| line.len() <= 100), "{shown}");
}

#[test]
fn shows_the_same_every_time() {
    let [first, second] = [(); 2].map(|()| demo(&["--cheques", "3"]).output().unwrap());

    assert!(first.status.success(), "{first:?}");
    assert_eq!(steady_lines(&first), steady_lines(&second));
}

#[test]
fn says_how_to_get_anvil_where_it_is_missing() {
    let output = demo(&[]).env("PATH", env!("CARGO_TARGET_TMPDIR")).output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    let expected = "error: anvil is not on the PATH: run `npm ci`, and add node_modules/.bin to the PATH\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn fails_where_the_chain_shows_something_else() {
    // An anvil that always runs rules from before Cancun: there a dead chequebook leaves no code.
    let older = concat!(env!("CARGO_MANIFEST_DIR"), "/test/e2e/support/shanghai");
    let path = format!("{older}:{}", env::var("PATH").unwrap());
    let output = demo(&["--cheques", "3"]).env("PATH", path).output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stdout).contains("was checked"), "{output:?}");
    let expected = "error: whether the chequebook has code: found false, expected true\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn refuses_fewer_cheques_than_payees() {
    let output = demo(&["--cheques", "2"]).output().unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("2 is not in 3..=1000000"), "{output:?}");
}
