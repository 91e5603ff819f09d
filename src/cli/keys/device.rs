//! A key in a Ledger, which signs transactions and typed cheques once its owner confirms each on the device. **Nobody has
//! tried this with a device.** Without the feature `ledger` there is none.

use super::key::Key;
use crate::cli::exit::Failure;

/// Asks the first device for the key of an index (as Ledger Live counts) or of a path (`m/44'/60'/…`).
///
/// # Errors
///
/// [`Exit::Key`](crate::cli::exit::Exit::Key): there is no device, it is locked, or its Ethereum app is not open.
#[cfg(feature = "ledger")]
pub(super) async fn open(path: &str) -> Result<Key, Failure> {
    use super::key::key_failure;
    use alloy::signers::ledger::{HDPath, LedgerSigner};

    let path = match path.parse() {
        Ok(index) => HDPath::LedgerLive(index),
        Err(_) => HDPath::Other(path.to_owned()),
    };
    // Not bound to a chain: what is to be signed names it. Where there is no USB, the driver panics.
    match tokio::spawn(LedgerSigner::new(path, None)).await {
        Ok(opened) => opened.map(Key::new).map_err(|error| key_failure(format!("ledger: {error}"))),
        Err(_) => Err(key_failure("ledger: no USB can be used here")),
    }
}

/// There are none in this build.
///
/// # Errors
///
/// [`Exit::Usage`](crate::cli::exit::Exit::Usage).
#[cfg(not(feature = "ledger"))]
#[expect(clippy::unused_async, reason = "with the feature, it asks a device")]
pub(super) async fn open(_: &str) -> Result<Key, Failure> {
    Err(Failure::usage("the key is in a Ledger, and this build knows none: build it with --features ledger"))
}
