//! A server that charges for each request, and takes cheques of payers that it does not know: `POST /` with a cheque as
//! JSON. Send the latest one again as long as there is credit.
//!
//! ```sh
//! KEY=0x… cargo run --example shop -- <rpc url> <store> <port> <wei per request>
//! ```
use std::{env, sync::Arc};

use alloy::{
    primitives::U256,
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use chequebook::{ErrorClass, SignedCheque};
use chequebook_wallet::{Cashier, CashierSettings, Config, Error, Wallet, store::Redb};

struct Shop {
    cashier: Cashier,
    price: U256,
}

/// What is sold. The cheque and its credit are durable before this begins, and so is the price before it is handed over.
async fn sell(State(shop): State<Arc<Shop>>, Json(cheque): Json<SignedCheque>) -> (StatusCode, String) {
    let Shop { cashier, price } = &*shop;
    let sold = async {
        let receipt = cashier.receive(&cheque).await?;
        cashier.spend(receipt.contract, receipt.beneficiary, *price).await
    };
    match sold.await {
        Ok(credit) => (StatusCode::OK, format!("here you are; {} wei left\n", credit.available())),
        Err(error @ Error::Store(_)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        Err(error) if error.class() == ErrorClass::ChainUnreachable => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
        }
        Err(error) => (StatusCode::PAYMENT_REQUIRED, format!("{error}\n")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, store, port, price] = arguments.as_slice() else {
        return Err("expected: <rpc url> <store> <port> <wei>".into());
    };
    let key: PrivateKeySigner = env::var("KEY").map_err(|_| "expected the key in KEY")?.parse()?;
    let provider = ProviderBuilder::new().connect(url).await?;
    let config = Config::for_chain(provider.get_chain_id().await?).unwrap_or_default();
    let settings = CashierSettings::new(key.address());
    let wallet = Wallet::open(provider, key, Redb::open_or_create(store)?, config).await?;
    let shop = Arc::new(Shop { cashier: Cashier::open(&wallet, settings).await?, price: price.parse()? });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    axum::serve(listener, Router::new().route("/", post(sell)).with_state(shop)).await?;
    Ok(())
}
