//! The measured figures, and the costs of others.

use std::collections::BTreeMap;

use eyre::OptionExt;
use serde::{Deserialize, Serialize};

/// The hardfork of the gas schedule.
pub(crate) const HARDFORK: &str = "osaka";

/// The forms of a chequebook, as the report names them.
pub(crate) const FORMS: [&str; 3] = ["direct", "clone", "token"];

/// The measured gas, by form or batch, and then by action.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Figures(pub(crate) BTreeMap<String, u64>);

impl Figures {
    pub(crate) fn put(&mut self, of: &str, what: &str, gas: u64) {
        self.0.insert(format!("{of}: {what}"), gas);
    }

    pub(crate) fn get(&self, of: &str, what: &str) -> eyre::Result<u64> {
        self.0.get(&format!("{of}: {what}")).copied().ok_or_eyre(format!("{what} of {of} was not measured"))
    }
}

/// The costs of others: gas/peers.json.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Peers {
    #[serde(rename = "about")]
    _about: String,
    pub(crate) conditions: String,
    pub(crate) floor: Floor,
    pub(crate) peers: Vec<Peer>,
}

/// The lower bounds for any chequebook.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Floor {
    pub(crate) deposit: u64,
    pub(crate) first_cash: u64,
    pub(crate) repeat_cash: u64,
    pub(crate) ten_repeats: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) create: String,
    pub(crate) deposit: String,
    pub(crate) first_cash: String,
    pub(crate) repeat_cash: String,
    pub(crate) ten_repeats: String,
    pub(crate) kill: String,
    pub(crate) overdraft: String,
}

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().abs_diff(index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}
