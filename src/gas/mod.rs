//! The gas report: what every transaction costs, measured on one chain in one run.

mod measure;
mod plot;
mod table;
mod world;

use std::{
    collections::BTreeMap,
    fs,
    io::{Write, stdout},
    path::PathBuf,
};

use eyre::{OptionExt, WrapErr, bail};
use serde::{Deserialize, Serialize};

/// Of which hardfork the gas schedule is.
const HARDFORK: &str = "osaka";

/// The two forms of a chequebook, and how the report calls them.
const FORMS: [&str; 2] = ["direct", "clone"];

/// What was measured, by form or batch, and then by what was done.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
struct Figures(BTreeMap<String, u64>);

impl Figures {
    fn put(&mut self, of: &str, what: &str, gas: u64) {
        self.0.insert(format!("{of}: {what}"), gas);
    }

    fn get(&self, of: &str, what: &str) -> eyre::Result<u64> {
        self.0.get(&format!("{of}: {what}")).copied().ok_or_eyre(format!("{what} of {of} was not measured"))
    }
}

/// What others cost: gas/peers.json.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Peers {
    #[serde(rename = "about")]
    _about: String,
    conditions: String,
    floor: Floor,
    peers: Vec<Peer>,
}

/// What no chequebook can be below.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Floor {
    deposit: u64,
    first_cash: u64,
    repeat_cash: u64,
    ten_repeats: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Peer {
    name: String,
    create: String,
    deposit: String,
    first_cash: String,
    repeat_cash: String,
    ten_repeats: String,
}

/// Measures, and writes the report; or, with `check`, compares it with the one that is there.
///
/// # Errors
///
/// If a transaction does not do what it should, or if the report differs.
pub(crate) async fn run(check: bool) -> eyre::Result<()> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("gas");
    let peers = fs::read_to_string(directory.join("peers.json")).wrap_err("gas/peers.json")?;
    let peers: Peers = serde_json::from_str(&peers).wrap_err("gas/peers.json")?;
    let figures = measure::all().await?;

    let report = [
        ("measured.json", serde_json::to_string_pretty(&figures)? + "\n"),
        ("report.md", table::report(&figures, &peers)?),
        ("batch.svg", plot::batch(&figures, peers.floor)?),
        ("total.svg", plot::total_cost(&figures, peers.floor)?),
    ];
    let mut drifted = Vec::new();
    for (name, content) in &report {
        if !check {
            fs::write(directory.join(name), content)?;
        } else if fs::read_to_string(directory.join(name)).ok().as_ref() != Some(content) {
            drifted.push(format!("gas/{name}"));
        }
    }
    if !drifted.is_empty() {
        bail!("{} is not what is measured: run `make gas-report` and commit it", drifted.join(", "));
    }
    let done = if check { "is what is measured" } else { "is written" };
    writeln!(stdout(), "the report in gas/ {done}: {} figures", figures.0.len())?;
    Ok(())
}
