//! What a payee does.

use std::sync::Arc;

use chequebook::{Cheque, Overdraft};
use chequebook_wallet::Order;

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
    standing::with_state,
    verify::{self, Owed},
};

/// How many rows are listed at once.
const PAGE: usize = 1_000;

pub(crate) async fn receive(state: Arc<State>, call: Call) -> Answer {
    let cheque = state.cheque(&call)?;
    let receipt = state.cashier.receive(&cheque).await.inspect_err(|error| state.metrics.refused(error))?;
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
    let debts = state.cashier.debts();
    let owed = Owed::Known(debts.iter().find(|debt| debt.contract == address).map(|debt| debt.uncashed));
    record(&verify::inspected(&state.context, &state.session.provider, address, None, owed).await?)
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
    let debts = state.cashier.debts().into_iter().take(call.args.limit(PAGE)?).map(|debt| {
        let record = Record::new()
            .with("chequebook", debt.contract)
            .with("beneficiaries", u64::try_from(debt.beneficiaries).unwrap_or(u64::MAX))
            .amount("uncashed", debt.uncashed, &state.units)
            .amount("balance", debt.balance, &state.units)
            .with("covered", debt.is_covered());
        with_state(record, debt.state)
    });
    rows(&debts.collect::<Vec<_>>())
}
