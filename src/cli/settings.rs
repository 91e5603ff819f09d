//! Every setting: its name, what it is, and its default.

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// In the file. The variable is `CHEQUEBOOK_` and the name in capitals.
    pub(crate) name: &'static str,
    /// What it may be.
    pub(crate) what: &'static str,
    /// `None` if it has none, or one that depends on the chain.
    pub(crate) default: Option<&'static str>,
}

impl Setting {
    /// The variable of the environment.
    pub(crate) fn variable(&self) -> String {
        format!("CHEQUEBOOK_{}", self.name.to_ascii_uppercase())
    }
}

const fn setting(name: &'static str, what: &'static str, default: Option<&'static str>) -> Setting {
    Setting { name, what, default }
}

/// All of them. `docs/config.toml` explains each.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("chain", "mainnet, sepolia, base, arbitrum, anvil, or a name in [chains]", None),
    setting("rpc", "the http or https URL of a node", None),
    setting("store", "a path: the file with all that must not be lost", None),
    setting("account", "keystore:NAME, keystore:PATH, env:VARIABLE or file:PATH", None),
    setting("signer", "the same, for the key that signs cheques", None),
    setting("password_file", "a path: a file of mode 0600", None),
    setting("signer_password_file", "a path: a file of mode 0600", None),
    setting("wait", "sent, included or final", Some("final")),
    setting("patience", "a duration, as 2m: how long to wait while the chain cannot be seen", None),
    setting("max_fee_per_gas", "an amount with its unit, as 50gwei", None),
    setting("max_priority_fee_per_gas", "an amount with its unit, as 2gwei", None),
    setting("confirmations", "a number of blocks", None),
    setting("beneficiary", "an address", None),
    setting("asset", "ether, or a token: its address, or its symbol in [tokens]", Some("ether")),
    setting("min_notice", "a duration, as 1d", Some("1d")),
    setting("accept_packed", "true or false", Some("true")),
    setting("accept_typed", "true or false", Some("true")),
    setting("accept_counterfactual", "true or false", Some("false")),
    setting("accept_unproven", "true or false", Some("false")),
    setting("require_covered", "true or false", Some("true")),
    setting("auto_cash_interval", "a duration, as 5m, or never", Some("5m")),
    setting("auto_cash_above", "an amount with its unit, as 1ether", None),
    setting("auto_cash", "true or false: whether the service cashes automatically; watch always does", Some("false")),
    setting("auto_deposit", "true or false: whether the service deposits automatically", Some("false")),
    setting("auto_deposit_interval", "a duration, as 5m", Some("5m")),
    setting("auto_deposit_threshold", "an amount with its unit, as 50000gwei", Some("50000gwei")),
    setting("auto_deposit_buffer", "an amount with its unit, as 100000gwei", Some("100000gwei")),
    setting("listen", "an address and a port", Some("127.0.0.1:7545")),
    setting("allowed_hosts", "names and ports, separated by commas, as pay.example", None),
    setting("allowed_origins", "origins of pages, separated by commas, as https://shop.example", None),
    setting("require_token", "true or false: whether also this machine needs a token for everything", Some("false")),
    setting("max_connections", "a number", Some("256")),
    setting("max_body", "a number of bytes", Some("65536")),
    setting("max_batch", "a number of calls", Some("100")),
    setting("rate", "a number of calls in a second for each caller; 0 for no limit", Some("1000")),
    setting("read_timeout", "a duration, as 10s", Some("10s")),
    setting("limit_per_call", "an amount with its unit, as 0.1ether", None),
    setting("limit_per_beneficiary", "an amount with its unit, as 1ether: in a day (UTC)", None),
    setting("limit_per_day", "an amount with its unit, as 10ether: in a day (UTC)", None),
    setting("keep_requests", "a duration, as 7d: for how long the key of a call is known", Some("7d")),
    setting("min_gas_multiple", "a number: how many times the cost of its gas an automatic cash must pay", Some("2")),
];

/// The setting of this name. On the command line, `-` is as good as `_`.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name || setting.name == name.replace('-', "_"))
}
