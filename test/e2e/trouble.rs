//! What was reported of nodes and pools that do not behave, with the real contracts on a real node, behind a proxy that
//! follows a script. The wallet's own tests have more of each kind, on a simulated chain.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::{Decodable2718, eip7702::Authorization},
    hex,
    network::{TransactionBuilder, TransactionBuilder7702},
    primitives::{Address, B256, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
    rpc::types::TransactionRequest,
    signers::SignerSync,
};
use chequebook::{Cheque, Form, Overdraft, Scheme, SignedCheque, bindings::Chequebook::announceKillCall};
use chequebook_wallet::{
    Chequebook, Config, Error, Inbox, NewChequebook, Status, Wallet,
    store::{Memory, Redb},
};
use eyre::{OptionExt, Result};
use serde_json::json;

use crate::{
    faults::proxy::{Proxy, Script},
    fixture::{Both, NOTICE, PAYEE, PAYER, eventually, gwei, somebody},
};

/// A wallet behind a node that follows a script.
async fn behind(both: &Both, proxy: &Proxy, key: usize, name: &str, confirmations: u64) -> Result<Wallet> {
    let config = Config::default()
        .confirmations(confirmations)
        .poll_interval(Duration::from_millis(50))
        .patience(Duration::from_secs(3));
    let provider = ProviderBuilder::new().connect_http(proxy.url.parse()?);
    Ok(Wallet::open(provider, both.chain.key(key)?, Redb::open_or_create(both.path(name))?, config).await?)
}

/// Signed by a payer that goes around its wallet.
async fn rogue(both: &Both, beneficiary: Address, amount: u64) -> Result<SignedCheque> {
    let contract = both.book.address();
    let cheque = Cheque { contract, beneficiary, amount: gwei(amount), scheme: Scheme::Typed, chain_id: 31_337 };
    Ok(cheque.sign(&both.chain.key(PAYER)?).await?)
}

async fn is_dead(both: &Both) -> Result<bool> {
    Ok(both.chain.chequebook(both.book.address()).killableAt().call().await? == U256::MAX)
}

/* W2 */

#[tokio::test]
async fn w2_two_cashes_of_one_wallet_end_nothing() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let policy = both.policy().require_covered(false);
    let a = Inbox::open(&both.payee, both.book.address(), somebody(1), policy).await?;
    let b = Inbox::open(&both.payee, both.book.address(), somebody(2), policy).await?;
    a.receive(&rogue(&both, somebody(1), 60).await?).await?;
    b.receive(&rogue(&both, somebody(2), 60).await?).await?;
    both.chain.provider.anvil_set_auto_mine(false).await?;
    a.cash(Overdraft::Refuse).await?;
    let refused = b.cash(Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(refused, Error::WouldBounce { pays, .. } if pays == gwei(40)), "{refused:?}");
    both.chain.provider.anvil_mine(Some(1), None).await?;
    assert!(!is_dead(&both).await?);
    Ok(())
}

#[tokio::test]
async fn w2_a_lone_cheque_that_is_late_ends_nothing() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let (mine, other) = (rogue(&both, somebody(1), 60).await?, rogue(&both, somebody(2), 60).await?);
    both.chain.provider.anvil_set_auto_mine(false).await?;
    // Another payee is in the same block, before us.
    let early = both.chain.call(both.book.address(), other.calldata(Overdraft::Consent));
    let _early = early.gas(200_000).gas_price(50_000_000_000).send().await?;
    let answers = both.payee.cashing().cash_many(&[mine]).await;
    both.chain.provider.anvil_mine(Some(2), None).await?;
    assert!(!is_dead(&both).await?, "{answers:?}");
    let [answer] = &answers[..] else { eyre::bail!("{answers:?}") };
    match answer {
        Ok(cash) => assert!(matches!(cash.confirmed().await, Err(Error::Reverted { .. }))),
        // Anvil estimates on top of what waits.
        Err(error) => assert!(matches!(error, Error::Refused { .. }), "{error:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn w2_deposits_that_do_not_fit_together_wedge_nothing() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let cheque = both.issue(10).await?;
    both.chain.provider.anvil_set_auto_mine(false).await?;
    let most = both.chain.balance(both.payer.account()).await? / U256::from(10) * U256::from(6);
    let (first, second) = tokio::join!(both.book.deposit(most), both.book.deposit(most));
    assert!(first.is_ok() ^ second.is_ok(), "{first:?} {second:?}");
    let refused = first.err().or(second.err()).ok_or_eyre("both are sent")?;
    assert!(matches!(refused, Error::InsufficientFunds { .. }), "{refused:?}");
    let cash = both.payer.cashing().cash(&cheque, Overdraft::Refuse).await?;
    both.chain.provider.anvil_mine(Some(2), None).await?;
    cash.confirmed().await?;
    Ok(())
}

/* W3 */

#[tokio::test]
async fn w3_null_receipts_and_empty_logs_are_no_facts() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let contract = both.book.address();
    let cheque = both.issue(40).await?;
    both.payer.shutdown().await;
    let proxy = Proxy::start(&both.chain.anvil).await?;
    let payer = behind(&both, &proxy, PAYER, "payer", 3).await?;
    let book = Chequebook::open(&payer, contract, both.chain.key(PAYER)?).await?;
    proxy.script(|method, _| match method {
        "eth_getTransactionReceipt" => Some(Script::Answer(json!(null))),
        "eth_getLogs" => Some(Script::Answer(json!([]))),
        _ => None,
    });
    let deposit = book.deposit(gwei(50)).await?;
    both.payee.cashing().cash(&cheque, Overdraft::Refuse).await?.confirmed().await?;
    both.chain.provider.anvil_mine(Some(20), None).await?;
    payer.refresh().await?;
    assert_eq!(deposit.status(), Status::Unknown);
    assert!(matches!(deposit.confirmed().await, Err(Error::OutcomeUnknown { .. })));
    let _ = book.balance().await; // it may be a contradiction, or hidden by the deposit

    proxy.behave();
    both.chain.provider.anvil_mine(Some(10), None).await?;
    deposit.confirmed().await?;
    assert_eq!(book.balance().await?.funded, gwei(150));
    payer.shutdown().await;
    drop(book);
    let payer = behind(&both, &proxy, PAYER, "payer", 3).await?;
    let book = Chequebook::open(&payer, contract, both.chain.key(PAYER)?).await?;
    assert_eq!(book.balance().await?.funded, gwei(150), "after a restart");
    let all = payer.transactions().await?;
    let again = all.iter().find(|one| one.nonce() == deposit.nonce()).ok_or_eyre("it is forgotten")?;
    assert!(matches!(again.status(), Status::Confirmed { .. }));
    Ok(())
}

/// An authorization of the account (EIP-7702), which another account sends, takes the nonce.
#[tokio::test]
async fn w3_an_authorization_that_took_the_nonce_is_found() -> Result<()> {
    for hardfork in ["prague", "osaka"] {
        let both = Both::start(hardfork, 100).await?;
        both.chain.provider.anvil_set_auto_mine(false).await?;
        let deposit = both.book.deposit(gwei(5)).await?;
        both.chain.provider.anvil_drop_all_transactions().await?;
        let key = both.chain.key(PAYER)?;
        let authorization =
            Authorization { chain_id: U256::from(31_337), address: somebody(7), nonce: deposit.nonce() };
        let signature = key.sign_hash_sync(&authorization.signature_hash())?;
        let sponsor = both.chain.account(5);
        let request = TransactionRequest::default()
            .with_from(sponsor)
            .with_to(sponsor)
            .with_authorization_list(vec![authorization.into_signed(signature)])
            .with_gas_limit(100_000)
            .with_max_fee_per_gas(100_000_000_000)
            .with_max_priority_fee_per_gas(50_000_000_000);
        let sponsored = both.chain.provider.send_transaction(request).await?;
        both.chain.provider.anvil_mine(Some(3), None).await?;
        let error = deposit.confirmed().await.unwrap_err();
        assert!(matches!(error, Error::Replaced { by, .. } if by == *sponsored.tx_hash()), "{hardfork}: {error:?}");
    }
    Ok(())
}

/// Behind a load balancer that goes back nine blocks, an announced end stays known, and what was final stays final.
#[tokio::test]
async fn w3_a_load_balancer_that_goes_back_takes_nothing_back() -> Result<()> {
    let both = Both::confirmed("osaka", 100, 2).await?;
    let proxy = Proxy::start(&both.chain.anvil).await?;
    both.payee.shutdown().await;
    let payee = behind(&both, &proxy, PAYEE, "payee", 2).await?;
    let inbox = Inbox::open(&payee, both.book.address(), somebody(1), both.policy()).await?;
    inbox.stop_auto_cash();
    inbox.receive(&rogue(&both, somebody(1), 10).await?).await?;
    let before = both.chain.provider.get_block_number().await?;
    let cash = inbox.cash(Overdraft::Refuse).await?;
    both.chain.provider.anvil_mine(Some(8), None).await?;
    cash.confirmed().await?;
    both.command(announceKillCall {}).await?;
    payee.refresh().await?;
    let higher = rogue(&both, somebody(1), 20).await?;
    assert!(matches!(inbox.receive(&higher).await, Err(Error::KillAnnounced { .. })));
    proxy.script(move |method, parameters| {
        (method == "eth_getBlockByNumber" && parameters[0] == "latest")
            .then(|| Script::Ask(json!([format!("{before:#x}"), false])))
    });
    payee.refresh().await?;
    assert!(matches!(inbox.receive(&higher).await, Err(Error::KillAnnounced { .. })));
    assert!(matches!(cash.status(), Status::Confirmed { .. }));
    Ok(())
}

/// Where events are limited and requests refused, the guard still cashes.
#[tokio::test]
async fn w3_the_guard_goes_on_where_a_provider_limits() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let proxy = Proxy::start(&both.chain.anvil).await?;
    both.payee.shutdown().await;
    let payee = behind(&both, &proxy, PAYEE, "payee", 0).await?;
    let inbox = Inbox::open(&payee, both.book.address(), somebody(1), both.policy()).await?;
    inbox.receive(&rogue(&both, somebody(1), 60).await?).await?;
    let count = Arc::new(std::sync::atomic::AtomicU64::new(0));
    proxy.script(move |method, _| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match method {
            "eth_getLogs" => Some(Script::Error(-32_005, "query returned more than 10000 results".to_owned())),
            _ if number.is_multiple_of(3) => Some(Script::Status(429)),
            _ => None,
        }
    });
    both.command(announceKillCall {}).await?;
    eventually("it is cashed", || async { Ok(both.chain.balance(somebody(1)).await? == gwei(60)) }).await
}

#[tokio::test]
async fn w3_a_limited_range_of_events_is_halved() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let cheque = both.issue(40).await?;
    both.payee.cashing().cash(&cheque, Overdraft::Refuse).await?.confirmed().await?;
    both.chain.provider.anvil_mine(Some(2_000), None).await?;
    both.payer.shutdown().await;
    let proxy = Proxy::start(&both.chain.anvil).await?;
    proxy.script(|method, parameters| {
        let number = |name: &str| {
            let text = parameters[0][name].as_str().unwrap_or("0x0").trim_start_matches("0x");
            u64::from_str_radix(text, 16).unwrap_or_default()
        };
        (method == "eth_getLogs" && number("toBlock") - number("fromBlock") >= 500)
            .then(|| Script::Error(-32_600, "eth_getLogs requests with up to a 500 block range".to_owned()))
    });
    let payer = behind(&both, &proxy, PAYER, "payer", 0).await?;
    let book = Chequebook::open(&payer, both.book.address(), both.chain.key(PAYER)?).await?;
    assert_eq!(book.balance().await?.funded, gwei(100));
    Ok(())
}

/* W4 */

fn sent_transaction(method: &str, parameters: &serde_json::Value) -> Option<TxEnvelope> {
    let raw = (method == "eth_sendRawTransaction").then(|| hex::decode(parameters[0].as_str()?).ok())??;
    TxEnvelope::decode_2718_exact(&raw).ok()
}

fn recipient(method: &str, parameters: &serde_json::Value) -> Option<Address> {
    sent_transaction(method, parameters)?.to()
}

/// What a node's rules are, in geth's words.
fn pool(tip: u128, cap: u128) -> impl Fn(&str, &serde_json::Value) -> Option<Script> {
    move |method, parameters| {
        let sent = sent_transaction(method, parameters)?;
        let offered = sent.max_priority_fee_per_gas()?;
        if offered < tip {
            let words = format!("transaction underpriced: gas tip cap {offered}, minimum needed {tip}");
            return Some(Script::Error(-32_000, words));
        }
        let fee = u128::from(sent.gas_limit()) * sent.max_fee_per_gas();
        let words = format!("tx fee ({fee} wei) exceeds the configured cap ({cap} wei)");
        (fee > cap).then_some(Script::Error(-32_000, words))
    }
}

#[tokio::test]
async fn w4_a_pool_with_a_minimum_tip_gets_it() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let proxy = Proxy::start(&both.chain.anvil).await?;
    both.payer.shutdown().await;
    proxy.script(pool(25_000_000_000, u128::MAX));
    let payer = behind(&both, &proxy, PAYER, "payer", 0).await?;
    let book = Chequebook::open(&payer, both.book.address(), both.chain.key(PAYER)?).await?;
    book.deposit(gwei(5)).await?.confirmed().await?;
    // What it does not get is told, and can be cancelled.
    proxy.script(pool(250_000_000_000, u128::MAX));
    let deposit = book.deposit(gwei(5)).await?;
    let error = deposit.confirmed().await.unwrap_err();
    assert!(
        matches!(&error, Error::NodeRefused { refusal, .. } if refusal.message.contains("250000000000")),
        "{error}"
    );
    // The pool goes on refusing the deposit, which is offered with each block: once it took it, nothing could be cancelled.
    let address = book.address();
    proxy.script(move |method, parameters| {
        (recipient(method, parameters)? == address)
            .then(|| Script::Error(-32_000, "transaction underpriced".to_owned()))
    });
    deposit.cancel().await?;
    let error = deposit.confirmed().await.unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert_eq!(book.balance().await?.funded, gwei(105));
    Ok(())
}

/// 120 cheques at 50 gwei, and geth's default of one ether for a transaction.
#[tokio::test]
async fn w4_a_batch_meets_the_fee_cap_of_a_node() -> Result<()> {
    let both = Both::start("osaka", 1_000_000_000).await?;
    let proxy = Proxy::start(&both.chain.anvil).await?;
    both.payee.shutdown().await;
    proxy.script(pool(0, 1_000_000_000_000_000_000));
    let payee = behind(&both, &proxy, PAYEE, "payee", 0).await?;
    let mut cheques = Vec::new();
    for index in 0..120 {
        let beneficiary = Address::with_last_byte(index).create(1);
        cheques.push(both.book.outbox(beneficiary, Scheme::Typed).issue(gwei(1_000_000)).await?);
    }
    both.chain.provider.anvil_set_next_block_base_fee_per_gas(50_000_000_000).await?;
    both.chain.provider.anvil_mine(Some(1), None).await?;
    for answer in payee.cashing().cash_many(&cheques).await {
        answer?.confirmed().await?;
    }
    assert_eq!(both.balance().await?, gwei(880_000_000));
    Ok(())
}

/* THE STORE */

/// A chequebook that was prepared, and not created, when the store was lost.
#[tokio::test]
async fn w1_a_prepared_chequebook_is_recovered() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let new = NewChequebook::default().notice_period(NOTICE).form(Form::Clone).salt(B256::repeat_byte(7));
    let key = both.chain.key(PAYER)?;
    let book = Chequebook::prepare(&both.payer, key.clone(), new).await?;
    book.deposit(gwei(50)).await?.confirmed().await?;
    let cheque = book.outbox(somebody(1), Scheme::Typed).issue(gwei(20)).await?;
    let creation = book.creation().ok_or_eyre("it has no terms")?;
    both.payer.shutdown().await;

    let config = Config::default().confirmations(0);
    let payer = Wallet::open(both.chain.provider.clone(), key.clone(), Memory::new(), config).await?;
    let refused = Chequebook::prepare(&payer, key.clone(), new).await.unwrap_err();
    assert!(matches!(refused, Error::NoRecord { .. }), "{refused:?}");
    let book = Chequebook::recover_of(&payer, &creation, key.clone(), [cheque]).await?;
    let balance = book.balance().await?;
    assert_eq!((balance.funded, balance.issued), (gwei(50), gwei(20)));
    assert_eq!(book.creation(), Some(creation));
    assert_eq!(book.outbox(somebody(1), Scheme::Typed).issue(gwei(1)).await?.cheque().amount, gwei(21));
    Ok(())
}
