//! The gas report: the cost of every transaction, measured on one chain in one run, written to gas/.
//!
//! With `--check` it writes nothing, and fails if the existing report differs from the measured figures.

mod figures;
mod measure;
mod plot;
mod table;
mod world;

use std::{
    env, fs,
    io::{Write, stdout},
    path::Path,
};

use eyre::{WrapErr, bail};

use crate::figures::Peers;

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let check = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        other => bail!("arguments are {other:?}, expected none or --check"),
    };
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../gas"));
    let peers = fs::read_to_string(directory.join("peers.json")).wrap_err("gas/peers.json")?;
    let peers: Peers = serde_json::from_str(&peers).wrap_err("gas/peers.json")?;
    let figures = measure::all().await?;

    let report = [
        ("measured.json", serde_json::to_string_pretty(&figures)? + "\n"),
        ("report.md", table::report(&figures, &peers)?),
        ("batch.svg", plot::each(&figures, "batch", Some(peers.floor))?),
        ("sweep.svg", plot::each(&figures, "sweep", None)?),
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
