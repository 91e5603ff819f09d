//! The same call with the same key happens once.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::{KEY_REUSED, LIMIT, PARAMS, Service, params, token},
    world::{Alice, Bob, Carol, World},
};

#[test]
fn the_same_key_twice_also_after_a_restart() {
    let (world, _) = World::with_chequebook();
    let (bob, carol) = (world.address(Bob), world.address(Carol));
    let (one, two) = (token(&world, Alice, "spend", &[]), token(&world, Alice, "spend,read", &[]));
    let service = Service::start(&world, Alice, &[]);
    let issue = |service: &Service, token: &str, params: Value| {
        service.call(Some(token), "chequebook_issue", &params.to_string())
    };
    let first = issue(&service, &one, json!([bob, 5, "key"]));
    assert_eq!(first["result"]["amount"], json!("5"));
    // By name, in another order, as digits: it is the same call.
    for same in [
        json!([bob, 5, "key"]),
        json!([bob, "5", "key"]),
        json!({"key": "key", "amount": "5", "beneficiary": bob.to_lowercase()}),
    ] {
        assert_eq!(issue(&service, &one, same)["result"], first["result"]);
    }
    for other in [json!([bob, 6, "key"]), json!([carol, 5, "key"])] {
        assert_eq!(issue(&service, &one, other.clone())["error"]["code"], json!(KEY_REUSED), "{other}");
    }
    let packed = json!({"key": "key", "amount": 5, "beneficiary": bob, "scheme": "packed"});
    assert_eq!(issue(&service, &one, packed)["error"]["code"], json!(KEY_REUSED));
    for wrong in [json!([bob, 5, ""]), json!([bob, 5, 7]), json!([bob, 5, "x".repeat(257)])] {
        assert_eq!(issue(&service, &one, wrong)["error"]["code"], json!(PARAMS));
    }
    // A key belongs to a token and a method.
    assert_eq!(issue(&service, &two, json!([bob, 5, "key"]))["result"]["amount"], json!("10"));
    let deposit = service.result(Some(&one), "chequebook_deposit", "[7,\"key\"]");
    assert_eq!(service.result(Some(&one), "chequebook_deposit", "[7,\"key\"]"), deposit);
    assert_eq!(service.code(Some(&one), "chequebook_deposit", "[8,\"key\"]"), KEY_REUSED);
    let withdrawn = service.result(Some(&one), "chequebook_withdraw", "[3,\"key\"]");
    assert_eq!(service.result(Some(&one), "chequebook_withdraw", "[3,\"key\"]")["nonce"], withdrawn["nonce"]);
    // Without a key each call is one.
    assert_eq!(issue(&service, &one, json!([bob, 1]))["result"]["amount"], json!("11"));
    assert_eq!(issue(&service, &one, json!([bob, 1]))["result"]["amount"], json!("12"));
    service.stop(Signal::KILL);

    // A limit that came since is none for what was done before.
    let service = Service::start(&world, Alice, &["limit_per_call=4wei"]);
    assert_eq!(issue(&service, &one, json!([bob, 5, "new"]))["error"]["code"], json!(LIMIT));
    assert_eq!(issue(&service, &one, json!([bob, 5, "key"]))["result"], first["result"]);
    assert_eq!(issue(&service, &one, json!([bob, 6, "key"]))["error"]["code"], json!(KEY_REUSED));
    assert_eq!(service.result(Some(&one), "chequebook_deposit", "[7,\"key\"]"), deposit);
    let issued = service.result(None, "chequebook_chequebooks", "[]")[0]["issued"].clone();
    assert_eq!(issued, json!("15"), "12 to Bob, 3 to the owner");
}

#[test]
fn many_at_once_with_one_key_are_one() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    let service = Service::start(&world, Alice, &[]);
    for round in 0..5 {
        let call = params(json!([bob, 1, round.to_string()]));
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let calls: Vec<_> =
                (0..16).map(|_| scope.spawn(|| service.result(Some(&spend), "chequebook_issue", &call))).collect();
            calls.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(answers[0]["amount"], json!((round + 1).to_string()));
    }
    // What was cashed with a key is not cashed again.
    let cheque = service.result(Some(&spend), "chequebook_latest", &params(json!([bob])));
    let cash = params(json!([cheque, false, "cash"]));
    let hash = service.result(Some(&spend), "chequebook_cash", &cash);
    world.eventually("it is paid", || {
        service.result(None, "chequebook_transactions", "{\"final\":true}").to_string().contains("\"cash\"")
    });
    assert_eq!(service.result(Some(&spend), "chequebook_cash", &cash), hash);
    assert_eq!(
        service.code(Some(&spend), "chequebook_cash", &params(json!([cheque]))),
        crate::client::exit(3),
        "without, it is paid"
    );
}

#[test]
fn who_hangs_up_and_comes_back_is_served_once() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    let service = Service::start(&world, Alice, &[]);
    let hang_up = |method: &str, params: &str, after: u64| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAuthorization: Bearer {spend}\r\nContent-Length: {}\r\n\r\n{body}",
            service.address,
            body.len()
        );
        let mut connection = service.connect();
        connection.write(head.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_micros(after));
    };
    for index in 0..200_u64 {
        let call = params(json!([bob, 1, index.to_string()]));
        hang_up("chequebook_issue", &call, index * 37 % 5_000);
        service.result(Some(&spend), "chequebook_issue", &call);
    }
    let issued = service.result(None, "chequebook_chequebooks", "[]")[0]["issued"].clone();
    assert_eq!(issued, json!("200"));
    let before = world.nonce(Alice);
    for index in 0..10_u64 {
        let call = params(json!([1, index.to_string()]));
        hang_up("chequebook_deposit", &call, index * 2_000);
        service.result(Some(&spend), "chequebook_deposit", &call);
    }
    world.eventually("ten deposits", || world.nonce(Alice) >= before + alloy::primitives::U256::from(10));
    crate::client::pause(1_000);
    assert_eq!(world.nonce(Alice), before + alloy::primitives::U256::from(10), "and no more");
}
