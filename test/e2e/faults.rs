//! Unreliable nodes: nothing is lost, and nothing is paid twice.

mod proxy;

use std::time::Duration;

use alloy::{
    consensus::Transaction as _,
    primitives::{U256, keccak256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
};
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Chequebook, Config, Error, Inbox, NewChequebook, Policy, Purpose, Wallet, store::Redb};
use eyre::{OptionExt, Result, ensure};
use tempfile::TempDir;

use self::proxy::{DELAY, Fault, Proxy};
use crate::{
    chain::Chain,
    fixture::{PAYEE, PAYER, gwei, somebody},
};

const DEPOSIT: u64 = 1_000;

/// Both sides behind a node that may misbehave.
struct World {
    chain: Chain,
    proxy: Proxy,
    directory: TempDir,
    payer: Wallet,
    payee: Wallet,
    book: Chequebook,
    inboxes: Vec<Inbox>,
}

async fn wallet(chain: &Chain, proxy: &Proxy, key: usize, directory: &TempDir) -> Result<Wallet, Error> {
    // With a maximum age of zero, each receipt asks the node.
    let config = Config::default()
        .confirmations(0)
        .poll_interval(Duration::from_millis(20))
        .max_age(Duration::ZERO)
        .rpc_timeout(DELAY / 3);
    let provider = ProviderBuilder::new().connect_http(proxy.url.parse().unwrap());
    let store = Redb::open_or_create(directory.path().join(key.to_string()))?;
    Wallet::open(provider, chain.key(key).unwrap(), store, config).await
}

impl World {
    async fn start() -> Result<Self> {
        let chain = Chain::start()?;
        chain.infrastructure().await?;
        let proxy = Proxy::start(&chain.anvil).await?;
        let directory = TempDir::new()?;
        let payer = wallet(&chain, &proxy, PAYER, &directory).await?;
        let payee = wallet(&chain, &proxy, PAYEE, &directory).await?;
        let terms = NewChequebook::default().deposit(gwei(DEPOSIT)).notice_period(86_400);
        let book = Chequebook::create(&payer, chain.key(PAYER)?, terms).await?;
        let policy = Policy::default();
        let mut inboxes = Vec::new();
        for index in 1..4 {
            inboxes.push(Inbox::open(&payee, book.address(), somebody(index), policy).await?);
        }
        Ok(Self { chain, proxy, directory, payer, payee, book, inboxes })
    }

    /// Executes a random action. Returns an error if it failed.
    async fn act(&self, dice: [u8; 32], sure: &mut Sure) -> Result<(), Error> {
        let inbox = &self.inboxes[usize::from(dice[0]) % self.inboxes.len()];
        let amount = gwei(1 + u64::from(dice[1] % 9));
        match dice[2] % 8 {
            0 | 1 => {
                self.book.deposit(amount).await?;
                sure.deposited += amount;
            }
            2 => {
                inbox.cash(Overdraft::Refuse).await?;
            }
            _ => {
                let cheque = self.book.outbox(inbox.beneficiary(), Scheme::Typed).issue(amount).await?;
                sure.issued += amount;
                sure.received += inbox.receive(&cheque).await?;
            }
        }
        Ok(())
    }

    /// With a reliable node, everything is settled, and the totals equal those of the chain, to the wei.
    async fn settle(&self, sure: &Sure) -> Result<()> {
        self.proxy.set(Fault::None, 0);
        let mut paid = U256::ZERO;
        for inbox in &self.inboxes {
            let last = self.book.outbox(inbox.beneficiary(), Scheme::Typed).latest_cheque().await?;
            let Some(last) = last else { continue };
            match inbox.receive(&last).await {
                Ok(_) | Err(Error::StaleCheque { .. } | Error::AlreadyCashed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            for cash in self.payee.transactions().await? {
                cash.confirmed().await?;
            }
            if !inbox.uncashed().await?.is_zero() {
                inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
            }
            ensure!(
                self.chain.balance(inbox.beneficiary()).await? == last.cheque().amount,
                "paid to {}",
                inbox.beneficiary()
            );
            paid += last.cheque().amount;
        }
        let mut deposited = U256::ZERO;
        for transaction in self.payer.transactions().await? {
            transaction.confirmed().await?;
            if let Purpose::Deposit { amount, .. } = transaction.purpose() {
                deposited += amount;
            }
        }
        ensure!(deposited == sure.deposited, "deposited {deposited}, acknowledged {}", sure.deposited);
        let balance = self.book.balance().await?;
        ensure!(balance.issued == sure.issued && balance.issued == paid, "issued {balance:?}, {paid} paid");
        ensure!(paid >= sure.received, "paid {paid}, received {}", sure.received);
        ensure!(balance.funded == gwei(DEPOSIT) + deposited && balance.pending.is_zero(), "funded {balance:?}");
        ensure!(self.chain.balance(self.book.address()).await? + paid == balance.funded, "what is left");
        for (wallet, key) in [(&self.payer, PAYER), (&self.payee, PAYEE)] {
            let sent = self.chain.provider.get_transaction_count(self.chain.account(key)).await?;
            ensure!(sent == u64::try_from(wallet.transactions().await?.len())?, "{sent} transactions");
        }
        Ok(())
    }
}

/// What was acknowledged as done. In wei.
#[derive(Default)]
struct Sure {
    deposited: U256,
    issued: U256,
    received: U256,
}

async fn survives(fault: Fault) -> Result<()> {
    let world = World::start().await?;
    let mut sure = Sure::default();
    // Of a hundred requests, each of which is asked again, unless the node is slow.
    world.proxy.set(fault, if fault == Fault::Delay { 5 } else { 65 });
    let (mut done, mut failed) = (0, 0);
    for round in 0..60_u64 {
        match world.act(keccak256(round.to_be_bytes()).0, &mut sure).await {
            Ok(()) => done += 1,
            Err(Error::Rpc { .. } | Error::RpcTimeout { .. }) => failed += 1,
            // Cheques that arrive include the lost ones, so the cashes happen at other times.
            Err(Error::NothingReceived { .. } | Error::AlreadyCashed { .. }) => {}
            Err(error) => eyre::bail!("{fault:?}, round {round}: {error}"),
        }
    }
    world.settle(&sure).await.map_err(|error| error.wrap_err(format!("{fault:?}")))?;
    ensure!(done > 10 && (failed > 3 || fault == Fault::Double), "{fault:?}: {done} done, {failed} failed");
    Ok(())
}

#[tokio::test]
async fn survives_lost_requests() -> Result<()> {
    survives(Fault::LoseRequest).await
}

#[tokio::test]
async fn survives_lost_answers() -> Result<()> {
    survives(Fault::LoseAnswer).await
}

#[tokio::test]
async fn survives_answers_that_come_too_late() -> Result<()> {
    survives(Fault::Delay).await
}

#[tokio::test]
async fn survives_requests_that_arrive_twice() -> Result<()> {
    survives(Fault::Double).await
}

#[tokio::test]
async fn survives_a_node_that_fails() -> Result<()> {
    survives(Fault::Status500).await
}

#[tokio::test]
async fn survives_answers_that_are_garbage() -> Result<()> {
    survives(Fault::Garbage).await
}

#[tokio::test]
async fn signs_nothing_for_another_chain() -> Result<()> {
    let world = World::start().await?;
    world.proxy.set(Fault::ChainId, 100);
    let refused = world.payer.refresh().await.unwrap_err();
    assert!(matches!(refused, Error::WrongChain { found: 1, expected: 31_337 }), "{refused:?}");
    // Everything is signed for the chain that the store belongs to, whatever the node says now.
    let cheque = world.book.outbox(somebody(1), Scheme::Typed).issue(gwei(1)).await?;
    assert_eq!(cheque.cheque().chain_id, 31_337);
    world.proxy.set(Fault::None, 0);
    world.payer.shutdown().await;

    world.proxy.set(Fault::ChainId, 100);
    let refused = wallet(&world.chain, &world.proxy, PAYER, &world.directory).await.unwrap_err();
    assert!(matches!(refused, Error::WrongChain { found: 1, expected: 31_337 }), "{refused:?}");
    world.proxy.set(Fault::None, 0);
    wallet(&world.chain, &world.proxy, PAYER, &world.directory).await?;
    Ok(())
}

#[tokio::test]
async fn pays_a_liar_no_more_than_its_limits() -> Result<()> {
    let world = World::start().await?;
    world.proxy.set(Fault::BaseFee, 100);
    world.chain.provider.anvil_mine(Some(1), None).await?;
    let refused = world.book.deposit(gwei(1)).await.unwrap_err();
    assert!(matches!(refused, Error::FeeTooHigh { found: u128::MAX, max: 1_000_000_000_000 }), "{refused:?}");

    world.proxy.set(Fault::Tip, 100);
    world.chain.provider.anvil_mine(Some(1), None).await?;
    let deposit = world.book.deposit(gwei(1)).await?;
    deposit.confirmed().await?;
    let sent = world.chain.provider.get_transaction_by_hash(deposit.hash()).await?.ok_or_eyre("no transaction")?;
    assert!(sent.max_fee_per_gas() <= 1_000_000_000_000, "{} wei per gas", sent.max_fee_per_gas());
    assert_eq!(sent.max_priority_fee_per_gas(), Some(100_000_000_000));
    Ok(())
}
