//! What is no request of ours: foreign pages, other types, too much, too deep, too slow.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    client::{Connection, DENIED, PARAMS, Service, TOO_FAST, params, token},
    world::{Alice, Bob, World},
};

const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"chequebook_status"}"#;
const JSON: &str = "Content-Type: application/json";

#[test]
fn a_page_of_a_foreign_origin_spends_nothing() {
    let (world, _) = World::with_chequebook();
    let spend = token(&world, Alice, "spend,read", &[]);
    let service = Service::start(&world, Alice, &["allowed_origins=https://shop.example", "allowed_hosts=pay.example"]);
    let host = format!("Host: {}", service.address);
    let authorization = format!("Authorization: Bearer {spend}");
    let issue =
        json!({"jsonrpc": "2.0", "id": 1, "method": "chequebook_issue", "params": [world.address(Bob), 1]}).to_string();
    let post = |lines: &[&str]| service.connect().request("POST /", lines, &issue).unwrap();

    // Even with a good token.
    for origin in ["https://evil.example", "null", "http://localhost", "https://shop.example.evil", "file://"] {
        let line = format!("Origin: {origin}");
        assert_eq!(post(&[&host, JSON, &authorization, &line]).status, 403, "{origin}");
    }
    // A page whose own name was made to lead here has no foreign origin, but a foreign name.
    for name in ["evil.example", "evil.example:7545", "localhost", "127.0.0.1", "pay.example.evil"] {
        assert_eq!(post(&[&format!("Host: {name}"), JSON, &authorization]).status, 403, "{name}");
    }
    assert_eq!(post(&[JSON, &authorization]).status, 403, "no name at all");
    // What a form can send without asking.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(post(&[&host, &format!("Content-Type: {kind}"), &authorization]).status, 415, "{kind}");
    }
    assert_eq!(post(&[&host, &authorization]).status, 415);
    // A browser asks first, and is told nothing that would let it go on.
    let preflight = |origin: &str| {
        let lines = [host.as_str(), origin, "Access-Control-Request-Method: POST"];
        service.connect().request("OPTIONS /", &lines, "").unwrap()
    };
    let refused = preflight("Origin: https://evil.example");
    assert!(refused.status == 403 && !refused.head.to_lowercase().contains("access-control"), "{refused:?}");
    let allowed = preflight("Origin: https://shop.example");
    assert!(allowed.head.to_lowercase().contains("access-control-allow-origin: https://shop.example"), "{allowed:?}");
    let issued = service.result(None, "chequebook_chequebooks", "[]")[0]["issued"].clone();
    assert_eq!(issued, json!("0"), "nothing was issued");
    // The page that may.
    let answer = post(&["Host: pay.example", JSON, &authorization, "Origin: https://shop.example"]);
    assert!(answer.json()["result"]["signature"].is_string(), "{answer:?}");
}

#[test]
fn nothing_else_is_served() {
    let (world, _) = World::with_chequebook();
    let service = Service::start(&world, Alice, &[]);
    let host = format!("Host: {}", service.address);
    for (first, status) in [
        ("GET /", 200), // the status page
        ("GET /page.rs", 404),
        ("PUT /", 405),
        ("DELETE /", 405),
        ("GET /../etc/passwd", 404),
        ("POST /other", 404),
        ("GET /metricz", 404),
        ("GET /healthz", 200),
        ("GET /readyz", 200),
        ("GET /openrpc.json", 200),
    ] {
        assert_eq!(service.connect().request(first, &[&host, JSON], "").unwrap().status, status, "{first}");
    }
    for host in ["Host: evil.example", "Host: 10.0.0.1"] {
        assert_eq!(service.connect().request("GET /", &[host], "").unwrap().status, 403, "{host}");
    }
    let own = format!("Origin: http://{}", service.address);
    assert_eq!(service.connect().request("POST /", &[&host, JSON, &own], STATUS).unwrap().status, 403, "no calls");
    assert_eq!(service.connect().request("GET /healthz", &["Host: 10.0.0.1"], "").unwrap().status, 200, "a probe");
}

/// The calls of a batch are made one after the other, and what the first ones did is not told.
#[test]
fn a_batch_whose_answers_are_too_long_is_one_error() {
    let (world, _) = World::with_chequebook();
    let spend = token(&world, Alice, "spend", &[]);
    let service = Service::start(&world, Alice, &["max_body=1000000", "max_batch=10000"]);
    let (host, shown) = (format!("Host: {}", service.address), format!("Authorization: Bearer {spend}"));
    let post = |body: &str| service.connect().request("POST /", &[&host, JSON, &shown], body).unwrap();
    let long = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
    let count = 4 * 1_024 * 1_024 / post(long).body.len() + 1;
    let issue =
        json!({"jsonrpc": "2.0", "id": 2, "method": "chequebook_issue", "params": [world.address(Bob), 5, "key"]});
    let batch = format!("[{issue},{}]", vec![long; count].join(","));
    let answer = post(&batch).json();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(null), &json!(-32_011)), "{answer}");
    // It is found by its key, and happens once.
    assert!(post(&issue.to_string()).json()["result"].is_object());
    assert_eq!(service.result(None, "chequebook_chequebooks", "[]")[0]["issued"], json!("5"));
}

#[test]
fn too_much_too_deep_or_malformed() {
    let (world, _) = World::with_chequebook();
    let service = Service::start(&world, Alice, &["max_body=4096", "max_batch=10"]);
    let host = format!("Host: {}", service.address);
    let post = |body: &str| service.connect().request("POST /", &[&host, JSON], body).unwrap();
    assert_eq!(post(&format!("{STATUS}{}", " ".repeat(4_096))).status, 413);
    // It says that it is short, or nothing, and is not.
    let mut chunked = service.connect();
    let head = format!("POST / HTTP/1.1\r\n{host}\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n");
    chunked.write(head.as_bytes()).unwrap();
    for _ in 0..100 {
        if chunked.write(format!("100\r\n{}\r\n", " ".repeat(256)).as_bytes()).is_err() {
            break;
        }
    }
    assert!(chunked.read().is_none_or(|answer| answer.status == 413));
    let mut claims = service.connect();
    claims
        .write(format!("POST / HTTP/1.1\r\n{host}\r\n{JSON}\r\nContent-Length: 99999999999\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(claims.read().unwrap().status, 413);

    for body in
        ["", "{", "[", "nonsense", "\u{0}", "{}", "[]", "[[]]", "5", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"x\"}"]
    {
        let answer = post(body);
        assert!(answer.status >= 400 || answer.body.contains("\"error\""), "{body}: {answer:?}");
    }
    let deep = format!("{}{}", "[".repeat(1_500), "]".repeat(1_500));
    let answer = post(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"chequebook_check","params":{deep}}}"#));
    assert_eq!(answer.json()["error"]["code"], json!(PARAMS), "{answer:?}");
    let answer = post(&deep);
    assert!(answer.body.contains("error"), "{answer:?}");
    for (method, wrong) in [
        ("chequebook_status", "[1]"),
        ("chequebook_status", "{\"a\":1}"),
        ("chequebook_verify", "[\"0x12\"]"),
        ("chequebook_verify", "[12]"),
        ("chequebook_verify", "{\"address\":null}"),
        ("chequebook_transactions", "{\"limit\":-1}"),
        ("chequebook_transactions", "{\"final\":\"yes\"}"),
    ] {
        assert_eq!(service.code(None, method, wrong), PARAMS, "{method} {wrong}");
    }
    assert_eq!(service.code(None, "chequebook_nothing", "[]"), -32_601);

    let batch = |count: usize| post(&format!("[{}]", vec![STATUS; count].join(",")));
    assert_eq!(batch(10).json().as_array().unwrap().len(), 10);
    assert!(batch(11).json()["error"]["code"].is_i64());
    // What wants no answer does nothing.
    let spend = token(&world, Alice, "spend", &[]);
    let authorization = format!("Authorization: Bearer {spend}");
    let issue = json!({"jsonrpc": "2.0", "method": "chequebook_issue", "params": [world.address(Bob), 1]});
    for body in [issue.to_string(), json!([issue, issue]).to_string()] {
        let nothing = service.connect().request("POST /", &[&host, JSON, &authorization], &body).unwrap();
        assert!(!nothing.body.contains("result"), "{nothing:?}");
    }
    assert_eq!(service.result(None, "chequebook_chequebooks", "[]")[0]["issued"], json!("0"));
    // It is still there.
    assert_eq!(post(STATUS).status, 200);
}

#[test]
fn who_is_slow_is_left() {
    let (world, _) = World::with_chequebook();
    let service = Service::start(&world, Alice, &["read_timeout=3s", "max_connections=16"]);
    let host = format!("Host: {}", service.address);
    let begin = Instant::now();
    let mut idle: Vec<Connection> = (0..4).map(|_| service.connect()).collect();
    let mut head = service.connect();
    head.write(b"POST / HTTP/1.1\r\nHo").unwrap();
    let mut body = service.connect();
    body.write(format!("POST / HTTP/1.1\r\n{host}\r\n{JSON}\r\nContent-Length: 50\r\n\r\n{{").as_bytes()).unwrap();
    // Others are served meanwhile.
    service.result(None, "chequebook_status", "[]");
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert_eq!(body.read().unwrap().status, 408);
    // One byte after the other makes it no better.
    let mut is_closed = false;
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(100));
        is_closed = is_closed || head.write(b"s").is_err();
    }
    assert!(is_closed || head.read().is_none_or(|answer| answer.status == 408), "the head");
    for one in &mut idle {
        assert!(one.read().is_none_or(|answer| answer.status == 408), "who says nothing");
    }
    assert!(begin.elapsed() < Duration::from_secs(15));

    // All places are taken: others are turned away, and come in later.
    let taken: Vec<Connection> = (0..16).map(|_| service.connect()).collect();
    std::thread::sleep(Duration::from_millis(200));
    assert!(service.connect().call(None, "chequebook_status", "[]").is_none());
    drop(taken);
    world.eventually("there is room again", || service.connect().call(None, "chequebook_status", "[]").is_some());
}

#[test]
fn who_does_not_read_is_left() {
    let (world, _) = World::with_chequebook();
    let service = Service::start(&world, Alice, &["read_timeout=3s", "max_connections=8"]);
    let asked = format!("GET /openrpc.json HTTP/1.1\r\nHost: {}\r\n\r\n", service.address).repeat(2_000);
    let deaf: Vec<Connection> = (0..8)
        .map(|_| {
            let mut connection = service.connect();
            connection.write(asked.as_bytes()).unwrap();
            connection
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    assert!(service.connect().call(None, "chequebook_status", "[]").is_none(), "all places are taken");
    std::thread::sleep(Duration::from_secs(6));
    assert!(service.connect().call(None, "chequebook_status", "[]").is_some(), "there is room again");
    drop(deaf);
}

#[test]
fn each_caller_has_its_rate() {
    let (world, _) = World::with_chequebook();
    let (one, two) = (token(&world, Alice, "read", &[]), token(&world, Alice, "read,spend", &[]));
    let service = Service::start(&world, Alice, &["rate=5"]);
    let mut connection = service.connect();
    let mut codes = |token: &str| -> Vec<Option<i64>> {
        let calls = (0..30).map(|_| connection.call(Some(token), "chequebook_status", "[]").unwrap());
        calls.map(|answer| answer["error"]["code"].as_i64()).collect()
    };
    let first = codes(&one);
    assert!(first[..5].iter().all(Option::is_none) && first.contains(&Some(TOO_FAST)), "{first:?}");
    assert!(codes(&two)[..5].iter().all(Option::is_none), "another caller is not touched");
    // A batch is as many calls as it has.
    let host = format!("Host: {}", service.address);
    let batch = format!("[{}]", vec![STATUS; 30].join(","));
    let answer = service.connect().request("POST /", &[&host, JSON], &batch).unwrap();
    assert!(answer.body.contains(&TOO_FAST.to_string()), "{answer:?}");
    // Whoever may not call at all counts, too.
    let denied = (0..30).map(|_| service.code(None, "chequebook_issue", &params(json!([world.address(Bob), 1]))));
    let denied: Vec<_> = denied.collect();
    assert!(denied.iter().all(|code| [DENIED, TOO_FAST].contains(code)), "{denied:?}");
}
