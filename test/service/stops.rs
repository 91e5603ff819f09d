//! Signals, stores, and nodes: what was acknowledged stays.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::{Service, exit, params, pause, token},
    proxy::Proxy,
    world::{Alice, Bob, Carol, World},
};

/// Issues on many connections until the service is gone, stops it meanwhile, and returns what was acknowledged, by key.
fn under_load(world: &World, service: Service, spend: &str, round: u64, signal: Signal) -> BTreeMap<String, Value> {
    let bob = world.address(Bob);
    let (acknowledged, next, is_over) = (Mutex::new(BTreeMap::new()), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut connection = service.connect();
                while !is_over.load(Ordering::Relaxed) {
                    let key = format!("{round}-{}", next.fetch_add(1, Ordering::Relaxed));
                    let Some(answer) = connection.call(Some(spend), "chequebook_issue", &params(json!([bob, 1, key])))
                    else {
                        return;
                    };
                    assert!(answer.get("result").is_some(), "{answer}");
                    acknowledged.lock().unwrap().insert(key, answer["result"].clone());
                }
            });
        }
        pause(500 + 137 * round);
        service.signal(signal);
        pause(3_000);
        is_over.store(true, Ordering::Relaxed);
    });
    let ran = service.wait();
    match signal {
        Signal::KILL => assert_eq!(ran.code, None),
        _ => assert_eq!(ran.code, Some(0), "{ran:?}"),
    }
    acknowledged.into_inner().unwrap()
}

#[test]
fn no_end_loses_what_was_acknowledged() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    for (round, signal) in [(0, Signal::TERM), (1, Signal::KILL), (2, Signal::INT), (3, Signal::KILL)] {
        let service = Service::start(&world, Alice, &[]);
        let before: u64 =
            service.result(None, "chequebook_chequebooks", "[]")[0]["issued"].as_str().unwrap().parse().unwrap();
        let acknowledged = under_load(&world, service, &spend, round, signal);
        assert!(acknowledged.len() > 16, "{signal:?}: {}", acknowledged.len());
        let service = Service::start(&world, Alice, &[]);
        let issued: u64 =
            service.result(None, "chequebook_chequebooks", "[]")[0]["issued"].as_str().unwrap().parse().unwrap();
        let count = u64::try_from(acknowledged.len()).unwrap();
        // Those that were under way without an answer are at most one for each connection.
        assert!(issued >= before + count && issued <= before + count + 16, "{signal:?}: {before} + {count}, {issued}");
        let mut connection = service.connect();
        for (key, cheque) in &acknowledged {
            let again = connection.call(Some(&spend), "chequebook_issue", &params(json!([bob, 1, key]))).unwrap();
            assert_eq!(again["result"], *cheque, "{signal:?} {key}");
        }
        service.stop(Signal::TERM).expect(0);
    }
}

#[test]
fn a_call_that_was_taken_is_finished() {
    let (world, _) = World::with_chequebook();
    let service = Service::start(&world, Alice, &[]);
    // Half of a request is there when the signal comes.
    let mut connection = service.connect();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"chequebook_status"}"#;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        service.address,
        body.len()
    );
    connection.write(head.as_bytes()).unwrap();
    pause(300);
    service.signal(Signal::TERM);
    pause(300);
    assert!(std::net::TcpStream::connect(&service.address).is_err(), "nothing new is accepted");
    connection.write(body.as_bytes()).unwrap();
    assert_eq!(connection.read().unwrap().json()["result"]["ready"], json!(false));
    service.wait().expect(0);
}

#[test]
fn a_store_in_use_and_a_port_in_use() {
    let (world, _) = World::with_chequebook();
    let service = Service::start(&world, Alice, &[]);
    Service::try_start(&world, Alice, &[]).err().unwrap().expect(12);
    world.run(Alice, &["balance"]).expect(12);
    let taken = format!("listen={}", service.address);
    Service::try_start(&world, Bob, &[&taken]).err().unwrap().expect(1);
    assert!(!world.path("Bob.redb").exists(), "no store was created for it");
    Service::try_start(&world, Bob, &["listen=nonsense"]).err().unwrap().expect(2);
    Service::try_start(&world, Bob, &["limit_per_day=5"]).err().unwrap().expect(2);
    // Tokens can be made meanwhile.
    let spend = token(&world, Alice, "spend", &[]);
    service.result(Some(&spend), "chequebook_issue", &params(json!([world.address(Bob), 1])));
    service.stop(Signal::TERM).expect(0);
    assert_eq!(world.json(Alice, &["balance"])["issued"], json!("1"));
}

#[test]
fn a_store_that_fails_promises_nothing_more() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    let size = std::fs::metadata(world.path("Alice.redb")).unwrap().len();
    let service = Service::start_on_a_full_disk(&world, Alice, size / 512, &[]);
    let (mut acknowledged, mut connection) = (Vec::new(), service.connect());
    let refused = loop {
        let key = format!("{:0200}", acknowledged.len());
        let answer = connection.call(Some(&spend), "chequebook_issue", &params(json!([bob, 1, key]))).unwrap();
        match answer.get("result") {
            Some(cheque) => acknowledged.push((key, cheque.clone())),
            None => break answer,
        }
        assert!(acknowledged.len() < 100_000, "the disk is full at last");
    };
    assert_eq!(refused["error"]["code"], json!(exit(11)), "{refused}");
    assert_eq!(service.get("/readyz").status, 503);
    assert_eq!(service.code(Some(&spend), "chequebook_issue", &params(json!([bob, 1]))), exit(11));
    service.stop(Signal::TERM);

    let service = Service::start(&world, Alice, &[]);
    let mut connection = service.connect();
    for (key, cheque) in &acknowledged {
        let again = connection.call(Some(&spend), "chequebook_issue", &params(json!([bob, 1, key]))).unwrap();
        assert_eq!(again["result"], *cheque);
    }
    // The one that was refused may be durable all the same: whoever repeats it finds out.
    let issued = service.result(None, "chequebook_chequebooks", "[]")[0]["issued"].clone();
    let issued: usize = issued.as_str().unwrap().parse().unwrap();
    assert!((acknowledged.len()..=acknowledged.len() + 2).contains(&issued), "{issued} of {}", acknowledged.len());
}

/// One chequebook whose store is older than the chain pays nothing more, and what is received is guarded all the same.
#[test]
fn an_outdated_chequebook_stops_nothing_else() {
    let (world, book) = World::with_chequebook();
    let (alice, spend) = (world.address(Alice), token(&world, Alice, "spend", &[]));
    let (store, copy) = (world.path("Alice.redb"), world.path("Copy.redb"));
    std::fs::copy(&store, &copy).unwrap();
    let cheque = world.issue("0.1ether");
    std::fs::rename(&copy, &store).unwrap();
    world.pipe(Bob, &["receive", "-"], &cheque).expect(0);
    world.json(Carol, &["create", "--deposit", "1ether", "--yes"]);
    let receive = |service: &Service| {
        let cheque = world.run(Carol, &["issue", &alice, "1gwei"]).expect(0).stdout;
        service.result(None, "chequebook_receive", &format!("[{cheque}]"));
    };

    // The chain shows it while it runs.
    let service = Service::start(&world, Alice, &["auto_cash=false"]);
    assert_eq!(service.started["chequebooks"], json!([book]));
    world.run(Bob, &["cash", "--all", "--yes"]).expect(0);
    world.eventually("it is outdated", || {
        service.call(None, "chequebook_balance", "[]")["error"]["code"] == json!(exit(11))
    });
    let to = world.address(Bob);
    assert_eq!(service.code(Some(&spend), "chequebook_issue", &params(json!([to, 1]))), exit(11));
    assert_eq!(service.get("/readyz").status, 200, "the store works");
    receive(&service);
    service.stop(Signal::TERM).expect(0);

    // And before it starts.
    let service = Service::start(&world, Alice, &["auto_cash=false"]);
    assert_eq!(service.started["chequebooks"], json!([]));
    assert_eq!(service.get("/readyz").status, 200);
    assert_eq!(service.code(Some(&spend), "chequebook_issue", &params(json!([to, 1]))), exit(14));
    receive(&service);
    let ran = service.stop(Signal::TERM).expect(0);
    assert!(ran.stderr.contains(&format!("{book} is left out, `recover` it")), "{ran:?}");
}

#[test]
fn a_node_that_goes_away_and_comes_back() {
    let (mut world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    // A node in between, which stops answering.
    let node = Proxy::start(&world.url);
    let direct = std::mem::replace(&mut world.url, node.url());
    let service = Service::start(&world, Alice, &["patience=3s"]);
    assert_eq!(service.get("/readyz").status, 200);
    node.answers(false);
    world.eventually("it is not ready", || service.get("/readyz").status == 503);
    assert_eq!(service.get("/healthz").status, 200, "the process is well");
    // What needs no node goes on.
    service.result(Some(&spend), "chequebook_issue", &params(json!([bob, 1])));
    let refused = service.call(Some(&spend), "chequebook_deposit", "[5,\"key\"]");
    assert_eq!(refused["error"]["code"], json!(exit(7)), "{refused}");
    assert!(
        !refused.to_string().contains("http") && !refused.to_string().contains("secret"),
        "no URL is told: {refused}"
    );
    assert_eq!(refused["error"]["data"], json!({"exit": "unreachable", "code": 7}));
    node.answers(true);
    world.eventually("it is ready again", || service.get("/readyz").status == 200);
    service.result(Some(&spend), "chequebook_deposit", "[5,\"key\"]");
    world.url = direct;
    world.eventually("the deposit counts", || {
        service.result(None, "chequebook_balance", "[]") == json!("1000000000000000004")
    });
}
