//! Backups of format 4: they are read as if they had been exported today.

use std::fmt;

use alloy::primitives::{Bytes, U256};
use chequebook::SignedCheque;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::receipt::{NewReceipt, Receipt};
use crate::store::{
    OldOutcome,
    schema::{Outcome, Purpose, TransactionRow},
};

/// The format that had no `acknowledged`, no `scanFrom` and no `cancelled`.
pub(super) const FORMAT: u32 = 4;

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReceiptVisitor)
    }
}

/// Recognises a bare cheque, the old form, by its first field. An untagged enum would not say what is wrong.
struct ReceiptVisitor;

impl<'de> Visitor<'de> for ReceiptVisitor {
    type Value = Receipt;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a cheque and what was acknowledged of it")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Receipt, M::Error> {
        let first = map.next_key::<String>()?;
        let is_old = first.as_deref().is_some_and(|field| !["cheque", "acknowledged", "accepted"].contains(&field));
        let fields = MapAccessDeserializer::new(Fields { first, map });
        if is_old {
            let cheque = SignedCheque::deserialize(fields)?;
            return Ok(Receipt { cheque, acknowledged: cheque.cheque().amount, accepted: None, is_old });
        }
        let NewReceipt { cheque, acknowledged, accepted } = NewReceipt::deserialize(fields)?;
        Ok(Receipt { cheque, acknowledged, accepted, is_old })
    }
}

/// A map, and its first key, which was taken from it.
struct Fields<M> {
    first: Option<String>,
    map: M,
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for Fields<M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        match self.first.take() {
            Some(first) => seed.deserialize(de::value::StringDeserializer::new(first)).map(Some),
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Reads a transaction.
pub(super) fn transaction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TransactionRow, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Any {
        purpose: Purpose,
        variants: Vec<Bytes>,
        #[serde(default)]
        cancelled: bool,
        #[serde(default)]
        l1_fee: U256,
        outcome: Option<AnyOutcome>,
    }
    let Any { purpose, variants, cancelled, l1_fee, outcome } = Any::deserialize(deserializer)?;
    let outcome = outcome.and_then(|AnyOutcome(outcome)| outcome);
    Ok(TransactionRow { purpose, variants, cancelled, l1_fee, outcome })
}

/// An outcome. The old `"replaced"` had no evidence.
struct AnyOutcome(Option<Outcome>);

impl<'de> Deserialize<'de> for AnyOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OutcomeVisitor)
    }
}

struct OutcomeVisitor;

impl<'de> Visitor<'de> for OutcomeVisitor {
    type Value = AnyOutcome;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the outcome of a transaction")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<AnyOutcome, E> {
        OldOutcome::deserialize(de::value::StrDeserializer::new(name)).map(|old| AnyOutcome(old.upgrade()))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<AnyOutcome, M::Error> {
        Outcome::deserialize(MapAccessDeserializer::new(map)).map(|outcome| AnyOutcome(Some(outcome)))
    }
}
