//! What a payer does.

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use chequebook::Scheme;

use crate::cli::{
    balance::{amounts, promised},
    exit::{Exit, Failure},
    output::{Record, Value},
    payer::Book,
    service::{
        cheques,
        limits::{Count, Spending},
        method::{Answer, record, rows, value},
        params::Args,
        problem::Problem,
        state::{Call, State},
    },
    standing::with_transaction,
};

/// How many beneficiaries are listed at once.
const PAGE: usize = 1_000;

/// What is available, in digits: the answer of 2016.
pub(crate) async fn balance(state: Arc<State>, call: Call) -> Answer {
    let balance = state.book(&call.args)?.chequebook.balance().await?;
    value(&balance.available.to_string())
}

/// All chequebooks, with what they are funded with.
pub(crate) async fn chequebooks(state: Arc<State>, _call: Call) -> Answer {
    let mut all = Vec::new();
    for book in state.books.values() {
        all.push(amounts(book).await?);
    }
    rows(&all)
}

pub(crate) async fn liabilities(state: Arc<State>, call: Call) -> Answer {
    let book = state.book(&call.args)?;
    let page = book.chequebook.issued(call.args.address("after")?, call.args.limit(PAGE)?).await?;
    let beneficiaries = page.iter().map(|one| promised(one, &book.units));
    record(&amounts(book).await?.with("beneficiaries", Value::Rows(beneficiaries.collect())))
}

/* SPEND */

pub(crate) async fn issue(state: Arc<State>, call: Call) -> Answer {
    let args = &call.args;
    let book = state.book(args)?;
    let contract = book.chequebook.address();
    state.check_recovered(contract)?;
    let beneficiary = Args::need("beneficiary", args.address("beneficiary")?)?;
    let amount = Args::need("amount", args.amount("amount")?)?;
    let format = args.format()?;
    let scheme = cheques::scheme(args.scheme()?, format)?;
    let spending = Spending { count: Count::Promised, beneficiary: Some(beneficiary), units: &book.units };
    let request = state.request(&call, &[&contract, &beneficiary, &amount, &scheme_name(scheme)], Some(&spending))?;
    let cheque = book.chequebook.outbox(beneficiary, scheme).issue_for(amount, &request).await?;
    cheques::write(&cheque, format)
}

const fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Typed => "typed",
        Scheme::Packed => "packed",
    }
}

/// It has a signature, and so is for who may spend.
pub(crate) async fn latest(state: Arc<State>, call: Call) -> Answer {
    let book = state.book(&call.args)?;
    let beneficiary = Args::need("beneficiary", call.args.address("beneficiary")?)?;
    let latest = book.chequebook.outbox(beneficiary, Scheme::Typed).latest_cheque().await?;
    let cheque = latest.ok_or_else(|| {
        let message = format!("no cheque of {} to {beneficiary} is known", book.chequebook.address());
        Failure::new(Exit::NotPossible, message)
    })?;
    cheques::write(&cheque, call.args.format()?)
}

/// A chequebook and an amount, as a request that is made once.
fn once(
    state: &State,
    call: &Call,
    book: &Book,
    count: Count,
    to: Option<Address>,
) -> Result<(U256, chequebook_wallet::Request), Problem> {
    let amount = Args::need("amount", call.args.amount("amount")?)?;
    let spending = Spending { count, beneficiary: to, units: &book.units };
    let request = state.request(call, &[&book.chequebook.address(), &amount], Some(&spending))?;
    Ok((amount, request))
}

/// The hash of the transaction: the answer of 2016.
pub(crate) async fn deposit(state: Arc<State>, call: Call) -> Answer {
    let book = state.book(&call.args)?;
    let (amount, request) = once(&state, &call, book, Count::Deposited, None)?;
    value(&book.chequebook.deposit_for(amount, &request).await?.hash())
}

pub(crate) async fn withdraw(state: Arc<State>, call: Call) -> Answer {
    let book = state.book(&call.args)?;
    let (address, owner) = (book.chequebook.address(), book.chequebook.terms().owner);
    state.check_recovered(address)?;
    let (amount, request) = once(&state, &call, book, Count::Promised, Some(owner))?;
    let transaction = book.chequebook.withdraw_for(amount, &request).await?;
    let done = Record::new().with("chequebook", address).with("to", owner).amount("withdraw", amount, &book.units);
    record(&with_transaction(done, &transaction))
}
