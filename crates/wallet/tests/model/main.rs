//! Payer, payee and a chain in memory, driven through random sequences, and compared with a model that is too simple to
//! be wrong: the equation of the payer, and CB2 of the contract. `CHEQUEBOOK_MODEL_CASES` sets the number of sequences;
//! a failure prints `CHEQUEBOOK_MODEL_SEED`, which repeats them.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod check;
mod commands;
mod dying;
mod owner;
mod payee;
mod payer;
#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "../support/sim/mod.rs"]
mod sim;
mod till;
mod trouble;
mod world;

use std::{
    env,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use alloy::{
    primitives::{U256, keccak256},
    signers::local::PrivateKeySigner,
};
use chequebook::Scheme;
use chequebook_wallet::{Config, Wallet, store::Memory};
use proptest::{
    prelude::*,
    test_runner::{FileFailurePersistence, RngSeed, TestRunner},
};

use self::{
    commands::{PAYEES, commands},
    world::{CONFIRMATIONS, World, payee},
};

/// How many sequences there are unless `CHEQUEBOOK_MODEL_CASES` says another number.
const CASES: u64 = 64;
/// Sequences that failed, which are repeated first.
const REGRESSIONS: &str = "proptest-regressions/model.txt";

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

#[tokio::test]
async fn asks_the_chain_once_for_all_cheques_of_all_inboxes() {
    let mut world = World::new().await;
    world.payee.shutdown().await;
    let config = Config::default().confirmations(CONFIRMATIONS).poll_interval(Duration::from_secs(3_600));
    world.payee = Wallet::open(world.sim.provider(), key("cashier"), Memory::new(), config).await.unwrap();
    world.open_inboxes().await;
    world.inboxes[0].uncashed().await.unwrap(); // the last inbox is now part of the snapshot
    let book = world.books[0].clone().unwrap();

    let before = world.sim.all_requests();
    for round in 0..100 {
        let to = round % PAYEES;
        let cheque = book.outbox(payee(to), Scheme::Typed).issue(U256::ONE).await.unwrap();
        assert_eq!(world.inboxes[to].receive(&cheque).await.unwrap(), U256::ONE);
    }
    // The tasks that watch the chain may start meanwhile, which takes some requests for each wallet.
    let asked = world.sim.all_requests() - before;
    assert!(asked < 50, "{asked} requests for a hundred issues and receipts");
}

#[test]
fn keeps_the_equation_and_pays_what_was_promised_whatever_happens() {
    let number = |name| env::var(name).ok().and_then(|number| number.parse().ok());
    let cases = number("CHEQUEBOOK_MODEL_CASES").unwrap_or(CASES);
    let seed = number("CHEQUEBOOK_MODEL_SEED").unwrap_or_else(|| RandomState::new().hash_one("seed"));
    let config = ProptestConfig {
        cases: u32::try_from(cases).unwrap(),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(config).run(&commands(), |commands| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for command in commands {
                world.run(command).await;
                world.check().await;
            }
            world.settle().await;
        });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("CHEQUEBOOK_MODEL_SEED={seed} CHEQUEBOOK_MODEL_CASES={cases}: {error}"));
}
