//! The owner's commands, a token, recovery, and what go-ethereum left.

use alloy::primitives::U256;
use serde_json::json;

use crate::world::{Alice, Bob, Carol, World};

#[test]
fn an_end_is_announced_taken_back_and_made() {
    let (world, book) = World::with_chequebook();
    let bob = world.address(Bob);
    let cheque = world.issue("0.25ether");
    world.pipe(Bob, &["receive", "-"], &cheque).expect(0);
    let shown = world.json(Alice, &["announce-kill", "--dry-run"]);
    assert_eq!(shown["liabilities"], "250000000000000000");
    let announced = world.json(Alice, &["announce-kill", "--yes"]);
    assert_eq!(announced["state"], "ending");
    // 10: nothing more is promised or deposited, and no cheque is accepted.
    world.run(Alice, &["issue", &bob, "1wei"]).expect(10);
    world.run(Alice, &["deposit", "1wei", "--yes"]).expect(10);
    world.run(Alice, &["announce-kill", "--yes"]).expect(10);
    world.run(Bob, &["check", &world.file("cheque", &cheque)]).expect(10);
    assert_eq!(world.json(Bob, &["list", "--ending"]).as_array().unwrap().len(), 1);
    // 14: too early.
    world.run(Alice, &["kill", "--yes"]).expect(14);
    assert_eq!(world.json(Alice, &["cancel-kill", "--yes"])["state"], "alive");
    world.issue("1wei");
    world.json(Alice, &["announce-kill", "--yes"]);
    world.rpc("evm_increaseTime", json!([86_401]));
    world.mine();
    let killed = world.json(Alice, &["kill", "--yes"]);
    assert_eq!((&killed["state"], world.balance(&book)), (&json!("dead"), U256::ZERO));
    world.run(Alice, &["kill", "--yes"]).expect(10);
    // What Bob did not cash is lost, and he is told.
    let ran = world.run(Bob, &["cash", "--all", "--yes"]);
    assert_eq!(ran.code, Some(10), "{ran:?}");
    // Reclaim is for tokens.
    world.run(Alice, &["reclaim", "--chequebook", &book, "--yes"]).expect(14);
}

#[test]
fn a_payer_that_was_imported_recovers_first() {
    let (world, book) = World::with_chequebook();
    let bob = world.address(Bob);
    let backup = world.path("backup.json");
    let backup = backup.to_str().unwrap();
    world.issue("0.1ether");
    world.run(Alice, &["export", backup]).expect(0);
    world.run(Alice, &["export", backup]).expect(1); // no older backup is overwritten
    let later = world.file("later", &world.issue("0.2ether"));
    let path = world.path("Alice.redb");
    world.run(Alice, &["import", backup]).expect(14); // the store is not empty
    world.run(Alice, &["issue", &bob, "1wei"]).expect(0); // and a refused import changes nothing
    std::fs::remove_file(&path).unwrap();
    world.run(Alice, &["import", backup, "--chain", "sepolia"]).expect(8);
    world.run(Alice, &["import", &world.file("bad", "{}")]).expect(14);
    world.run(Alice, &["import", backup]).expect(0);
    for args in [&["issue", &bob, "1wei"][..], &["withdraw", "1wei", "--yes"]] {
        world.run(Alice, args).expect(16);
    }
    world.run(Alice, &["doctor"]).expect(17);
    // Nobody affirms by accident, and what is not a cheque recovers nothing.
    world.run(Alice, &["recover", "--nothing-issued"]).expect(15);
    world.pipe(Alice, &["recover", "-"], "").expect(3);
    world.run(Alice, &["issue", &bob, "1wei"]).expect(16);
    let recovered = world.json(Alice, &["recover", &later]);
    assert_eq!(recovered["issued"], "300000000000000000");
    let cheque: serde_json::Value = serde_json::from_str(&world.issue("2wei")).unwrap();
    assert_eq!(cheque["amount"], "300000000000000002");
    // Without any backup: from the payees' cheques and the chain.
    std::fs::remove_file(&path).unwrap();
    let latest = world.file("latest", &cheque.to_string());
    world.run(Alice, &["issue", &bob, "1wei", "--chequebook", &book]).expect(11);
    world.run(Alice, &["recover", "--chequebook", &book, &latest]).expect(0);
    let cheque: serde_json::Value = serde_json::from_str(&world.issue("1wei")).unwrap();
    assert_eq!(cheque["amount"], "300000000000000003");
}

#[test]
fn an_import_can_be_affirmed() {
    let (world, _) = World::with_chequebook();
    let backup = world.run(Alice, &["export"]).expect(0).stdout;
    std::fs::remove_file(world.path("Alice.redb")).unwrap();
    world.pipe(Alice, &["import", "-"], &backup).expect(0);
    world.run(Alice, &["recover", "--nothing-issued", "--yes"]).expect(0);
    world.issue("1wei");
}

#[test]
fn a_cheque_of_2016_is_read() {
    let world = World::new();
    let old = r#"{"Contract":"0x5fbdb2315678afecb367f032d93f642f64180aa3","Beneficiary":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","Amount":1,"Sig":"3FO114S06rtMtsvq6Uxr0T8Ac8wOXdwbThShGF2zov4fGw+MqobGtwr3Rs3YgYqsqO30HbRE9lObgwxGAgcNhQA="}"#;
    let read = world.pipe(Carol, &["import-geth", "-"], old).expect(0).json();
    assert_eq!((&read["amount"], &read["scheme"]), (&json!("1"), &json!("packed")));
    world.pipe(Carol, &["import-geth", "-"], "{}").expect(3);
    // There is no such contract on this chain.
    world.pipe(Carol, &["import-geth", "-", "--cash", "--yes"], old).expect(8);
    let file = r#"{"Balance":"1","Contract":"0x5fbdb2315678afecb367f032d93f642f64180aa3","Owner":"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266","Sent":{"0x70997970c51812dc3a010c7d01b50e0d17dc79c8":"5"}}"#;
    world.pipe(Carol, &["import-geth", "-"], file).expect(8);
    world.pipe(Carol, &["import-geth", "-", "--cash"], file).expect(2);
}

#[test]
fn a_token_is_paid_by_its_own_units() {
    let world = World::new();
    let token = world.token(Alice);
    let config = format!("[tokens.TKN]\naddress = \"{token}\"\ndecimals = 6\n");
    let config = world.file("config.toml", &config);
    let with = |args: &[&str]| -> Vec<String> {
        args.iter().copied().chain(["--config", &config]).map(str::to_owned).collect()
    };
    let json = |who, args: &[&str]| {
        let args = with(args);
        world.json(who, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let terms = ["--form", "token", "--token", "TKN", "--notice", "0s", "--yes"];
    let created = json(Alice, &[&["create", "--deposit", "2.5TKN"], terms.as_slice()].concat());
    assert_eq!((&created["available"], &created["asset"]), (&json!("2500000"), &json!(format!("token {token}"))));
    let book = created["chequebook"].as_str().unwrap();
    // Neither ether nor a symbol that the configuration does not name.
    for (amount, code) in [("1wei", 2), ("1ether", 2), ("1USDC", 2)] {
        world.run(Alice, &["issue", &world.address(Bob), amount, "--config", &config]).expect(code);
    }
    world.run(Alice, &["issue", &world.address(Bob), "1TKN"]).expect(2);
    let cheque = world.run(Alice, &["issue", &world.address(Bob), "0.5TKN", "--config", &config]).expect(0).stdout;
    // A payee that takes ether takes no token.
    world.pipe(Bob, &["receive", "-"], &cheque).expect(4);
    world.pipe(Bob, &["receive", "-", "--set", &format!("asset={token}"), "--set", "min_notice=0s"], &cheque).expect(0);
    assert_eq!(json(Bob, &["list"])[0]["uncashed"], "500000");
    assert_eq!(json(Bob, &["exposure"])[0]["balance"], "2500000");
    let shown = world.run(Bob, &["list", "--config", &config]).expect(0).stdout;
    assert!(shown.contains(&format!("0.5 TKN (500000 units of {token})")), "{shown}");
    assert_eq!(json(Bob, &["cash", "--worth", "1", "--yes"])["cheques"], json!([]), "its price in gas is not known");
    assert_eq!(json(Bob, &["cash", "--above", "0.5TKN", "--yes"])["cheques"][0]["status"], "final");
    assert_eq!(json(Carol, &["verify", book])["balance"], "2000000");
    assert_eq!(json(Alice, &["kill", "--yes"])["state"], "dead");
    // What comes after the death is the owner's.
    world.run(Alice, &["reclaim", "--chequebook", book, "--yes"]).expect(14);
    world.mint(&token, book, 77);
    world.run(Alice, &["reclaim", "--chequebook", book]).expect(15);
    let reclaimed = json(Alice, &["reclaim", "--chequebook", book, "--yes"]);
    assert_eq!(reclaimed["status"], "final");
    let ledger = json(Alice, &["ledger"]);
    let line = ledger.as_array().unwrap().iter().find(|line| line["kind"] == "reclaim").unwrap();
    assert_eq!((&line["amount"], &line["asset"]), (&json!("77"), &json!(token)));
}

#[test]
fn a_cheque_of_2016_is_cashed_once() {
    let world = World::new();
    let contract = world.original(Alice, 1_000);
    let bob = world.address(Bob);
    let old = world.old_cheque(Alice, &contract, &bob, 300);
    let old = world.file("old", &old);
    let any = ["--set", "accept_unproven=true"];
    let run = |args: &[&str]| world.run(Carol, &[args, &any].concat());
    // Its code is not that of go-ethereum, so that nothing proves what it does.
    world.run(Carol, &["import-geth", &old, "--cash", "--yes"]).expect(8);
    let file = world.file("file", &world.old_file(Alice, &contract, &bob, 400));
    let shown = run(&["import-geth", &file, "--json"]).expect(0).json();
    assert_eq!((&shown["balance"], &shown["beneficiaries"][0]["owed"]), (&json!("1000"), &json!("400")));
    run(&["import-geth", &old, "--cash"]).expect(15);
    let before = world.balance(&bob);
    let cashed = run(&["import-geth", &old, "--cash", "--yes", "--json"]).expect(0).json();
    assert_eq!((&cashed["pays"], world.balance(&bob) - before), (&json!("300"), U256::from(300)));
    run(&["import-geth", &old, "--cash", "--yes"]).expect(3);
    let ledger = world.json(Carol, &["ledger"]);
    let line = &ledger[0];
    assert_eq!(
        (&line["kind"], &line["amount"], &line["asset"]),
        (&json!("cashOriginal"), &json!("300"), &json!("ether"))
    );
    let more = world.file("more", &world.old_cheque(Alice, &contract, &bob, 5_000));
    run(&["import-geth", &more, "--cash", "--yes"]).expect(6);
    run(&["import-geth", &more, "--cash", "--allow-overdraft", "--yes"]).expect(0);
    assert_eq!(world.balance(&bob) - before, U256::from(1_000));
}
