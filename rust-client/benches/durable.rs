//! How many cheques a second: issued and received durably by many callers at once and by one alone, beside the raw speed
//! of signing and recovering on the same two cores. Needs anvil on the PATH.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::unwrap_used,
    reason = "a benchmark"
)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    node_bindings::{Anvil, AnvilInstance},
    primitives::{Address, U256, keccak256},
    providers::ProviderBuilder,
    signers::local::PrivateKeySigner,
};
use chequebook::{Cheque, Chequebook, Client, Config, Inbox, Policy, Scheme, SignedCheque, Terms, store::Redb};
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinSet};

const CORES: u64 = 2;
const CALLERS: u64 = 64;
/// A payee is paid by so many payers.
const PAYERS: usize = 64;

/// Anvil, and a directory for the stores.
struct World {
    anvil: AnvilInstance,
    directory: TempDir,
}

impl World {
    fn start() -> Self {
        // As many accounts as payers, each with enough for every cheque that a run may take.
        let anvil = Anvil::new().args(["--hardfork", "osaka", "--accounts", "66"]).spawn();
        Self { anvil, directory: tempfile::tempdir().unwrap() }
    }

    fn key(&self, index: usize) -> PrivateKeySigner {
        self.anvil.nth_key(index).unwrap().into()
    }

    async fn client(&self, name: &str, key: usize) -> Client {
        let provider = ProviderBuilder::new().connect_http(self.anvil.endpoint_url());
        let store = Redb::create(self.directory.path().join(name)).unwrap();
        let config = Config { confirmations: 0, poll_interval: Duration::from_millis(500), ..Config::default() };
        Client::open(provider, self.key(key), store, config).await.unwrap()
    }

    async fn chequebook(&self, client: &Client, key: usize) -> Chequebook {
        let terms = Terms { deposit: U256::from(10_u64.pow(18)), notice_period: 86_400, owner: None };
        Chequebook::deploy(client, self.key(key), terms).await.unwrap()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(CORES as usize).enable_all().build().unwrap()
}

fn beneficiary(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

/// Some order in which beneficiaries are paid.
fn shuffled(index: u64, count: u64) -> u64 {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) % count
}

/// Issues `count` cheques to the beneficiaries that `which` names, from so many tasks.
async fn issue(book: &Chequebook, callers: u64, count: u64, which: impl Fn(u64) -> u64 + Copy + Send + 'static) {
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let book = book.clone();
        tasks.spawn(async move {
            for index in (caller..count).step_by(callers as usize) {
                book.issue(beneficiary(which(index)), U256::ONE, Scheme::Packed).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

fn bench_issue(criterion: &mut Criterion) {
    let (world, runtime) = (World::start(), runtime());
    let mut group = group(criterion, "issue");
    for count in [1_000, 1_000_000] {
        let name = format!("payer-{count}");
        let client = runtime.block_on(world.client(&name, 0));
        let book = runtime.block_on(world.chequebook(&client, 0));
        runtime.block_on(issue(&book, CALLERS, count, |index| index));
        let mut round = 0;
        for callers in [CALLERS, 1] {
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
        runtime.block_on(client.stop());
    }
    let key = world.key(0);
    raw(&mut group, "sign", |index| {
        let cheque = Cheque { amount: U256::from(index), ..example() };
        black_box(futures_executor(cheque.sign(&key)));
    });
    group.finish();
}

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
    let client = runtime.block_on(world.client("payee", 65));
    let mut inboxes = Vec::new();
    for payer in 0..PAYERS {
        runtime.block_on(async {
            let deployer = world.client(&format!("payer-{payer}"), payer).await;
            let book = world.chequebook(&deployer, payer).await;
            deployer.stop().await;
            let policy = Policy { confirmations: 0, ..Policy::default() };
            inboxes.push(Inbox::open(&client, book.address(), client.account(), policy).await.unwrap());
        });
    }
    let inboxes = Arc::new(inboxes);
    let keys: Vec<_> = (0..PAYERS).map(|payer| world.key(payer)).collect();
    let mut amount = 0;
    group.bench_function(format!("{PAYERS} payers"), |bencher| {
        bencher.iter_custom(|iterations| {
            let mut cheques = vec![Vec::new(); PAYERS];
            for index in 0..iterations as usize {
                amount += 1;
                let payer = index % PAYERS;
                let cheque = Cheque {
                    contract: inboxes[payer].contract(),
                    beneficiary: client.account(),
                    amount: U256::from(amount),
                    scheme: Scheme::Packed,
                    chain_id: client.chain_id(),
                };
                cheques[payer].push(futures_executor(cheque.sign(&keys[payer])));
            }
            let start = Instant::now();
            runtime.block_on(receive(&inboxes, cheques));
            start.elapsed()
        });
    });
    let signed = futures_executor(example().sign(&world.key(0)));
    raw(&mut group, "recover", |_| {
        black_box(black_box(&signed).recover().unwrap());
    });
    group.finish();
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(8));
    group
}

/// The same work without a store and a chain, on all cores.
fn raw(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, work: impl Fn(u64) + Sync) {
    group.bench_function(format!("raw {name}, {CORES} cores"), |bencher| {
        bencher.iter_custom(|iterations| {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for core in 0..CORES {
                    let work = &work;
                    scope.spawn(move || (core..iterations).step_by(CORES as usize).for_each(work));
                }
            });
            start.elapsed()
        });
    });
}

fn example() -> Cheque {
    Cheque {
        contract: beneficiary(1),
        beneficiary: beneficiary(2),
        amount: U256::ONE,
        scheme: Scheme::Packed,
        chain_id: 31_337,
    }
}

/// Signing with a key in memory never waits.
fn futures_executor(sign: impl Future<Output = Result<SignedCheque, chequebook::Error>>) -> SignedCheque {
    let mut sign = std::pin::pin!(sign);
    match sign.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(signed) => signed.unwrap(),
        std::task::Poll::Pending => unreachable!(),
    }
}

criterion_group!(benches, bench_issue, bench_receive);
criterion_main!(benches);
