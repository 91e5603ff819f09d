//! What the settings say about the service.

use std::{net::SocketAddr, time::Duration};

use chequebook_wallet::AutoCash;

use super::tokens::Most;
use crate::cli::{
    amount::{Units, Written, duration},
    context::Context,
    exit::Failure,
    watch::auto_cash,
};

/// How long the head of a request, and its body, may take unless told.
const READ_TIMEOUT: u64 = 10;

/// When to deposit automatically.
#[derive(Clone, Debug)]
pub(crate) struct Deposits {
    pub(crate) interval: Duration,
    pub(crate) threshold: Written,
    pub(crate) buffer: Written,
}

/// When to cash automatically; what that means depends on the asset.
#[derive(Clone, Debug)]
pub(crate) struct Cashes(Context);

impl Cashes {
    /// For an asset.
    ///
    /// # Errors
    ///
    /// If an amount has another unit.
    pub(crate) fn of(&self, units: &Units) -> Result<AutoCash, Failure> {
        auto_cash(&self.0, units)
    }
}

/// The settings of the service.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    /// Names under which it may be addressed, besides its own.
    pub(crate) hosts: Vec<String>,
    /// Origins of pages that may call.
    pub(crate) origins: Vec<String>,
    pub(crate) demands_token: bool,
    pub(crate) max_connections: u32,
    /// In bytes.
    pub(crate) max_body: u32,
    /// How many calls one message may have.
    pub(crate) max_batch: u32,
    /// Calls of one caller in a second; zero for no limit.
    pub(crate) rate: u32,
    pub(crate) read_timeout: Duration,
    /// What everybody together may spend.
    pub(crate) most: Most,
    pub(crate) auto_deposit: Option<Deposits>,
    pub(crate) auto_cash: Option<Cashes>,
}

fn list(text: Option<&str>) -> Vec<String> {
    let items = text.unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(str::to_ascii_lowercase).collect()
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub(crate) fn read(context: &Context) -> Result<Self, Failure> {
        let settings = &context.settings;
        let listen = settings.get::<SocketAddr>("listen")?;
        let listen = listen.ok_or_else(|| Failure::usage("listen is not set, expected an address and a port"))?;
        let limit = |name: &str| -> Result<Option<String>, Failure> {
            let text = settings.raw(name);
            settings.read(name, str::parse::<Written>)?;
            Ok(text.map(str::to_owned))
        };
        let most = Most {
            per_call: limit("limit_per_call")?,
            per_beneficiary: limit("limit_per_beneficiary")?,
            per_day: limit("limit_per_day")?,
        };
        let seconds = |name: &str, default: u64| -> Result<Duration, Failure> {
            Ok(Duration::from_secs(settings.read(name, duration)?.unwrap_or(default)))
        };
        let amount = |name: &str| -> Result<Written, Failure> {
            let amount = settings.read(name, str::parse::<Written>)?;
            amount.ok_or_else(|| Failure::usage(format!("{name} is not set, expected an amount with its unit")))
        };
        let auto_deposit = match settings.get("auto_deposit")? {
            Some(true) => Some(Deposits {
                interval: seconds("auto_deposit_interval", 300)?,
                threshold: amount("auto_deposit_threshold")?,
                buffer: amount("auto_deposit_buffer")?,
            }),
            _ => None,
        };
        let auto_cash = (settings.get("auto_cash")? == Some(true)).then(|| Cashes(context.clone()));
        Ok(Self {
            listen,
            hosts: list(settings.raw("allowed_hosts")),
            origins: list(settings.raw("allowed_origins")),
            demands_token: settings.get("require_token")?.unwrap_or(false),
            max_connections: settings.get("max_connections")?.unwrap_or(256),
            max_body: settings.get("max_body")?.unwrap_or(65_536),
            max_batch: settings.get("max_batch")?.unwrap_or(100),
            rate: settings.get("rate")?.unwrap_or(1_000),
            read_timeout: seconds("read_timeout", READ_TIMEOUT)?,
            most,
            auto_deposit,
            auto_cash,
        })
    }
}
