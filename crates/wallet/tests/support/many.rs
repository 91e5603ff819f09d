//! A payee of very many payers.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use chequebook::{Creation, Form, Terms};
use chequebook_wallet::{Config, Inbox, Policy, Wallet, store::Memory};

use crate::sim::{CHAIN_ID, Sim};

pub(crate) const MANY: u64 = 10_000;

pub(crate) fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

pub(crate) fn who(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

pub(crate) fn policy() -> Policy {
    Policy::default().min_gas_multiple(0)
}

/// A chain with so many chequebooks, which a payee watches from outside. Each has 1,000 wei.
pub(crate) fn chain(books: u64) -> (Sim, Vec<Address>) {
    let sim = Sim::new(&[key("payee").address()]);
    let terms = Terms { notice_period: 86_400, ..Terms::new(Form::Clone, key("payer").address()) };
    let creations: Vec<_> = (0..books).map(|salt| Creation { terms, salt: U256::from(salt).into() }).collect();
    sim.plant(&creations, U256::from(1_000));
    let contracts = creations.iter().map(|creation| creation.address(CHAIN_ID).unwrap()).collect();
    (sim, contracts)
}

pub(crate) async fn payee(sim: &Sim, confirmations: u64) -> Wallet {
    let config = Config::default().confirmations(confirmations).poll_interval(Duration::from_secs(3_600));
    Wallet::open(sim.provider(), key("payee"), Memory::new(), config).await.unwrap()
}

pub(crate) async fn open(wallet: &Wallet, inboxes: &[(Address, Address)]) -> Vec<Inbox> {
    let opened = Inbox::open_many(wallet, inboxes, policy()).await.unwrap();
    opened.into_iter().collect::<Result<_, _>>().unwrap()
}
