//! The outcomes of a transaction: dropped, replaced, priced out, or in a block that a reorganisation drops.

use alloy::{
    consensus::Transaction as _,
    eips::BlockNumberOrTag,
    network::TransactionBuilder,
    primitives::U256,
    providers::{Provider, ext::AnvilApi},
    rpc::types::{TransactionRequest, anvil::ReorgOptions},
};
use chequebook::Overdraft;
use chequebook_wallet::{
    Chequebook, Config, Error, Inbox, Status, Transaction, Wallet,
    store::{Memory, Redb},
};
use eyre::{OptionExt, Result};

use crate::fixture::{Both, HARDFORKS, PAYEE, PAYER, eventually, gwei, open};

impl Both {
    /// From now on a transaction waits until a block is mined.
    async fn mine_by_hand(&self) -> Result<()> {
        Ok(self.chain.provider.anvil_set_auto_mine(false).await?)
    }

    async fn mine(&self, blocks: u64) -> Result<()> {
        Ok(self.chain.provider.anvil_mine(Some(blocks), None).await?)
    }

    async fn is_waiting(&self, transaction: &Transaction) -> Result<()> {
        eventually("the transaction waits to be mined", || async {
            Ok(self
                .chain
                .provider
                .get_transaction_by_hash(transaction.hash())
                .await?
                .is_some_and(|found| found.block_number.is_none()))
        })
        .await
    }
}

#[tokio::test]
async fn a_dropped_transaction_is_sent_again() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        both.mine_by_hand().await?;
        let deposit = both.book.deposit(gwei(5)).await?;
        both.is_waiting(&deposit).await?;
        for _ in 0..3 {
            both.chain.provider.anvil_drop_all_transactions().await?;
            both.is_waiting(&deposit).await?;
        }
        both.mine(1).await?;
        deposit.confirmed().await?;
        assert_eq!(both.balance().await?, gwei(105), "{hardfork}: once");
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_is_found_again_after_a_restart() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    both.mine_by_hand().await?;
    both.book.deposit(gwei(5)).await?;
    both.payer.shutdown().await;
    both.chain.provider.anvil_drop_all_transactions().await?;

    let payer = open(&both.chain, PAYER, both.path("payer"), 0).await?;
    let deposit = payer.transactions().await?.pop().ok_or_eyre("the deposit is forgotten")?;
    assert!(!deposit.status().is_final());
    both.is_waiting(&deposit).await?;
    payer.shutdown().await;
    both.mine(1).await?;

    let payer = open(&both.chain, PAYER, both.path("payer"), 0).await?;
    payer.transactions().await?.pop().ok_or_eyre("the deposit is forgotten")?.confirmed().await?;
    let book = Chequebook::open(&payer, both.book.address(), both.chain.key(PAYER)?).await?;
    assert_eq!(book.balance().await?.funded, gwei(105));
    payer.shutdown().await;

    let payer = open(&both.chain, PAYER, both.path("payer"), 0).await?;
    let deposit = payer.transactions().await?.pop().ok_or_eyre("the deposit is forgotten")?;
    assert!(matches!(deposit.status(), Status::Confirmed { .. }), "{deposit:?}");
    Ok(())
}

#[tokio::test]
async fn a_replaced_cash_can_be_cashed_again() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.inbox().await?;
        inbox.receive(&both.issue(10).await?).await?;
        both.mine_by_hand().await?;
        let cash = inbox.cash(Overdraft::Refuse).await?;
        both.is_waiting(&cash).await?;

        // Another program uses the account.
        let payee = both.chain.account(PAYEE);
        let other = TransactionRequest::default().with_from(payee).with_to(payee).with_nonce(cash.nonce());
        let other = other
            .with_max_fee_per_gas(100_000_000_000)
            .with_max_priority_fee_per_gas(50_000_000_000)
            .with_gas_limit(21_000);
        let pending = both.chain.provider.send_transaction(other).await?;
        both.mine(1).await?;
        assert!(pending.get_receipt().await?.status());
        both.mine(1).await?;
        assert!(
            matches!(cash.confirmed().await.unwrap_err(), Error::Replaced { nonce, .. } if nonce == cash.nonce()),
            "{hardfork}"
        );
        assert_eq!(inbox.uncashed().await?, gwei(10));

        both.chain.provider.anvil_set_auto_mine(true).await?;
        inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!(inbox.uncashed().await?, U256::ZERO, "{hardfork}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cash_that_comes_too_late_is_reverted() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let inbox = both.inbox().await?;
    let cheque = both.issue(10).await?;
    inbox.receive(&cheque).await?;
    both.mine_by_hand().await?;
    let cash = inbox.cash(Overdraft::Refuse).await?;
    both.is_waiting(&cash).await?;
    // Somebody else offers a higher fee for the same cash.
    let first = TransactionRequest::default().with_from(both.chain.account(5)).with_to(both.book.address());
    let first = first
        .with_input(cheque.calldata(Overdraft::Refuse))
        .with_gas_limit(100_000)
        .with_max_priority_fee_per_gas(50_000_000_000)
        .with_max_fee_per_gas(100_000_000_000);
    let first = both.chain.provider.send_transaction(first).await?;
    both.mine(1).await?;
    assert!(first.get_receipt().await?.status());
    assert!(matches!(cash.confirmed().await.unwrap_err(), Error::Reverted { hash, .. } if hash == cash.hash()));
    assert_eq!(inbox.uncashed().await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn a_cash_that_finds_too_little_is_reverted_and_the_chequebook_lives() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.inbox().await?;
        inbox.receive(&both.issue(60).await?).await?;
        both.mine_by_hand().await?;
        let cash = inbox.cash(Overdraft::Refuse).await?;
        both.is_waiting(&cash).await?;
        both.chain.provider.anvil_set_balance(both.book.address(), gwei(59)).await?;
        both.mine(1).await?;
        assert!(matches!(cash.confirmed().await.unwrap_err(), Error::Reverted { .. }), "{hardfork}");
        assert_eq!(inbox.uncashed().await?, gwei(60), "{hardfork}");

        both.chain.provider.anvil_set_auto_mine(true).await?;
        both.book.deposit(gwei(1)).await?.confirmed().await?;
        inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!(inbox.uncashed().await?, U256::ZERO, "{hardfork}");
    }
    Ok(())
}

#[tokio::test]
async fn offers_more_when_the_price_of_gas_rises() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    both.mine_by_hand().await?;
    let deposit = both.book.deposit(gwei(5)).await?;
    both.is_waiting(&deposit).await?;
    let first = deposit.hash();
    let offered = async |hash| {
        let found = both.chain.provider.get_transaction_by_hash(hash).await?.ok_or_eyre("the node does not know it")?;
        Ok::<_, eyre::Report>((found.max_fee_per_gas(), found.max_priority_fee_per_gas().unwrap_or_default()))
    };
    let before = offered(first).await?;
    // One block with a price above the offer.
    both.chain.provider.anvil_set_next_block_base_fee_per_gas(u128::from(u64::try_from(before.0)?) * 2).await?;
    both.mine(1).await?;
    eventually("a higher offer", || async { Ok(deposit.hash() != first) }).await?;
    both.is_waiting(&deposit).await?;
    let after = offered(deposit.hash()).await?;
    assert!(after.0 * 8 >= before.0 * 9 && after.1 * 8 >= before.1 * 9, "{before:?} {after:?}");
    both.mine(1).await?;
    deposit.confirmed().await?;
    assert_eq!(both.balance().await?, gwei(105), "once");
    let head = both.chain.provider.get_block_by_number(BlockNumberOrTag::Latest).await?.ok_or_eyre("no block")?;
    assert_eq!(head.transactions.len(), 1);
    Ok(())
}

#[tokio::test]
async fn pays_no_price_above_its_limit_and_sends_nothing_that_it_cannot_pay() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let config = Config::default().confirmations(0).max_fee_per_gas(1_000);
    let key = both.chain.key(5)?;
    let frugal = Wallet::open(both.chain.provider.clone(), key.clone(), Memory::new(), config).await?;
    let cheque = both.issue(10).await?;
    let refused = frugal.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(refused, Error::FeeTooHigh { found, max: 1_000 } if found > 1_000), "{refused:?}");

    both.chain.provider.anvil_set_balance(key.address(), U256::from(1)).await?;
    let poor =
        Wallet::open(both.chain.provider.clone(), key.clone(), Memory::new(), Config::default().confirmations(0))
            .await?;
    let refused = poor.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap_err();
    assert!(
        matches!(refused, Error::InsufficientFunds { account, balance, .. } if account == key.address() && balance == U256::from(1)),
        "{refused:?}"
    );
    assert!(frugal.transactions().await?.is_empty() && poor.transactions().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_deposit_that_a_reorganisation_drops_is_made_again() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::confirmed(hardfork, 100, 2).await?;
        let deposit = both.book.deposit(gwei(5)).await?;
        deposit.included().await?;
        both.mine(1).await?;
        let figures = async || both.book.balance().await.map(|balance| (balance.funded, balance.pending));
        assert_eq!(figures().await?, (gwei(100), gwei(5)), "{hardfork}");

        both.mine_by_hand().await?;
        both.chain.provider.anvil_reorg(ReorgOptions { depth: 2, tx_block_pairs: Vec::new() }).await?;
        assert_eq!(both.balance().await?, gwei(100), "{hardfork}: dropped");
        assert_eq!(figures().await?, (gwei(100), gwei(5)), "{hardfork}: not yet counted");
        both.is_waiting(&deposit).await?;
        both.mine(3).await?;
        deposit.confirmed().await?;
        assert_eq!(figures().await?, (gwei(105), U256::ZERO), "{hardfork}");
        assert_eq!(both.balance().await?, gwei(105), "{hardfork}: once");
    }
    Ok(())
}

#[tokio::test]
async fn a_cash_that_a_reorganisation_drops_is_uncashed_and_sent_again() -> Result<()> {
    for (hardfork, confirmations) in HARDFORKS.into_iter().zip([0, 2]) {
        let both = Both::confirmed(hardfork, 100, confirmations).await?;
        let inbox: Inbox = both.inbox().await?;
        inbox.receive(&both.issue(10).await?).await?;
        let cash = inbox.cash(Overdraft::Refuse).await?;
        cash.included().await?;
        assert_eq!(inbox.uncashed().await?, U256::ZERO);
        let funded = both.book.balance().await?.funded;
        assert_eq!(funded, gwei(100));

        // With no confirmations, what was final is dropped.
        both.mine_by_hand().await?;
        both.chain.provider.anvil_reorg(ReorgOptions { depth: 1, tx_block_pairs: Vec::new() }).await?;
        assert_eq!(inbox.uncashed().await?, gwei(10), "{hardfork}");
        assert_eq!(both.book.balance().await?.funded, gwei(100), "{hardfork}: the payments are summed again");
        both.is_waiting(&cash).await?;
        both.mine(1).await?;
        assert_eq!(inbox.uncashed().await?, U256::ZERO, "{hardfork}");
        both.mine(3).await?;
        cash.confirmed().await?;
        let balance = both.book.balance().await?;
        assert_eq!((balance.funded, balance.issued), (gwei(100), gwei(10)), "{hardfork}");
        assert_eq!(both.balance().await?, gwei(90), "{hardfork}: once");
        both.payee.shutdown().await;
        Redb::open(both.path("payee"))?;
    }
    Ok(())
}
