//! What a wallet, device or service must sign, and how its answers are used.
#![allow(missing_docs, reason = "tests")]

use alloy::{
    consensus::crypto::SECP256K1N_HALF,
    dyn_abi::TypedData,
    primitives::{Address, B256, ChainId, Signature, U256, address},
    signers::{self, Signer, local::PrivateKeySigner},
};
use chequebook::{Cheque, Error, Scheme};

const CHEQUE: Cheque = Cheque {
    contract: address!("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    beneficiary: address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    amount: U256::MAX,
    scheme: Scheme::Typed,
    chain_id: 137,
};

/// A device that signs typed data, which it can show, but no bare hash.
struct Device(PrivateKeySigner);

#[async_trait::async_trait]
impl Signer for Device {
    async fn sign_hash(&self, _: &B256) -> signers::Result<Signature> {
        Err(signers::Error::other("cannot show a hash"))
    }

    async fn sign_dynamic_typed_data(&self, data: &TypedData) -> signers::Result<Signature> {
        assert_eq!(data.domain.name.as_deref(), Some("Chequebook"));
        assert_eq!(data.domain.version.as_deref(), Some("1"));
        assert_eq!(data.domain.chain_id, Some(U256::from(CHEQUE.chain_id)));
        assert_eq!(data.domain.verifying_contract, Some(CHEQUE.contract));
        assert_eq!(data.encode_type()?, "Cheque(address beneficiary,uint256 amount)");
        self.0.sign_hash(&data.eip712_signing_hash()?).await
    }

    fn address(&self) -> Address {
        self.0.address()
    }

    fn chain_id(&self) -> Option<ChainId> {
        None
    }

    fn set_chain_id(&mut self, _: Option<ChainId>) {}
}

/// Signs any hash, and returns the form with the high `s`.
struct HighSigner(PrivateKeySigner);

#[async_trait::async_trait]
impl Signer for HighSigner {
    async fn sign_hash(&self, hash: &B256) -> signers::Result<Signature> {
        let low = self.0.sign_hash(hash).await?;
        let order = SECP256K1N_HALF.wrapping_mul(U256::from(2)).wrapping_add(U256::ONE);
        Ok(Signature::new(low.r(), order.wrapping_sub(low.s()), !low.v()))
    }

    fn address(&self) -> Address {
        self.0.address()
    }

    fn chain_id(&self) -> Option<ChainId> {
        None
    }

    fn set_chain_id(&mut self, _: Option<ChainId>) {}
}

#[tokio::test]
async fn shows_a_typed_cheque_on_a_boxed_device() {
    let device: Box<dyn Signer + Send + Sync> = Box::new(Device(PrivateKeySigner::random()));

    CHEQUE.sign(&device).await.unwrap().verify(device.address()).unwrap();
    CHEQUE.sign(&*device).await.unwrap().verify(device.address()).unwrap();
}

#[tokio::test]
async fn passes_on_why_the_signer_did_not_sign() {
    let packed = Cheque { scheme: Scheme::Packed, ..CHEQUE };
    let error = packed.sign(&Device(PrivateKeySigner::random())).await.unwrap_err();

    assert!(matches!(&error, Error::Signer(reason) if reason.to_string() == "cannot show a hash"), "{error:?}");
}

#[tokio::test]
async fn turns_a_high_signature_into_its_low_form() {
    let key = PrivateKeySigner::random();
    for scheme in [Scheme::Packed, Scheme::Typed] {
        let cheque = Cheque { scheme, ..CHEQUE };
        let low = cheque.sign(&key).await.unwrap();
        assert_eq!(cheque.sign(&HighSigner(key.clone())).await.unwrap(), low);
    }
}

#[tokio::test]
async fn signs_on_another_thread() {
    let key = PrivateKeySigner::random();
    let address = key.address();
    let signed = tokio::spawn(async move { CHEQUE.sign(&key).await }).await.unwrap().unwrap();
    signed.verify(address).unwrap();
}
