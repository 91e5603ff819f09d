//! What every command works with: the settings, the node, the keys, the store and the wallet on it.

use std::{
    fs::DirBuilder,
    io::{BufRead, IsTerminal, Write, stderr, stdin},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use alloy::{
    primitives::Address,
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    sol,
};
use chequebook::Asset;
use chequebook_wallet::{Config as WalletConfig, Error as WalletError, Transaction, Wallet, store::Redb};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    amount::{Units, Written, duration},
    args::{Global, Which},
    config::{Profile, Settings, load},
    exit::{Exit, Failure},
    keys::{self, KeySource, Password},
    output::{Out, Record},
    standing::with_transaction,
    text::{plain, without_secrets},
    unrecovered::Unrecovered,
};

sol! {
    #[sol(rpc)]
    interface Decimals {
        function decimals() external view returns (uint8);
    }
}

/// How long a command waits for the first answers of a node, which may hang.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// What every command works with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) out: Out,
    pub(crate) settings: Settings,
    is_json: bool,
    yes: bool,
    dry_run: bool,
}

/// Whether a command may create the store. One that is missing must not look like one that promised nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenStore {
    Existing,
    OrCreate,
}

/// Until when to wait for a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Sent,
    Included,
    Final,
}

/// A wallet that is open.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) wallet: Wallet,
    pub(crate) account: Arc<PrivateKeySigner>,
    pub(crate) provider: DynProvider,
}

impl Context {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`].
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok();
        let settings = Settings::resolve(&global.settings(), variable, &load(global.config().as_deref())?)?;
        let Global { json, yes, dry_run, .. } = *global;
        Ok(Self { out: Out::new(json), settings, is_json: json, yes, dry_run })
    }

    /* CHAIN */

    /// The chain that is set.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`].
    pub(crate) fn profile(&self) -> Result<Profile, Failure> {
        self.settings.profile()
    }

    /// The settings of the wallet on this chain.
    pub(crate) fn wallet_config(&self) -> Result<WalletConfig, Failure> {
        let mut config = self.profile()?.wallet;
        if let Some(depth) = self.settings.get("confirmations")? {
            config = config.confirmations(depth);
        }
        if let Some(seconds) = self.settings.read("patience", duration)? {
            config = config.patience(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.settings.read("keep_requests", duration)? {
            config = config.keep_requests(Duration::from_secs(seconds));
        }
        if let Some(max) = self.fee("max_fee_per_gas")? {
            config = config.max_fee_per_gas(max);
        }
        if let Some(max) = self.fee("max_priority_fee_per_gas")? {
            config = config.max_priority_fee_per_gas(max);
        }
        Ok(config)
    }

    fn fee(&self, name: &str) -> Result<Option<u128>, Failure> {
        self.settings.read(name, str::parse::<Written>)?.map(|written| self.price(&written)).transpose()
    }

    /// A price of gas, in wei.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] if it has another unit, or is too large.
    pub(crate) fn price(&self, written: &Written) -> Result<u128, Failure> {
        let price = written.of(&Units::ETHER)?;
        u128::try_from(price).map_err(|_| Failure::usage(format!("{price} wei for each gas is too much")))
    }

    /// The node, which nothing was asked yet.
    pub(crate) fn node(&self) -> Result<DynProvider, Failure> {
        let url = self.settings.need("rpc")?;
        let parsed: alloy::transports::http::reqwest::Url =
            url.parse().map_err(|_| Failure::usage("rpc is not a URL, expected http://…"))?;
        match parsed.scheme() {
            "http" | "https" => {}
            _ => return Err(Failure::usage("rpc is neither an http nor an https URL")),
        }
        Ok(ProviderBuilder::new().connect_http(parsed).erased())
    }

    /// The node, which serves the chain that is set.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`], [`Exit::WrongChain`], [`Exit::Usage`].
    pub(crate) async fn chain(&self) -> Result<DynProvider, Failure> {
        let (node, profile) = (self.node()?, self.profile()?);
        let place = without_secrets(self.settings.need("rpc")?);
        let asked = tokio::time::timeout(FIRST_ANSWER, node.get_chain_id()).await;
        let silent = || Failure::new(Exit::Unreachable, format!("no answer from {place} within {FIRST_ANSWER:?}"));
        let id = asked.map_err(|_| silent())?.map_err(|error| Failure::from(error).during(&place))?;
        if id != profile.id {
            let message = format!("{place} serves chain {id}, expected {}, that of {}", profile.id, profile.name);
            return Err(Failure::new(Exit::WrongChain, message));
        }
        node.client().set_poll_interval(profile.wallet.poll_interval);
        Ok(node)
    }

    /// The units of an asset: those of the configuration, else the decimals that the token says.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] for absurd decimals.
    pub(crate) async fn units(&self, asset: Asset, node: &DynProvider) -> Result<Units, Failure> {
        let Asset::Token(token) = asset else { return Ok(Units::ETHER) };
        if let Some(known) = self.settings.token_at(token) {
            return Units::token(token, Some(known.decimals), Some(known.symbol.clone()));
        }
        let decimals = Decimals::new(token, node).decimals().call().await.ok(); // optional in ERC-20
        Units::token(token, decimals.filter(|decimals| *decimals <= 77), None)
    }

    /// The asset that the payee takes.
    pub(crate) fn asset(&self) -> Result<Asset, Failure> {
        match self.settings.raw("asset") {
            None | Some("ether") => Ok(Asset::Ether),
            Some(token) => self.settings.token(token).map(Asset::Token),
        }
    }

    /* KEYS */

    /// The key of the account.
    ///
    /// # Errors
    ///
    /// [`Exit::Key`], [`Exit::Usage`].
    pub(crate) async fn account(&self) -> Result<Arc<PrivateKeySigner>, Failure> {
        self.settings.need("account")?;
        let file = self.settings.get::<PathBuf>("password_file")?;
        self.key("account", Password { file, variable: "CHEQUEBOOK_PASSWORD" }).await
    }

    /// The key that signs cheques: that of the account, unless another is set.
    ///
    /// # Errors
    ///
    /// [`Exit::Key`], [`Exit::Usage`].
    pub(crate) async fn signer(&self, account: &Arc<PrivateKeySigner>) -> Result<Arc<PrivateKeySigner>, Failure> {
        if self.settings.raw("signer").is_none() {
            return Ok(Arc::clone(account));
        }
        let file = self.settings.get::<PathBuf>("signer_password_file")?;
        self.key("signer", Password { file, variable: "CHEQUEBOOK_SIGNER_PASSWORD" }).await
    }

    async fn key(&self, name: &'static str, password: Password) -> Result<Arc<PrivateKeySigner>, Failure> {
        let source = self.settings.read(name, str::parse::<KeySource>)?;
        let source = source.ok_or_else(|| Failure::usage(format!("{name} is not set")))?;
        Ok(Arc::new(keys::read(&source, password).await.map_err(|failure| failure.during(name))?))
    }

    /* WALLET */

    /// The path of the store.
    pub(crate) fn store_path(&self) -> Result<PathBuf, Failure> {
        Ok(self.settings.need("store")?.into())
    }

    /// The store.
    ///
    /// # Errors
    ///
    /// [`Exit::Store`], [`Exit::StoreInUse`].
    pub(crate) fn store(&self, open: OpenStore) -> Result<Redb, Failure> {
        let path = self.store_path()?;
        if open == OpenStore::Existing {
            return Ok(Redb::open(path)?);
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(|error| Failure::new(Exit::Store, format!("{}: {error}", parent.display())))?;
        }
        let is_new = !path.exists();
        let store = Redb::open_or_create(&path)?;
        if is_new {
            self.out.note(&format!("created the store {}: keep it, and back it up", path.display()));
        }
        Ok(store)
    }

    /// What was imported and not recovered.
    pub(crate) fn unrecovered(&self) -> Result<Unrecovered, Failure> {
        Ok(Unrecovered::beside(&self.store_path()?))
    }

    /// Opens the wallet. The keys come first, so that nobody types a password while a store is locked, and a locked store
    /// comes before the node.
    ///
    /// # Errors
    ///
    /// [`Exit::Key`], [`Exit::Store`], [`Exit::StoreInUse`], [`Exit::Unreachable`], [`Exit::WrongChain`].
    pub(crate) async fn open(&self, open: OpenStore) -> Result<Session, Failure> {
        let config = self.wallet_config()?;
        self.node()?;
        let account = self.account().await?;
        // A node that cannot be reached is no reason to create a store.
        let provider = match open {
            OpenStore::Existing => None,
            OpenStore::OrCreate => Some(self.chain().await?),
        };
        let store = self.store(open)?;
        let provider = match provider {
            Some(provider) => provider,
            None => self.chain().await?,
        };
        let wallet = Wallet::open(provider.clone(), Arc::clone(&account), store, config).await?;
        Ok(Session { wallet, account, provider })
    }

    /// The chequebook that is meant: the one that is named, or the only one of the store.
    ///
    /// # Errors
    ///
    /// [`Exit::NotPossible`] if there is none, [`Exit::Usage`] if there are several.
    pub(crate) async fn which(&self, session: &Session, which: Which) -> Result<Address, Failure> {
        if let Some(chequebook) = which.chequebook {
            return Ok(chequebook);
        }
        match session.wallet.chequebooks().await?.as_slice() {
            [one] => Ok(*one),
            [] => Err(Failure::new(
                Exit::NotPossible,
                "the store has no chequebook: create one, or name it by --chequebook",
            )),
            several => {
                let names: Vec<_> = several.iter().map(Address::to_string).collect();
                Err(Failure::usage(format!("which chequebook? Say --chequebook, one of: {}", names.join(", "))))
            }
        }
    }

    /* CONSENT */

    /// Shows what is to be done, and asks. Returns whether to do it: not after `--dry-run`.
    ///
    /// # Errors
    ///
    /// [`Exit::NotConfirmed`] if nobody says yes.
    pub(crate) async fn consent(&self, plan: &Record) -> Result<bool, Failure> {
        if self.dry_run {
            self.out.show(plan)?;
            return Ok(false);
        }
        if self.yes {
            return Ok(true);
        }
        if !stdin().is_terminal() || !stderr().is_terminal() {
            return Err(Failure::new(Exit::NotConfirmed, "nobody is here to confirm: see --dry-run, then say --yes"));
        }
        Out::new(false).aside(plan);
        let _ = write!(stderr(), "Do this? [y/N] "); // it is a terminal
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            stdin().lock().read_line(&mut line).map(|_| line)
        });
        let line = line.await.map_err(|_| Failure::new(Exit::NotConfirmed, "the answer could not be read"))??;
        match line.trim() {
            "y" | "Y" | "yes" => Ok(true),
            _ => Err(Failure::new(Exit::NotConfirmed, "not confirmed: nothing was done")),
        }
    }

    /// Whether only to show what would be done.
    pub(crate) const fn dry_run(&self) -> bool {
        self.dry_run
    }

    /* TRANSACTIONS */

    fn wait(&self) -> Result<Wait, Failure> {
        let read = |text: &str| match text {
            "sent" => Ok(Wait::Sent),
            "included" => Ok(Wait::Included),
            "final" => Ok(Wait::Final),
            _ => Err("expected sent, included or final".to_owned()),
        };
        Ok(self.settings.read("wait", read)?.unwrap_or(Wait::Final))
    }

    /// Shows that something takes time, and how much of it is done, if standard error is a terminal.
    pub(crate) fn progress(&self, what: &str, count: Option<usize>) -> ProgressBar {
        let bar = match count.and_then(|count| u64::try_from(count).ok()) {
            _ if self.is_json => ProgressBar::hidden(),
            Some(count) => ProgressBar::new(count),
            None => ProgressBar::new_spinner(),
        };
        let template =
            if count.is_some() { "{msg} [{bar:40}] {human_pos}/{human_len}" } else { "{spinner} {msg}, {elapsed}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(plain(what));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Waits for a transaction as long as was asked for, and adds how it stands.
    ///
    /// # Errors
    ///
    /// [`Exit::Transaction`] if it failed, [`Exit::Unreachable`] if the chain is not seen for too long. It goes on with the
    /// next command.
    pub(crate) async fn finish(&self, transaction: &Transaction, record: Record) -> Result<Record, Failure> {
        let wait = self.wait()?;
        let what = format!("transaction with nonce {}, {}", transaction.nonce(), transaction.hash());
        let bar = self.progress(&what, None);
        let waited = match wait {
            Wait::Sent => Ok(0),
            Wait::Included => transaction.included().await,
            Wait::Final => transaction.confirmed().await,
        };
        bar.finish_and_clear();
        waited.map_err(|error| Failure::from(error).during(&what))?;
        Ok(with_transaction(record, transaction))
    }

    /// Checks the setting before anything is sent.
    pub(crate) fn check_wait(&self) -> Result<(), Failure> {
        self.wait().map(drop)
    }
}

impl Session {
    /// A provider that sends by itself, for the few transactions that the wallet does not know.
    ///
    /// # Errors
    ///
    /// [`Exit::NotPossible`] if transactions of the wallet are under way: the two would take the same nonce.
    pub(crate) fn direct(&self, node: &DynProvider) -> Result<DynProvider, Failure> {
        if !self.wallet.open_transactions().is_empty() {
            let message = "transactions of this account are under way: wait until they are final (`transactions list`)";
            return Err(Failure::new(Exit::NotPossible, message));
        }
        Ok(direct(node, &self.account))
    }

    /// Ends the wallet, and releases the store.
    pub(crate) async fn close(self) {
        self.wallet.shutdown().await;
    }
}

/// A node that also signs, with nonces of its own.
pub(crate) fn direct(node: &DynProvider, account: &Arc<PrivateKeySigner>) -> DynProvider {
    let wallet = alloy::network::EthereumWallet::from(PrivateKeySigner::clone(account));
    ProviderBuilder::new().wallet(wallet).connect_provider(node.clone()).erased()
}

/// The failure of an address that is not ours.
pub(crate) fn wrong_beneficiary(found: Address, expected: Address) -> Failure {
    WalletError::WrongBeneficiary { found, expected }.into()
}
