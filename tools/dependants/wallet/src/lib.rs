//! Pays with a device that is account and signer, from a store of its own.

use std::sync::Arc;

use alloy::{providers::Provider, signers::local::PrivateKeySigner};
use chequebook_wallet::{Chequebook, Config, Error, NewChequebook, Policy, Store, Wallet};

/// One device, in an `Arc`, is account and signer.
pub async fn pays(
    provider: impl Provider + 'static,
    device: Arc<PrivateKeySigner>,
    store: impl Store,
) -> Result<Chequebook, Error> {
    let wallet = Wallet::open(provider, Arc::clone(&device), store, Config::default().confirmations(6)).await?;
    Chequebook::create(&wallet, device, NewChequebook::default().notice_period(86_400)).await
}

/// Settings may grow without a change here.
pub fn policy() -> Policy {
    Policy::default().accept_packed(false).min_gas_multiple(3)
}
