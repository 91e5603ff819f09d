//! Pages of rows: their order, and where they begin and end.

use super::{
    super::{
        backend::Store,
        change::{Entry, Write},
    },
    rows::{ONE, OTHER, change, clear, commit, key, page, put, rows, write},
};

/// Sorted, as bytes are: the shorter one first, and no byte is negative.
const KEYS: &[&[u8]] = &[
    b"",
    b"\0",
    b"\0\0",
    b"\0\xff",
    b"\x01",
    b"A",
    b"a",
    b"a\0",
    b"aa",
    b"aa\x7f",
    b"aa\x80",
    b"ab",
    b"b",
    b"\x7f",
    b"\x80",
    b"\xc3\x28",
    b"\xff",
    b"\xff\0",
    b"\xff\xff",
    b"\xff\xff\xff",
];

/// Keys of no row.
const BETWEEN: &[&[u8]] = &[b"\0\x01", b"\x02", b"a\x01", b"aab", b"abc", b"\x81", b"\xff\x01", b"\xff\xff\xff\xff"];

pub(super) async fn check(store: &impl Store) {
    clear(store).await;
    // Written in another order, with neighbours in another table.
    let (even, odd): (Vec<_>, Vec<_>) = KEYS.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    for some in [odd, even] {
        let elsewhere = |at: &[u8]| Write { key: key(OTHER, at), value: Some(b"elsewhere".to_vec()) };
        write(store, some.iter().rev().flat_map(|(_, at)| [put(at, at), elsewhere(at)]).collect::<Vec<_>>()).await;
    }
    let all: Vec<Entry> = KEYS.iter().map(|at| (at.to_vec(), at.to_vec())).collect();
    assert_eq!(rows(store, ONE).await, all, "all rows, in the order of their keys");

    let places = || KEYS.iter().chain(BETWEEN).copied();
    for prefix in places() {
        for after in places().map(Some).chain([None]) {
            let is_in = |(at, _): &&Entry| at.starts_with(prefix) && after.is_none_or(|after| at.as_slice() > after);
            let expected: Vec<_> = all.iter().filter(is_in).cloned().collect();
            let count = expected.len();
            for limit in [0, 1, 2, count.saturating_sub(1), count, count + 1, usize::MAX] {
                let found = page(store, ONE, prefix, after, limit).await;
                let expected = expected.get(..limit.min(count)).unwrap_or_default();
                assert_eq!(found, expected, "prefix {prefix:x?}, after {after:x?}, limit {limit}");
            }
        }
    }
}

/// Ten thousand rows, page by page.
pub(super) async fn check_many(store: &impl Store) {
    clear(store).await;
    let numbers: Vec<u32> = (0..10_000).collect();
    let row = |number: &u32| put(number.to_be_bytes(), number.to_le_bytes());
    let changes: Vec<_> =
        numbers.chunks(999).map(|some| change([], some.iter().map(row).collect::<Vec<_>>())).collect();
    assert!(commit(store, changes).await.iter().all(Result::is_ok), "there is no condition");
    for limit in [1, 777, 1000, 10_000, 10_001] {
        let mut found: Vec<Entry> = Vec::new();
        // One by one takes long: only some of them.
        let most = if limit == 1 { 500 } else { numbers.len() };
        while found.len() < most {
            let after = found.last().map(|(at, _)| at.clone());
            let next = page(store, ONE, &[], after.as_deref(), limit).await;
            let left = numbers.len() - found.len();
            assert_eq!(next.len(), limit.min(left), "a page is full unless it is the last one");
            found.extend(next);
        }
        let expected =
            numbers.iter().take(most).map(|number| (number.to_be_bytes().to_vec(), number.to_le_bytes().to_vec()));
        assert!(found.into_iter().eq(expected), "each row once, with pages of {limit}");
    }
    let some = page(store, ONE, &[0, 0, 1], Some(&[0, 0, 1, 9]), 1000).await;
    assert_eq!(some.len(), 256 - 10, "rows with a prefix, after one of them");
}
