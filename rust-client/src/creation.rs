//! Addresses of chequebooks, computed from their terms, before or after creation. Nothing here uses a network.

use std::sync::LazyLock;

use alloy::{
    primitives::{Address, B256, Bytes, ChainId, U256, address, hex, keccak256},
    sol_types::{SolCall, SolValue},
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Form, SignedCheque, Terms,
    bindings::{
        Chequebook, ChequebookFactory, ClearingHouse,
        IChequebookFactory::{Record as FactoryRecord, Terms as FactoryTerms},
    },
};

/// The deterministic deployment proxy, which most chains have at this address. A contract that it creates has the same
/// address on all of them, and no other code can have that address.
pub const DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// ERC-1167: the code of a minimal clone, around the address of the code that it runs.
const BEFORE: [u8; 10] = hex!("363d3d373d3d3d363d73");
const AFTER: [u8; 15] = hex!("5af43d82803e903d91602b57fd5bf3");

static FACTORY: LazyLock<Address> =
    LazyLock::new(|| DEPLOYER.create2_from_code(B256::ZERO, &*ChequebookFactory::BYTECODE));
static CLEARING_HOUSE: LazyLock<Address> =
    LazyLock::new(|| DEPLOYER.create2_from_code(B256::ZERO, &*ClearingHouse::BYTECODE));

/// The address of the factory, on every chain that has it.
pub fn factory() -> Address {
    *FACTORY
}

/// The address of the clearing house, on every chain that has it.
pub fn clearing_house() -> Address {
    *CLEARING_HOUSE
}

/// The factory and the clearing house: the address of each, and the input of the transaction to [`DEPLOYER`] that deploys it
/// there. Anyone may send it, on any chain that has the proxy.
pub fn deployments() -> [(Address, Bytes); 2] {
    let input = |code: &Bytes| [B256::ZERO.as_slice(), code.as_ref()].concat().into();
    let (factory_code, house_code) = (&ChequebookFactory::BYTECODE, &ClearingHouse::BYTECODE);
    [(factory(), input(factory_code)), (clearing_house(), input(house_code))]
}

/// Terms and salt: what the factory creates a chequebook from. Together with the chain they determine its address: they
/// prove, without a node, what the chequebook at [`address`](Self::address) is, or will be once it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Creation {
    /// The terms.
    pub terms: Terms,
    /// Distinguishes chequebooks with the same terms.
    pub salt: B256,
}

impl Creation {
    /// The address that the chequebook has, or will have, on a chain.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`], [`Error::ZeroToken`]: the factory creates no such chequebook.
    pub fn address(&self, chain_id: ChainId) -> Result<Address, Error> {
        if self.terms.owner == Address::ZERO {
            return Err(Error::ZeroOwner);
        }
        if self.terms.form == Form::Token(Address::ZERO) {
            return Err(Error::ZeroToken);
        }
        let salt = keccak256((U256::from(chain_id), self.salt).abi_encode());
        Ok(factory().create2(salt, keccak256(self.creation_code())))
    }

    /// Checks, without a node, that a cheque belongs to the chequebook of this creation on a chain, and is signed by
    /// its signer. It does not check what the chequebook pays with: look at [`Form::asset`].
    ///
    /// # Errors
    ///
    /// Those of [`address`](Self::address); [`Error::WrongContract`], [`Error::WrongChainId`], [`Error::WrongSigner`],
    /// [`Error::Unrecoverable`].
    pub fn verify(&self, cheque: &SignedCheque, chain_id: ChainId) -> Result<(), Error> {
        cheque.verify_for(self.address(chain_id)?, chain_id, self.terms.effective_signer())
    }

    /// The input of the transaction to [`factory`] that creates the chequebook. Anyone may send it.
    pub fn calldata(&self) -> Bytes {
        let Terms { form, owner, signer, notice_period } = self.terms;
        let (form, token) = match form {
            Form::Direct => (DIRECT, Address::ZERO),
            Form::Clone => (CLONE, Address::ZERO),
            Form::Token(token) => (TOKEN, token),
        };
        let terms = FactoryTerms { owner, signer, noticePeriod: notice_period, token };
        ChequebookFactory::createCall { form, terms, salt: self.salt }.abi_encode().into()
    }

    /// What the factory runs to create it.
    fn creation_code(&self) -> Vec<u8> {
        let Terms { form, owner, notice_period, .. } = self.terms;
        let signer = self.terms.effective_signer();
        // A clone is created by code that returns all that follows it as the code of the contract.
        let clone = |returns: [u8; 10], implementation: Address, token: &[u8]| {
            let terms = [owner.as_slice(), signer.as_slice(), &notice_period.to_be_bytes(), token].concat();
            [returns.as_slice(), &BEFORE, implementation.as_slice(), &AFTER, &terms].concat()
        };
        // The implementations are the first two contracts that the factory creates.
        match form {
            Form::Direct => {
                [Chequebook::BYTECODE.as_ref(), &(owner, signer, notice_period).abi_encode_params()].concat()
            }
            Form::Clone => clone(hex!("6100593d81600a3d39f3"), factory().create(1), &[]),
            Form::Token(token) => clone(hex!("61006d3d81600a3d39f3"), factory().create(2), token.as_slice()),
        }
    }
}

/// The forms, as the factory numbers them.
const DIRECT: u8 = 1;
const CLONE: u8 = 2;
const TOKEN: u8 = 3;

/// What the factory knows of a chequebook. It never changes, also after the death of the chequebook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Record {
    /// Its form.
    pub form: Form,
    /// The number of the block in which it was created.
    pub born_at: u64,
}

impl Record {
    /// Converts the answer of the factory. `None` if the factory did not create the chequebook.
    pub fn of_factory(known: &FactoryRecord) -> Option<Self> {
        let form = match known.form {
            DIRECT => Form::Direct,
            CLONE => Form::Clone,
            TOKEN => Form::Token(known.token),
            _ => return None,
        };
        Some(Self { form, born_at: known.bornAt })
    }
}
