//! The scripts that create: the infrastructure, and a chequebook of each form.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::{Creation, DEPLOYER, Form, Scheme, Terms, clearing_house, factory};
use eyre::Result;

use super::{ONE_ETHER, assert_prints, created};
use crate::{chain::Chain, fixture::somebody, token::after_forge};

/// The default notice period of Create, in seconds.
const ONE_DAY: u64 = 86400;

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
    chain.script("Create").set("DEPOSIT", 100).refuses(missing("factory", factory())).await?;
    let many = chain.script("CashMany").set("CHEQUES", "[]");
    many.refuses(missing("clearing house", clearing_house())).await?;
    chain.provider.anvil_set_code(DEPLOYER, Bytes::new()).await?;
    chain.script("Infrastructure").refuses(missing("deployment proxy", DEPLOYER)).await
}

#[tokio::test]
async fn creates_every_form_at_the_predicted_address() -> Result<()> {
    let chain = Chain::ready().await?;
    let token = chain.token("StandardToken", 1_000).await?;
    let (owner, signer, salt) = (chain.account(1), chain.account(2), B256::repeat_byte(5));
    for (name, form) in [("direct", Form::Direct), ("clone", Form::Clone), ("token", Form::Token(*token.address()))] {
        let creation = Creation { terms: Terms { form, owner, signer, notice_period: 60 }, salt };
        let expected = creation.address(chain.anvil.chain_id())?;
        let create = || {
            let script = chain.script("Create").set("FORM", name).set("OWNER", owner).set("SIGNER", signer);
            let script = if name == "token" { script.set("TOKEN", token.address()) } else { script };
            script.set("NOTICE_PERIOD", 60).set("SALT", salt).set("DEPOSIT", 100)
        };
        let predict = || create().sig("predict()");
        let text = predict().sends_nothing().await?;
        assert_prints(&text, &format!("Chequebook:    {expected}"));
        assert_prints(&text, "Created:       not yet");
        // what was sent before is part of the deposit
        if name == "token" {
            after_forge(&chain, &token)?.transfer(expected, U256::from(1)).send().await?.watch().await?;
        } else {
            chain.provider.anvil_set_balance(expected, U256::from(1)).await?;
        }

        let text = create().succeeds()?;
        assert_prints(&text, "Creation: works on a copy of the chain, forge broadcasts it now.");
        assert_prints(&text, "Balance:       101 ");
        assert_prints(&text, &format!("Form:          {name}"));
        let chequebook = created(&chain, &text)?;
        assert_eq!(*chequebook.address(), expected);
        assert_eq!(chequebook.owner().call().await?, owner);
        assert_eq!(chequebook.signer().call().await?, signer);
        assert_eq!(chequebook.noticePeriod().call().await?, U256::from(60));
        assert_prints(&predict().sends_nothing().await?, "Created:       in the block ");
    }
    Ok(())
}

#[tokio::test]
async fn refuses_forms_and_tokens_that_do_not_fit() -> Result<()> {
    let chain = Chain::ready().await?;
    let nobody = somebody(7);
    let create = || chain.script("Create");
    create().set("FORM", "token").refuses("vm.envAddress: environment variable \"TOKEN\" not found").await?;
    create().set("FORM", "token").set("TOKEN", nobody).refuses(format!("InvalidToken(3, {nobody})")).await?;
    create().set("FORM", "direct").set("TOKEN", factory()).refuses(format!("InvalidToken(1, {})", factory())).await
}

/// What is created already only gets the deposit, and only while that is of use.
#[tokio::test]
async fn deposits_only_where_somebody_else_was_first() -> Result<()> {
    let chain = Chain::ready().await?;
    let owner = chain.account(0);
    let create = || chain.script("Create").set("OWNER", owner);
    let chequebook = created(&chain, &create().from(Some(1)).succeeds()?)?;
    let contract = *chequebook.address();

    create().refuses(format!("AlreadyCreated({contract})")).await?;
    let text = create().set("DEPOSIT", 100).succeeds()?;
    assert_prints(&text, "The chequebook is created already, so this only deposits.");
    assert_eq!(chain.balance(contract).await?, U256::from(100));

    chequebook.announceKill().send().await?.watch().await?;
    create().set("DEPOSIT", 100).refuses(format!("Ending({contract}, ")).await?;
    chain.provider.anvil_increase_time(ONE_DAY).await?;
    chequebook.kill().send().await?.watch().await?;
    create().set("DEPOSIT", 100).refuses(format!("DeadChequebook({contract})")).await
}

#[tokio::test]
async fn deposits_nothing_where_the_first_was_erased() -> Result<()> {
    let chain = Chain::under("shanghai")?;
    chain.infrastructure().await?;
    let create = || chain.script("Create").set("NOTICE_PERIOD", 0).set("DEPOSIT", 100);
    let chequebook = created(&chain, &create().succeeds()?)?;
    let contract = *chequebook.address();
    chain.provider.evm_mine(None).await?;
    chequebook.kill().send().await?.watch().await?;
    assert!(chain.provider.get_code_at(contract).await?.is_empty(), "the chequebook must be erased");

    create().refuses(format!("Erased({contract}, ")).await?;
    assert_eq!(chain.balance(contract).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn creates_with_defaults_that_protect_payees() -> Result<()> {
    let chain = Chain::ready().await?;
    let chequebook = created(&chain, &chain.script("Create").succeeds()?)?;
    assert_eq!(chequebook.owner().call().await?, chain.account(0));
    assert_eq!(chequebook.signer().call().await?, chain.account(0));
    assert_eq!(chequebook.noticePeriod().call().await?, U256::from(ONE_DAY));

    chain.script("Create").set("DEPOSIT", 100).set("OWNER", Address::ZERO).refuses("ZeroAddress(\"OWNER\")").await?;
    chain
        .script("Create")
        .set("DEPOSIT", 100)
        .set("SIGNER", factory())
        .refuses(format!("SignerIsContract({})", factory()))
        .await?;
    chain
        .script("Create")
        .set("DEPOSIT", 100)
        .set("SALT", "0x12")
        .refuses("vm.envBytes32: failed parsing $SALT as type `bytes32`")
        .await?;
    let error = "vm.envAddress: environment variable \"OWNER\" not found";
    chain.script("Create").sig("predict()").refuses(error).await
}

#[tokio::test]
async fn creates_what_the_variables_say() -> Result<()> {
    let chain = Chain::ready().await?;
    let (owner, signer) = (chain.account(1), chain.account(2));

    let script = chain.script("Create").set("OWNER", owner).set("SIGNER", signer);
    let text = script.set("NOTICE_PERIOD", 0).set("DEPOSIT", ONE_ETHER).succeeds()?;

    assert_prints(&text, "Creation: works on a copy of the chain, forge broadcasts it now.");
    assert_prints(&text, "Balance:       1000000000000000000 wei (1 ether)");
    assert_prints(&text, "Warning: no notice period. The owner may take the deposit at any moment.");
    let chequebook = created(&chain, &text)?;
    assert_eq!(chequebook.owner().call().await?, owner);
    assert_eq!(chequebook.signer().call().await?, signer);
    assert_eq!(chequebook.noticePeriod().call().await?, U256::ZERO);
    assert_eq!(chain.balance(*chequebook.address()).await?, U256::from(ONE_ETHER));
    Ok(())
}

#[tokio::test]
async fn sends_nothing_without_broadcast() -> Result<()> {
    let chain = Chain::ready().await?;
    let text = chain.script("Create").dry().sends_nothing().await?;
    assert_prints(&text, "Creation: works on a copy of the chain, nothing is sent without --broadcast.");
    Ok(())
}

#[tokio::test]
async fn refuses_to_send_from_the_default_account_of_forge() -> Result<()> {
    let chain = Chain::ready().await?;
    chain.script("Create").from(None).refuses("NoWallet(0x1804c8AB1F12E6bbf3894d4083f33e07309d1f38)").await
}

#[tokio::test]
async fn refuses_to_create_what_nobody_could_use() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(0, 0).await?;
    let deploy = || chain.script("Create");
    let contract = chequebook.address();

    deploy().set("OWNER", Address::ZERO).refuses("ZeroAddress(\"OWNER\")").await?;
    deploy().set("SIGNER", Address::ZERO).refuses("ZeroAddress(\"SIGNER\")").await?;
    deploy().set("SIGNER", contract).refuses(format!("SignerIsContract({contract})")).await?;
    deploy().set("OWNER", contract).refuses(format!("SignerIsContract({contract})")).await
}

#[tokio::test]
async fn refuses_notice_period_above_32_bits() -> Result<()> {
    let chain = Chain::ready().await?;
    let error = "NoticePeriodTooLong(4294967296 [4.294e9], 4294967295 [4.294e9])";
    chain.script("Create").set("NOTICE_PERIOD", 1_u64 << 32).refuses(error).await
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
        chain.script("Create").set(variable, value).refuses(error).await?;
    }
    chain.script("Create").set("FORM", "proxy").refuses("UnknownForm(\"proxy\", \"direct, clone or token\")").await?;
    let cheque = chain.json(*chequebook.address(), 10, Scheme::Packed, 0).await?;
    let cash = chain.script("Cash").set("CHEQUEBOOK", chequebook.address()).set("CHEQUE", cheque);
    let error = "vm.envBool: failed parsing $ALLOW_OVERDRAFT as type `bool`";
    cash.set("ALLOW_OVERDRAFT", "maybe").refuses(error).await
}

#[tokio::test]
async fn refuses_first_deposit_above_funds() -> Result<()> {
    let chain = Chain::ready().await?;
    chain.provider.anvil_set_balance(chain.account(0), U256::from(41)).await?;
    let error = format!("InsufficientFunds({}, 41, 42)", chain.account(0));
    chain.script("Create").set("DEPOSIT", 42).refuses(error).await
}
