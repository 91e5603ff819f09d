//! Cheques and creations: files, or standard input. What is read is limited, because a peer may send anything.

use std::{
    fs::File,
    io::{self, BufReader, Read, stdin},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chequebook::{Creation, SignedCheque};
use serde_json::{Deserializer, Value};
use tokio::sync::mpsc;

use super::exit::{Exit, Failure};

/// The most that is read for one cheque or creation, in bytes: many times what either needs.
const MAX_ITEM: usize = 65_536;
/// The longest file that is read as a whole, in bytes.
const MAX_FILE: u64 = 1 << 30;
/// How many cheques are read ahead.
const AHEAD: usize = 16;

/// Opens a file; `-` is standard input.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin()));
    }
    let file = File::open(path);
    let file = file.map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
    Ok(Box::new(file))
}

/// Reads a whole file, which is a file of ours: as long as a backup may be.
pub(crate) fn read_all(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = open(path)?.take(MAX_FILE).read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
    Ok(bytes)
}

/// Stops a reader that has read too much since it was last reset.
struct Limited {
    inner: Box<dyn Read + Send>,
    since: Arc<AtomicUsize>,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let before = self.since.fetch_add(read, Ordering::Relaxed);
        if before > MAX_ITEM {
            return Err(io::Error::other(format!("more than {MAX_ITEM} bytes, expected a cheque")));
        }
        Ok(read)
    }
}

/// The cheques of a file, one after the other, as they come. The last one is an error if the rest cannot be read.
pub(crate) fn cheques(path: &Path) -> Result<mpsc::Receiver<Result<SignedCheque, Failure>>, Failure> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let since = Arc::new(AtomicUsize::new(0));
    let reader = BufReader::with_capacity(8_192, Limited { inner: open(path)?, since: Arc::clone(&since) });
    let name = path.display().to_string();
    // Reading a pipe blocks. The program does not wait for this thread when it ends.
    std::thread::spawn(move || {
        for item in Deserializer::from_reader(reader).into_iter::<SignedCheque>() {
            since.store(0, Ordering::Relaxed);
            let is_error = item.is_err();
            let item = item.map_err(|error| {
                let exit = if error.is_io() { Exit::Failed } else { Exit::BadCheque };
                Failure::new(exit, format!("{name}: {error}"))
            });
            if sender.blocking_send(item).is_err() || is_error {
                return; // nobody listens any more
            }
        }
    });
    Ok(receiver)
}

/// The one cheque of a file.
///
/// # Errors
///
/// [`Exit::BadCheque`] if there is none, or more than one.
pub(crate) async fn cheque(path: &Path) -> Result<SignedCheque, Failure> {
    let wrong = |what| Failure::new(Exit::BadCheque, format!("{}: {what}, expected one", path.display()));
    let mut all = cheques(path)?;
    let first = all.recv().await.ok_or_else(|| wrong("no cheque"))??;
    match all.recv().await {
        None => Ok(first),
        Some(Err(failure)) => Err(failure),
        Some(Ok(_)) => Err(wrong("several cheques")),
    }
}

/// A creation, by itself or as `create` and `predict` print it.
///
/// # Errors
///
/// [`Exit::Failed`] if it is none.
pub(crate) fn creation(path: &Path) -> Result<Creation, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, format!("{}: no creation: {error}", path.display()));
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_ITEM).unwrap_or(u64::MAX);
    open(path)?.take(limit).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
    let mut value: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    if let Some(inner) = value.get_mut("creation") {
        value = inner.take();
    }
    serde_json::from_value(value).map_err(|error| wrong(&error))
}
