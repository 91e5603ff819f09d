//! Withdrawals, and what was issued: nothing is promised twice, and nothing that was promised is forgotten.

use std::collections::BTreeSet;

use alloy::primitives::{Address, U256};
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Chequebook, Error, Purpose, Wallet, store::MemoryDisk};

use crate::{Payer, chain, config, eventually, key, sim::Act, sim::Sim, terms, wallet_with, wei, who};

fn owner() -> Address {
    key("owner").address()
}

/// What the owner was paid, in wei.
fn paid(sim: &Sim, contract: Address) -> U256 {
    sim.paid(contract).get(&owner()).copied().unwrap_or_default()
}

async fn on(disk: &MemoryDisk, sim: &Sim, contract: Address) -> (Wallet, Chequebook) {
    let wallet = wallet_with(sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::open(&wallet, contract, key("payer")).await.unwrap();
    (wallet, book)
}

#[tokio::test(start_paused = true)]
async fn takes_out_what_is_available_and_no_more() {
    let payer = Payer::new(100).await;
    payer.book.outbox(who(1), Scheme::Typed).issue(wei(30)).await.unwrap();
    let refused = payer.book.withdraw(wei(71)).await.unwrap_err();
    assert!(
        matches!(refused, Error::InsufficientDeposit { amount, available, .. } if (amount, available) == (wei(71), wei(70))),
        "{refused:?}"
    );
    assert!(matches!(payer.book.withdraw(wei(0)).await, Err(Error::ZeroAmount)));
    let sent = payer.book.withdraw(wei(70)).await.unwrap();
    assert!(matches!(sent.purpose(), Purpose::Cash { beneficiary, .. } if beneficiary == owner()));
    sent.confirmed().await.unwrap();
    assert_eq!(paid(&payer.sim, payer.contract()), wei(70));
    assert!(!payer.is_dead());
    let balance = payer.book.balance().await.unwrap();
    assert_eq!((balance.available, balance.liabilities(), balance.paid), (wei(0), wei(30), wei(70)));
    assert!(payer.book.resume_withdrawal().await.unwrap().is_none(), "all is paid");
    // What was promised to others is there.
    let cheque = payer.book.outbox(who(1), Scheme::Typed).latest_cheque().await.unwrap().unwrap();
    payer.wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn w2_two_withdrawals_at_once_take_no_more_than_is_available() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let (one, two) = tokio::join!(payer.book.withdraw(wei(60)), payer.book.withdraw(wei(60)));
    assert!(one.is_ok() ^ two.is_ok(), "{one:?} {two:?}");
    let refused = one.err().or(two.err()).unwrap();
    assert!(matches!(refused, Error::InsufficientDeposit { available, .. } if available == wei(40)), "{refused:?}");
    let (three, four) = tokio::join!(payer.book.withdraw(wei(15)), payer.book.withdraw(wei(25)));
    three.unwrap();
    four.unwrap();
    payer.sim.mine(3);
    payer.wallet.refresh().await.unwrap();
    assert_eq!(paid(&payer.sim, payer.contract()), wei(100));
    assert!(!payer.is_dead());
}

/// The process dies after the promise is durable and before its cash is stored: the next run cashes it, once.
#[tokio::test(start_paused = true)]
async fn w1_a_promise_of_an_earlier_run_is_cashed() {
    let (sim, disk) = (chain(), MemoryDisk::new());
    let wallet = wallet_with(&sim, "payer", disk.open().unwrap(), config()).await;
    let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
    let contract = book.address();
    // It gets no further than the price of the transaction.
    sim.hook(|method, _| (method == "eth_estimateGas").then(|| Act::Error(-32_000, "out of memory".into(), None)));
    book.withdraw(wei(60)).await.unwrap_err();
    wallet.shutdown().await;
    drop((wallet, book));
    sim.unhook();

    let (wallet, book) = on(&disk, &sim, contract).await;
    assert_eq!(book.balance().await.unwrap().available, wei(40), "it is promised");
    assert_eq!(paid(&sim, contract), wei(0));
    sim.auto_mine(false);
    let sent = book.resume_withdrawal().await.unwrap().unwrap();
    let again = book.resume_withdrawal().await.unwrap().unwrap();
    assert_eq!(sent.nonce(), again.nonce());
    wallet.shutdown().await; // and once more, with its cash under way
    drop((wallet, book));
    let (wallet, book) = on(&disk, &sim, contract).await;
    let again = book.resume_withdrawal().await.unwrap().unwrap();
    assert_eq!(sent.nonce(), again.nonce());
    assert!(eventually(&sim, &wallet, async || again.status().is_final()).await);
    assert_eq!(paid(&sim, contract), wei(60));
    assert!(book.resume_withdrawal().await.unwrap().is_none());
    sim.auto_mine(true);

    // The next withdrawal takes what is uncashed along.
    sim.hook(|method, _| (method == "eth_estimateGas").then(|| Act::Error(-32_000, "out of memory".into(), None)));
    book.withdraw(wei(10)).await.unwrap_err();
    sim.unhook();
    book.withdraw(wei(20)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(paid(&sim, contract), wei(90));
}

/// A call to an address without a contract succeeds and pays nothing.
#[tokio::test(start_paused = true)]
async fn nothing_is_withdrawn_from_what_is_not_created() {
    let sim = chain();
    let wallet = crate::wallet(&sim, "payer").await;
    let book = Chequebook::prepare(&wallet, key("payer"), terms(0)).await.unwrap();
    book.deposit(wei(100)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(book.balance().await.unwrap().available, wei(100));
    for refused in [book.withdraw(wei(10)).await.map(Some), book.resume_withdrawal().await] {
        assert!(matches!(refused, Err(Error::NotCreated { .. })), "{refused:?}");
    }
    assert_eq!(book.balance().await.unwrap().issued, wei(0), "nothing is promised");
}

/// A stranger overdraws the chequebook before the cash is included: it takes nothing that is not covered.
#[tokio::test(start_paused = true)]
async fn w2_a_withdrawal_ends_nothing() {
    let payer = Payer::new(100).await;
    payer.sim.auto_mine(false);
    let sent = payer.book.withdraw(wei(60)).await.unwrap();
    payer.cash_by_stranger(&payer.rogue(who(2), 50).await); // signed by a thief of the key
    payer.sim.mine(1);
    assert!(matches!(sent.confirmed().await, Err(Error::Reverted { .. })));
    assert!(!payer.is_dead());
}

/* WHAT WAS ISSUED */

#[tokio::test(start_paused = true)]
async fn w5_what_was_issued_is_read_page_by_page() {
    let payer = Payer::new(10_000).await;
    let mut expected = BTreeSet::new();
    for index in 0..50 {
        let cheque = payer.book.outbox(who(index), Scheme::Typed).issue(wei(1 + index)).await.unwrap();
        expected.insert((who(index), wei(1 + index), cheque.signature()));
    }
    let other = terms(5).salt(alloy::primitives::B256::repeat_byte(1));
    let other = Chequebook::create(&payer.wallet, key("payer"), other).await.unwrap();
    other.outbox(who(1), Scheme::Packed).issue(wei(5)).await.unwrap();

    let (mut found, mut after, mut total) = (BTreeSet::new(), None, U256::ZERO);
    loop {
        let page = payer.book.issued(after, 7).await.unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = Some(last.beneficiary);
        total += page.iter().fold(U256::ZERO, |sum, one| sum + one.amount);
        found.extend(page.iter().map(|one| (one.beneficiary, one.amount, one.cheque.unwrap().signature())));
    }
    assert_eq!(found, expected);
    assert_eq!(total, payer.book.balance().await.unwrap().issued);
    assert!(payer.book.issued(None, 0).await.unwrap().is_empty());
    assert_eq!(other.issued(None, usize::MAX).await.unwrap().len(), 1);
}
