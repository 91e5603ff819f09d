//! stub
#![allow(missing_docs)]
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}
pub trait Store: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError>;
    fn commit(&self, writes: &[Write]) -> Result<(), StoreError>;
}
#[derive(Debug, thiserror::Error, Clone)]
pub enum StoreError {
    #[error("bad row")]
    BadRow { key: Vec<u8> },
    #[error("unknown {found} {expected}")]
    UnknownFormat { found: u32, expected: u32 },
    #[error("closed")]
    Closed,
}
#[derive(Clone, Default, Debug)]
pub struct Memory(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);
impl Memory {
    pub fn new() -> Self {
        Self::default()
    }
}
impl Store for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }
    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .iter()
            .filter(|(k, _)| k.starts_with(prefix))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect())
    }
    fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut m = self.0.lock().unwrap();
        for w in writes {
            match &w.value {
                Some(v) => {
                    m.insert(w.key.clone(), v.clone());
                }
                None => {
                    m.remove(&w.key);
                }
            }
        }
        Ok(())
    }
}
#[derive(Default)]
pub(crate) struct Batch(Vec<Write>);
impl Batch {
    pub(crate) fn new() -> Self {
        Self::default()
    }
    pub(crate) fn put(&mut self, key: Vec<u8>, row: &impl Serialize) -> Result<&mut Self, StoreError> {
        let v = postcard::to_allocvec(row).map_err(|_| StoreError::BadRow { key: key.clone() })?;
        self.0.push(Write { key, value: Some(v) });
        Ok(self)
    }
    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.0
    }
}
pub(crate) struct Durable(Result<(), StoreError>);
impl Future for Durable {
    type Output = Result<(), StoreError>;
    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::task::Poll::Ready(self.0.clone())
    }
}
pub(crate) struct Ledger(Box<dyn Store>);
impl Ledger {
    pub(crate) fn new(s: impl Store) -> Result<Self, StoreError> {
        Ok(Self(Box::new(s)))
    }
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.0
            .get(key)?
            .map(|v| postcard::from_bytes(&v).map_err(|_| StoreError::BadRow { key: key.to_vec() }))
            .transpose()
    }
    pub(crate) fn scan<T: DeserializeOwned>(&self, p: &[u8]) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        self.0
            .scan(p)?
            .into_iter()
            .map(|(k, v)| {
                let t = postcard::from_bytes(&v).map_err(|_| StoreError::BadRow { key: k.clone() })?;
                Ok((k, t))
            })
            .collect()
    }
    pub(crate) fn scan_raw(&self, p: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.0.scan(p)
    }
    pub(crate) fn submit(&self, b: Batch) -> Durable {
        Durable(self.0.commit(&b.0))
    }
    pub(crate) async fn close(&self) {}
}
