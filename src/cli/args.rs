//! The command line: what may be said, and the help.

mod parts;

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::{Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;

pub(crate) use self::parts::{
    Cash, Check, Create, FormName, ImportGeth, List, Once, OwnerArgs, Predict, Receive, Recover, SchemeName, ScopeName,
    TermsArgs, TokenAction, TokenCreate, TransactionAction, Which, Withdraw, address,
};
use super::{amount::Written, text::plain};

/// Micropayments by cheque, on the command line: a payer and a payee with durable state.
///
/// A cheque is a file or standard input: `chequebook issue … | ssh … chequebook receive -`. Amounts carry their unit:
/// 1.5ether, 20gwei, 42wei; of a token 5units, or 5tokens by its decimals.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 bad cheque, 4 refused by the policy, 5 insufficient funds, 6 would bounce,
/// 7 chain unreachable, 8 wrong chain or not genuine, 9 transaction failed, 10 ended, 11 store, 12 store in use, 13 key,
/// 14 not possible, 15 not confirmed, 16 recover first, 17 doctor found something, 130 and 143 interrupted.
#[derive(Debug, Parser)]
#[command(name = "chequebook", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes. Each setting can also be a variable or stand in the configuration: see `config`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The configuration, instead of that of CHEQUEBOOK_CONFIG, or of ~/.config/chequebook/config.toml.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    /// The chain: mainnet, sepolia, base, arbitrum, anvil, or one of the configuration.
    #[arg(long, global = true, value_name = "NAME")]
    chain: Option<String>,
    /// The node. Others on this machine can read it here: if it contains a secret, use CHEQUEBOOK_RPC or the file.
    #[arg(long, global = true, value_name = "URL")]
    rpc: Option<String>,
    /// The file with all that must not be lost. Default: ~/.local/share/chequebook/<chain>.redb.
    #[arg(long, global = true, value_name = "PATH")]
    store: Option<String>,
    /// The key that pays for gas and deposits: keystore:NAME (cast's), keystore:PATH, env:VARIABLE, file:PATH, or
    /// ledger:INDEX of a build with that feature.
    #[arg(long, global = true, value_name = "KEY")]
    account: Option<String>,
    /// The key that signs cheques, in the same form. Default: that of the account.
    #[arg(long, global = true, value_name = "KEY")]
    signer: Option<String>,
    /// The password of the account's keystore: a file of mode 0600. Else CHEQUEBOOK_PASSWORD, else you are asked.
    #[arg(long, global = true, value_name = "PATH")]
    password_file: Option<String>,
    /// The same for the signer's. Else CHEQUEBOOK_SIGNER_PASSWORD, else you are asked.
    #[arg(long, global = true, value_name = "PATH")]
    signer_password_file: Option<String>,
    /// Until when to wait for a transaction: sent, included or final.
    #[arg(long, global = true, value_name = "WHEN")]
    wait: Option<String>,
    /// Any other setting, as min_notice=2d.
    #[arg(long = "set", global = true, value_name = "NAME=VALUE", value_parser = pair)]
    others: Vec<(String, String)>,
    /// Print JSON, also for errors.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not ask before something is spent or destroyed.
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
    /// Show what would be done, and do nothing.
    #[arg(long, global = true, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

impl Global {
    /// The file of the configuration that is named.
    pub(crate) fn config(&self) -> Option<PathBuf> {
        let named = || std::env::var_os("CHEQUEBOOK_CONFIG").filter(|path| !path.is_empty());
        self.config.clone().or_else(|| named().map(PathBuf::from))
    }

    /// The settings among the flags.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let named = [
            ("chain", &self.chain),
            ("rpc", &self.rpc),
            ("store", &self.store),
            ("account", &self.account),
            ("signer", &self.signer),
            ("password_file", &self.password_file),
            ("signer_password_file", &self.signer_password_file),
            ("wait", &self.wait),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        self.others.iter().cloned().chain(named).collect()
    }
}

impl Cli {
    /// Whether the command ends by itself, and well, when a signal asks for that.
    pub(crate) const fn ends_by_itself(&self) -> bool {
        matches!(self.command, Command::Serve)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Payer: creates a chequebook, with a first deposit.
    Create(Create),
    /// Payer: computes the address of a chequebook, without a node.
    Predict(Predict),
    /// Payer: deposits into a chequebook.
    Deposit {
        /// How much, with its unit.
        amount: Written,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        once: Once,
    },
    /// Payer: pays what is available out to the owner.
    Withdraw(Withdraw),
    /// Payer: what a chequebook is funded with, what was issued, and what is available.
    Balance(Which),
    /// Payer: signs a cheque over AMOUNT more, makes it durable, and prints it.
    Issue {
        /// Who is paid.
        #[arg(value_parser = address)]
        beneficiary: Address,
        /// How much more than before, with its unit.
        amount: Written,
        /// How it is signed. Packed cheques do not bind the chain.
        #[arg(long, value_enum, default_value = "typed")]
        scheme: SchemeName,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        once: Once,
    },
    /// Payer: prints the latest cheque to a beneficiary again.
    Latest {
        /// Who is paid.
        #[arg(value_parser = address)]
        beneficiary: Address,
        #[command(flatten)]
        which: Which,
    },
    /// Payer: what was issued and is not paid, and to whom.
    Liabilities(Which),
    /// Owner: announces the end. From then on payees cash, and nothing more is issued.
    AnnounceKill(OwnerArgs),
    /// Owner: takes the announcement back.
    CancelKill(OwnerArgs),
    /// Owner: ends the chequebook, and takes its balance, also what payees have not cashed.
    Kill(OwnerArgs),
    /// Owner: takes what a dead token chequebook received after its death.
    Reclaim(Which),
    /// Payer: rebuilds the record of a chequebook from its cheques and the chain, for example after `import`.
    Recover(Recover),

    /// Payee: checks cheques, makes them durable, and acknowledges what they add.
    Receive(Receive),
    /// Payee: checks a cheque against the chain and the policy, and stores nothing.
    Check(Check),
    /// Payee: lists the highest cheque of each payer.
    List(List),
    /// Payee: cashes cheques.
    Cash(Cash),
    /// Payee: what each chequebook owes, and whether its balance covers that.
    Exposure,

    /// Says what stands at an address: genuine? who owns, who signs, notice, ending, covered, which asset.
    Verify {
        /// The address.
        #[arg(value_parser = address)]
        address: Address,
        /// The creation (terms and salt, as `create` and `predict` print it), which proves the address without a node.
        #[arg(long, value_name = "FILE")]
        creation: Option<PathBuf>,
    },
    /// Looks for trouble: store, keys, chain, clock, nonces, gas money, and whether chequebooks can end here.
    Doctor,
    /// Lists, reprices or cancels transactions of the account.
    Transactions {
        #[command(subcommand)]
        action: Option<TransactionAction>,
    },
    /// Each cheque, cash, deposit and fee, for bookkeeping.
    Ledger {
        /// As CSV.
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
    /// Stays, follows transactions, cashes automatically, guards what was received, and prints what changes.
    Watch {
        /// Also receive cheques from this file, one a line; - is standard input.
        #[arg(long, value_name = "FILE")]
        receive: Option<PathBuf>,
    },
    /// Stays, and serves JSON-RPC over HTTP and WebSocket: pays, receives and cashes for other programs.
    Serve,
    /// Makes, lists and revokes tokens, which say what a caller of the service may do.
    Token {
        #[command(subcommand)]
        action: TokenAction,
    },
    /// Writes all state but the keys as JSON: a backup.
    Export {
        /// A new file, of mode 0600; - is standard output.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Reads a backup into a new store. Nothing is issued before `recover`.
    Import {
        /// The backup; - is standard input.
        file: PathBuf,
    },
    /// Reads what go-ethereum's chequebook of 2016 left: a cheque, or its file of promises.
    ImportGeth(ImportGeth),
    /// Deploys the factory and the clearing house where they are missing, as on a new development chain.
    Deploy,
    /// Prints each setting, and where its value came from.
    Config,
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the man page.
    Man,
    /// Pays three payees by cheques, restarts both sides midway, cashes the latest cheques, overdraws the chequebook,
    /// and checks every step on anvil.
    Demo {
        /// How many cheques to issue.
        #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(3..=1_000_000))]
        cheques: u32,
    },
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{:?} is not NAME=VALUE", plain(text)))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
