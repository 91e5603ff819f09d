//! How many cheques per second a payer issues durably: with many callers and with one, for few beneficiaries and for
//! many. The raw speed of signing on the same cores, and of the store, is measured for comparison.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::unwrap_used,
    reason = "a benchmark"
)]

mod support;

use std::{hint::black_box, time::Instant};

use alloy::primitives::U256;
use chequebook::{Cheque, Scheme};
use chequebook_wallet::Chequebook;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use redb::{Database, TableDefinition};
use tokio::task::JoinSet;

use self::support::{MANY, World, beneficiary, example, group, now, raw, runtime};

/// A shuffled order in which beneficiaries are paid.
fn shuffled(index: u64, count: u64) -> u64 {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) % count
}

/// Issues `count` cheques to the beneficiaries that `which` returns, from `callers` tasks.
async fn issue(book: &Chequebook, callers: u64, count: u64, which: impl Fn(u64) -> u64 + Copy + Send + 'static) {
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let book = book.clone();
        tasks.spawn(async move {
            for index in (caller..count).step_by(callers as usize) {
                book.outbox(beneficiary(which(index)), Scheme::Packed).issue(U256::ONE).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// What redb alone does with the same rows: as many in a commit as there are callers, and as durable.
fn bench_commit(criterion: &mut Criterion) {
    const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("issued");
    let mut group = group(criterion, "commit");
    for count in [1_000, 1_000_000] {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::builder().set_cache_size(256 << 20).create(directory.path().join("raw")).unwrap();
        let commit = |rows: &mut dyn Iterator<Item = u64>| {
            let mut transaction = database.begin_write().unwrap();
            transaction.set_two_phase_commit(true);
            let mut table = transaction.open_table(TABLE).unwrap();
            for row in rows {
                // As long as those of the wallet: two addresses; amount, scheme and signature.
                let key = [beneficiary(0), beneficiary(row)].concat();
                table.insert(key.as_slice(), [row as u8; 101].as_slice()).unwrap();
            }
            drop(table);
            transaction.commit().unwrap();
        };
        commit(&mut (0..count));
        let mut next = 0_u64;
        group.bench_function(BenchmarkId::new(format!("raw redb, {MANY} rows at once"), count), |bencher| {
            bencher.iter_custom(|iterations| {
                let start = Instant::now();
                let mut left = iterations;
                while left > 0 {
                    let size = left.min(MANY as u64);
                    commit(&mut (next..next + size).map(|index| shuffled(index, count)));
                    next += size;
                    left -= size;
                }
                start.elapsed()
            });
        });
    }
    group.finish();
}

fn bench_issue(criterion: &mut Criterion) {
    let (world, runtime) = (World::start(), runtime());
    let mut group = group(criterion, "issue");
    // Each has a key of its own: another store does not know the chequebook that the first one created.
    for (payer, count) in [1_000, 1_000_000].into_iter().enumerate() {
        let name = format!("payer-{count}");
        let wallet = runtime.block_on(world.wallet(&name, payer));
        let book = runtime.block_on(world.chequebook(&wallet, payer));
        runtime.block_on(issue(&book, MANY as u64, count, |index| index));
        let mut round = 0;
        for callers in [MANY as u64, 1] {
            group.bench_function(BenchmarkId::new(format!("{callers} callers"), count), |bencher| {
                bencher.iter_custom(|iterations| {
                    round += 1;
                    let salt = round << 32;
                    let start = Instant::now();
                    runtime.block_on(issue(&book, callers, iterations, move |index| shuffled(salt + index, count)));
                    start.elapsed()
                });
            });
        }
        runtime.block_on(wallet.shutdown());
    }
    let key = world.key(0);
    raw(&mut group, "sign", |index| {
        let cheque = Cheque { amount: U256::from(index), ..example() };
        black_box(now(cheque.sign(&key)));
    });
    #[cfg(feature = "secp256k1")]
    {
        let key = key.to_k256();
        raw(&mut group, "sign in pure Rust", |index| {
            let cheque = Cheque { amount: U256::from(index), ..example() };
            black_box(now(cheque.sign(&key)));
        });
    }
    group.finish();
}

criterion_group!(benches, bench_issue, bench_commit);
criterion_main!(benches);
