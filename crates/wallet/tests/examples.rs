//! The examples, run as their users run them. Needs anvil on the PATH.
#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use alloy::{
    hex,
    node_bindings::{Anvil, AnvilInstance},
    primitives::U256,
    providers::ProviderBuilder,
    signers::local::PrivateKeySigner,
};
use chequebook::{Scheme, SignedCheque};
use chequebook_wallet::{
    Cashier, CashierSettings, Chequebook, Config, NewChequebook, Wallet,
    store::{Memory, Redb},
};

/// The program that cargo built beside this test.
fn example(name: &str) -> Command {
    let test = env::current_exe().unwrap();
    let path: PathBuf = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --examples`", path.display());
    Command::new(path)
}

/// Runs it with a key of anvil, and with some input.
fn run(mut command: Command, anvil: &AnvilInstance, key: usize, input: &str) -> Output {
    let key = hex::encode_prefixed(anvil.nth_key(key).unwrap().to_bytes());
    command.env("KEY", key).env("CONFIRMATIONS", "0");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn pay_and_receive_pass_money_from_one_to_the_other() {
    let anvil = Anvil::new().spawn();
    let deployer = PrivateKeySigner::from(anvil.nth_key(2).unwrap());
    let provider = ProviderBuilder::new().wallet(deployer).connect_http(anvil.endpoint_url());
    tokio::runtime::Runtime::new().unwrap().block_on(chequebook::deploy(&provider)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let bob = anvil.addresses()[1].to_string();
    let pay = |chequebook: &str, wei: &str| {
        let mut command = example("pay");
        command.arg(anvil.endpoint()).arg(directory.path().join("alice")).args([chequebook, &bob, wei]);
        run(command, &anvil, 0, "")
    };
    let first = text(&pay("new:1000", "300"));
    let cheque: SignedCheque = serde_json::from_str(&first).unwrap();
    let chequebook = cheque.cheque().contract.to_string();
    let second = text(&pay(&chequebook, "42"));
    let refused = pay(&chequebook, "659");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("658"), "it says what is available");

    let mut command = example("receive");
    command.arg(anvil.endpoint()).arg(directory.path().join("bob")).args([&chequebook, "--cash"]);
    let heard = text(&run(command, &anvil, 1, &format!("{first}{second}{first}nonsense\n")));
    let lines: Vec<_> = heard.lines().collect();
    assert_eq!(lines[..2], ["accepted 300 wei", "accepted 42 wei"]);
    assert!(lines[2].starts_with("refused: cheque is over 300, expected more than the 342"), "{heard}");
    assert!(lines[3].starts_with("refused: "), "{heard}");
    assert!(lines[4].starts_with("cashed in block "), "{heard}");
    assert_eq!(lines[5..], ["uncashed 0 wei"]);
}

#[test]
fn socket_loses_no_payment_with_its_connection() {
    let output = text(&example("socket").output().unwrap());
    let expected = "connected again, and sent the latest cheque again\n\
        promised 1000 wei\n\
        uncashed 1000 wei\n\
        uncashed 0 wei, after one transaction for 1000 payments\n";
    assert_eq!(output, expected);
}

/// Posts a cheque. `None` if there was no answer: then nobody knows what happened.
fn post(port: u16, cheque: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        cheque.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(cheque.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, answer))
}

/// A shop that is killed while it sells to three strangers, and started again: no payment is lost, none counts twice, and
/// nobody gets more than was paid for.
#[test]
fn shop_survives_a_kill() {
    const PRICE: u64 = 10;
    const ROUNDS: u64 = 40;
    let anvil = Anvil::new().spawn();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deployer = PrivateKeySigner::from(anvil.nth_key(9).unwrap());
    let provider = ProviderBuilder::new().wallet(deployer).connect_http(anvil.endpoint_url());
    runtime.block_on(chequebook::deploy(&provider)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("shop");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = || {
        let mut command = example("shop");
        command.env("KEY", hex::encode_prefixed(anvil.nth_key(1).unwrap().to_bytes()));
        command.arg(anvil.endpoint()).arg(&store).arg(port.to_string()).arg(PRICE.to_string());
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "the shop does not start");
            sleep(Duration::from_millis(50));
        }
        child
    };
    let mut shop = start();
    let shop_account = PrivateKeySigner::from(anvil.nth_key(1).unwrap()).address();
    let (sold_before, restarted) = (AtomicU64::new(0), AtomicBool::new(false));
    let totals = scope(|scope| {
        let customers: Vec<_> = (3..6)
            .map(|key| {
                let (anvil, runtime, sold_before, restarted) = (&anvil, &runtime, &sold_before, &restarted);
                scope.spawn(move || {
                    let key = PrivateKeySigner::from(anvil.nth_key(key).unwrap());
                    let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url());
                    let new = NewChequebook::default().deposit(U256::from(1_000_000)).notice_period(86_400);
                    let (_wallet, book) = runtime.block_on(async {
                        let wallet =
                            Wallet::open(provider, key.clone(), Memory::new(), Config::development()).await.unwrap();
                        let book = Chequebook::create(&wallet, key, new).await.unwrap();
                        (wallet, book)
                    });
                    let (mut served, mut unknown) = (0, 0);
                    for _ in 0..ROUNDS {
                        let outbox = book.outbox(shop_account, Scheme::Typed);
                        let cheque = runtime.block_on(outbox.issue(U256::from(PRICE))).unwrap();
                        let cheque = serde_json::to_string(&cheque).unwrap();
                        loop {
                            match post(port, &cheque) {
                                Some((200, _)) => {
                                    served += 1;
                                    sold_before.fetch_add(1, Ordering::Relaxed);
                                    break;
                                }
                                // It was charged before its answer was lost.
                                Some((402, _)) if unknown > 0 => break,
                                Some((status, answer)) => panic!("{status}: {answer}"),
                                None => {
                                    unknown += 1;
                                    while !restarted.load(Ordering::Relaxed) {
                                        sleep(Duration::from_millis(10));
                                    }
                                }
                            }
                        }
                    }
                    (book.address(), served, unknown)
                })
            })
            .collect();
        while sold_before.load(Ordering::Relaxed) < ROUNDS {
            sleep(Duration::from_millis(1));
        }
        shop.kill().unwrap(); // SIGKILL
        shop.wait().unwrap();
        shop = start();
        restarted.store(true, Ordering::Relaxed);
        customers.into_iter().map(|customer| customer.join().unwrap()).collect::<Vec<_>>()
    });
    shop.kill().unwrap();
    shop.wait().unwrap();

    runtime.block_on(async {
        let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url());
        let key = PrivateKeySigner::from(anvil.nth_key(1).unwrap());
        let wallet = Wallet::open(provider, key, Redb::open(&store).unwrap(), Config::development()).await.unwrap();
        let cashier = Cashier::open(&wallet, CashierSettings::new(shop_account)).await.unwrap();
        let lost: u64 = totals.iter().map(|(_, _, unknown)| unknown).sum();
        assert!(lost > 0, "the kill met nobody");
        for (contract, served, unknown) in totals {
            let credit = cashier.credit(contract, shop_account).await.unwrap();
            assert_eq!(credit.accepted, U256::from(PRICE * ROUNDS), "each payment counts once");
            assert!(
                credit.spent >= U256::from(PRICE * served),
                "what was handed over was paid for: {served}, {credit:?}"
            );
            assert!(
                credit.spent <= U256::from(PRICE * (served + unknown)),
                "nothing else was charged: {unknown}, {credit:?}"
            );
        }
    });
}
