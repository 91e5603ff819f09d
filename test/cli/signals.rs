//! A signal at the worst moment: the transaction is sent, and no block comes. Nothing is lost, and nothing happens twice.

use std::process::Child;

use alloy::primitives::U256;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::world::{Alice, Bob, Ran, Who, World, end, start};

pub(crate) fn kill(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts a command, sends a signal once its transaction is in the pool, and mines that. Then the same command, or
/// another one, takes it up.
pub(crate) fn cut(world: &World, who: Who, args: &[&str], signal: Signal) -> Ran {
    world.automine(false);
    let child = start(world.command(who, args));
    world.wait_for_pending();
    kill(&child, signal);
    let ran = end(child);
    match signal {
        Signal::KILL => assert_eq!(ran.code, None, "{ran:?}"),
        _ => {
            assert_eq!(ran.code, Some(130), "{ran:?}");
            assert!(ran.stderr.contains("chequebook transactions"), "{ran:?}");
        }
    }
    let open = world.json(who, &["transactions"]);
    assert_eq!(open.as_array().unwrap().len(), 1, "{args:?}: it is listed: {open}");
    world.mine();
    world.automine(true);
    ran
}

#[test]
fn a_signal_during_a_command_that_sends_loses_nothing() {
    for signal in [Signal::INT, Signal::KILL] {
        let world = World::new();
        let (ether, bob) = (U256::from(1_000_000_000_000_000_000_u64), world.address(Bob));

        // A creation that is under way is waited for, also by itself again.
        cut_create(&world, signal);
        let book = world.json(Alice, &["balance"])["chequebook"].as_str().unwrap().to_owned();
        assert_eq!(world.balance(&book), ether, "{signal:?}: one deposit");

        cut(&world, Alice, &["deposit", "1ether", "--yes"], signal);
        assert_eq!(world.json(Alice, &["balance"])["funded"], "2000000000000000000");

        cut(&world, Alice, &["withdraw", "1ether", "--yes"], signal);
        assert_eq!(world.json(Alice, &["withdraw", "--resume", "--yes"])["status"], "nothingToDo");
        assert_eq!(world.balance(&book), ether, "{signal:?}: one withdrawal");

        world.pipe(Bob, &["receive", "-"], &world.issue("0.5ether")).expect(0);
        cut(&world, Bob, &["cash", "--all", "--yes"], signal);
        assert_eq!(world.json(Bob, &["cash", "--all", "--yes"])["cheques"], json!([]));
        assert_eq!(world.balance(&book), ether / U256::from(2), "{signal:?}: one cash");

        cut(&world, Alice, &["announce-kill", "--yes"], signal);
        world.run(Alice, &["issue", &bob, "1wei"]).expect(10);
        cut(&world, Alice, &["cancel-kill", "--yes"], signal);
        world.issue("1wei");
        world.run(Alice, &["announce-kill", "--yes"]).expect(0);
        world.rpc("evm_increaseTime", json!([86_401]));
        world.mine();
        cut(&world, Alice, &["kill", "--yes"], signal);
        assert_eq!(world.balance(&book), U256::ZERO);
        world.run(Alice, &["kill", "--yes"]).expect(10);
    }
}

/// The same command again, while the transaction of the first is not mined, sends nothing.
fn cut_create(world: &World, signal: Signal) {
    let args = ["create", "--deposit", "1ether", "--yes"];
    world.automine(false);
    for _ in 0..2 {
        let child = start(world.command(Alice, &args));
        world.wait_for_pending();
        if signal == Signal::KILL {
            // The second one must have looked before it dies.
            std::thread::sleep(std::time::Duration::from_millis(1_500));
        }
        kill(&child, signal);
        end(child);
    }
    let open = world.json(Alice, &["transactions"]);
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");
    let child = start(world.command(Alice, &args));
    std::thread::sleep(std::time::Duration::from_secs(1));
    world.mine();
    world.automine(true);
    let ran = end(child);
    // It waited for the first; or came when that was done.
    assert!(matches!(ran.code, Some(0 | 14)), "{ran:?}");
    assert_eq!(world.nonce(Alice), U256::ONE);
}

#[test]
fn a_transaction_is_repriced_and_cancelled() {
    let (world, book) = World::with_chequebook();
    world.automine(false);
    let sent = world.json(Alice, &["deposit", "1ether", "--yes", "--wait", "sent"]);
    assert_eq!(sent["status"], "pending");
    let nonce = sent["nonce"].to_string();
    let fees = ["--max-fee", "100gwei", "--priority-fee", "50gwei", "--yes"];
    let repriced = world.json(Alice, &[&["transactions", "reprice", &nonce], &fees[..]].concat());
    assert_ne!(repriced["transaction"], sent["transaction"]);
    world.run(Alice, &["transactions", "cancel", &nonce]).expect(15);
    world.run(Alice, &["transactions", "cancel", &nonce, "--yes"]).expect(0);
    world.mine();
    world.automine(true);
    let all = world.json(Alice, &["transactions", "list", "--all"]);
    assert_eq!(all[1]["status"], "cancelled", "{all}");
    assert_eq!(world.balance(&book), U256::from(1_000_000_000_000_000_000_u64));
}

#[test]
fn who_waits_is_told_that_it_failed() {
    let (world, _) = World::with_chequebook();
    world.automine(false);
    let child = start(world.command(Alice, &["deposit", "1ether", "--yes"]));
    world.wait_for_pending();
    // Another program of the same account takes the nonce.
    let (alice, bob) = (world.address(Alice), world.address(Bob));
    let nonce = world.rpc("eth_getTransactionCount", json!([alice, "latest"]));
    world.rpc("anvil_dropAllTransactions", json!([]));
    let other = json!([{"from": alice, "to": bob, "value": "0x1", "nonce": nonce, "gasPrice": "0x174876e800", "gas": "0x5208"}]);
    world.rpc("eth_sendTransaction", other);
    // What took the nonce is known for certain once more blocks follow.
    for _ in 0..5 {
        world.mine();
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    world.automine(true);
    let ran = end(child);
    assert_eq!(ran.code, Some(9), "{ran:?}");
}

#[test]
fn no_death_promises_twice_or_forgets_what_left() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let mut left = U256::ZERO;
    for round in 0_u64..24 {
        // From before the store is opened until after the cheque is printed.
        let child = start(world.command(Alice, &["issue", &bob, "1gwei"]));
        std::thread::sleep(std::time::Duration::from_millis(round * 12));
        let _ = kill_process(Pid::from_child(&child), Signal::KILL);
        let ran = end(child);
        if let Ok(cheque) = serde_json::from_str::<serde_json::Value>(&ran.stdout) {
            let amount: U256 = cheque["amount"].as_str().unwrap().parse().unwrap();
            assert!(amount > left, "{amount} after {left}");
            left = amount;
        }
        // What left is known, and whatever was issued is in the next cheque.
        let issued: U256 = world.json(Alice, &["balance"])["issued"].as_str().unwrap().parse().unwrap();
        assert!(issued >= left, "{issued} of {left}");
        if !issued.is_zero() {
            let latest: serde_json::Value =
                serde_json::from_str(&world.run(Alice, &["latest", &bob]).expect(0).stdout).unwrap();
            assert_eq!(latest["amount"], issued.to_string());
        }
    }
    assert!(!left.is_zero(), "some lived long enough");
}
