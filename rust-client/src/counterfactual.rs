//! Addresses of clones, computed from their terms, before or after creation. Nothing here uses a network.

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

/// The deterministic deployment proxy, which most chains have at this address. A contract that it creates has the same
/// address on all of them, and no other code can have that address.
pub const DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// The creation code of a clone: it returns the 89 bytes that follow it as the code of the contract.
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

/// The contract whose code all clones run: the first one that the factory creates.
fn implementation() -> Address {
    factory().create(1)
}

/// The terms and the salt of a clone. Together with the chain they determine its address: they prove, without a node,
/// that the chequebook at [`address`](Self::address) is genuine, or will be once it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloneTerms {
    /// The terms that every chequebook has.
    pub terms: Terms,
    /// Distinguishes chequebooks with the same terms.
    pub salt: B256,
}

impl CloneTerms {
    /// The address that the chequebook has, or will have, on a chain.
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
    /// Reads the terms from the code of a clone. `None` if this is not the code of a clone.
    ///
    /// **This does not prove that the clone is genuine**: anyone can deploy such code, and only a clone that the
    /// factory created is a chequebook. Call the factory's `bornAt`, or compute the address with [`CloneTerms`].
    pub fn read_clone(code: &[u8]) -> Option<Self> {
        let terms = code.strip_prefix(&BEFORE)?.strip_prefix(implementation().as_slice())?.strip_prefix(&AFTER)?;
        let (owner, rest) = terms.split_first_chunk::<20>()?;
        let (signer, notice) = rest.split_first_chunk::<20>()?;
        let notice_period = u32::from_be_bytes(notice.try_into().ok()?);
        Some(Self { owner: owner.into(), signer: signer.into(), notice_period })
    }
}
