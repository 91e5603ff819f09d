//! Random commits, compared with a map that cannot be wrong.

use std::collections::BTreeMap;

use chequebook_wallet::store::{Memory, Redb, Store, Write};
use proptest::{collection::vec, prelude::*};

use super::scratch;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Write>),
    Reopen,
}

/// A key: short and of few letters, so that keys repeat.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0), Just(1), Just(0x7f), Just(0xff)], 0..4)
}

fn step() -> impl Strategy<Value = Step> {
    let value = proptest::option::weighted(0.7, vec(any::<u8>(), 0..600));
    let write = (key(), value).prop_map(|(key, value)| Write { key, value });
    prop_oneof![6 => vec(write, 0..20).prop_map(Step::Commit), 1 => Just(Step::Reopen)]
}

fn apply(model: &mut Model, writes: &[Write]) {
    for Write { key, value } in writes {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

fn assert_same(store: &dyn Store, model: &Model, key: &[u8]) {
    let expected: Vec<_> = model.iter().filter(|(found, _)| found.starts_with(key)).collect();
    let found = store.scan(key).unwrap();
    assert_eq!(found.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(), expected);
    assert_eq!(store.get(key).unwrap().as_ref(), model.get(key));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stores_what_a_map_would(steps in vec(step(), 1..20), looked_up in key()) {
        let directory = scratch();
        let path = directory.path().join("store");
        let mut redb = Redb::create(&path).unwrap();
        let memory = Memory::new();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Commit(writes) => {
                    apply(&mut model, &writes);
                    redb.commit(&writes).unwrap();
                    memory.commit(&writes).unwrap();
                }
                Step::Reopen => {
                    drop(redb);
                    redb = Redb::open(&path).unwrap();
                }
            }
            for key in [&looked_up[..], b""] {
                assert_same(&redb, &model, key);
                assert_same(&memory, &model, key);
            }
        }
    }
}
