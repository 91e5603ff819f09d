//! Every command does what it says, and its JSON is what the operators' page says.

use std::collections::BTreeSet;

use alloy::primitives::U256;
use serde_json::Value;

use crate::{
    json::check,
    world::{Alice, Bob, Carol, World},
};

const ETHER: u64 = 1_000_000_000_000_000_000;

#[test]
fn a_payer_and_a_payee_from_nothing_to_the_end() {
    let world = World::new();
    let bob = world.address(Bob);
    let terms = ["--notice", "2d", "--form", "direct"];
    let predicted = world.json(Alice, &[&["predict"], terms.as_slice()].concat());
    check("predict", &predicted);
    let created = world.json(Alice, &[&["create", "--deposit", "1ether", "--yes"], terms.as_slice()].concat());
    check("create", &created);
    assert_eq!(created["chequebook"], predicted["chequebook"]);
    assert_eq!(created["available"], ETHER.to_string());
    assert_eq!(created["noticeSeconds"], 172_800);
    let book = created["chequebook"].as_str().unwrap();

    let deposited = world.json(Alice, &["deposit", "0.5ether", "--yes"]);
    check("deposit", &deposited);
    assert_eq!((&deposited["status"], world.balance(book)), (&Value::from("final"), U256::from(ETHER / 2 * 3)));

    // Two cheques, of which the second contains the first; a pipe and a file.
    world.issue("0.1ether");
    let cheque = world.issue("100000000gwei");
    assert_eq!(world.run(Alice, &["latest", &bob]).expect(0).stdout, cheque);
    let checked = world.run(Bob, &["check", &world.file("cheque", &cheque), "--json"]).expect(0).json();
    check("check", &checked);
    assert_eq!(checked["pays"], (ETHER / 5).to_string());
    let received = world.pipe(Bob, &["receive", "-", "--json"], &cheque).expect(0).json();
    check("receive", &received);
    assert_eq!(received["added"], (ETHER / 5).to_string());
    let again = world.run(Bob, &["receive", &world.file("cheque", &cheque), "--json"]).expect(0).json();
    assert_eq!((&again["added"], &again["acknowledged"]), (&"0".into(), &received["acknowledged"]));

    let listed = world.json(Bob, &["list"]);
    check("list", &listed);
    assert_eq!((&listed[0]["uncashed"], &listed[0]["state"]), (&received["added"], &"alive".into()));
    let exposure = world.json(Bob, &["exposure"]);
    check("exposure", &exposure);
    assert_eq!((&exposure[0]["uncashed"], &exposure[0]["covered"]), (&received["added"], &true.into()));
    for (filter, count) in [
        (&["--uncashed"][..], 1),
        (&["--ending"], 0),
        (&["--above", "0.2ether"], 1),
        (&["--above", "0.21ether"], 0),
        (&["--payer", book], 1),
        (&["--payer", &bob], 0),
    ] {
        let rows = world.json(Bob, &[&["list"], filter].concat());
        assert_eq!(rows.as_array().unwrap().len(), count, "{filter:?}");
    }

    let balance = world.json(Alice, &["balance"]);
    check("balance", &balance);
    let owed = world.json(Alice, &["liabilities"]);
    check("liabilities", &owed);
    assert_eq!((&owed["liabilities"], &owed["beneficiaries"][0]["issued"]), (&received["added"], &received["added"]));

    // Too little for its gas, too little for the filter; then cashed, once.
    for filter in [&["--above", "1ether"][..], &["--worth", "1000000000"]] {
        let none = world.json(Bob, &[&["cash", "--yes"], filter].concat());
        assert_eq!(none["cheques"].as_array().unwrap().len(), 0, "{filter:?}");
    }
    let before = world.balance(book);
    let cashed = world.json(Bob, &["cash", "--worth", "2", "--yes"]);
    check("cash", &cashed);
    assert_eq!(cashed["cheques"][0]["status"], "final");
    assert_eq!(before - world.balance(book), U256::from(ETHER / 5));
    assert_eq!(world.json(Bob, &["cash", "--all", "--yes"])["cheques"].as_array().unwrap().len(), 0);
    assert_eq!(world.nonce(Bob), U256::ONE);

    let withdrawn = world.json(Alice, &["withdraw", "0.3ether", "--yes"]);
    check("withdraw", &withdrawn);
    assert_eq!(world.balance(book), U256::from(ETHER));
    let nothing = world.json(Alice, &["withdraw", "--resume", "--yes"]);
    assert_eq!(nothing["status"], "nothingToDo");

    let verified = world.json(Carol, &["verify", book]);
    check("verify", &verified);
    assert_eq!((&verified["genuine"], &verified["signer"]), (&true.into(), &world.address(Alice).into()));
    let listed = world.json(Alice, &["transactions", "list", "--all"]);
    check("transactions list", &listed);
    let purposes: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["purpose"].as_str().unwrap()).collect();
    assert_eq!(purposes, ["create", "deposit", "cash"]);
    check("doctor", &world.json(Alice, &["doctor"]));
    check("config", &world.json(Alice, &["config"]));

    let ledger = world.json(Alice, &["ledger"]);
    check("ledger", &ledger);
    let csv = world.run(Alice, &["ledger", "--csv"]).expect(0).stdout;
    assert_eq!(csv.lines().count(), ledger.as_array().unwrap().len() + 1);
    let create = csv.lines().find(|line| line.starts_with("create,")).unwrap();
    let fee: u64 = create.split(',').nth(5).unwrap().parse().unwrap();
    let deposit = csv.lines().find(|line| line.starts_with("deposit,")).unwrap();
    let other: u64 = deposit.split(',').nth(5).unwrap().parse().unwrap();
    let cash: u64 =
        csv.lines().find(|line| line.starts_with("cash,")).unwrap().split(',').nth(5).unwrap().parse().unwrap();
    // What is missing on the account is what the chequebook has, and the fees: nothing else.
    let start = U256::from(10_000) * U256::from(ETHER);
    let spent = start - world.balance(&world.address(Alice));
    assert_eq!(spent, U256::from(ETHER / 2 * 3) - U256::from(ETHER / 10 * 3) + U256::from(fee + other + cash));
}

#[test]
fn many_cheques_are_cashed_in_one_transaction() {
    let world = World::new();
    let bob = world.address(Bob);
    for salt in ["01", "02", "03"] {
        let salt = format!("0x{}", salt.repeat(32));
        let created = world.json(Alice, &["create", "--deposit", "1ether", "--salt", &salt, "--yes"]);
        let book = created["chequebook"].as_str().unwrap();
        let cheque = world.run(Alice, &["issue", &bob, "1gwei", "--chequebook", book]).expect(0).stdout;
        world.pipe(Bob, &["receive", "-"], &cheque).expect(0);
    }
    // Which chequebook, where there are three?
    let refused = world.run(Alice, &["balance"]).expect(2);
    assert!(refused.stderr.contains("--chequebook"), "{refused:?}");
    let cashed = world.json(Bob, &["cash", "--all", "--yes"]);
    assert_eq!(cashed["cheques"].as_array().unwrap().len(), 3);
    assert_eq!(world.nonce(Bob), U256::ONE, "one transaction for all");
}

#[test]
fn a_stream_of_cheques_is_received_one_by_one() {
    let (world, _) = World::with_chequebook();
    let [first, second] = ["1gwei", "2gwei"].map(|amount| world.issue(amount));
    let third = world.issue("1wei");
    let foreign = first.replace(&world.address(Bob), &world.address(Carol));
    let input = format!("{first}{foreign}{second}{third}");
    let ran = world.pipe(Bob, &["receive", "-", "--json"], &input).expect(3);
    let added: Vec<_> =
        ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["added"].clone()).collect();
    assert_eq!(added, ["1000000000", "2000000000", "1"]);
    assert!(ran.stderr.contains("1 of 4 cheques were not acknowledged"), "{ran:?}");
    // What is not a cheque ends the stream, and what came before it counts.
    let fourth = world.issue("1wei");
    let ran = world.pipe(Bob, &["receive", "-", "--json"], &format!("{fourth}nonsense{fourth}")).expect(3);
    assert_eq!(ran.stdout.lines().count(), 1);
    world.pipe(Bob, &["receive", "-"], "").expect(3);
    world.pipe(Bob, &["receive", "-"], &format!("\"{}", "x".repeat(200_000))).expect(1);
}

#[test]
fn a_chequebook_need_not_be_created() {
    let world = World::new();
    let prepared = world.run(Alice, &["create", "--prepare", "--json"]).expect(0).stdout;
    let creation = world.file("creation", &prepared);
    let book = serde_json::from_str::<Value>(&prepared).unwrap()["chequebook"].as_str().unwrap().to_owned();
    world.json(Alice, &["deposit", "1ether", "--yes"]);
    let cheque = world.issue("0.5ether");
    assert_eq!(world.json(Carol, &["verify", &book, "--creation", &creation])["state"], "notCreated");
    world.run(Carol, &["verify", &book]).expect(8);
    // By default the policy refuses it, and keeps it.
    let receive = ["receive", "-", "--creation", &creation];
    world.pipe(Bob, &receive, &cheque).expect(4);
    world.pipe(Bob, &[&receive[..], &["--set", "accept_counterfactual=true"]].concat(), &cheque).expect(0);
    let cashed = world.json(Bob, &["cash", "--all", "--creation", &creation, "--yes"]);
    assert_eq!(cashed["cheques"][0]["status"], "final", "{cashed}");
    assert_eq!(world.balance(&book), U256::from(ETHER / 2));
    world.run(Carol, &["verify", &book]).expect(0);
}

#[test]
fn watch_receives_and_cashes() {
    use std::io::{BufRead, BufReader, Write};
    let (world, book) = World::with_chequebook();
    let cheque = world.issue("0.25ether");
    let command = world.command(Bob, &["watch", "--receive", "-", "--json", "--set", "auto_cash_above=1gwei"]);
    let mut watch = crate::world::start(command);
    let mut input = watch.stdin.take().unwrap();
    input.write_all(cheque.as_bytes()).unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut seen = BTreeSet::new();
    for line in lines {
        let event: Value = serde_json::from_str(&line).unwrap();
        let status = event["status"].as_str().unwrap_or_default();
        seen.insert(format!("{} {status}", event["event"].as_str().unwrap()));
        if status == "final" {
            break;
        }
    }
    assert!(seen.contains("received "), "{seen:?}");
    assert_eq!(world.balance(&book), U256::from(ETHER / 4 * 3));
    // The store is locked meanwhile, and free afterwards.
    world.run(Bob, &["list"]).expect(12);
    crate::signals::kill(&watch, rustix::process::Signal::TERM);
    assert_eq!(crate::world::end(watch).code, Some(143));
    assert_eq!(world.json(Bob, &["list", "--uncashed"]).as_array().unwrap().len(), 0);
}

#[test]
fn shells_and_readers_get_their_files() {
    let world = World::bare();
    for shell in ["bash", "zsh", "fish"] {
        assert!(world.run(Alice, &["completions", shell]).expect(0).stdout.contains("announce-kill"), "{shell}");
    }
    let man = world.run(Alice, &["man"]).expect(0).stdout;
    for text in [".TH chequebook 1", "announce\\-kill", "CHEQUEBOOK_MIN_NOTICE", "recoverFirst"] {
        assert!(man.contains(text), "{text}");
    }
    // A shell takes the completions.
    let script = world.file("completions", &world.run(Alice, &["completions", "bash"]).stdout);
    let mut bash = world.clean("bash");
    bash.args(["-euc", &format!("source {script}; complete -p chequebook")]);
    assert!(crate::world::finish(bash, "").expect(0).stdout.contains("_chequebook"));
}
