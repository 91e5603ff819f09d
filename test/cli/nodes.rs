//! Nodes that are down, silent, of another chain, or say what a terminal might obey.

use std::{
    io::{Read, Write},
    net::TcpListener,
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
        assert!(all.chars().all(|one| !one.is_control() || one == '\n'), "{all:?}");
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
