//! Damage to the file: it is refused, or it did not matter. Never does the store answer with an older state.

use std::{fs, path::Path, sync::LazyLock};

use chequebook_wallet::store::{Entry, Redb, Store, StoreError};
use proptest::prelude::*;

use super::{put, remove, scratch, write_private};

/// What the library keeps at the beginning of a file.
const HEADER: usize = 320;
/// In it, there are two commits.
const COMMITS: usize = 64;
const COMMIT: usize = 128;
const PAGE: usize = 4096;
/// The byte of flags, and the one of them which says where the last commit is.
const FLAGS: usize = 9;
const SECOND: u8 = 1;

/// The bytes of a file, and what is in it.
struct Image {
    bytes: Vec<u8>,
    content: Vec<Entry>,
}

struct Images {
    closed: Image,
    /// Taken while the store was open, as if the process had been killed; and the same, one commit before.
    killed: Image,
    before: Image,
}

static IMAGES: LazyLock<Images> = LazyLock::new(|| {
    let directory = scratch();
    let path = directory.path().join("store");
    let store = Redb::create(&path).unwrap();
    for round in 0..8_u8 {
        let rows = (0..40).map(|row| put([b'r', row], [round; 100]));
        store.commit(&rows.chain([put("round", [round]), remove([b'r', round])]).collect::<Vec<_>>()).unwrap();
    }
    let before = image(&path, &store);
    store.commit(&[put("round", [8])]).unwrap();
    let killed = image(&path, &store);
    let content = killed.content.clone();
    drop(store);
    Images { closed: Image { bytes: fs::read(&path).unwrap(), content }, killed, before }
});

fn image(path: &Path, store: &Redb) -> Image {
    Image { bytes: fs::read(path).unwrap(), content: store.scan(b"").unwrap() }
}

/// What is in a store of these bytes, or why it is refused.
fn open(bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let directory = scratch();
    let path = directory.path().join("store");
    write_private(&path, bytes);
    let store = Redb::open(&path).inspect_err(|_| assert!(fs::read(&path).unwrap() == bytes, "it was changed"))?;
    store.scan(b"")
}

/// Like [`open`], and the store works from then on.
fn open_and_use(bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let directory = scratch();
    let path = directory.path().join("store");
    write_private(&path, bytes);
    let store = Redb::open(&path)?;
    let content = store.scan(b"")?;
    store.commit(&[put("still", "works")])?;
    drop(store);
    assert_eq!(Redb::open(&path)?.get(b"still")?.unwrap(), b"works");
    Ok(content)
}

/// Whether the bytes are refused. If not, they must contain what they did when they were written.
fn refused(bytes: &[u8], image: &Image) -> bool {
    match open(bytes) {
        Ok(content) => {
            assert!(content == image.content, "it was opened with another content");
            false
        }
        Err(StoreError::Corrupt { .. }) => true,
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

/// Flips all bits of the header's beginning and of the commits' kinds and numbers, and one bit of each other byte, which
/// only a checksum tells apart.
fn assert_header_is_checked(image: &Image) {
    let whole = |byte| byte < COMMITS || matches!((byte - COMMITS) % COMMIT, 0..8 | 104..112);
    let bits = (0..HEADER * 8).filter(|bit| whole(bit / 8) || bit % 8 == bit / 8 % 8);
    let refusals = bits.filter(|&bit| refused(&flipped(image, bit), image)).count();
    assert!(refusals > 250, "the mark and a commit are checked, found only {refusals} bits that are");
}

#[test]
fn no_wrong_bit_in_the_header_of_a_closed_store_brings_back_an_older_state() {
    assert_header_is_checked(&IMAGES.closed);
}

#[test]
fn no_wrong_bit_in_the_header_of_a_killed_store_brings_back_an_older_state() {
    assert_header_is_checked(&IMAGES.killed);
}

#[test]
fn takes_a_last_commit_that_is_complete() {
    for image in [&IMAGES.closed, &IMAGES.killed] {
        let mut bytes = image.bytes.clone();
        bytes[FLAGS] ^= SECOND;
        assert!(open_and_use(&bytes).unwrap() == image.content);
    }
}

#[test]
fn leaves_out_a_last_commit_that_is_not_complete() {
    let Images { killed, before, .. } = &*IMAGES;
    let mut bytes = killed.bytes.clone();
    bytes[FLAGS] ^= SECOND;
    let pages = bytes.chunks_mut(PAGE).zip(before.bytes.chunks(PAGE)).skip(1);
    let written: Vec<_> = pages.filter(|(now, before)| now != before).collect();
    assert!(!written.is_empty());
    for (page, _) in written {
        page.fill(0);
    }
    assert!(open_and_use(&bytes).unwrap() == before.content);
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
        refused(&flipped(image, at.index(image.bytes.len() * 8)), image);
    }

    #[test]
    fn no_missing_end_brings_back_an_older_state(at: prop::sample::Index, whole_pages: bool, killed: bool) {
        let image = if killed { &IMAGES.killed } else { &IMAGES.closed };
        let len = at.index(image.bytes.len());
        let len = if whole_pages { len / PAGE * PAGE } else { len };
        prop_assert!(refused(&image.bytes[..len], image) || killed, "a closed file has no end that it does not need");
    }
}
