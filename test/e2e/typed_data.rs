//! Typed cheques are the same to ethers and viem, in both directions. Needs node on the PATH.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use alloy::{
    dyn_abi::TypedData,
    primitives::{Address, B256, U256, fixed_bytes},
    signers::local::PrivateKeySigner,
};
use chequebook::{Cheque, ChequebookContract, Creation, Form, Scheme, SignedCheque, Terms};
use eyre::{OptionExt, Result, ensure};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde::Deserialize;

use crate::thin::start;

const CHEQUES: usize = 100;
/// The largest whole number of JavaScript: a larger chain id does not survive its JSON.
const MAX_CHAIN_ID: u64 = (1 << 53) - 1;

/// What `test/typed-data.mjs` answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Libraries {
    #[serde(rename = "type")]
    type_: String,
    type_hash: B256,
    keys: [Address; 2],
    answers: Vec<Answer>,
}

/// Of each cheque, first by ethers and then by viem.
#[derive(Deserialize)]
struct Answer {
    digests: [B256; 2],
    signers: [Address; 2],
    signed: SignedCheque,
}

fn ask(cheques: &[SignedCheque]) -> Result<Libraries> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/test/typed-data.mjs");
    let mut node = Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    node.stdin.take().ok_or_eyre("no stdin")?.write_all(&serde_json::to_vec(cheques)?)?;
    let output = node.wait_with_output()?;
    ensure!(output.status.success(), "test/typed-data.mjs failed: run `npm ci` first");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn random_cheques() -> Vec<Cheque> {
    let lengths = 0..=256_usize; // of the amount, in bits
    let cheques = (any::<[u8; 20]>(), any::<[u8; 20]>(), any::<[u8; 32]>(), lengths, 1..=MAX_CHAIN_ID).prop_map(
        |(contract, beneficiary, amount, bits, chain_id)| Cheque {
            contract: contract.into(),
            beneficiary: beneficiary.into(),
            amount: U256::from_be_bytes(amount).checked_shr(256 - bits).unwrap_or_default(),
            scheme: Scheme::Typed,
            chain_id,
        },
    );
    let mut runner = TestRunner::deterministic();
    (0..CHEQUES).map(|_| cheques.new_tree(&mut runner).unwrap().current()).collect()
}

#[tokio::test]
async fn ethers_and_viem_read_and_write_the_same_cheques() -> Result<()> {
    let key = PrivateKeySigner::from_slice(&[7; 32])?;
    let mut ours = Vec::new();
    for cheque in random_cheques() {
        ours.push(cheque.sign(&key).await?);
    }
    let libraries = ask(&ours)?;

    let typed: TypedData = ours[0].cheque().typed_data();
    assert_eq!(libraries.type_, "Cheque(address beneficiary,uint256 amount)");
    assert_eq!(typed.encode_type()?, libraries.type_);
    assert_eq!(typed.type_hash()?, libraries.type_hash);
    // As in the contract's library ChequeHash.
    let type_hash = fixed_bytes!("0x1cee2bc75a6ac768451b08393aae8390109bd097c9ec628fd1ebb46a83a1de15");
    assert_eq!(libraries.type_hash, type_hash);

    assert_eq!(libraries.answers.len(), CHEQUES);
    for (index, (ours, answer)) in ours.iter().zip(&libraries.answers).enumerate() {
        let cheque = ours.cheque();
        assert_eq!(answer.digests, [cheque.digest(); 2], "{cheque:?}");
        assert_eq!(answer.signers, [key.address(); 2], "{cheque:?}");
        assert_eq!(answer.signed.cheque(), cheque);
        answer.signed.verify(libraries.keys[index % 2])?;
    }
    Ok(())
}

/// The contract states the domain (ERC-5267), so that a wallet need not know it.
#[tokio::test]
async fn every_form_states_the_domain_of_its_cheques() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
        let creation = Creation { terms: Terms::new(form, chain.account(0)), salt: B256::ZERO };
        let book = ChequebookContract::create(chain.provider.clone(), &creation, U256::ZERO).await?;
        let stated = book.instance().eip712Domain().call().await?;
        let domain = book.cheque(chain.account(1), U256::ONE, Scheme::Typed).typed_data().domain;
        assert_eq!(stated.fields, [0x0f], "name, version, chain and contract");
        assert_eq!(Some(stated.name.as_str()), domain.name.as_deref());
        assert_eq!(Some(stated.version.as_str()), domain.version.as_deref());
        assert_eq!(
            (Some(stated.chainId), Some(stated.verifyingContract)),
            (domain.chain_id, domain.verifying_contract)
        );
        assert_eq!((stated.salt, domain.salt, stated.extensions.len()), (B256::ZERO, None, 0));
    }
    Ok(())
}
