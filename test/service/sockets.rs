//! A WebSocket: who may open one, how it shows its token, and what it is told.

use std::time::Duration;

use alloy::{
    rpc::client::RpcClient,
    transports::{
        Authorization,
        http::{Http, reqwest},
        ws::WsConnect,
    },
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    client::{DENIED, Service, TOO_FAST, exit, token},
    proxy::Proxy,
    world::{Alice, Bob, PATIENCE, World},
};

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(service: &Service, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{}/", service.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message; nothing at the end.
    async fn next(&mut self) -> Option<Value> {
        let next = async {
            loop {
                match self.0.next().await? {
                    Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        // Pings do not count.
        timeout(PATIENCE, next).await.unwrap()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()).await;
        self.next().await.unwrap()
    }
}

#[test]
fn no_foreign_page_opens_one() {
    let (world, _) = World::with_chequebook();
    let service = Service::start(&world, Alice, &["allowed_origins=https://shop.example"]);
    Runtime::new().unwrap().block_on(async {
        for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("host", "evil.example")] {
            assert_eq!(Socket::open(&service, &[(name, value)]).await.err(), Some(403), "{value}");
        }
        assert_eq!(Socket::open(&service, &[("authorization", "Bearer nonsense")]).await.err(), Some(401));
        let mut socket = Socket::open(&service, &[("origin", "https://shop.example")]).await.unwrap();
        assert!(socket.call("chequebook_status", json!([])).await["result"].is_object());
    });
}

#[test]
fn a_token_is_shown_by_a_message_and_counts_until_it_is_revoked() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let (spend, read) = (token(&world, Alice, "spend", &[]), token(&world, Alice, "read", &[]));
    let service = Service::start(&world, Alice, &["require_token=true", "max_body=4096"]);
    Runtime::new().unwrap().block_on(async {
        let mut socket = Socket::open(&service, &[]).await.unwrap();
        let mut watching = Socket::open(&service, &[]).await.unwrap();
        assert_eq!(watching.call("chequebook_subscribe", json!([])).await["error"]["code"], json!(DENIED));
        assert_eq!(socket.call("chequebook_issue", json!([bob, 1])).await["error"]["code"], json!(DENIED));
        let wrong = format!("cbt_{}", "0".repeat(64));
        for wrong in [wrong.as_str(), "", "cbt_"] {
            let answer = socket.call("chequebook_authenticate", json!([wrong])).await;
            assert_eq!(answer["error"]["code"], json!(DENIED), "{answer}");
        }
        assert_eq!(socket.call("chequebook_authenticate", json!([spend])).await["result"]["scopes"], json!("spend"));
        watching.call("chequebook_authenticate", json!([read])).await;
        let subscribed = watching.call("chequebook_subscribe", json!([])).await;
        assert!(!subscribed["result"].is_null(), "{subscribed}");

        assert_eq!(socket.call("chequebook_issue", json!([bob, 7])).await["result"]["amount"], json!("7"));
        let told = watching.next().await.unwrap();
        assert_eq!(told["method"], json!("chequebook_event"));
        assert_eq!(told["params"]["result"]["event"], json!("chequeIssued"), "{told}");
        assert_eq!(told["params"]["result"]["added"], json!("7"));
        assert!(!crate::access::has_signature(&told), "{told}");

        // Too long, and nonsense: it is told so, and the connection stays.
        socket.send(&format!("{}{}", "{}", " ".repeat(5_000))).await;
        assert!(socket.next().await.unwrap()["error"].is_object());
        socket.send("nonsense").await;
        assert!(socket.next().await.unwrap()["error"].is_object());

        world.run(Alice, &["token", "revoke", "read"]).expect(0);
        assert_eq!(watching.call("chequebook_status", json!([])).await["error"]["code"], json!(DENIED));
        socket.call("chequebook_issue", json!([bob, 1])).await;
        let told = timeout(Duration::from_secs(1), watching.0.next()).await;
        assert!(!matches!(told, Ok(Some(Ok(Message::Text(_))))), "it is told nothing more: {told:?}");
        world.run(Alice, &["token", "revoke", "spend"]).expect(0);
        assert_eq!(socket.call("chequebook_issue", json!([bob, 1])).await["error"]["code"], json!(DENIED));
    });
    service.stop(rustix::process::Signal::TERM).expect(0);
}

#[test]
fn who_shows_no_token_in_time_is_cut() {
    let (world, _) = World::with_chequebook();
    let spend = token(&world, Alice, "spend", &[]);
    let service = Service::start(&world, Alice, &["require_token=true", "read_timeout=4s", "max_connections=4"]);
    Runtime::new().unwrap().block_on(async {
        let mut good = Socket::open(&service, &[]).await.unwrap();
        good.call("chequebook_authenticate", json!([spend])).await;
        let mut strangers = Vec::new();
        for _ in 0..3 {
            strangers.push(Socket::open(&service, &[]).await.unwrap());
        }
        assert_eq!(strangers[0].call("chequebook_status", json!([])).await["error"]["code"], json!(DENIED));
        tokio::time::sleep(Duration::from_secs(5)).await;
        for mut stranger in strangers {
            assert_eq!(stranger.next().await, None);
        }
        // Nobody opens one in the clothes of a call.
        let mut disguised = service.connect();
        let lines = [
            &format!("Host: {}", service.address),
            "Content-Type: application/json",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ];
        let status = r#"{"jsonrpc":"2.0","id":1,"method":"chequebook_status"}"#;
        let answer = disguised.request("POST /", &lines, status).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["error"]["code"], json!(DENIED));
        drop(disguised);
        // Their places are free again, and the one that has a token stays.
        assert!(good.call("chequebook_issue", json!([world.address(Bob), 1])).await["result"].is_object());
        assert!(Socket::open(&service, &[]).await.is_ok());
    });
}

#[test]
fn a_flood_of_calls_that_wait_for_a_silent_node_is_bounded() {
    let (mut world, book) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    let node = Proxy::start(&world.url);
    world.url = node.url();
    let service = Service::start(&world, Alice, &[]);
    Runtime::new().unwrap().block_on(async {
        let mut socket = Socket::open(&service, &[]).await.unwrap();
        node.silent(true);
        for _ in 0..400 {
            let verify = json!({"jsonrpc": "2.0", "id": 1, "method": "chequebook_verify", "params": [book]});
            socket.send(&verify.to_string()).await;
        }
        for _ in 0..144 {
            let answer = socket.next().await.unwrap();
            assert_eq!(answer["error"]["code"], json!(TOO_FAST), "{answer}");
        }
        // Another connection is not touched: what needs no node is done.
        service.result(Some(&spend), "chequebook_issue", &json!([bob, 1]).to_string());
        node.silent(false);
        for _ in 0..256 {
            let answer = socket.next().await.unwrap();
            assert_eq!(answer["result"]["genuine"], json!(true), "{answer}");
        }
    });
}

#[test]
fn who_has_enough_is_told_nothing_more() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend,read", &[]);
    let service = Service::start(&world, Alice, &[]);
    let bearer = format!("Bearer {spend}");
    Runtime::new().unwrap().block_on(async {
        let mut socket = Socket::open(&service, &[("authorization", &bearer)]).await.unwrap();
        let subscription = socket.call("chequebook_subscribe", json!([])).await["result"].clone();
        service.result(Some(&spend), "chequebook_issue", &json!([bob, 1]).to_string());
        assert_eq!(socket.next().await.unwrap()["params"]["subscription"], subscription);
        assert_eq!(socket.call("chequebook_unsubscribe", json!([subscription])).await["result"], json!(true));
        service.result(Some(&spend), "chequebook_issue", &json!([bob, 1]).to_string());
        assert!(timeout(Duration::from_secs(1), socket.0.next()).await.is_err());
        // There are not endlessly many.
        let mut refused = 0;
        for _ in 0..32 {
            refused += usize::from(socket.call("chequebook_subscribe", json!([])).await.get("error").is_some());
        }
        assert_eq!(refused, 16);
    });
    // Who reads nothing holds nobody up, neither while it runs nor at its end.
    let silent = Runtime::new().unwrap();
    let mut socket = silent.block_on(Socket::open(&service, &[("authorization", &bearer)])).unwrap();
    silent.block_on(socket.call("chequebook_subscribe", json!([])));
    let mut connection = service.connect();
    for _ in 0..2_000 {
        connection.call(Some(&spend), "chequebook_issue", &json!([bob, 1]).to_string()).unwrap();
    }
    service.stop(rustix::process::Signal::TERM).expect(0);
}

#[test]
fn clients_that_others_wrote() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend,read", &[]);
    let service = Service::start(&world, Alice, &[]);
    Runtime::new().unwrap().block_on(async {
        let authorization = Authorization::bearer(&spend);
        let socket = WsConnect::new(format!("ws://{}", service.address)).with_auth(authorization);
        let socket = RpcClient::connect_pubsub(socket).await.unwrap();
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(reqwest::header::AUTHORIZATION, format!("Bearer {spend}").parse().unwrap());
        let client = reqwest::Client::builder().default_headers(headers).build().unwrap();
        let url = format!("http://{}", service.address).parse().unwrap();
        let http = RpcClient::new(Http::with_client(client, url), true);
        let one: Value = socket.request("chequebook_issue", json!([bob, 2])).await.unwrap();
        let two: Value = http.request("chequebook_issue", json!([bob, 3])).await.unwrap();
        assert_eq!((&one["amount"], &two["amount"]), (&json!("2"), &json!("5")));
        let balance: String = http.request("chequebook_balance", json!([])).await.unwrap();
        assert_eq!(balance, "999999999999999995");
        let refused = socket.request::<_, Value>("chequebook_issue", json!([bob, 0])).await.unwrap_err();
        assert_eq!(refused.as_error_resp().unwrap().code, exit(14));
    });
}
