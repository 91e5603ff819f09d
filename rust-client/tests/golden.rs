//! The golden cheques, which the contracts' tests read too: both sides agree on every byte.
#![allow(missing_docs, reason = "tests")]

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use chequebook::SignedCheque;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vectors {
    cheques: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    name: String,
    private_key: String,
    signer: Address,
    digest: B256,
    cheque: Value,
}

#[tokio::test]
async fn signs_reads_and_writes_the_golden_cheques() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../test/vectors/cheques.json")).unwrap();
    let vectors: Vectors = serde_json::from_str(&text).unwrap();
    assert!(vectors.cheques.len() >= 10, "only {} cheques", vectors.cheques.len());

    for Vector { name, private_key, signer, digest, cheque } in vectors.cheques {
        let golden: SignedCheque = serde_json::from_value(cheque.clone()).unwrap();
        assert_eq!(golden.cheque().digest(), digest, "digest of {name}");
        golden.verify(signer).unwrap();

        let key: PrivateKeySigner = private_key.parse().unwrap();
        let signed = golden.cheque().sign(&key).await.unwrap();
        assert_eq!(serde_json::to_value(signed).unwrap(), cheque, "signed JSON of {name}");
    }
}
