//! Commands that are run again: with a key they do nothing twice, whatever cut them off, and the transactions that belong to
//! no chequebook of the store are followed like all others.

use alloy::primitives::U256;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    signals::{cut, kill},
    world::{Alice, Bob, Carol, World, end, start},
};

const ETHER: u64 = 1_000_000_000_000_000_000;

#[test]
fn a_deposit_with_a_key_is_made_once() {
    for signal in [Signal::INT, Signal::KILL] {
        let (world, book) = World::with_chequebook();
        let deposit = ["deposit", "0.5ether", "--once", "invoice 7", "--yes"];
        cut(&world, Alice, &deposit, signal);
        let nonce = world.nonce(Alice);
        for _ in 0..2 {
            let again = world.json(Alice, &deposit);
            assert_eq!(again["status"], "final");
            // The same in another unit, and without asking: nothing is spent.
            let same =
                world.run(Alice, &["deposit", "500000000gwei", "--once", "invoice 7", "--json"]).expect(0).json();
            assert_eq!(same["transaction"], again["transaction"]);
        }
        assert_eq!(world.balance(&book), U256::from(ETHER / 2 * 3), "{signal:?}: one deposit");
        assert_eq!(world.nonce(Alice), nonce);
        // A key stands for one command; without one, or with another one, it is another deposit.
        world.run(Alice, &["deposit", "0.6ether", "--once", "invoice 7", "--yes"]).expect(14);
        world.run(Alice, &["withdraw", "0.5ether", "--once", "invoice 7", "--yes"]).expect(14);
        world.run(Alice, &["deposit", "0.5ether", "--once", "", "--yes"]).expect(2);
        world.run(Alice, &["deposit", "0.5ether", "--once", "invoice 8", "--yes"]).expect(0);
        assert_eq!(world.balance(&book), U256::from(ETHER * 2));
        // Also what happened since is no reason to do it again.
        world.run(Alice, &["announce-kill", "--yes"]).expect(0);
        assert_eq!(world.json(Alice, &deposit)["status"], "final");
    }
}

#[test]
fn a_withdrawal_with_a_key_is_made_once() {
    let (world, book) = World::with_chequebook();
    let withdraw = ["withdraw", "0.25ether", "--once", "w", "--yes"];
    cut(&world, Alice, &withdraw, Signal::KILL);
    for _ in 0..2 {
        assert_eq!(world.json(Alice, &withdraw)["status"], "final");
    }
    assert_eq!(world.balance(&book), U256::from(ETHER / 4 * 3));
    world.run(Alice, &["withdraw", "--resume", "--once", "w", "--yes"]).expect(2);
    // Also when nothing is there any more.
    let before = world.json(Alice, &withdraw)["transaction"].clone();
    world.run(Alice, &["announce-kill", "--yes"]).expect(0);
    world.rpc("evm_increaseTime", json!([86_401]));
    world.mine();
    world.run(Alice, &["kill", "--yes"]).expect(0);
    assert_eq!(world.json(Alice, &withdraw)["transaction"], before);
    world.run(Alice, &["withdraw", "0.25ether", "--once", "other", "--yes"]).expect(10);
}

/// From before the store is opened until after the cheque is printed: one cheque for all that are run with one key.
#[test]
fn a_cheque_with_a_key_is_issued_once_whenever_the_process_dies() {
    let (world, _) = World::with_chequebook();
    let (bob, mut printed) = (world.address(Bob), Vec::new());
    for round in 0_u64..12 {
        let child = start(world.command(Alice, &["issue", &bob, "1gwei", "--once", "one"]));
        std::thread::sleep(std::time::Duration::from_millis(round * 25));
        let _ = kill_process(Pid::from_child(&child), Signal::KILL);
        printed.extend(serde_json::from_str::<Value>(&end(child).stdout));
    }
    printed.push(world.run(Alice, &["issue", &bob, "1gwei", "--once", "one"]).expect(0).json());
    assert!(printed.iter().all(|cheque| *cheque == printed[0]), "{printed:#?}");
    assert_eq!(world.json(Alice, &["balance"])["issued"], "1000000000");
    world.run(Alice, &["issue", &bob, "2gwei", "--once", "one"]).expect(14);
    world.run(Alice, &["issue", &world.address(Carol), "1gwei", "--once", "one"]).expect(14);
    // It is printed again when nothing could be issued any more.
    world.run(Alice, &["announce-kill", "--yes"]).expect(0);
    assert_eq!(world.run(Alice, &["issue", &bob, "1gwei", "--once", "one"]).expect(0).json(), printed[0]);
    world.run(Alice, &["issue", &bob, "1gwei"]).expect(10);
}

#[test]
fn commands_of_the_owner_with_a_key_are_made_once() {
    let (world, book) = World::with_chequebook();
    let run = |command: &str| world.json(Alice, &[command, "--once", command, "--yes", "--chequebook", &book]);
    cut(&world, Alice, &["announce-kill", "--once", "announce-kill", "--yes"], Signal::KILL);
    assert_eq!(run("announce-kill")["state"], "ending");
    let nonce = world.nonce(Alice);
    run("cancel-kill");
    assert_eq!(run("announce-kill")["state"], "alive", "it is told what was done then, and how things are now");
    assert_eq!(world.nonce(Alice), nonce + U256::ONE);
    world.run(Alice, &["announce-kill", "--yes"]).expect(0);
    world.rpc("evm_increaseTime", json!([86_401]));
    world.mine();
    cut(&world, Alice, &["kill", "--once", "kill", "--yes"], Signal::KILL);
    for _ in 0..2 {
        assert_eq!(run("kill")["state"], "dead");
    }
    world.run(Alice, &["kill", "--yes"]).expect(10);
    // Deposits and cheques of before are told, too, though nothing can be opened.
    world.run(Alice, &["deposit", "1wei", "--once", "new", "--yes"]).expect(10);
}

/// The same without keys: there is only one deployment, one reclaim, one cash of a cheque.
#[test]
fn what_is_deployed_is_deployed_once() {
    for signal in [Signal::INT, Signal::KILL] {
        let world = World::bare();
        let args = ["deploy", "--yes"];
        world.automine(false);
        for _ in 0..2 {
            let child = start(world.command(Alice, &args));
            world.wait_for_pending();
            kill(&child, signal);
            end(child);
        }
        let child = start(world.command(Alice, &args));
        world.eventually("both are in the pool", || world.rpc("txpool_status", json!([]))["pending"] == "0x2");
        world.mine();
        world.automine(true);
        end(child).expect(0);
        assert_eq!(world.nonce(Alice), U256::from(2), "{signal:?}");
        world.json(Alice, &["create", "--deposit", "1ether", "--yes"]);
        let all = world.json(Alice, &["transactions", "list", "--all"]);
        let purposes: Vec<_> = all.as_array().unwrap().iter().map(|row| row["purpose"].clone()).collect();
        assert_eq!(purposes, ["deployFactory", "deployClearingHouse", "create"]);
    }
}

#[test]
fn a_reclaim_is_followed_by_the_next_command() {
    let world = World::new();
    let token = world.token(Alice);
    let terms = ["create", "--form", "token", "--token", &token, "--notice", "0s", "--deposit", "10units", "--yes"];
    let book = world.json(Alice, &terms)["chequebook"].as_str().unwrap().to_owned();
    world.run(Alice, &["kill", "--yes"]).expect(0);
    for signal in [Signal::INT, Signal::KILL] {
        world.mint(&token, &book, 5);
        let nonce = world.nonce(Alice);
        cut(&world, Alice, &["reclaim", "--chequebook", &book, "--yes"], signal);
        // It has arrived, so that nothing is left for a second one.
        world.run(Alice, &["reclaim", "--chequebook", &book, "--yes"]).expect(14);
        assert_eq!(world.nonce(Alice), nonce + U256::ONE);
    }
}

#[test]
fn a_cash_of_2016_is_followed_by_the_next_command() {
    let world = World::new();
    let (contract, bob) = (world.original(Alice, 1_000), world.address(Bob));
    let before = world.balance(&bob);
    for (signal, amount) in [(Signal::INT, 300), (Signal::KILL, 700)] {
        let cheque = world.file("old", &world.old_cheque(Alice, &contract, &bob, amount));
        let args = ["import-geth", &cheque, "--cash", "--yes", "--set", "accept_unproven=true"];
        cut(&world, Carol, &args, signal);
        assert_eq!(world.balance(&bob) - before, U256::from(amount));
        world.run(Carol, &args).expect(3);
    }
    let all = world.json(Carol, &["transactions", "list", "--all"]);
    assert_eq!((&all[0]["purpose"], &all[1]["amount"]), (&json!("cashOriginal"), &json!("700")));
    // While it is not mined, the same command waits for the first; it can be repriced like any other.
    let cheque = world.file("old", &world.old_cheque(Alice, &contract, &bob, 800));
    let args = ["import-geth", &cheque, "--cash", "--yes", "--json", "--set", "accept_unproven=true", "--wait", "sent"];
    world.automine(false);
    let [first, second] = [(); 2].map(|()| world.run(Carol, &args).expect(0).json());
    assert_eq!((&first["nonce"], &first["transaction"]), (&second["nonce"], &second["transaction"]));
    let nonce = first["nonce"].to_string();
    let fees = ["--max-fee", "100gwei", "--priority-fee", "50gwei", "--yes"];
    let repriced = world.json(Carol, &[&["transactions", "reprice", &nonce], &fees[..]].concat());
    assert_ne!(repriced["transaction"], first["transaction"]);
    world.mine();
    world.automine(true);
    assert_eq!(world.balance(&bob) - before, U256::from(800));
}
