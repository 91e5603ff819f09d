//! The JSON form of a signed cheque: its fields as text, and how they are strictly parsed.

use alloy::primitives::{Address, ChainId, U256, hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Cheque, Error, Scheme, SignedCheque};

impl Serialize for SignedCheque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::from(*self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SignedCheque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Wire::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "SignedCheque", rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    contract: String,
    beneficiary: String,
    amount: String,
    scheme: Scheme,
    chain_id: ChainId,
    signature: String,
}

impl From<SignedCheque> for Wire {
    fn from(signed: SignedCheque) -> Self {
        let Cheque { contract, beneficiary, amount, scheme, chain_id } = *signed.cheque();
        Self {
            contract: contract.to_string(),
            beneficiary: beneficiary.to_string(),
            amount: amount.to_string(),
            scheme,
            chain_id,
            signature: hex::encode_prefixed(signed.signature()),
        }
    }
}

impl TryFrom<Wire> for SignedCheque {
    type Error = Error;

    fn try_from(json: Wire) -> Result<Self, Error> {
        let cheque = Cheque {
            contract: parse_address("contract", json.contract)?,
            beneficiary: parse_address("beneficiary", json.beneficiary)?,
            amount: parse_amount(json.amount)?,
            scheme: json.scheme,
            chain_id: json.chain_id,
        };
        Self::new(cheque, parse_signature(json.signature)?)
    }
}

pub(crate) fn parse_address(field: &'static str, value: String) -> Result<Address, Error> {
    let Some(bytes) = parse_hex(&value) else { return Err(Error::InvalidAddress { field, value }) };
    let address = Address::from(bytes);

    let digits = value.as_bytes().iter().skip("0x".len());
    let mixed = digits.clone().any(u8::is_ascii_lowercase) && digits.clone().any(u8::is_ascii_uppercase);
    if mixed && value != address.to_checksum(None) {
        return Err(Error::WrongChecksum { field, value, expected: address });
    }
    Ok(address)
}

pub(crate) fn parse_amount(value: String) -> Result<U256, Error> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = value.len() > 1 && value.starts_with('0');
    if !digits || leading_zero {
        return Err(Error::InvalidAmount { value });
    }
    // The only remaining error is a number above 256 bits.
    U256::from_str_radix(&value, 10).map_err(|_| Error::AmountTooLarge { value })
}

fn parse_signature(value: String) -> Result<[u8; 65], Error> {
    parse_hex(&value).ok_or(Error::InvalidSignature { value })
}

/// `0x` and exactly `N` bytes in hex, in upper or lower case.
fn parse_hex<const N: usize>(value: &str) -> Option<[u8; N]> {
    let digits = value.strip_prefix("0x")?;
    // The decoder would skip a second prefix.
    if digits.starts_with("0x") {
        return None;
    }
    hex::decode_to_array(digits).ok()
}
