//! Preflight: what a chain can do.

use alloy::{primitives::Bytes, providers::ext::AnvilApi};
use chequebook::{DEPLOYER, clearing_house};
use eyre::{OptionExt, Result};

use super::assert_prints;
use crate::{chain::Chain, fixture::HARDFORKS};

/// What it asks a node for.
const QUESTIONS: [&str; 9] = [
    "PUSH0",
    "CHAINID",
    "SELFBALANCE",
    "EXTCODECOPY",
    "CREATE2",
    "ecrecover",
    "a call gets 63/64 of the gas",
    "SELFDESTRUCT",
    "SELFDESTRUCT moves ether",
];

fn row(what: &str, result: &str) -> String {
    format!("{what:<32}{result}")
}

#[tokio::test]
async fn says_of_a_good_chain_that_all_works() -> Result<()> {
    for hardfork in HARDFORKS {
        let chain = Chain::under(hardfork)?;
        let preflight = || chain.script("Preflight").from(None).dry();
        assert_prints(&preflight().sends_nothing().await?, &row("factory", "not created yet"));
        chain.infrastructure().await?;

        let text = preflight().sends_nothing().await?;

        for what in QUESTIONS {
            assert_prints(&text, &row(what, "works"));
        }
        for what in ["deployment proxy", "factory", "implementation of token clones", "clearing house"] {
            assert_prints(&text, &row(what, "there"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn names_what_a_chain_lacks() -> Result<()> {
    let chain = Chain::under("london")?;
    let preflight = chain.script("Preflight").from(None).dry();
    preflight.refuses("ChainLacks(\"PUSH0, factory can be created\")").await
}

#[tokio::test]
async fn sees_other_code_at_our_addresses() -> Result<()> {
    let chain = Chain::ready().await?;
    chain.provider.anvil_set_code(clearing_house(), Bytes::from_static(&[0])).await?;
    let preflight = || chain.script("Preflight").from(None).dry();
    preflight().refuses("ChainLacks(\"clearing house\")").await?;
    chain.provider.anvil_set_code(DEPLOYER, Bytes::from_static(&[0])).await?;
    preflight().refuses("ChainLacks(\"deployment proxy, clearing house\")").await
}

/// The commands of cast that it prints give the same answers.
#[tokio::test]
async fn prints_commands_that_ask_the_same() -> Result<()> {
    let chain = Chain::start()?;
    let text = chain.script("Preflight").show().sends_nothing().await?;
    let commands: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("cast ")).collect();
    assert_eq!(commands.len(), QUESTIONS.len());
    for command in commands {
        let (options, parameters) = command.split_once(" --raw '").ok_or_eyre("no parameters")?;
        let mut cast = std::process::Command::new("cast");
        cast.args(options.replace("$RPC_URL", &chain.anvil.endpoint()).split(' '));
        cast.args(["--raw", parameters.trim_end_matches('\'')]);
        let output = String::from_utf8(cast.output()?.stdout)?;
        assert_prints(&output, &format!("{:064x}", 1));
    }
    Ok(())
}
