//! Cheques are signed, verified and turned into calls, and altered ones are refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

mod support;

use alloy::{
    consensus::crypto::SECP256K1N_HALF,
    primitives::{Address, ChainId, Signature, U256, address},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use chequebook::{Cheque, Error, Overdraft, Scheme, SignedCheque, bindings::Chequebook};
use proptest::prelude::*;
use support::{cheques, sign, signers};

const CHEQUE: Cheque = Cheque {
    contract: address!("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    beneficiary: address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    amount: U256::from_limbs([42, 0, 0, 0]),
    scheme: Scheme::Packed,
    chain_id: 1,
};

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[7; 32]).unwrap()
}

/// The same signature in its other form, which the contract accepts as well.
fn high_form(signature: [u8; 65]) -> [u8; 65] {
    let order = SECP256K1N_HALF * U256::from(2) + U256::ONE;
    let low = Signature::from_raw_array(&signature).unwrap();
    Signature::new(low.r(), order - low.s(), !low.v()).as_bytes()
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

proptest! {
    #[test]
    fn recovers_the_signer_of_any_cheque(cheque in cheques(), signer in signers()) {
        let signed = sign(cheque, &signer);

        prop_assert_eq!(signed.cheque(), &cheque);
        prop_assert_eq!(signed.recover().unwrap(), signer.address());
        signed.verify(signer.address()).unwrap();
    }

    #[test]
    fn the_compact_signature_is_the_one_of_erc_2098(cheque in cheques(), signer in signers()) {
        let signed = sign(cheque, &signer);
        let (r, vs) = signed.compact_signature();

        let expected = Signature::from_raw_array(&signed.signature()).unwrap().as_erc2098();
        prop_assert_eq!([r.as_slice(), vs.as_slice()].concat(), expected);
    }

    #[test]
    fn refuses_a_flipped_bit_of_the_contract(cheque in cheques(), signer in signers(), bit in 0..160_usize) {
        let mut altered = cheque;
        flip(altered.contract.as_mut_slice(), bit);
        prop_assert!(!verifies(altered, sign(cheque, &signer).signature(), signer.address()));
    }

    #[test]
    fn refuses_a_flipped_bit_of_the_beneficiary(cheque in cheques(), signer in signers(), bit in 0..160_usize) {
        let mut altered = cheque;
        flip(altered.beneficiary.as_mut_slice(), bit);
        prop_assert!(!verifies(altered, sign(cheque, &signer).signature(), signer.address()));
    }

    #[test]
    fn refuses_a_flipped_bit_of_the_amount(cheque in cheques(), signer in signers(), bit in 0..256_usize) {
        let altered = Cheque { amount: cheque.amount ^ (U256::ONE << bit), ..cheque };
        prop_assert!(!verifies(altered, sign(cheque, &signer).signature(), signer.address()));
    }

    #[test]
    fn refuses_a_flipped_bit_of_the_chain_id_in_typed_cheques_only(
        cheque in cheques(), signer in signers(), bit in 0..64_u32,
    ) {
        let altered = Cheque { chain_id: cheque.chain_id ^ (1 << bit), ..cheque };
        let verified = verifies(altered, sign(cheque, &signer).signature(), signer.address());
        prop_assert_eq!(verified, cheque.scheme == Scheme::Packed);
    }

    #[test]
    fn refuses_the_other_scheme(cheque in cheques(), signer in signers()) {
        let other = if cheque.scheme == Scheme::Packed { Scheme::Typed } else { Scheme::Packed };
        let altered = Cheque { scheme: other, ..cheque };
        prop_assert!(!verifies(altered, sign(cheque, &signer).signature(), signer.address()));
    }

    #[test]
    fn refuses_a_flipped_bit_of_the_signature(cheque in cheques(), signer in signers(), bit in 0..520_usize) {
        let mut signature = sign(cheque, &signer).signature();
        flip(&mut signature, bit);
        prop_assert!(!verifies(cheque, signature, signer.address()));
    }

    #[test]
    fn refuses_the_other_v(cheque in cheques(), signer in signers()) {
        let mut signature = sign(cheque, &signer).signature();
        signature[64] = 27 + 28 - signature[64];
        prop_assert!(!verifies(cheque, signature, signer.address()));
    }

    #[test]
    fn refuses_the_high_form_of_a_signature(cheque in cheques(), signer in signers()) {
        let high = high_form(sign(cheque, &signer).signature());
        // It is an equally valid signature: the two differ only in form.
        let recovered = Signature::from_raw_array(&high).unwrap().recover_address_from_prehash(&cheque.digest());
        prop_assert_eq!(recovered.unwrap(), signer.address());

        let refused = SignedCheque::new(cheque, high);
        prop_assert!(matches!(refused, Err(Error::HighS { s, .. }) if s > SECP256K1N_HALF), "{:?}", refused);
    }
}

fn verifies(cheque: Cheque, signature: [u8; 65], signer: Address) -> bool {
    SignedCheque::new(cheque, signature).and_then(|signed| signed.verify(signer)).is_ok()
}

#[test]
fn accepts_the_largest_low_s_and_no_larger_one() {
    let with_s = |s| SignedCheque::new(CHEQUE, Signature::new(U256::ONE, s, false).as_bytes());

    assert!(with_s(SECP256K1N_HALF).is_ok());
    assert!(matches!(with_s(SECP256K1N_HALF + U256::ONE), Err(Error::HighS { .. })));
}

#[test]
fn accepts_no_v_but_27_and_28() {
    let mut signature = sign(CHEQUE, &signer()).signature();
    for v in 0..=u8::MAX {
        signature[64] = v;
        match SignedCheque::new(CHEQUE, signature) {
            Ok(signed) => assert!(v == 27 || v == 28, "accepted {v}, read as {:?}", signed.signature()[64]),
            Err(Error::InvalidV { v: refused }) => assert!(refused == v && v != 27 && v != 28, "refused {v}"),
            Err(error) => panic!("{v}: {error}"),
        }
    }
}

#[test]
fn refuses_a_signature_that_no_key_can_have_made() {
    let mut signature = [0; 65];
    signature[64] = 27;

    let refused = SignedCheque::new(CHEQUE, signature).unwrap().recover();
    assert!(matches!(refused, Err(Error::Unrecoverable(_))), "{refused:?}");
}

#[test]
fn names_who_signed_and_who_should_have() {
    let stranger = Address::repeat_byte(1);
    let error = sign(CHEQUE, &signer()).verify(stranger).unwrap_err();

    assert!(matches!(error, Error::WrongSigner { recovered, expected }
        if recovered == signer().address() && expected == stranger));
    assert_eq!(error.to_string(), format!("cheque is signed by {}, expected {stranger}", signer().address()));
}

/// The entry that never ends a chequebook is the default; the other one needs consent.
#[test]
fn calls_the_entry_of_scheme_and_overdraft() {
    let entries = [
        (Scheme::Packed, Overdraft::Refuse, Chequebook::cashIfCoveredCall::SELECTOR),
        (Scheme::Packed, Overdraft::Consent, Chequebook::cashCall::SELECTOR),
        (Scheme::Typed, Overdraft::Refuse, Chequebook::cashTypedIfCoveredCall::SELECTOR),
        (Scheme::Typed, Overdraft::Consent, Chequebook::cashTypedCall::SELECTOR),
    ];
    for (scheme, overdraft, selector) in entries {
        let signed = sign(Cheque { scheme, ..CHEQUE }, &signer());
        let calldata = signed.calldata(overdraft);
        assert_eq!(calldata[..4], selector, "{scheme:?} {overdraft:?}");

        // All four have the same parameters.
        let call = Chequebook::cashCall::abi_decode_raw(&calldata[4..]).unwrap();
        assert_eq!((call.beneficiary, call.amount), (CHEQUE.beneficiary, CHEQUE.amount));
        assert_eq!([&call.r[..], &call.s[..], &[call.v]].concat(), signed.signature());
    }
}

#[test]
fn calls_with_the_v_of_the_signature() {
    let mut met = std::collections::BTreeSet::new();
    for amount in 1..100 {
        let signed = sign(Cheque { amount: U256::from(amount), ..CHEQUE }, &signer());
        let call = Chequebook::cashCall::abi_decode(&signed.calldata(Overdraft::Consent)).unwrap();
        assert_eq!(call.v, signed.signature()[64]);
        met.insert(call.v);
    }
    assert!(met.into_iter().eq([27, 28]), "a hundred signatures have both values of v");
}

#[test]
fn hashes_a_chain_id_of_64_bits() {
    let with_id = |chain_id: ChainId| Cheque { scheme: Scheme::Typed, chain_id, ..CHEQUE }.digest();
    assert_ne!(with_id(ChainId::MAX), with_id(ChainId::from(u32::MAX)));
}
