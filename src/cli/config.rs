//! The configuration: flags over environment over one TOML file over what the program brings.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    path::{Path, PathBuf},
    str::FromStr,
};

use alloy::primitives::{Address, ChainId};
use chequebook_wallet::Config as WalletConfig;
use toml::{Table, Value as Toml};

use super::{
    exit::Failure,
    settings::{SETTINGS, Setting, find},
    text::{plain, without_secrets},
};

/// Where the value of a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Variable(String),
    File(String),
    Default,
}

impl Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => formatter.write_str("flag"),
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::File(section) => write!(formatter, "file, {section}"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A named chain.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) id: ChainId,
    pub(crate) wallet: WalletConfig,
}

/// The chains that the program brings. Only a development chain has a known node.
const PROFILES: [(&str, ChainId, Option<&str>); 5] = [
    ("mainnet", 1, None),
    ("sepolia", 11_155_111, None),
    ("base", 8_453, None),
    ("arbitrum", 42_161, None),
    ("anvil", 31_337, Some("http://127.0.0.1:8545")),
];

/// A token that the configuration names: only then a symbol means anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) symbol: String,
    pub(crate) address: Address,
    pub(crate) decimals: u8,
}

/// All settings, each with its origin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (String, Origin)>,
    chains: Table,
    pub(crate) tokens: Vec<Token>,
}

impl Settings {
    /// Resolves all settings. `flags` are those of the command line, `variable` reads the environment, `text` is the
    /// file.
    ///
    /// # Errors
    ///
    /// If the file is not valid, or anything in it, or among the flags, is not known.
    pub(crate) fn resolve(
        flags: &[(String, String)],
        variable: impl Fn(&str) -> Option<String>,
        text: &str,
    ) -> Result<Self, Failure> {
        let file: Table = text
            .parse()
            .map_err(|error: toml::de::Error| Failure::usage(format!("configuration: {}", error.message())))?;
        let mut settings = Self::default();
        for (name, value) in flags {
            let setting = find(name).ok_or_else(|| unknown(name, "on the command line"))?;
            settings.values.insert(setting.name, (value.clone(), Origin::Flag));
        }
        for setting in SETTINGS {
            let name = setting.variable();
            if let Some(value) = variable(&name) {
                settings.values.entry(setting.name).or_insert((value, Origin::Variable(name)));
            }
        }
        // The chain decides which section of the file counts, and may stand in the file itself.
        let chain = settings.raw("chain").map(str::to_owned).or_else(|| Some(file.get("chain")?.as_str()?.to_owned()));
        settings.chains = section(&file, "chains")?;
        let own = match &chain {
            Some(name) => section(&settings.chains, name)?,
            None => Table::new(),
        };
        settings.add(&own, chain.as_deref().map(|name| format!("[chains.{name}]")).as_deref(), &["id", "profile"])?;
        settings.add(&file, None, &["chains", "tokens"])?;
        settings.tokens = tokens(&section(&file, "tokens")?)?;
        settings.add_defaults(chain.as_deref());
        Ok(settings)
    }

    /// Adds what is not set yet.
    fn add(&mut self, table: &Table, section: Option<&str>, others: &[&str]) -> Result<(), Failure> {
        let place = section.unwrap_or("top level");
        for (name, value) in table {
            if others.contains(&name.as_str()) {
                continue;
            }
            let setting = find(name).ok_or_else(|| unknown(name, &format!("in the configuration, {place}")))?;
            let text = match value {
                Toml::String(text) => text.clone(),
                Toml::Integer(number) => number.to_string(),
                Toml::Boolean(flag) => flag.to_string(),
                other => {
                    let found = other.type_str();
                    return Err(Failure::usage(format!(
                        "configuration, {place}: {name} is a {found}, expected a text"
                    )));
                }
            };
            self.values.entry(setting.name).or_insert((text, Origin::File(place.to_owned())));
        }
        Ok(())
    }

    fn add_defaults(&mut self, chain: Option<&str>) {
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                self.values.entry(setting.name).or_insert((default.to_owned(), Origin::Default));
            }
        }
        let node = PROFILES.iter().find(|(name, ..)| Some(*name) == chain).and_then(|(.., node)| *node);
        if let Some(node) = node {
            self.values.entry("rpc").or_insert((node.to_owned(), Origin::Default));
        }
        if let Some(chain) = chain
            && let Some(data) = home("XDG_DATA_HOME", ".local/share")
        {
            // A name of a chain is one of the file's keys: it may contain anything.
            let name: String = chain.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            let path = data.join("chequebook").join(format!("{name}.redb"));
            self.values.entry("store").or_insert((path.display().to_string(), Origin::Default));
        }
    }

    /* READ */

    /// The text of a setting.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// The value of a setting, if it is set.
    ///
    /// # Errors
    ///
    /// If it is not a value of this kind. The value itself may be a secret, and is not shown.
    pub(crate) fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some((value, origin)) = self.values.get(name) else { return Ok(None) };
        let parsed = value.parse().map_err(|_| self.wrong(name, origin))?;
        Ok(Some(parsed))
    }

    /// The same by a function.
    ///
    /// # Errors
    ///
    /// Those of the function, with the name of the setting.
    pub(crate) fn read<T>(&self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Failure> {
        let Some((value, origin)) = self.values.get(name) else { return Ok(None) };
        let read = read(value).map_err(|error| Failure::usage(format!("{name} ({origin}): {error}")))?;
        Ok(Some(read))
    }

    fn wrong(&self, name: &str, origin: &Origin) -> Failure {
        let expected = find(name).map_or("another value", |setting| setting.what);
        Failure::usage(format!("{name} ({origin}) cannot be read, expected: {expected}"))
    }

    /// A setting that a command needs.
    ///
    /// # Errors
    ///
    /// If it is not set: says where it can be.
    pub(crate) fn need(&self, name: &'static str) -> Result<&str, Failure> {
        self.raw(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let variable = find(name).map(Setting::variable).unwrap_or_default();
            Failure::usage(format!("{name} is not set, expected --{name}, {variable}, or {name} in the configuration"))
        })
    }

    /// The chain.
    ///
    /// # Errors
    ///
    /// If none is set, or nobody knows it.
    pub(crate) fn profile(&self) -> Result<Profile, Failure> {
        let name = self.need("chain")?.to_owned();
        let own = section(&self.chains, &name)?;
        let brought = PROFILES.iter().find(|(known, ..)| *known == name);
        let id = match (own.get("id"), brought) {
            (Some(id), _) => id.as_integer().and_then(|id| ChainId::try_from(id).ok()).ok_or_else(|| {
                Failure::usage(format!(
                    "configuration, [chains.{name}]: id is not a number, expected the id of the chain"
                ))
            })?,
            (None, Some((_, id, _))) => *id,
            (None, None) => {
                let known: Vec<_> = PROFILES.iter().map(|(name, ..)| *name).collect();
                return Err(Failure::usage(format!(
                    "chain {name} is not known, expected one of {}, or [chains.{name}] with its id in the configuration",
                    known.join(", ")
                )));
            }
        };
        let like = own.get("profile").map(|like| like.as_str().unwrap_or_default());
        let wallet = match like {
            Some("mainnet") => WalletConfig::mainnet(),
            Some("op_stack") => WalletConfig::op_stack(),
            Some("arbitrum") => WalletConfig::arbitrum(),
            Some("development") => WalletConfig::development(),
            Some(_) => {
                return Err(Failure::usage(format!(
                    "configuration, [chains.{name}]: profile is not known, expected mainnet, op_stack, arbitrum or development"
                )));
            }
            None => WalletConfig::for_chain(id).ok_or_else(|| {
                Failure::usage(format!(
                    "chain {id} has no profile of its own, expected `profile` in [chains.{name}] of the configuration"
                ))
            })?,
        };
        Ok(Profile { name, id, wallet })
    }

    /// The token that the configuration names with an address, if there is one.
    pub(crate) fn token_at(&self, address: Address) -> Option<&Token> {
        self.tokens.iter().find(|token| token.address == address)
    }

    /// A token by its symbol or its address.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub(crate) fn token(&self, text: &str) -> Result<Address, Failure> {
        if let Some(token) = self.tokens.iter().find(|token| token.symbol == text) {
            return Ok(token.address);
        }
        text.parse().map_err(|_| {
            Failure::usage(format!(
                "token {:?} is neither an address nor in [tokens] of the configuration",
                plain(text)
            ))
        })
    }

    /// Name, value and origin of every setting, for people: without secrets.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, Option<String>, Option<&Origin>)> {
        SETTINGS.iter().map(|setting| match self.values.get(setting.name) {
            Some((value, origin)) => {
                let shown = if setting.name == "rpc" { without_secrets(value) } else { plain(value) };
                (setting.name, Some(shown), Some(origin))
            }
            None => (setting.name, None, None),
        })
    }
}

fn unknown(name: &str, place: &str) -> Failure {
    Failure::usage(format!("there is no setting {:?} ({place}), see `chequebook config`", plain(name)))
}

fn section(table: &Table, name: &str) -> Result<Table, Failure> {
    match table.get(name) {
        None => Ok(Table::new()),
        Some(Toml::Table(section)) => Ok(section.clone()),
        Some(_) => Err(Failure::usage(format!("configuration: {name} is not a section"))),
    }
}

fn tokens(table: &Table) -> Result<Vec<Token>, Failure> {
    let mut tokens: Vec<Token> = Vec::new();
    for (symbol, value) in table {
        let wrong = |what: &str| Failure::usage(format!("configuration, [tokens.{}]: {what}", plain(symbol)));
        // It is written behind digits, and must not be taken for a unit.
        let is_name = symbol.starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_name || ["wei", "gwei", "ether", "units", "tokens"].contains(&symbol.as_str()) {
            return Err(wrong("this is no symbol, expected one that begins with a letter and is no unit"));
        }
        let Some(entry) = value.as_table() else { return Err(wrong("expected address and decimals")) };
        if let Some(other) = entry.keys().find(|key| !["address", "decimals"].contains(&key.as_str())) {
            return Err(wrong(&format!("{} is not known, expected address and decimals", plain(other))));
        }
        let address = entry.get("address").and_then(Toml::as_str).and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| wrong("address is missing, or is not one"))?;
        let decimals = entry.get("decimals").and_then(Toml::as_integer).and_then(|number| u8::try_from(number).ok());
        let decimals = decimals.ok_or_else(|| wrong("decimals is missing, or not a small number"))?;
        if tokens.iter().any(|token| token.address == address) {
            return Err(wrong("its address has two symbols, expected one"));
        }
        tokens.push(Token { symbol: symbol.clone(), address, decimals });
    }
    Ok(tokens)
}

/// The directory that a variable names, or one below the user's.
fn home(variable: &str, below: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).filter(|path| Path::new(path).is_absolute()).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(below)))
}

/// Reads the file of the configuration: the one that is named, which must exist, or the one of this user, which need not.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn load(named: Option<&Path>) -> Result<String, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => match home("XDG_CONFIG_HOME", ".config") {
            Some(home) => home.join("chequebook/config.toml"),
            None => return Ok(String::new()),
        },
    };
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(String::new()),
        read => read.map_err(|error| Failure::usage(format!("configuration {}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests;
