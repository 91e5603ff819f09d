//! What `make verify` makes of a node that is down, slow or hostile.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use alloy::{primitives::B256, providers::Provider};
use chequebook::{Form, factory};
use eyre::Result;
use serde_json::{Value, json};

use super::{NOT_KNOWN, NOTICE, assert_says, liar, verify};
use crate::{chain::Chain, thin::start};

#[test]
fn says_that_a_node_cannot_be_reached() -> Result<()> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let said = verify(&format!("http://{free}/key-of-the-node"), factory(), None)?;
    assert_says(&said, NOT_KNOWN, &["verify: the node cannot be reached (ECONNREFUSED)"]);
    assert!(!said.1.contains("key-of-the-node"), "{}", said.1);
    Ok(())
}

/// What is no answer at all, to the first question.
#[tokio::test]
async fn shows_no_text_of_a_node_that_does_not_speak_its_language() -> Result<()> {
    let chain = Chain::start()?;
    let http = |status, rest| format!("HTTP/1.1 {status} evil\r\nconnection: close\r\n{rest}");
    for (response, line) in [
        (liar::response("evil"), "verify: the node answered eth_chainId with what is no JSON"),
        (liar::response(""), "verify: the node answered eth_chainId with what is no JSON"),
        (liar::response("null"), "verify: the node answered with undefined for the chain id…"),
        (liar::response("[\"evil\"]"), "verify: the node answered with undefined for the chain id…"),
        (liar::response(&"evil".repeat(300_000)), "verify: the node answered with more than 1000000 bytes"),
        (http(500, "content-length: 4\r\n\r\nevil"), "verify: the node answered eth_chainId with the HTTP status 500"),
        (
            http(302, "location: http://127.0.0.1/evil\r\ncontent-length: 0\r\n\r\n"),
            "verify: the node cannot be reached",
        ),
        ("evil".to_owned(), "verify: the node cannot be reached…"),
    ] {
        let said = verify(&liar::lying(chain.anvil.port(), move |_, _| response.clone())?, factory(), None)?;
        assert_says(&said, NOT_KNOWN, &[line]);
        assert!(!said.1.contains("evil"), "{}", said.1);
    }
    Ok(())
}

/// To any question: then nothing is genuine, and no text of the node is shown.
#[tokio::test]
async fn believes_and_repeats_no_nonsense() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let (book, _) = chain.book(Form::Clone, NOTICE).await?;
    let nonsense = [
        liar::response(&json!({ "error": { "code": -32_000, "message": "evil" } }).to_string()),
        liar::response(&json!({ "error": { "code": "evil", "message": "evil" } }).to_string()),
        liar::result(&json!("evil")),
        liar::result(&json!(format!("0x{}", "0".repeat(131)))), // half a byte
        liar::result(&json!({ "number": "evil", "hash": "evil", "timestamp": "evil" })),
    ];
    for method in ["eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call", "eth_getBalance"] {
        for nonsense in nonsense.clone() {
            let lie = move |asked: &str, found| if asked == method { nonsense.clone() } else { liar::result(&found) };
            let (code, text) = verify(&liar::lying(chain.anvil.port(), lie)?, book.address(), None)?;
            assert_eq!(code, NOT_KNOWN, "{method}: {text}");
            assert!(!text.contains("evil") && !text.contains("It is"), "{method}: {text}");
        }
    }
    Ok(())
}

/// A node that lies in one answer contradicts its other answers.
#[tokio::test]
async fn sees_contradictions() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let (clone, _) = chain.book(Form::Clone, NOTICE).await?;
    let (direct, _) = chain.book(Form::Direct, NOTICE).await?;
    let (in_token, _) = chain.book(Form::Token(*token.address()), NOTICE).await?;
    let code = async |account| -> Result<Value> { Ok(json!(chain.provider.get_code_at(account).await?)) };
    let implementation = factory().create(1);
    let forms = "verify: the node contradicts itself: the factory's record and the code do not belong together";
    for (book, lies_about, answer, line) in [
        (clone.address(), clone.address(), code(direct.address()).await?, forms),
        (direct.address(), direct.address(), json!("0xfe"), forms),
        (in_token.address(), in_token.address(), json!("0x"), forms), // it is never erased
        (clone.address(), implementation, json!("0x00"), "verify: the node contradicts itself: the code that all…"),
    ] {
        let truth = code(lies_about).await?;
        let lie = move |_: &str, found: Value| liar::result(if found == truth { &answer } else { &found });
        let said = verify(&liar::lying(chain.anvil.port(), lie)?, book, None)?;
        assert_says(&said, NOT_KNOWN, &[line]);
        assert!(!said.1.contains("It is"), "{}", said.1);
    }
    Ok(())
}

#[tokio::test]
async fn says_nothing_of_a_block_that_was_replaced() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let asked = AtomicUsize::new(0);
    let lie = move |method: &str, mut found: Value| {
        if method == "eth_getBlockByNumber" && asked.fetch_add(1, Ordering::Relaxed) == 1 {
            found["hash"] = json!(B256::ZERO);
        }
        liar::result(&found)
    };
    let said = verify(&liar::lying(chain.anvil.port(), lie)?, factory(), None)?;
    let number = chain.provider.get_block_number().await?;
    assert_says(&said, NOT_KNOWN, &[&format!("verify: the block {number} was replaced while it was read: try again")]);
    assert!(!said.1.contains("It is"), "{}", said.1);
    Ok(())
}

#[tokio::test]
async fn does_not_wait_for_ever() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let lie = |_: &str, _: Value| {
        thread::sleep(Duration::from_secs(60));
        String::new()
    };
    let said = verify(&liar::lying(chain.anvil.port(), lie)?, factory(), None)?;
    assert_says(&said, NOT_KNOWN, &["verify: the node did not answer eth_chainId within 10 seconds"]);
    Ok(())
}
