//! How a chequebook joins what is watched.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy::{
    primitives::{Address, Bytes},
    sol_types::SolCall,
};
use chequebook::{
    Asset, Error as ChequeError, Form, Record, Terms,
    bindings::{
        Chequebook::{noticePeriodCall, ownerCall, signerCall},
        ChequebookFactory::recordCall,
    },
    factory,
};
use futures_util::{StreamExt, stream};

use super::{
    blocks::{Look, Ticket},
    calls::Call,
    node::{AT_ONCE, Head, record_of},
    read::{Wanted, read, sent_call, sent_of},
    watched::{Subject, WatchedChequebook, Watching},
    watcher::ChainWatcher,
};
use crate::Error;

/// A chequebook, and what keeps its payments to some beneficiaries among what is read.
pub(crate) type Watched = (Arc<WatchedChequebook>, Vec<Watching>);

impl ChainWatcher {
    /// Watches a chequebook until the returned handle is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`]; [`ChequeError::Unproven`] unless the subject allows it; [`ChequeError::WrongAsset`] if it pays
    /// another asset than the subject expects; [`Error::Dead`] if its account was erased; [`Error::NotGenuine`] if it does not answer like a
    /// chequebook; or an error from the node.
    pub(crate) async fn watch(&self, subject: Subject<'_>) -> Result<Arc<WatchedChequebook>, Error> {
        let contract = subject.contract;
        let mut all = self.watch_many(&[(subject, Vec::new())]).await?;
        let (watched, _) = all.pop().ok_or(Error::NotGenuine { contract })??;
        Ok(watched)
    }

    /// Watches chequebooks, each of them once in `wanted`, and what they paid to these beneficiaries, with as few
    /// questions as possible. A failure of one is none of the others; its errors are those of [`watch`](Self::watch).
    ///
    /// # Errors
    ///
    /// An error from the node about the newest block.
    pub(crate) async fn watch_many(
        &self,
        wanted: &[(Subject<'_>, Vec<Address>)],
    ) -> Result<Vec<Result<Watched, Error>>, Error> {
        // Held from here on, so that none ends before its turn.
        let known: Vec<_> = wanted.iter().map(|(subject, _)| self.find(subject.contract)).collect();
        let new = wanted.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(wanted, _)| wanted);
        let mut added = self.add(&new.collect::<Vec<_>>()).await?;
        let mut all = Vec::with_capacity(wanted.len());
        for ((subject, beneficiaries), known) in wanted.iter().zip(known) {
            let contract = subject.contract;
            let found = match known.or_else(|| self.find(contract)) {
                Some(found) => Ok(found),
                None => added.remove(&contract).unwrap_or(Err(Error::NotGenuine { contract })),
            };
            all.push(match found {
                Ok(watched) if !watched.is_proven() && !subject.accept_unproven => {
                    Err(ChequeError::Unproven { contract }.into())
                }
                Ok(watched) => match subject.check_asset(watched.asset()) {
                    Ok(()) => self.attend(&watched, beneficiaries).await.map(|watching| (watched, watching)),
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            });
        }
        Ok(all)
    }

    /// Reads chequebooks that are not watched.
    async fn add(
        &self,
        new: &[&(Subject<'_>, Vec<Address>)],
    ) -> Result<HashMap<Address, Result<Arc<WatchedChequebook>, Error>>, Error> {
        let mut added = HashMap::with_capacity(new.len());
        if new.is_empty() {
            return Ok(added);
        }
        let look = self.look(Duration::ZERO).await?; // they may have been created just now
        let subjects: Vec<_> = new.iter().map(|(subject, _)| *subject).collect();
        let (mut wanted, mut known) = (Vec::new(), Vec::new());
        for ((subject, beneficiaries), identity) in new.iter().zip(self.identify(&subjects, look.head).await) {
            let contract = subject.contract;
            match identity {
                Ok((terms, unproven)) => {
                    let (beneficiaries, is_proven) = (beneficiaries.clone(), unproven.is_none());
                    let asset = terms.form.asset();
                    wanted.push(Wanted { contract, beneficiaries, is_proven, asset });
                    known.push((terms, unproven));
                }
                Err(error) => _ = added.insert(contract, Err(error)),
            }
        }
        let seen = read(&self.chain, &wanted, look).await;
        for ((Wanted { contract, .. }, (terms, unproven)), seen) in wanted.iter().zip(known).zip(seen) {
            let new = seen.map(|seen| self.insert(WatchedChequebook::new(*contract, terms, unproven, seen)));
            added.insert(*contract, new);
        }
        Ok(added)
    }

    /// Reads what a chequebook paid to these beneficiaries, now and at each block until the returned handles are dropped.
    pub(crate) async fn attend(
        &self,
        watched: &Arc<WatchedChequebook>,
        beneficiaries: &[Address],
    ) -> Result<Vec<Watching>, Error> {
        let watching: Vec<_> = beneficiaries.iter().map(|&one| Watching::new(watched, one)).collect();
        loop {
            let (head, new) = watched.read(|seen| {
                let new =
                    beneficiaries.iter().copied().filter(|one| seen.sent.get(one).is_none_or(|sent| !sent.is_read));
                (*seen.head, new.collect::<Vec<_>>())
            });
            if new.is_empty() {
                return Ok(watching);
            }
            let call = |&beneficiary: &Address| {
                let call = sent_call(watched.contract, beneficiary);
                if watched.is_proven() { call } else { call.alone() }
            };
            let calls = new.iter().map(call).collect();
            let mut sent = Vec::with_capacity(new.len());
            for (&beneficiary, answer) in new.iter().zip(self.chain.read_many(calls, &head).await) {
                sent.push((beneficiary, sent_of(watched.contract, &answer?)?));
            }
            let mut seen = watched.seen.lock();
            // If there was a new block meanwhile, they are read again at that block.
            if seen.head.hash == head.hash {
                for (beneficiary, amount) in sent {
                    if let Some(sent) = seen.sent.get_mut(&beneficiary) {
                        (sent.amount, sent.is_read) = (amount, true);
                    }
                }
                return Ok(watching);
            }
        }
    }

    /// Makes sure that a chequebook was read at the newest block.
    ///
    /// # Errors
    ///
    /// An error from the node, or [`Error::Contradiction`].
    pub(crate) async fn refresh(&self, watched: &Arc<WatchedChequebook>, max_age: Duration) -> Result<(), Error> {
        let look = self.look(max_age).await?;
        self.read_at(watched, look).await
    }

    /// The same at a look that began after this ticket was drawn.
    pub(crate) async fn refresh_since(&self, watched: &Arc<WatchedChequebook>, called: Ticket) -> Result<(), Error> {
        let look = self.look_since(called).await?;
        self.read_at(watched, look).await
    }

    async fn read_at(&self, watched: &Arc<WatchedChequebook>, look: Look) -> Result<(), Error> {
        if watched.read(|seen| seen.head.hash == look.head.hash && !seen.is_partial) {
            return Ok(());
        }
        // It joined the watch, or could not be read, while all others were.
        for (watched, seen) in self.read_all(std::slice::from_ref(watched), look).await {
            self.note(&watched, seen?);
            watched.is_failing.store(false, Ordering::Relaxed);
            self.news.publish();
        }
        Ok(())
    }

    /// The terms of each and, of an unproven one, the code.
    async fn identify(&self, subjects: &[Subject<'_>], head: Head) -> Vec<Result<(Terms, Option<Bytes>), Error>> {
        // The address of a creation proves its terms.
        let unknown = subjects.iter().filter(|subject| subject.creation.is_none());
        let calls = unknown.map(|subject| Call::new(factory(), recordCall { chequebook: subject.contract })).collect();
        let mut records = self.chain.read_many(calls, &head).await.into_iter();
        let mut records: Vec<Option<Result<Option<Record>, Error>>> = subjects
            .iter()
            .map(|subject| match subject.creation {
                Some(_) => None,
                None => records.next().map(|answer| answer.and_then(|answer| record_of(&answer))),
            })
            .collect();
        // Of a chequebook with another asset than is expected, nothing more is asked.
        let is_wanted = |subject: &Subject<'_>, record: &Record| subject.check_asset(record.form.asset()).is_ok();
        let calls = subjects
            .iter()
            .zip(&records)
            .filter(|(subject, record)| matches!(record, Some(Ok(Some(record))) if is_wanted(subject, record)));
        let calls = calls.flat_map(|(subject, _)| terms_calls(subject.contract)).collect();
        let mut answers = self.chain.read_many(calls, &head).await.into_iter();
        let mut next = || answers.next().unwrap_or(Err(Error::NotGenuine { contract: factory() }));
        let all = subjects.iter().zip(&mut records).map(|(subject, record)| {
            let record = record.take();
            let answers = match &record {
                Some(Ok(Some(record))) if is_wanted(subject, record) => Some([next(), next(), next()]),
                _ => None,
            };
            self.identity(*subject, record, answers, head)
        });
        stream::iter(all.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
    }

    async fn identity(
        &self,
        subject: Subject<'_>,
        record: Option<Result<Option<Record>, Error>>,
        answers: Option<[Result<Bytes, Error>; 3]>,
        head: Head,
    ) -> Result<(Terms, Option<Bytes>), Error> {
        let Subject { contract, creation, accept_unproven, is_brief, .. } = subject;
        let record = record.transpose()?.flatten();
        let form = creation.map(|creation| creation.terms.form).or(record.map(|record| record.form));
        if let Some(form) = form {
            subject.check_asset(form.asset())?;
        }
        if let Some(creation) = creation {
            return Ok((Terms { signer: creation.terms.effective_signer(), ..creation.terms }, None));
        }
        if let (Some(record), Some([owner, signer, notice_period])) = (record, answers) {
            let (owner, signer, notice_period) = (owner?, signer?, notice_period?);
            if !owner.is_empty() {
                return Ok((terms_of(contract, record.form, &owner, &signer, &notice_period)?, None));
            }
        }
        if record.is_none() && is_brief && !accept_unproven {
            return Err(ChequeError::Unproven { contract }.into());
        }
        let code = self.chain.code(contract, head.id()).await?;
        match record {
            Some(_) if code.is_empty() => Err(Error::Dead { contract }),
            Some(_) => Err(Error::Contradiction { contract, what: "it has code, and did not answer".to_owned() }),
            None if code.is_empty() => Err(Error::NoCode { contract }),
            None if !accept_unproven => Err(ChequeError::Unproven { contract }.into()),
            None => {
                subject.check_asset(Asset::Ether)?;
                Ok((self.chain.terms(contract, Form::Direct, head.id()).await?, Some(code)))
            }
        }
    }
}

impl Subject<'_> {
    fn check_asset(&self, found: Asset) -> Result<(), Error> {
        match self.expected {
            Some(expected) if expected != found => {
                Err(ChequeError::WrongAsset { contract: self.contract, found, expected }.into())
            }
            _ => Ok(()),
        }
    }
}

/// What is asked of a chequebook for its terms.
fn terms_calls(contract: Address) -> [Call; 3] {
    [Call::new(contract, ownerCall {}), Call::new(contract, signerCall {}), Call::new(contract, noticePeriodCall {})]
}

/// The terms that a chequebook of this form states.
fn terms_of(contract: Address, form: Form, owner: &[u8], signer: &[u8], notice_period: &[u8]) -> Result<Terms, Error> {
    let wrong = |_| Error::NotGenuine { contract };
    Ok(Terms {
        form,
        owner: ownerCall::abi_decode_returns(owner).map_err(wrong)?,
        signer: signerCall::abi_decode_returns(signer).map_err(wrong)?,
        notice_period: noticePeriodCall::abi_decode_returns(notice_period).map_err(wrong)?.saturating_to(),
    })
}
