//! Which cheques the payee takes, as the settings say.

use alloy::primitives::Address;
use chequebook_wallet::Policy;

use super::{amount::duration, args::address, context::Context, exit::Failure};

/// The policy of the settings.
///
/// # Errors
///
/// If a setting cannot be read.
pub(crate) fn policy(context: &Context) -> Result<Policy, Failure> {
    let settings = &context.settings;
    let mut policy = Policy::default().asset(context.asset()?);
    if let Some(seconds) = settings.read("min_notice", duration)? {
        policy = policy.min_notice_period(seconds);
    }
    if let Some(flag) = settings.get("accept_packed")? {
        policy = policy.accept_packed(flag);
    }
    if let Some(flag) = settings.get("accept_typed")? {
        policy = policy.accept_typed(flag);
    }
    if let Some(flag) = settings.get("accept_counterfactual")? {
        policy = policy.accept_counterfactual(flag);
    }
    if let Some(flag) = settings.get("accept_unproven")? {
        policy = policy.accept_unproven(flag);
    }
    if let Some(flag) = settings.get("require_covered")? {
        policy = policy.require_covered(flag);
    }
    if let Some(multiple) = settings.get("min_gas_multiple")? {
        policy = policy.min_gas_multiple(multiple);
    }
    Ok(policy)
}

/// Whom cheques must pay: the account, unless another address is set.
pub(crate) fn beneficiary(context: &Context, account: Address) -> Result<Address, Failure> {
    Ok(context.settings.read("beneficiary", address)?.unwrap_or(account))
}
