//! Shared by the benchmarks: a chain, chequebooks on it, and the raw speed for comparison. Needs anvil on the PATH.

use std::{
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use alloy::{
    node_bindings::{Anvil, AnvilInstance},
    primitives::{Address, U256, keccak256},
    providers::ProviderBuilder,
    signers::local::PrivateKeySigner,
};
use chequebook::{Cheque, Scheme, SignedCheque};
use chequebook_wallet::{Chequebook, Config, NewChequebook, Wallet, store::Redb};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The number of cores for the wallet and for the raw speed.
pub(crate) const CORES: u64 = 2;
/// How many tasks, or payers, work at the same time.
pub(crate) const MANY: usize = 64;

/// A key in memory, which signs with libsecp256k1 if the wallet recovers with it.
#[cfg(feature = "secp256k1")]
pub(crate) type Key = alloy::signers::local::Secp256k1Signer;
/// A key in memory.
#[cfg(not(feature = "secp256k1"))]
pub(crate) type Key = PrivateKeySigner;

/// Anvil, and a directory for the stores.
pub(crate) struct World {
    anvil: AnvilInstance,
    directory: TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        // As many accounts as payers, each with enough for every cheque that a run may take, and one more.
        let anvil = Anvil::new().args(["--hardfork", "osaka", "--accounts", "67"]).spawn();
        let last = PrivateKeySigner::from(anvil.nth_key(66).unwrap());
        let provider = ProviderBuilder::new().wallet(last).connect_http(anvil.endpoint_url());
        runtime().block_on(chequebook::deploy(&provider)).unwrap();
        Self { anvil, directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn key(&self, index: usize) -> Key {
        let key = PrivateKeySigner::from(self.anvil.nth_key(index).unwrap());
        #[cfg(feature = "secp256k1")]
        let key = key.into_secp256k1();
        key
    }

    pub(crate) async fn wallet(&self, name: &str, key: usize) -> Wallet {
        let provider = ProviderBuilder::new().connect_http(self.anvil.endpoint_url());
        let store = Redb::create(self.directory.path().join(name)).unwrap();
        let config = Config::default().confirmations(0).poll_interval(Duration::from_millis(500));
        Wallet::open(provider, self.key(key), store, config).await.unwrap()
    }

    pub(crate) async fn chequebook(&self, wallet: &Wallet, key: usize) -> Chequebook {
        let terms = NewChequebook::default().deposit(U256::from(10_u64.pow(18))).notice_period(86_400);
        Chequebook::create(wallet, self.key(key), terms).await.unwrap()
    }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(CORES as usize).enable_all().build().unwrap()
}

pub(crate) fn beneficiary(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

pub(crate) fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(8));
    group
}

/// The same work without a store and a chain, on all cores.
pub(crate) fn raw(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, work: impl Fn(u64) + Sync) {
    group.bench_function(format!("raw {name}, {CORES} cores"), |bencher| {
        bencher.iter_custom(|iterations| {
            let start = Instant::now();
            thread::scope(|scope| {
                for core in 0..CORES {
                    let work = &work;
                    scope.spawn(move || (core..iterations).step_by(CORES as usize).for_each(work));
                }
            });
            start.elapsed()
        });
    });
}

pub(crate) fn example() -> Cheque {
    Cheque {
        contract: beneficiary(1),
        beneficiary: beneficiary(2),
        amount: U256::ONE,
        scheme: Scheme::Packed,
        chain_id: 31_337,
    }
}

/// Signing with a key in memory never waits.
pub(crate) fn now(sign: impl Future<Output = Result<SignedCheque, chequebook::Error>>) -> SignedCheque {
    let mut sign = std::pin::pin!(sign);
    match sign.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(signed) => signed.unwrap(),
        Poll::Pending => unreachable!(),
    }
}
