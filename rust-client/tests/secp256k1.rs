//! With the feature `secp256k1`, alloy's local signers sign in C, too: the same signatures as in pure Rust, faster.
#![cfg(feature = "secp256k1")]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    network::TxSignerSync,
    primitives::{B256, TxKind, U256, b256, hex, uint},
    signers::{
        SignerSync,
        local::{PrivateKeySigner, Secp256k1Signer},
    },
};
use chequebook::{Cheque, Scheme};
use proptest::prelude::*;
use support::{cheques, sign, signers};

/// One below the order of the curve, which is the largest key.
const LARGEST_KEY: B256 = b256!("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140");
const HALF_ORDER: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

fn agree(slow: &PrivateKeySigner, digest: B256) {
    let fast = slow.to_secp256k1();
    assert_eq!(fast.address(), slow.address());
    let signature = fast.sign_hash_sync(&digest).unwrap();
    assert_eq!(signature.as_bytes(), slow.sign_hash_sync(&digest).unwrap().as_bytes(), "{digest}");
    assert!(signature.s() <= HALF_ORDER);
    assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), slow.address());
}

proptest! {
    /// RFC 6979 leaves nothing to chance: one key and one hash have one signature.
    #[test]
    fn signs_what_pure_rust_signs(slow in signers(), digest in any::<[u8; 32]>(), message in ".*") {
        agree(&slow, digest.into());
        let fast = slow.to_secp256k1();
        prop_assert_eq!(
            fast.sign_message_sync(message.as_bytes()).unwrap(),
            slow.sign_message_sync(message.as_bytes()).unwrap()
        );
    }

    #[test]
    fn signs_the_same_cheques(cheques in prop::collection::vec(cheques(), 1..4), slow in signers()) {
        let fast = Secp256k1Signer::from(&slow);
        for unsigned in cheques {
            for scheme in [Scheme::Packed, Scheme::Typed] {
                let cheque = Cheque { scheme, ..unsigned };
                let signed = sign(cheque, &fast);
                prop_assert_eq!(signed, sign(cheque, &slow));
                signed.verify(slow.address()).unwrap();
            }
        }
    }

    #[test]
    fn signs_the_same_transactions(slow in signers(), nonce in any::<u64>(), to in any::<[u8; 20]>()) {
        let mut transaction = TxEip1559 { chain_id: 1, nonce, to: TxKind::Call(to.into()), ..TxEip1559::default() };
        let expected = slow.sign_transaction_sync(&mut transaction).unwrap();
        let found = slow.to_secp256k1().sign_transaction_sync(&mut transaction).unwrap();
        prop_assert_eq!(found.as_bytes(), expected.as_bytes());
        prop_assert_eq!(found.recover_address_from_prehash(&transaction.signature_hash()).unwrap(), slow.address());
    }
}

#[test]
fn signs_the_same_at_the_limits() {
    let keys = [B256::with_last_byte(1), B256::with_last_byte(2), LARGEST_KEY];
    let digests = [B256::ZERO, B256::with_last_byte(1), LARGEST_KEY];
    for key in keys {
        for digest in digests {
            agree(&PrivateKeySigner::from_bytes(&key).unwrap(), digest);
        }
    }
}

#[test]
fn takes_no_number_that_is_no_key_and_shows_none() {
    for wrong in [
        B256::ZERO,
        B256::from(HALF_ORDER.wrapping_mul(U256::from(2)).wrapping_add(U256::ONE)),
        B256::repeat_byte(0xff),
    ] {
        let error = Secp256k1Signer::from_bytes(&wrong).unwrap_err();
        assert!(!format!("{error:?} {error}").contains(&hex::encode(wrong)), "{error:?}");
        assert!(PrivateKeySigner::from_bytes(&wrong).is_err(), "neither does the other one");
    }
    for key in [B256::repeat_byte(0xa7), LARGEST_KEY] {
        let shown = format!("{:?}", Secp256k1Signer::from_bytes(&key).unwrap());
        let secret = hex::encode(key);
        let decimal = U256::from_be_bytes(key.0).to_string();
        for part in [&secret[..8], &secret[56..], &decimal, &format!("{:?}", &key[..4])[1..14]] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}
