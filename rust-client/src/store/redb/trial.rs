//! Looks into a file without changing it.

use std::{
    fs::File,
    io::{Error, ErrorKind, Result},
    os::unix::fs::FileExt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::StorageBackend;

/// A file as it would be after some changes, which are kept in memory.
#[derive(Debug)]
pub(super) struct Trial {
    file: File,
    changes: Mutex<Changes>,
}

#[derive(Debug)]
struct Changes {
    len: u64,
    /// Up to here, bytes are those of the file; beyond, they are zero.
    kept: u64,
    /// What was written, in the order in which it was. When a file is opened, this is not much.
    writes: Vec<(u64, Vec<u8>)>,
}

impl Trial {
    /// The file, with these bytes changed already.
    pub(super) fn new(file: File, writes: Vec<(u64, Vec<u8>)>) -> Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, changes: Mutex::new(Changes { len, kept: len, writes }) })
    }

    fn lock(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Trial {
    fn len(&self) -> Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let changes = self.lock();
        if end(offset, out)? > changes.len {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let in_file = usize::try_from(changes.kept.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (old, new) = out.split_at_mut(in_file);
        self.file.read_exact_at(old, offset)?;
        new.fill(0);
        for (start, data) in &changes.writes {
            overlay(out, offset, data, *start);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut changes = self.lock();
        changes.len = len;
        changes.kept = changes.kept.min(len);
        for (start, data) in &mut changes.writes {
            data.truncate(usize::try_from(len.saturating_sub(*start)).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let end = end(offset, data)?;
        let mut changes = self.lock();
        changes.len = changes.len.max(end);
        changes.writes.push((offset, data.to_vec()));
        Ok(())
    }
}

fn end(offset: u64, data: &[u8]) -> Result<u64> {
    let len = u64::try_from(data.len()).map_err(Error::other)?;
    offset.checked_add(len).ok_or_else(|| ErrorKind::InvalidInput.into())
}

/// Copies into `out`, which begins at `offset`, as much of `data` as falls into it; `data` begins at `start`.
fn overlay(out: &mut [u8], offset: u64, data: &[u8], start: u64) {
    let skip = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    let out = out.get_mut(skip(offset, start)..).unwrap_or_default();
    let data = data.get(skip(start, offset)..).unwrap_or_default();
    let len = out.len().min(data.len());
    if let (Some(out), Some(data)) = (out.get_mut(..len), data.get(..len)) {
        out.copy_from_slice(data);
    }
}
