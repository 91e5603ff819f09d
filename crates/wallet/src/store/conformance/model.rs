//! Random changes, compared with a map that cannot be wrong, also after the store is opened again.

use std::collections::BTreeMap;

use super::{
    super::{
        backend::Store,
        change::{Change, Condition, Conflict, Key, Table, Write},
        schema::TABLES,
    },
    rows::{clear, commit, get, page, rows},
};

/// How many commits.
const STEPS: usize = 150;

type Model = BTreeMap<Key, Vec<u8>>;

/// Numbers that look random and follow from the first one: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).expect("it is small")).expect("it is below")
    }

    /// Few bytes, so that they repeat.
    fn bytes(&mut self, below: usize) -> Vec<u8> {
        (0..self.below(below)).map(|_| [0, 1, 0x7f, 0xff][self.below(4)]).collect()
    }

    fn table(&mut self) -> Table {
        TABLES[self.below(3)]
    }

    fn key(&mut self) -> Key {
        Key { table: self.table(), bytes: self.bytes(4) }
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        (self.below(10) < 7).then(|| self.bytes(300))
    }

    /// A condition that holds more often than not.
    fn condition(&mut self, model: &Model) -> Condition {
        let key = self.key();
        let value = if self.below(4) == 0 { self.value() } else { model.get(&key).cloned() };
        Condition { key, value }
    }

    fn change(&mut self, model: &Model) -> Change {
        let conditions = (0..self.below(3)).map(|_| self.condition(model)).collect();
        let writes = (0..self.below(8)).map(|_| Write { key: self.key(), value: self.value() }).collect();
        Change { conditions, writes }
    }
}

pub(super) async fn check<S: Store>(open: &impl AsyncFn() -> S, seed: u64) {
    let mut random = Random(seed);
    let mut model = Model::new();
    let mut store = open().await;
    clear(&store).await;
    for step in 0..STEPS {
        let at = format!("seed {seed}, step {step}");
        let changes: Vec<_> = (0..random.below(6)).map(|_| random.change(&model)).collect();
        let answers = commit(&store, changes.clone()).await;
        for (change, answer) in changes.into_iter().zip(answers) {
            compare(&mut model, change, answer, &at);
        }
        if random.below(10) == 0 {
            drop(store);
            store = open().await;
        }
        let key = random.key();
        assert_eq!(get(&store, &key).await.as_ref(), model.get(&key), "{at}");
        let (prefix, after, limit) = (random.bytes(3), random.value(), random.below(20));
        let found = page(&store, key.table, &prefix, after.as_deref(), limit).await;
        let is_in = |row: &Key| {
            row.table == key.table
                && row.bytes.starts_with(&prefix)
                && after.as_ref().is_none_or(|after| row.bytes > *after)
        };
        let expected = model.iter().filter(|(row, _)| is_in(row)).take(limit);
        assert!(
            found.iter().map(|(at, value)| (at, value)).eq(expected.map(|(row, value)| (&row.bytes, value))),
            "{at}"
        );
    }
    drop(store);
    let store = open().await;
    for table in TABLES {
        let expected = model.iter().filter(|(row, _)| row.table == *table);
        let expected: Vec<_> = expected.map(|(row, value)| (row.bytes.clone(), value.clone())).collect();
        assert!(rows(&store, *table).await == expected, "seed {seed}: rows differ after the store was opened again");
    }
    clear(&store).await;
}

/// Makes a change in the model if its conditions hold there, which the answer must agree with.
fn compare(model: &mut Model, change: Change, answer: Result<(), Conflict>, at: &str) {
    let broken: Vec<_> =
        change.conditions.iter().filter(|condition| model.get(&condition.key) != condition.value.as_ref()).collect();
    match answer {
        Ok(()) => {
            assert!(broken.is_empty(), "{at}: a change was made against {broken:?}");
            for Write { key, value } in change.writes {
                match value {
                    Some(value) => model.insert(key, value),
                    None => model.remove(&key),
                };
            }
        }
        Err(Conflict { key }) => {
            assert!(broken.iter().any(|broken| broken.key == key), "{at}: refused for {key:?}, though that holds");
        }
    }
}
