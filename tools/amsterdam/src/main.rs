//! What the next hardfork of Ethereum does to chequebooks: the life of each form under osaka and under amsterdam, in
//! the EVM of revm, because no released anvil has amsterdam yet. Events, errors, balances and state must be the same; the
//! gas is not, and is written to gas/amsterdam.md.
//!
//! With `--check` it writes nothing, and fails if the file differs from what is measured.

mod chain;
mod lives;

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{Write as _, stdout},
    path::Path,
};

use eyre::{OptionExt, bail, ensure};
use revm::primitives::hardfork::SpecId;

use crate::lives::{FORMS, live};

fn main() -> eyre::Result<()> {
    let check = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        other => bail!("arguments are {other:?}, expected none or --check"),
    };
    let report = report()?;
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../gas/amsterdam.md"));
    if !check {
        fs::write(path, &report)?;
    } else if fs::read_to_string(path).ok().as_ref() != Some(&report) {
        bail!("gas/amsterdam.md is not what is measured: run `make gas-report` and commit it");
    }
    writeln!(stdout(), "gas/amsterdam.md {}", if check { "is what is measured" } else { "is written" })?;
    Ok(())
}

/// The table, after all lives were compared.
fn report() -> eyre::Result<String> {
    let mut report = include_str!("head.txt").to_owned();
    for form in FORMS {
        let now = live(SpecId::OSAKA, form)?;
        let next = live(SpecId::AMSTERDAM, form)?;
        ensure!(now.facts.len() == next.facts.len(), "{form}: one life is longer");
        for (now, next) in now.facts.iter().zip(&next.facts) {
            ensure!(now == next, "{form}: osaka and amsterdam differ:\n{now}\n{next}");
        }
        ensure!(now.system_logs == 0, "osaka has logs of the system");
        ensure!((next.system_logs > 0) == (form != "token"), "{form}: {} logs of the system", next.system_logs);
        write!(report, "\n## {form}\n\n| gas | osaka | amsterdam |\n|---|---:|---:|\n")?;
        for ((what, now), (_, next)) in now.gas.iter().zip(&next.gas) {
            writeln!(report, "| {what} | {} | {} |", thousands(*now)?, thousands(*next)?)?;
        }
    }
    Ok(report)
}

fn thousands(number: u64) -> eyre::Result<String> {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>()?;
    groups.first().ok_or_eyre("no digits")?;
    Ok(groups.join(","))
}
