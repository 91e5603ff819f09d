#![allow(clippy::unwrap_used, missing_docs)]
use alloy::{node_bindings::Anvil, primitives::U256, providers::ProviderBuilder, signers::local::PrivateKeySigner};
use chequebook::*;
use std::time::Duration;
#[tokio::test]
async fn smoke() {
    let anvil = Anvil::new().args(["--hardfork", "osaka"]).try_spawn().unwrap();
    let key: PrivateKeySigner = anvil.nth_key(0).unwrap().into();
    let config = Config { confirmations: 0, poll_interval: Duration::from_millis(20), ..Config::default() };
    let provider = || ProviderBuilder::new().connect_http(anvil.endpoint_url());
    let payer = Client::open(
        provider(),
        key.clone(),
        store::Redb::create(format!(
            "/tmp/smoke/{}.redb",
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
        ))
        .unwrap(),
        config,
    )
    .await
    .unwrap();
    let book =
        Chequebook::deploy(&payer, key.clone(), Terms { deposit: U256::from(1000), notice_period: 86400, owner: None })
            .await
            .unwrap();
    println!("{:?} {:?}", book, book.balance().await.unwrap());
    let bob: PrivateKeySigner = anvil.nth_key(1).unwrap().into();
    let payee = Client::open(
        provider(),
        bob.clone(),
        store::Redb::create(format!(
            "/tmp/smoke/{}.redb",
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
        ))
        .unwrap(),
        config,
    )
    .await
    .unwrap();
    let inbox = Inbox::open(&payee, book.address(), bob.address(), Policy { confirmations: 0, ..Policy::default() })
        .await
        .unwrap();
    let cheque = book.issue(bob.address(), U256::from(300), Scheme::Typed).await.unwrap();
    println!("{}", inbox.receive(&cheque).await.unwrap());
    println!("{:?}", inbox.receive(&cheque).await);
    println!("{:?}", book.issue(bob.address(), U256::from(701), Scheme::Typed).await);
    let d = book.deposit(U256::from(500)).await.unwrap();
    println!("{:?} {:?}", d, book.balance().await.unwrap());
    d.confirmed().await.unwrap();
    println!("{:?} {:?}", d, book.balance().await.unwrap());
    let c = inbox.cash(Overdraft::Refuse).await.unwrap();
    println!("{:?} uncashed {}", c.confirmed().await.unwrap(), inbox.uncashed().await.unwrap());
    println!("{:?} {:?}", book.balance().await.unwrap(), inbox.cash(Overdraft::Refuse).await);
    println!("{}", serde_json::to_string_pretty(&payer.export().await.unwrap()).unwrap());
    payer.stop().await;
    println!("{:?}", book.balance().await);
}
