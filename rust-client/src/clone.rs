//! Chequebooks that are clones: what the address of one says, without asking anybody.

use std::sync::LazyLock;

#[cfg(feature = "client")]
use alloy::{eips::BlockId, primitives::TxKind, sol_types::SolCall};
use alloy::{
    primitives::{Address, B256, ChainId, U256, address, hex, keccak256},
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "client")]
use crate::{
    Client, Genuine, Purpose, Transaction,
    bindings::ChequebookFactory::createCall,
    store::Batch,
    transactions::{Call, MAX_GAS},
};
use crate::{
    Error,
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
static HOUSE: LazyLock<Address> = LazyLock::new(|| DEPLOYER.create2_from_code(B256::ZERO, &*ClearingHouse::BYTECODE));

/// The address of the factory, on every chain that has it.
pub fn factory() -> Address {
    *FACTORY
}

/// The address of the clearing house, on every chain that has it.
pub fn clearing_house() -> Address {
    *HOUSE
}

/// The code that all clones run: the first contract that the factory creates.
fn implementation() -> Address {
    factory().create(1)
}

/// What a clone is opened with. All of it, and the chain, is part of its address: whoever has this needs no node to know
/// that the chequebook at [`address`](Self::address) is genuine, or will be once it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Opening {
    /// Who commands the chequebook. Not zero.
    pub owner: Address,
    /// Whose key makes its cheques. Zero stands for the owner.
    pub signer: Address,
    /// The least time between the announcement of the end and the end, in seconds.
    pub notice_period: u32,
    /// Tells apart several chequebooks with the same terms.
    pub salt: B256,
}

impl Opening {
    /// Where the chequebook is, or will be, on a chain.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`]: the factory opens no such chequebook.
    pub fn address(&self, chain_id: ChainId) -> Result<Address, Error> {
        if self.owner == Address::ZERO {
            return Err(Error::ZeroOwner);
        }
        let code = self.code();
        let creation = [CREATION.as_slice(), &code].concat();
        let salt = keccak256((U256::from(chain_id), self.salt).abi_encode());
        Ok(factory().create2(salt, keccak256(creation)))
    }

    /// Whose key makes its cheques.
    pub fn effective_signer(&self) -> Address {
        if self.signer == Address::ZERO { self.owner } else { self.signer }
    }

    /// What its code fixes once it is opened, which is not before `block`.
    #[cfg(feature = "client")]
    pub(crate) fn terms(&self, block: u64) -> Genuine {
        let Self { owner, notice_period, .. } = *self;
        Genuine { owner, signer: self.effective_signer(), notice_period: notice_period.into(), born_at: block }
    }

    /// The code that it has once it is opened.
    pub(crate) fn code(&self) -> Vec<u8> {
        let notice = self.notice_period.to_be_bytes();
        let terms = [self.owner.as_slice(), self.effective_signer().as_slice(), &notice].concat();
        [BEFORE.as_slice(), implementation().as_slice(), &AFTER, &terms].concat()
    }
}

/// Owner, signer and notice period of a clone, read from its code. `None` if it is not the code of a clone of ours. Who
/// made it is another question: only the factory makes chequebooks.
#[cfg(feature = "client")]
pub(crate) fn read(code: &[u8]) -> Option<(Address, Address, u32)> {
    let terms = code.strip_prefix(&BEFORE)?.strip_prefix(implementation().as_slice())?.strip_prefix(&AFTER)?;
    let (owner, rest) = terms.split_first_chunk::<20>()?;
    let (signer, notice) = rest.split_first_chunk::<20>()?;
    Some((owner.into(), signer.into(), u32::from_be_bytes(notice.try_into().ok()?)))
}

#[cfg(feature = "client")]
impl Client {
    /// Sends the transaction that opens a clone, with a deposit in wei, and returns once it is sent. Anyone may open
    /// anyone's: a payee, say, that wants to cash. What was sent to the address before is part of the deposit.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`], [`Error::NoCode`] if there is no factory on this chain; [`Error::Refused`] if it is opened
    /// already; [`Error::AccountShort`] and the like if it cannot be sent; or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: either nothing is sent, or the transaction is stored, and goes its way.
    pub async fn create(&self, opening: &Opening, deposit: U256) -> Result<Transaction, Error> {
        let Opening { owner, signer, notice_period, salt } = *opening;
        let contract = opening.address(self.chain_id())?;
        self.require_factory().await?;
        let input = createCall { owner, signer, noticePeriod: notice_period, salt }.abi_encode().into();
        let call = Call { to: TxKind::Call(factory()), value: deposit, input, max_gas: MAX_GAS };
        let purpose = Purpose::Open { contract, amount: deposit };
        self.shared().transactions.send(call, |_| Ok((purpose, Batch::new()))).await
    }

    /// The transaction under way that opens a clone.
    pub(crate) fn pending_creation(&self, contract: Address) -> Option<Transaction> {
        self.transactions().into_iter().find(|transaction| {
            matches!(transaction.purpose(), Purpose::Open { contract: opened, .. } if opened == contract)
                && !transaction.status().is_final()
        })
    }

    /// A clone that the store knows nothing of must be a new one: somebody may hold cheques of any other.
    pub(crate) async fn require_unused(&self, contract: Address) -> Result<(), Error> {
        self.require_factory().await?;
        let chain = &self.shared().chain;
        let (opened, balance) =
            tokio::try_join!(chain.opened_at(contract, BlockId::latest()), chain.balance(contract, BlockId::latest()))?;
        if opened.is_some() || !balance.is_zero() {
            return Err(Error::NoRecord { contract });
        }
        Ok(())
    }

    async fn require_factory(&self) -> Result<(), Error> {
        if self.shared().chain.code(factory(), BlockId::latest()).await?.is_empty() {
            return Err(Error::NoCode { contract: factory() });
        }
        Ok(())
    }
}
