//! The file in which go-ethereum kept a chequebook: its struct `chequebookFile`, by `encoding/json`.

use std::{collections::BTreeMap, fmt};

use alloy::primitives::{Address, U256};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::error::{ReadError, limit};
use crate::wire::{parse_address, parse_amount};

/// The longest file that is read, in bytes: that of more than 100,000 beneficiaries.
pub const MAX_FILE: usize = 16 << 20;

/// A chequebook as go-ethereum's payer kept it. Nothing in the file is signed, and it may be older than the newest cheque:
/// go-ethereum wrote it when it was told to. To go on with a payer's keys, promise each beneficiary more than both this
/// and what the chain says that it was paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChequebookFile {
    /// The contract (`Contract`). Zero if none was deployed.
    pub contract: Address,
    /// Who owns the contract and signs its cheques (`Owner`).
    pub owner: Address,
    /// What the payer thought that it could still promise, in wei (`Balance`): the deposits, minus all that was promised
    /// since the file began. It is not the balance of the contract.
    #[doc(alias = "balance")]
    pub available: U256,
    /// The cumulative amount promised to each beneficiary, in wei (`Sent`). It need not be cashed: the `sent` of the
    /// contract may be less.
    #[doc(alias = "sent")]
    pub promised: BTreeMap<Address, U256>,
}

#[derive(Deserialize)]
#[serde(rename = "chequebookFile", rename_all = "PascalCase", deny_unknown_fields)]
struct Text {
    balance: String,
    contract: String,
    owner: String,
    sent: Entries,
}

/// All entries of an object, also those with one name.
struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of beneficiaries and amounts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// Reads the file of a chequebook that go-ethereum's payer kept. All its values are strings; the amounts are decimal.
///
/// # Errors
///
/// [`ReadError`]: the text is longer than [`MAX_FILE`]; not JSON of exactly these four fields, each once; an address or an
/// amount is not one; or a beneficiary is there twice.
pub fn read_chequebook(json: impl AsRef<[u8]>) -> Result<ChequebookFile, ReadError> {
    let json = json.as_ref();
    limit(json, MAX_FILE)?;
    let text: Text = serde_json::from_slice(json)?;
    let mut promised = BTreeMap::new();
    for (beneficiary, amount) in text.sent.0 {
        let beneficiary = parse_address("beneficiary", beneficiary).map_err(ReadError::field("Sent"))?;
        let amount =
            parse_amount(amount).map_err(|source| ReadError::Field { field: format!("Sent {beneficiary}"), source })?;
        if promised.insert(beneficiary, amount).is_some() {
            return Err(ReadError::DuplicateBeneficiary { beneficiary });
        }
    }
    Ok(ChequebookFile {
        contract: parse_address("Contract", text.contract).map_err(ReadError::field("Contract"))?,
        owner: parse_address("Owner", text.owner).map_err(ReadError::field("Owner"))?,
        available: parse_amount(text.balance).map_err(ReadError::field("Balance"))?,
        promised,
    })
}
