//! What parameters and results look like: for whoever reads them, and for the document that describes them.

use serde_json::{Map, Value as Json, json};

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Address,
    /// An integer of at most 256 bits, or its digits. In results always the digits.
    Amount,
    Cheque,
    Flag,
    Format,
    Hash,
    Key,
    Number,
    Scheme,
    Text,
}

impl Kind {
    /// Its JSON schema, of a parameter or of a result.
    pub(crate) fn schema(self, is_result: bool) -> Json {
        let digits = json!({"type": "string", "pattern": "^(0|[1-9][0-9]*)$", "maxLength": 78});
        match self {
            Self::Address => json!({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}),
            Self::Amount if is_result => digits,
            Self::Amount => json!({"oneOf": [digits, {"type": "integer", "minimum": 0}]}),
            Self::Cheque => json!({
                "type": "object",
                "description": "A cheque: {contract, beneficiary, amount, scheme, chainId, signature}, or as go-ethereum \
                    wrote it in 2016: {Contract, Beneficiary, Amount, Sig}",
            }),
            Self::Flag => json!({"type": "boolean"}),
            Self::Format => json!({"enum": ["chequebook", "geth"]}),
            Self::Hash => json!({"type": "string", "pattern": "^0x[0-9a-f]{64}$"}),
            Self::Key => json!({"type": "string", "minLength": 1, "maxLength": 256}),
            Self::Number => json!({"type": "integer", "minimum": 0}),
            Self::Scheme => json!({"enum": ["typed", "packed"]}),
            Self::Text => json!({"type": "string"}),
        }
    }
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_required: bool,
    /// Whether it has a place among the parameters by position. The others are given by name.
    pub(crate) has_place: bool,
    pub(crate) what: &'static str,
}

pub(crate) const fn required(name: &'static str, kind: Kind, what: &'static str) -> Param {
    Param { name, kind, is_required: true, has_place: true, what }
}

pub(crate) const fn optional(name: &'static str, kind: Kind, what: &'static str) -> Param {
    Param { name, kind, is_required: false, has_place: true, what }
}

pub(crate) const fn by_name(name: &'static str, kind: Kind, what: &'static str) -> Param {
    Param { name, kind, is_required: false, has_place: false, what }
}

/// A field of a result, and whether it can be `null`.
pub(crate) type Field = (&'static str, Kind, bool);

/// What a method answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    One(Kind),
    Record(&'static [Field]),
    Rows(&'static [Field]),
    /// A record with a list of rows in it.
    WithRows(&'static [Field], &'static str, &'static [Field]),
    /// Any object.
    Object,
}

fn object(fields: &[Field]) -> Map<String, Json> {
    let properties = fields.iter().map(|(name, kind, can_be_null)| {
        let schema = kind.schema(true);
        let schema = if *can_be_null { json!({"oneOf": [schema, {"type": "null"}]}) } else { schema };
        ((*name).to_owned(), schema)
    });
    let names: Vec<_> = fields.iter().map(|(name, ..)| *name).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Json::Object(properties.collect()));
    object.insert("required".to_owned(), json!(names));
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

impl Shape {
    /// Its JSON schema.
    pub(crate) fn schema(self) -> Json {
        match self {
            Self::One(kind) => kind.schema(true),
            Self::Record(fields) => Json::Object(object(fields)),
            Self::Rows(fields) => json!({"type": "array", "items": object(fields)}),
            Self::WithRows(fields, name, rows) => {
                let mut all = object(fields);
                if let Some(properties) = all.get_mut("properties").and_then(Json::as_object_mut) {
                    properties.insert(name.to_owned(), Self::Rows(rows).schema());
                }
                if let Some(names) = all.get_mut("required").and_then(Json::as_array_mut) {
                    names.push(json!(name));
                }
                Json::Object(all)
            }
            Self::Object => json!({"type": "object"}),
        }
    }
}
