//! Keys: where they are, and how they are read. No key is ever an argument, and none is ever shown.

mod device;
mod key;

use std::{
    fmt, fs,
    fs::File,
    io::{BufRead, BufReader, IsTerminal, Write, stderr, stdin},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use alloy::signers::local::PrivateKeySigner;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

pub(crate) use self::key::Key;
use self::key::key_failure;
use super::exit::Failure;

/// The longest file with a key or a password that is read, in bytes.
const MAX_FILE: u64 = 4_096;

/// Where a key is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// An encrypted keystore: a name in cast's folder, or a path.
    Keystore(PathBuf),
    /// A variable of the environment with the key in hex.
    Variable(String),
    /// A file of mode 0600 with the key in hex.
    File(PathBuf),
    /// A Ledger: the index of a key as Ledger Live counts, or its path.
    Ledger(String),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keystore(path) => write!(formatter, "keystore {}", path.display()),
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::Ledger(path) => write!(formatter, "ledger {path}"),
        }
    }
}

impl FromStr for KeySource {
    type Err = String;

    /// What is none may be a key, so that it is not in the error.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("keystore", name)) if !name.is_empty() => Ok(Self::Keystore(in_folder(name))),
            Some(("env", name)) if !name.is_empty() && !looks_like_key(name) => Ok(Self::Variable(name.to_owned())),
            Some(("file", path)) if !path.is_empty() && !looks_like_key(path) => Ok(Self::File(path.into())),
            Some(("ledger", path)) if is_derivation(path) => Ok(Self::Ledger(path.to_owned())),
            _ if looks_like_key(text.rsplit(':').next().unwrap_or_default()) => {
                Err("a key is never an argument or a setting: others can read it. Expected keystore:, env: or file:"
                    .into())
            }
            _ => {
                Err("this names no key, expected keystore:NAME, keystore:PATH, env:VARIABLE, file:PATH or ledger:INDEX"
                    .into())
            }
        }
    }
}

/// An index, or a path like `m/44'/60'/0'/0/1`.
fn is_derivation(text: &str) -> bool {
    let is_index = |text: &str| !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix("m/") {
        Some(path) => path.split('/').all(|step| is_index(step.strip_suffix('\'').unwrap_or(step))),
        None => is_index(text),
    }
}

fn looks_like_key(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.len() >= 60 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A keystore by its name, as cast finds it, or by its path.
fn in_folder(name: &str) -> PathBuf {
    match std::env::var_os("HOME") {
        Some(home) if !name.contains('/') => PathBuf::from(home).join(".foundry/keystores").join(name),
        _ => PathBuf::from(name),
    }
}

/// A key in memory. With libsecp256k1 it signs twice as fast.
fn in_memory(key: PrivateKeySigner) -> Key {
    Key::new(key.into_secp256k1())
}

/// Reads a key. `password` is where that of a keystore may be, besides a terminal.
///
/// # Errors
///
/// [`Exit::Key`](super::exit::Exit::Key)(super::exit::Exit::Key): there is none, it cannot be read, others can read it, or the password is wrong.
pub(crate) async fn read(source: &KeySource, password: Password) -> Result<Key, Failure> {
    let text = match source {
        KeySource::Keystore(path) => return decrypt(path, password).await.map(in_memory),
        KeySource::Ledger(path) => return device::open(path).await,
        KeySource::Variable(name) => std::env::var(name)
            .map_err(|_| key_failure(format!("variable {name} is not set, expected a key in hex")))?,
        KeySource::File(path) => private_file(path)?,
    };
    let parsed = text.trim().parse::<PrivateKeySigner>();
    parsed.map(in_memory).map_err(|_| key_failure(format!("{source:?} has no key, expected 64 hex digits")))
}

async fn decrypt(path: &Path, password: Password) -> Result<PrivateKeySigner, Failure> {
    // Before anybody is asked for a password.
    if !path.is_file() {
        return Err(key_failure(format!("there is no keystore {}", path.display())));
    }
    let password = password.get(path).await?;
    let file = path.to_owned();
    let decrypted = tokio::task::spawn_blocking(move || PrivateKeySigner::decrypt_keystore(file, password)).await;
    let decrypted = decrypted.map_err(|_| key_failure("the keystore could not be decrypted"))?;
    decrypted
        .map_err(|_| key_failure(format!("keystore {}: the password is wrong, or it is no keystore", path.display())))
}

/// The content of a file that only its owner can read.
fn private_file(path: &Path) -> Result<String, Failure> {
    let show = path.display();
    let file = File::open(path).map_err(|error| key_failure(format!("{show}: {error}")))?;
    let metadata = file.metadata().map_err(|error| key_failure(format!("{show}: {error}")))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(key_failure(format!(
            "{show} has mode {:o}, expected 600: others can read it",
            metadata.mode() & 0o777
        )));
    }
    if metadata.len() > MAX_FILE {
        return Err(key_failure(format!("{show} has {} bytes, expected a key or a password", metadata.len())));
    }
    fs::read_to_string(path).map_err(|error| key_failure(format!("{show}: {error}")))
}

/* PASSWORDS */

/// Where the password of a keystore is: a file, a variable, or whoever sits at the terminal.
#[derive(Clone, Debug)]
pub(crate) struct Password {
    pub(crate) file: Option<PathBuf>,
    pub(crate) variable: &'static str,
}

impl Password {
    async fn get(&self, keystore: &Path) -> Result<String, Failure> {
        if let Some(path) = &self.file {
            // A line break at its end belongs to the file.
            return Ok(private_file(path)?.trim_end_matches(['\r', '\n']).to_owned());
        }
        if let Ok(password) = std::env::var(self.variable) {
            return Ok(password);
        }
        ask(&format!("Password of {}: ", keystore.display())).await?.ok_or_else(|| {
            key_failure(format!("no password, expected a terminal, {} or a password file", self.variable))
        })
    }
}

/// Restores the terminal, whatever happens meanwhile.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn new(terminal: File) -> Result<Self, Failure> {
        let failed = |error| key_failure(format!("the terminal: {error}"));
        let before = tcgetattr(&terminal).map_err(failed)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(failed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before); // nothing else can be done
    }
}

/// Asks at the terminal, without an echo. `None` if there is none.
async fn ask(question: &str) -> Result<Option<String>, Failure> {
    // Standard input may be a cheque.
    let path = if stdin().is_terminal() { "/dev/stdin" } else { "/dev/tty" };
    let Ok(terminal) = File::options().read(true).write(true).open(path) else { return Ok(None) };
    let reader = terminal.try_clone()?;
    let _ = write!(stderr(), "{question}"); // who closed it knows the question
    let silent = Silent::new(terminal)?;
    // If the program is interrupted, this thread is left behind, and the terminal is restored all the same.
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).map(|_| line)
    });
    let line = line.await.map_err(|_| key_failure("the password could not be read"))?;
    drop(silent);
    let _ = writeln!(stderr());
    Ok(Some(line?.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::exit::Exit;

    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_key_is_no_argument_and_is_not_repeated() {
        for text in
            [KEY.to_owned(), format!("0x{KEY}"), format!("env:{KEY}"), format!("file:0x{KEY}"), format!("key:{KEY}")]
        {
            let error = text.parse::<KeySource>().unwrap_err();
            assert!(error.contains("never") && !error.contains(&KEY[..8]), "{error}");
        }
        for text in ["", "env:", "keystore:", "alice", "file:"] {
            assert!(text.parse::<KeySource>().is_err(), "{text}");
        }
        assert_eq!("env:ALICE".parse(), Ok(KeySource::Variable("ALICE".into())));
        assert_eq!("keystore:./alice".parse(), Ok(KeySource::Keystore("./alice".into())));
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, format!("0x{KEY}\n")).unwrap();
        let password = Password { file: None, variable: "NO_SUCH_VARIABLE" };
        for (mode, is_good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read(&KeySource::File(path.clone()), password.clone()).await;
            assert_eq!(read.is_ok(), is_good, "{mode:o}");
        }
    }

    #[tokio::test]
    async fn an_error_does_not_repeat_what_was_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, &KEY[..62]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let password = Password { file: None, variable: "NO_SUCH_VARIABLE" };
        let failure = read(&KeySource::File(path), password).await.unwrap_err();
        assert!(!failure.message.contains(&KEY[..8]), "{}", failure.message);
        assert_eq!(failure.exit, Exit::Key);
    }
}
