//! The program chequebook: payer and payee on the command line.

mod chain;
mod check;
mod cli;
mod demo;
mod report;

use std::process::ExitCode;

use clap::Parser;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use crate::cli::{Cli, End};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (is_json, ends_by_itself) = (cli.global.json, cli.ends_by_itself());
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    // When one branch ends, the other is dropped, and the chain and its process with it.
    let result = runtime.block_on(async {
        tokio::select! {
            result = cli::run(cli) => result,
            end = interrupted(), if !ends_by_itself => {
                cli::interrupted(is_json, end);
                Err(end)
            }
        }
    });
    // Not for who still waits for a key stroke or a pipe.
    runtime.shutdown_background();
    result.map_or_else(|end| ExitCode::from(end.code()), |()| ExitCode::SUCCESS)
}

/// Returns once a signal asks the program to end.
async fn interrupted() -> End {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await; // then a signal ends the process as it always does
    };
    tokio::select! {
        _ = terminate.recv() => End::Terminated,
        _ = interrupt.recv() => End::Interrupted,
    }
}
