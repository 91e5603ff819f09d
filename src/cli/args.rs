//! The command line: what may be said, and the help.

use std::path::PathBuf;

use alloy::primitives::{Address, B256};
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;

use super::{amount::Written, amount::duration, text::plain};

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
    /// The key that pays for gas and deposits: keystore:NAME (cast's), keystore:PATH, env:VARIABLE or file:PATH.
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
    AnnounceKill(Which),
    /// Owner: takes the announcement back.
    CancelKill(Which),
    /// Owner: ends the chequebook, and takes its balance, also what payees have not cashed.
    Kill(Which),
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

/// Which chequebook.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Which {
    /// The chequebook. Default: the only one of the store.
    #[arg(long, short, value_name = "ADDRESS", value_parser = address)]
    pub(crate) chequebook: Option<Address>,
}

/// The terms of a chequebook.
#[derive(Args, Clone, Debug)]
pub(crate) struct TermsArgs {
    /// Direct is the cheapest to cash from, clone the cheapest to create; token pays a token.
    #[arg(long, value_enum, default_value = "clone")]
    pub(crate) form: FormName,
    /// The token, of the form token: its address, or its symbol in the configuration.
    #[arg(long, required_if_eq("form", "token"))]
    pub(crate) token: Option<String>,
    /// Who may end it. Default: the account.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) owner: Option<Address>,
    /// The time between the announcement of the end and the end. Payees ask for one: 1d by default.
    #[arg(long, default_value = "1d", value_parser = duration)]
    pub(crate) notice: u64,
    /// 32 bytes in hex. The same terms with the same salt are the same chequebook.
    #[arg(long, default_value_t = B256::ZERO)]
    pub(crate) salt: B256,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) terms: TermsArgs,
    /// The first deposit, with its unit.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) deposit: Option<Written>,
    /// Only record it, without a transaction: it is created by whoever cashes first.
    #[arg(long, conflicts_with = "deposit")]
    pub(crate) prepare: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Predict {
    #[command(flatten)]
    pub(crate) terms: TermsArgs,
    /// Who signs. Default: the address of the key.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) signer_address: Option<Address>,
}

#[derive(Args, Debug)]
pub(crate) struct Withdraw {
    /// How much, with its unit.
    #[arg(required_unless_present = "resume")]
    pub(crate) amount: Option<Written>,
    /// Cash what an earlier withdrawal promised and did not cash.
    #[arg(long, conflicts_with = "amount")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Args, Debug)]
pub(crate) struct Recover {
    /// Its cheques since the store was lost, or since the backup, for example collected from the payees; - is standard
    /// input.
    pub(crate) cheques: Vec<PathBuf>,
    /// Affirm that no cheque was issued since. What was issued and is not given here is promised twice.
    #[arg(long, conflicts_with = "cheques")]
    pub(crate) nothing_issued: bool,
    /// Its creation, if it is not created yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) creation: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Args, Debug)]
pub(crate) struct Receive {
    /// Files with cheques; - is standard input.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The creation of the chequebook, if it is not created yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) creation: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// A file with a cheque; - is standard input.
    pub(crate) file: PathBuf,
    /// The creation of the chequebook, if it is not created yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) creation: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only what is not cashed.
    #[arg(long)]
    pub(crate) uncashed: bool,
    /// Only where at least this much is uncashed.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) above: Option<Written>,
    /// Only of chequebooks whose end is announced.
    #[arg(long)]
    pub(crate) ending: bool,
    /// Only of this chequebook.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) payer: Option<Address>,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct Cash {
    /// All that the balances cover.
    #[arg(long, group = "what")]
    pub(crate) all: bool,
    /// What pays at least this much.
    #[arg(long, value_name = "AMOUNT", group = "what")]
    pub(crate) above: Option<Written>,
    /// What pays at least K times what its gas costs. Only ether: the price of a token in gas is not known.
    #[arg(long, value_name = "K", group = "what")]
    pub(crate) worth: Option<u64>,
    /// Only of this chequebook.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) payer: Option<Address>,
    /// Only the chequebook of this creation, which is created first if it is not yet.
    #[arg(long, value_name = "FILE", conflicts_with = "payer")]
    pub(crate) creation: Option<PathBuf>,
    /// Cash although the balance may not cover it: takes what is there, and ends the chequebook for everybody.
    #[arg(long, requires = "payer")]
    pub(crate) allow_overdraft: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ImportGeth {
    /// The file; - is standard input.
    pub(crate) file: PathBuf,
    /// Cash the cheque, if its contract is one of 2016. Such a contract has no covered entry: see the page.
    #[arg(long)]
    pub(crate) cash: bool,
    /// Cash although the balance may not cover it.
    #[arg(long, requires = "cash")]
    pub(crate) allow_overdraft: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TransactionAction {
    /// Those that are not final, or all.
    List {
        /// Also those that are final.
        #[arg(long)]
        all: bool,
    },
    /// Offers more.
    Reprice {
        /// The nonce.
        nonce: u64,
        /// The most for each gas, with its unit.
        #[arg(long, value_name = "AMOUNT")]
        max_fee: Written,
        /// Of that, for validators.
        #[arg(long, value_name = "AMOUNT")]
        priority_fee: Written,
    },
    /// Replaces a transaction by one that does nothing.
    Cancel {
        /// The nonce.
        nonce: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// Makes a token, and prints it: it is never shown again.
    Create(TokenCreate),
    /// Lists the tokens, without their secrets.
    List,
    /// Makes a token worthless, at once.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct TokenCreate {
    /// A name for it, to know it by.
    pub(crate) name: String,
    /// What it may do. Several are separated by commas; none includes another.
    #[arg(long, value_enum, required = true, value_delimiter = ',')]
    pub(crate) scope: Vec<ScopeName>,
    /// After which time it is worthless, or never.
    #[arg(long, default_value = "90d")]
    pub(crate) expires: String,
    /// The most that one call of it may spend, with its unit.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) per_call: Option<String>,
    /// The most that it may spend to one beneficiary in a day (UTC).
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) per_beneficiary: Option<String>,
    /// The most that it may spend in a day (UTC).
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) per_day: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormName {
    Direct,
    Clone,
    Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeName {
    /// See how everything stands.
    Read,
    /// Hand in cheques.
    Receive,
    /// Issue, deposit, withdraw, cash what is covered.
    Spend,
    /// End chequebooks, also by an overdraft.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemeName {
    Typed,
    Packed,
}

/// An address. In mixed case it must have the right checksum.
pub(crate) fn address(text: &str) -> Result<Address, String> {
    let address: Address =
        text.strip_prefix("0x").and_then(|_| text.parse().ok()).ok_or("expected 0x and 40 hex digits".to_owned())?;
    let digits = || text.bytes().skip(2);
    let mixed = digits().any(|byte| byte.is_ascii_lowercase()) && digits().any(|byte| byte.is_ascii_uppercase());
    if mixed && text != address.to_checksum(None) {
        return Err(format!("its checksum is wrong, expected {address} if its digits are right"));
    }
    Ok(address)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{:?} is not NAME=VALUE", plain(text)))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
