//! History: read page by page, and forgotten by policy, and nothing else with it.

use std::collections::BTreeSet;

use chequebook_wallet::{
    Chequebook, History, Status, Transaction, Wallet,
    store::{Memory, MemoryDisk},
};

use crate::{Payer, chain, config, eventually, key, terms, wallet_with, wei};

/// All pages.
async fn pages(wallet: &Wallet, limit: usize) -> Vec<Transaction> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = wallet.history(after, limit).await.unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return all };
        after = Some(last.nonce());
        all.extend(page);
    }
}

fn nonces(all: &[Transaction]) -> Vec<u64> {
    all.iter().map(Transaction::nonce).collect()
}

#[tokio::test(start_paused = true)]
async fn w5_history_is_read_page_by_page() {
    let payer = Payer::new(100).await;
    for _ in 0..30 {
        payer.book.deposit(wei(1)).await.unwrap();
        payer.wallet.refresh().await.unwrap();
    }
    payer.sim.auto_mine(false);
    let open = payer.book.deposit(wei(2)).await.unwrap();
    let all = pages(&payer.wallet, 7).await;
    assert_eq!(nonces(&all), (0..31).collect::<Vec<_>>(), "in order, each once, none that is open");
    for transaction in &all {
        assert!(matches!(transaction.status(), Status::Confirmed { .. }), "{transaction:?}");
        transaction.confirmed().await.unwrap();
    }
    assert!(payer.wallet.history(Some(30), 10).await.unwrap().is_empty());
    assert!(payer.wallet.history(None, 0).await.unwrap().is_empty());
    payer.sim.mine(1);
    open.confirmed().await.unwrap();
    assert_eq!(nonces(&payer.wallet.history(Some(30), 10).await.unwrap()), [31]);
    assert_eq!(payer.wallet.transactions().await.unwrap().len(), 32);
}

#[tokio::test(start_paused = true)]
async fn w5_old_history_is_forgotten_and_nothing_else() {
    let (sim, disk) = (chain(), MemoryDisk::new());
    let all = config();
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), all).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    let contract = book.address();
    for _ in 0..150 {
        book.deposit(wei(1)).await.unwrap();
        wallet.refresh().await.unwrap();
    }
    assert_eq!(pages(&wallet, 1_000).await.len(), 151);
    wallet.shutdown().await;
    drop((wallet, book));

    let newest = all.history(History::Newest(80));
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), newest).await;
    let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
    assert_eq!(pages(&wallet, 1_000).await.len(), 151, "nothing became final");
    let mut left = 151;
    for _ in 0..40 {
        let deposit = book.deposit(wei(1)).await.unwrap();
        deposit.confirmed().await.unwrap();
        let now = pages(&wallet, 1_000).await.len();
        assert!(now >= left - 3 || now == 80, "a few at a time: {left}, then {now}");
        left = now;
    }
    assert_eq!(nonces(&pages(&wallet, 1_000).await), (191 - 80..191).collect::<Vec<_>>());
    let balance = book.balance().await.unwrap();
    assert_eq!((balance.funded, balance.pending), (wei(290), wei(0)));

    // Nonces go on, also over a restart and by a backup.
    let json = serde_json::to_string(&chequebook_wallet::Backup::export(&wallet).await.unwrap()).unwrap();
    wallet.shutdown().await;
    drop((wallet, book));
    let store = Memory::new();
    serde_json::from_str::<chequebook_wallet::Backup>(&json).unwrap().import(&store).await.unwrap();
    let wallet = wallet_with(&sim, "payer", store, newest).await;
    let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
    let deposit = book.deposit(wei(1)).await.unwrap();
    assert_eq!(deposit.nonce(), 191);
    deposit.confirmed().await.unwrap();
}

/// The first one is stuck, and all others are final: it is kept, and so is its outcome.
#[tokio::test(start_paused = true)]
async fn w4_what_is_not_final_is_never_forgotten() {
    let (sim, disk) = (chain(), MemoryDisk::new());
    let config = config().confirmations(200).history(History::Newest(0));
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    for _ in 0..100 {
        book.deposit(wei(1)).await.unwrap();
    }
    wallet.refresh().await.unwrap();
    assert_eq!(wallet.open_transactions().len(), 101);
    assert!(pages(&wallet, 50).await.is_empty());
    let all: BTreeSet<u64> = nonces(&wallet.open_transactions()).into_iter().collect();
    sim.mine(250);
    assert!(eventually(&sim, &wallet, async || wallet.open_transactions().is_empty()).await);
    let kept = nonces(&pages(&wallet, 50).await);
    assert_eq!(kept, (101 - 64..101).collect::<Vec<_>>(), "no fewer than can be needed again");
    assert_eq!(all.len(), 101);
}

/// A reorganisation deeper than expected drops what is in the history: it is sent again, and not forgotten.
#[tokio::test(start_paused = true)]
async fn w3_what_comes_back_from_the_history_is_sent_again() {
    let (sim, disk) = (chain(), MemoryDisk::new());
    let config = config().history(History::Newest(1));
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    for _ in 0..70 {
        book.deposit(wei(1)).await.unwrap();
        wallet.refresh().await.unwrap();
    }
    sim.auto_mine(false);
    sim.rollback(10, false);
    wallet.refresh().await.unwrap();
    assert_eq!(wallet.open_transactions().len(), 10);
    assert!(nonces(&pages(&wallet, 100).await).iter().all(|nonce| *nonce < 61));
    assert!(eventually(&sim, &wallet, async || wallet.open_transactions().is_empty()).await);
    assert_eq!(sim.balance_at(book.address(), u64::MAX), wei(170));
}
