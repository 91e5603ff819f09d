//! Tokens: who may call what, and how much that may spend. A file beside the store, in which no token can be read.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::primitives::{B256, hex, keccak256};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::cli::{
    amount::Written,
    exit::{Exit, Failure},
};

/// What every token begins with, so that one that lies about is recognised.
const PREFIX: &str = "cbt_";

/// What a token may do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Scope {
    /// See how everything stands. It never yields a signature.
    Read,
    /// Hand in cheques.
    Receive,
    /// Promise, deposit, withdraw, cash what is covered.
    Spend,
    /// End chequebooks.
    End,
}

/// All of them, with their names.
pub(crate) const SCOPES: [(Scope, &str); 4] =
    [(Scope::Read, "read"), (Scope::Receive, "receive"), (Scope::Spend, "spend"), (Scope::End, "end")];

impl Scope {
    pub(crate) fn name(self) -> &'static str {
        SCOPES.iter().find(|(scope, _)| *scope == self).map_or("", |(_, name)| name)
    }
}

/// The most that a token may spend, each amount as it was written, with its unit.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Most {
    pub(crate) per_call: Option<String>,
    pub(crate) per_beneficiary: Option<String>,
    pub(crate) per_day: Option<String>,
}

/// What is known of a token: not the token itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) name: String,
    /// The hash of its text.
    pub(crate) hash: B256,
    pub(crate) scopes: BTreeSet<Scope>,
    /// In Unix seconds.
    pub(crate) created: u64,
    /// From when on it is worth nothing, in Unix seconds.
    pub(crate) expires: Option<u64>,
    pub(crate) most: Most,
}

impl Token {
    /// Whether it is over.
    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The hash of a token's text, or nothing if it is none.
pub(crate) fn hash(text: &str) -> Option<B256> {
    let digits = text.strip_prefix(PREFIX)?;
    let is_token = digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_token.then(|| keccak256(text))
}

/// A new token.
///
/// # Errors
///
/// If the system has no random numbers.
pub(crate) fn generate() -> Result<String, Failure> {
    let mut secret = [0; 32];
    getrandom::getrandom(&mut secret).map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(format!("{PREFIX}{}", hex::encode(secret)))
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    tokens: Vec<Token>,
}

/// The file of a store's tokens.
#[derive(Clone, Debug)]
pub(crate) struct Tokens(PathBuf);

impl Tokens {
    /// That of a store.
    pub(crate) fn beside(store: &Path) -> Self {
        Self(with_suffix(store, ".tokens.json"))
    }

    /// All tokens. Without a file there are none.
    ///
    /// # Errors
    ///
    /// [`Exit::Key`] if it cannot be read, others may write it, or it has something that is not known: then nobody may do
    /// anything.
    pub(crate) fn read(&self) -> Result<Vec<Token>, Failure> {
        let text = match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(|error| self.failed(&error))?,
        };
        let mode = fs::metadata(&self.0).map_err(|error| self.failed(&error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(self.failed(&format!("mode is {:o}, expected 600", mode & 0o777)));
        }
        let tokens = serde_json::from_str::<Contents>(&text).map_err(|error| self.failed(&error))?.tokens;
        for token in &tokens {
            let Most { per_call, per_beneficiary, per_day } = &token.most;
            for limit in [per_call, per_beneficiary, per_day].into_iter().flatten() {
                limit.parse::<Written>().map_err(|error| self.failed(&error))?;
            }
        }
        Ok(tokens)
    }

    /// Changes the tokens, durably, and as if at once. Who changes them at the same time waits.
    ///
    /// # Errors
    ///
    /// Those of the change, after which nothing has changed; [`Exit::Key`].
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Vec<Token>) -> Result<T, Failure>) -> Result<T, Failure> {
        let lock = self.lock_file().map_err(|error| self.failed(&error))?;
        lock.lock().map_err(|error| self.failed(&error))?;
        let mut tokens = self.read()?;
        let changed = change(&mut tokens)?;
        self.write(Contents { tokens }).map_err(|error| self.failed(&error))?;
        Ok(changed)
    }

    fn lock_file(&self) -> std::io::Result<File> {
        let path = with_suffix(&self.0, ".lock");
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                self.give(&file)?;
                Ok(file)
            }
            // It is given to nobody: what another one has put there can lead anywhere.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => OpenOptions::new().write(true).open(&path),
            Err(error) => Err(error),
        }
    }

    /// Gives a new file that root has made to whom the tokens belong, or their folder: the service must read them.
    fn give(&self, file: &File) -> std::io::Result<()> {
        if file.metadata()?.uid() != 0 {
            return Ok(());
        }
        let parent = self.0.parent().filter(|parent| !parent.as_os_str().is_empty());
        let owned = match fs::metadata(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => fs::metadata(parent.unwrap_or(Path::new(".")))?,
            found => found?,
        };
        match owned.uid() {
            0 => Ok(()),
            owner => fchown(file, Some(owner), Some(owned.gid())),
        }
    }

    fn write(&self, contents: Contents) -> std::io::Result<()> {
        let temporary = with_suffix(&self.0, ".new");
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        self.give(&file)?;
        file.write_all(&serde_json::to_vec_pretty(&contents)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, &self.0)?;
        let parent = self.0.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(Exit::Key, format!("{}: {error}", self.0.display()))
    }

    /// What tells one version of the file from another: it is replaced, and never written to.
    fn stamp(&self) -> Result<Option<Stamp>, Failure> {
        match fs::metadata(&self.0) {
            Ok(found) => Ok(Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec(), found.mode()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

type Stamp = (u64, u64, i64, i64, u32);
type Known = HashMap<B256, Arc<Token>>;

/// The tokens, read again whenever the file has changed.
pub(crate) struct CurrentTokens {
    tokens: Tokens,
    seen: Mutex<Option<(Option<Stamp>, Arc<Known>)>>,
}

impl CurrentTokens {
    pub(crate) const fn new(tokens: Tokens) -> Self {
        Self { tokens, seen: Mutex::new(None) }
    }

    /// The tokens of this moment.
    ///
    /// # Errors
    ///
    /// [`Exit::Key`].
    pub(crate) fn all(&self) -> Result<Arc<Known>, Failure> {
        // Before it is read: a file that is replaced meanwhile has another stamp the next time.
        let stamp = self.tokens.stamp()?;
        let mut seen = self.seen.lock();
        if let Some((before, known)) = &*seen
            && *before == stamp
        {
            return Ok(Arc::clone(known));
        }
        let tokens = self.tokens.read()?.into_iter().map(|token| (token.hash, Arc::new(token)));
        let known = Arc::new(tokens.collect::<Known>());
        *seen = Some((stamp, Arc::clone(&known)));
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(tokens: &Tokens, token: Token) {
        let add = |all: &mut Vec<Token>| {
            all.push(token);
            Ok(())
        };
        tokens.change(add).unwrap();
    }

    fn token(name: &str, text: &str) -> Token {
        Token {
            name: name.to_owned(),
            hash: hash(text).unwrap(),
            scopes: [Scope::Read].into(),
            created: 1,
            expires: Some(2),
            most: Most::default(),
        }
    }

    #[test]
    fn a_token_is_not_in_the_file_and_a_change_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::beside(&directory.path().join("a.redb"));
        let current = CurrentTokens::new(tokens.clone());
        assert!(current.all().unwrap().is_empty());
        let text = generate().unwrap();
        add(&tokens, token("a", &text));
        let file = directory.path().join("a.redb.tokens.json");
        assert!(!fs::read_to_string(&file).unwrap().contains(&text[PREFIX.len()..]));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(current.all().unwrap().contains_key(&hash(&text).unwrap()));
        tokens.change(|all| Ok(all.drain(..).count())).unwrap();
        assert!(current.all().unwrap().is_empty());
    }

    /// Root makes tokens for a service that is not root.
    #[test]
    fn the_file_belongs_to_whom_it_belonged() {
        use std::os::unix::fs::chown;

        let directory = tempfile::tempdir().unwrap();
        if let Err(error) = chown(directory.path(), Some(12_345), Some(12_346)) {
            eprintln!("skipped: only root can give files to others: {error}");
            return;
        }
        let tokens = Tokens::beside(&directory.path().join("a.redb"));
        let owner = |name: &str| {
            let found = fs::metadata(directory.path().join(name)).unwrap();
            (found.uid(), found.gid(), found.mode() & 0o777)
        };
        add(&tokens, token("a", &generate().unwrap()));
        assert_eq!(owner("a.redb.tokens.json"), (12_345, 12_346, 0o600));
        assert_eq!(owner("a.redb.tokens.json.lock"), (12_345, 12_346, 0o600));
        chown(directory.path().join("a.redb.tokens.json"), Some(23_456), Some(23_457)).unwrap();
        add(&tokens, token("b", &generate().unwrap()));
        assert_eq!(owner("a.redb.tokens.json"), (23_456, 23_457, 0o600));
        assert_eq!(tokens.read().unwrap().len(), 2);
    }

    #[test]
    fn changes_at_the_same_time_are_all_there() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::beside(&directory.path().join("a.redb"));
        std::thread::scope(|scope| {
            for index in 0..8 {
                let tokens = &tokens;
                let run = move || {
                    let text = generate().unwrap();
                    add(tokens, token(&index.to_string(), &text));
                };
                scope.spawn(run);
            }
        });
        assert_eq!(tokens.read().unwrap().len(), 8);
    }

    #[test]
    fn what_cannot_be_trusted_allows_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::beside(&directory.path().join("a.redb"));
        add(&tokens, token("a", &generate().unwrap()));
        let file = directory.path().join("a.redb.tokens.json");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o660)).unwrap();
        assert_eq!(tokens.read().unwrap_err().exit, Exit::Key);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "{}", "{\"tokens\":[],\"more\":1}", "{\"tokens\":[{\"name\":\"a\"}]}"] {
            fs::write(&file, text).unwrap();
            assert_eq!(tokens.read().unwrap_err().exit, Exit::Key, "{text}");
        }
    }

    #[test]
    fn only_a_whole_token_is_one() {
        let text = generate().unwrap();
        assert!(hash(&text).is_some());
        assert_ne!(text, generate().unwrap());
        for wrong in [&text[1..], &text[..text.len() - 1], &text.to_uppercase(), &format!("{text}0"), "", PREFIX] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn it_is_over_at_the_second_of_its_end() {
        let token = token("a", &generate().unwrap());
        assert!(!token.has_expired(1) && token.has_expired(2));
    }
}
