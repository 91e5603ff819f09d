//! The JSON form of a cheque is strict: any other form is refused, and the error says why.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use chequebook::SignedCheque;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{cheques, sign, signers};

/// A valid cheque.
fn good() -> Value {
    json!({
        "contract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        "beneficiary": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "amount": "1",
        "scheme": "packed",
        "chainId": 31337,
        "signature": concat!(
            "0xdc53b5d784b4eabb4cb6cbeae94c6bd13f0073cc0e5ddc1b4e14a1185db3a2fe",
            "1f1b0f8caa86c6b70af746cdd8818aaca8edf41db444f6539b830c4602070d851b"
        ),
    })
}

/// Reads the valid cheque with `value` in `field`.
fn read(field: &str, value: impl Into<Value>) -> serde_json::Result<SignedCheque> {
    let mut cheque = good();
    cheque[field] = value.into();
    serde_json::from_value(cheque)
}

/// The error for the same.
fn refusal(field: &str, value: impl Into<Value>) -> String {
    read(field, value).unwrap_err().to_string()
}

fn accepts(field: &str, value: impl Into<Value>) -> bool {
    read(field, value).is_ok()
}

proptest! {
    #[test]
    fn reads_back_what_it_wrote(cheque in cheques(), signer in signers()) {
        let signed = sign(cheque, &signer);
        let text = serde_json::to_string(&signed).unwrap();
        prop_assert_eq!(serde_json::from_str::<SignedCheque>(&text).unwrap(), signed);
    }

    #[test]
    fn refuses_any_other_text_without_panic(
        text in ".*",
        cheque in "\\{(\"[a-zA-Z]*\":(\"[0-9a-fx]*\"|[0-9]{0,20}),?){0,7}\\}",
    ) {
        prop_assert!(serde_json::from_str::<SignedCheque>(&text).is_err());
        prop_assert!(serde_json::from_str::<SignedCheque>(&cheque).is_err());
    }

    #[test]
    fn no_changed_byte_makes_another_good_cheque(
        cheque in cheques(), signer in signers(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let signed = sign(cheque, &signer);
        let mut text = serde_json::to_vec(&signed).unwrap();
        *at.get_mut(&mut text) = byte;

        let read = serde_json::from_slice::<SignedCheque>(&text);
        if let Ok(read) = read && read.verify(signer.address()).is_ok() {
            // The chain of a packed cheque is the only field that its signature does not bind.
            let chain_id = signed.cheque().chain_id;
            prop_assert_eq!(chequebook::Cheque { chain_id, ..*read.cheque() }, *signed.cheque());
            prop_assert_eq!(read.signature(), signed.signature());
        }
    }

    #[test]
    fn amounts_are_decimal_digits_only(amount in "[ +\\-0-9a-fxX._,]{0,80}") {
        let digits = !amount.is_empty() && amount.chars().all(|c| c.is_ascii_digit());
        if !digits || (amount.len() > 1 && amount.starts_with('0')) {
            prop_assert!(refusal("amount", amount.as_str()).contains("expected decimal digits only"));
        }
    }
}

#[test]
fn reads_amounts_from_zero_to_the_largest() {
    let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    for amount in ["0", "1", "10", largest] {
        assert!(accepts("amount", amount), "{amount}");
    }
}

#[test]
fn refuses_an_amount_of_257_bits() {
    let amount = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    assert_eq!(refusal("amount", amount), format!("amount {amount} is too large, expected at most {largest}"));
    assert!(refusal("amount", "9".repeat(1000)).contains("is too large"));
}

#[test]
fn refuses_an_amount_that_is_not_decimal_digits() {
    for amount in ["", "0x2a", "2a", "042", "00", "+42", "-42", " 42", "42 ", "4_2", "4.2", "4e2", "٤٢"] {
        let expected =
            format!("amount {amount:?} is not a number, expected decimal digits only, without leading zeros");
        assert_eq!(refusal("amount", amount), expected);
    }
}

#[test]
fn refuses_an_amount_that_is_a_json_number() {
    assert_eq!(refusal("amount", 42), "invalid type: integer `42`, expected a string");
}

#[test]
fn refuses_what_is_not_an_address() {
    let digits = "70997970c51812dc3a010c7d01b50e0d17dc79c8";
    let wrong = ["", "0x", digits, "0X70997970c51812dc3a010c7d01b50e0d17dc79c8", "payee.eth"].map(String::from);
    let wrong = wrong.into_iter().chain([
        format!("0x{}", &digits[1..]),
        format!("0x{digits}0"),
        format!("0x{}g", &digits[1..]),
        format!("0x0x{digits}"),
        format!("0x0x{}", &digits[2..]),
        format!(" 0x{digits}"),
    ]);
    for address in wrong {
        for field in ["contract", "beneficiary"] {
            let expected = format!("{field} {address:?} is not an address, expected 0x and 40 hex digits");
            assert_eq!(refusal(field, address.as_str()), expected);
        }
    }
}

#[test]
fn refuses_a_mixed_case_address_with_a_wrong_checksum() {
    let wrong = "0x70997970C51812dc3A010C7d01b50e0d17dc79c8";
    assert_eq!(
        refusal("beneficiary", wrong),
        format!(
            "beneficiary \"{wrong}\" has a wrong checksum, \
             expected 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 if its digits are right"
        )
    );
}

#[test]
fn reads_an_address_of_one_case() {
    assert!(accepts("beneficiary", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"));
    assert!(accepts("beneficiary", "0x70997970C51812DC3A010C7D01B50E0D17DC79C8"));
    assert!(accepts("beneficiary", format!("0x{}", "0".repeat(40))));
}

#[test]
fn refuses_an_unknown_scheme() {
    for scheme in ["Packed", "eip712", ""] {
        let expected = format!("unknown variant `{scheme}`, expected `packed` or `typed`");
        assert_eq!(refusal("scheme", scheme), expected);
    }
}

#[test]
fn refuses_a_chain_id_that_is_not_a_whole_number_of_64_bits() {
    for (id, found) in [(json!("1"), "string"), (json!(1.0), "floating point"), (json!(-1), "integer `-1`")] {
        let refused = refusal("chainId", id);
        assert!(refused.contains(found) && refused.contains("expected u64"), "{refused}");
    }
}

#[test]
fn refuses_what_is_not_65_bytes_of_signature() {
    let full = good()["signature"].as_str().unwrap().to_owned();
    let wrong = [String::new(), full[2..].into(), full[..130].into(), format!("{full}00"), full.replace('d', "z")];
    for signature in wrong {
        let expected = format!("signature {signature:?} is not 65 bytes, expected 0x and 130 hex digits");
        assert_eq!(refusal("signature", signature.as_str()), expected);
    }
}

#[test]
fn refuses_a_signature_of_another_form() {
    let full = good()["signature"].as_str().unwrap().to_owned();
    assert_eq!(refusal("signature", format!("{}00", &full[..130])), "signature has v = 0, expected 27 or 28");

    let high = format!("0x{}{}1c", &full[2..66], "f".repeat(64));
    let refused = refusal("signature", high);
    assert!(
        refused.starts_with("signature has s = 0xffff") && refused.contains("expected at most 0x7fff"),
        "{refused}"
    );
}

#[test]
fn refuses_a_missing_or_unknown_or_duplicate_field() {
    for field in ["contract", "beneficiary", "amount", "scheme", "chainId", "signature"] {
        let mut cheque = good();
        cheque.as_object_mut().unwrap().remove(field);
        let refused = serde_json::from_value::<SignedCheque>(cheque).unwrap_err().to_string();
        assert_eq!(refused, format!("missing field `{field}`"));
    }
    assert!(refusal("memo", "for coffee").starts_with("unknown field `memo`, expected one of `contract`"));

    let duplicate = good().to_string().replacen('{', r#"{"amount":"2","#, 1);
    let refused = serde_json::from_str::<SignedCheque>(&duplicate).unwrap_err().to_string();
    assert!(refused.starts_with("duplicate field `amount`"), "{refused}");
}
