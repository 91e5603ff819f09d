//! What changes do, and when they are refused.

use super::{
    super::{
        backend::Store,
        change::{Condition, Conflict, Write},
        schema::TABLES,
    },
    rows::{ONE, OTHER, change, clear, commit, entries, get, has, key, put, remove, rows, write},
};

pub(super) async fn check(store: &impl Store) {
    clear(store).await;
    assert_eq!(get(store, &key(ONE, "key")).await, None);
    write(store, [put("key", "value"), put("other", "1")]).await;
    assert_eq!(get(store, &key(ONE, "key")).await.as_deref(), Some(&b"value"[..]));
    write(store, [put("key", "new")]).await;
    assert_eq!(rows(store, ONE).await, entries([("key", "new"), ("other", "1")]));
    write(store, [remove("key"), remove("never was")]).await;
    assert_eq!(get(store, &key(ONE, "key")).await, None, "it was removed");
    assert_eq!(rows(store, ONE).await, entries([("other", "1")]));

    // Within a change, and from one change to the next, what is later wins.
    write(store, [put("a", "1"), put("a", "2"), put("b", "1"), remove("b"), remove("c"), put("c", "1")]).await;
    let changes = [change([], [put("c", "2"), put("d", "1")]), change([], [put("c", "3"), remove("d")])];
    assert_eq!(commit(store, changes).await, [Ok(()), Ok(())]);
    assert_eq!(rows(store, ONE).await, entries([("a", "2"), ("c", "3"), ("other", "1")]));

    assert_eq!(commit(store, []).await, [], "no change has no answer");
    assert_eq!(commit(store, [change([], []), change([], [])]).await, [Ok(()), Ok(())]);
}

pub(super) async fn check_conditions(store: &impl Store) {
    clear(store).await;
    write(store, [put("row", "1"), put("empty", "")]).await;
    let holds = [
        [has("none", None), has("row", Some("1"))],
        [has("row", Some("1")), has("row", Some("1"))],
        [has("empty", Some("")), has("none", None)],
    ];
    for conditions in holds {
        let shown = format!("{conditions:?}");
        assert_eq!(commit(store, [change(conditions, [put("made", "1")])]).await, [Ok(())], "{shown}");
    }
    let refused = [
        has("none", Some("1")),
        has("none", Some("")),
        has("row", None),
        has("row", Some("2")),
        has("row", Some("")),
        has("row", Some("11")),
        has("empty", None),
        has("empty", Some("1")),
    ];
    for condition in refused {
        let conflict = Conflict { key: condition.key.clone() };
        let with_another = [has("none", None), condition.clone()];
        // Others of the same commit are made; of the refused one, nothing.
        let changes = [
            change([], [put("before", "1")]),
            change(with_another, [put("new", "1"), remove("row"), put("before", "2")]),
            change([has("new", None)], [put("after", "1")]),
        ];
        assert_eq!(commit(store, changes).await, [Ok(()), Err(conflict), Ok(())], "{condition:?}");
        let expected = [("after", "1"), ("before", "1"), ("empty", ""), ("made", "1"), ("row", "1")];
        assert_eq!(rows(store, ONE).await, entries(expected), "{condition:?}");
        write(store, [remove("before"), remove("after")]).await;
    }
    check_chains(store).await;
}

/// Conditions on rows that the same commit changes.
async fn check_chains(store: &impl Store) {
    clear(store).await;
    let conflict = || Err(Conflict { key: key(ONE, "row") });
    let raise = |before, after| change([has("row", before)], [put("row", after)]);
    let changes = [
        raise(None, "1"),
        raise(Some("1"), "2"),
        raise(Some("1"), "3"),                              // is 2
        raise(Some("3"), "4"),                              // was built on what was refused
        change([has("row", Some("2"))], [remove("row")]),   // what it writes itself does not count
        change([has("row", Some("2"))], [put("row", "5")]), // is gone
        raise(None, "6"),
    ];
    let expected = [Ok(()), Ok(()), conflict(), conflict(), Ok(()), conflict(), Ok(())];
    assert_eq!(commit(store, changes).await, expected);
    assert_eq!(rows(store, ONE).await, entries([("row", "6")]));
    // A change may have conditions only: they say whether others have written.
    let changes = [change([has("row", Some("6"))], []), change([has("row", None)], [])];
    assert_eq!(commit(store, changes).await, [Ok(()), conflict()]);
}

pub(super) async fn check_tables(store: &impl Store) {
    clear(store).await;
    let at = |table| key(table, "same");
    let writes: Vec<_> =
        TABLES.iter().map(|table| Write { key: at(*table), value: Some(table.name().into()) }).collect();
    write(store, writes).await;
    for table in TABLES {
        assert_eq!(rows(store, *table).await, [(b"same".to_vec(), table.name().into())], "a table sees another one");
    }
    // A condition on one table, and a write to another one.
    let holds = Condition { key: at(ONE), value: Some(ONE.name().into()) };
    let fails = Condition { key: at(OTHER), value: Some(ONE.name().into()) };
    let removes = Write { key: at(OTHER), value: None };
    let answers = commit(store, [change([fails], [put("same", "")]), change([holds], [removes])]).await;
    assert_eq!(answers, [Err(Conflict { key: at(OTHER) }), Ok(())]);
    for table in TABLES {
        let expected = (*table != OTHER).then(|| table.name().as_bytes().to_vec());
        assert_eq!(get(store, &at(*table)).await, expected, "table {}", table.name());
    }
}

/// The smallest and the largest keys and values.
pub(super) async fn check_sizes(store: &impl Store) {
    clear(store).await;
    let long_key = [0xff; 255];
    let large: Vec<u8> = (0..1_u32 << 18).flat_map(u32::to_le_bytes).collect();
    write(store, [put("", ""), put(long_key, &large), put([0], [0])]).await;
    let expected = [(vec![], vec![]), (vec![0], vec![0]), (long_key.to_vec(), large.clone())];
    assert!(rows(store, ONE).await == expected, "empty and large rows are as they were written");
    assert_eq!(get(store, &key(ONE, "")).await, Some(vec![]), "an empty value is not a missing one");
    assert!(get(store, &key(ONE, long_key)).await.as_ref() == Some(&large), "a large value is as it was written");
    let same = Condition { key: key(ONE, long_key), value: Some(large) };
    assert_eq!(commit(store, [change([same], [remove(""), remove(long_key)])]).await, [Ok(())]);
    assert_eq!(rows(store, ONE).await, [(vec![0], vec![0])]);
}
