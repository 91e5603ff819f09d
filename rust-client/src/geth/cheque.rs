//! A cheque as go-ethereum wrote it: its struct `Cheque`, by `encoding/json`.

use alloy::primitives::{ChainId, Signature, U256, uint};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    base64,
    error::{ReadError, limit},
};
use crate::{
    Cheque, Error, Scheme, SignedCheque,
    wire::{parse_address, parse_amount},
};

/// The longest cheque that is read, in bytes: several times the longest that go-ethereum wrote.
pub const MAX_CHEQUE: usize = 4_096;

/// The order of the curve secp256k1.
const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

#[derive(Deserialize)]
#[serde(rename = "Cheque", rename_all = "PascalCase", deny_unknown_fields)]
struct Text<'a> {
    contract: String,
    beneficiary: String,
    /// The digits themselves: a number would be rounded to a float from 64 bits on.
    #[serde(borrow)]
    amount: &'a RawValue,
    sig: String,
}

/// Reads a cheque that go-ethereum wrote. The old form names no chain, so `chain_id` is yours to know; the signature does
/// not bind it. Who signed is not checked: call [`SignedCheque::verify`], or cash it by an `OriginalChequebook`.
///
/// The amount is read from its digits and may have 256 bits. The signature is base64, with `v` 0 or 1 as go-ethereum
/// wrote it, or 27 or 28. Go's signer made only the low `s`, but its reader and its contract also took the high one,
/// which anybody can compute: it is **turned into the low one**, so that a good cheque stays good and has one form.
///
/// # Errors
///
/// [`ReadError`]: the text is longer than [`MAX_CHEQUE`]; not JSON of exactly these four fields, each once; or a field is
/// not usable, such as an amount that is negative, a fraction, in quotes or above 256 bits.
pub fn read_cheque(json: impl AsRef<[u8]>, chain_id: ChainId) -> Result<SignedCheque, ReadError> {
    let json = json.as_ref();
    limit(json, MAX_CHEQUE)?;
    let text: Text<'_> = serde_json::from_slice(json)?;
    let cheque = Cheque {
        contract: parse_address("Contract", text.contract).map_err(ReadError::field("Contract"))?,
        beneficiary: parse_address("Beneficiary", text.beneficiary).map_err(ReadError::field("Beneficiary"))?,
        amount: parse_amount(text.amount.get().to_owned()).map_err(ReadError::field("Amount"))?,
        scheme: Scheme::Packed,
        chain_id,
    };
    SignedCheque::new(cheque, parse_sig(text.sig)?).map_err(ReadError::field("Sig"))
}

/// Writes a packed cheque as go-ethereum did, for a payee that still runs it.
///
/// # Errors
///
/// [`Error::NotPacked`]: software of 2016 knows no typed cheque.
pub fn write_cheque(signed: &SignedCheque) -> Result<String, Error> {
    let Cheque { contract, beneficiary, amount, scheme, .. } = *signed.cheque();
    if scheme != Scheme::Packed {
        return Err(Error::NotPacked);
    }
    let [rs @ .., v] = signed.signature();
    let mut sig = [0; 65];
    sig[..64].copy_from_slice(&rs);
    sig[64] = u8::from(v == 28);
    // Nothing here needs to be escaped.
    Ok(format!(
        r#"{{"Contract":"{contract:#x}","Beneficiary":"{beneficiary:#x}","Amount":{amount},"Sig":"{}"}}"#,
        base64::encode(sig)
    ))
}

fn parse_sig(value: String) -> Result<[u8; 65], ReadError> {
    let Some([rs @ .., v]) = base64::decode(&value) else { return Err(ReadError::InvalidSig { value }) };
    let odd = match v {
        0 | 27 => false,
        1 | 28 => true,
        v => return Err(ReadError::InvalidV { v }),
    };
    let signature = Signature::from_bytes_and_parity(&rs, odd);
    // From the order on there is no low form: `SignedCheque` refuses it.
    let low = if signature.s() < ORDER { signature.normalized_s() } else { signature };
    Ok(low.as_bytes())
}
