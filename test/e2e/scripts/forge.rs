//! Forge, run as a process against a chain.

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
};

use alloy::{
    primitives::{Address, hex},
    providers::Provider,
};
use chequebook::Scheme;
use eyre::{Result, WrapErr, ensure};
use serde_json::Value;

use crate::chain::{Chain, Instance};

/// The variables that the scripts read. They must not be inherited from the caller of the tests.
const VARIABLES: [&str; 15] = [
    "FORM",
    "TOKEN",
    "OWNER",
    "SIGNER",
    "NOTICE_PERIOD",
    "DEPOSIT",
    "SALT",
    "CHEQUEBOOK",
    "AMOUNT",
    "CHEQUE",
    "ALLOW_OVERDRAFT",
    "CHEQUES",
    "ALLOW_UNPROVEN",
    "ALLOW_ENDING",
    "GAS_EACH",
];

/// Whether the scripts are built. Locked while forge runs: two processes would write the same files.
static BUILT: Mutex<bool> = Mutex::new(false);

/// A forge command that writes only to cargo's target folder.
fn forge() -> Command {
    let mut command = Command::new("forge");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for (variable, folder) in
        [("FOUNDRY_OUT", "out"), ("FOUNDRY_CACHE_PATH", "cache"), ("FOUNDRY_BROADCAST", "broadcast")]
    {
        command.env(variable, format!("{}/forge/{folder}", env!("CARGO_TARGET_TMPDIR")));
    }
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// Whether forge succeeds, and its output.
fn output(command: &mut Command) -> Result<(bool, String)> {
    let output = command.output().wrap_err("forge does not start, is it on PATH?")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8(text)?))
}

impl Chain {
    /// A chain with a chequebook, created by [`create`](Self::create).
    pub(super) async fn with_chequebook(notice_period: u32, wei: u64) -> Result<(Self, Instance)> {
        let chain = Self::start()?;
        let chequebook = chain.create(notice_period, wei).await?;
        Ok((chain, chequebook))
    }

    /// The JSON form of a cheque to the second account, signed by account `signer`.
    pub(super) async fn json(&self, contract: Address, amount: u64, scheme: Scheme, signer: usize) -> Result<Value> {
        Ok(serde_json::to_value(self.signed(contract, amount, scheme, signer).await?)?)
    }

    /// A run of `script/{name}.s.sol` from the first account, with `--broadcast`.
    pub(super) fn script(&self, name: &str) -> Script<'_> {
        let mut command = forge();
        command.args(["script", &format!("script/{name}.s.sol"), "--rpc-url", &self.anvil.endpoint()]);
        Script { chain: self, command, wallet: Some(0), broadcast: true }
    }
}

pub(super) struct Script<'a> {
    chain: &'a Chain,
    command: Command,
    wallet: Option<usize>,
    broadcast: bool,
}

impl Script<'_> {
    pub(super) fn set(mut self, variable: &str, value: impl ToString) -> Self {
        self.command.env(variable, value.to_string());
        self
    }

    pub(super) fn from(mut self, account: Option<usize>) -> Self {
        self.wallet = account;
        self
    }

    pub(super) fn dry(mut self) -> Self {
        self.broadcast = false;
        self
    }

    pub(super) fn show(self) -> Self {
        self.sig("show()")
    }

    /// Another function than `run`.
    pub(super) fn call(&mut self, function: &str) {
        self.command.args(["--sig", function]);
    }

    /// Another function than `run`, which sends nothing.
    pub(super) fn sig(mut self, function: &str) -> Self {
        self.call(function);
        self.from(None).dry()
    }

    /// Whether forge succeeds, and its output.
    fn run(mut self) -> Result<(bool, String)> {
        if let Some(account) = self.wallet {
            let key = hex::encode_prefixed(self.chain.key(account)?.to_bytes());
            self.command.args(["--private-key", &key]);
        }
        if self.broadcast {
            self.command.arg("--broadcast");
        }

        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        if !*built {
            let (success, text) = output(forge().args(["build", "script"]))?;
            ensure!(success, "the scripts do not build: {text}");
            *built = true;
        }
        output(&mut self.command)
    }

    /// The output of forge, which must succeed.
    pub(super) fn succeeds(self) -> Result<String> {
        let (success, text) = self.run()?;
        ensure!(success, "forge failed: {text}");
        Ok(text)
    }

    /// The output of forge, which must succeed and send nothing.
    pub(super) async fn sends_nothing(self) -> Result<String> {
        let chain = self.chain;
        let before = chain.provider.get_block_number().await?;
        let text = self.succeeds()?;
        assert_eq!(chain.provider.get_block_number().await?, before, "a transaction was sent: {text}");
        Ok(text)
    }

    /// Forge must fail with `error`, before it sends anything.
    pub(super) async fn refuses(self, error: impl AsRef<str>) -> Result<()> {
        let chain = self.chain;
        let before = chain.provider.get_block_number().await?;
        let (success, text) = self.run()?;
        assert!(!success, "forge succeeded: {text}");
        let expected = format!("Error: script failed: {}", error.as_ref());
        assert!(text.contains(&expected), "expected {expected:?} in: {text}");
        assert_eq!(chain.provider.get_block_number().await?, before, "a transaction was sent: {text}");
        Ok(())
    }
}
