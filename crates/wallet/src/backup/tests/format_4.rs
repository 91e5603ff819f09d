//! Backups of format 4.

use alloy::primitives::{Address, B256, U256};
use serde_json::{Value, json};

use super::{Backup, Error, Issuer, Outcome, Receipt, TransactionRow, refused, sample, sign, through_a_store};
use crate::store::StoreError;

/// The sample, as the version before exported it.
fn old() -> Value {
    let mut json = serde_json::to_value(sample()).unwrap();
    json["format"] = 4.into();
    json["chequebooks"][0].as_object_mut().unwrap().remove("scanFrom").unwrap();
    json["received"][0] = json["received"][0]["cheque"].clone();
    for sent in json["transactions"].as_array_mut().unwrap() {
        sent["transaction"].as_object_mut().unwrap().remove("cancelled").unwrap();
    }
    json
}

fn read(json: &Value) -> Backup {
    serde_json::from_value(json.clone()).unwrap()
}

#[tokio::test]
async fn is_converted() {
    let mut json = old();
    let mut replaced = json["transactions"][0].clone();
    replaced["nonce"] = 2.into();
    replaced["transaction"]["outcome"] = "replaced".into();
    json["transactions"].as_array_mut().unwrap().push(replaced);

    let mut expected = sample();
    expected.chequebooks[0].scan_from = None;
    // All that was stored was acknowledged.
    expected.received[0].acknowledged = U256::from(10);
    // What replaced it is looked for again.
    let mut replaced = expected.transactions[0].clone();
    replaced.nonce = 2;
    replaced.transaction.outcome = None;
    expected.transactions.push(replaced);
    assert_eq!(through_a_store(&read(&json)).await.unwrap(), expected);

    // As text, where the order of the fields differs.
    let text = serde_json::to_string_pretty(&json).unwrap();
    let backup: Backup = serde_json::from_str(&text).unwrap();
    assert_eq!(through_a_store(&backup).await.unwrap(), expected);
}

#[tokio::test]
async fn is_not_mixed_with_format_5() {
    let mut newer = old();
    newer["format"] = 5.into();
    let mut older = serde_json::to_value(sample()).unwrap();
    older["format"] = 4.into();
    for mixed in [newer, older] {
        let error = refused(&read(&mixed)).await;
        assert!(matches!(&error, Error::BadBackup { reason } if reason.contains("form of another format")), "{error}");
    }
    for format in [1, 2, 3] {
        let mut earlier = old();
        earlier["format"] = format.into();
        assert!(matches!(refused(&read(&earlier)).await, Error::Store(StoreError::UnknownFormat { .. })));
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let spoil = |at: &str, value: Value| {
        let mut json = serde_json::to_value(sample()).unwrap();
        *json.pointer_mut(at).unwrap() = value;
        serde_json::from_value::<Backup>(json).unwrap_err().to_string()
    };
    let mut cheque = serde_json::to_value(sign(Address::ZERO, Address::ZERO, 1, chequebook::Scheme::Typed)).unwrap();
    cheque["tip"] = 1.into();
    for (at, value, expected) in [
        ("/received/0", json!({}), "missing field `cheque`"),
        ("/received/0", json!({ "acknowledged": "1" }), "missing field `cheque`"),
        ("/received/0", json!({ "contract": "0x0" }), "missing field `beneficiary`"),
        ("/received/0", cheque, "unknown field `tip`"),
        ("/received/0", json!("cheque"), "expected a cheque and what was acknowledged of it"),
        ("/received/0/acknowledged", json!("1e3"), "amount \"1e3\" is not a number of wei"),
        ("/received/0/cheque", json!(null), "invalid type: null"),
        ("/received/0/cheque/signature", json!("0x00"), "signature"),
        ("/transactions/0/transaction/outcome", json!("vanished"), "unknown variant `vanished`"),
        ("/transactions/0/transaction/outcome", json!("confirmed"), "expected struct variant"),
        ("/transactions/0/transaction/outcome", json!({ "vanished": {} }), "unknown variant `vanished`"),
        ("/transactions/0/transaction/outcome", json!(7), "expected the outcome of a transaction"),
        ("/transactions/0/transaction/variants", json!(null), "invalid type: null"),
    ] {
        let found = spoil(at, value);
        assert!(found.contains(expected), "{at}: {found}");
    }
}

#[test]
fn the_sample_has_all_that_changed() {
    let Backup { chequebooks, received, transactions, .. } = sample();
    assert!(matches!(chequebooks[..], [Issuer { scan_from: Some(_), .. }]));
    assert!(matches!(received[..], [Receipt { acknowledged, .. }] if acknowledged == U256::from(9)));
    let TransactionRow { outcome, .. } = &transactions[0].transaction;
    assert_eq!(*outcome, Some(Outcome::Confirmed { block: 4, hash: B256::ZERO }));
}
