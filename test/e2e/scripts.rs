//! The forge scripts, run as a deployer runs them.

mod clones;
mod forge;

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::Scheme;
use eyre::{OptionExt, Result};
use serde_json::{Value, json};

use crate::chain::{Chain, Instance};

/// The default notice period of Deploy, in seconds.
const ONE_DAY: u64 = 86400;
const ONE_ETHER: u64 = 1_000_000_000_000_000_000;

fn assert_prints(text: &str, line: &str) {
    assert!(text.contains(line), "expected {line:?} in: {text}");
}

/* DEPLOY */

/// The chequebook that Deploy prints.
fn deployed(chain: &Chain, text: &str) -> Result<Instance> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Chequebook: "));
    Ok(chain.chequebook(line.ok_or_eyre("no chequebook in the output")?.trim().parse()?))
}

#[tokio::test]
async fn deploys_with_defaults_that_protect_payees() -> Result<()> {
    let chain = Chain::start()?;

    let text = chain.script("Deploy").succeeds()?;

    let chequebook = deployed(&chain, &text)?;
    assert_eq!(chequebook.owner().call().await?, chain.account(0));
    assert_eq!(chequebook.signer().call().await?, chain.account(0));
    assert_eq!(chequebook.noticePeriod().call().await?, U256::from(ONE_DAY));
    assert_eq!(chain.balance(*chequebook.address()).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn deploys_what_the_variables_say() -> Result<()> {
    let chain = Chain::start()?;
    let (owner, signer) = (chain.account(1), chain.account(2));

    let script = chain.script("Deploy").set("OWNER", owner).set("SIGNER", signer);
    let text = script.set("NOTICE_PERIOD", 0).set("DEPOSIT", ONE_ETHER).succeeds()?;

    assert_prints(&text, "Deployment: works on a copy of the chain, forge broadcasts it now.");
    assert_prints(&text, "Balance:       1000000000000000000 wei (1 ether)");
    assert_prints(&text, "Warning: no notice period. The owner may take the deposit at any moment.");
    let chequebook = deployed(&chain, &text)?;
    assert_eq!(chequebook.owner().call().await?, owner);
    assert_eq!(chequebook.signer().call().await?, signer);
    assert_eq!(chequebook.noticePeriod().call().await?, U256::ZERO);
    assert_eq!(chain.balance(*chequebook.address()).await?, U256::from(ONE_ETHER));
    Ok(())
}

#[tokio::test]
async fn sends_nothing_without_broadcast() -> Result<()> {
    let chain = Chain::start()?;
    let text = chain.script("Deploy").dry().sends_nothing().await?;
    assert_prints(&text, "Deployment: works on a copy of the chain, nothing is sent without --broadcast.");
    Ok(())
}

#[tokio::test]
async fn refuses_to_send_from_the_default_account_of_forge() -> Result<()> {
    let chain = Chain::start()?;
    chain.script("Deploy").from(None).refuses("NoWallet(0x1804c8AB1F12E6bbf3894d4083f33e07309d1f38)").await
}

#[tokio::test]
async fn refuses_to_deploy_what_nobody_could_use() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(0, 0).await?;
    let deploy = || chain.script("Deploy");
    let contract = chequebook.address();

    deploy().set("OWNER", Address::ZERO).refuses("ZeroAddress(\"OWNER\")").await?;
    deploy().set("SIGNER", Address::ZERO).refuses("ZeroAddress(\"SIGNER\")").await?;
    deploy().set("SIGNER", contract).refuses(format!("SignerIsContract({contract})")).await?;
    deploy().set("OWNER", contract).refuses(format!("SignerIsContract({contract})")).await
}

#[tokio::test]
async fn refuses_notice_period_above_32_bits() -> Result<()> {
    let chain = Chain::start()?;
    let error = "NoticePeriodTooLong(4294967296 [4.294e9], 4294967295 [4.294e9])";
    chain.script("Deploy").set("NOTICE_PERIOD", 1_u64 << 32).refuses(error).await
}

#[tokio::test]
async fn refuses_malformed_variable_instead_of_taking_the_default() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 7).await?;
    for (variable, value, error) in [
        ("OWNER", "0x12", "vm.envAddress: failed parsing $OWNER as type `address`"),
        ("SIGNER", "", "vm.envAddress: failed parsing $SIGNER as type `address`"),
        ("NOTICE_PERIOD", "soon", "vm.envUint: failed parsing $NOTICE_PERIOD as type `uint256`"),
        ("DEPOSIT", "-1", "vm.envUint: failed parsing $DEPOSIT as type `uint256`"),
    ] {
        chain.script("Deploy").set(variable, value).refuses(error).await?;
    }
    let cheque = chain.json(*chequebook.address(), 10, Scheme::Packed, 0).await?;
    let cash = chain.script("Cash").set("CHEQUEBOOK", chequebook.address()).set("CHEQUE", cheque);
    let error = "vm.envBool: failed parsing $ALLOW_OVERDRAFT as type `bool`";
    cash.set("ALLOW_OVERDRAFT", "maybe").refuses(error).await
}

#[tokio::test]
async fn refuses_first_deposit_above_funds() -> Result<()> {
    let chain = Chain::start()?;
    chain.provider.anvil_set_balance(chain.account(0), U256::from(41)).await?;
    let error = format!("InsufficientFunds({}, 41, 42)", chain.account(0));
    chain.script("Deploy").set("DEPOSIT", 42).refuses(error).await
}

/* DEPOSIT */

#[tokio::test]
async fn deposits() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 5).await?;

    let script = chain.script("Deposit").set("CHEQUEBOOK", chequebook.address());
    let text = script.set("AMOUNT", ONE_ETHER).from(Some(1)).succeeds()?;

    assert_prints(&text, "Amount:        1000000000000000000 wei (1 ether)");
    assert_prints(&text, "Balance:       1000000000000000005 wei (1.000000000000000005 ether)");
    assert_eq!(chain.balance(*chequebook.address()).await?, U256::from(ONE_ETHER + 5));
    Ok(())
}

#[tokio::test]
async fn warns_of_deposit_to_chequebook_whose_end_is_announced() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 0).await?;
    chequebook.announceKill().send().await?.watch().await?;

    let text = chain.script("Deposit").set("CHEQUEBOOK", chequebook.address()).set("AMOUNT", 1).succeeds()?;

    assert_prints(&text, "Warning: the end of this chequebook is announced.");
    Ok(())
}

#[tokio::test]
async fn refuses_deposit_of_nothing_or_above_funds() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 0).await?;
    chain.provider.anvil_set_balance(chain.account(0), U256::from(41)).await?;
    let deposit = || chain.script("Deposit").set("CHEQUEBOOK", chequebook.address());

    deposit().refuses("vm.envUint: environment variable \"AMOUNT\" not found").await?;
    deposit().set("AMOUNT", 0).refuses("ZeroAmount()").await?;
    let error = format!("InsufficientFunds({}, 41, 42)", chain.account(0));
    deposit().set("AMOUNT", 42).refuses(error).await
}

#[tokio::test]
async fn refuses_account_that_is_no_chequebook() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 0).await?;
    let deposit = || chain.script("Deposit").set("AMOUNT", 1);
    let account = chain.account(1);
    let forged = *chequebook.address();
    let mut code = chain.provider.get_code_at(forged).await?.to_vec();
    let last = code.last_mut().ok_or_eyre("the chequebook has no code")?;
    *last ^= 1;
    chain.provider.anvil_set_code(forged, code.into()).await?;

    deposit().refuses("vm.envAddress: environment variable \"CHEQUEBOOK\" not found").await?;
    deposit().set("CHEQUEBOOK", account).refuses(format!("NotAChequebook({account})")).await?;
    deposit().set("CHEQUEBOOK", forged).refuses(format!("NotAChequebook({forged})")).await
}

/* CASH */

#[tokio::test]
async fn cashes_cheques_of_the_thin_crate_with_both_schemes() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 100).await?;
    let contract = *chequebook.address();
    let before = chain.balance(chain.account(1)).await?;
    let cash = |cheque: Value| chain.script("Cash").set("CHEQUEBOOK", contract).set("CHEQUE", cheque);

    let text = cash(chain.json(contract, 40, Scheme::Packed, 0).await?).succeeds()?;
    assert_prints(&text, "Payment:       40 wei");
    let text = cash(chain.json(contract, 100, Scheme::Typed, 0).await?).succeeds()?;
    assert_prints(&text, "Payment:       60 wei");

    assert_eq!(chequebook.sent(chain.account(1)).call().await?, U256::from(100));
    assert_eq!(chain.balance(chain.account(1)).await?, before.saturating_add(U256::from(100)));
    assert_eq!(chequebook.killableAt().call().await?, U256::ZERO, "a covered cheque must not end the chequebook");
    Ok(())
}

#[tokio::test]
async fn refuses_cheque_that_the_chequebook_would_not_pay() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 100).await?;
    let contract = *chequebook.address();
    let (owner, stranger) = (chain.account(0), chain.account(2));
    let cash = |cheque: &Value| chain.script("Cash").set("CHEQUEBOOK", contract).set("CHEQUE", cheque);
    let good = chain.json(contract, 40, Scheme::Typed, 0).await?;

    let cheque = chain.json(stranger, 40, Scheme::Packed, 0).await?;
    cash(&cheque).refuses(format!("WrongChequebook({stranger}, {contract})")).await?;
    let cheque = chain.json(contract, 40, Scheme::Packed, 2).await?;
    cash(&cheque).refuses(format!("WrongSigner({stranger}, {owner})")).await?;
    cash(&with(&good, "chainId", json!(1))).refuses("WrongChain(1, 31337 [3.133e4])").await?;
    let itself = with(&good, "beneficiary", json!(contract));
    cash(&itself).refuses(format!("InvalidBeneficiary({contract})")).await?;

    cash(&good).succeeds()?;
    cash(&good).refuses("StaleCheque(40, 40)").await
}

#[tokio::test]
async fn refuses_malformed_cheque() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 100).await?;
    let contract = *chequebook.address();
    let cash = || chain.script("Cash").set("CHEQUEBOOK", contract);
    let good = chain.json(contract, 42, Scheme::Packed, 0).await?;

    cash().refuses("vm.envString: environment variable \"CHEQUE\" not found").await?;
    cash().set("CHEQUE", "{").refuses("vm.parseJsonAddress: failed parsing JSON").await?;
    cash().set("CHEQUE", "{}").refuses("vm.parseJsonAddress: path \".contract\" must return").await?;
    for (field, value, error) in [
        ("contract", "0x12", "vm.parseJsonAddress: failed parsing \"0x12\" as type `address`"),
        ("amount", "0x2a", "InvalidAmount(\"0x2a\", \"42\")"),
        ("amount", "-42", "vm.parseUint: failed parsing \"-42\" as type `uint256`"),
        ("scheme", "plain", "UnknownScheme(\"plain\", \"packed or typed\")"),
        ("signature", "0x1234", "InvalidSignatureLength(2, 65)"),
    ] {
        cash().set("CHEQUE", with(&good, field, json!(value))).refuses(error).await?;
    }
    Ok(())
}

#[tokio::test]
async fn bounces_chequebook_only_with_consent() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 7).await?;
    let contract = *chequebook.address();
    let cheque = chain.json(contract, 10, Scheme::Typed, 0).await?;
    let cash = || chain.script("Cash").set("CHEQUEBOOK", contract).set("CHEQUE", &cheque);

    cash().refuses("OverdraftNotAllowed(7, 10)").await?;
    cash().set("ALLOW_OVERDRAFT", false).refuses("OverdraftNotAllowed(7, 10)").await?;
    let text = cash().set("ALLOW_OVERDRAFT", true).succeeds()?;

    assert_prints(&text, "Due:           10 wei");
    assert_prints(&text, "Would be paid: 7 wei");
    assert_eq!(chequebook.sent(chain.account(1)).call().await?, U256::from(7));
    assert_eq!(chequebook.killableAt().call().await?, U256::MAX, "an overdraft must end the chequebook");
    cash().set("ALLOW_OVERDRAFT", true).refuses(format!("DeadChequebook({contract})")).await
}

/// The cheque with another `value` in `field`, which its signature does not cover.
fn with(cheque: &Value, field: &str, value: Value) -> Value {
    let mut altered = cheque.clone();
    altered[field] = value;
    altered
}

/* KILL */

#[tokio::test]
async fn announces_the_end_then_waits_then_kills() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 7).await?;
    let kill = || chain.script("Kill").set("CHEQUEBOOK", chequebook.address());

    assert_prints(&kill().succeeds()?, "Announcement of the end: works");
    let killable_at = chequebook.killableAt().call().await?;
    assert_ne!(killable_at, U256::ZERO, "the end must be announced");

    let text = kill().sends_nothing().await?;
    assert_prints(&text, "Nothing sent: the notice runs for another 60 seconds.");
    assert_prints(&text, &format!("End:           announced, killable from {killable_at} on (Unix seconds)"));

    chain.provider.anvil_increase_time(60).await?;
    chain.provider.evm_mine(None).await?;
    assert_prints(&kill().succeeds()?, "Refund:        7 wei");
    assert_eq!(chequebook.killableAt().call().await?, U256::MAX);
    assert_eq!(chain.balance(*chequebook.address()).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn kills_at_once_without_notice_period_and_only_once() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(0, 7).await?;
    let contract = chequebook.address();

    assert_prints(&chain.script("Kill").set("CHEQUEBOOK", contract).succeeds()?, "Refund:        7 wei");

    assert_eq!(chequebook.killableAt().call().await?, U256::MAX);
    let text = chain.script("Kill").set("CHEQUEBOOK", contract).show().sends_nothing().await?;
    assert_prints(&text, "End:           dead");
    let error = format!("DeadChequebook({contract})");
    chain.script("Kill").set("CHEQUEBOOK", contract).refuses(&error).await?;
    chain.script("Deposit").set("CHEQUEBOOK", contract).set("AMOUNT", 1).refuses(&error).await
}

#[tokio::test]
async fn kills_on_a_chain_that_erases_the_dead() -> Result<()> {
    let chain = Chain::under("shanghai")?;
    let chequebook = chain.create(0, 7).await?;
    let contract = chequebook.address();

    assert_prints(&chain.script("Kill").set("CHEQUEBOOK", contract).succeeds()?, "Refund:        7 wei");

    assert!(chain.provider.get_code_at(*contract).await?.is_empty(), "the chequebook must be erased");
    let deposit = chain.script("Deposit").set("CHEQUEBOOK", contract).set("AMOUNT", 1);
    deposit.refuses(format!("NotAChequebook({contract})")).await
}

#[tokio::test]
async fn refuses_to_kill_for_a_stranger_or_in_the_block_of_creation() -> Result<()> {
    let chain = Chain::start()?;
    let (owner, stranger) = (chain.account(0), chain.account(1));
    let chequebook = deployed(&chain, &chain.script("Deploy").set("NOTICE_PERIOD", 0).succeeds()?)?;
    let kill = || chain.script("Kill").set("CHEQUEBOOK", chequebook.address());

    kill().from(Some(1)).refuses(format!("SenderIsNotOwner({stranger}, {owner})")).await?;
    kill().refuses("BornThisBlock()").await
}
