//! Other processes, some of which are killed or fail. They are this test program, started to run one of the ignored
//! tests.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Lines},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use chequebook_wallet::store::{Redb, StoreError};
use tempfile::tempdir;

use super::{commit, get, put, scan, scratch};

const STORE: &str = "CHEQUEBOOK_TEST_STORE";
/// A child prints this before a number once the number is stored.
const ACKNOWLEDGED: &str = "acknowledged ";

/// The path of the store if this process is a child.
fn store_of_child() -> Option<PathBuf> {
    env::var_os(STORE).map(PathBuf::from)
}

/// Runs an ignored test of this module in its own process. `shell` runs before it, and sets its limits.
fn spawn(test: &str, store: &Path, shell: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let arguments = ["--exact", test, "--ignored", "--nocapture", "--test-threads=1"].map(OsString::from);
    let mut child = Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$@\""), "sh"])
        .arg(env::current_exe().unwrap())
        .args(arguments)
        .env(STORE, store)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

fn acknowledged(line: &str) -> Option<u64> {
    line.split_once(ACKNOWLEDGED)?.1.parse().ok()
}

/// Commits increasing numbers, and prints each, until it fails.
async fn count_up(store: &Redb, padding: usize) -> StoreError {
    let mut number = last(store).await;
    loop {
        number += 1;
        let row = [number.to_be_bytes().to_vec(), vec![0xab; padding]].concat();
        match commit(store, &[put("last", number.to_be_bytes()), put(number.to_be_bytes(), row)]).await {
            Ok(()) => println!("{ACKNOWLEDGED}{number}"),
            Err(error) => return error,
        }
    }
}

/// The last number in a store, which must have all those before it.
async fn last(store: &Redb) -> u64 {
    let last = get(store, "last").await.map_or(0, |last| u64::from_be_bytes(last.try_into().unwrap()));
    let rows = scan(store, &[0]).await.unwrap();
    assert!(rows.iter().map(|(key, _)| key.clone()).eq((1..=last).map(|number| number.to_be_bytes().to_vec())));
    assert!(rows.iter().all(|(key, row)| row.starts_with(key)));
    last
}

#[tokio::test]
#[ignore = "run by another test"]
async fn child_counts() {
    if let Some(path) = store_of_child() {
        panic!("{}", count_up(&Redb::open_or_create(path).unwrap(), 50).await);
    }
}

#[tokio::test]
async fn keeps_every_acknowledged_commit_when_killed() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("store");
    let mut stored = 0;
    for round in 1..=8 {
        let (mut child, lines) = spawn("process::child_counts", &path, "");
        let mut numbers = lines.filter_map(|line| acknowledged(&line.unwrap()));
        let seen = numbers.nth(round).unwrap();
        child.kill().unwrap();
        let seen = numbers.last().unwrap_or(seen);
        child.wait().unwrap();
        let found = last(&Redb::open(&path).unwrap()).await;
        assert!(found == seen || found == seen + 1, "acknowledged {seen}, found {found}");
        assert!(found > stored);
        stored = found;
    }
}

#[test]
#[ignore = "run by another test"]
fn child_opens() {
    if let Some(path) = store_of_child() {
        let refusals = [Redb::open(&path), Redb::open_or_create(&path)].map(Result::unwrap_err);
        let in_use = refusals.iter().all(|error| matches!(error, StoreError::InUse { path: of } if *of == path));
        println!("{ACKNOWLEDGED}{}", u64::from(in_use));
    }
}

#[tokio::test]
async fn refuses_to_be_opened_by_a_second_process() {
    let directory = scratch();
    let path = directory.path().join("store");
    let store = Redb::create(&path).unwrap();
    let (mut child, lines) = spawn("process::child_opens", &path, "");
    assert_eq!(lines.filter_map(|line| acknowledged(&line.unwrap())).collect::<Vec<_>>(), [1]);
    assert!(child.wait().unwrap().success());
    commit(&store, &[put("key", "value")]).await.unwrap();
}

#[test]
#[ignore = "run by another test"]
fn child_creates() {
    if let Some(path) = store_of_child() {
        drop(Redb::create(path).unwrap());
    }
}

#[test]
fn creates_a_file_for_its_owner_whatever_the_umask() {
    for mask in ["000", "022", "077", "777"] {
        let directory = scratch();
        let path = directory.path().join("store");
        let (mut child, _lines) = spawn("process::child_creates", &path, &format!("umask {mask};"));
        assert!(child.wait().unwrap().success());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "with umask {mask}");
    }
}

#[tokio::test]
#[ignore = "run by another test"]
async fn child_fills_the_disk() {
    let Some(path) = store_of_child() else { return };
    let store = Redb::open(&path).unwrap();
    let error = count_up(&store, 3000).await;
    assert!(matches!(error, StoreError::Other(_)), "{error:?}");
    // The handle stays failed, even for a write that would still fit.
    for _ in 0..3 {
        commit(&store, &[put("after", "failure")]).await.unwrap_err();
    }
    drop(store);
    println!("{ACKNOWLEDGED}{}", u64::MAX);
}

#[tokio::test]
async fn keeps_every_acknowledged_commit_when_the_disk_is_full() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("store");
    drop(Redb::create(&path).unwrap());
    // A write beyond the limit of 600 blocks fails, like on a full disk; without the trap, it would end the process.
    let (mut child, lines) = spawn("process::child_fills_the_disk", &path, "trap '' XFSZ; ulimit -f 600;");
    let numbers: Vec<_> = lines.filter_map(|line| acknowledged(&line.unwrap())).collect();
    assert!(child.wait().unwrap().success());
    let [.., seen, u64::MAX] = numbers[..] else { panic!("the child ended early: {numbers:?}") };
    let store = Redb::open(&path).unwrap();
    let found = last(&store).await;
    assert!(found == seen || found == seen + 1, "acknowledged {seen}, found {found}");
    assert_eq!(get(&store, "after").await, None);
    commit(&store, &[put("after", "room")]).await.unwrap();
}
