//! What a payee does.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::{Address, U256};
use chequebook::{Cheque, Overdraft};
use chequebook_wallet::{Error as WalletError, Order};
use futures_util::{StreamExt, stream};

use crate::cli::{
    output::{Record, Value},
    payee,
    service::{
        method::{Answer, record, rows, value},
        params::Args,
        problem::{Problem, Refusal},
        state::{Call, State},
        tokens::Scope,
    },
    verify,
};

/// How many rows are listed at once.
const PAGE: usize = 1_000;
/// For how many chequebooks the node is asked, and for how many of them at once.
const ASKED: usize = 100;
const AT_ONCE: usize = 16;

pub(crate) async fn receive(state: Arc<State>, call: Call) -> Answer {
    let cheque = state.cheque(&call)?;
    let receipt = state.cashier.receive(&cheque).await?;
    let received = Record::new()
        .with("chequebook", receipt.contract)
        .with("beneficiary", receipt.beneficiary)
        .with("asset", state.units.asset().to_string())
        .amount("amount", cheque.cheque().amount, &state.units)
        .amount("added", receipt.added, &state.units)
        .amount("credit", receipt.credit.available(), &state.units);
    record(&received)
}

pub(crate) async fn check(state: Arc<State>, call: Call) -> Answer {
    let cheque = state.cheque(&call)?;
    record(&payee::checked(&state.context, &state.session.provider, &cheque, None).await?)
}

pub(crate) async fn verify(state: Arc<State>, call: Call) -> Answer {
    let address = Args::need("address", call.args.address("address")?)?;
    record(&verify::inspected(&state.context, &state.session.provider, address, None).await?)
}

/// The hash of the transaction: the answer of 2016.
pub(crate) async fn cash(state: Arc<State>, call: Call) -> Answer {
    let cheque = state.cheque(&call)?;
    let overdraft = match call.args.flag("overdraft")? {
        // It takes what there is from all other payees.
        true if !call.caller.may(Scope::End) => {
            return Err(Problem::new(
                Refusal::Denied,
                "an overdraft ends the chequebook, expected a token with scope end",
            ));
        }
        true => Overdraft::Consent,
        false => Overdraft::Refuse,
    };
    let Cheque { contract, beneficiary, amount, .. } = *cheque.cheque();
    let digest = cheque.cheque().digest();
    let consents = overdraft == Overdraft::Consent;
    let request = state.request(&call, &[&contract, &beneficiary, &amount, &digest, &consents], None)?;
    value(&state.session.wallet.cashing().cash_for(&cheque, overdraft, &request).await?.hash())
}

/* LIST */

/// What can be cashed, without the cheques: their signatures are nobody's business.
pub(crate) async fn list(state: Arc<State>, call: Call) -> Answer {
    let skip = usize::try_from(call.args.count("skip")?.unwrap_or_default()).unwrap_or(usize::MAX);
    let page = state.cashier.uncashed(Order::Payer, skip, call.args.limit(PAGE)?);
    let all = page.iter().map(|one| {
        Record::new()
            .with("chequebook", one.contract)
            .with("beneficiary", one.beneficiary)
            .amount("uncashed", one.uncashed, &state.units)
            .amount("unacknowledged", one.unacknowledged, &state.units)
            .with("since", one.since.map_or(Value::Nothing, Value::Time))
    });
    rows(&all.collect::<Vec<_>>())
}

/// What each chequebook owes, those that owe the most first, and whether its balance covers that.
pub(crate) async fn exposure(state: Arc<State>, call: Call) -> Answer {
    let mut books: BTreeMap<Address, (U256, u64)> = BTreeMap::new();
    for one in state.cashier.uncashed(Order::Payer, 0, usize::MAX) {
        let (owed, count) = books.entry(one.contract).or_default();
        *owed = owed.checked_add(one.uncashed).ok_or(WalletError::Overflow)?;
        *count = count.saturating_add(1);
    }
    let mut books: Vec<_> = books.into_iter().collect();
    books.sort_by_key(|(contract, (owed, _))| (std::cmp::Reverse(*owed), *contract));
    books.truncate(call.args.limit(ASKED)?);
    let asset = state.units.asset();
    let asked = books.into_iter().map(|(contract, (owed, count))| {
        let state = Arc::clone(&state);
        async move {
            let balance = payee::balance(&state.session.provider, contract, asset).await.ok();
            let known = |balance| Value::Amount(balance, state.units.clone());
            Record::new()
                .with("chequebook", contract)
                .with("beneficiaries", count)
                .amount("uncashed", owed, &state.units)
                .with("balance", balance.map_or(Value::Nothing, known))
                .with("covered", balance.map(|balance| owed <= balance))
        }
    });
    rows(&stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await)
}
