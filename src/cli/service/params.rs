//! The parameters of a call, by position or by name, each as its raw text until somebody asks for it.

use std::{collections::BTreeMap, fmt};

use alloy::primitives::{Address, U256};
use chequebook::Scheme;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    numbers::{self, excerpt},
    problem::Problem,
    shape::Param,
};
use crate::cli::args;

/// How deep parameters may be nested: a cheque is one level deep.
const MAX_DEPTH: usize = 8;
/// The longest key that makes a call happen once, in bytes.
const MAX_KEY: usize = 256;

/// In which form a cheque is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Chequebook,
    /// As go-ethereum wrote it in 2016.
    Geth,
}

/// What a call was given.
#[derive(Debug)]
pub(crate) struct Args(BTreeMap<&'static str, Box<RawValue>>);

/// Members of a JSON object in order, of which none is lost.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("parameters by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry::<String, &RawValue>()? {
                    all.push(entry);
                }
                Ok(all)
            }
        }

        deserializer.deserialize_map(All).map(Members)
    }
}

/// How deep a JSON text is nested, without a reader that follows it down.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl Args {
    /// Reads the parameters of a method.
    ///
    /// # Errors
    ///
    /// Those that are missing, too many, unknown, given twice, or nested too deep. `null` is as good as none.
    pub(crate) fn read(raw: Option<&str>, params: &'static [Param]) -> Result<Self, Problem> {
        let raw = raw.unwrap_or("[]").trim();
        let depth = depth(raw);
        if depth > MAX_DEPTH {
            return Err(Problem::params(format!("params are {depth} levels deep, expected at most {MAX_DEPTH}")));
        }
        let wrong = |error| Problem::params(format!("params: {error}"));
        let mut all = BTreeMap::new();
        if raw.starts_with('{') {
            for (name, value) in serde_json::from_str::<Members<'_>>(raw).map_err(wrong)?.0 {
                let Some(param) = params.iter().find(|param| param.name == name) else {
                    let names: Vec<_> = params.iter().map(|param| param.name).collect();
                    let message = format!("{:?} is unknown, expected some of: {}", excerpt(&name), names.join(", "));
                    return Err(Problem::params(message));
                };
                if all.insert(param.name, value.to_owned()).is_some() {
                    return Err(Problem::params(format!("{name} is there twice, expected once")));
                }
            }
        } else {
            let values: Vec<&RawValue> = serde_json::from_str(raw).map_err(wrong)?;
            let placed: Vec<_> = params.iter().filter(|param| param.has_place).collect();
            if values.len() > placed.len() {
                let message = format!("{} parameters, expected at most {}", values.len(), placed.len());
                return Err(Problem::params(message));
            }
            all.extend(placed.iter().zip(values).map(|(param, value)| (param.name, value.to_owned())));
        }
        all.retain(|_, value| value.get() != "null");
        match params.iter().find(|param| param.is_required && !all.contains_key(param.name)) {
            Some(param) => Err(Problem::params(format!("{} is missing, expected {}", param.name, param.what))),
            None => Ok(Self(all)),
        }
    }

    /// The raw text of a parameter.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.get())
    }

    /// Reads a parameter, if it is there.
    fn get<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Problem> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        read(raw).map(Some).map_err(|error| Problem::params(format!("{name}: {error}")))
    }

    /// The value of a parameter that the method has as required.
    pub(crate) fn need<T>(name: &str, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| Problem::params(format!("{name} is missing")))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        self.get(name, |raw| serde_json::from_str(raw).map_err(|_| format!("{} is no text", excerpt(raw))))
    }

    pub(crate) fn address(&self, name: &str) -> Result<Option<Address>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = |error| Problem::params(format!("{name}: {} is no address, {error}", excerpt(&text)));
        args::address(&text).map(Some).map_err(wrong)
    }

    pub(crate) fn amount(&self, name: &str) -> Result<Option<U256>, Problem> {
        self.get(name, numbers::amount)
    }

    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, Problem> {
        self.get(name, numbers::count)
    }

    /// How many rows: what was asked for, and at most `most`.
    pub(crate) fn limit(&self, most: usize) -> Result<usize, Problem> {
        let asked = self.count("limit")?.map_or(most, |count| usize::try_from(count).unwrap_or(usize::MAX));
        Ok(asked.min(most))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        let read = |raw: &str| match raw {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("{} is neither true nor false", excerpt(other))),
        };
        Ok(self.get(name, read)?.unwrap_or(false))
    }

    pub(crate) fn scheme(&self) -> Result<Option<Scheme>, Problem> {
        match self.text("scheme")?.as_deref() {
            None => Ok(None),
            Some("typed") => Ok(Some(Scheme::Typed)),
            Some("packed") => Ok(Some(Scheme::Packed)),
            Some(other) => {
                Err(Problem::params(format!("scheme: {:?} is none, expected typed or packed", excerpt(other))))
            }
        }
    }

    pub(crate) fn format(&self) -> Result<Format, Problem> {
        match self.text("format")?.as_deref() {
            None | Some("chequebook") => Ok(Format::Chequebook),
            Some("geth") => Ok(Format::Geth),
            Some(other) => {
                Err(Problem::params(format!("format: {:?} is none, expected chequebook or geth", excerpt(other))))
            }
        }
    }

    /// The key that makes the call happen once.
    pub(crate) fn key(&self) -> Result<Option<String>, Problem> {
        let key = self.text("key")?;
        match &key {
            Some(key) if key.is_empty() || key.len() > MAX_KEY => {
                Err(Problem::params(format!("key has {} bytes, expected 1 to {MAX_KEY}", key.len())))
            }
            _ => Ok(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::service::shape::{Kind, by_name, optional, required};

    const PARAMS: &[Param] = &[
        required("amount", Kind::Amount, "how much"),
        optional("key", Kind::Key, "a key"),
        by_name("format", Kind::Format, "a form"),
    ];

    fn read(text: &str) -> Result<Args, Problem> {
        Args::read(Some(text), PARAMS)
    }

    #[test]
    fn by_position_and_by_name() {
        for text in
            ["[5]", "[\"5\"]", "[5,null]", "[5,\"k\"]", "{\"amount\":5}", "{\"amount\":\"5\",\"format\":\"geth\"}"]
        {
            assert_eq!(read(text).unwrap().amount("amount").unwrap(), Some(U256::from(5)), "{text}");
        }
        assert_eq!(read("{\"format\":\"geth\",\"amount\":1}").unwrap().format().unwrap(), Format::Geth);
        assert_eq!(read("[1,\"k\"]").unwrap().key().unwrap().as_deref(), Some("k"));
    }

    #[test]
    fn refuses_what_is_not_clear() {
        let deep = format!("[{}{}]", "[".repeat(9), "]".repeat(9));
        for text in [
            "[]",
            "{}",
            "[null]",
            "[1,2,3]",
            "[5,\"k\",\"geth\"]",
            "{\"amount\":1,\"amount\":2}",
            "{\"Amount\":1}",
            "{\"amount\":1,\"other\":1}",
            "5",
            "\"5\"",
            deep.as_str(),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(Args::read(None, PARAMS).is_err());
        assert!(read("[1,\"\"]").unwrap().key().is_err() && read("[1,7]").unwrap().key().is_err());
        let long = format!("[1,\"{}\"]", "k".repeat(257));
        assert!(read(&long).unwrap().key().is_err());
    }

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        assert_eq!(depth("[{\"a[[\\\"[\": []}]"), 3);
        assert_eq!(depth(&"[".repeat(100_000)), 100_000);
    }
}
