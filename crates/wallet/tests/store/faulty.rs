//! The suite for every store notices what it is for: each of these stores does one thing wrong.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use chequebook_wallet::store::{
    Change, Condition, Conflict, Entry, Key, Memory, MemoryDisk, Store, StoreError, Table, Write, conformance,
};
use futures_util::FutureExt;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Nothing,
    IgnoresConditions,
    IgnoresAbsence,
    TakesEmptyForAbsent,
    ChecksAllConditionsFirst,
    WritesWhatItRefuses,
    RefusesTheWholeCommit,
    NamesAnotherRow,
    AnswersTooMuch,
    MixesTables,
    MixesTablesInConditions,
    IncludesAfter,
    IgnoresAfter,
    IgnoresPrefix,
    IgnoresLimit,
    EndsPagesEarly,
    SortsBackwards,
    KeepsRemoved,
    WritesBackwards,
    CutsValues,
    CutsKeys,
    ForgetsWhenClosed,
    ChecksBeforeItLocks,
}

use Fault::*;

const FAULTS: [Fault; 22] = [
    IgnoresConditions,
    IgnoresAbsence,
    TakesEmptyForAbsent,
    ChecksAllConditionsFirst,
    WritesWhatItRefuses,
    RefusesTheWholeCommit,
    NamesAnotherRow,
    AnswersTooMuch,
    MixesTables,
    MixesTablesInConditions,
    IncludesAfter,
    IgnoresAfter,
    IgnoresPrefix,
    IgnoresLimit,
    EndsPagesEarly,
    SortsBackwards,
    KeepsRemoved,
    WritesBackwards,
    CutsValues,
    CutsKeys,
    ForgetsWhenClosed,
    ChecksBeforeItLocks,
];

struct Faulty {
    memory: Memory,
    fault: Fault,
}

impl Faulty {
    /// Whether conditions hold, each read by itself.
    async fn conflict(&self, conditions: &[Condition]) -> Result<Option<Conflict>, StoreError> {
        for Condition { key, value } in conditions {
            let mut at = key.clone();
            if self.fault == MixesTablesInConditions {
                at.table = chequebook_wallet::store::TABLES[0];
            }
            let mut found = self.memory.get(&at).await?;
            match self.fault {
                IgnoresConditions => continue,
                IgnoresAbsence if value.is_none() => continue,
                TakesEmptyForAbsent => found = found.filter(|found| !found.is_empty()),
                _ => {}
            }
            let expected = value.as_ref().filter(|value| self.fault != TakesEmptyForAbsent || !value.is_empty());
            if found.as_ref() != expected {
                return Ok(Some(Conflict { key: key.clone() }));
            }
        }
        Ok(None)
    }

    fn spoil(&self, mut write: Write) -> Option<Write> {
        match self.fault {
            MixesTables => write.key.table = chequebook_wallet::store::TABLES[0],
            KeepsRemoved if write.value.is_none() => return None,
            CutsValues => write.value.as_mut().map(|value| value.truncate(1 << 16)).unwrap_or_default(),
            CutsKeys => write.key.bytes.truncate(64),
            _ => {}
        }
        Some(write)
    }
}

#[async_trait]
impl Store for Faulty {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(key).await
    }

    async fn page(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let after = if self.fault == IgnoresAfter { None } else { after };
        let prefix = if self.fault == IgnoresPrefix { &[] } else { prefix };
        let limit = match self.fault {
            IgnoresLimit => usize::MAX,
            EndsPagesEarly => limit.min(1_000),
            _ => limit,
        };
        let mut page = self.memory.page(table, prefix, after, limit).await?;
        if let (IncludesAfter, Some(after)) = (self.fault, after)
            && let Some(value) = self.memory.get(&Key { table, bytes: after.to_vec() }).await?
        {
            page.insert(0, (after.to_vec(), value));
        }
        if self.fault == SortsBackwards {
            page.reverse();
        }
        Ok(page)
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), Conflict>>, StoreError> {
        let mut answers = Vec::new();
        let mut first = Vec::new();
        for change in &changes {
            first.push(self.conflict(&change.conditions).await?);
        }
        if self.fault == RefusesTheWholeCommit
            && let Some(Some(conflict)) = first.iter().find(|conflict| conflict.is_some())
        {
            return Ok(vec![Err(conflict.clone()); changes.len()]);
        }
        let passes = self.fault == Nothing || self.fault == ForgetsWhenClosed;
        for (Change { mut writes, conditions }, first) in changes.into_iter().zip(first) {
            if passes {
                answers.extend(self.memory.commit(vec![Change { conditions, writes }]).await?);
                continue;
            }
            let mut conflict = match self.fault {
                ChecksAllConditionsFirst => first,
                _ => self.conflict(&conditions).await?,
            };
            if self.fault == ChecksBeforeItLocks {
                tokio::task::yield_now().await;
            }
            if let (NamesAnotherRow, Some(conflict)) = (self.fault, &mut conflict) {
                conflict.key.bytes.push(0);
            }
            if self.fault == WritesBackwards {
                writes.reverse();
            }
            if conflict.is_none() || self.fault == WritesWhatItRefuses {
                let writes = writes.into_iter().filter_map(|write| self.spoil(write)).collect();
                self.memory.commit(vec![Change { conditions: vec![], writes }]).await?;
            }
            answers.push(conflict.map_or(Ok(()), Err));
        }
        if self.fault == AnswersTooMuch {
            answers.push(Ok(()));
        }
        Ok(answers)
    }
}

async fn run(fault: Fault) {
    let disk = MemoryDisk::new();
    let opened = std::cell::Cell::new(0);
    conformance::run(async || {
        opened.set(opened.get() + 1);
        let forgets = fault == ForgetsWhenClosed && opened.get() > 2;
        let disk = if forgets { MemoryDisk::new() } else { disk.clone() };
        Faulty { memory: disk.open().unwrap(), fault }
    })
    .await;
}

#[tokio::test]
async fn every_fault_is_noticed() {
    run(Nothing).await;
    let mut missed = Vec::new();
    for fault in FAULTS {
        if AssertUnwindSafe(run(fault)).catch_unwind().await.is_ok() {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
