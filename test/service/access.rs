//! Who may do what.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::{
    client::{DENIED, PARAMS, Service, exit, list, token},
    world::{Alice, Bob, World},
};

/// A call of each scope that does no harm: it is refused for its parameters, or answered.
const CALLS: [(&str, &str, &str); 4] = [
    ("read", "chequebook_status", "[]"),
    ("receive", "chequebook_receive", "[{}]"),
    ("spend", "chequebook_issue", "[]"),
    ("end", "chequebook_kill", "[]"),
];

#[test]
fn each_scope_is_its_own_and_spending_needs_a_token_on_this_machine_too() {
    let (world, _) = World::with_chequebook();
    let tokens = CALLS.map(|(scope, ..)| (scope, token(&world, Alice, scope, &[])));
    let is_denied = |service: &Service, token: Option<&str>, (_, method, params): (&str, &str, &str)| {
        service.call(token, method, params)["error"]["code"] == json!(DENIED)
    };
    for (demands, free) in [("require_token=false", &["read", "receive"][..]), ("require_token=true", &[])] {
        let service = Service::start(&world, Alice, &[demands]);
        for call in CALLS {
            assert_eq!(is_denied(&service, None, call), !free.contains(&call.0), "{demands} {call:?}");
            for (scope, token) in &tokens {
                assert_eq!(is_denied(&service, Some(token), call), call.0 != *scope, "{demands} {call:?} {scope}");
            }
        }
        // What stands in between makes a caller a stranger.
        let host = format!("Host: {}", service.address);
        let lines = [host.as_str(), "Content-Type: application/json", "X-Forwarded-For: 10.1.2.3"];
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"chequebook_status"}"#;
        let answer = service.connect().request("POST /", &lines, body).unwrap();
        assert_eq!(answer.json()["error"]["code"], json!(DENIED), "{answer:?}");
        service.stop(rustix::process::Signal::TERM).expect(0);
    }
}

/// What `end` has begun is neither undone nor made dearer by who may only spend.
#[test]
fn who_may_only_spend_undoes_no_end() {
    let (world, book) = World::with_chequebook();
    let [spend, end, both] = ["spend", "end", "spend,end"].map(|scopes| token(&world, Alice, scopes, &[]));
    let service = Service::start(&world, Alice, &[]);
    world.automine(false);
    let calls = |nonce: &Value, tip: &str| {
        [
            ("chequebook_reprice", json!([nonce, "200000000000", tip]).to_string()),
            ("chequebook_cancelTransaction", json!([nonce]).to_string()),
        ]
    };
    service.result(Some(&spend), "chequebook_deposit", "[5]");
    let nonce = service.result(None, "chequebook_transactions", "[]")[0]["nonce"].clone();
    // Validators get no more than the settings say, however much it may cost in all.
    assert_eq!(service.code(Some(&spend), "chequebook_reprice", &calls(&nonce, "100000000001")[0].1), exit(5));
    for (method, params) in calls(&nonce, "50000000000") {
        service.result(Some(&spend), method, &params);
    }
    world.mine();
    world.eventually("it is final", || service.result(None, "chequebook_transactions", "[]") == json!([]));

    let announced = service.result(Some(&end), "chequebook_announceKill", &list(&[&book]));
    for (method, params) in calls(&announced["nonce"], "50000000000") {
        for token in [&spend, &end] {
            assert_eq!(service.code(Some(token), method, &params), DENIED, "{method}");
        }
    }
    for (method, params) in calls(&announced["nonce"], "50000000000") {
        service.result(Some(&both), method, &params);
    }
}

#[test]
fn a_token_that_is_wrong_expired_or_revoked_is_worth_nothing() {
    let (world, _) = World::with_chequebook();
    let short = token(&world, Alice, "read,spend", &["--expires", "10s"]);
    let spend = token(&world, Alice, "spend", &[]);
    let service = Service::start(&world, Alice, &[]);
    let status = |lines: &[&str]| {
        let host = format!("Host: {}", service.address);
        let lines = [&[host.as_str(), "Content-Type: application/json"], lines].concat();
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"chequebook_status"}"#;
        service.connect().request("POST /", &lines, body).unwrap().status
    };
    // Somebody who shows a wrong one is not treated like somebody who shows none.
    let wrong = format!("Authorization: Bearer cbt_{}", "0".repeat(64));
    for lines in [&[wrong.as_str()][..], &["Authorization: Bearer"], &["Authorization: Basic YTpi"], &[&wrong, &wrong]]
    {
        assert!(matches!(status(lines), 400 | 401), "{lines:?}");
    }
    assert_eq!(status(&[]), 200);
    // One in a URL is none.
    let host = format!("Host: {}", service.address);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"chequebook_issue","params":[]}"#;
    let first = format!("POST /?token={spend}");
    let answer = service.connect().request(&first, &[&host, "Content-Type: application/json"], body).unwrap();
    assert_eq!(answer.json()["error"]["code"], json!(DENIED));

    // On a connection that stays, too.
    let mut connection = service.connect();
    assert_eq!(connection.call(Some(&spend), "chequebook_issue", "[]").unwrap()["error"]["code"], json!(PARAMS));
    assert!(connection.call(Some(&short), "chequebook_status", "[]").is_some());
    let listed = world.json(Alice, &["token", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("cbt_"));
    world.run(Alice, &["token", "revoke", "spend"]).expect(0);
    assert!(connection.call(Some(&spend), "chequebook_issue", "[]").is_none(), "revoked");
    world.run(Alice, &["token", "revoke", "spend"]).expect(14);
    world.eventually("it expires", || service.connect().call(Some(&short), "chequebook_status", "[]").is_none());
    assert_eq!(world.json(Alice, &["token", "list"])[0]["expired"], json!(true));

    // If nobody knows who may do what, nobody may.
    let again = token(&world, Alice, "read", &[]);
    assert!(service.connect().call(Some(&again), "chequebook_status", "[]").is_some());
    let file = world.path("Alice.redb.tokens.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(service.connect().call(Some(&again), "chequebook_status", "[]").is_none());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, "{").unwrap();
    assert!(service.connect().call(Some(&again), "chequebook_status", "[]").is_none());
}

#[test]
fn other_machines_need_a_token_to_begin_with() {
    let (world, _) = World::with_chequebook();
    let refused = Service::try_start(&world, Alice, &["listen=0.0.0.0:0"]).err().unwrap().expect(2);
    assert!(refused.stderr.contains("token create"), "{refused:?}");
    let read = token(&world, Alice, "read", &[]);
    let service = Service::start(&world, Alice, &["listen=0.0.0.0:0"]);
    let port = service.address.rsplit(':').next().unwrap().to_owned();
    let mut connection = crate::client::Connection::open(&format!("127.0.0.1:{port}"));
    assert!(connection.call(Some(&read), "chequebook_status", "[]").is_some());
    // What a proxy passes on is not from this machine, whichever of these headers it adds.
    for added in ["Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port"] {
        let lines = [&format!("Host: 127.0.0.1:{port}"), "Content-Type: application/json", &format!("{added}: 1")];
        let status = r#"{"jsonrpc":"2.0","id":1,"method":"chequebook_status"}"#;
        let answer = connection.request("POST /", &lines, status).unwrap().json();
        assert_eq!(answer["error"]["code"], json!(crate::client::DENIED), "{added}: {answer}");
    }
    for args in [
        &["token", "create", "x", "--scope", "all"][..],
        &["token", "create", "x", "--scope", "read", "--expires", "9"],
        &["token", "create", "", "--scope", "read"],
        &["token", "create", "x", "--scope", "spend", "--per-day", "5"],
        &["token", "create", "x"],
    ] {
        world.run(Alice, args).expect(2);
    }
    world.run(Alice, &["token", "create", "read", "--scope", "read"]).expect(14);
}

/// Whether 65 bytes in hex are anywhere in a value, or in base64 as in a cheque of 2016.
pub(crate) fn has_signature(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            let is_hex = digits.len() >= 130 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_hex || (text.len() == 88 && text.ends_with('='))
        }
        Value::Array(all) => all.iter().any(has_signature),
        Value::Object(all) => all.values().any(has_signature),
        _ => false,
    }
}

#[test]
fn no_read_token_ever_yields_a_signature() {
    let (world, book) = World::with_chequebook();
    let bob = world.address(Bob);
    let cheque = world.issue("0.5ether");
    // The service is also a payee, and holds a cheque.
    world.pipe(Bob, &["receive", "-"], &cheque).expect(0);
    let (spend, read) = (token(&world, Alice, "spend", &[]), token(&world, Alice, "read,receive", &[]));
    let bobs = token(&world, Bob, "read,receive", &[]);
    let payer = Service::start(&world, Alice, &[]);
    let payee = Service::start(&world, Bob, &[]);
    assert!(has_signature(&payer.result(Some(&spend), "chequebook_latest", &list(&[&bob]))), "the test sees them");
    let geth = json!({"beneficiary": bob, "amount": 1, "format": "geth"}).to_string();
    assert!(has_signature(&payer.result(Some(&spend), "chequebook_issue", &geth)));

    let document = payer.get("/openrpc.json").json();
    let cheque: Value = serde_json::from_str(&cheque).unwrap();
    let mut answered = 0;
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        let mut by_name = serde_json::Map::new();
        for param in method["params"].as_array().unwrap() {
            let value = match param["name"].as_str().unwrap() {
                "cheque" => cheque.clone(),
                "chequebook" | "address" => json!(book),
                "beneficiary" => json!(bob),
                "amount" | "maxFeePerGas" | "priorityFeePerGas" => json!("1"),
                "limit" => json!(10),
                "nonce" | "skip" => json!(0),
                "final" | "overdraft" => json!(true),
                _ => continue,
            };
            by_name.insert(param["name"].as_str().unwrap().to_owned(), value);
        }
        let required = method["params"].as_array().unwrap().iter().filter(|param| param["required"] == json!(true));
        let required: serde_json::Map<_, _> = required
            .filter_map(|param| by_name.get_key_value(param["name"].as_str().unwrap()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for params in [Value::Object(by_name.clone()), Value::Object(required), json!([])] {
            for (service, token) in [(&payer, &read), (&payee, &bobs), (&payer, &bobs)] {
                for token in [Some(token.as_str()), None] {
                    let Some(answer) = service.connect().call(token, name, &params.to_string()) else { continue };
                    assert!(!has_signature(&answer), "{name} {params}: {answer}");
                    answered += usize::from(answer.get("result").is_some());
                }
            }
        }
    }
    assert!(answered > 20, "{answered} calls had a result");
}
