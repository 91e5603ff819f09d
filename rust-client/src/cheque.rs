//! Cheques: how they are signed, verified and cashed. Nothing here uses a network or a disk.

use std::ops::Deref;

use alloy::{
    dyn_abi::TypedData,
    primitives::{Address, B256, Bytes, ChainId, Signature, U256, keccak256, uint},
    signers::Signer,
    sol_types::{Eip712Domain, SolCall, SolStruct, SolValue, eip712_domain},
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Overdraft,
    bindings::Chequebook::{cashCall, cashIfCoveredCall, cashTypedCall, cashTypedIfCoveredCall},
};

/// Half the order of the curve secp256k1, the largest `s` of a canonical signature (EIP-2).
const HALF_ORDER: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// Which digest of a cheque is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// The hash of contract, beneficiary and amount. It does not bind the chain: a chequebook with the same signer and
    /// the same address on another chain pays the same cheque.
    Packed,
    /// EIP-712 typed data. It binds the chain, and a wallet can show it to its user.
    Typed,
}

/// A payer's promise to one beneficiary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cheque {
    /// The chequebook that pays.
    pub contract: Address,
    /// The address that is paid.
    pub beneficiary: Address,
    /// The cumulative amount promised to the beneficiary by this and all earlier cheques, in wei or in the
    /// smallest unit of the token.
    pub amount: U256,
    /// How it is signed.
    pub scheme: Scheme,
    /// The chain of the contract. Only the signature of a [typed](Scheme::Typed) cheque covers it.
    pub chain_id: ChainId,
}

impl Cheque {
    /// The hash that is signed. The contract computes the same one.
    pub fn digest(&self) -> B256 {
        match self.scheme {
            Scheme::Packed => keccak256((self.contract, self.beneficiary, self.amount).abi_encode_packed()),
            Scheme::Typed => self.message().eip712_signing_hash(&self.domain()),
        }
    }

    /// Signs the cheque. A packed cheque is signed as a hash; a typed one as typed data, so that a device can show it.
    /// `signer` is a reference, an [`Arc`](std::sync::Arc) or a box of any alloy signer.
    ///
    /// # Errors
    ///
    /// [`Error::Signer`] if the signer does not sign, with its reason.
    pub async fn sign<S: Signer + Sync + ?Sized>(self, signer: impl Deref<Target = S>) -> Result<SignedCheque, Error> {
        let signature = match self.scheme {
            Scheme::Packed => signer.sign_hash(&self.digest()).await?,
            // Through a `dyn Signer`, only the dynamic form shows the data to a device; the other form signs a bare
            // hash.
            Scheme::Typed => signer.sign_dynamic_typed_data(&self.typed_data()).await?,
        };
        SignedCheque::new(self, signature.normalized_s().as_bytes())
    }

    /// What it still pays, in wei or in the smallest unit of the token, after `sent` was paid to its beneficiary.
    #[cfg(feature = "provider")]
    pub(crate) fn owed(&self, sent: U256) -> Result<U256, Error> {
        let amount = self.amount;
        amount.checked_sub(sent).filter(|owed| !owed.is_zero()).ok_or(Error::AlreadyCashed { amount, sent })
    }

    fn domain(&self) -> Eip712Domain {
        eip712_domain! {
            name: "Chequebook",
            version: "1",
            chain_id: self.chain_id,
            verifying_contract: self.contract,
        }
    }

    fn message(&self) -> eip712::Cheque {
        eip712::Cheque { beneficiary: self.beneficiary, amount: self.amount }
    }

    /// The cheque as EIP-712 typed data. Its JSON form (serde) is what a wallet expects in `eth_signTypedData_v4`.
    pub fn typed_data(&self) -> TypedData {
        TypedData::from_struct(&self.message(), Some(self.domain()))
    }
}

/// The message of a typed cheque, in a module of its own because EIP-712 hashes its name.
mod eip712 {
    alloy::sol! {
        #[derive(serde::Serialize)]
        struct Cheque {
            address beneficiary;
            uint256 amount;
        }
    }
}

/// A cheque and a signature over it.
///
/// Payer and payee exchange its JSON form (serde). The amount is a string of decimal digits; an address in
/// mixed case must have the right checksum; fields must not be missing, duplicated or unknown.
///
/// ```json
/// {
///   "contract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
///   "beneficiary": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
///   "amount": "42",
///   "scheme": "typed",
///   "chainId": 1,
///   "signature": "0x…65 bytes: r, s, v"
/// }
/// ```
///
/// The signature has the form that the contract accepts, with the low `s` only: a cheque has one form, and nobody who
/// relays it can make a second one. The type does not say who signed: call [`verify`](Self::verify).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignedCheque {
    cheque: Cheque,
    signature: Signature,
}

impl SignedCheque {
    /// Combines a cheque with its signature: 32 bytes `r`, 32 bytes `s`, one byte `v`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidV`] unless `v` is 27 or 28, [`Error::HighS`] if `s` is above half the order of the curve.
    pub fn new(cheque: Cheque, signature: [u8; 65]) -> Result<Self, Error> {
        let [rs @ .., v] = signature;
        let odd = match v {
            27 => false,
            28 => true,
            _ => return Err(Error::InvalidV { v }),
        };
        let signature = Signature::from_bytes_and_parity(&rs, odd);
        if signature.s() > HALF_ORDER {
            return Err(Error::HighS { s: signature.s(), max: HALF_ORDER });
        }
        Ok(Self { cheque, signature })
    }

    /// The cheque without its signature.
    pub const fn cheque(&self) -> &Cheque {
        &self.cheque
    }

    /// The signature: 32 bytes `r`, 32 bytes `s`, and `v`, which is 27 or 28.
    pub fn signature(&self) -> [u8; 65] {
        self.signature.as_bytes()
    }

    /// The signature in 64 bytes (ERC-2098): `r`, and the low `s` with the parity of `v` in its highest bit.
    pub fn compact_signature(&self) -> (B256, B256) {
        let mut vs = self.signature.s();
        vs.set_bit(255, self.signature.v());
        (self.signature.r().into(), vs.into())
    }

    /// Recovers the address that signed the cheque. An altered cheque gives an unrelated address.
    ///
    /// # Errors
    ///
    /// [`Error::Unrecoverable`] if no key can have made this signature.
    pub fn recover(&self) -> Result<Address, Error> {
        self.signature.recover_address_from_prehash(&self.cheque.digest()).map_err(Error::Unrecoverable)
    }

    /// Checks that `signer` signed the cheque, as the contract will.
    ///
    /// # Errors
    ///
    /// [`Error::WrongSigner`] if another key signed it, [`Error::Unrecoverable`] if no key can have signed it.
    pub fn verify(&self, signer: Address) -> Result<(), Error> {
        let recovered = self.recover()?;
        if recovered != signer {
            return Err(Error::WrongSigner { recovered, expected: signer });
        }
        Ok(())
    }

    /// Checks that the cheque is of this chequebook, chain and signer.
    pub(crate) fn verify_for(&self, contract: Address, chain_id: ChainId, signer: Address) -> Result<(), Error> {
        let found = &self.cheque;
        if found.contract != contract {
            return Err(Error::WrongContract { found: found.contract, expected: contract });
        }
        if found.chain_id != chain_id {
            return Err(Error::WrongChainId { found: found.chain_id, expected: chain_id });
        }
        self.verify(signer)
    }

    /// The input of the transaction to [`Cheque::contract`] that cashes the cheque. Anyone may send it. With
    /// [`Overdraft::Refuse`] it calls `cashIfCovered` or `cashTypedIfCovered`, which never end a chequebook; with
    /// [`Overdraft::Consent`], `cash` or `cashTyped`.
    pub fn calldata(&self, overdraft: Overdraft) -> Bytes {
        let Cheque { beneficiary, amount, scheme, .. } = self.cheque;
        // The contract expects v as 27 or 28, not as the parity alone.
        let v = if self.signature.v() { 28 } else { 27 };
        let (r, s) = (self.signature.r().into(), self.signature.s().into());

        match (scheme, overdraft) {
            (Scheme::Packed, Overdraft::Refuse) => cashIfCoveredCall { beneficiary, amount, v, r, s }.abi_encode(),
            (Scheme::Packed, Overdraft::Consent) => cashCall { beneficiary, amount, v, r, s }.abi_encode(),
            (Scheme::Typed, Overdraft::Refuse) => cashTypedIfCoveredCall { beneficiary, amount, v, r, s }.abi_encode(),
            (Scheme::Typed, Overdraft::Consent) => cashTypedCall { beneficiary, amount, v, r, s }.abi_encode(),
        }
        .into()
    }
}
