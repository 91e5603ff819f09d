//! What the commands take.

use std::path::PathBuf;

use alloy::primitives::{Address, B256};
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::amount::{Written, duration};

/// Which chequebook.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Which {
    /// The chequebook. Default: the only one of the store.
    #[arg(long, short, value_name = "ADDRESS", value_parser = address)]
    pub(crate) chequebook: Option<Address>,
}

/// What makes a command happen once.
#[derive(Args, Clone, Debug)]
pub(crate) struct Once {
    /// Any text: the same command with the same key is done once, however often it is run within a week, and says what was
    /// done. For scripts, and after a command that was cut off.
    #[arg(long, value_name = "KEY")]
    pub(crate) once: Option<String>,
}

/// A command of the owner.
#[derive(Args, Clone, Debug)]
pub(crate) struct OwnerArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) once: Once,
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
    #[arg(long, conflicts_with_all = ["amount", "once"])]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) once: Once,
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
