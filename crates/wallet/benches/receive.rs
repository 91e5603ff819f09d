//! How many cheques per second a payee of many payers receives durably. The raw speed of recovering signers on the same
//! cores is measured for comparison.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::unwrap_used,
    reason = "a benchmark"
)]

mod support;

use std::{hint::black_box, sync::Arc, time::Instant};

use alloy::primitives::U256;
use chequebook::{Cheque, Scheme, SignedCheque};
use chequebook_wallet::{Inbox, Policy};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::task::JoinSet;

use self::support::{MANY, World, beneficiary, example, group, now, raw, runtime};

/// Receives `count` cheques of many payers.
async fn receive(inboxes: &Arc<Vec<Inbox>>, cheques: Vec<Vec<SignedCheque>>) {
    let mut tasks = JoinSet::new();
    for (payer, cheques) in cheques.into_iter().enumerate() {
        let inboxes = Arc::clone(inboxes);
        tasks.spawn(async move {
            for cheque in cheques {
                inboxes[payer].receive(&cheque).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

fn bench_receive(criterion: &mut Criterion) {
    let (world, runtime) = (World::start(), runtime());
    let mut group = group(criterion, "receive");
    let wallet = runtime.block_on(world.wallet("payee", 65));
    let mut inboxes = Vec::new();
    for payer in 0..MANY {
        runtime.block_on(async {
            let deployer = world.wallet(&format!("payer-{payer}"), payer).await;
            let book = world.chequebook(&deployer, payer).await;
            deployer.shutdown().await;
            let policy = Policy::default();
            inboxes.push(Inbox::open(&wallet, book.address(), wallet.account(), policy).await.unwrap());
        });
    }
    let inboxes = Arc::new(inboxes);
    let keys: Vec<_> = (0..MANY).map(|payer| world.key(payer)).collect();
    let mut amount = 0;
    group.bench_function(format!("{MANY} payers"), |bencher| {
        bencher.iter_custom(|iterations| {
            let mut cheques = vec![Vec::new(); MANY];
            for index in 0..iterations as usize {
                amount += 1;
                let payer = index % MANY;
                let cheque = Cheque {
                    contract: inboxes[payer].contract(),
                    beneficiary: wallet.account(),
                    amount: U256::from(amount),
                    scheme: Scheme::Packed,
                    chain_id: wallet.chain_id(),
                };
                cheques[payer].push(now(cheque.sign(&keys[payer])));
            }
            let start = Instant::now();
            runtime.block_on(receive(&inboxes, cheques));
            start.elapsed()
        });
    });
    let signed = now(example().sign(&world.key(0)));
    raw(&mut group, "recover", |_| {
        black_box(black_box(&signed).recover().unwrap());
    });
    group.finish();
}

/// Receives one cheque after the other in one inbox, while so many of the same chequebook are open: what one cheque costs
/// must not grow with them.
fn bench_inboxes(criterion: &mut Criterion) {
    let (world, runtime) = (World::start(), runtime());
    let mut group = group(criterion, "receive alone");
    let key = world.key(0);
    for (name, inboxes) in [("1 inbox of its chequebook", 1_u64), ("10,000 inboxes of its chequebook", 10_000)] {
        let payer = if inboxes == 1 { 0 } else { 1 };
        let (wallet, opened) = runtime.block_on(async {
            let deployer = world.wallet(&format!("alone-{payer}"), payer).await;
            let book = world.chequebook(&deployer, payer).await;
            deployer.shutdown().await;
            let wallet = world.wallet(&format!("payee-{inboxes}"), 65).await;
            let wanted: Vec<_> = (0..inboxes).map(|index| (book.address(), beneficiary(index))).collect();
            let opened = Inbox::open_many(&wallet, &wanted, Policy::default()).await.unwrap();
            (wallet, opened.into_iter().collect::<Result<Vec<_>, _>>().unwrap())
        });
        let key = if payer == 0 { key.clone() } else { world.key(payer) };
        let mut amount = 0;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let cheques: Vec<_> = (0..iterations)
                    .map(|_| {
                        amount += 1;
                        let cheque = Cheque {
                            contract: opened[0].contract(),
                            beneficiary: opened[0].beneficiary(),
                            amount: U256::from(amount),
                            scheme: Scheme::Packed,
                            chain_id: wallet.chain_id(),
                        };
                        now(cheque.sign(&key))
                    })
                    .collect();
                let start = Instant::now();
                runtime.block_on(async {
                    for cheque in &cheques {
                        opened[0].receive(cheque).await.unwrap();
                    }
                });
                start.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench_receive, bench_inboxes);
criterion_main!(benches);
