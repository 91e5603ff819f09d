//! What others do with the key of an account, or in its name.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip7702, TxEnvelope},
    eips::eip7702::Authorization,
    primitives::{Address, B256, Signature, TxKind, U256, address, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};

use super::{
    Sim,
    state::{CHAIN_ID, COINBASE},
};

/// The code that a delegated account runs.
const DELEGATE: Address = address!("0x7702770277027702770277027702770277027702");

/// Who sends what [`act`](Sim::act) does.
pub(super) const NOBODY: Address = address!("0x000000000000000000000000000000000000b0d1");

impl Sim {
    /// Puts a transaction that another program made with this key into the pool, whatever waits there with its nonce.
    /// It does nothing. All of its maximum fee is its tip.
    pub(crate) fn foreign(&self, key: &PrivateKeySigner, nonce: u64, max_fee: u128) -> B256 {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 100_000,
            max_fee_per_gas: max_fee,
            max_priority_fee_per_gas: max_fee,
            to: TxKind::Call(COINBASE),
            ..TxEip1559::default()
        };
        let transaction = sign(key, transaction);
        let hash = *transaction.tx_hash();
        let mut chain = self.lock();
        chain.pending.insert((key.address(), nonce), transaction);
        if chain.auto_mine {
            chain.mine();
        }
        hash
    }

    /// Another account includes, in a block of its own, an authorization that this key signed (EIP-7702). It uses the
    /// next nonce of the key's account, which sends nothing. Returns the hash of the other account's transaction.
    pub(crate) fn delegate(&self, key: &PrivateKeySigner) -> B256 {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        let nonce = block.state.nonce(key.address());
        let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: DELEGATE, nonce };
        let signature = key.sign_hash_sync(&authorization.signature_hash()).expect("a local key signs");
        let transaction = TxEip7702 {
            chain_id: CHAIN_ID,
            nonce: block.state.nonce(sponsor().address()),
            gas_limit: 1_000_000,
            max_fee_per_gas: u128::from(chain.fees.base) + 1,
            max_priority_fee_per_gas: 1,
            to: COINBASE,
            authorization_list: vec![authorization.into_signed(signature)],
            ..TxEip7702::default()
        };
        let transaction = sign(&sponsor(), transaction);
        let hash = *transaction.tx_hash();
        block.include(sponsor().address(), transaction, &chain.environment);
        chain.push(block);
        hash
    }
}

/// Signs a transaction with a local key.
fn sign<T>(key: &PrivateKeySigner, transaction: T) -> TxEnvelope
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy::consensus::Signed<T>>,
{
    let signature = key.sign_hash_sync(&transaction.signature_hash()).expect("a local key signs");
    transaction.into_signed(signature).into()
}

/// Who pays for the delegations of others. It is rich.
pub(super) fn sponsor() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256("sponsor")).expect("a valid key")
}

/// A placeholder for a transaction whose key we do not have.
pub(super) fn nobodys_transaction(number: u64) -> TxEnvelope {
    let transaction = TxEip1559 { chain_id: CHAIN_ID, nonce: number, to: TxKind::Create, ..TxEip1559::default() };
    transaction.into_signed(Signature::new(U256::ONE, U256::ONE, false)).into()
}
