//! The transactions of the account.

use std::sync::Arc;

use alloy::primitives::U256;
use chequebook_wallet::Transaction;

use crate::cli::{
    exit::{Exit, Failure},
    output::Record,
    service::{
        method::{Answer, record, rows},
        params::Args,
        problem::{Problem, Refusal},
        state::{Call, State},
        tokens::Scope,
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

/// The transaction that a call means. Who may not end a chequebook may not undo that either, nor make it dearer.
fn meant(state: &State, call: &Call) -> Result<Transaction, Problem> {
    let transaction = find(&state.session, Args::need("nonce", call.args.count("nonce")?)?)?;
    if transaction.purpose().is_command() && !call.caller.may(Scope::End) {
        let message = "the transaction is about the end of a chequebook, expected a token with scope end, too";
        return Err(Problem::new(Refusal::Denied, message));
    }
    Ok(transaction)
}

/// Twice is as good as once: no key is needed.
pub(crate) async fn reprice(state: Arc<State>, call: Call) -> Answer {
    let (max_fee, tip) = (price(&call.args, "maxFeePerGas")?, price(&call.args, "priorityFeePerGas")?);
    let transaction = meant(&state, &call)?;
    // The wallet bounds the whole price; what goes to validators is bounded for programs, and not for people.
    let most = state.context.wallet_config()?.max_priority_fee_per_gas;
    if tip > most {
        let message = format!("priorityFeePerGas is {tip} wei, expected at most {most}: max_priority_fee_per_gas");
        return Err(Failure::new(Exit::Funds, message).into());
    }
    transaction.reprice(max_fee, tip).await?;
    record(&with_transaction(Record::new().with("action", "reprice"), &transaction))
}

/// The same.
pub(crate) async fn cancel(state: Arc<State>, call: Call) -> Answer {
    let transaction = meant(&state, &call)?;
    transaction.cancel().await?;
    record(&with_transaction(Record::new().with("action", "cancel"), &transaction))
}
