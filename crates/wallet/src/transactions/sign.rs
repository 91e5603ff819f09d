//! The only place where transactions are signed.

use std::sync::Arc;

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::{Encodable2718, eip2930::AccessListItem},
    network::TxSigner,
    primitives::{Bytes, Signature},
};

use crate::Error;

/// The account that signs transactions and pays for their gas.
pub(crate) type AccountSigner = Arc<dyn TxSigner<Signature> + Send + Sync>;

/// The bytes that a packed cheque is the hash of: chequebook, beneficiary and amount.
const PACKED_CHEQUE: usize = 72;
/// The gas of an address in an access list (EIP-2930).
const ADDRESS_GAS: u64 = 2_400;

/// The signed transaction, as it is sent.
///
/// The account may also be the signer of a chequebook. A packed cheque is the hash of 72 bytes without a prefix, so a
/// transaction of that length could be read as one, of a chequebook whose address its first 20 bytes are. Such a
/// transaction gets another length: an entry in its access list, of the account itself, which changes nothing but the
/// gas.
pub(super) async fn sign(account: &AccountSigner, mut transaction: TxEip1559) -> Result<Bytes, Error> {
    while transaction.encoded_for_signing().len() == PACKED_CHEQUE {
        transaction.access_list.0.push(AccessListItem { address: account.address(), storage_keys: Vec::new() });
        transaction.gas_limit = transaction.gas_limit.saturating_add(ADDRESS_GAS);
    }
    let signature = account.sign_transaction(&mut transaction).await?;
    Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
}

#[cfg(test)]
mod tests;
