//! The payee: reads cheques, one JSON text per line, says what each is worth, and cashes the latest at the end.
//!
//! ```sh
//! KEY=0x… cargo run --example receive -- <rpc url> <store> <chequebook> [--cash] < cheques
//! ```
//!
//! The key's account is paid, and pays for the gas of the cash.

use std::{
    env,
    io::{BufRead, stdin},
};

use alloy::{
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use chequebook::{Overdraft, SignedCheque};
use chequebook_wallet::{Config, Error, Inbox, Policy, Wallet, store::Redb};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (url, store, chequebook, cash) = match arguments.as_slice() {
        [url, store, chequebook] => (url, store, chequebook, false),
        [url, store, chequebook, flag] if flag == "--cash" => (url, store, chequebook, true),
        _ => return Err("expected: <rpc url> <store> <chequebook> [--cash]".into()),
    };
    let key: PrivateKeySigner = env::var("KEY").map_err(|_| "expected the key in KEY")?.parse()?;
    let beneficiary = key.address();

    let provider = ProviderBuilder::new().connect(url).await?;
    let config = config(provider.get_chain_id().await?)?;
    let wallet = Wallet::open(provider, key, Redb::open_or_create(store)?, config).await?;
    let policy = Policy::default();
    let inbox = Inbox::open(&wallet, chequebook.parse()?, beneficiary, policy).await?;

    for line in stdin().lock().lines() {
        // A cheque that cannot be read or accepted is the sender's problem: say so, and continue.
        match serde_json::from_str::<SignedCheque>(&line?) {
            Ok(cheque) => match inbox.receive(&cheque).await {
                Ok(added) => println!("accepted {added} wei"),
                // Nothing can be stored any more, so nothing can be accepted.
                Err(error @ Error::Store(_)) => return Err(error.into()),
                Err(error) => println!("refused: {error}"),
            },
            Err(error) => println!("refused: {error}"),
        }
    }
    if cash {
        // A cheque that is not covered is not cashed: that would destroy the chequebook.
        let block = inbox.cash(Overdraft::Refuse).await?.included().await?;
        println!("cashed in block {block}");
    }
    println!("uncashed {} wei", inbox.uncashed().await?);
    wallet.shutdown().await;
    Ok(())
}

/// The profile of the chain. With CONFIRMATIONS, a deposit is final after that many blocks.
fn config(chain_id: u64) -> Result<Config, Box<dyn std::error::Error>> {
    match env::var("CONFIRMATIONS") {
        Ok(confirmations) => Ok(Config::default().confirmations(confirmations.parse()?)),
        Err(env::VarError::NotPresent) => Ok(Config::for_chain(chain_id).unwrap_or_default()),
        Err(error) => Err(error.into()),
    }
}
