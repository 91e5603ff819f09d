//! The forge scripts, run as a deployer runs them.

mod create;
mod forge;
mod many;
mod preflight;
mod token;

use alloy::{
    contract::CallBuilder,
    primitives::{Address, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::Scheme;
use eyre::{OptionExt, Result};
use serde_json::{Value, json};

use crate::chain::{Chain, Instance};

const ONE_ETHER: u64 = 1_000_000_000_000_000_000;

impl Chain {
    /// A chain with the factory and the clearing house.
    async fn ready() -> Result<Self> {
        let chain = Self::start()?;
        chain.infrastructure().await?;
        Ok(chain)
    }
}

/// The chequebook that Create prints.
fn created(chain: &Chain, text: &str) -> Result<Instance> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Chequebook: "));
    Ok(chain.chequebook(line.ok_or_eyre("no chequebook in the output")?.trim().parse()?))
}

fn assert_prints(text: &str, line: &str) {
    assert!(text.contains(line), "expected {line:?} in: {text}");
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
async fn deposits_where_the_end_is_announced_only_with_consent() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 0).await?;
    chequebook.announceKill().send().await?.watch().await?;
    let killable_at = chequebook.killableAt().call().await?;
    let deposit = || chain.script("Deposit").set("CHEQUEBOOK", chequebook.address()).set("AMOUNT", 1);

    deposit().refuses(format!("Ending({}, {killable_at}", chequebook.address())).await?;
    let text = deposit().set("ALLOW_ENDING", true).succeeds()?;

    assert_prints(&text, "Warning: the end of this chequebook is announced.");
    assert_eq!(chain.balance(*chequebook.address()).await?, U256::from(1));
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
    let chain = Chain::ready().await?;
    let deposit = || chain.script("Deposit").set("AMOUNT", 1);
    deposit().refuses("vm.envAddress: environment variable \"CHEQUEBOOK\" not found").await?;
    for account in [chain.account(1), chequebook::clearing_house()] {
        deposit().set("CHEQUEBOOK", account).refuses(format!("NotAChequebook({account})")).await?;
    }
    Ok(())
}

/// The runtime of a chequebook, behind a constructor that wrote an announcement of 1970: PUSH1 1 PUSH0 SSTORE, and then
/// CODECOPY and RETURN of the rest.
async fn forge_constructor(chain: &Chain, genuine: Address) -> Result<Address> {
    let runtime = chain.provider.get_code_at(genuine).await?;
    let size = u16::try_from(runtime.len())?.to_be_bytes();
    let init = [&[0x60, 1, 0x5f, 0x55, 0x61], &size[..], &[0x60, 16, 0x5f, 0x39, 0x61], &size, &[0x5f, 0xf3], &runtime];
    let forged = CallBuilder::new_raw_deploy(&chain.provider, Bytes::from(init.concat())).deploy().await?;
    assert_eq!(chain.provider.get_code_at(forged).await?, runtime);
    Ok(forged)
}

#[tokio::test]
async fn genuine_code_behind_a_forged_constructor_is_unproven() -> Result<()> {
    let (chain, genuine) = Chain::with_chequebook(60, 0).await?;
    let forged = forge_constructor(&chain, *genuine.address()).await?;
    let warning = format!("Warning: {forged} is unproven: the factory did not create it.");
    let deposit = || chain.script("Deposit").set("CHEQUEBOOK", forged).set("AMOUNT", 100).set("ALLOW_ENDING", true);

    deposit().refuses(format!("Unproven({forged})")).await?;
    assert_eq!(chain.balance(forged).await?, U256::ZERO);
    assert_prints(&deposit().set("ALLOW_UNPROVEN", true).succeeds()?, &warning);

    let cheque = chain.json(forged, 40, Scheme::Typed, 0).await?;
    let text = chain.script("Cash").set("CHEQUEBOOK", forged).set("CHEQUE", cheque).succeeds()?;
    assert_prints(&text, &warning);
    assert_prints(&text, "Form:          unproven");
    assert_prints(&text, "Payment:       40 wei");
    Ok(())
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

    cash().refuses("NotCovered(10, 7)").await?;
    cash().set("ALLOW_OVERDRAFT", false).refuses("NotCovered(10, 7)").await?;
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
async fn takes_the_announcement_back() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 7).await?;
    let kill = || chain.script("Kill").set("CHEQUEBOOK", chequebook.address());
    let cancel = || {
        let mut script = kill();
        script.call("cancel()");
        script
    };
    cancel().refuses("NotAnnounced()").await?;
    kill().succeeds()?;

    assert_prints(&cancel().succeeds()?, "Cancellation of the end: works");

    assert_eq!(chequebook.killableAt().call().await?, U256::ZERO);
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
    deposit.refuses(format!("Erased({contract}, ")).await
}

#[tokio::test]
async fn refuses_to_kill_for_a_stranger_or_in_the_block_of_creation() -> Result<()> {
    let chain = Chain::ready().await?;
    let (owner, stranger) = (chain.account(0), chain.account(1));
    let chequebook = created(&chain, &chain.script("Create").set("NOTICE_PERIOD", 0).succeeds()?)?;
    let kill = || chain.script("Kill").set("CHEQUEBOOK", chequebook.address());

    kill().from(Some(1)).refuses(format!("SenderIsNotOwner({stranger}, {owner})")).await?;
    kill().refuses("BornThisBlock()").await
}
