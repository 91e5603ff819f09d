//! Reorganisations deeper than the finality, which take back what counted as final.

use chequebook_wallet::{Chequebook, Status, Wallet, store::MemoryDisk};

use crate::{chain, config, eventually, key, sim::Sim, terms, wallet_with, wei};

/// A payer of a chequebook whose chain mines nothing by itself, and so many deposits of one wei that are final.
async fn with_deposits(disk: &MemoryDisk, deposits: usize) -> (Sim, Wallet, Chequebook) {
    let sim = chain();
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    for _ in 0..deposits {
        book.deposit(wei(1)).await.unwrap().confirmed().await.unwrap();
    }
    sim.auto_mine(false);
    (sim, wallet, book)
}

/// The wallet does not run while what it knows to be final is dropped.
#[tokio::test(start_paused = true)]
async fn w3_what_was_dropped_between_two_runs_is_sent_again() {
    for depth in [1, 3, 70] {
        let disk = MemoryDisk::new();
        let (sim, wallet, book) = with_deposits(&disk, 80).await;
        let contract = book.address();
        wallet.shutdown().await;
        drop((wallet, book));
        sim.rollback(depth, false);
        let left = u64::try_from(180 - depth).unwrap();
        assert_eq!(sim.balance_at(contract, u64::MAX), wei(left));

        let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
        wallet.refresh().await.unwrap();
        let known = depth.min(64);
        assert_eq!(wallet.open_transactions().len(), known, "those that are kept");
        // One that is older than those waits for the nonces before it, and is found by the gap.
        assert!(eventually(&sim, &wallet, async || wallet.open_transactions().is_empty()).await);
        assert_eq!(sim.balance_at(contract, u64::MAX), wei(180));
        let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
        let balance = book.balance().await.unwrap();
        assert_eq!((balance.funded, balance.pending), (wei(180), wei(0)));
    }
}

/// What used the nonce on the other branch is another program's.
#[tokio::test(start_paused = true)]
async fn w3_what_took_the_nonce_of_a_dropped_one_is_found() {
    for is_down in [false, true] {
        let disk = MemoryDisk::new();
        let (sim, mut wallet, book) = with_deposits(&disk, 2).await;
        let (contract, deposits) = (book.address(), wallet.transactions().await.unwrap());
        if is_down {
            wallet.shutdown().await;
        }
        drop(book);
        sim.rollback(1, false);
        sim.foreign(&key("payer"), sim.nonce(key("payer").address()), 5_000);
        sim.mine(1);
        if is_down {
            drop(wallet);
            wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
        }
        wallet.refresh().await.unwrap();
        assert!(eventually(&sim, &wallet, async || wallet.open_transactions().is_empty()).await);
        let last = wallet.transactions().await.unwrap().pop().unwrap();
        assert!(matches!(last.status(), Status::Replaced { .. }), "while it was down: {is_down}: {last:?}");
        assert_eq!(last.nonce(), deposits.last().unwrap().nonce());
        let before = wallet.transactions().await.unwrap().remove(1);
        assert!(matches!(before.status(), Status::Confirmed { .. }), "{before:?}");
        assert_eq!(sim.balance_at(contract, u64::MAX), wei(101));
    }
}

/// A run that begins on the branch of the last one asks no question for what is final.
#[tokio::test(start_paused = true)]
async fn w5_what_stayed_final_between_two_runs_costs_one_question() {
    let mut asked = Vec::new();
    for deposits in [1, 90] {
        let disk = MemoryDisk::new();
        let (sim, wallet, book) = with_deposits(&disk, deposits).await;
        wallet.shutdown().await;
        drop((wallet, book));
        sim.mine(1);
        let before = sim.all_requests();
        let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
        wallet.refresh().await.unwrap();
        assert!(wallet.open_transactions().is_empty());
        asked.push(sim.all_requests() - before);
    }
    assert_eq!(asked[0], asked[1], "questions with one and with ninety");
    assert!(asked[0] < 16, "{asked:?}");
}
