//! After an import, a payer does not know what it has issued since the backup. This remembers for which chequebooks.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use alloy::primitives::Address;

use super::exit::{Exit, Failure};

/// A file beside the store, with one address a line. Without it, everything is recovered.
#[derive(Clone, Debug)]
pub(crate) struct Unrecovered(PathBuf);

impl Unrecovered {
    /// That of a store.
    pub(crate) fn beside(store: &Path) -> Self {
        let mut name = store.file_name().unwrap_or_default().to_owned();
        name.push(".unrecovered");
        Self(store.with_file_name(name))
    }

    /// The chequebooks.
    ///
    /// # Errors
    ///
    /// [`Exit::Store`] if that cannot be read: then nothing may be issued either.
    pub(crate) fn read(&self) -> Result<BTreeSet<Address>, Failure> {
        let text = match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            read => read.map_err(|error| self.failed(&error))?,
        };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| line.trim().parse().map_err(|_| self.failed(&"it has a line that is no address"))).collect()
    }

    /// Writes all of them, durably.
    ///
    /// # Errors
    ///
    /// [`Exit::Store`].
    pub(crate) fn write(&self, chequebooks: &BTreeSet<Address>) -> Result<(), Failure> {
        self.try_write(chequebooks).map_err(|error| self.failed(&error))
    }

    fn try_write(&self, chequebooks: &BTreeSet<Address>) -> std::io::Result<()> {
        if chequebooks.is_empty() {
            match fs::remove_file(&self.0) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        } else {
            let temporary = self.0.with_extension("unrecovered.new");
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            for chequebook in chequebooks {
                writeln!(file, "{chequebook}")?;
            }
            file.sync_all()?;
            fs::rename(&temporary, &self.0)?;
        }
        let parent = self.0.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Checks that a chequebook may issue.
    ///
    /// # Errors
    ///
    /// [`Exit::RecoverFirst`].
    pub(crate) fn check(&self, chequebook: Address) -> Result<(), Failure> {
        if !self.read()?.contains(&chequebook) {
            return Ok(());
        }
        let message = format!(
            "chequebook {chequebook} was imported: `recover` it with the cheques issued since the backup, or say \
             `recover --nothing-issued`"
        );
        Err(Failure::new(Exit::RecoverFirst, message))
    }

    /// Notes that a chequebook is recovered.
    ///
    /// # Errors
    ///
    /// [`Exit::Store`].
    pub(crate) fn recovered(&self, chequebook: Address) -> Result<(), Failure> {
        let mut all = self.read()?;
        if all.remove(&chequebook) { self.write(&all) } else { Ok(()) }
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(Exit::Store, format!("{}: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_until_the_last_one_is_recovered() {
        let directory = tempfile::tempdir().unwrap();
        let unrecovered = Unrecovered::beside(&directory.path().join("a.redb"));
        let [one, two] = [1, 2].map(Address::repeat_byte);
        assert!(unrecovered.check(one).is_ok());
        unrecovered.write(&[one, two].into()).unwrap();
        assert_eq!(unrecovered.check(one).unwrap_err().exit, Exit::RecoverFirst);
        unrecovered.recovered(one).unwrap();
        assert!(unrecovered.check(one).is_ok() && unrecovered.check(two).is_err());
        unrecovered.recovered(two).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_read_allows_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let unrecovered = Unrecovered::beside(&directory.path().join("a.redb"));
        fs::write(directory.path().join("a.redb.unrecovered"), "nonsense\n").unwrap();
        assert_eq!(unrecovered.check(Address::ZERO).unwrap_err().exit, Exit::Store);
    }
}
