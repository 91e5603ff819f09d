//! A contract of 2016 on a chain, through any alloy provider: what its cheques pay, and how they are cashed.

use alloy::{
    contract::CallBuilder,
    network::Ethereum,
    primitives::{Address, B256, ChainId, KECCAK256_EMPTY, U256, b256, keccak256},
    providers::{PendingTransactionBuilder, Provider},
};

use crate::{
    Cheque, Error, Overdraft, Scheme, SignedCheque,
    bindings::Chequebook::{self, ChequebookErrors, ChequebookInstance},
    contract::{failed, send},
};

/// The code of every contract that go-ethereum 1.8 deployed, as a hash: it has no immutables, so all have one code.
const CODE: B256 = b256!("0x737df3a40858bc23237dd0610236e46a0c848c532529437d66a13874bdc464ae");

/// The codes that go-ethereum deployed before, as hashes. They compare owed and balance the wrong way around: a covered
/// cheque destroys them, and of the others the newer code counts as paid what it does not pay.
const DEFECTIVE: [B256; 2] = [
    b256!("0x69d5d3050aecb79ef8494e6c450216c43a9cea1cab411cb7a96edd90baab89dc"),
    b256!("0x4cee9be6ef67f50a10a41af3a68ca57e7a891ca3bf6ada8900d020564a095a53"),
];

/// A chequebook **of 2016** on a chain: go-ethereum's contract, not ours. This type cashes the cheques that you hold; it
/// neither makes nor funds any, and it is no reason to accept one. Against our contracts, the original lacks:
///
/// - *a covered entry*: whether the balance covers a cheque is checked here, when you ask, and not by the contract. Another
///   cheque that is cashed first, or a kill in the same block, makes yours an overdraft all the same.
/// - *an end that is fair*: an overdraft pays the whole balance and destroys the contract for all other payees. It counts
///   nothing as paid, and from the hardfork Cancun on the contract lives on, so that the bounced cheque can be cashed again.
/// - *a notice*: the owner can take the whole balance back at any moment.
/// - *gas*: a beneficiary is paid with 2,300 gas. A smart wallet that needs more cannot be paid, and
///   [`cash`](Self::cash) says so beforehand.
/// - *typed cheques, tokens, a signer apart from the owner, a record of the factory, and an event for a payment.* Whether a
///   cheque was paid, [`sent`](Self::sent) says.
///
/// It caches nothing that can change. All amounts are in wei.
#[derive(Clone, Debug)]
pub struct OriginalChequebook<P> {
    /// The entries `cash` and `sent` are those of 2016.
    instance: ChequebookInstance<P>,
    chain_id: ChainId,
    owner: Address,
}

/// What the hash of the code at an address tells.
#[derive(Debug, PartialEq, Eq)]
enum Code {
    None,
    Original,
    Defective,
    Other,
}

/// Whether the code at the address of a contract is the one that go-ethereum 1.8 deployed, for those who have read it
/// already. False for any other, of which nothing is known.
///
/// # Errors
///
/// [`Error::NoCode`] if there is none; [`Error::Defective`] if it is the code of an earlier version.
pub fn is_original(contract: Address, code: &[u8]) -> Result<bool, Error> {
    let code_hash = keccak256(code);
    match Code::of(code_hash) {
        Code::None => Err(Error::NoCode { contract }),
        Code::Defective => Err(Error::Defective { contract, code_hash }),
        code => Ok(code == Code::Original),
    }
}

impl Code {
    fn of(hash: B256) -> Self {
        match hash {
            KECCAK256_EMPTY => Self::None,
            CODE => Self::Original,
            hash if DEFECTIVE.contains(&hash) => Self::Defective,
            _ => Self::Other,
        }
    }
}

impl<P: Provider + Clone> OriginalChequebook<P> {
    /// The contract at an address, whose code must be the one that go-ethereum 1.8 deployed. That proves what a cash does,
    /// as far as you trust the node; it does not prove that the owner will leave the balance where it is.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] if there is none, or no longer; [`Error::Defective`] if it is the code of an earlier version,
    /// which pays all or nothing; [`Error::Unproven`] if it is any other code; or an error from the node.
    pub async fn at(provider: P, contract: Address) -> Result<Self, Error> {
        if is_original(contract, &provider.get_code_at(contract).await?)? {
            return Self::read(provider, contract).await;
        }
        Err(Error::Unproven { contract })
    }

    /// The same for a contract with any other code, such as the same source by another compiler. **Nothing is proven**:
    /// the owner is what stands in its first slot, and a cash may do anything, or succeed and pay nothing. Look at
    /// [`sent`](Self::sent) afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`], [`Error::Defective`]; or an error from the node.
    pub async fn at_unproven(provider: P, contract: Address) -> Result<Self, Error> {
        is_original(contract, &provider.get_code_at(contract).await?)?;
        Self::read(provider, contract).await
    }

    async fn read(provider: P, contract: Address) -> Result<Self, Error> {
        let chain_id = provider.get_chain_id().await?;
        // There is no `owner()`: a call of it would succeed with nothing, by the fallback function.
        let slot = provider.get_storage_at(contract, U256::ZERO).await?;
        let owner = Address::from_word(slot.into());
        Ok(Self { instance: Chequebook::new(contract, provider), chain_id, owner })
    }

    /// The address of the contract.
    pub fn address(&self) -> Address {
        *self.instance.address()
    }

    /// The id of the chain.
    pub const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// The account that owns it, and that must sign its cheques. It never changes.
    pub const fn owner(&self) -> Address {
        self.owner
    }

    /// The balance of the contract.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn balance(&self) -> Result<U256, Error> {
        Ok(self.instance.provider().get_balance(self.address()).await?)
    }

    /// The cumulative amount paid to `beneficiary`. What an overdraft pays is not in it.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] if the contract is gone; or an error from the node.
    pub async fn sent(&self, beneficiary: Address) -> Result<U256, Error> {
        self.instance.sent(beneficiary).call().await.map_err(|source| failed(self.address(), source))
    }

    /// Checks that a cheque belongs to this chequebook and is signed by its owner. Makes no request.
    ///
    /// # Errors
    ///
    /// [`Error::NotPacked`], [`Error::WrongContract`], [`Error::WrongChainId`], [`Error::WrongSigner`],
    /// [`Error::Unrecoverable`].
    pub fn verify(&self, cheque: &SignedCheque) -> Result<(), Error> {
        if cheque.cheque().scheme != Scheme::Packed {
            return Err(Error::NotPacked);
        }
        cheque.verify_for(self.address(), self.chain_id, self.owner)
    }

    /// What a cheque would pay now. Other payees hold cheques too: the first to cash is paid first.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify); [`Error::NoCode`] if the contract is gone; [`Error::AlreadyCashed`]; with
    /// [`Overdraft::Refuse`], [`Error::WouldBounce`] if the balance does not cover it; or an error from the node.
    pub async fn payable(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<U256, Error> {
        self.verify(cheque)?;
        let Cheque { beneficiary, .. } = *cheque.cheque();
        let owed = cheque.cheque().owed(self.sent(beneficiary).await?)?;
        let balance = self.balance().await?;
        match overdraft {
            _ if owed <= balance => Ok(owed),
            Overdraft::Refuse => Err(Error::WouldBounce { pays: balance, owed }),
            Overdraft::Consent => Ok(balance),
        }
    }

    /// Sends the transaction that cashes a cheque of 2016, after a simulation. Anyone may send it; the beneficiary is paid.
    ///
    /// [`Overdraft::Refuse`] is checked **before** the transaction is sent, and not by the contract, which has no such
    /// entry: if the balance falls until the transaction is included, it bounces, and destroys the contract.
    ///
    /// # Errors
    ///
    /// Those of [`payable`](Self::payable); [`Error::Refused`] if the contract would refuse it, as when the beneficiary
    /// cannot be paid with 2,300 gas.
    pub async fn cash(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
    ) -> Result<PendingTransactionBuilder<Ethereum>, Error> {
        self.payable(cheque, overdraft).await?;
        // The one entry of 2016: the other schemes and the covered entries are ours.
        let input = cheque.calldata(Overdraft::Consent);
        let call = CallBuilder::new_raw(self.instance.provider(), input).to(self.address());
        send::<_, _, ChequebookErrors>(self.address(), &call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are not ours; the lengths are 748, 547 and 511.
    #[test]
    fn knows_the_codes_of_go_ethereum_by_their_hashes() {
        assert_eq!(Code::of(CODE), Code::Original);
        assert_eq!(DEFECTIVE.map(Code::of), [Code::Defective, Code::Defective]);
        assert_eq!(Code::of(keccak256([])), Code::None);
        assert_eq!(Code::of(keccak256([0])), Code::Other);
        assert_eq!(Code::of(B256::ZERO), Code::Other, "nobody's");
        assert!(matches!(is_original(Address::ZERO, &[]), Err(Error::NoCode { .. })));
        assert!(matches!(is_original(Address::ZERO, &[0]), Ok(false)));
    }
}
