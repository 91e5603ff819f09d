//! Random cheques, and a way to sign them in a test that is not async.

use alloy::{
    primitives::{Address, U256},
    signers::{Signer, local::PrivateKeySigner},
};
use chequebook::{Cheque, Scheme, SignedCheque};
use proptest::prelude::*;

/// Signs `cheque`, and stops the test if that fails.
pub(crate) fn sign(cheque: Cheque, signer: &(impl Signer + Sync)) -> SignedCheque {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(cheque.sign(signer)).unwrap()
}

/// Any cheque of either scheme.
pub(crate) fn cheques() -> impl Strategy<Value = Cheque> {
    let schemes = prop_oneof![Just(Scheme::Packed), Just(Scheme::Typed)];
    (any::<[u8; 20]>(), any::<[u8; 20]>(), any::<[u8; 32]>(), schemes, any::<u64>()).prop_map(
        |(contract, beneficiary, amount, scheme, chain_id)| Cheque {
            contract: Address::from(contract),
            beneficiary: Address::from(beneficiary),
            amount: U256::from_be_bytes(amount),
            scheme,
            chain_id,
        },
    )
}

/// Any key.
pub(crate) fn signers() -> impl Strategy<Value = PrivateKeySigner> {
    any::<[u8; 32]>().prop_filter_map("zero and numbers above the order of the curve are no keys", |key| {
        PrivateKeySigner::from_bytes(&key.into()).ok()
    })
}
