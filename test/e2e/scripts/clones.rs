//! The scripts around the factory and the clearing house.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::{Cheque, Creation, DEPLOYER, Form, Scheme, Terms, clearing_house, factory};
use eyre::{OptionExt, Result};
use serde_json::{Value, json};

use super::{ONE_DAY, ONE_ETHER, assert_prints, deployed, forge::Script, with};
use crate::{chain::Chain, fixture::somebody};

impl Chain {
    fn create_clone(&self) -> Script<'_> {
        self.script("Create").set("DEPOSIT", 100)
    }
}

#[tokio::test]
async fn puts_factory_and_clearing_house_in_place_once() -> Result<()> {
    let chain = Chain::start()?;
    let (factory, house) = (factory(), clearing_house());
    let show = || chain.script("Infrastructure").show();
    assert_prints(&show().sends_nothing().await?, &format!("Factory:        {factory} (missing)"));

    let text = chain.script("Infrastructure").succeeds()?;
    assert_prints(&text, "Factory: works on a copy of the chain, forge broadcasts it now.");
    assert_prints(&text, "Clearing house: works on a copy of the chain, forge broadcasts it now.");
    for (name, address) in [("Factory:       ", factory), ("Clearing house:", house)] {
        assert!(!chain.provider.get_code_at(address).await?.is_empty(), "no code at {address}");
        assert_prints(&show().sends_nothing().await?, &format!("{name} {address} (there)"));
    }
    chain.script("Infrastructure").from(Some(3)).sends_nothing().await?;
    Ok(())
}

#[tokio::test]
async fn refuses_where_something_is_missing() -> Result<()> {
    let chain = Chain::start()?;
    let missing = |what: &str, address: Address| format!("NotOnThisChain(\"{what}\", {address})");
    chain.create_clone().refuses(missing("factory", factory())).await?;
    let many = chain.script("CashMany").set("CHEQUES", "[]");
    many.refuses(missing("clearing house", clearing_house())).await?;
    chain.provider.anvil_set_code(DEPLOYER, Bytes::new()).await?;
    chain.script("Infrastructure").refuses(missing("deployment proxy", DEPLOYER)).await
}

#[tokio::test]
async fn creates_a_clone_at_the_predicted_address() -> Result<()> {
    let chain = Chain::start()?;
    chain.infrastructure().await?;
    let (owner, signer) = (chain.account(1), chain.account(2));
    let salt = B256::repeat_byte(5);
    let clone = Creation { terms: Terms { form: Form::Clone, owner, signer, notice_period: 60 }, salt };
    let expected = clone.address(chain.anvil.chain_id())?;
    let set = |name: &str| {
        let script = chain.script(name).set("OWNER", owner).set("SIGNER", signer);
        script.set("NOTICE_PERIOD", 60).set("SALT", salt).set("DEPOSIT", 100)
    };
    let look = || set("Create").sig("predict()");
    let text = look().sends_nothing().await?;
    assert_prints(&text, &format!("Chequebook:    {expected}"));
    assert_prints(&text, "Created:       not yet");
    chain.provider.anvil_set_balance(expected, U256::from(1)).await?; // sent before

    let text = set("Create").succeeds()?;
    assert_prints(&text, "Deployment: works on a copy of the chain, forge broadcasts it now.");
    assert_prints(&text, "Balance:       101 wei");
    let chequebook = deployed(&chain, &text)?;
    assert_eq!(*chequebook.address(), expected);
    assert_eq!(chequebook.owner().call().await?, owner);
    assert_eq!(chequebook.signer().call().await?, signer);
    assert_eq!(chequebook.noticePeriod().call().await?, U256::from(60));
    assert_prints(&look().sends_nothing().await?, "Created:       yes");
    set("Create").refuses(format!("AlreadyCreated({expected})")).await
}

#[tokio::test]
async fn creates_with_defaults_that_protect_payees() -> Result<()> {
    let chain = Chain::start()?;
    chain.infrastructure().await?;
    let chequebook = deployed(&chain, &chain.script("Create").succeeds()?)?;
    assert_eq!(chequebook.owner().call().await?, chain.account(0));
    assert_eq!(chequebook.signer().call().await?, chain.account(0));
    assert_eq!(chequebook.noticePeriod().call().await?, U256::from(ONE_DAY));

    chain.create_clone().set("OWNER", Address::ZERO).refuses("ZeroAddress(\"OWNER\")").await?;
    chain.create_clone().set("SIGNER", factory()).refuses(format!("SignerIsContract({})", factory())).await?;
    chain.create_clone().set("SALT", "0x12").refuses("vm.envBytes32: failed parsing $SALT as type `bytes32`").await?;
    let error = "vm.envAddress: environment variable \"OWNER\" not found";
    chain.script("Create").sig("predict()").refuses(error).await
}

/// Deposit, Cash and Kill accept a clone, but nothing that only looks like one.
#[tokio::test]
async fn a_clone_is_a_chequebook_to_every_script() -> Result<()> {
    let chain = Chain::start()?;
    chain.infrastructure().await?;
    let chequebook = deployed(&chain, &chain.create_clone().set("NOTICE_PERIOD", 0).succeeds()?)?;
    let contract = *chequebook.address();
    chain.provider.evm_mine(None).await?;

    let forged = somebody(0x66);
    chain.provider.anvil_set_code(forged, chain.provider.get_code_at(contract).await?).await?;
    let deposit = |contract| chain.script("Deposit").set("CHEQUEBOOK", contract).set("AMOUNT", ONE_ETHER);
    deposit(forged).refuses(format!("NotAChequebook({forged})")).await?;

    deposit(contract).succeeds()?;
    let cheque = chain.json(contract, 40, Scheme::Packed, 0).await?;
    let text = chain.script("Cash").set("CHEQUEBOOK", contract).set("CHEQUE", cheque).succeeds()?;
    assert_prints(&text, "Payment:       40 wei");
    let text = chain.script("Kill").set("CHEQUEBOOK", contract).succeeds()?;
    assert_prints(&text, "Refund:        1000000000000000060 wei");
    assert_eq!(chequebook.killableAt().call().await?, U256::MAX);
    Ok(())
}

/// A cheque to somebody, signed by the first account.
async fn cheque(chain: &Chain, contract: Address, beneficiary: Address, amount: u64, scheme: Scheme) -> Result<Value> {
    let (amount, chain_id) = (U256::from(amount), chain.anvil.chain_id());
    let cheque = Cheque { contract, beneficiary, amount, scheme, chain_id };
    Ok(serde_json::to_value(cheque.sign(&chain.key(0)?).await?)?)
}

#[tokio::test]
async fn cashes_many_and_says_what_it_skipped() -> Result<()> {
    let (chain, first) = Chain::with_chequebook(60, 100).await?;
    chain.infrastructure().await?;
    let first = *first.address();
    let second = *deployed(&chain, &chain.create_clone().succeeds()?)?.address();
    let [a, b, c, d] = [1, 2, 3, 4].map(|index| somebody(0xb0 + index));
    let stale = cheque(&chain, first, a, 10, Scheme::Packed).await?;
    chain.script("Cash").set("CHEQUEBOOK", first).set("CHEQUE", &stale).succeeds()?;
    let cheques = json!([
        stale,
        cheque(&chain, first, b, 20, Scheme::Packed).await?,
        cheque(&chain, first, c, 30, Scheme::Typed).await?,
        cheque(&chain, second, c, 5, Scheme::Typed).await?,
        cheque(&chain, second, d, 96, Scheme::Packed).await?,
    ]);

    let text = chain.script("CashMany").set("CHEQUES", &cheques).succeeds()?;

    assert_prints(&text, "Cash: works on a copy of the chain, forge broadcasts it now.");
    assert_prints(&text, "Cashed:        3 of 5 cheques");
    assert_prints(&text, "because      it is cashed already");
    assert_prints(&text, &format!("to           {d}"));
    assert_prints(&text, "because      the balance does not cover it");
    for (payee, paid) in [(a, 10), (b, 20), (c, 35), (d, 0)] {
        assert_eq!(chain.balance(payee).await?, U256::from(paid));
    }
    let text = chain.script("CashMany").set("CHEQUES", &cheques).set("ONLY_IF_COVERED", false).succeeds()?;
    assert_prints(&text, "Cashed:        1 of 5 cheques");
    assert_eq!(chain.balance(d).await?, U256::from(95));
    Ok(())
}

#[tokio::test]
async fn refuses_invalid_cheques() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 100).await?;
    chain.infrastructure().await?;
    let contract = *chequebook.address();
    let many = |cheques: Value| chain.script("CashMany").set("CHEQUES", cheques);
    let good = cheque(&chain, contract, somebody(1), 10, Scheme::Packed).await?;
    let other = chain.json(contract, 40, Scheme::Packed, 2).await?;

    many(json!([])).refuses("NoCheques()").await?;
    chain.script("CashMany").refuses("vm.envString: environment variable \"CHEQUES\" not found").await?;
    let error = format!("WrongSigner({}, {})", chain.account(2), chain.account(0));
    many(json!([good, other])).refuses(error).await?;
    let nowhere = somebody(9);
    many(json!([with(&good, "contract", json!(nowhere))])).refuses(format!("NotAChequebook({nowhere})")).await?;
    many(json!([with(&good, "chainId", json!(1))])).refuses("WrongChain(1, 31337 [3.133e4])").await?;
    many(json!([good])).set("GAS_EACH", 1_u64 << 32).refuses("GasEachTooHigh(4294967296 [4.294e9],").await?;

    // The same promise with the high form of its signature, which the contract would accept.
    let signature: Bytes = good["signature"].as_str().ok_or_eyre("no signature")?.parse()?;
    let order = U256::from_str_radix("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)?;
    let high = order - U256::from_be_slice(&signature[32..64]);
    let twin = [&signature[..32], &high.to_be_bytes::<32>(), &[55 - signature[64]]].concat();
    many(json!([with(&good, "signature", json!(Bytes::from(twin)))])).refuses(format!("HighS({high}")).await
}
