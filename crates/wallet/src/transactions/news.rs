//! What is to be told of a transaction that is final.

use alloy::{
    primitives::{Address, U256},
    rpc::types::Log,
};

use super::{slots::unsigned, status::Id};
use crate::{
    chain::{cheques_of, is_overdrawn, paid, skipped},
    events::{Bounce, Event},
    store::{
        StoreError,
        schema::{Outcome, Purpose, TransactionRow},
    },
};

/// The events of a transaction that is final, from the events of its receipt: where these say nothing of a cheque, nothing
/// is told of it.
pub(super) fn events(id: Id, row: &TransactionRow, outcome: Outcome, logs: &[Log]) -> Result<Vec<Event>, StoreError> {
    let (nonce, purpose) = (id.1, row.purpose);
    let mut events = vec![Event::TransactionFinal { nonce, purpose, outcome }];
    let (hash, is_reverted) = match outcome {
        Outcome::Confirmed { hash, .. } => (hash, false),
        Outcome::Reverted { hash, .. } => (hash, true),
        // It has done nothing.
        Outcome::Cancelled { .. } | Outcome::Replaced { .. } => return Ok(events),
    };
    let bounced = |(contract, beneficiary, amount): (Address, Address, U256), paid: U256, reason: Bounce| {
        Event::Bounced { contract, beneficiary, amount, paid, reason, nonce, hash }
    };
    let cheques = match purpose {
        Purpose::Cash { contract, beneficiary, amount } => vec![(contract, beneficiary, amount)],
        Purpose::CashMany { .. } => cheques_of(&unsigned(id, row.first())?.input),
        _ => Vec::new(),
    };
    if is_reverted {
        events.extend(cheques.into_iter().map(|cheque| bounced(cheque, U256::ZERO, Bounce::Reverted)));
        return Ok(events);
    }
    if let (Some(contract), Some(amount)) = (purpose.contract(), purpose.deposit())
        && !amount.is_zero()
    {
        events.push(Event::DepositConfirmed { contract, amount, nonce, hash });
    }
    let skipped: Vec<_> = match purpose {
        Purpose::CashMany { .. } => skipped(logs).collect(),
        _ => Vec::new(),
    };
    for cheque in cheques {
        let (contract, beneficiary, amount) = cheque;
        let refusal = skipped.iter().find(|(at, to, of, _)| (*at, *to, *of) == cheque);
        if let Some((.., name)) = refusal {
            events.push(bounced(cheque, U256::ZERO, Bounce::Skipped(name.clone())));
            continue;
        }
        let Some(paid) = paid(logs, contract, beneficiary) else {
            tracing::debug!(nonce, %contract, %beneficiary, "a receipt does not say whether a cash has paid");
            continue;
        };
        events.push(if is_overdrawn(logs, contract) {
            bounced(cheque, paid, Bounce::Overdraft)
        } else {
            Event::Cashed { contract, beneficiary, amount, paid, nonce, hash }
        });
    }
    Ok(events)
}
