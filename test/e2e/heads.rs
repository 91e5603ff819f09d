//! New blocks that anvil tells of over WebSocket.

use std::time::{Duration, Instant};

use alloy::{
    primitives::U256,
    providers::{ProviderBuilder, ext::AnvilApi},
    rpc::client::RpcClient,
    transports::ws::WsConnect,
};
use chequebook_wallet::{Chequebook, Config, Event, NewChequebook, Owner, Wallet, store::Redb};
use eyre::{OptionExt, Result};
use tokio::time::timeout;

use crate::{
    chain::Chain,
    fixture::{PAYER, gwei},
};

/// The wallet polls once an hour, and sees each block at once.
#[tokio::test(flavor = "multi_thread")]
async fn sees_new_blocks_by_subscription() -> Result<()> {
    let chain = Chain::start()?;
    chain.infrastructure().await?;
    let directory = tempfile::tempdir()?;
    let config = Config::development().poll_interval(Duration::from_secs(3_600)).confirmations(2);
    let client = RpcClient::connect_pubsub(WsConnect::new(chain.anvil.ws_endpoint())).await?;
    let provider = ProviderBuilder::new().connect_client(client);
    let store = Redb::create(directory.path().join("payer.redb"))?;
    let wallet = Wallet::open(provider, chain.key(PAYER)?, store, config).await?;
    let new = NewChequebook::default().notice_period(86_400).deposit(U256::ZERO);
    let (book, mut events) = (Chequebook::create(&wallet, chain.key(PAYER)?, new).await?, wallet.events());
    let owner = Owner::open(&wallet, book.address()).await?;
    let deposit = book.deposit(gwei(5)).await?;
    owner.announce_kill().await?;
    // Three more blocks, one after the other: nobody looks at the chain but for the subscription.
    let began = Instant::now();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        chain.provider.anvil_mine(Some(1), None).await?;
    }
    let (mut is_deposited, mut is_announced) = (false, false);
    while !(is_deposited && is_announced) {
        match timeout(Duration::from_secs(30), events.next()).await?.ok_or_eyre("the wallet has ended")? {
            Event::DepositConfirmed { contract, amount, nonce, .. } if contract == book.address() => {
                assert_eq!((amount, nonce), (gwei(5), deposit.nonce()));
                is_deposited = true;
            }
            Event::EndAnnounced { contract, .. } => {
                assert_eq!(contract, book.address());
                is_announced = true;
            }
            _ => {}
        }
    }
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    Ok(())
}
