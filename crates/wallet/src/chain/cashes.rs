//! What the transactions that cash cheques say, and their receipts. Only what a receipt contains is evidence: a node may
//! leave an event out.

use alloy::{
    primitives::{Address, FixedBytes, U256},
    rpc::types::Log,
    sol_types::{SolCall, SolError, SolEvent},
};
use chequebook::{
    bindings::{
        Chequebook::{Cashed, InvalidBeneficiary, InvalidSignature, NotCovered, Overdraft, PaymentFailed, StaleCheque},
        ClearingHouse::{Failed, NoChequebook, Skipped, cashCall},
    },
    clearing_house,
};

/// Chequebook, beneficiary and amount of each cheque that a call of the clearing house cashes.
pub(crate) fn cheques_of(input: &[u8]) -> Vec<(Address, Address, U256)> {
    let cheques = cashCall::abi_decode(input).map(|call| call.cheques).unwrap_or_default();
    cheques.into_iter().map(|cheque| (cheque.chequebook, cheque.beneficiary, cheque.amount)).collect()
}

/// The name of an error of the contracts.
fn name(reason: FixedBytes<4>) -> String {
    let known = [
        (StaleCheque::SELECTOR, StaleCheque::SIGNATURE),
        (InvalidSignature::SELECTOR, InvalidSignature::SIGNATURE),
        (InvalidBeneficiary::SELECTOR, InvalidBeneficiary::SIGNATURE),
        (PaymentFailed::SELECTOR, PaymentFailed::SIGNATURE),
        (NotCovered::SELECTOR, NotCovered::SIGNATURE),
        (NoChequebook::SELECTOR, NoChequebook::SIGNATURE),
        (Failed::SELECTOR, Failed::SIGNATURE),
    ];
    let found = known.iter().find(|(selector, _)| *selector == reason.0);
    let name = found.and_then(|(_, signature)| signature.split('(').next());
    name.map_or_else(|| reason.to_string(), str::to_owned)
}

/// The cheques that the clearing house did not cash: chequebook, beneficiary, amount, and the name of the error.
pub(crate) fn skipped(logs: &[Log]) -> impl Iterator<Item = (Address, Address, U256, String)> {
    let logs = logs.iter().filter(|log| log.address() == clearing_house());
    logs.filter_map(|log| Skipped::decode_log(&log.inner).ok()).map(|event| {
        let Skipped { chequebook, beneficiary, amount, reason } = event.data;
        (chequebook, beneficiary, amount, name(reason))
    })
}

/// What a chequebook paid to a beneficiary, in the smallest unit of its asset. `None` if there is no such event.
pub(crate) fn paid(logs: &[Log], contract: Address, beneficiary: Address) -> Option<U256> {
    let mut events = logs.iter().filter(|log| log.address() == contract);
    events.find_map(|log| {
        let cashed = Cashed::decode_log(&log.inner).ok()?;
        (cashed.beneficiary == beneficiary).then_some(cashed.paid)
    })
}

/// Whether a chequebook says that it was overdrawn.
pub(crate) fn is_overdrawn(logs: &[Log], contract: Address) -> bool {
    logs.iter().any(|log| log.address() == contract && Overdraft::decode_log(&log.inner).is_ok())
}
