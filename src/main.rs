//! The program chequebook: payer and payee on the command line. So far it has the demo.

mod chain;
mod check;
mod cli;
mod demo;
mod report;

use std::process::ExitCode;

use clap::Parser;
use eyre::bail;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // When one branch ends, the other is dropped, and the chain and its process with it.
    let result = tokio::select! {
        result = cli.run() => result,
        result = interrupted() => result,
    };

    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns an error once a signal asks the program to end.
async fn interrupted() -> eyre::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => bail!("terminated"),
        _ = interrupt.recv() => bail!("interrupted"),
    }
}
