//! New blocks that the node tells of: hints that make the wallet look earlier, and that nothing depends on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider, ProviderBuilder},
    pubsub::{ConnectionHandle, ConnectionInterface, PubSubConnect},
    rpc::client::RpcClient,
    transports::TransportResult,
};
use chequebook_wallet::{Config, Event, Events, Inbox, Wallet, store::Memory};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, broadcast, mpsc},
    time::sleep,
};

use crate::{Payer, config, key, sim::Sim, who};

/// What a node does with those who subscribe.
struct Behaviour {
    /// How often somebody asked for a subscription.
    asked: AtomicUsize,
    /// How many connections are open.
    connections: AtomicUsize,
    refuses: AtomicBool,
    /// Whether it answers no such request.
    is_deaf: AtomicBool,
    heads: broadcast::Sender<()>,
    cut: Notify,
}

/// A node of the simulated chain that tells of new blocks when a test says so.
#[derive(Clone)]
struct Node(Sim, Arc<Behaviour>);

impl PubSubConnect for Node {
    fn is_local(&self) -> bool {
        true
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        let (handle, interface) = ConnectionHandle::new();
        tokio::spawn(self.clone().serve(interface));
        Ok(handle.with_retry_interval(Duration::from_millis(10)))
    }
}

impl Node {
    fn new(sim: &Sim) -> Self {
        let (heads, _) = broadcast::channel(10_000);
        let behaviour = Behaviour {
            asked: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            refuses: AtomicBool::new(false),
            is_deaf: AtomicBool::new(false),
            heads,
            cut: Notify::new(),
        };
        Self(sim.clone(), Arc::new(behaviour))
    }

    async fn provider(&self) -> DynProvider {
        let client = RpcClient::connect_pubsub(self.clone()).await.unwrap();
        ProviderBuilder::new().disable_recommended_fillers().connect_client(client).erased()
    }

    /// Tells of a new block.
    fn tell(&self) {
        let _ = self.1.heads.send(()); // nobody may be connected
    }

    fn asked(&self) -> usize {
        self.1.asked.load(Ordering::SeqCst)
    }

    async fn serve(self, mut interface: ConnectionInterface) {
        let Self(sim, behaviour) = &self;
        behaviour.connections.fetch_add(1, Ordering::SeqCst);
        let mut heads = behaviour.heads.subscribe();
        let (answer, mut answers) = mpsc::unbounded_channel::<Value>();
        let mut is_subscribed = false;
        loop {
            tokio::select! {
                request = interface.recv_from_frontend() => {
                    let Some(request) = request else { break };
                    let request: Value = serde_json::from_str(request.get()).unwrap();
                    let (id, method) = (request["id"].clone(), request["method"].as_str().unwrap().to_owned());
                    if method == "eth_subscribe" {
                        assert_eq!(request["params"], json!(["newHeads"]));
                        behaviour.asked.fetch_add(1, Ordering::SeqCst);
                        if behaviour.is_deaf.load(Ordering::SeqCst) {
                            continue;
                        }
                        let refuses = behaviour.refuses.load(Ordering::SeqCst);
                        is_subscribed |= !refuses;
                        let refused = json!({ "id": id, "error": { "code": -32_601, "message": "method not found" } });
                        let _ = answer.send(if refuses { refused } else { json!({ "id": id, "result": "0x1" }) });
                    } else {
                        tokio::spawn(relay(sim.clone(), id, method, request["params"].clone(), answer.clone()));
                    }
                }
                Some(answer) = answers.recv() => send(&interface, answer),
                Ok(()) = heads.recv() => if is_subscribed {
                    let told = json!({ "subscription": "0x1", "result": { "number": "0x1" } });
                    send(&interface, json!({ "method": "eth_subscription", "params": told }));
                },
                () = behaviour.cut.notified() => {
                    interface.close_with_error();
                    break;
                }
            }
        }
        behaviour.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

fn send(interface: &ConnectionInterface, item: Value) {
    let _ = interface.send_to_frontend(serde_json::from_str(&item.to_string()).unwrap()); // it may have gone
}

async fn relay(sim: Sim, id: Value, method: String, parameters: Value, answer: mpsc::UnboundedSender<Value>) {
    let answered = sim.provider().client().request::<Value, Value>(method, parameters).await;
    let _ = match answered {
        Ok(result) => answer.send(json!({ "id": id, "result": result })),
        Err(error) => match error.as_error_resp() {
            Some(error) => answer.send(json!({ "id": id, "error": error })),
            None => return, // it is lost
        },
    };
}

struct Told {
    payer: Payer,
    node: Node,
    payee: Wallet,
    events: Events,
    _inbox: Inbox,
}

impl Told {
    async fn new(config: Config) -> Self {
        let payer = Payer::new(100).await;
        let node = Node::new(&payer.sim);
        Self::on(payer, node, config).await
    }

    async fn on(payer: Payer, node: Node, config: Config) -> Self {
        let payee = Wallet::open(node.provider().await, key("payee"), Memory::new(), config).await.unwrap();
        let inbox = payer.inbox(&payee, who(1)).await;
        sleep(Duration::from_secs(15)).await; // it has subscribed, if it could
        let events = payee.events();
        Self { payer, node, payee, events, _inbox: inbox }
    }

    /// Announces the end, which the wallet must see within so many seconds.
    async fn sees_the_end(&mut self, tells: bool, seconds: u64) -> bool {
        self.payer.announce();
        if tells {
            self.node.tell();
        }
        sleep(Duration::from_secs(seconds)).await;
        let mut all = std::iter::from_fn(|| self.events.next().now_or_never().flatten());
        all.any(|event| matches!(event, Event::EndAnnounced { .. }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_is_told_of_is_looked_at() {
    let mut told = Told::new(config()).await;
    assert!(!told.sees_the_end(false, 3_600).await, "nobody polls");
    told.node.tell();
    sleep(Duration::from_millis(100)).await;
    assert!(matches!(told.events.next().await, Some(Event::EndAnnounced { .. })));
    assert_eq!(told.node.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn w5_a_storm_of_heads_is_no_storm_of_looks() {
    let told = Told::new(config()).await;
    let looks = || told.payer.sim.counts()["eth_chainId"];
    let before = looks();
    for _ in 0..1_000 {
        told.payer.sim.mine(1);
        told.node.tell();
        sleep(Duration::from_millis(10)).await;
    }
    let during = looks() - before;
    assert!((8..=11).contains(&during), "{during} looks in ten seconds");
    sleep(Duration::from_secs(60)).await;
    assert!(looks() - before <= during + 1, "what nobody has looked at is one hint");
}

#[tokio::test(start_paused = true)]
async fn w3_a_subscription_that_is_silent_stops_nothing() {
    let mut told = Told::new(config().poll_interval(Duration::from_secs(4))).await;
    assert!(told.sees_the_end(false, 5).await);
}

#[tokio::test(start_paused = true)]
async fn w4_a_node_that_does_not_answer_a_subscription_stops_nothing() {
    let payer = Payer::new(100).await;
    let node = Node::new(&payer.sim);
    node.1.is_deaf.store(true, Ordering::SeqCst);
    let mut told = Told::on(payer, node, config().poll_interval(Duration::from_secs(4))).await;
    assert!(told.sees_the_end(false, 5).await);
    // It is asked again from time to time, and answers at last.
    let asked = told.node.asked();
    sleep(Duration::from_secs(3_600)).await;
    assert!((asked + 20..asked + 70).contains(&told.node.asked()), "{} times in an hour", told.node.asked() - asked);
}

#[tokio::test(start_paused = true)]
async fn w4_a_subscription_that_was_refused_is_asked_for_again() {
    let payer = Payer::new(100).await;
    let node = Node::new(&payer.sim);
    node.1.refuses.store(true, Ordering::SeqCst);
    let mut told = Told::on(payer, node, config()).await;
    sleep(Duration::from_secs(3_600)).await;
    assert!((50..70).contains(&told.node.asked()), "{} times in an hour", told.node.asked());
    told.node.1.refuses.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(61)).await;
    assert!(told.sees_the_end(true, 2).await);
}

/// Somebody else who uses the same connection ends it, again and again.
#[tokio::test(start_paused = true)]
async fn w4_a_subscription_that_ends_is_made_again_at_a_bounded_rate() {
    let payer = Payer::new(100).await;
    let node = Node::new(&payer.sim);
    let provider = node.provider().await;
    let payee = Wallet::open(provider.clone(), key("payee"), Memory::new(), config()).await.unwrap();
    let inbox = payer.inbox(&payee, who(1)).await;
    let events = payee.events();
    sleep(Duration::from_secs(1)).await;
    let local: B256 = provider.raw_request("eth_subscribe".into(), ("newHeads",)).await.unwrap();
    let before = node.asked();
    for _ in 0..6_000 {
        provider.unsubscribe(local).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let asked = node.asked() - before;
    assert!((10..25).contains(&asked), "{asked} times in ten minutes");
    sleep(Duration::from_secs(61)).await;
    let mut told = Told { payer, node, payee, events, _inbox: inbox };
    assert!(told.sees_the_end(true, 2).await);
}

#[tokio::test(start_paused = true)]
async fn w4_a_connection_that_is_cut_is_made_again() {
    let mut told = Told::new(config()).await;
    told.node.1.cut.notify_one();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(told.node.1.connections.load(Ordering::SeqCst), 1);
    assert!(told.sees_the_end(true, 2).await);
}

/// A subscription keeps neither the wallet nor its connection.
#[tokio::test(start_paused = true)]
async fn a_subscription_ends_with_the_wallet() {
    let told = Told::new(config()).await;
    let Told { node, payee, mut events, _inbox: inbox, .. } = told;
    assert_eq!(node.1.connections.load(Ordering::SeqCst), 1);
    drop((payee, inbox));
    assert_eq!(events.next().await, None, "the wallet has ended");
    sleep(Duration::from_secs(5)).await;
    node.tell();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(node.1.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_transport_without_subscriptions_is_asked_for_none() {
    let payer = Payer::new(100).await;
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(payer.sim.counts().get("eth_subscribe"), None);
}
