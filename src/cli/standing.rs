//! How transactions and chequebooks stand, in words.

use chequebook::State;
use chequebook_wallet::{Status, Transaction};

use super::output::{Record, Value};

/// Adds how a transaction stands.
pub(crate) fn with_transaction(record: Record, transaction: &Transaction) -> Record {
    let (status, block) = status(transaction.status());
    let record = record.with("nonce", transaction.nonce()).with("transaction", transaction.hash());
    record.with("status", status).with("block", block)
}

/// A status by its name, and the block of the transaction.
pub(crate) fn status(status: Status) -> (&'static str, Option<u64>) {
    match status {
        Status::Pending => ("pending", None),
        Status::Dropped => ("dropped", None),
        Status::Refused(_) => ("refused", None),
        Status::Included { block, success: true } => ("included", Some(block)),
        Status::Included { block, success: false } => ("includedAndFailed", Some(block)),
        Status::Confirmed { block, .. } => ("final", Some(block)),
        Status::Reverted { block, .. } => ("reverted", Some(block)),
        Status::Cancelled { block, .. } => ("cancelled", Some(block)),
        Status::Replaced { block, .. } => ("replaced", Some(block)),
        _ => ("unknown", None),
    }
}

/// Adds that nothing was sent, because there was nothing to do.
pub(crate) fn without_transaction(record: Record) -> Record {
    let record = record.with("nonce", Value::Nothing).with("transaction", Value::Nothing);
    record.with("status", "nothingToDo").with("block", Value::Nothing)
}

/// The name of a state.
pub(crate) const fn state_name(state: State) -> &'static str {
    match state {
        State::NotDeployed => "notCreated",
        State::Alive => "alive",
        State::Ending { .. } => "ending",
        State::Dead => "dead",
    }
}

/// Adds the state of a chequebook, if it is known.
pub(crate) fn with_state(record: Record, state: impl Into<Option<State>>) -> Record {
    let state = state.into();
    let killable_at = match state {
        Some(State::Ending { killable_at }) => Value::Time(killable_at),
        _ => Value::Nothing,
    };
    record.with("state", state.map(state_name)).with("killableAt", killable_at)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use chequebook_wallet::RefusalKind;

    use super::*;

    /// The operators' page has the name of every status, and no other.
    #[test]
    fn the_page_has_every_status() {
        let (block, hash) = (1, B256::ZERO);
        let all = [
            Status::Pending,
            Status::Dropped,
            Status::Refused(RefusalKind::Funds),
            Status::Included { block, success: true },
            Status::Included { block, success: false },
            Status::Confirmed { block, hash },
            Status::Reverted { block, hash },
            Status::Cancelled { block, hash },
            Status::Replaced { block, hash },
            Status::Unknown,
        ];
        let names: Vec<_> = all.into_iter().map(|one| format!("`{}`", status(one).0)).collect();
        let row = format!("| `status` of a transaction | {};", names.join(" "));
        assert!(include_str!("../../docs/operators.md").contains(&row), "docs/operators.md lacks: {row}");
    }
}
