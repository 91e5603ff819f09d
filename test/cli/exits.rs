//! Every exit code, and nothing sent where one is not 0.

use std::{collections::BTreeMap, io::BufRead};

use alloy::primitives::U256;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{Alice, Bob, Carol, Ran, World, end, finish, start};

/// The codes of the page with their names. Success has none.
fn documented() -> BTreeMap<i32, String> {
    let page = include_str!("../../docs/operators.md");
    let (_, rows) = page.split_once("| code | name | meaning |\n|---:|---|---|\n").unwrap();
    let rows = rows.lines().take_while(|line| line.starts_with("| ")).map(|line| line.split('|').map(str::trim));
    let rows = rows.map(|mut cells| (cells.nth(1).unwrap().parse().unwrap(), cells.next().unwrap().replace('`', "")));
    rows.collect()
}

/// The built program gives each code that the page has, with its name, and no other.
#[test]
fn each_code_of_the_page_is_given() {
    let mut given: BTreeMap<i32, String> = BTreeMap::new();
    let mut note = |ran: &Ran| {
        let code = ran.code.unwrap_or_else(|| panic!("{ran:?}"));
        // What is beside the error comes on lines before it.
        let error = ran.stderr.lines().last().map(|line| serde_json::from_str::<Value>(line).unwrap());
        if let Some(error) = &error {
            assert_eq!(error["error"]["code"], code, "{ran:?}");
        }
        let name = error.map_or_else(String::new, |error| error["error"]["exit"].as_str().unwrap().to_owned());
        let before = given.insert(code, name);
        assert_eq!(before, None, "{code} again: {ran:?}");
    };
    let (world, book) = World::with_chequebook();
    let (bob, carol) = (world.address(Bob), world.address(Carol));
    let backup = world.path("backup");
    let cheque = world.issue("0.5ether");
    world.pipe(Bob, &["receive", "-"], &cheque).expect(0);
    for (who, args, input) in [
        (Alice, &["balance"][..], ""),
        (Alice, &["verify", &book, "--creation", "/no/such/file"], ""),
        (Alice, &["issue", &bob, "1usdc"], ""),
        (Bob, &["receive", "-"], "{}"),
        (Bob, &["check", "-", "--set", "accept_typed=false"], &cheque),
        (Alice, &["issue", &bob, "2ether"], ""),
        (Alice, &["verify", &book, "--rpc", "http://127.0.0.1:1"], ""),
        (Alice, &["verify", &carol], ""),
        (Carol, &["list"], ""),
        (Alice, &["balance", "--account", "env:NO_SUCH_VARIABLE"], ""),
        (Alice, &["issue", &bob, "0wei"], ""),
        (Alice, &["deposit", "1wei"], ""),
    ] {
        note(&finish(world.command(who, &[args, &["--json"]].concat()), input));
    }
    // In use.
    let lock = chequebook_wallet::store::Redb::open(world.path("Alice.redb")).unwrap();
    note(&world.run(Alice, &["balance", "--json"]));
    drop(lock);
    // A transaction that was cancelled.
    world.automine(false);
    let deposit = ["deposit", "1wei", "--once", "k", "--yes", "--json"];
    let sent = world.run(Alice, &[&deposit[..], &["--wait", "sent"]].concat()).expect(0).json();
    world.run(Alice, &["transactions", "cancel", &sent["nonce"].to_string(), "--yes"]).expect(0);
    world.mine();
    world.automine(true);
    note(&world.run(Alice, &deposit));
    // Imported and not recovered; doctor finds that, too.
    world.run(Alice, &["export", backup.to_str().unwrap()]).expect(0);
    std::fs::remove_file(world.path("Alice.redb")).unwrap();
    world.run(Alice, &["import", backup.to_str().unwrap()]).expect(0);
    note(&world.run(Alice, &["issue", &bob, "1wei", "--json"]));
    note(&world.run(Alice, &["doctor", "--json"]));
    // Not covered; then the end.
    world.rpc("anvil_setBalance", json!([book, "0x64"]));
    note(&world.run(Bob, &["cash", "--all", "--yes", "--json"]));
    world.run(Alice, &["announce-kill", "--yes"]).expect(0);
    note(&world.run(Alice, &["announce-kill", "--yes", "--json"]));
    for signal in [Signal::INT, Signal::TERM] {
        let mut watch = start(world.command(Bob, &["watch", "--json"]));
        let mut said = String::new();
        std::io::BufReader::new(watch.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert!(said.starts_with("watching"), "{said}");
        crate::signals::kill(&watch, signal);
        note(&end(watch));
    }
    assert_eq!(given, documented());
}

#[test]
fn usage_is_2_and_nothing_is_tried() {
    let world = World::bare();
    let bob = world.address(Bob);
    for args in [
        &["no-such-command"][..],
        &["issue", &bob],
        &["issue", &bob, "1"],
        &["issue", &bob, "1.5wei"],
        &["issue", &bob, "1usdc"],
        &["issue", "0x70997970c51812dc3A010C7d01b50e0d17dc79C8", "1wei"],
        &["deposit", "5", "--yes"],
        &["create", "--deposit", "1", "--yes"],
        &["create", "--notice", "90", "--yes"],
        &["create", "--form", "token", "--yes"],
        &["create", "--token", &bob, "--yes"],
        &["cash", "--yes"],
        &["cash", "--all", "--above", "1wei", "--yes"],
        &["cash", "--all", "--allow-overdraft", "--yes"],
        &["recover"],
        &["list", "--chain", "nowhere"],
        &["list", "--set", "no_such_setting=1"],
        &["list", "--set", "chain"],
        &["list", "--rpc", "ftp://localhost"],
        &["list", "--rpc", "nonsense"],
        &["list", "--config", "/no/such/file"],
        &["create", "--wait", "never", "--yes"],
        &["list", "--dry-run", "--yes"],
    ] {
        let ran = world.run(Alice, args);
        // An amount is judged by the asset, and that takes a store.
        let is_late = ran.code == Some(11) && matches!(args.get(2), Some(&("1.5wei" | "1usdc")));
        assert!(ran.code == Some(2) || is_late, "{args:?}: {ran:#?}");
    }
    assert_eq!(std::fs::read_dir(world.home.path()).unwrap().count(), 0, "no store was created");
}

/// The error names the feature, which there is.
#[test]
fn a_node_behind_https_needs_a_feature() {
    let world = World::bare();
    let ran = world.run(Alice, &["verify", &world.address(Bob), "--rpc", "https://localhost:1"]);
    if cfg!(feature = "tls") {
        ran.expect(7);
    } else {
        let ran = ran.expect(2);
        let feature = ran.stderr.trim().rsplit("--features ").next().unwrap();
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("\n{feature} = [\"alloy/")), "{ran:?}");
        assert!(include_str!("../../docs/operators.md").contains(&format!("--features {feature}")));
    }
}

#[test]
fn the_configuration_is_explained() {
    let world = World::bare();
    let sample = include_str!("../../docs/config.toml");
    let file = world.file("config.toml", sample);
    let mut command = world.clean(crate::world::PROGRAM);
    command
        .args(["config", "--json", "--config", &file, "--wait", "sent"])
        .env("CHEQUEBOOK_RPC", "http://u:secret@h:1/secret");
    let ran = finish(command, "").expect(0);
    assert!(!ran.stdout.contains("secret"), "{ran:?}");
    let rows = ran.json();
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!((row("wait")["value"].clone(), row("wait")["origin"].clone()), (json!("sent"), json!("flag")));
    assert_eq!(row("rpc")["value"], "http://h:1/…");
    assert_eq!(row("rpc")["origin"], "variable CHEQUEBOOK_RPC");
    assert_eq!(row("min_notice")["origin"], "file, top level");
    assert_eq!(row("account")["origin"], "not set");
    // Every setting is in the sample, and each of its examples is one.
    let examples =
        sample.lines().map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line));
    let examples: Vec<_> = examples.filter(|line| line.contains(" = ") && !line.starts_with('#')).collect();
    for row in rows.as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        assert!(
            examples.iter().any(|line| line.starts_with(&format!("{name} = "))),
            "{name} is not in docs/config.toml"
        );
    }
    let mut lines: Vec<String> = Vec::new();
    for line in sample.lines() {
        let name = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")).map(|(name, _)| name);
        let is_example = name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        lines.push(if is_example { line.trim_start_matches("# ").to_owned() } else { line.to_owned() });
    }
    let all = world.file("all.toml", &lines.join("\n"));
    let mut command = world.clean(crate::world::PROGRAM);
    command.args(["config", "--json", "--config", &all]);
    let rows = finish(command, "").expect(0).json();
    assert!(rows.as_array().unwrap().iter().all(|row| !row["value"].is_null()), "{rows:#}");
}

#[test]
fn cheques_are_refused_by_kind() {
    let (world, book) = World::with_chequebook();
    let cheque = world.issue("1gwei");
    // 3: not a cheque, altered, to somebody else, of another chain.
    for bad in [
        "{}".to_owned(),
        cheque.replace("1000000000", "2000000000"),
        cheque.replace("\"chainId\":31337", "\"chainId\":1"),
        cheque.replace(&world.address(Bob), &world.address(Carol)),
    ] {
        world.pipe(Bob, &["receive", "-"], &bad).expect(3);
        world.pipe(Bob, &["check", "-", "--set", &format!("beneficiary={}", world.address(Bob))], &bad).expect(3);
    }
    // 4: valid, and the policy refuses it. It is kept, and accepted by another policy.
    for policy in ["accept_typed=false", "min_notice=2d"] {
        world.pipe(Bob, &["check", "-", "--set", policy], &cheque).expect(4);
        world.pipe(Bob, &["receive", "-", "--set", policy], &cheque).expect(4);
    }
    world.pipe(Bob, &["receive", "-"], &cheque).expect(0);
    // 8: no chequebook there; another chain.
    let nowhere = cheque.replace(&book, &world.address(Carol));
    world.pipe(Bob, &["receive", "-"], &nowhere).expect(8);
    world.pipe(Bob, &["check", "-"], &nowhere).expect(8);
    world.run(Bob, &["verify", &world.address(Carol)]).expect(8);
    world.run(Bob, &["list", "--chain", "sepolia"]).expect(8);
    // An error in JSON.
    let ran = world.pipe(Bob, &["check", "-", "--json"], &nowhere).expect(8);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["exit"]), (&json!(8), &json!("wrongChain")));
    // An old one adds nothing, and is refused: 3.
    let newer = world.issue("1gwei");
    world.pipe(Bob, &["receive", "-"], &newer).expect(0);
    world.pipe(Bob, &["receive", "-"], &cheque).expect(3);
}

#[test]
fn what_is_not_there_cannot_be_spent() {
    let (world, book) = World::with_chequebook();
    let bob = world.address(Bob);
    // 5: the deposit, then the account.
    world.run(Alice, &["issue", &bob, "2ether"]).expect(5);
    world.run(Alice, &["withdraw", "2ether", "--yes"]).expect(5);
    world.run(Alice, &["deposit", "1000000ether", "--yes"]).expect(5);
    world.run(Alice, &["deposit", "1wei", "--yes", "--set", "max_fee_per_gas=1wei"]).expect(5);
    // 14: it makes no sense.
    world.run(Alice, &["issue", &bob, "0wei"]).expect(14);
    world.run(Alice, &["issue", &book, "1wei"]).expect(14);
    world.run(Alice, &["create", "--deposit", "1ether", "--yes"]).expect(14);
    world.run(Alice, &["transactions", "cancel", "77", "--yes"]).expect(14);
    world.run(Alice, &["latest", &bob]).expect(14);
    world.run(Alice, &["kill", "--yes"]).expect(14);
    world.pipe(Bob, &["receive", "-"], &world.issue("0.6ether")).expect(0);
    world.run(Bob, &["cash", "--all", "--payer", &bob, "--yes"]).expect(14);
    // 14: without a record there is nothing to open.
    world.run(Bob, &["balance", "--chequebook", &book]).expect(14);
    // 6: the owner has the balance taken away by a cheque to somebody else; the rest does not cover Bob's.
    world.rpc("anvil_setBalance", json!([book, "0x64"]));
    let ran = world.run(Bob, &["cash", "--all", "--yes"]).expect(6);
    assert!(ran.stdout.contains("notSent"), "{ran:?}");
    assert_eq!(world.nonce(Bob), U256::ZERO, "nothing was sent");
    // With consent it takes what is there, and the chequebook is dead: 10.
    world.run(Bob, &["cash", "--all", "--payer", &book, "--allow-overdraft", "--yes"]).expect(0);
    assert_eq!(world.balance(&book), U256::ZERO);
    world.run(Alice, &["balance"]).expect(10);
    assert_eq!(world.json(Carol, &["verify", &book])["state"], "dead");
}

#[test]
fn nothing_is_spent_without_consent() {
    let (world, book) = World::with_chequebook();
    world.pipe(Bob, &["receive", "-"], &world.issue("1gwei")).expect(0);
    let (alice, bob) = (world.nonce(Alice), world.nonce(Bob));
    let commands: [(_, &[&str]); 8] = [
        (Alice, &["create", "--salt", "0x0101010101010101010101010101010101010101010101010101010101010101"]),
        (Alice, &["deposit", "1ether"]),
        (Alice, &["withdraw", "0.1ether"]),
        (Alice, &["announce-kill"]),
        (Alice, &["withdraw", "--resume"]),
        (Alice, &["recover", "--nothing-issued"]),
        (Bob, &["cash", "--all"]),
        (Bob, &["cash", "--all", "--allow-overdraft", "--payer", &book]),
    ];
    for (who, args) in commands {
        world.run(who, args).expect(15);
        let shown = world.run(who, &[args, &["--dry-run", "--json"]].concat()).expect(0).json();
        assert!(shown.is_object(), "{args:?}: {shown}");
    }
    assert_eq!((world.nonce(Alice), world.nonce(Bob)), (alice, bob));
    let dry = world.json(Alice, &["issue", &world.address(Bob), "1gwei", "--dry-run"]);
    assert_eq!(dry["promised"], "1000000000");
    assert_eq!(world.json(Alice, &["balance"])["issued"], "1000000000", "a dry run issues nothing");
}

#[test]
fn a_store_is_missing_locked_or_damaged() {
    let (world, _) = World::with_chequebook();
    world.run(Bob, &["list"]).expect(11);
    assert!(!world.path("Bob.redb").exists(), "a missing store is not created by who only looks");
    let lock = chequebook_wallet::store::Redb::open(world.path("Alice.redb")).unwrap();
    for args in [&["balance"][..], &["doctor"], &["deposit", "1wei", "--yes"], &["transactions"]] {
        let expected = if args[0] == "doctor" { 17 } else { 12 };
        world.run(Alice, args).expect(expected);
    }
    drop(lock);
    world.run(Alice, &["doctor"]).expect(0);
    let bytes = std::fs::read(world.path("Alice.redb")).unwrap();
    std::fs::write(world.path("Alice.redb"), &bytes[..bytes.len() / 2]).unwrap();
    world.run(Alice, &["balance"]).expect(11);
    world.run(Alice, &["doctor"]).expect(17);
}
