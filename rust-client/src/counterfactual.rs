//! Clones at addresses that follow from their terms, created or not. Nothing here asks a network.

use std::sync::LazyLock;

use alloy::{
    primitives::{Address, B256, ChainId, U256, address, hex, keccak256},
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Terms,
    bindings::{ChequebookFactory, ClearingHouse},
};

/// The deterministic deployment proxy, which most chains have at this address. What it creates has one address on all
/// of them, which nothing but that very code can have.
pub const DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// What creates a clone: it copies the 89 bytes that follow it into place.
const CREATION: [u8; 10] = hex!("6100593d81600a3d39f3");
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

/// The code that all clones run: the first contract that the factory creates.
fn implementation() -> Address {
    factory().create(1)
}

/// What a clone is created with. All of it, and the chain, is part of its address: whoever has these terms needs no node
/// to know that the chequebook at [`address`](Self::address) is genuine, or will be once it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloneTerms {
    /// What every chequebook is created with.
    pub terms: Terms,
    /// Tells apart several chequebooks with the same terms.
    pub salt: B256,
}

impl CloneTerms {
    /// Where the chequebook is, or will be, on a chain.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`]: the factory creates no such chequebook.
    pub fn address(&self, chain_id: ChainId) -> Result<Address, Error> {
        if self.terms.owner == Address::ZERO {
            return Err(Error::ZeroOwner);
        }
        let creation = [CREATION.as_slice(), &self.code()].concat();
        let salt = keccak256((U256::from(chain_id), self.salt).abi_encode());
        Ok(factory().create2(salt, keccak256(creation)))
    }

    /// The code of the chequebook once it is created.
    pub fn code(&self) -> Vec<u8> {
        let Terms { owner, notice_period, .. } = self.terms;
        let terms = [owner.as_slice(), self.terms.effective_signer().as_slice(), &notice_period.to_be_bytes()].concat();
        [BEFORE.as_slice(), implementation().as_slice(), &AFTER, &terms].concat()
    }
}

impl Terms {
    /// Reads the terms from the code of a clone. `None` if it is not the code of a clone of ours.
    ///
    /// **This does not prove that the clone is genuine**: anyone can create such code, and only what the factory created
    /// is a chequebook. Ask the factory's `bornAt`, or compute the address with [`CloneTerms`].
    pub fn read_clone(code: &[u8]) -> Option<Self> {
        let terms = code.strip_prefix(&BEFORE)?.strip_prefix(implementation().as_slice())?.strip_prefix(&AFTER)?;
        let (owner, rest) = terms.split_first_chunk::<20>()?;
        let (signer, notice) = rest.split_first_chunk::<20>()?;
        let notice_period = u32::from_be_bytes(notice.try_into().ok()?);
        Some(Self { owner: owner.into(), signer: signer.into(), notice_period })
    }
}
