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
    client::{DENIED, Service, exit, token},
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
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap()? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
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
