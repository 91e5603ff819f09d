//! CashMany: the clearing house from a script.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
};
use chequebook::{Cheque, Scheme};
use eyre::{OptionExt, Result};
use serde_json::{Value, json};

use super::{assert_prints, created, with};
use crate::{chain::Chain, fixture::somebody};

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
    let second = *created(&chain, &chain.script("Create").set("DEPOSIT", 100).succeeds()?)?.address();
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
    assert_prints(&text, "Cashed:        3 of 5 cheques, in 1 transactions");
    assert_prints(&text, "because      it is cashed already");
    assert_prints(&text, &format!("to           {d}"));
    assert_prints(&text, "because      the balance does not cover it");
    for (payee, paid) in [(a, 10), (b, 20), (c, 35), (d, 0)] {
        assert_eq!(chain.balance(payee).await?, U256::from(paid));
    }
    // nothing that would fail is sent, so nobody learns of the cheque that is not covered
    let error = "NothingToCash(5)";
    chain.script("CashMany").set("CHEQUES", &cheques).refuses(error).await?;
    assert_eq!(chain.chequebook(second).killableAt().call().await?, U256::ZERO);
    Ok(())
}

/// More than fit into a transaction, whose gas the chain limits (EIP-7825).
#[tokio::test]
async fn splits_what_does_not_fit_into_one_transaction() -> Result<()> {
    let (chain, chequebook) = Chain::with_chequebook(60, 400).await?;
    let contract = *chequebook.address();
    let payee = |index: u64| Address::from_word(B256::from(U256::from(0xb0_0000 + index)));
    let mut cheques = Vec::new();
    for index in 0..200 {
        cheques.push(cheque(&chain, contract, payee(index), 2, Scheme::Typed).await?);
    }
    let before = chain.provider.get_transaction_count(chain.account(0)).await?;

    let text = chain.script("CashMany").set("CHEQUES", json!(cheques)).succeeds()?;

    assert_prints(&text, "Cashed:        200 of 200 cheques, in 2 transactions");
    assert_eq!(chain.balance(contract).await?, U256::ZERO);
    for index in 0..200 {
        assert_eq!(chain.balance(payee(index)).await?, U256::from(2));
    }
    assert_eq!(chain.provider.get_transaction_count(chain.account(0)).await?, before + 2);
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
    many(json!([with(&good, "contract", json!(nowhere))])).refuses("NothingToCash(1)").await?;
    many(json!([with(&good, "chainId", json!(1))])).refuses("WrongChain(1, 31337 [3.133e4])").await?;
    many(json!([good])).set("GAS_EACH", 1_u64 << 32).refuses("GasEachTooHigh(4294967296 [4.294e9],").await?;

    // The same promise with the high form of its signature, which the contract would accept.
    let signature: Bytes = good["signature"].as_str().ok_or_eyre("no signature")?.parse()?;
    let order = U256::from_str_radix("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)?;
    let high = order - U256::from_be_slice(&signature[32..64]);
    let twin = [&signature[..32], &high.to_be_bytes::<32>(), &[55 - signature[64]]].concat();
    many(json!([with(&good, "signature", json!(Bytes::from(twin)))])).refuses(format!("HighS({high}")).await
}
