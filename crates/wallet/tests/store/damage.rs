//! Damage to the file: either the file is refused, or the damage does not matter. The exception is one byte that the
//! library does not protect: damage there brings back the commit before the last one.

use std::{fs, path::Path, sync::LazyLock};

use chequebook_wallet::store::{Entry, Redb, Store, StoreError, TABLES};
use proptest::prelude::*;

use super::{commit, get, now, put, remove, scan, scratch, write_private};

/// More than the size of the library's header, in bytes.
const HEADER: usize = 512;
/// The size of a page of the library, in bytes.
const PAGE: usize = 4096;

/// The bytes of a file, and its content.
struct Image {
    bytes: Vec<u8>,
    content: Vec<Entry>,
}

struct Images {
    closed: Image,
    /// Taken while the store was open, as if the process had been killed. `before` is the same, one commit earlier.
    killed: Image,
    before: Image,
}

static IMAGES: LazyLock<Images> = LazyLock::new(|| {
    let directory = scratch();
    let path = directory.path().join("store");
    let store = Redb::create(&path).unwrap();
    for round in 0..8_u8 {
        let rows = (0..40).map(|row| put([b'r', row], [round; 100]));
        let writes: Vec<_> = rows.chain([put("round", [round]), remove([b'r', round])]).collect();
        blocking(commit(&store, &writes)).unwrap();
    }
    let before = image(&path, &store);
    blocking(commit(&store, &[put("round", [8])])).unwrap();
    let killed = image(&path, &store);
    let content = killed.content.clone();
    drop(store);
    Images { closed: Image { bytes: fs::read(&path).unwrap(), content }, killed, before }
});

/// All rows of all tables; only one table has some.
fn content(store: &Redb) -> Result<Vec<Entry>, StoreError> {
    for table in &TABLES[1..] {
        assert_eq!(now(store.page(*table, &[], None, 1))?, []);
    }
    now(scan(store, b""))
}

/// Commits happen on a thread of a runtime.
fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn image(path: &Path, store: &Redb) -> Image {
    Image { bytes: fs::read(path).unwrap(), content: content(store).unwrap() }
}

/// The content of a store with these bytes, or why it is refused.
fn open(bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let directory = scratch();
    let path = directory.path().join("store");
    write_private(&path, bytes);
    content(&Redb::open(&path)?)
}

/// Like [`open`], and checks that the store works afterwards.
fn open_and_use(bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let directory = scratch();
    let path = directory.path().join("store");
    write_private(&path, bytes);
    let store = Redb::open(&path)?;
    let content = content(&store)?;
    blocking(commit(&store, &[put("still", "works")]))?;
    drop(store);
    assert_eq!(now(get(&Redb::open(&path)?, "still")).unwrap(), b"works");
    Ok(content)
}

/// Whether the bytes are refused. If not, the content must be what was written.
fn refused(bytes: &[u8], image: &Image) -> bool {
    match open(bytes) {
        Ok(content) => {
            assert!(content == image.content, "it was opened with another content");
            false
        }
        Err(StoreError::Corrupt { .. } | StoreError::Empty { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

fn flipped(image: &Image, bit: usize) -> Vec<u8> {
    let mut bytes = image.bytes.clone();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[test]
fn opens_after_the_process_was_killed() {
    for image in [&IMAGES.killed, &IMAGES.before, &IMAGES.closed] {
        assert!(open_and_use(&image.bytes).unwrap() == image.content);
    }
    assert!(IMAGES.killed.content != IMAGES.before.content);
}

/// The bytes of the header in which a wrong bit brings back the commit before the last one. Any other content is a
/// failure of this test.
fn unprotected(image: &Image) -> Vec<usize> {
    let mut bytes = Vec::new();
    let mut refusals = 0;
    for bit in 0..HEADER * 8 {
        match open(&flipped(image, bit)) {
            Ok(content) if content == image.content => {}
            Ok(content) => {
                assert!(content == IMAGES.before.content, "bit {bit} brings back a content that never existed");
                bytes.push(bit / 8);
            }
            Err(StoreError::Corrupt { .. }) => refusals += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refusals > 250, "the mark and a commit are checked, found only {refusals} bits that are");
    bytes.dedup();
    bytes
}

#[test]
fn a_wrong_bit_in_the_header_brings_back_an_older_state_in_one_byte_at_most() {
    let closed = unprotected(&IMAGES.closed);
    let killed = unprotected(&IMAGES.killed);
    assert!(closed.len() <= 1, "{closed:?}");
    assert!(killed.len() <= 1, "{killed:?}");
}

#[test]
fn refuses_a_last_commit_that_was_damaged() {
    let Images { killed, before, .. } = &*IMAGES;
    let pages = killed.bytes.chunks(PAGE).zip(before.bytes.chunks(PAGE)).enumerate().skip(1);
    let written: Vec<_> = pages.filter(|(_, (now, before))| now != before).map(|(page, _)| page).collect();
    let refusals = written.iter().filter(|&&page| refused(&flipped(killed, (page * PAGE + 2) * 8), killed)).count();
    assert_eq!(refusals, written.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_wrong_bit_brings_back_an_older_state(at: prop::sample::Index, killed: bool) {
        let image = if killed { &IMAGES.killed } else { &IMAGES.closed };
        // the header, with its one unprotected byte, is tried bit by bit above
        let bit = HEADER * 8 + at.index((image.bytes.len() - HEADER) * 8);
        refused(&flipped(image, bit), image);
    }

    #[test]
    fn no_missing_end_brings_back_an_older_state(at: prop::sample::Index, whole_pages: bool, killed: bool) {
        let image = if killed { &IMAGES.killed } else { &IMAGES.closed };
        let len = at.index(image.bytes.len());
        let len = if whole_pages { len / PAGE * PAGE } else { len };
        prop_assert!(refused(&image.bytes[..len], image) || killed, "a closed file needs all its bytes");
    }
}
