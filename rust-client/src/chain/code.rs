//! Whether the code at an address is that of a chequebook, and what is fixed in it.

use std::sync::LazyLock;

use alloy::primitives::{Address, B256, Bytes, U256};
use serde::Deserialize;

/// What is fixed in the code of a genuine chequebook, read from the code itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Genuine {
    /// Who commands the chequebook.
    pub owner: Address,
    /// Whose key makes its cheques.
    pub signer: Address,
    /// The least time between the announcement of the end and the end, in seconds.
    pub notice_period: u64,
    /// The number of the block that created it; of a clone that was not opened when we looked first, of one before.
    pub born_at: u64,
}

/// What `make bindings` writes of the compiled contract.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    deployed_bytecode: Bytes,
    immutable_references: References,
}

/// Where in the code the compiler left room for each immutable.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct References {
    owner: Vec<Reference>,
    signer: Vec<Reference>,
    notice_period: Vec<Reference>,
    born_at: Vec<Reference>,
}

/// A word of 32 bytes.
#[derive(Deserialize)]
struct Reference {
    start: usize,
}

static ARTIFACT: LazyLock<Option<Artifact>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../abi/Chequebook.json")).ok());

impl Genuine {
    /// Reads the code of a chequebook. `None` unless every byte is that of our build, but for the immutables, and those
    /// are what a constructor can have left there.
    pub fn read(code: &[u8]) -> Option<Self> {
        let Artifact { deployed_bytecode, immutable_references: at } = ARTIFACT.as_ref()?;
        if code.len() != deployed_bytecode.len() {
            return None;
        }

        let mut blank = code.to_vec();
        let owner = address(take(&mut blank, &at.owner)?)?;
        let signer = address(take(&mut blank, &at.signer)?)?;
        let notice_period = number(take(&mut blank, &at.notice_period)?)?;
        let born_at = number(take(&mut blank, &at.born_at)?)?;

        // The constructor allows neither a chequebook of nobody, nor one whose signer is zero, nor a longer notice.
        let possible = owner != Address::ZERO && signer != Address::ZERO && notice_period <= u32::MAX.into();
        (possible && blank == deployed_bytecode.as_ref()).then_some(Self { owner, signer, notice_period, born_at })
    }
}

/// The one value that stands in all these places, which are blanked.
fn take(code: &mut [u8], references: &[Reference]) -> Option<B256> {
    let mut value = None;
    for reference in references {
        let word = code.get_mut(reference.start..)?.first_chunk_mut::<32>()?;
        let found = B256::from(*word);
        if *value.get_or_insert(found) != found {
            return None;
        }
        *word = [0; 32];
    }
    value
}

fn address(word: B256) -> Option<Address> {
    let address = Address::from_word(word);
    (address.into_word() == word).then_some(address)
}

fn number(word: B256) -> Option<u64> {
    U256::from_be_bytes(word.0).try_into().ok()
}
