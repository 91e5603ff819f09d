//! What go-ethereum of 2016 wrote is read as it was meant, or refused with the reason, and never guessed.
#![allow(missing_docs, clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

mod support;

use std::{collections::BTreeMap, error::Error as _};

use alloy::{
    primitives::{Address, Signature, U256, address, hex},
    signers::local::PrivateKeySigner,
};
use chequebook::{
    Cheque, Error, ErrorClass, Scheme, SignedCheque,
    geth::{ChequebookFile, MAX_CHEQUE, MAX_FILE, ReadError, read_cheque, read_chequebook, write_cheque},
};
use proptest::prelude::*;
use serde_json::Value;
use support::{cheques, sign, signers};

const CHAIN: u64 = 31_337;

/// The packed cheques of test/vectors/cheques.json, made with cast, as `encoding/json` writes them; the base64 is by Node.
const GOLDEN: [(&str, u8, Address); 5] = [
    (
        r#"{"Contract":"0x5fbdb2315678afecb367f032d93f642f64180aa3","Beneficiary":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","Amount":1,"Sig":"3FO114S06rtMtsvq6Uxr0T8Ac8wOXdwbThShGF2zov4fGw+MqobGtwr3Rs3YgYqsqO30HbRE9lObgwxGAgcNhQA="}"#,
        27,
        address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    ),
    (
        r#"{"Contract":"0xb8c77482e45f1f44de1745f52c74426c631bdd52","Beneficiary":"0xdac17f958d2ee523a2206206994597c13d831ec7","Amount":1500000000000000,"Sig":"boEsRG95TBp6B+bS+Dwo+0TccJbyrAZbUeJTC8cJHX5uaclwkAX17d4jnqql4wE6V/tmpXwp7bxtQXDgjtSV4gE="}"#,
        28,
        address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    ),
    (
        r#"{"Contract":"0xffffffffffffffffffffffffffffffffffffffff","Beneficiary":"0x0000000000000000000000000000000000000001","Amount":115792089237316195423570985008687907853269984665640564039457584007913129639935,"Sig":"8u8Rc/yHtbvqzXIfccu4W9dORpDMf18mE6xYQt9RBekzIC+VVAaalkvWGLtFv82E3avnRCLRsQl53n2Lu23J9gE="}"#,
        28,
        address!("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"),
    ),
    (
        r#"{"Contract":"0xffffffffffffffffffffffffffffffffffffffff","Beneficiary":"0xfffffffffffffffffffffffffffffffffffffffe","Amount":57896044618658097711785492504343953926634992332820282019728792003956564819968,"Sig":"i/Z0dXUzkheVwNvBtkBMCBD6UwO8uFDFLUq9Z+IQ1nNE5jtl0PcJTnEFvjhq75WPYE0EJUdKqLMMHWv537gXBgA="}"#,
        27,
        address!("0x80C0dbf239224071c59dD8970ab9d542E3414aB2"),
    ),
    (
        r#"{"Contract":"0x00000000000000000000000000000000000000c0","Beneficiary":"0x0000000000000000000000000000000000000001","Amount":1000000000000000000,"Sig":"KFH7xIlG2uGG6wcaT502GxFepLS3gHgzJjmvpK6B/6ccHYRwHrRRQb5rfoPAhZ/0mQfEY4zrhPHfRCL8svoyEwA="}"#,
        27,
        address!("0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"),
    ),
];
const SIGNER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

const ORDER: U256 = alloy::primitives::uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

/// As `json.MarshalIndent(c, "", " ")` writes it: a payer with 42 wei promised to one beneficiary, and 1 wei left.
const FILE: &str = r#"{
 "Balance": "1",
 "Contract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
 "Owner": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
 "Sent": {
  "0x70997970C51812dc3A010C7d01b50e0d17dc79C8": "42"
 }
}"#;

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = group.iter().map(|byte| format!("{byte:08b}")).collect::<String>();
        while !bits.len().is_multiple_of(6) {
            bits.push('0');
        }
        for start in (0..bits.len()).step_by(6) {
            text.push(char::from(DIGITS[usize::from_str_radix(&bits[start..][..6], 2).unwrap()]));
        }
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// The first golden cheque, with `value`, which is JSON, in `field`.
fn with(field: &str, value: &str) -> String {
    let golden = GOLDEN[0].0;
    let start = golden.find(&format!("\"{field}\":")).unwrap() + field.len() + 3;
    let end = start + golden[start..].find([',', '}']).unwrap();
    format!("{}{value}{}", &golden[..start], &golden[end..])
}

/// The error of a cheque with `value`, which is JSON, in `field`, and its source.
fn refusal(field: &str, value: &str) -> (ReadError, String) {
    let error = read_cheque(with(field, value), CHAIN).unwrap_err();
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    (error, source)
}

fn with_sig(bytes: [u8; 65]) -> Result<SignedCheque, ReadError> {
    read_cheque(with("Sig", &format!("\"{}\"", base64(&bytes))), CHAIN)
}

#[test]
fn reads_and_writes_the_golden_cheques() {
    for (json, v, signer) in GOLDEN {
        let read = read_cheque(json, 7).unwrap();
        read.verify(signer).unwrap();
        assert_eq!((read.cheque().scheme, read.cheque().chain_id, read.signature()[64]), (Scheme::Packed, 7, v));
        assert_eq!(write_cheque(&read).unwrap(), json);
    }
}

#[test]
fn reads_every_spelling_of_v_and_the_high_s_as_one_cheque() {
    let golden = read_cheque(GOLDEN[0].0, CHAIN).unwrap();
    let mut bytes = golden.signature();
    for v in [0, 27] {
        bytes[64] = v;
        assert_eq!(with_sig(bytes).unwrap(), golden);
    }
    for v in [2, 26, 29, 255] {
        bytes[64] = v;
        let error = with_sig(bytes).unwrap_err();
        assert_eq!(error.to_string(), format!("Sig has v = {v}, expected 0 or 1, or 27 or 28"));
        assert_eq!(error.class(), ErrorClass::BadCheque);
    }
    bytes[64] = 1; // of the low s, another key's
    assert!(matches!(with_sig(bytes).unwrap().verify(SIGNER), Err(Error::WrongSigner { .. })));

    let low = Signature::from_bytes_and_parity(&golden.signature()[..64], false);
    let high = Signature::new(low.r(), ORDER - low.s(), true).as_bytes();
    assert_eq!(with_sig(high).unwrap(), golden);
    for s in [ORDER, ORDER + U256::ONE, U256::MAX] {
        let error = with_sig(Signature::new(low.r(), s, false).as_bytes()).unwrap_err();
        assert!(
            matches!(&error, ReadError::Field { field, source: Error::HighS { .. } } if field == "Sig"),
            "{error:?}"
        );
    }
}

#[test]
fn refuses_an_amount_that_is_no_plain_whole_number() {
    let wrong = ["-1", "-0", "1.0", "1.5", "1e3", "1E3", "0.0", "\"1\"", "null", "true", "[1]", "{\"a\":1}"];
    for value in wrong {
        let (error, source) = refusal_of_amount(value);
        assert!(matches!(&error, ReadError::Field { field, source: Error::InvalidAmount { .. } } if field == "Amount"));
        assert_eq!(
            source,
            format!("amount {value:?} is not a number, expected decimal digits only, without leading zeros")
        );
        assert_eq!(error.class(), ErrorClass::BadCheque);
    }
    for value in ["", "01", "00", "+1", "0x1", "1_000", ".5", "NaN", "Infinity", "1 2"] {
        let (error, _) = refusal_of_amount(value);
        assert!(matches!(error, ReadError::Json(_)), "{value}: {error:?}");
    }
}

/// A number may have a comma within it here, unlike in [`refusal`].
fn refusal_of_amount(value: &str) -> (ReadError, String) {
    let json = GOLDEN[0].0.replace("\"Amount\":1,", &format!("\"Amount\":{value},"));
    let error = read_cheque(json, CHAIN).unwrap_err();
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    (error, source)
}

#[test]
fn reads_an_amount_exactly_up_to_256_bits() {
    // 2⁵³ + 1 and 2⁶⁴ + 1 are no floats.
    for amount in ["0", "9007199254740993", "18446744073709551617", &U256::MAX.to_string()] {
        let read = read_cheque(with("Amount", amount), CHAIN).unwrap();
        assert_eq!(read.cheque().amount.to_string(), amount);
    }
    let above = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    for amount in [above, &"9".repeat(1_000)] {
        let (error, source) = refusal("Amount", amount);
        assert!(matches!(&error, ReadError::Field { source: Error::AmountTooLarge { value }, .. } if value == amount));
        assert!(source.contains("is too large"), "{source}");
    }
}

#[test]
fn refuses_what_is_not_an_address() {
    let short = "\"0x70997970c51812dc3a010c7d01b50e0d17dc79\"";
    for field in ["Contract", "Beneficiary"] {
        let (error, source) = refusal(field, short);
        assert_eq!(error.to_string(), format!("field {field} is not usable"));
        assert_eq!(source, format!("{field} {short} is not an address, expected 0x and 40 hex digits"));
    }
    let (error, _) = refusal("Beneficiary", "\"0x70997970C51812dc3A010C7d01b50e0d17dc79c8\"");
    assert!(matches!(error, ReadError::Field { source: Error::WrongChecksum { .. }, .. }), "{error:?}");
    read_cheque(with("Beneficiary", "\"0x70997970C51812dc3A010C7d01b50e0d17dc79C8\""), CHAIN).unwrap();
}

#[test]
fn refuses_a_signature_in_another_spelling() {
    let good = read_cheque(GOLDEN[0].0, CHAIN).unwrap();
    let sig = base64(&[&good.signature()[..64], &[0]].concat());
    let left_over = sig.replace("hQA=", "hQB=");
    let url = sig.replace('+', "-");
    let lines = format!("{}\\n{}", &sig[..44], &sig[44..]);
    let hex = hex::encode_prefixed(good.signature());
    let wrong = ["", "=", &sig[..87], &sig[..86], &left_over, &url, &lines, &hex, &"A".repeat(88), &"é=".repeat(22)];
    for sig in wrong.into_iter().map(String::from).chain([base64(&[0; 64]), base64(&[0; 66]), format!("{sig}=")]) {
        let (error, _) = refusal("Sig", &format!("\"{sig}\""));
        assert!(matches!(error, ReadError::InvalidSig { .. }), "{sig}: {error:?}");
        assert_eq!(error.class(), ErrorClass::BadCheque);
    }
    for value in ["null", "[1]"] {
        assert!(matches!(refusal("Sig", value).0, ReadError::Json(_)), "{value}");
    }
}

/// Go would take all of these.
#[test]
fn refuses_a_field_that_is_missing_unknown_twice_or_of_another_case() {
    let golden = GOLDEN[0].0;
    for field in ["Contract", "Beneficiary", "Amount", "Sig"] {
        let lower = golden.replace(field, &field.to_lowercase());
        let missing = golden.replace(field, "Memo");
        let value = serde_json::from_str::<Value>(golden).unwrap()[field].to_string();
        let twice = golden.replacen('{', &format!("{{\"{field}\":{value},"), 1);
        let twice_by_case = golden.replacen('{', &format!("{{\"{}\":{value},", field.to_uppercase()), 1);
        for json in [lower, missing, twice, twice_by_case] {
            let error = read_cheque(&json, CHAIN).unwrap_err();
            assert!(matches!(error, ReadError::Json(_)), "{json}: {error:?}");
            assert_eq!(error.class(), ErrorClass::BadCheque);
        }
    }
    for json in [format!("{golden}{golden}"), format!("[{golden}]"), golden.replace('{', "{\"Memo\":1,"), "null".into()]
    {
        assert!(matches!(read_cheque(json, CHAIN), Err(ReadError::Json(_))));
    }
}

#[test]
fn reads_no_more_than_it_must() {
    let padded = |length: usize| format!("{}{}", GOLDEN[0].0, " ".repeat(length - GOLDEN[0].0.len()));
    read_cheque(padded(MAX_CHEQUE), CHAIN).unwrap();
    let error = read_cheque(padded(MAX_CHEQUE + 1), CHAIN).unwrap_err();
    assert_eq!(error.to_string(), "text has 4097 bytes, expected at most 4096");

    let error = read_chequebook(vec![b' '; MAX_FILE + 1]).unwrap_err();
    assert!(matches!(error, ReadError::TooLong { length, max } if (length, max) == (MAX_FILE + 1, MAX_FILE)));

    // However deep it is, the stack does not grow with it.
    for deep in ["[".repeat(MAX_CHEQUE), "{\"Amount\":".repeat(400), format!("{{\"Amount\":{}", "[".repeat(4_000))] {
        assert!(matches!(read_cheque(&deep, CHAIN), Err(ReadError::Json(_))));
    }
    for deep in ["[".repeat(MAX_FILE), "{\"Sent\":".repeat(MAX_FILE / 8), "{\"Sent\":{\"a\":".repeat(MAX_FILE / 13)] {
        assert!(matches!(read_chequebook(&deep), Err(ReadError::Json(_))));
    }
}

#[tokio::test]
async fn writes_no_typed_cheque() {
    let typed = Cheque { scheme: Scheme::Typed, ..*read_cheque(GOLDEN[0].0, CHAIN).unwrap().cheque() };
    let error = write_cheque(&typed.sign(&PrivateKeySigner::random()).await.unwrap()).unwrap_err();
    assert!(matches!(error, Error::NotPacked), "{error:?}");
    assert_eq!(error.class(), ErrorClass::BadCheque);
}

#[test]
fn reads_the_file_of_a_chequebook() {
    let bob = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    let expected = ChequebookFile {
        contract: address!("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        owner: SIGNER,
        available: U256::from(1),
        promised: BTreeMap::from([(bob, U256::from(42))]),
    };
    assert_eq!(read_chequebook(FILE).unwrap(), expected);
    // Before go-ethereum knew checksums.
    let old = FILE.replace("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
    assert_eq!(read_chequebook(old).unwrap(), expected);
    let nobody = FILE.replace("\"0x70997970C51812dc3A010C7d01b50e0d17dc79C8\": \"42\"", "");
    assert_eq!(read_chequebook(nobody).unwrap().promised, BTreeMap::new());
}

#[test]
fn reads_a_file_of_a_hundred_thousand_beneficiaries() {
    // In lower case: here, checksums take more time than all the rest.
    let entry =
        |index: u64| format!("  \"{:#x}\": \"{}\"", Address::left_padding_from(&index.to_be_bytes()), U256::MAX);
    let entries = (0..100_000).map(entry).collect::<Vec<_>>().join(",\n");
    let file = FILE.replace("  \"0x70997970C51812dc3A010C7d01b50e0d17dc79C8\": \"42\"", &entries);
    assert!(file.len() < MAX_FILE, "{}", file.len());
    assert_eq!(read_chequebook(file).unwrap().promised.len(), 100_000);
}

#[test]
fn refuses_a_beneficiary_that_is_there_twice() {
    let bob = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    for again in [bob.to_owned(), bob.to_lowercase()] {
        let twice = FILE.replace("\"42\"", &format!("\"42\", \"{again}\": \"43\""));
        let error = read_chequebook(twice).unwrap_err();
        assert_eq!(error.to_string(), format!("beneficiary {bob} is there twice, expected one amount for each"));
        assert_eq!(error.class(), ErrorClass::BadCheque);
    }
}

#[test]
fn refuses_a_file_with_an_amount_or_address_that_is_none() {
    let cases = [
        ("\"1\"", "\"-1\"", "Balance"),
        ("\"1\"", "\"1.0\"", "Balance"),
        ("\"1\"", "\"\"", "Balance"),
        ("\"42\"", "\"0x2a\"", "Sent 0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ("64180aa3", "64180aa", "Contract"),
        ("fFb92266", "ffb92266", "Owner"),
        ("17dc79C8", "17dc79c8", "Sent"),
    ];
    for (good, bad, expected) in cases {
        let error = read_chequebook(FILE.replacen(good, bad, 1)).unwrap_err();
        assert!(matches!(&error, ReadError::Field { field, .. } if field == expected), "{bad}: {error:?}");
        assert_eq!(error.class(), ErrorClass::BadCheque);
    }
    for field in ["Balance", "Contract", "Owner", "Sent"] {
        let lower = FILE.replacen(field, &field.to_lowercase(), 1);
        let missing = FILE.replacen(field, "Memo", 1);
        let twice = FILE.replacen('{', &format!("{{\"{field}\": \"1\","), 1);
        let null = FILE.replacen(&format!("\"{field}\": "), &format!("\"{field}\": null, \"Memo\": "), 1);
        for json in [lower, missing, twice, null] {
            assert!(matches!(read_chequebook(&json), Err(ReadError::Json(_))), "{json}");
        }
    }
    assert!(matches!(read_chequebook(FILE.replace("\"42\"", "42")), Err(ReadError::Json(_))), "a number");
}

/// Any change of one place: a byte that is replaced, removed or inserted, or a cut.
fn mutate(text: &mut Vec<u8>, how: u8, at: &prop::sample::Index, byte: u8) {
    let at = at.index(text.len());
    match how % 4 {
        0 => text[at] = byte,
        1 => drop(text.remove(at)),
        2 => text.insert(at, byte),
        _ => text.truncate(at),
    }
}

/// What a lenient reader sees in a field.
fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn bytes_of_json() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"0123456789abcdefABCDEF+/=-.eE\"{}[]:, \n".to_vec())]
}

proptest! {
    #[test]
    fn reads_back_what_it_wrote(cheque in cheques(), signer in signers()) {
        let cheque = Cheque { scheme: Scheme::Packed, ..cheque };
        let signed = sign(cheque, &signer);
        let json = write_cheque(&signed).unwrap();
        prop_assert_eq!(read_cheque(&json, cheque.chain_id).unwrap(), signed);
        // Another writer agrees on the signature.
        let sig = serde_json::from_str::<Value>(&json.replace(&format!("\"Amount\":{}", cheque.amount), "\"Amount\":0"));
        let mut bytes = signed.signature();
        bytes[64] -= 27;
        prop_assert_eq!(text_of(&sig.unwrap()["Sig"]), base64(&bytes));
    }

    #[test]
    fn every_changed_cheque_is_refused_or_the_same_or_signed_by_nobody_we_know(
        cheque in cheques(), signer in signers(),
        changes in prop::collection::vec((any::<u8>(), any::<prop::sample::Index>(), bytes_of_json()), 1..3),
    ) {
        let signed = sign(Cheque { scheme: Scheme::Packed, ..cheque }, &signer);
        let mut text = write_cheque(&signed).unwrap().into_bytes();
        for (how, at, byte) in &changes {
            if !text.is_empty() {
                mutate(&mut text, *how, at, *byte);
            }
        }
        if let Ok(read) = read_cheque(&text, cheque.chain_id) && read.verify(signer.address()).is_ok() {
            prop_assert_eq!(read, signed);
        }
    }

    #[test]
    fn every_changed_file_is_refused_or_read_as_it_stands(
        contract in any::<[u8; 20]>(), available in any::<[u8; 32]>(),
        promised in prop::collection::btree_map(any::<[u8; 20]>(), any::<[u8; 32]>(), 0..4),
        changes in prop::collection::vec((any::<u8>(), any::<prop::sample::Index>(), bytes_of_json()), 0..3),
    ) {
        let promised: BTreeMap<_, _> =
            promised.into_iter().map(|(key, value)| (Address::from(key), U256::from_be_bytes(value))).collect();
        let sent: serde_json::Map<_, _> =
            promised.iter().map(|(key, value)| (key.to_string(), value.to_string().into())).collect();
        let (contract, available) = (Address::from(contract), U256::from_be_bytes(available));
        let file = serde_json::json!({
            "Balance": available.to_string(),
            "Contract": contract.to_string(),
            "Owner": SIGNER.to_string(),
            "Sent": sent,
        });
        let mut text = serde_json::to_vec_pretty(&file).unwrap();
        for (how, at, byte) in &changes {
            if !text.is_empty() {
                mutate(&mut text, *how, at, *byte);
            }
        }
        let read = read_chequebook(&text);
        if changes.is_empty() {
            prop_assert_eq!(read.as_ref().unwrap(), &ChequebookFile { contract, owner: SIGNER, available, promised });
        }
        if let Ok(read) = read {
            let seen: Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(seen.as_object().unwrap().len(), 4);
            prop_assert_eq!(text_of(&seen["Balance"]), read.available.to_string());
            prop_assert_eq!(text_of(&seen["Contract"]).to_lowercase(), format!("{:#x}", read.contract));
            prop_assert_eq!(text_of(&seen["Owner"]).to_lowercase(), format!("{:#x}", read.owner));
            let seen = seen["Sent"].as_object().unwrap();
            prop_assert_eq!(seen.len(), read.promised.len());
            for (beneficiary, amount) in seen {
                let read = read.promised[&beneficiary.parse::<Address>().unwrap()];
                prop_assert_eq!(text_of(amount), read.to_string());
            }
        }
    }

    #[test]
    fn no_text_panics(text in ".*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for text in [text.as_bytes(), &bytes] {
            prop_assert!(read_cheque(text, CHAIN).is_err());
            prop_assert!(read_chequebook(text).is_err());
        }
    }
}
