//! The command line: what was said, and who does it.

mod amount;
mod args;
mod balance;
mod books;
mod clock;
mod config;
mod context;
mod deploy;
mod doctor;
mod exit;
mod files;
mod geth;
mod keys;
mod once;
mod output;
mod owner;
mod payee;
mod payer;
mod pinned;
mod policy;
mod recovery;
mod service;
mod settings;
mod shell;
mod standing;
mod text;
mod transactions;
mod unrecovered;
mod verify;
mod watch;

pub(crate) use self::{args::Cli, exit::Exit as End};
use self::{
    args::Command,
    context::Context,
    exit::{Exit, Failure},
    output::Out,
    owner::OwnerCommand,
};
use crate::demo;

/// Runs the command, and says why it failed.
///
/// # Errors
///
/// How the process ends, if not in success.
pub(crate) async fn run(cli: Cli) -> Result<(), End> {
    let out = Out::new(cli.global.json);
    let done = match Context::new(&cli.global) {
        Ok(context) => Box::pin(command(&context, cli.command)).await,
        Err(failure) => Err(failure),
    };
    done.map_err(|failure| {
        out.failure(&failure);
        failure.exit
    })
}

/// Says that a signal has ended the command.
pub(crate) fn interrupted(is_json: bool, exit: Exit) {
    let message = "what was signed goes on with the next command: see `chequebook transactions`";
    Out::new(is_json).failure(&Failure::new(exit, format!("{}: {message}", exit.name())));
}

async fn command(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => payer::create(context, args).await,
        Command::Predict(args) => payer::predict(context, args).await,
        Command::Deposit { amount, which, once } => payer::deposit(context, amount, which, &once).await,
        Command::Withdraw(args) => payer::withdraw(context, args).await,
        Command::Balance(which) => balance::balance(context, which).await,
        Command::Issue { beneficiary, amount, scheme, which, once } => {
            payer::issue(context, (beneficiary, amount, scheme), which, &once).await
        }
        Command::Latest { beneficiary, which } => payer::latest(context, beneficiary, which).await,
        Command::Liabilities(which) => balance::liabilities(context, which).await,
        Command::AnnounceKill(args) => owner::run(context, OwnerCommand::Announce, &args).await,
        Command::CancelKill(args) => owner::run(context, OwnerCommand::Cancel, &args).await,
        Command::Kill(args) => owner::run(context, OwnerCommand::Kill, &args).await,
        Command::Reclaim(which) => owner::reclaim(context, which).await,
        Command::Recover(args) => recovery::recover(context, args).await,
        Command::Receive(args) => payee::receive(context, args).await,
        Command::Check(args) => payee::check(context, args).await,
        Command::List(args) => payee::list(context, args).await,
        Command::Cash(args) => payee::cash(context, args).await,
        Command::Exposure => payee::exposure(context).await,
        Command::Verify { address, creation } => verify::run(context, address, creation.as_deref()).await,
        Command::Doctor => doctor::run(context).await,
        Command::Transactions { action } => transactions::run(context, action).await,
        Command::Ledger { csv } => books::ledger(context, csv).await,
        Command::Watch { receive } => watch::run(context, receive.as_deref()).await,
        Command::Serve => service::serve(context).await,
        Command::Token { action } => service::token(context, action),
        Command::Export { file } => recovery::export(context, &file).await,
        Command::Import { file } => recovery::import(context, &file).await,
        Command::ImportGeth(args) => geth::import(context, args).await,
        Command::Deploy => deploy::deploy(context).await,
        Command::Config => shell::config(context),
        Command::Completions { shell } => shell::completions(context, shell),
        Command::Man => shell::man(context),
        Command::Demo { cheques } => Ok(demo::run(cheques).await?),
    }
}
