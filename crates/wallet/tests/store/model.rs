//! Random commits, compared with a map that cannot be wrong. Unlike the one for every store, this test finds the smallest
//! example of what it finds.

use std::collections::BTreeMap;

use chequebook_wallet::store::{Change, Condition, Conflict, Key, MemoryDisk, Redb, Store, TABLES, Write};
use proptest::{collection::vec, prelude::*};
use tokio::runtime;

use super::scratch;

type Model = BTreeMap<Key, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Change>),
    Reopen,
}

/// A key: short, of few letters, and in one of two tables, so that keys repeat.
fn key() -> impl Strategy<Value = Key> {
    let bytes = vec(prop_oneof![Just(0), Just(1), Just(0x7f), Just(0xff)], 0..4);
    (0..2_usize, bytes).prop_map(|(table, bytes)| Key { table: TABLES[table], bytes })
}

fn change() -> impl Strategy<Value = Change> {
    let value = proptest::option::weighted(0.7, vec(any::<u8>(), 0..600));
    let write = (key(), value).prop_map(|(key, value)| Write { key, value });
    // Mostly there is no such row.
    let condition = (key(), proptest::option::weighted(0.1, vec(any::<u8>(), 0..2)));
    let condition = condition.prop_map(|(key, value)| Condition { key, value });
    (vec(condition, 0..2), vec(write, 0..8)).prop_map(|(conditions, writes)| Change { conditions, writes })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![6 => vec(change(), 0..5).prop_map(Step::Commit), 1 => Just(Step::Reopen)]
}

fn apply(model: &mut Model, change: Change) -> Result<(), Conflict> {
    for Condition { key, value } in change.conditions {
        if model.get(&key) != value.as_ref() {
            return Err(Conflict { key });
        }
    }
    for Write { key, value } in change.writes {
        match value {
            Some(value) => model.insert(key, value),
            None => model.remove(&key),
        };
    }
    Ok(())
}

async fn assert_same(store: &dyn Store, model: &Model, key: &Key) {
    let is_in = |found: &Key| found.table == key.table && found.bytes.starts_with(&key.bytes);
    let expected: Vec<_> = model.iter().filter(|(found, _)| is_in(found)).collect();
    let found = store.page(key.table, &key.bytes, None, usize::MAX).await.unwrap();
    assert!(found.iter().map(|(key, value)| (key, value)).eq(expected.iter().map(|(key, value)| (&key.bytes, *value))));
    assert_eq!(store.get(key).await.unwrap().as_ref(), model.get(key));
}

async fn follow(steps: Vec<Step>, looked_up: Key) {
    let directory = scratch();
    let path = directory.path().join("store");
    let disk = MemoryDisk::new();
    let (mut redb, mut memory) = (Redb::create(&path).unwrap(), disk.open().unwrap());
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Commit(changes) => {
                let answers: Vec<_> = changes.iter().map(|change| apply(&mut model, change.clone())).collect();
                assert_eq!(redb.commit(changes.clone()).await.unwrap(), answers);
                assert_eq!(memory.commit(changes).await.unwrap(), answers);
            }
            Step::Reopen => {
                drop((redb, memory));
                (redb, memory) = (Redb::open(&path).unwrap(), disk.open().unwrap());
            }
        }
        let everything = TABLES.iter().map(|table| Key { table: *table, bytes: Vec::new() });
        for key in everything.chain([looked_up.clone()]) {
            assert_same(&redb, &model, &key).await;
            assert_same(&memory, &model, &key).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stores_what_a_map_would(steps in vec(step(), 1..20), looked_up in key()) {
        runtime::Builder::new_current_thread().build().unwrap().block_on(follow(steps, looked_up));
    }
}
