//! Nodes that are down, silent, of another chain, or say what a terminal might obey.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::world::{Alice, Bob, World, end, start};

/// A node that gives one answer to everything.
fn node(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 65_536];
            let read = stream.read(&mut buffer).unwrap_or_default();
            let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
            let id: String =
                request.split("\"id\":").nth(1).unwrap_or("0").chars().take_while(char::is_ascii_digit).collect();
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{answer}}}");
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
            let _ = stream.write_all(format!("{head} {length}\r\n\r\n{body}").as_bytes());
        }
    });
    url
}

/// A whole message of HTTP, by the length that it states.
fn message(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 65_536]);
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.split("content-length:").nth(1)?.split_whitespace().next()?;
            if body.len() >= length.parse().ok()? {
                return Some(body.to_owned());
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// A node that answers as another one does, but with `answer` to requests that contain `wanted`.
fn proxy(url: &str, wanted: &'static str, answer: &'static str) -> String {
    let target = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, target) = (stream.unwrap(), target.clone());
            thread::spawn(move || {
                while let Some(request) = message(&mut stream) {
                    let body = if request.contains(wanted) {
                        let id: String =
                            request.split("\"id\":").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
                        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{answer}}}")
                    } else {
                        let mut node = TcpStream::connect(&target).unwrap();
                        let head = "POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length:";
                        node.write_all(format!("{head} {}\r\n\r\n{request}", request.len()).as_bytes()).unwrap();
                        message(&mut node).unwrap()
                    };
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
                    if stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    own
}

#[test]
fn a_chain_without_selfdestruct_is_told() {
    let (world, _) = World::with_chequebook();
    world.run(Alice, &["doctor", "--rpc", &proxy(&world.url, "no such request", "")]).expect(0);
    for answer in [
        r#""result":"0x0000000000000000000000000000000000000000000000000000000000000000""#,
        r#""error":{"code":-32000,"message":"invalid opcode"}"#,
    ] {
        let ran =
            world.run(Alice, &["doctor", "--json", "--rpc", &proxy(&world.url, "60026018600039", answer)]).expect(17);
        let bad: Vec<_> =
            ran.json().as_array().unwrap().iter().filter(|row| row["status"] != "good").cloned().collect();
        assert!(bad.len() == 1 && bad[0]["check"] == "SELFDESTRUCT", "{bad:?}");
    }
}

#[test]
fn a_node_that_is_down_is_7() {
    let (mut world, book) = World::with_chequebook();
    let cheque = world.file("cheque", &world.issue("1gwei"));
    world.anvil = None;
    let secret = format!("{}/secret-key", world.url);
    for args in [
        &["balance"][..],
        &["issue", &book, "1wei"],
        &["receive", &cheque],
        &["check", &cheque],
        &["verify", &book],
        &["cash", "--all", "--yes"],
    ] {
        let ran = world.run(Alice, &[args, &["--rpc", &secret]].concat()).expect(7);
        assert!(!ran.stderr.contains("secret"), "{ran:?}");
    }
    world.run(Alice, &["doctor"]).expect(17);
    // Nothing was created for a chain that nobody saw.
    world.run(Bob, &["receive", &cheque]).expect(7);
    assert!(!world.path("Bob.redb").exists());
    // What needs no node works.
    world.run(Alice, &["predict"]).expect(0);
}

#[test]
fn a_node_cannot_command_the_terminal() {
    let world = World::bare();
    let evil = node(r#""error":{"code":-32000,"message":"\u001b]0;owned\u0007\u001b[2J\u009b31m\r\nfake: done"}"#);
    for args in [&["verify", &world.address(Bob)][..], &["balance"], &["doctor"]] {
        let ran = world.run(Alice, &[args, &["--rpc", &evil]].concat());
        assert_ne!(ran.code, Some(0));
        let all = ran.stdout + &ran.stderr;
        assert!(all.chars().all(|one| !one.is_control() || "\n\t".contains(one)), "{all:?}");
        assert!(!all.lines().any(|line| line.starts_with("fake")), "{all:?}");
    }
}

#[test]
fn a_chain_that_ends_in_the_middle_is_7_and_goes_on_later() {
    let (mut world, _) = World::with_chequebook();
    world.automine(false);
    let child = start(world.command(Alice, &["deposit", "1ether", "--yes", "--set", "patience=2s"]));
    world.wait_for_pending();
    world.anvil = None;
    let began = Instant::now();
    let ran = end(child);
    assert_eq!(ran.code, Some(7), "{ran:?}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(ran.stderr.contains("transaction with nonce"), "it says what goes on: {ran:?}");
}

/// All that `verify` reads is of one block, by its hash: nothing is asked of whatever is newest meanwhile.
#[test]
fn what_is_verified_is_of_one_block() {
    let (world, book) = World::with_chequebook();
    let token = world.token(Alice);
    let terms = ["create", "--form", "token", "--token", &token, "--deposit", "10units", "--yes"];
    let of_token = world.json(Alice, &terms)["chequebook"].as_str().unwrap().to_owned();
    world.pipe(Bob, &["receive", "-"], &world.issue_of(&book, "0.5ether")).expect(0);
    let head = world.rpc("eth_blockNumber", serde_json::json!([]));
    let head = u64::from_str_radix(head.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    let refusal = "\"error\":{\"code\":-32000,\"message\":\"no\"}";
    // A question for the newest block itself names it first: `["latest",false]`.
    let fixed = proxy(&world.url, "\"latest\"]", refusal);
    for address in [&book, &of_token] {
        let found = world.json(Bob, &["verify", address, "--rpc", &fixed]);
        assert_eq!((&found["block"], &found["state"]), (&head.into(), &"alive".into()));
        assert_eq!(found["covered"].is_null(), address == &of_token);
    }
    let loose = proxy(&world.url, "\"blockHash\"", refusal);
    world.run(Bob, &["verify", &book, "--rpc", &loose]).expect(7);
}
