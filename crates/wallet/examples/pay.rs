//! The payer: promises an amount to a beneficiary, and prints the cheque to send.
//!
//! ```sh
//! KEY=0x… cargo run --example pay -- <rpc url> <store> <chequebook, or "new:<deposit in wei>"> <beneficiary> <wei>
//! ```
//!
//! The key signs the cheques, and pays for gas and deposits. The store is created if there is none; keep it, or the
//! payer forgets what it promised.

use std::{env, error::Error};

use alloy::{
    primitives::U256,
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use chequebook::Scheme;
use chequebook_wallet::{Chequebook, Config, NewChequebook, Wallet, store::Redb};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, store, chequebook, beneficiary, wei] = arguments.as_slice() else {
        return Err("expected: <rpc url> <store> <chequebook, or \"new:<wei>\"> <beneficiary> <wei>".into());
    };
    let key: PrivateKeySigner = env::var("KEY").map_err(|_| "expected the key in KEY")?.parse()?;

    let provider = ProviderBuilder::new().connect(url).await?;
    let config = config(provider.get_chain_id().await?)?;
    let wallet = Wallet::open(provider, key.clone(), Redb::open_or_create(store)?, config).await?;
    let chequebook = match chequebook.strip_prefix("new:") {
        Some(deposit) => {
            let terms = NewChequebook::default().notice_period(86_400).deposit(deposit.parse()?);
            Chequebook::create(&wallet, key, terms).await?
        }
        None => Chequebook::open(&wallet, chequebook.parse()?, key).await?,
    };

    // A deposit counts once it is confirmed. Without waiting, `issue` returns `Error::InsufficientDeposit`.
    let amount: U256 = wei.parse()?;
    let cheque = chequebook.outbox(beneficiary.parse()?, Scheme::Typed).issue(amount).await?;
    println!("{}", serde_json::to_string(&cheque)?);

    let balance = chequebook.balance().await?;
    eprintln!("promised {} of {} wei, {} left", balance.issued, balance.funded, balance.available);
    wallet.shutdown().await; // waits until everything is on the disk
    Ok(())
}

/// The profile of the chain. With CONFIRMATIONS, a deposit is final after that many blocks.
fn config(chain_id: u64) -> Result<Config, Box<dyn Error>> {
    match env::var("CONFIRMATIONS") {
        Ok(confirmations) => Ok(Config::default().confirmations(confirmations.parse()?)),
        Err(env::VarError::NotPresent) => Ok(Config::for_chain(chain_id).unwrap_or_default()),
        Err(error) => Err(error.into()),
    }
}
