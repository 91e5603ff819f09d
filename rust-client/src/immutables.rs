//! The values of a chequebook that never change.

use std::sync::LazyLock;

use alloy::primitives::{Address, B256, Bytes, U256};
use serde::Deserialize;

use crate::Terms;

/// The values of a chequebook that never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Immutables {
    /// Its terms. The signer is never zero.
    pub terms: Terms,
    /// The number of the block that created it.
    pub born_at: u64,
}

/// The part of the compiled contract that `make bindings` writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    deployed_bytecode: Bytes,
    immutable_references: References,
}

/// The places in the code where the constructor writes each immutable.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct References {
    owner: Vec<Reference>,
    signer: Vec<Reference>,
    notice_period: Vec<Reference>,
    born_at: Vec<Reference>,
}

/// The position of a 32-byte word.
#[derive(Deserialize)]
struct Reference {
    start: usize,
}

#[expect(clippy::expect_used, reason = "the file is part of this crate, and a test reads it")]
static ARTIFACT: LazyLock<Artifact> =
    LazyLock::new(|| serde_json::from_str(include_str!("../abi/Chequebook.json")).expect("abi/Chequebook.json"));

impl Immutables {
    /// Combines the terms in the code of a clone with its block of creation, which the factory records.
    pub const fn of_clone(terms: Terms, born_at: u64) -> Self {
        Self { terms, born_at }
    }

    /// Reads the code of a directly deployed chequebook. `None` unless the code equals that of this build except for
    /// the immutables, and the constructor can have set these immutables.
    pub fn read(code: &[u8]) -> Option<Self> {
        let Artifact { deployed_bytecode, immutable_references: at } = &*ARTIFACT;
        if code.len() != deployed_bytecode.len() {
            return None;
        }

        let mut blank = code.to_vec();
        let owner = address(take(&mut blank, &at.owner)?)?;
        let signer = address(take(&mut blank, &at.signer)?)?;
        let notice_period = number(take(&mut blank, &at.notice_period)?)?.try_into().ok()?;
        let born_at = number(take(&mut blank, &at.born_at)?)?;

        // The constructor allows neither an owner nor a signer of zero.
        let possible = owner != Address::ZERO && signer != Address::ZERO;
        let terms = Terms { owner, signer, notice_period };
        (possible && blank == deployed_bytecode.as_ref()).then_some(Self { terms, born_at })
    }
}

/// Returns the value that all these places contain, and sets them to zero. `None` if they differ.
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
