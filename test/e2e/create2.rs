//! Why only the factory may create a chequebook: at a CREATE2 address of anybody else it can, before Cancun, be created a
//! second time, and its old cheques can be cashed again. From Cancun on, a dead chequebook keeps its address.

use alloy::primitives::{B256, Bytes, U256};
use chequebook::{DEPLOYER, Overdraft, Scheme, bindings::Chequebook};
use eyre::Result;

use crate::chain::Chain;

const DEPOSIT: u64 = 100;
const PROMISED: u64 = 300;

/// Overdraws a chequebook, then tries to create it again with the amount that it owes, and to cash the same cheque
/// again. Returns whether it was created again, and the total that the beneficiary was paid, in wei.
async fn recreate(hardfork: &str) -> Result<(bool, U256)> {
    let chain = Chain::under(hardfork)?;
    let create = Chequebook::deploy_builder(&chain.provider, chain.account(0), chain.account(0), 0).calldata().clone();
    let input: Bytes = [B256::ZERO.as_slice(), &create].concat().into();
    let address = DEPLOYER.create2_from_code(B256::ZERO, &create);
    let cheque = chain.signed(address, PROMISED, Scheme::Packed, 0).await?;
    let before = chain.balance(chain.account(1)).await?;

    let created = chain.call(DEPLOYER, input.clone()).value(U256::from(DEPOSIT)).send().await?.get_receipt().await?;
    assert!(created.status());
    let bounced = chain.call(address, cheque.calldata(Overdraft::Consent)).send().await?.get_receipt().await?;
    assert!(bounced.status());
    assert_eq!(chain.balance(chain.account(1)).await?.checked_sub(before), Some(U256::from(DEPOSIT)));

    let recreated = chain.call(DEPLOYER, input).value(U256::from(PROMISED)).gas(5_000_000).send().await?;
    let recreated = recreated.get_receipt().await?.status();
    let again =
        chain.call(address, cheque.calldata(Overdraft::Consent)).gas(1_000_000).send().await?.get_receipt().await?;
    assert_eq!(again.status(), recreated);
    let paid = chain.balance(chain.account(1)).await?.saturating_sub(before);
    Ok((recreated, paid))
}

#[tokio::test]
async fn before_cancun_a_bounced_cheque_can_be_cashed_again_after_a_re_creation() -> Result<()> {
    assert_eq!(recreate("shanghai").await?, (true, U256::from(DEPOSIT + PROMISED)));
    Ok(())
}

#[tokio::test]
async fn from_cancun_on_nothing_is_created_where_a_chequebook_died() -> Result<()> {
    for hardfork in ["cancun", "prague", "osaka"] {
        assert_eq!(recreate(hardfork).await?, (false, U256::from(DEPOSIT)), "{hardfork}");
    }
    Ok(())
}
