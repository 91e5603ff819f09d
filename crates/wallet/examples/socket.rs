//! Payer and payee over a socket: a thousand payments on a development chain. The connection breaks in the middle.
//!
//! ```sh
//! cargo run --example socket # needs anvil on the PATH
//! ```
//!
//! The protocol is minimal: the payer sends a line with a cheque, the payee answers a line with the wei that it adds.

use std::{error::Error, net::SocketAddr};

use alloy::{node_bindings::Anvil, primitives::U256, providers::ProviderBuilder, signers::local::PrivateKeySigner};
use chequebook::{Overdraft, Scheme, SignedCheque};
use chequebook_wallet::{Chequebook, Config, Inbox, NewChequebook, Outbox, Policy, Wallet, store::Redb};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const PAYMENTS: u64 = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let anvil = Anvil::new().try_spawn()?;
    let deployer = PrivateKeySigner::from(anvil.nth_key(2).ok_or("anvil has too few keys")?);
    chequebook::deploy(&ProviderBuilder::new().wallet(deployer).connect_http(anvil.endpoint_url())).await?;
    let directory = tempfile::tempdir()?;
    let wallet = async |index: usize| -> Result<(Wallet, PrivateKeySigner), Box<dyn Error>> {
        let key = PrivateKeySigner::from(anvil.nth_key(index).ok_or("anvil has too few keys")?);
        let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url());
        let store = Redb::create(directory.path().join(format!("{index}.redb")))?;
        let config = Config::default().confirmations(0);
        Ok((Wallet::open(provider, key.clone(), store, config).await?, key))
    };
    let (payer, key) = wallet(0).await?;
    let (payee, _) = wallet(1).await?;

    let terms = NewChequebook::default().deposit(U256::from(PAYMENTS)).notice_period(86_400);
    let chequebook = Chequebook::create(&payer, key, terms).await?;
    let policy = Policy::default();
    let inbox = Inbox::open(&payee, chequebook.address(), payee.account(), policy).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let outbox = chequebook.outbox(payee.account(), Scheme::Typed);
    tokio::try_join!(pay(&outbox, address), serve(&inbox, &listener))?;

    println!("promised {} wei", chequebook.balance().await?.issued);
    println!("uncashed {} wei", inbox.uncashed().await?);
    inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
    println!("uncashed {} wei, after one transaction for {PAYMENTS} payments", inbox.uncashed().await?);
    Ok(())
}

/// Pays a wei at a time, and loses the connection after half of them, before the answer arrives.
async fn pay(outbox: &Outbox, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    for payment in 1..=PAYMENTS {
        let cheque = outbox.issue(U256::ONE).await?;
        send(&mut stream, &cheque).await?;
        if payment == PAYMENTS / 2 {
            // The payee may or may not have it. Sending the latest cheque again is idempotent.
            stream = BufReader::new(TcpStream::connect(address).await?);
            let newest = outbox.latest_cheque().await?.ok_or("no cheque was issued")?;
            send(&mut stream, &newest).await?;
            let _added = answer(&mut stream).await?; // zero if the cheque had arrived
            println!("connected again, and sent the latest cheque again");
        } else if answer(&mut stream).await? != U256::ONE {
            return Err("the payee acknowledged another amount than 1 wei".into());
        }
    }
    Ok(())
}

async fn send(stream: &mut BufReader<TcpStream>, cheque: &SignedCheque) -> Result<(), Box<dyn Error>> {
    let line = serde_json::to_string(cheque)?;
    Ok(stream.get_mut().write_all(format!("{line}\n").as_bytes()).await?)
}

/// The amount that the payee acknowledges, in wei.
async fn answer(stream: &mut BufReader<TcpStream>) -> Result<U256, Box<dyn Error>> {
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    answer.trim_end().parse().map_err(|_| format!("the payee answers {answer:?}, expected a number of wei").into())
}

/// Accepts cheques until everything is paid.
async fn serve(inbox: &Inbox, listener: &TcpListener) -> Result<(), Box<dyn Error>> {
    let mut paid = U256::ZERO;
    while paid < U256::from(PAYMENTS) {
        let (stream, _) = listener.accept().await?;
        // A broken connection is no reason to stop: what was acknowledged is durable.
        if let Err(error) = serve_one(inbox, stream, &mut paid).await {
            eprintln!("connection lost: {error}");
        }
    }
    Ok(())
}

/// Serves one connection. An answer leaves only once the cheque is durable.
async fn serve_one(inbox: &Inbox, stream: TcpStream, paid: &mut U256) -> Result<(), Box<dyn Error>> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while *paid < U256::from(PAYMENTS) && stream.read_line(&mut line).await? > 0 {
        let added = match inbox.receive(&serde_json::from_str(&line)?).await {
            Ok(added) => added,
            // A duplicate, because the payer did not get our answer. It adds nothing.
            Err(chequebook_wallet::Error::StaleCheque { .. }) => U256::ZERO,
            Err(error) => return Err(error.into()),
        };
        *paid = paid.checked_add(added).ok_or("too much was paid")?;
        stream.get_mut().write_all(format!("{added}\n").as_bytes()).await?;
        line.clear();
    }
    Ok(())
}
