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
    setting("account", "keystore:NAME, keystore:PATH, env:VARIABLE, file:PATH or ledger:INDEX", None),
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
    setting("min_gas_multiple", "a number: how many times the cost of its gas an automatic cash must pay", Some("2")),
];

/// The setting of this name. On the command line, `-` is as good as `_`.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name || setting.name == name.replace('-', "_"))
}
