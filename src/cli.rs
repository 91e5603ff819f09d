//! The command line.

use clap::{Parser, Subcommand, value_parser};

use crate::demo;

/// Micropayments by cheque, on the command line.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pays three payees by cheques, restarts both sides midway, cashes the latest cheques, overdraws the chequebook,
    /// and checks every step on anvil.
    Demo {
        /// How many cheques to issue.
        #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(3..=1_000_000))]
        cheques: u32,
    },
}

impl Cli {
    /// Runs the command. An error means that it failed, or that the chain shows a different result.
    pub(crate) async fn run(self) -> eyre::Result<()> {
        match self.command {
            Command::Demo { cheques } => demo::run(cheques).await,
        }
    }
}
