//! `make verify`: what it says of an address. Needs node on the PATH.

mod liar;
mod nodes;

use std::process::{Command, Output};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::{ChequebookContract, Creation, DEPLOYER, Form, Terms, clearing_house, factory};
use eyre::Result;

use crate::{
    chain::Chain,
    fixture::{HARDFORKS, somebody},
    proof::{self, KILLABLE_AT},
    thin::{Contract, start},
};

const GENUINE: i32 = 0;
const NOT_GENUINE: i32 = 1;
const NOT_KNOWN: i32 = 2;
const NOTICE: u32 = 86_400;

/// What it says of `address`, and how it ends.
fn verify(rpc: &str, address: impl ToString, salt: Option<B256>) -> Result<(i32, String)> {
    let mut command = Command::new("node");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/verify.mjs")).current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.env("RPC", rpc).env("ADDRESS", address.to_string()).env_remove("SALT");
    command.envs(salt.map(|salt| ("SALT", salt.to_string())));
    let Output { status, stdout, stderr } = command.output()?;
    Ok((status.code().unwrap_or_default(), String::from_utf8([stdout, stderr].concat())?))
}

/// It must end with this code, and print these lines, each as a whole or up to "…".
#[track_caller]
fn assert_says((code, text): &(i32, String), expected: i32, lines: &[&str]) {
    assert_eq!(*code, expected, "{text}");
    for line in lines {
        let found =
            text.lines().any(|said| line.strip_suffix('…').map_or(said == *line, |start| said.starts_with(start)));
        assert!(found, "expected {line:?} in:\n{text}");
    }
}

impl Chain {
    fn says(&self, address: Address) -> Result<(i32, String)> {
        verify(&self.anvil.endpoint(), address, None)
    }

    /// A chequebook of the first account, with a signer of its own, and a deposit.
    async fn book(&self, form: Form, notice_period: u32) -> Result<(Contract, Creation)> {
        let terms = Terms { signer: somebody(5), notice_period, ..Terms::new(form, self.account(0)) };
        let creation = Creation { terms, salt: B256::repeat_byte(7) };
        let book = ChequebookContract::create(self.provider.clone(), &creation, U256::from(1_000)).await?;
        self.provider.evm_mine(None).await?;
        Ok((book, creation))
    }
}

#[tokio::test]
async fn knows_what_each_chain_has_once() -> Result<()> {
    let chain = Chain::start()?;
    let infrastructure = [
        (factory(), "the factory"),
        (factory().create(1), "the implementation of clones"),
        (factory().create(2), "the implementation of token chequebooks"),
        (clearing_house(), "the clearing house"),
    ];
    for (address, what) in infrastructure {
        let line = format!("It is:         NOT {what}, whose address this is: this chain does not have it");
        assert_says(&chain.says(address)?, NOT_GENUINE, &[&line]);
    }
    let missing = format!("Factory:       {} is missing on this chain", factory());
    assert_says(&chain.says(DEPLOYER)?, GENUINE, &["It is:         the deployment proxy", &missing]);

    chain.infrastructure().await?;
    for (address, what) in infrastructure {
        assert_says(
            &chain.says(address)?,
            GENUINE,
            &[&format!("It is:         {what}"), "Proof:         the address, and…"],
        );
    }
    for (address, _) in infrastructure {
        chain.provider.anvil_set_code(address, Bytes::from_static(&[0])).await?;
        assert_says(&chain.says(address)?, NOT_GENUINE, &["It is:         NOT the …"]);
    }
    Ok(())
}

#[tokio::test]
async fn shows_form_terms_and_state_of_a_genuine_chequebook() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let token = *token.address();
    let in_token = format!("the token {token}");
    for (form, name, asset, balance) in [
        (Form::Direct, "direct", "ether", "1000 wei (0.000000000000001 ether)"),
        (Form::Clone, "clone", "ether", "1000 wei (0.000000000000001 ether)"),
        (Form::Token(token), "token", &in_token, "1000, in the smallest unit of the token"),
    ] {
        let (book, creation) = chain.book(form, NOTICE).await?;
        let record = ChequebookContract::record(&chain.provider, book.address()).await?.unwrap();
        let block = chain.provider.get_block(alloy::eips::BlockId::latest()).await?.unwrap().header;
        let terms = [
            "Chain:         31337 (not in deployments.json; nobody has checked it, see docs/chains.md)",
            &format!("Block:         {}, {}, of {} (…", block.number, block.hash, block.timestamp),
            &format!("Factory:       {} is there, with our code", factory()),
            &format!("Address:       {}", book.address()),
            "It is:         a genuine chequebook: the factory created it",
            &format!("Form:          {name}"),
            &format!("Asset:         {asset}"),
            &format!("Born:          at block.number {}", record.born_at),
            &format!("Owner:         {}", chain.account(0)),
            &format!("Signer:        {}", somebody(5)),
            "Notice period: 86400 seconds",
            "State:         alive",
            &format!("Balance:       {balance}"),
            "Proof:         the factory's record, and the code, which is that of these terms",
            "Rests on:      the answers of your node…",
        ];
        let said = chain.says(book.address())?;
        assert_says(&said, GENUINE, &terms);
        assert!(!said.1.contains("SALT"), "{}", said.1);

        let said = verify(&chain.anvil.endpoint(), book.address(), Some(creation.salt))?;
        assert_says(&said, GENUINE, &["               the address, which follows from form, terms, SALT and chain…"]);
        let said = verify(&chain.anvil.endpoint(), book.address(), Some(B256::ZERO))?;
        assert_says(&said, NOT_KNOWN, &["verify: SALT is not that of this chequebook…"]);
    }
    Ok(())
}

#[tokio::test]
async fn sees_the_end_come() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
        let (book, _) = chain.book(form, NOTICE).await?;
        book.instance().announceKill().send().await?.watch().await?;
        let killable_at = book.instance().killableAt().call().await?;
        let line = format!("State:         ENDING: the owner can kill from {killable_at} (…");
        assert_says(&chain.says(book.address())?, GENUINE, &[&line]);
        chain.provider.anvil_increase_time(NOTICE.into()).await?;
        chain.provider.evm_mine(None).await?;
        let line = format!("State:         ENDING: the owner can kill at any moment, since {killable_at} (…");
        assert_says(&chain.says(book.address())?, GENUINE, &[&line]);
    }
    Ok(())
}

/// Before Cancun the account of a dead chequebook of ether is erased. The record of the factory stays.
#[tokio::test]
async fn knows_the_dead() -> Result<()> {
    for hardfork in HARDFORKS {
        let (chain, token) = start(hardfork).await?;
        for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
            let (book, creation) = chain.book(form, 0).await?;
            let line = "Notice period: 0 seconds: the owner can kill at any moment";
            assert_says(&chain.says(book.address())?, GENUINE, &[line, "State:         alive"]);
            book.instance().kill().send().await?.watch().await?;

            let erased = chain.provider.get_code_at(book.address()).await?.is_empty();
            assert_eq!(erased, hardfork == "shanghai" && !matches!(form, Form::Token(_)));
            let state = if erased { "DEAD, and erased: whatever is sent there is lost" } else { "DEAD" };
            assert_says(&chain.says(book.address())?, GENUINE, &[&format!("State:         {state}")]);
            if erased {
                let said = verify(&chain.anvil.endpoint(), book.address(), Some(creation.salt))?;
                assert_says(&said, NOT_KNOWN, &["verify: SALT proves nothing of this chequebook…"]);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_forged_chequebook_is_not_genuine() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    for (form, name) in [(Form::Direct, "direct"), (Form::Clone, "clone"), (Form::Token(*token.address()), "token")] {
        let (book, _) = chain.book(form, NOTICE).await?;
        let forged = proof::forge(&chain, book.address(), U256::from(KILLABLE_AT), U256::ONE).await?;
        let line = format!("It is:         NOT a genuine chequebook, but the code of a chequebook of the form {name}");
        let advice = "               The factory did not create it, and code proves nothing…";
        assert_says(&chain.says(forged)?, NOT_GENUINE, &[&line, advice]);
    }
    Ok(())
}

#[tokio::test]
async fn knows_what_is_no_chequebook() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let account = |index| chain.account(index);
    let code = chain.provider.get_code_at(factory().create(1)).await?;
    chain.provider.anvil_set_code(somebody(3), code).await?;
    // One bit is different: of a clone, in the address of the code that it runs.
    for (form, place, address) in [(Form::Direct, 0, somebody(4)), (Form::Clone, 15, somebody(5))] {
        let (book, _) = chain.book(form, NOTICE).await?;
        let mut code = chain.provider.get_code_at(book.address()).await?.to_vec();
        code[place] ^= 1;
        chain.provider.anvil_set_code(address, code.into()).await?;
    }
    for (index, to) in [(5, factory().create(1)), (6, account(2))] {
        let delegation = [&[0xef, 0x01, 0x00], to.as_slice()].concat();
        chain.provider.anvil_set_code(account(index), delegation.into()).await?;
    }
    let delegates = |to, what| format!("an account with a key, which delegates to {to}{what} (EIP-7702)");
    for (address, what) in [
        (somebody(9), "an account without code"),
        (account(1), "an account without code"),
        (*token.address(), "other code"),
        (somebody(4), "other code"),
        (somebody(5), "other code"),
        (
            somebody(3),
            "the code of the implementation of clones at another address than that of the implementation of clones",
        ),
        (account(5), &delegates(factory().create(1), ", the implementation of clones")),
        (account(6), &delegates(account(2), "")),
    ] {
        let line = format!("It is:         NOT a genuine chequebook, but {what}");
        assert_says(&chain.says(address)?, NOT_GENUINE, &[&line]);
    }
    Ok(())
}

/// Without the factory, nothing is genuine.
#[tokio::test]
async fn trusts_no_record_of_another_factory() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let (book, _) = chain.book(Form::Clone, NOTICE).await?;
    for (code, what) in [
        (&[0x5f, 0x5f, 0xf3][..], "HAS OTHER CODE on this chain: this is no chain for chequebooks"),
        (&[], "is missing on this chain"),
    ] {
        chain.provider.anvil_set_code(factory(), Bytes::from_static(code)).await?;
        let line = format!("Factory:       {} {what}", factory());
        let verdict = "It is:         NOT a genuine chequebook, but the code of a chequebook of the form clone";
        assert_says(&chain.says(book.address())?, NOT_GENUINE, &[&line, verdict]);
    }
    Ok(())
}

#[tokio::test]
async fn the_balance_of_a_token_that_does_not_answer_is_not_known() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let (book, _) = chain.book(Form::Token(*token.address()), NOTICE).await?;
    // It reverts.
    chain.provider.anvil_set_code(*token.address(), Bytes::from_static(&[0x5f, 0x5f, 0xfd])).await?;
    let line = "Balance:       not known, because of the token: the node refused eth_call with the error 3";
    assert_says(&chain.says(book.address())?, GENUINE, &[line]);
    // It returns text: escape sequences of a terminal.
    let code = [&[0x7f][..], &[0x1b; 32], &[0x5f, 0x52, 0x60, 0x40, 0x5f, 0xf3]].concat();
    chain.provider.anvil_set_code(*token.address(), code.into()).await?;
    let line = "Balance:       not known, because of the token: …";
    assert_says(&chain.says(book.address())?, GENUINE, &[line]);
    Ok(())
}

/* INPUT */

#[test]
fn names_what_is_wrong_with_its_input() -> Result<()> {
    let good = factory().to_string();
    let (mixed, short) = (good.replace('b', "B"), good[..41].to_string());
    for (rpc, address, line) in [
        ("", good.as_str(), "verify: RPC must be the http or https URL of a node"),
        ("ws://127.0.0.1:8545", &good, "verify: RPC must be the http or https URL of a node"),
        ("http://user:secret@127.0.0.1:8545", &good, "verify: RPC must be a URL without a user and a password"),
        ("http://127.0.0.1:8545", "", "verify: ADDRESS must be an address of 20 bytes in hex, got: nothing"),
        (
            "http://127.0.0.1:8545",
            &short,
            &format!("verify: ADDRESS must be an address of 20 bytes in hex, got: {short}"),
        ),
        (
            "http://127.0.0.1:8545",
            &mixed,
            &format!("verify: ADDRESS has a wrong checksum, is it mistyped? Got: {mixed}"),
        ),
    ] {
        let said = verify(rpc, address, None)?;
        assert_says(&said, NOT_KNOWN, &[line]);
        assert!(!said.1.contains("secret"), "{}", said.1);
    }
    Ok(())
}

#[tokio::test]
async fn works_through_make_and_shows_no_url() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let make = |address| {
        let url = format!("{}/?key-of-the-node", chain.anvil.endpoint());
        let mut make = Command::new("make");
        // As if no other make had started the tests, and without the set-up, which other tests use now.
        make.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        make.args(["--old-file", "setup"]);
        make.args(["verify".to_owned(), format!("RPC={url}"), format!("ADDRESS={address}")]).output()
    };
    for (address, status) in [(factory(), 0), (somebody(9), 2)] {
        let Output { status: found, stdout, stderr } = make(address)?;
        let text = String::from_utf8([stdout, stderr].concat())?;
        assert_eq!(found.code(), Some(status), "{text}");
        assert!(text.contains("is there, with our code") && !text.contains("key-of-the-node"), "{text}");
    }
    Ok(())
}
