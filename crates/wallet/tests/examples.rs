//! The examples, run as their users run them. Needs anvil on the PATH.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use alloy::{
    hex,
    node_bindings::{Anvil, AnvilInstance},
    providers::ProviderBuilder,
    signers::local::PrivateKeySigner,
};
use chequebook::SignedCheque;

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
    assert!(lines[2].starts_with("refused: cheque is over 300 wei, expected more than the 342"), "{heard}");
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
