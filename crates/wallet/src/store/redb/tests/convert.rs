//! Files of format 1.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use alloy::primitives::B256;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend};

use super::super::{
    Redb, check_format,
    convert::ONE_FOR_ALL,
    database::{FORMAT, FORMAT_TABLE, builder, definition, transact},
};
use crate::store::{Store, StoreError, TABLES, Table, schema::Origin};

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn origin(format: u32) -> Vec<u8> {
    postcard::to_allocvec(&Origin { format, chain_id: 1, genesis: B256::ZERO }).unwrap()
}

/// The key of a row in format 1; the table and the key to which it is converted; its value.
type Row = (Vec<u8>, Table, Vec<u8>, Vec<u8>);

/// Rows of each table that there was in row format 4.
fn named_rows() -> Vec<Row> {
    let old = ["origin", "chequebooks", "totals", "paid", "issued", "received", "nonces", "transactions"];
    let mut rows = Vec::new();
    for table in TABLES.iter().filter(|table| old.contains(&table.name())) {
        let keys = if table.name() == "origin" { vec![vec![]] } else { vec![vec![b'/'; 20], vec![0xff; 40]] };
        for key in keys {
            let value = if table.name() == "origin" { origin(4) } else { format!("{} {key:?}", table.name()).into() };
            rows.push(([table.name().as_bytes(), b"/", &key].concat(), *table, key, value));
        }
    }
    assert_eq!(rows.len(), 15);
    rows
}

/// A store of format 1 with these rows.
fn make(database: &Database, rows: &[(Vec<u8>, Vec<u8>)]) {
    transact(database, |transaction| {
        transaction.open_table(FORMAT_TABLE).unwrap().insert((), 1).unwrap();
        let mut table = transaction.open_table(ONE_FOR_ALL).unwrap();
        for (key, value) in rows {
            table.insert(key.as_slice(), value.as_slice()).unwrap();
        }
        Ok(())
    })
    .unwrap();
}

fn make_file(path: &Path, rows: &[(Vec<u8>, Vec<u8>)]) {
    make(&Database::create(path).unwrap(), rows);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

async fn content(store: &Redb, table: Table) -> Rows {
    store.page(table, &[], None, usize::MAX).await.unwrap()
}

#[tokio::test]
async fn converts_a_file_of_format_1() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let rows = named_rows();
    make_file(&path, &rows.iter().map(|(key, _, _, value)| (key.clone(), value.clone())).collect::<Vec<_>>());
    for _ in 0..2 {
        let store = Redb::open(&path).unwrap();
        for table in TABLES {
            let expected = rows.iter().filter(|(_, of, ..)| of == table);
            let expected: Rows = expected.map(|(.., key, value)| (key.clone(), value.clone())).collect();
            assert_eq!(content(&store, *table).await, expected, "{}", table.name());
        }
        let read = store.database.begin_read().unwrap();
        assert!(read.open_table(ONE_FOR_ALL).is_err(), "the old table is gone");
        assert_eq!(read.open_table(FORMAT_TABLE).unwrap().get(()).unwrap().unwrap().value(), FORMAT);
    }
}

/// Makes a file of an older format of one that is closed, without a table.
fn make_format(format: u32, path: &Path, without: &str) {
    let database = Database::open(path).unwrap();
    transact(&database, |transaction| {
        transaction.open_table(FORMAT_TABLE).unwrap().insert((), format).unwrap();
        let table = TABLES.iter().find(|table| table.name() == without).unwrap();
        assert!(transaction.delete_table(definition(*table)).unwrap(), "it was there");
        Ok(())
    })
    .unwrap();
}

#[tokio::test]
async fn adds_the_tables_that_a_format_did_not_have_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let rows = named_rows();
    make_file(&path, &rows.iter().map(|(key, _, _, value)| (key.clone(), value.clone())).collect::<Vec<_>>());
    drop(Redb::open(&path).unwrap());
    let mut added = Vec::new();
    for (format, name) in [(2, "automatic"), (3, "accepted")] {
        make_format(format, &path, name);
        added.push(name);
        for _ in 0..2 {
            let store = Redb::open(&path).unwrap();
            for table in TABLES {
                let expected = rows.iter().filter(|(_, of, ..)| of == table && !added.contains(&table.name()));
                let expected: Rows = expected.map(|(.., key, value)| (key.clone(), value.clone())).collect();
                assert_eq!(content(&store, *table).await, expected, "{}", table.name());
            }
        }
    }
    make_format(3, &path, "credit");
    assert!(matches!(Redb::open(&path), Err(StoreError::Corrupt { .. })), "what payers have is lost");
}

#[tokio::test]
async fn converts_a_file_that_no_wallet_has_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    make_file(&path, &[]);
    let store = Redb::open(&path).unwrap();
    for table in TABLES {
        assert!(content(&store, *table).await.is_empty());
    }
}

#[tokio::test]
async fn converts_keys_that_begin_with_a_letter() {
    let directory = tempfile::tempdir().unwrap();
    for format in [1, 2] {
        let path = directory.path().join(format!("store {format}"));
        let keyed = [(b't', 20, "totals"), (b'p', 20, "paid"), (b'i', 40, "issued")];
        let keyed = keyed.into_iter().chain([(b'n', 40, "received"), (b'a', 20, "nonces"), (b'x', 28, "transactions")]);
        let keyed: Vec<_> = keyed.collect();
        let rows = keyed.iter().map(|&(letter, len, name)| ([vec![letter], vec![7; len]].concat(), name.into()));
        make_file(&path, &rows.chain([(b"o".to_vec(), origin(format))]).collect::<Vec<_>>());
        let store = Redb::open(&path).unwrap();
        for table in TABLES {
            let row = keyed.iter().find(|(_, _, name)| *name == table.name());
            let expected: Rows = match row {
                Some((_, len, name)) => vec![(vec![7; *len], name.as_bytes().to_vec())],
                None if table.name() == "origin" => vec![(vec![], origin(format))],
                None => vec![],
            };
            assert_eq!(content(&store, *table).await, expected, "{}", table.name());
        }
    }
}

/// What a file of format 1 has, which must be the same as before.
fn assert_unchanged(path: &Path, rows: &[(Vec<u8>, Vec<u8>)]) {
    let database = Database::open(path).unwrap();
    let read = database.begin_read().unwrap();
    assert_eq!(read.open_table(FORMAT_TABLE).unwrap().get(()).unwrap().unwrap().value(), 1);
    assert_eq!(one_for_all(&database), rows);
}

fn one_for_all(database: &Database) -> Rows {
    let table = database.begin_read().unwrap().open_table(ONE_FOR_ALL).unwrap();
    let entries = table.iter().unwrap().map(|entry| entry.unwrap());
    entries.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).collect()
}

#[test]
fn leaves_a_store_as_it_is_whose_rows_cannot_be_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let chequebook = [b"b".to_vec(), vec![1; 20]].concat();
    let named = [b"chequebooks/".to_vec(), vec![1; 20]].concat();
    let origin_at = |format| if format < 3 { b"o".to_vec() } else { b"origin/".to_vec() };
    for (format, with) in [(0, None), (1, Some(&chequebook)), (2, Some(&chequebook)), (3, Some(&named)), (6, None)] {
        let path = directory.path().join(format!("store {format}"));
        let mut rows: Rows = with.map(|key| (key.clone(), vec![1; 21])).into_iter().collect();
        rows.push((origin_at(format), origin(format)));
        rows.sort();
        make_file(&path, &rows);
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::UnknownFormat { found, expected: 5 } if found == format), "{error}");
        assert_unchanged(&path, &rows);
    }
}

#[test]
fn refuses_rows_of_no_table() {
    let directory = tempfile::tempdir().unwrap();
    for (at, key) in
        [&b""[..], b"/", b"origin", b"foreign/key", b"oo", b"x", &[b'i'; 40], &[b'q'; 21]].iter().enumerate()
    {
        let path = directory.path().join(format!("store {at}"));
        let rows = [(key.to_vec(), vec![])];
        make_file(&path, &rows);
        assert!(matches!(Redb::open(&path), Err(StoreError::Corrupt { .. })), "{key:?}");
        assert_unchanged(&path, &rows);
    }
}

#[test]
fn refuses_format_1_without_its_table() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let database = Database::create(&path).unwrap();
    transact(&database, |transaction| {
        transaction.open_table(FORMAT_TABLE).unwrap().insert((), 1).unwrap();
        Ok(())
    })
    .unwrap();
    drop(database);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Redb::open(&path), Err(StoreError::Corrupt { .. })));
}

/// A disk in memory that fails after some writes, as if the machine had stopped.
#[derive(Clone, Debug)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    writes_left: Arc<AtomicUsize>,
}

impl Disk {
    fn new(bytes: Vec<u8>, writes: usize) -> Self {
        Self { bytes: Arc::new(Mutex::new(bytes)), writes_left: Arc::new(AtomicUsize::new(writes)) }
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap()
    }

    fn count(&self) -> io::Result<()> {
        let left = self.writes_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| io::Error::other("the machine has stopped"))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len().try_into().unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap();
        let bytes = self.bytes();
        let found = bytes.get(from..).and_then(|rest| rest.get(..out.len())).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.count()?;
        self.bytes().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.count()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.count()?;
        let from = usize::try_from(offset).unwrap();
        self.bytes().get_mut(from..).and_then(|rest| rest.get_mut(..data.len())).unwrap().copy_from_slice(data);
        Ok(())
    }
}

/// Opens the disk as a file is opened.
fn open(disk: &Disk) -> Result<Database, StoreError> {
    let path = Path::new("disk");
    let mut builder = builder();
    builder.set_check_integrity_on_open(true);
    let database = builder.create_with_backend(disk.clone()).map_err(|error| super::super::refusal(path, error))?;
    check_format(path, &database)?;
    Ok(database)
}

#[test]
fn a_crash_leaves_the_old_file_or_the_new_one() {
    let mut rows: Rows = named_rows().into_iter().map(|(key, _, _, value)| (key, value)).collect();
    rows.sort();
    let disk = Disk::new(vec![], usize::MAX);
    make(&builder().create_with_backend(disk.clone()).unwrap(), &rows);
    let old = disk.bytes().clone();
    let (mut crashes, mut were_old) = (0, 0);
    for writes in 0.. {
        let disk = Disk::new(old.clone(), writes);
        let converted = open(&disk).is_ok();
        // What is on the disk is looked at by a version that converts nothing.
        let after = disk.bytes().clone();
        let looked = builder().create_with_backend(Disk::new(after.clone(), usize::MAX)).unwrap();
        let format = looked.begin_read().unwrap().open_table(FORMAT_TABLE).unwrap().get(()).unwrap().unwrap().value();
        match format {
            1 => {
                assert!(one_for_all(&looked) == rows, "the old file is usable after {writes} writes");
                were_old += 1;
            }
            FORMAT => {
                let count: usize = TABLES.iter().map(|table| count_rows(&looked, *table)).sum();
                assert_eq!(count, rows.len(), "all rows are there after {writes} writes");
            }
            other => panic!("format {other} after {writes} writes"),
        }
        drop(looked);
        // And then the conversion is finished.
        let database = open(&Disk::new(after, usize::MAX)).unwrap();
        let count: usize = TABLES.iter().map(|table| count_rows(&database, *table)).sum();
        assert_eq!(count, rows.len());
        if converted {
            break;
        }
        crashes += 1;
    }
    assert!(were_old > 3 && crashes >= were_old, "{were_old} of {crashes} crashes were before the commit");
}

fn count_rows(database: &Database, table: Table) -> usize {
    database.begin_read().unwrap().open_table(definition(table)).unwrap().iter().unwrap().count()
}
