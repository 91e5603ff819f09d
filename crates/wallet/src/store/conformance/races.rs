//! Commits at the same time.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    super::{
        backend::Store,
        change::{Change, Condition},
    },
    rows::{ONE, change, clear, commit, get, has, key, put},
};

/// How many tasks commit at the same time.
const TASKS: usize = 32;
/// How often each adds to a sum.
const ROUNDS: usize = 8;

pub(super) async fn check<S: Store>(store: S) -> S {
    clear(&store).await;
    let store = Arc::new(store);
    let mut first = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        let claim = change([has("winner", None)], [put("winner", task.to_string()), put(task.to_string(), "")]);
        first.spawn(async move { (task, commit(&*store, [claim]).await == [Ok(())]) });
    }
    let winners: Vec<_> = first.join_all().await.into_iter().filter(|(_, won)| *won).map(|(task, _)| task).collect();
    let [winner] = winners[..] else { panic!("expected that one change is made, found {winners:?}") };
    for task in 0..TASKS {
        let row = get(&*store, &key(ONE, task.to_string())).await;
        assert_eq!(row.is_some(), task == winner, "who won wrote, and nobody else");
    }

    let mut adding = JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        adding.spawn(async move {
            for _ in 0..ROUNDS {
                while commit(&*store, [add_one(&*store).await]).await != [Ok(())] {}
            }
        });
    }
    adding.join_all().await;
    let sum = get(&*store, &key(ONE, "sum")).await.as_deref().map(number);
    assert_eq!(sum, Some(TASKS * ROUNDS), "each was added once");
    Arc::into_inner(store).expect("all tasks have ended")
}

/// A change that adds to the sum that it has read.
async fn add_one(store: &impl Store) -> Change {
    let before = get(store, &key(ONE, "sum")).await;
    let sum = before.as_deref().map_or(0, number);
    let same = Condition { key: key(ONE, "sum"), value: before };
    change([same], [put("sum", (sum + 1).to_string())])
}

fn number(digits: &[u8]) -> usize {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).expect("a number was written")
}
