//! The table of the operators' page and the JSON of the commands are the same, for every command there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
};

use alloy::primitives::U256;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{Alice, Bob, Carol, World};

/// The fields of a value; of a list in it, those of its rows.
type Fields = BTreeMap<String, Option<BTreeSet<String>>>;

/// What the page says, by command.
pub(crate) fn table() -> BTreeMap<String, Fields> {
    let page = include_str!("../../docs/operators.md");
    let (_, rows) = page.split_once("| command | its JSON has |\n|---|---|\n").unwrap();
    let mut table = BTreeMap::new();
    for row in rows.lines().take_while(|line| line.starts_with("| ")) {
        let (commands, text) = row.trim_matches(['|', ' ']).split_once(" | ").unwrap();
        for command in commands.split(", ") {
            let before = table.insert(command.replace('`', ""), fields(text));
            assert!(before.is_none(), "{command} stands there twice");
        }
    }
    table
}

fn fields(text: &str) -> Fields {
    let mut fields = Fields::new();
    let text = text.split(';').next().unwrap();
    let mut words = text.split('`').skip(1);
    while let Some(name) = words.next() {
        let list = words.next().filter(|after| after.ends_with("(a list of "));
        let mut rows = None;
        if list.is_some() {
            let rows: &mut BTreeSet<_> = rows.insert(BTreeSet::new());
            while let Some(name) = words.next() {
                rows.insert(name.to_owned());
                if words.next().is_some_and(|after| after.starts_with(')')) {
                    break;
                }
            }
        }
        fields.insert(name.to_owned(), rows);
    }
    fields
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().cloned().collect()
}

/// Compares what a command printed with what the page says of it.
#[track_caller]
pub(crate) fn check(command: &str, found: &Value) {
    let table = table();
    let expected = table.get(command).unwrap_or_else(|| panic!("the page has no row of {command}"));
    let object = found.as_array().map_or(found, |rows| rows.first().unwrap());
    assert_eq!(names(object), expected.keys().cloned().collect(), "{command}");
    for (name, rows) in expected {
        let Some(rows) = rows else { continue };
        let found = object[name].as_array().unwrap_or_else(|| panic!("{command}: {name} is no list"));
        assert_eq!(names(found.first().unwrap()), *rows, "{command}: {name}");
    }
}

/// Remembers which rows were compared.
#[derive(Default)]
struct Seen(BTreeSet<String>);

impl Seen {
    #[track_caller]
    fn check(&mut self, command: &str, found: &Value) -> Value {
        check(command, found);
        self.0.insert(command.to_owned());
        found.clone()
    }
}

/// The commands that `--help` lists.
fn commands(world: &World) -> BTreeSet<String> {
    let help = world.run(Alice, &["--help"]).expect(0).stdout;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // The first word of a line, but of those that go on with the one before.
    let names = lines.filter(|line| !line.starts_with("    ")).filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).filter(|name| name != "help").collect()
}

#[test]
fn every_command_prints_the_fields_of_the_page() {
    let world = World::bare();
    let mut seen = Seen::default();
    let (bob, zero) = (world.address(Bob), "0s");
    seen.check("deploy", &world.json(Alice, &["deploy", "--yes"]));
    let again = world.json(Carol, &["deploy"]);
    assert_eq!((&again["status"], &again["transactions"]), (&json!("thereAlready"), &json!([])));
    seen.check("verify of the factory", &world.json(Carol, &["verify", again["factory"].as_str().unwrap()]));

    // A payer.
    seen.check("predict", &world.json(Alice, &["predict"]));
    let created = seen.check("create", &world.json(Alice, &["create", "--deposit", "1ether", "--yes"]));
    let book = created["chequebook"].as_str().unwrap();
    seen.check("deposit", &world.json(Alice, &["deposit", "1ether", "--yes"]));
    seen.check("withdraw", &world.json(Alice, &["withdraw", "0.5ether", "--yes"]));
    seen.check("withdraw", &world.json(Alice, &["withdraw", "--resume", "--yes"]));
    let cheque = world.run(Alice, &["issue", &bob, "0.25ether"]).expect(0);
    seen.check("issue", &cheque.json());
    seen.check("latest", &world.json(Alice, &["latest", &bob]));
    seen.check("balance", &world.json(Alice, &["balance"]));
    seen.check("liabilities", &world.json(Alice, &["liabilities"]));

    // A payee.
    let file = world.file("cheque", &cheque.stdout);
    seen.check("check", &world.json(Bob, &["check", &file]));
    seen.check("receive", &world.json(Bob, &["receive", &file]));
    seen.check("list", &world.json(Bob, &["list"]));
    seen.check("exposure", &world.json(Bob, &["exposure"]));
    seen.check("verify", &world.json(Bob, &["verify", book]));
    seen.check("cash", &world.json(Bob, &["cash", "--all", "--yes"]));
    watch(&world, &mut seen, "1ether", &["received", "uncashed"]);
    watch(&world, &mut seen, "1gwei", &["transaction"]);

    // Transactions.
    world.automine(false);
    let sent = world.json(Alice, &["deposit", "1gwei", "--yes", "--wait", "sent"]);
    let nonce = sent["nonce"].to_string();
    seen.check("transactions list", &world.json(Alice, &["transactions"]));
    let fees = ["--max-fee", "100gwei", "--priority-fee", "50gwei", "--yes"];
    seen.check("transactions reprice", &world.json(Alice, &[&["transactions", "reprice", &nonce], &fees[..]].concat()));
    seen.check("transactions cancel", &world.json(Alice, &["transactions", "cancel", &nonce, "--yes"]));
    world.mine();
    world.automine(true);
    seen.check("doctor", &world.json(Alice, &["doctor"]));
    seen.check("ledger", &world.json(Alice, &["ledger"]));
    seen.check("config", &world.json(Alice, &["config"]));

    // Backup and recovery.
    let backup = world.path("backup.json");
    let backup = backup.to_str().unwrap();
    seen.check("export", &world.json(Alice, &["export", backup]));
    std::fs::remove_file(world.path("Alice.redb")).unwrap();
    seen.check("import", &world.json(Alice, &["import", backup]));
    seen.check("recover", &world.json(Alice, &["recover", "--nothing-issued", "--yes"]));

    // The end.
    seen.check("announce-kill", &world.json(Alice, &["announce-kill", "--yes"]));
    seen.check("cancel-kill", &world.json(Alice, &["cancel-kill", "--yes"]));
    let token = world.token(Alice);
    let terms = ["create", "--form", "token", "--token", &token, "--notice", zero];
    seen.check("create --prepare", &world.json(Alice, &[&terms[..], &["--prepare"]].concat()));
    let created = world.json(Alice, &[&terms[..], &["--deposit", "10units", "--yes"]].concat());
    check("create", &created);
    let book = created["chequebook"].as_str().unwrap();
    seen.check("kill", &world.json(Alice, &["kill", "--chequebook", book, "--yes"]));
    world.mint(&token, book, 5);
    seen.check("reclaim", &world.json(Alice, &["reclaim", "--chequebook", book, "--yes"]));

    // 2016.
    let contract = world.original(Alice, 1_000);
    let any = ["--set", "accept_unproven=true"];
    let old = world.file("old", &world.old_cheque(Alice, &contract, &bob, 300));
    seen.check("import-geth of a cheque", &world.json(Carol, &["import-geth", &old]));
    seen.check(
        "import-geth --cash",
        &world.json(Carol, &[&["import-geth", &old, "--cash", "--yes"], &any[..]].concat()),
    );
    let promises = world.file("promises", &world.old_file(Alice, &contract, &bob, 400));
    seen.check("import-geth of a file", &world.json(Carol, &[&["import-geth", &promises], &any[..]].concat()));

    let create = ["token", "create", "shop", "--scope", "read,spend", "--per-day", "1ether"];
    seen.check("token create", &world.json(Carol, &create));
    seen.check("token list", &world.json(Carol, &["token", "list"]));
    seen.check("token revoke", &world.json(Carol, &["token", "revoke", "shop"]));

    let mut serve = crate::world::start(world.command(Carol, &["serve", "--json", "--set", "listen=127.0.0.1:0"]));
    let mut first = String::new();
    BufReader::new(serve.stdout.take().unwrap()).read_line(&mut first).unwrap();
    seen.check("serve that listens", &serde_json::from_str(&first).unwrap());
    crate::signals::kill(&serve, Signal::TERM);
    assert_eq!(crate::world::end(serve).code, Some(0));

    let rows: BTreeSet<_> = table().into_keys().collect();
    assert_eq!(seen.0, rows, "every row of the page was compared");
    let mut with_json: BTreeSet<_> = rows.iter().map(|row| row.split(' ').next().unwrap().to_owned()).collect();
    with_json.extend(["completions", "man", "demo"].map(str::to_owned));
    assert_eq!(commands(&world), with_json, "every command has a row, or prints text");
}

/// The events of `watch` that receives a cheque, until the last of these was seen.
fn watch(world: &World, seen: &mut Seen, auto_cash_above: &str, events: &[&str]) {
    let cheque = world.issue("0.125ether");
    let setting = format!("auto_cash_above={auto_cash_above}");
    let command = world.command(Bob, &["watch", "--receive", "-", "--json", "--set", &setting]);
    let mut watch = crate::world::start(command);
    watch.stdin.take().unwrap().write_all(cheque.as_bytes()).unwrap();
    let mut missing: BTreeSet<_> = events.iter().copied().collect();
    for line in BufReader::new(watch.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let name = event["event"].as_str().unwrap();
        seen.check(&format!("watch event {name}"), &event);
        missing.remove(name);
        if missing.is_empty() {
            break;
        }
    }
    crate::signals::kill(&watch, Signal::TERM);
    assert_eq!(crate::world::end(watch).code, Some(143));
}

#[test]
fn what_is_covered_is_told_where_it_can_be_known() {
    let (world, book) = World::with_chequebook();
    let covered = |who| {
        let found = world.json(who, &["verify", &book]);
        (found["uncashed"].clone(), found["covered"].clone())
    };
    assert_eq!(covered(Bob), (json!(null), json!(null)), "no store");
    for amount in ["0.25ether", "0.5ether"] {
        world.pipe(Bob, &["receive", "-"], &world.issue(amount)).expect(0);
    }
    assert_eq!(covered(Bob), (json!("750000000000000000"), json!(true)));
    assert_eq!(covered(Alice), (json!(null), json!(null)), "her store holds no cheque to her");
    // Neither a key nor a wallet is needed, and a store that is in use is no failure.
    let mut command = world.command(Bob, &["verify", &book, "--json"]);
    command.env_remove("KEY").env_remove("CHEQUEBOOK_ACCOUNT");
    assert_eq!(crate::world::finish(command, "").expect(0).json()["covered"], true);
    let lock = chequebook_wallet::store::Redb::open(world.path("Bob.redb")).unwrap();
    let ran = world.run(Bob, &["verify", &book, "--json"]).expect(0);
    assert_eq!(ran.json()["covered"], json!(null));
    assert!(ran.stderr.contains("already open"), "{ran:?}");
    drop(lock);
    world.rpc("anvil_setBalance", json!([book, format!("{:#x}", U256::from(749_999_999_999_999_999_u64))]));
    assert_eq!(covered(Bob), (json!("750000000000000000"), json!(false)));
    world.rpc("anvil_setBalance", json!([book, "0xde0b6b3a7640000"]));
    world.run(Bob, &["cash", "--all", "--yes"]).expect(0);
    assert_eq!(covered(Bob), (json!("0"), json!(true)));
}
