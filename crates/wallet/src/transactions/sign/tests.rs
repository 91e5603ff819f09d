#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

use alloy::{
    consensus::{Transaction as _, transaction::SignerRecoverable},
    eips::{Decodable2718, eip2930::AccessList},
    primitives::{Address, TxKind, U256},
    signers::local::PrivateKeySigner,
};
use proptest::prelude::*;

use super::*;

/// Refuses to sign what could be read as a packed cheque.
struct Careful(PrivateKeySigner);

#[async_trait::async_trait]
impl TxSigner<Signature> for Careful {
    fn address(&self) -> Address {
        TxSigner::address(&self.0)
    }

    async fn sign_transaction(
        &self,
        transaction: &mut dyn SignableTransaction<Signature>,
    ) -> alloy::signers::Result<Signature> {
        assert_ne!(transaction.encoded_for_signing().len(), 72, "could be read as a packed cheque");
        self.0.sign_transaction(transaction).await
    }
}

/// A number of any length in bytes, each about as often.
fn number(bytes: usize) -> impl Strategy<Value = u128> {
    (0..=bytes, any::<u128>()).prop_map(|(bytes, random)| {
        let bits = u32::try_from(bytes).unwrap() * 8;
        random.checked_shr(128 - bits).unwrap_or_default()
    })
}

fn transactions() -> impl Strategy<Value = TxEip1559> {
    let small = (number(8), number(8), number(4));
    let input = prop::collection::vec(any::<u8>(), 0..6);
    (small, number(16), number(16), number(16), any::<[u8; 20]>(), input).prop_map(
        |((chain_id, nonce, gas_limit), max_fee_per_gas, max_priority_fee_per_gas, value, to, input)| TxEip1559 {
            chain_id: u64::try_from(chain_id).unwrap(),
            nonce: u64::try_from(nonce).unwrap(),
            gas_limit: u64::try_from(gas_limit).unwrap(),
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: TxKind::Call(Address::from(to)),
            value: U256::from(value),
            input: input.into(),
            ..TxEip1559::default()
        },
    )
}

fn signed(transaction: TxEip1559) -> TxEnvelope {
    let account: AccountSigner = Arc::new(Careful(PrivateKeySigner::from_slice(&[7; 32]).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let raw = runtime.block_on(sign(&account, transaction)).unwrap();
    let signed = TxEnvelope::decode_2718_exact(&raw).unwrap();
    assert_eq!(signed.recover_signer().unwrap(), account.address());
    signed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn signs_nothing_that_could_be_a_packed_cheque(transaction in transactions()) {
        let length = transaction.encoded_for_signing().len();
        let signed = signed(transaction.clone());
        let after = signed.as_eip1559().unwrap().tx();
        if length == 72 {
            let same = TxEip1559 {
                access_list: AccessList::default(),
                gas_limit: transaction.gas_limit,
                ..after.clone()
            };
            prop_assert_eq!(same, transaction.clone());
            let addresses = u64::try_from(after.access_list.len()).unwrap();
            prop_assert_eq!(after.gas_limit, transaction.gas_limit + addresses * 2_400);
        } else {
            prop_assert_eq!(after, &transaction);
        }
    }

    /// With the input of a length that makes it 72, for any other fields.
    #[test]
    fn changes_every_transaction_of_72_bytes(transaction in transactions()) {
        let input = (0..60).map(|length| Bytes::from(vec![1; length]));
        let mut of_72 = input.map(|input| TxEip1559 { input, ..transaction.clone() });
        if let Some(of_72) = of_72.find(|transaction| transaction.encoded_for_signing().len() == 72) {
            let after = signed(of_72);
            prop_assert!(after.access_list().is_some_and(|list| !list.is_empty()));
        }
    }
}

/// A second variant, with higher fees, has the entry already.
#[test]
fn changes_a_transaction_that_has_entries() {
    let entry = AccessListItem { address: Address::repeat_byte(3), storage_keys: Vec::new() };
    let with_input = |length| TxEip1559 {
        chain_id: 1,
        to: TxKind::Call(Address::repeat_byte(1)),
        input: vec![1; length].into(),
        access_list: AccessList(vec![entry.clone()]),
        ..TxEip1559::default()
    };
    let of_72 = (0..40).map(with_input).find(|transaction| transaction.encoded_for_signing().len() == 72).unwrap();
    assert_eq!(signed(of_72).access_list().unwrap().len(), 2);
}
