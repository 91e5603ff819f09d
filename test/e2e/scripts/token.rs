//! The scripts with a token chequebook.

use alloy::primitives::U256;
use chequebook::Scheme;
use eyre::Result;

use super::{assert_prints, created};
use crate::{
    chain::Chain,
    token::{after_forge, held},
};

#[tokio::test]
async fn deposits_cashes_kills_and_reclaims() -> Result<()> {
    for name in ["StandardToken", "SilentToken"] {
        let chain = Chain::ready().await?;
        let token = chain.token(name, 1_000).await?;
        let create = chain.script("Create").set("FORM", "token").set("TOKEN", token.address());
        let chequebook = created(&chain, &create.set("NOTICE_PERIOD", 0).set("DEPOSIT", 100).succeeds()?)?;
        let contract = *chequebook.address();
        let run = |script: &str| chain.script(script).set("CHEQUEBOOK", contract);

        let text = run("Deposit").set("AMOUNT", 30).succeeds()?;
        assert_prints(&text, &format!("Amount:        30 smallest units of the token {}", token.address()));
        assert_prints(&text, &format!("Asset:         the token {}", token.address()));
        assert_eq!(held(&token, contract).await?, U256::from(130));
        run("Deposit").set("AMOUNT", 871).refuses(format!("InsufficientFunds({}, 870, 871)", chain.account(0))).await?;

        let cheque = chain.json(contract, 40, Scheme::Packed, 0).await?;
        let text = run("Cash").set("CHEQUE", cheque).succeeds()?;
        assert_prints(&text, "Payment:       40 smallest units");
        assert_eq!(held(&token, chain.account(1)).await?, U256::from(40));

        run("Reclaim").refuses(format!("NotDead({contract})")).await?;
        assert_prints(&run("Kill").succeeds()?, "Refund:        90 smallest units");
        assert_eq!(held(&token, chain.account(0)).await?, U256::from(960));
        run("Reclaim").refuses(format!("NothingToReclaim({contract})")).await?;
        run("Deposit").set("AMOUNT", 5).refuses(format!("DeadChequebook({contract})")).await?;

        after_forge(&chain, &token)?.transfer(contract, U256::from(5)).send().await?.watch().await?;
        let stranger = format!("SenderIsNotOwner({}, {})", chain.account(1), chain.account(0));
        run("Reclaim").from(Some(1)).refuses(stranger).await?;
        assert_prints(&run("Reclaim").succeeds()?, "Reclaimed:     5 smallest units");
        assert_eq!(held(&token, chain.account(0)).await?, U256::from(960));
    }
    Ok(())
}

#[tokio::test]
async fn a_chequebook_of_ether_has_nothing_to_reclaim() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(0, 7).await?;
    let contract = chequebook.address();
    chain.script("Reclaim").set("CHEQUEBOOK", contract).refuses(format!("NotATokenChequebook({contract})")).await
}
