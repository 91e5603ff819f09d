//! The simulated chain misbehaves as it says.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "support/sim/mod.rs"]
mod sim;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::{
        DynProvider, Provider,
        bindings::IMulticall3::{Call3, aggregate3Call, getEthBalanceCall},
    },
    rpc::{client::BatchRequest, types::Block},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::{SolCall, SolError, SolEvent},
    transports::{RpcError, TransportErrorKind},
};
use chequebook::{
    Cheque, Creation, Form, Overdraft, Scheme, SignedCheque, Terms,
    bindings::{
        Chequebook::{NotCovered, PaymentFailed, StaleCheque},
        ChequebookFactory::{Created, recordCall},
        ClearingHouse::{NotEnoughGas, Skipped, cashCall},
        IClearingHouse,
    },
    clearing_house, factory,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::sim::{Act, CHAIN_ID, Sim, Vendor, words};

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

fn alice() -> Address {
    key("alice").address()
}

fn bob() -> Address {
    key("bob").address()
}

/// A chain on which Alice is rich, and the way to it.
fn world(seed: u64) -> (Sim, DynProvider) {
    let sim = Sim::seeded(&[alice()], seed);
    let provider = sim.provider();
    (sim, provider)
}

/// An answer, or code and message of an error. The code of a transport error is the status of HTTP, or zero.
async fn ask(provider: &DynProvider, method: &'static str, parameters: Value) -> Result<Value, (i64, String)> {
    provider.raw_request(method.into(), parameters).await.map_err(|error| match error {
        RpcError::ErrorResp(error) => (error.code, error.message.into_owned()),
        RpcError::Transport(TransportErrorKind::HttpError(error)) => (error.status.into(), error.body),
        other => (0, other.to_string()),
    })
}

/// What Alice sends to Bob.
fn payment(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 2_000,
        max_priority_fee_per_gas: 10,
        to: TxKind::Call(bob()),
        value: U256::from(7),
        ..TxEip1559::default()
    }
}

/// A call of a contract.
fn call(nonce: u64, to: Address, value: u64, input: Bytes) -> TxEip1559 {
    let (to, value) = (TxKind::Call(to), U256::from(value));
    TxEip1559 { to, value, input, gas_limit: 1_000_000, ..payment(nonce) }
}

fn signed(transaction: TxEip1559) -> Bytes {
    let signature = key("alice").sign_hash_sync(&transaction.signature_hash()).unwrap();
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

async fn send(provider: &DynProvider, transaction: TxEip1559) -> Result<Value, (i64, String)> {
    ask(provider, "eth_sendRawTransaction", json!([signed(transaction)])).await
}

async fn head(provider: &DynProvider) -> u64 {
    provider.get_block_number().await.unwrap()
}

/// A block with its transactions.
async fn full(provider: &DynProvider, number: u64) -> Block {
    provider.get_block_by_number(number.into()).full().await.unwrap().unwrap()
}

/// Why nodes refuse a transaction.
async fn refusal(provider: &DynProvider, transaction: TxEip1559) -> (i64, String) {
    send(provider, transaction).await.unwrap_err()
}

/* BETWEEN WALLET AND NODE */

#[tokio::test]
async fn a_hook_decides_about_each_request() {
    let (sim, provider) = world(1);
    sim.auto_mine(false);
    let mut acts = vec![
        Act::Answer(json!("0x63")),
        Act::Error(-32_603, "no".into(), None),
        Act::Lost,
        Act::Http(502, "bad gateway".into()),
        Act::Map(Box::new(|true_answer| json!([true_answer]))),
    ]
    .into_iter();
    sim.hook(move |method, _| if method == "eth_blockNumber" { acts.next() } else { None });
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(ask(&provider, "eth_blockNumber", json!([])).await);
    }
    let http = Err((502, "bad gateway".to_owned()));
    assert_eq!(answers[0], Ok(json!("0x63")));
    assert_eq!(answers[1], Err((-32_603, "no".into())));
    assert_eq!(answers[2].as_ref().unwrap_err().0, 0);
    assert_eq!(answers[3], http);
    assert_eq!(answers[4..], [Ok(json!(["0x0"])), Ok(json!("0x0"))]);

    // What the hook sees, and what it does to the chain.
    let handle = sim.clone();
    sim.hook(move |method, parameters| {
        assert!(method != "eth_getBalance" || parameters[0] == json!(bob()));
        handle.give(bob(), U256::ONE);
        None
    });
    assert_eq!(provider.get_balance(bob()).await.unwrap(), U256::ONE);

    sim.hook(|_, _| Some(Act::AnswerLost));
    assert_eq!(refusal(&provider, payment(0)).await.0, 0);
    assert_eq!(sim.pending(alice()).len(), 1, "it was executed");
    sim.hook(|_, _| Some(Act::Twice));
    assert_eq!(refusal(&provider, payment(1)).await, (-32_000, "already known".into()));

    sim.hook(|_, _| Some(Act::Hang));
    let waiting = tokio::spawn({
        let provider = provider.clone();
        async move { head(&provider).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    sim.unhook();
    assert_eq!(waiting.await.unwrap(), 1);
}

#[tokio::test]
async fn counts_each_element_of_a_batch() {
    let (sim, provider) = world(1);
    let mut batch = BatchRequest::new(provider.client());
    let first = batch.add_call::<_, Value>("eth_blockNumber", &()).unwrap();
    let second = batch.add_call::<_, Value>("eth_chainId", &()).unwrap();
    batch.send().await.unwrap();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (json!("0x0"), json!("0x7a69")));
    head(&provider).await;
    let counts = sim.counts();
    assert_eq!((counts["eth_blockNumber"], counts["eth_chainId"], sim.all_requests()), (2, 1, 3));
}

#[tokio::test]
async fn hangs() {
    let (sim, provider) = world(1);
    sim.hang(true);
    assert!(timeout(Duration::from_millis(20), head(&provider)).await.is_err());
    sim.hang(false);
    assert_eq!(head(&provider).await, 0);
}

#[tokio::test]
async fn loses_requests() {
    let (sim, provider) = world(1);
    sim.faults(1_000);
    for _ in 0..10 {
        assert_eq!(ask(&provider, "eth_blockNumber", json!([])).await.unwrap_err().0, 0);
    }
}

#[tokio::test]
async fn limits_the_rate() {
    for (seed, code) in [(0, -32_005), (1, 429), (2, 429), (3, 429)] {
        let (sim, provider) = world(seed);
        sim.rate(Some(2));
        for _ in 0..2 {
            head(&provider).await;
            head(&provider).await;
            let (refused, words) = ask(&provider, "eth_blockNumber", json!([])).await.unwrap_err();
            assert_eq!(refused, code);
            assert!(words.contains("daily request count exceeded, request rate limited"));
            assert_eq!(words.contains("-32005"), seed % 2 == 1, "HTTP has a body");
            sim.tick();
        }
    }
}

/* WHAT A NODE KNOWS */

#[tokio::test]
async fn one_seed_gives_the_same_answers() {
    let mut answers = Vec::new();
    for seed in [5, 5, 6] {
        let (sim, provider) = world(seed);
        sim.replicas(&[0, 1, 3]);
        sim.faults(100);
        sim.mine(5);
        let mut heads = Vec::new();
        for _ in 0..50 {
            heads.push(ask(&provider, "eth_getBlockByNumber", json!(["latest", false])).await);
        }
        answers.push(heads);
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
    for number in ["0x2", "0x4", "0x5"] {
        assert!(answers[0].iter().flatten().any(|block| block["number"] == number), "{number}");
    }
}

#[tokio::test]
async fn a_node_that_lags_knows_nothing_of_the_newest_blocks() {
    let (sim, provider) = world(1);
    let creation = Creation { terms: Terms::new(Form::Direct, alice()), salt: B256::ZERO };
    let hash = send(&provider, call(0, factory(), 50, creation.calldata())).await.unwrap();
    sim.mine(1);
    let created = json!([{ "fromBlock": "0x0", "toBlock": "latest", "address": factory() }]);
    let seen = |provider: DynProvider| {
        let (hash, created) = (hash.clone(), created.clone());
        async move {
            let receipt = ask(&provider, "eth_getTransactionReceipt", json!([hash])).await.unwrap();
            let transaction = ask(&provider, "eth_getTransactionByHash", json!([hash])).await.unwrap();
            let logs = ask(&provider, "eth_getLogs", created).await.unwrap();
            let latest = provider.get_transaction_count(alice()).await.unwrap();
            let pending = provider.get_transaction_count(alice()).pending().await.unwrap();
            let all = logs.as_array().unwrap().len();
            (receipt["blockNumber"].clone(), transaction["blockNumber"].clone(), all, latest, pending)
        }
    };
    assert_eq!(seen(provider.clone()).await, (json!("0x1"), json!("0x1"), 1, 1, 1));
    sim.go_back(2);
    assert_eq!(seen(provider.clone()).await, (Value::Null, Value::Null, 0, 0, 1));
    assert_eq!(head(&provider).await, 0);
    assert_eq!(ask(&provider, "eth_getBlockByNumber", json!(["0x1", false])).await, Ok(Value::Null));
    let unknown = json!([sim.hash_of(1), false]);
    assert_eq!(ask(&provider, "eth_getBlockByHash", unknown).await, Ok(Value::Null));
    for block in [json!("0x1"), json!({ "blockHash": sim.hash_of(1) })] {
        let refused = ask(&provider, "eth_getBalance", json!([bob(), block])).await.unwrap_err();
        assert_eq!(refused, (-32_000, "header not found".into()));
    }
    let again = call(0, factory(), 50, creation.calldata());
    assert_eq!(refusal(&provider, again).await.1, "already known");
    sim.go_back(0);
    assert_eq!(seen(provider.clone()).await, (json!("0x1"), json!("0x1"), 1, 1, 1));
}

#[tokio::test]
async fn stalls() {
    let (sim, provider) = world(1);
    sim.mine(3);
    sim.stall(Some(2));
    send(&provider, payment(0)).await.unwrap();
    assert_eq!((head(&provider).await, sim.head(), sim.nonce(alice())), (2, 4, 1));
    assert_eq!(provider.get_transaction_count(alice()).await.unwrap(), 0);
    sim.stall(None);
    assert_eq!(head(&provider).await, 4);
}

#[tokio::test]
async fn prunes() {
    let (sim, provider) = world(1);
    let hash = send(&provider, payment(0)).await.unwrap();
    sim.mine(4);
    let balance = |block| ask(&provider, "eth_getBalance", json!([bob(), block]));
    let logs = |from| ask(&provider, "eth_getLogs", json!([{ "fromBlock": from, "toBlock": "latest" }]));
    sim.prune_state(Some(2));
    assert!(balance("0x2").await.unwrap_err().1.starts_with("missing trie node"));
    balance("0x3").await.unwrap();
    sim.prune_logs(Some(2));
    assert_eq!(logs("0x2").await.unwrap_err(), (-32_000, "history has been pruned for this block".into()));
    logs("0x3").await.unwrap();
    for (kept, known) in [(4, true), (3, false)] {
        sim.prune_receipts(Some(kept));
        for method in ["eth_getTransactionReceipt", "eth_getTransactionByHash"] {
            assert_eq!(ask(&provider, method, json!([hash])).await.unwrap().is_object(), known);
        }
    }
    sim.prune_state(None);
    balance("0x0").await.unwrap();
}

#[tokio::test]
async fn refuses_events_of_too_many_blocks() {
    let (sim, provider) = world(1);
    sim.mine(9);
    let logs = |to| ask(&provider, "eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": to }]));
    for (code, message) in words::RANGES {
        sim.log_range(Some(5), (code, message));
        let refused = logs("0x6").await.unwrap_err();
        assert_eq!(refused, (code, message.replace("{from}", "0x1").replace("{to}", "0x5")));
        logs("0x5").await.unwrap();
    }
    sim.log_range(None, words::INFURA);
    logs("0x9").await.unwrap();
}

/* THE POOL */

#[tokio::test]
async fn the_pool_keeps_its_rules() {
    let (sim, provider) = world(1);
    send(&provider, payment(0)).await.unwrap();
    sim.auto_mine(false);
    send(&provider, payment(1)).await.unwrap();

    let says = |transaction| refusal(&provider, transaction);
    let chain = TxEip1559 { chain_id: 5, ..payment(1) };
    assert_eq!(says(chain).await.1, "invalid chain id for signer: have 5 want 31337");
    assert_eq!(says(payment(1)).await.1, "already known");
    assert_eq!(says(payment(0)).await.1, "nonce too low: next nonce 1, tx nonce 0");
    for (max_fee_per_gas, max_priority_fee_per_gas) in [(2_199, 11), (2_200, 10), (3_000, 10), (2_000, 20)] {
        let replacement = TxEip1559 { max_fee_per_gas, max_priority_fee_per_gas, ..payment(1) };
        assert_eq!(says(replacement).await.1, "replacement transaction underpriced");
    }
    let block = TxEip1559 { gas_limit: 30_000_001, ..payment(2) };
    assert_eq!(says(block).await.1, "exceeds block gas limit");
    let intrinsic = TxEip1559 { gas_limit: 20_999, ..payment(2) };
    assert_eq!(says(intrinsic).await.1, "intrinsic gas too low: gas 20999, minimum needed 21000");
    sim.intrinsic_gas(100_001);
    assert_eq!(says(payment(2)).await.1, "intrinsic gas too low: gas 100000, minimum needed 100001");
    sim.intrinsic_gas(21_000);
    sim.min_tip(25);
    assert_eq!(says(payment(2)).await.1, "transaction underpriced: gas tip cap 10, minimum needed 25");
    sim.min_tip(0);
    let ether = U256::from(10).pow(U256::from(18));
    sim.fee_cap(Some(ether));
    let expensive = TxEip1559 { max_fee_per_gas: 12_000_000_000_000, ..payment(2) };
    assert_eq!(says(expensive).await.1, "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)");
    sim.pool_full(true);
    assert_eq!(says(payment(2)).await.1, "txpool is full");
    sim.pool_full(false);
    sim.in_flight_limit(Some(1));
    assert_eq!(says(payment(2)).await.1, "in-flight transaction limit reached for delegated accounts");

    // It still replaces, and takes another one once the first is gone.
    send(&provider, TxEip1559 { max_fee_per_gas: 2_200, max_priority_fee_per_gas: 11, ..payment(1) }).await.unwrap();
    assert!(sim.evict(alice(), 1) && !sim.evict(alice(), 1));
    assert_eq!(says(payment(2)).await.1, "gapped-nonce tx from delegated accounts");
    send(&provider, payment(1)).await.unwrap();
    sim.forget();
    assert!(sim.pending(alice()).is_empty());
}

#[tokio::test]
async fn the_pool_looks_at_the_balance() {
    let (sim, provider) = world(1);
    sim.auto_mine(false);
    let half = TxEip1559 { value: sim.balance_at(alice(), 0) / U256::from(2), ..payment(0) };
    let all = TxEip1559 { value: sim.balance_at(alice(), 0), ..payment(0) };
    assert!(refusal(&provider, all.clone()).await.1.starts_with("insufficient funds for gas * price + value: balance"));
    send(&provider, half.clone()).await.unwrap();
    let second = TxEip1559 { nonce: 1, ..half };
    sim.check_funds_of_all(true);
    assert!(refusal(&provider, second.clone()).await.1.contains("queued cost"));
    sim.check_funds_of_all(false);
    send(&provider, second).await.unwrap();
    sim.mine(2);
    assert_eq!((sim.nonce(alice()), sim.pending(alice()).len()), (1, 1), "the second can never be paid");
    sim.check_funds(false);
    send(&provider, TxEip1559 { nonce: 2, ..all }).await.unwrap();

    let poor = json!([{ "from": bob(), "to": alice(), "value": sim.balance_at(alice(), 0) }]);
    let refused = ask(&provider, "eth_estimateGas", poor).await.unwrap_err();
    assert!(refused.1.starts_with("insufficient funds for gas * price + value: address"));
}

#[tokio::test]
async fn each_vendor_has_its_own_words() {
    let low = [
        (Vendor::Geth, -32_000, "nonce too low: next nonce 1, tx nonce 0"),
        (Vendor::Erigon, -32_000, "INTERNAL_ERROR: nonce too low"),
        (Vendor::Nethermind, -32_010, "OldNonce, Current nonce: 1, nonce of rejected tx: 0"),
        (Vendor::Besu, -32_001, "Nonce too low"),
        (Vendor::Reth, -32_000, "nonce too low: next nonce 1, tx nonce 0"),
    ];
    let underpriced = [
        "replacement transaction underpriced",
        "INTERNAL_ERROR: could not replace existing tx",
        "ReplacementNotAllowed",
        "Replacement transaction underpriced",
        "replacement transaction underpriced",
    ];
    let known =
        ["already known", "ALREADY_EXISTS: already known", "AlreadyKnown", "Known transaction", "already known"];
    let (sim, provider) = world(1);
    send(&provider, payment(0)).await.unwrap();
    sim.auto_mine(false);
    send(&provider, payment(1)).await.unwrap();
    for ((vendor, code, words), (underpriced, known)) in low.into_iter().zip(underpriced.into_iter().zip(known)) {
        sim.vendor(vendor);
        assert_eq!(refusal(&provider, payment(0)).await, (code, words.into()));
        assert_eq!(refusal(&provider, payment(1)).await.1, known);
        let replacement = TxEip1559 { value: U256::ZERO, ..payment(1) };
        assert_eq!(refusal(&provider, replacement).await.1, underpriced);
    }
}

#[tokio::test]
async fn each_vendor_has_its_own_words_for_blocks() {
    let vendors = [
        (Vendor::Geth, "header not found", "missing trie node"),
        (Vendor::Erigon, "block 0xa not found", "old data not available due to pruning"),
        (Vendor::Nethermind, "0xa could not be found", "No state available for block 0"),
        (Vendor::Besu, "Block not found", "World state unavailable"),
        (Vendor::Reth, "block not found: 0xa", "state at block #0 is pruned"),
    ];
    let (sim, provider) = world(1);
    sim.mine(1);
    sim.prune_state(Some(0));
    let balance = |block| ask(&provider, "eth_getBalance", json!([bob(), block]));
    for (vendor, unknown, pruned) in vendors {
        sim.vendor(vendor);
        assert!(balance("0xa").await.unwrap_err().1.contains(unknown), "{vendor:?}");
        assert!(balance("0x0").await.unwrap_err().1.contains(pruned), "{vendor:?}");
    }
}

/* FEES */

#[tokio::test]
async fn includes_only_what_pays_enough() {
    let (sim, provider) = world(1);
    sim.auto_mine(false);
    send(&provider, payment(0)).await.unwrap();
    let waits = || {
        sim.mine(1);
        sim.nonce(alice()) == 0
    };
    sim.base_fee(2_001);
    assert!(waits());
    sim.base_fee(1_000);
    sim.validators_tip(11);
    assert!(waits());
    sim.validators_tip(10);
    assert!(!waits());
    assert_eq!(sim.balance_at(bob(), u64::MAX), U256::from(7));
    let paid = sim.balance_at(alice(), 0) - sim.balance_at(alice(), u64::MAX);
    assert_eq!(paid, U256::from(50_000 * 1_010 + 7));
}

#[tokio::test]
async fn says_what_gas_costs() {
    let (sim, provider) = world(1);
    sim.mine(2);
    sim.base_fee(3_000);
    sim.mine(1);
    sim.base_fee(4_000);
    sim.suggested_tip(33);
    let history = ask(&provider, "eth_feeHistory", json!(["0x3", "latest", [10.0, 50.0]])).await.unwrap();
    assert_eq!(history["oldestBlock"], "0x1");
    assert_eq!(history["baseFeePerGas"], json!(["0x3e8", "0x3e8", "0xbb8", "0xfa0"]));
    assert_eq!(history["reward"], json!([["0x21", "0x21"], ["0x21", "0x21"], ["0x21", "0x21"]]));
    let history = ask(&provider, "eth_feeHistory", json!([100, "0x2", []])).await.unwrap();
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 4);
    assert_eq!((history["oldestBlock"].clone(), history.get("reward")), (json!("0x0"), None));
    assert_eq!(provider.get_gas_price().await.unwrap(), 4_033);
    assert_eq!(provider.get_max_priority_fee_per_gas().await.unwrap(), 33);
    assert_eq!(provider.estimate_eip1559_fees().await.unwrap().max_priority_fee_per_gas, 33);
}

#[tokio::test]
async fn too_little_gas_fails_on_the_chain() {
    let (sim, provider) = world(1);
    sim.gas(100_001);
    let request = json!([{ "from": alice(), "to": bob() }]);
    assert_eq!(ask(&provider, "eth_estimateGas", request).await.unwrap(), json!("0x186a1"));
    send(&provider, payment(0)).await.unwrap();
    sim.gas(100_000);
    send(&provider, payment(1)).await.unwrap();
    let outcomes: Vec<_> = sim.included(alice()).into_iter().map(|(_, _, success)| success).collect();
    assert_eq!(outcomes, [false, true]);
}

/* BLOCKS */

#[tokio::test]
async fn tags_and_hashes_find_blocks() {
    let (sim, provider) = world(1);
    sim.mine(9);
    let number = |tag: &'static str| {
        let provider = provider.clone();
        async move {
            let block = ask(&provider, "eth_getBlockByNumber", json!([tag, false])).await?;
            Ok::<_, (i64, String)>(block["number"].clone())
        }
    };
    assert_eq!((number("safe").await, number("finalized").await), (Ok(json!("0x7")), Ok(json!("0x5"))));
    sim.finality(0, 20);
    assert_eq!((number("safe").await, number("finalized").await), (Ok(json!("0x9")), Ok(json!("0x0"))));
    sim.no_finality_tags();
    assert_eq!(number("safe").await.unwrap_err().0, -32_602);
    assert_eq!(number("latest").await, Ok(json!("0x9")));

    let dropped = sim.hash_of(9);
    sim.give(bob(), U256::ONE);
    sim.rollback(2, true);
    let block = ask(&provider, "eth_getBlockByHash", json!([dropped, false])).await.unwrap();
    assert_eq!((block["hash"].clone(), sim.hash_of(9) == dropped), (json!(dropped), false));
    let balance = |require: bool, hash| {
        ask(&provider, "eth_getBalance", json!([bob(), { "blockHash": hash, "requireCanonical": require }]))
    };
    assert_eq!(balance(false, dropped).await, Ok(json!("0x0")));
    assert_eq!(balance(true, sim.hash_of(9)).await, Ok(json!("0x0")));
    assert_eq!(balance(true, dropped).await.unwrap_err(), (-32_000, "hash is not currently canonical".into()));
}

#[tokio::test]
async fn the_chain_is_reorganised() {
    let (sim, provider) = world(1);
    let hash = send(&provider, payment(0)).await.unwrap();
    sim.mine(3);
    sim.reorganise_to(4, true, 1);
    assert_eq!((sim.head(), sim.nonce(alice())), (1, 1), "it is shorter, and includes it again");
    sim.reorganise_to(1, true, 0);
    assert_eq!((sim.head(), sim.nonce(alice()), sim.pending(alice()).len()), (0, 0, 1));
    sim.mine(1);
    sim.rollback(1, false);
    assert_eq!((sim.head(), sim.pending(alice()).len()), (1, 0), "it is forgotten");
    assert_eq!(ask(&provider, "eth_getTransactionByHash", json!([hash])).await, Ok(Value::Null));
}

#[tokio::test]
async fn time_is_near_the_real_clock() {
    let (sim, provider) = world(1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let before = sim.time();
    assert!((now - 1_000..now).contains(&before));
    sim.mine(1);
    sim.warp(100);
    sim.mine(2);
    assert_eq!(sim.time(), before + 12 + 112 + 12);
    sim.set_time_to_now();
    sim.mine(1);
    assert!((now..now + 60).contains(&full(&provider, 4).await.header.timestamp));
}

/* OTHERS WITH THE SAME KEY */

#[tokio::test]
async fn others_use_the_key() {
    let (sim, provider) = world(1);
    sim.auto_mine(false);
    let hash = sim.foreign(&key("alice"), 0, 5_000);
    assert_eq!(sim.pending(alice()), [(0, hash)]);
    assert_eq!(refusal(&provider, payment(0)).await.1, "replacement transaction underpriced");
    sim.mine(1);
    let block = full(&provider, 1).await;
    let found = block.transactions.as_transactions().unwrap()[0].clone();
    assert_eq!((found.inner.signer(), *found.inner.tx_hash()), (alice(), hash));

    send(&provider, payment(1)).await.unwrap();
    let hash = sim.delegate(&key("alice"));
    assert_eq!((sim.nonce(alice()), sim.pending(alice()).len(), sim.included(alice()).len()), (2, 0, 1));
    let block = full(&provider, 2).await;
    let found = block.transactions.as_transactions().unwrap()[0].inner.as_eip7702().unwrap().clone();
    let authorization = &found.tx().authorization_list[0];
    assert_eq!((authorization.recover_authority().unwrap(), authorization.nonce()), (alice(), 1));
    assert_eq!(*found.hash(), hash);
    assert!(provider.get_code_at(alice()).await.unwrap().starts_with(&[0xef, 0x01, 0x00]));
    send(&provider, payment(2)).await.unwrap();
}

/* CONTRACTS */

fn creation(form: Form) -> Creation {
    Creation { terms: Terms::new(form, alice()), salt: B256::ZERO }
}

/// Creates a chequebook with a deposit of 100 wei.
async fn create(provider: &DynProvider, nonce: u64, form: Form) -> Address {
    send(provider, call(nonce, factory(), 100, creation(form).calldata())).await.unwrap();
    creation(form).address(CHAIN_ID).unwrap()
}

async fn cheque(contract: Address, beneficiary: Address, amount: u64, scheme: Scheme) -> SignedCheque {
    let cheque = Cheque { contract, beneficiary, amount: U256::from(amount), scheme, chain_id: CHAIN_ID };
    cheque.sign(&key("alice")).await.unwrap()
}

fn compact(cheque: &SignedCheque) -> IClearingHouse::Cheque {
    let Cheque { contract: chequebook, beneficiary, amount, scheme, .. } = *cheque.cheque();
    let (r, vs) = cheque.compact_signature();
    IClearingHouse::Cheque { chequebook, beneficiary, amount, typed: scheme == Scheme::Typed, r, vs }
}

#[tokio::test]
async fn the_factory_reports_what_it_creates() {
    let (sim, provider) = world(1);
    sim.block_numbers_of_parent(1_000);
    for (nonce, form) in [(0, Form::Direct), (1, Form::Clone)] {
        let created = create(&provider, nonce, form).await;
        assert_eq!(sim.balance_at(created, u64::MAX), U256::from(100));
        assert!(!provider.get_code_at(created).await.unwrap().is_empty());
        let input = Bytes::from(recordCall { chequebook: created }.abi_encode());
        let output = ask(&provider, "eth_call", json!([{ "to": factory(), "input": input }])).await.unwrap();
        let output: Bytes = serde_json::from_value(output).unwrap();
        let record = chequebook::Record::of_factory(&recordCall::abi_decode_returns(&output).unwrap()).unwrap();
        assert_eq!((record.form, record.born_at), (form, 1_001 + nonce));

        let hash = sim.included(alice())[usize::try_from(nonce).unwrap()].1;
        let receipt = provider.get_transaction_receipt(hash).await.unwrap().unwrap();
        let created_event = Created::decode_log(&receipt.logs()[0].inner).unwrap();
        assert_eq!((created_event.owner, created_event.chequebook), (alice(), created));
        assert_eq!(receipt.block_number, Some(nonce + 1));
    }
    let again = json!([{ "to": factory(), "input": creation(Form::Clone).calldata() }]);
    assert_eq!(ask(&provider, "eth_call", again).await.unwrap_err(), (3, "execution reverted".into()));
}

#[tokio::test]
async fn the_clearing_house_skips_what_it_cannot_cash() {
    let (sim, provider) = world(1);
    let book = create(&provider, 0, Form::Direct).await;
    sim.refuses(clearing_house(), true);
    let cheques = [
        cheque(book, bob(), 40, Scheme::Packed).await,
        cheque(book, alice(), 61, Scheme::Packed).await,
        cheque(book, bob(), 40, Scheme::Typed).await,
        cheque(book, clearing_house(), 1, Scheme::Typed).await,
        cheque(book, alice(), 60, Scheme::Typed).await,
    ];
    let cash = |gas| cashCall { cheques: cheques.iter().map(compact).collect(), gasEach: gas }.abi_encode().into();
    let hash = send(&provider, call(1, clearing_house(), 0, cash(60_000))).await.unwrap();
    assert_eq!(sim.paid(book), [(bob(), U256::from(40)), (alice(), U256::from(60))].into());
    let hash: B256 = serde_json::from_value(hash).unwrap();
    let receipt = provider.get_transaction_receipt(hash).await.unwrap().unwrap();
    let reasons: Vec<_> =
        receipt.logs().iter().filter_map(|log| Skipped::decode_log(&log.inner).ok()).map(|log| log.reason.0).collect();
    assert_eq!(reasons, [NotCovered::SELECTOR, StaleCheque::SELECTOR, PaymentFailed::SELECTOR]);
    let indices: Vec<_> = receipt.logs().iter().map(|log| log.log_index.unwrap()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4]);

    let input: Bytes = cash(10_000_000);
    let request = json!([{ "to": clearing_house(), "input": input }]);
    let error = provider.raw_request::<_, Value>("eth_call".into(), request).await.unwrap_err();
    let data = error.as_error_resp().unwrap().as_revert_data().unwrap();
    assert!(NotEnoughGas::abi_decode(&data).is_ok());
}

#[tokio::test]
async fn a_beneficiary_refuses_payment() {
    let (sim, provider) = world(1);
    let book = create(&provider, 0, Form::Clone).await;
    let signed = cheque(book, bob(), 10, Scheme::Packed).await;
    sim.refuses(bob(), true);
    assert!(!sim.act(alice(), book, signed.calldata(Overdraft::Refuse)));
    sim.refuses(bob(), false);
    assert!(sim.act(alice(), book, signed.calldata(Overdraft::Refuse)));
    let state = sim.state_of(book).unwrap();
    assert_eq!((state.owner, state.signer, state.sent[&bob()]), (alice(), alice(), U256::from(10)));
}

#[tokio::test]
async fn multicall_answers_many_questions() {
    let (sim, provider) = world(1);
    let multicall = "0xcA11bde05977b3631167028862bE2a173976CA11".parse().unwrap();
    let ask_for =
        |target: Address, allow: bool, input: Vec<u8>| Call3 { target, allowFailure: allow, callData: input.into() };
    let balance = ask_for(multicall, false, getEthBalanceCall { addr: alice() }.abi_encode());
    let questions = |allow| {
        let calls = vec![balance.clone(), ask_for(factory(), allow, vec![1, 2, 3, 4])];
        let input = Bytes::from(aggregate3Call { calls }.abi_encode());
        ask(&provider, "eth_call", json!([{ "to": multicall, "input": input }]))
    };
    let output: Bytes = serde_json::from_value(questions(true).await.unwrap()).unwrap();
    let answers = aggregate3Call::abi_decode_returns(&output).unwrap();
    assert_eq!(U256::from_be_slice(&answers[0].returnData), sim.balance_at(alice(), 0));
    assert!(answers[0].success && !answers[1].success);
    assert_eq!(questions(false).await.unwrap_err().0, 3);
    sim.no_multicall();
    assert_eq!(questions(true).await, Ok(json!("0x")));
    assert!(provider.get_code_at(multicall).await.unwrap().is_empty());
}
