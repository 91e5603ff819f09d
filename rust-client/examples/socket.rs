//! Payer and payee over a socket: a thousand payments on a development chain, with a connection that breaks in the middle.
//!
//! ```sh
//! cargo run --example socket # needs anvil on the PATH
//! ```
//!
//! The protocol is as small as can be: a line with a cheque one way, a line with the wei that it adds the other way.

use std::error::Error;

use alloy::{node_bindings::Anvil, primitives::U256, providers::ProviderBuilder, signers::local::PrivateKeySigner};
use chequebook::{Chequebook, Client, Config, Inbox, Outbox, Overdraft, Policy, Scheme, Terms, store::Redb};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const PAYMENTS: u64 = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let anvil = Anvil::new().try_spawn()?;
    let directory = tempfile::tempdir()?;
    let client = async |index: usize| -> Result<(Client, PrivateKeySigner), Box<dyn Error>> {
        let key = PrivateKeySigner::from(anvil.nth_key(index).ok_or("anvil has too few keys")?);
        let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url());
        let store = Redb::create(directory.path().join(format!("{index}.redb")))?;
        let config = Config { confirmations: 0, ..Config::default() };
        Ok((Client::open(provider, key.clone(), store, config).await?, key))
    };
    let (payer, key) = client(0).await?;
    let (payee, _) = client(1).await?;

    let terms = Terms { deposit: U256::from(PAYMENTS), notice_period: 86_400, ..Terms::default() };
    let chequebook = Chequebook::deploy(&payer, key, terms).await?;
    let policy = Policy { confirmations: 0, ..Policy::default() };
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

/// Pays a wei at a time, and loses the connection after half of them, with one cheque on its way.
async fn pay(outbox: &Outbox, address: std::net::SocketAddr) -> Result<(), Box<dyn Error>> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    for payment in 1..=PAYMENTS {
        let cheque = outbox.issue(U256::ONE).await?;
        if payment == PAYMENTS / 2 {
            // The cheque is durable, but it never arrives. The newest one is always good enough to be sent again.
            stream = BufReader::new(TcpStream::connect(address).await?);
            let last = outbox.last().await?.ok_or("no cheque was issued")?;
            send(&mut stream, &serde_json::to_string(&last)?).await?;
            println!("connected again, and sent the newest cheque once more");
            continue;
        }
        send(&mut stream, &serde_json::to_string(&cheque)?).await?;
    }
    Ok(())
}

/// Sends a cheque and waits for the acknowledgement.
async fn send(stream: &mut BufReader<TcpStream>, cheque: &str) -> Result<(), Box<dyn Error>> {
    stream.get_mut().write_all(format!("{cheque}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    if answer.trim_end() != "1" {
        return Err(format!("the payee answers {answer:?}, expected 1 wei").into());
    }
    Ok(())
}

/// Takes cheques until all is paid. An answer leaves only once the cheque is durable.
async fn serve(inbox: &Inbox, listener: &TcpListener) -> Result<(), Box<dyn Error>> {
    let mut paid = U256::ZERO;
    while paid < U256::from(PAYMENTS) {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while paid < U256::from(PAYMENTS) && stream.read_line(&mut line).await? > 0 {
            let added = inbox.receive(&serde_json::from_str(&line)?).await?;
            paid = paid.checked_add(added).ok_or("too much was paid")?;
            stream.get_mut().write_all(format!("{added}\n").as_bytes()).await?;
            line.clear();
        }
    }
    Ok(())
}
