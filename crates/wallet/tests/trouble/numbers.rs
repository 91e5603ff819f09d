//! Numbers that are those of one chain only.

use alloy::primitives::U256;
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Chequebook, Config, Finality, store::Memory};
use serde_json::json;

use crate::{Payer, config, key, sim::Act, terms, wallet_with, wei, who};

/// Contracts on some rollups see the block numbers of the chain below: far above, or far below those of the node.
#[tokio::test(start_paused = true)]
async fn block_numbers_of_the_chain_below_are_not_ours() {
    for offset in [10_000_000, -40] {
        let sim = crate::chain();
        sim.mine(50);
        sim.block_numbers_of_parent(offset);
        let wallet = wallet_with(&sim, "payer", Memory::new(), config()).await;
        let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
        let contract = book.address();
        let cheque = book.outbox(who(1), Scheme::Typed).issue(wei(40)).await.unwrap();
        wallet.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap().confirmed().await.unwrap();
        sim.mine(3_000);
        assert_eq!(book.balance().await.unwrap().funded, wei(100), "{offset}");
        wallet.shutdown().await;
        drop(book);

        // And where the store is lost: every payment is found, with few questions.
        let before = sim.counts();
        let wallet = wallet_with(&sim, "payer", Memory::new(), config()).await;
        let book = Chequebook::recover(&wallet, contract, key("payer"), []).await.unwrap();
        let balance = book.balance().await.unwrap();
        assert_eq!((balance.funded, balance.issued), (wei(100), wei(40)), "{offset}");
        let logs = sim.counts()["eth_getLogs"] - before["eth_getLogs"];
        assert!(logs < 10, "{offset}: {logs} questions for events");
        assert_eq!(book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap().cheque().amount, wei(41));
    }
}

/// A node without old state knows the factory's event.
#[tokio::test(start_paused = true)]
async fn a_pruned_node_is_enough_to_recover() {
    for offset in [0, 10_000_000] {
        let sim = crate::chain();
        sim.block_numbers_of_parent(offset);
        sim.mine(20);
        let wallet = wallet_with(&sim, "payer", Memory::new(), config()).await;
        let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
        let cheque = book.outbox(who(1), Scheme::Typed).issue(wei(40)).await.unwrap();
        sim.act(key("stranger").address(), book.address(), cheque.calldata(Overdraft::Consent));
        sim.mine(500);
        sim.prune_state(Some(128));
        let contract = book.address();
        let wallet = wallet_with(&sim, "payer", Memory::new(), config()).await;
        let book = Chequebook::recover(&wallet, contract, key("payer"), []).await.unwrap();
        assert_eq!(book.balance().await.unwrap().issued, wei(40), "{offset}");
    }
}

/// A rollup's estimate contains the fee of the chain below.
#[tokio::test(start_paused = true)]
async fn gas_is_not_limited_by_what_one_chain_needs() {
    let payer = Payer::with(100, Config::arbitrum().confirmations(0).poll_interval(config().poll_interval)).await;
    payer.sim.gas(10_000_000);
    payer.book.deposit(wei(5)).await.unwrap().confirmed().await.unwrap();
}

/// What the node calls safe or finalized counts, where a number of blocks says nothing.
#[tokio::test(start_paused = true)]
async fn finality_is_what_the_chain_calls_final() {
    for (finality, depth) in [(Finality::Safe, 3), (Finality::Finalized, 7)] {
        let sim = crate::chain();
        sim.finality(3, 7);
        sim.mine(10);
        let wallet = wallet_with(&sim, "payer", Memory::new(), config().finality(finality)).await;
        let book = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap();
        sim.mine(depth - 1);
        assert_eq!(book.balance().await.unwrap().funded, wei(0), "{finality:?}");
        sim.mine(1);
        assert_eq!(book.balance().await.unwrap().funded, wei(100), "{finality:?}");
    }
}

/// A block hash is asked for as an object (EIP-1898): some nodes take no bare one.
#[tokio::test(start_paused = true)]
async fn blocks_are_asked_for_by_an_object() {
    let payer = Payer::new(100).await;
    payer.sim.hook(|method, parameters| {
        let bare = parameters.get(1).and_then(|block| block.as_str()).is_some_and(|block| block.len() == 66);
        (method != "eth_getBlockByHash" && bare)
            .then(|| Act::Error(-32_602, "invalid argument 1: hex number > 64 bits".to_owned(), None))
    });
    payer.sim.mine(1);
    payer.book.deposit(wei(5)).await.unwrap().confirmed().await.unwrap();
    assert_eq!(payer.book.balance().await.unwrap().funded, wei(105));
}

/// Receipts and blocks without the fields that some chains leave out.
#[tokio::test(start_paused = true)]
async fn fields_that_nobody_needs_may_be_missing() {
    let payer = Payer::new(100).await;
    payer.sim.hook(|method, _| {
        let needless: &'static [&'static str] = match method {
            "eth_getTransactionReceipt" => &["effectiveGasPrice", "type", "logsBloom", "cumulativeGasUsed", "from"],
            "eth_getBlockByNumber" => &["difficulty", "sha3Uncles", "logsBloom", "miner", "nonce", "mixHash"],
            _ => return None,
        };
        Some(Act::Map(Box::new(|mut answer| {
            if let Some(fields) = answer.as_object_mut() {
                fields.retain(|field, _| !needless.contains(&field.as_str()));
            }
            answer
        })))
    });
    payer.book.deposit(wei(5)).await.unwrap().confirmed().await.unwrap();
}

/// No tips to look at, no history at all, or an absurd one.
#[tokio::test(start_paused = true)]
async fn a_price_is_found_where_there_is_no_history() {
    let huge = "0xffffffffffffffffffffffffffffffff";
    for answer in [
        Ok(json!({"oldestBlock": "0x1", "baseFeePerGas": ["0x0", "0x0"], "gasUsedRatio": [0.0], "reward": null})),
        Ok(json!({"oldestBlock": "0x1", "baseFeePerGas": [huge, huge], "gasUsedRatio": [0.5], "reward": [[huge]]})),
        Err("the method eth_feeHistory does not exist/is not available"),
    ] {
        let payer = Payer::new(100).await;
        payer.sim.hook(move |method, _| {
            (method == "eth_feeHistory").then(|| match answer.clone() {
                Ok(answer) => Act::Answer(answer),
                Err(words) => Act::Error(-32_601, words.to_owned(), None),
            })
        });
        payer.book.deposit(wei(5)).await.unwrap().confirmed().await.unwrap();
    }
}

/// What the gas of the chain below costs is part of what a cash must be worth, and of what the account must have.
#[tokio::test(start_paused = true)]
async fn the_fee_of_the_chain_below_counts() {
    let sim = crate::chain();
    let config = Config::op_stack().confirmations(0).poll_interval(config().poll_interval);
    let fee = U256::from(10).pow(U256::from(25)); // more than anybody has
    sim.hook(move |method, parameters| {
        let oracle = "0x420000000000000000000000000000000000000f";
        (method == "eth_call" && parameters[0]["to"] == oracle)
            .then(|| Act::Answer(json!(alloy::primitives::Bytes::from(fee.to_be_bytes::<32>()))))
    });
    let wallet = wallet_with(&sim, "payer", Memory::new(), config).await;
    let error = Chequebook::create(&wallet, key("payer"), terms(100)).await.unwrap_err();
    assert!(matches!(error, chequebook_wallet::Error::InsufficientFunds { needed, .. } if needed > fee), "{error:?}");
}
