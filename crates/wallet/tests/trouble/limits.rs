//! The limit of automatic deposits in total: no crash, restart or forgotten history passes it.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use chequebook::Scheme;
use chequebook_wallet::{
    AutoDeposit, Backup, Chequebook, Config, Error, History, Purpose, Status, Wallet,
    store::{Memory, MemoryDisk},
};
use tokio::time::sleep;

use crate::{chain, config, eventually, key, sim::Act, sim::Sim, terms, wallet_with, wei, who};

/// Every second, so that 100 wei are there.
fn settings(max: Option<U256>) -> AutoDeposit {
    AutoDeposit::default().interval(Some(Duration::from_secs(1))).threshold(wei(99)).buffer(wei(100)).max_total(max)
}

struct Auto {
    sim: Sim,
    disk: MemoryDisk,
    config: Config,
    wallet: Wallet,
    book: Chequebook,
}

impl Auto {
    async fn new(config: Config) -> Self {
        let (sim, disk) = (chain(), MemoryDisk::new());
        let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config).await;
        let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
        Self { sim, disk, config, wallet, book }
    }

    /// Another run on the same store.
    async fn restart(self) -> Self {
        let Self { sim, disk, config, wallet, book } = self;
        let contract = book.address();
        wallet.shutdown().await;
        drop((wallet, book));
        let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config).await;
        let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
        Self { sim, disk, config, wallet, book }
    }

    fn contract(&self) -> Address {
        self.book.address()
    }

    async fn pay(&self, amount: u64) -> Result<(), Error> {
        self.book.outbox(who(1), Scheme::Typed).issue(wei(amount)).await.map(drop)
    }

    /// What is in it, without the first deposit, in wei.
    fn deposited(&self) -> U256 {
        self.sim.balance_at(self.contract(), u64::MAX) - wei(100)
    }

    async fn total(&self) -> U256 {
        self.book.auto_deposited().await.unwrap().total
    }

    async fn left(&self) -> Option<U256> {
        self.book.auto_deposited().await.unwrap().left
    }
}

#[tokio::test(start_paused = true)]
async fn deposits_up_to_the_limit_and_says_so() {
    let auto = Auto::new(config()).await;
    assert_eq!(auto.left().await, None, "there are no settings");
    auto.book.auto_deposit(settings(Some(wei(150))));
    assert_eq!((auto.total().await, auto.left().await), (wei(0), Some(wei(150))));
    for _ in 0..4 {
        let _ = auto.pay(80).await; // in the end nothing is available
        sleep(Duration::from_secs(3)).await;
    }
    assert_eq!(auto.deposited(), wei(150), "80, and what was left of the limit");
    assert_eq!((auto.total().await, auto.left().await), (wei(150), Some(wei(0))));
    let refused = auto.pay(80).await.unwrap_err();
    assert!(matches!(refused, Error::InsufficientDeposit { .. }), "{refused:?}");
    let automatic = |purpose| matches!(purpose, Purpose::AutoDeposit { .. });
    let sent = auto.wallet.transactions().await.unwrap();
    assert_eq!(sent.iter().filter(|one| automatic(one.purpose())).count(), 2);

    // A deposit of the user counts for nothing, and a higher limit goes on.
    auto.book.deposit(wei(7)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(auto.total().await, wei(150));
    auto.book.auto_deposit(settings(Some(wei(160))));
    sleep(Duration::from_secs(3)).await;
    assert_eq!((auto.deposited(), auto.total().await), (wei(167), wei(160)));
    auto.book.auto_deposit(settings(None));
    sleep(Duration::from_secs(3)).await;
    assert!(auto.total().await > wei(160));
    assert_eq!(auto.left().await, None);
}

#[tokio::test(start_paused = true)]
async fn w2_no_restart_and_no_forgotten_history_passes_the_limit() {
    let mut auto = Auto::new(config().history(History::Newest(1))).await;
    for _ in 0..6 {
        auto.book.auto_deposit(settings(Some(wei(150))));
        let _ = auto.pay(40).await;
        sleep(Duration::from_secs(3)).await;
        // So many others that all that was deposited is forgotten.
        for _ in 0..70 {
            auto.book.deposit(wei(1)).await.unwrap();
            auto.wallet.refresh().await.unwrap();
        }
        auto.pay(70).await.unwrap(); // what was deposited
        auto = auto.restart().await;
    }
    assert_eq!(auto.total().await, wei(150));
    assert_eq!(auto.deposited(), wei(150 + 6 * 70));
    let listed = auto.wallet.transactions().await.unwrap();
    assert!(listed.iter().all(|one| !matches!(one.purpose(), Purpose::AutoDeposit { .. })), "{}", listed.len());
}

/// The process dies while the deposit is under way: it counts before the chain shows it, and once when it does.
#[tokio::test(start_paused = true)]
async fn w2_a_deposit_of_an_earlier_run_counts() {
    let auto = Auto::new(config().confirmations(3)).await;
    auto.sim.mine(4);
    auto.sim.auto_mine(false);
    auto.book.auto_deposit(settings(Some(wei(100))));
    auto.book.balance().await.unwrap();
    auto.pay(80).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(auto.wallet.open_transactions().len(), 1);
    assert_eq!((auto.total().await, auto.left().await), (wei(80), Some(wei(20))));
    auto.sim.forget();
    let auto = auto.restart().await;
    assert_eq!(auto.total().await, wei(80));
    auto.book.auto_deposit(settings(Some(wei(100))));
    auto.pay(20).await.unwrap();
    for _ in 0..10 {
        sleep(Duration::from_secs(3)).await;
        auto.wallet.refresh().await.unwrap();
        auto.sim.mine(1);
    }
    assert_eq!((auto.deposited(), auto.total().await), (wei(100), wei(100)));
    let auto = auto.restart().await;
    assert_eq!(auto.total().await, wei(100));
}

/// What failed for good is given back: the limit is one of wei that arrive.
#[tokio::test(start_paused = true)]
async fn a_deposit_that_is_cancelled_is_given_back() {
    let auto = Auto::new(config()).await;
    auto.sim.auto_mine(false);
    auto.book.auto_deposit(settings(Some(wei(80))));
    auto.pay(80).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    auto.book.stop_auto_deposit();
    let sent = auto.wallet.open_transactions().remove(0);
    sent.cancel().await.unwrap();
    assert_eq!(auto.total().await, wei(80), "it may still arrive");
    assert!(eventually(&auto.sim, &auto.wallet, async || sent.status().is_final()).await);
    assert!(matches!(sent.status(), Status::Cancelled { .. }));
    assert_eq!(auto.total().await, wei(0));
    let auto = auto.restart().await;
    assert_eq!(auto.total().await, wei(0));
    auto.sim.auto_mine(true);
    auto.book.auto_deposit(settings(Some(wei(80))));
    sleep(Duration::from_secs(5)).await;
    assert_eq!((auto.deposited(), auto.total().await), (wei(80), wei(80)));
}

/// A reorganisation that is deeper than expected drops a deposit that was counted: it counts once all the same.
#[tokio::test(start_paused = true)]
async fn w2_a_deposit_that_comes_again_counts_once() {
    for restarts in [false, true] {
        let mut auto = Auto::new(config()).await;
        auto.sim.mine(3);
        auto.book.auto_deposit(settings(Some(wei(100))));
        auto.pay(80).await.unwrap();
        sleep(Duration::from_secs(3)).await;
        auto.book.stop_auto_deposit();
        auto.wallet.refresh().await.unwrap();
        let sent = auto.wallet.transactions().await.unwrap().remove(1);
        assert!(matches!(sent.status(), Status::Confirmed { .. }), "{sent:?}");
        auto.sim.auto_mine(false);
        auto.sim.rollback(2, false);
        auto.wallet.refresh().await.unwrap();
        assert_eq!(auto.wallet.open_transactions().len(), 1, "it is under way again");
        assert_eq!(auto.total().await, wei(80));
        if restarts {
            auto = auto.restart().await;
            assert_eq!(auto.total().await, wei(80));
        }
        assert!(eventually(&auto.sim, &auto.wallet, async || auto.wallet.open_transactions().is_empty()).await);
        assert_eq!((auto.deposited(), auto.total().await), (wei(80), wei(80)));
    }
}

/// An answer that is lost, a store that is copied: neither is a way around it.
#[tokio::test(start_paused = true)]
async fn w2_the_limit_is_in_a_backup() {
    let auto = Auto::new(config()).await;
    auto.sim.hook(|method, _| (method == "eth_sendRawTransaction").then_some(Act::AnswerLost));
    auto.book.auto_deposit(settings(Some(wei(100))));
    auto.pay(80).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    auto.sim.unhook();
    assert!(eventually(&auto.sim, &auto.wallet, async || auto.wallet.open_transactions().is_empty()).await);
    assert_eq!((auto.deposited(), auto.total().await), (wei(80), wei(80)));
    let json = serde_json::to_string(&Backup::export(&auto.wallet).await.unwrap()).unwrap();
    auto.wallet.shutdown().await;
    let store = Memory::new();
    serde_json::from_str::<Backup>(&json).unwrap().import(&store).await.unwrap();
    let wallet = wallet_with(&auto.sim, "payer", store, config()).await;
    let book = Chequebook::open(&wallet, auto.contract(), key("payer")).await.unwrap();
    assert_eq!(book.auto_deposited().await.unwrap().total, wei(80));
}
