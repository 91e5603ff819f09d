//! The transactions of the account.

use std::sync::Arc;

use alloy::primitives::U256;

use crate::cli::{
    output::Record,
    service::{
        method::{Answer, record, rows},
        params::Args,
        problem::Problem,
        state::{Call, State},
    },
    standing::with_transaction,
    transactions::{find, row},
};

/// How many are listed at once.
const PAGE: usize = 1_000;

/// Those that are not final; or, with `after`, a page of those that are.
pub(crate) async fn transactions(state: Arc<State>, call: Call) -> Answer {
    let limit = call.args.limit(PAGE)?;
    let (after, is_history) = (call.args.count("after")?, call.args.flag("final")?);
    let wallet = &state.session.wallet;
    let page = match is_history {
        true => wallet.history(after, limit).await?,
        false => {
            let open = wallet.open_transactions().into_iter();
            open.filter(|one| after.is_none_or(|after| one.nonce() > after)).take(limit).collect()
        }
    };
    rows(&page.iter().map(row).collect::<Vec<_>>())
}

fn price(args: &Args, name: &str) -> Result<u128, Problem> {
    let price: U256 = Args::need(name, args.amount(name)?)?;
    u128::try_from(price).map_err(|_| Problem::params(format!("{name}: {price} wei for each gas is too much")))
}

/// Twice is as good as once: no key is needed.
pub(crate) async fn reprice(state: Arc<State>, call: Call) -> Answer {
    let (max_fee, tip) = (price(&call.args, "maxFeePerGas")?, price(&call.args, "priorityFeePerGas")?);
    let transaction = find(&state.session, Args::need("nonce", call.args.count("nonce")?)?)?;
    transaction.reprice(max_fee, tip).await?;
    record(&with_transaction(Record::new().with("action", "reprice"), &transaction))
}

/// The same.
pub(crate) async fn cancel(state: Arc<State>, call: Call) -> Answer {
    let transaction = find(&state.session, Args::need("nonce", call.args.count("nonce")?)?)?;
    transaction.cancel().await?;
    record(&with_transaction(Record::new().with("action", "cancel"), &transaction))
}
