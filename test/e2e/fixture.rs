//! A payer and a payee on one chain, for the tests of the wallet.

use std::{path::PathBuf, time::Duration};

use alloy::{
    primitives::{Address, Bytes, U256, utils::Unit},
    providers::ext::AnvilApi,
    sol_types::SolCall,
};
use chequebook::{Form, Scheme, SignedCheque};
use chequebook_wallet::{Chequebook, Config, Error, Inbox, NewChequebook, Policy, Wallet, store::Redb};
use eyre::Result;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::chain::Chain;

/// The oldest hardfork that runs the contract, and the newest.
pub(crate) const HARDFORKS: [&str; 2] = ["shanghai", "osaka"];
/// The accounts.
pub(crate) const PAYER: usize = 0;
pub(crate) const PAYEE: usize = 1;
/// In seconds.
pub(crate) const NOTICE: u32 = 86_400;
/// How long to wait for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// Both sides.
pub(crate) struct Both {
    pub(crate) chain: Chain,
    pub(crate) directory: TempDir,
    pub(crate) payer: Wallet,
    pub(crate) payee: Wallet,
    pub(crate) book: Chequebook,
}

impl Both {
    /// A chequebook with a deposit of `gwei`, on a chain where every block is final.
    pub(crate) async fn start(hardfork: &str, gwei: u64) -> Result<Self> {
        Self::confirmed(hardfork, gwei, 0).await
    }

    /// The same, where a block is final after `confirmations` more blocks. The deposit is final.
    pub(crate) async fn confirmed(hardfork: &str, gwei: u64, confirmations: u64) -> Result<Self> {
        Self::formed(hardfork, gwei, confirmations, Form::Direct).await
    }

    /// The same, with a chequebook of a form that pays ether.
    pub(crate) async fn formed(hardfork: &str, gwei: u64, confirmations: u64, form: Form) -> Result<Self> {
        let chain = Chain::under(hardfork)?;
        chain.infrastructure().await?;
        let directory = TempDir::new()?;
        let payer = open(&chain, PAYER, directory.path().join("payer"), confirmations).await?;
        let payee = open(&chain, PAYEE, directory.path().join("payee"), confirmations).await?;
        let terms = NewChequebook::default().deposit(self::gwei(gwei)).notice_period(NOTICE).form(form);
        let book = Chequebook::create(&payer, chain.key(PAYER)?, terms).await?;
        chain.provider.anvil_mine(Some(confirmations + 1), None).await?; // it may be killed from now on
        Ok(Self { chain, directory, payer, payee, book })
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::default().min_gas_multiple(0)
    }

    /// The inbox of the payee's account.
    pub(crate) async fn inbox(&self) -> Result<Inbox> {
        Ok(Inbox::open(&self.payee, self.book.address(), self.payee.account(), self.policy()).await?)
    }

    /// A cheque that promises the payee's account `gwei` more.
    pub(crate) async fn issue(&self, gwei: u64) -> Result<SignedCheque, Error> {
        self.book.outbox(self.payee.account(), Scheme::Typed).issue(self::gwei(gwei)).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) async fn balance(&self) -> Result<U256> {
        self.chain.balance(self.book.address()).await
    }

    /// Sends a transaction of the owner to the chequebook.
    pub(crate) async fn command(&self, call: impl SolCall) -> Result<()> {
        let receipt = self.chain.call(self.book.address(), Bytes::from(call.abi_encode())).send().await?;
        eyre::ensure!(receipt.get_receipt().await?.status(), "the command was refused");
        Ok(())
    }
}

/// A wallet that looks at the chain often.
pub(crate) async fn open(chain: &Chain, key: usize, path: PathBuf, confirmations: u64) -> Result<Wallet> {
    let config = Config::default().confirmations(confirmations).poll_interval(Duration::from_millis(20));
    let provider = alloy::providers::ProviderBuilder::new().connect_http(chain.anvil.endpoint_url());
    Ok(Wallet::open(provider, chain.key(key)?, Redb::open_or_create(path)?, config).await?)
}

pub(crate) fn gwei(gwei: u64) -> U256 {
    Unit::GWEI.wei() * U256::from(gwei)
}

/// Asks until the answer is true.
pub(crate) async fn eventually<F: Future<Output = Result<bool>>>(what: &str, ask: impl Fn() -> F) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while !ask().await? {
        eyre::ensure!(Instant::now() < end, "it did not happen: {what}");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// An address that nobody owns.
pub(crate) const fn somebody(index: u8) -> Address {
    Address::repeat_byte(index)
}
