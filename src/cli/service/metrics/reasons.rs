//! The names of what is counted: few, and none that a stranger chooses.

use chequebook::Error as ChequeError;
use chequebook_wallet::{Error as WalletError, Event};

/// The names of events.
pub(super) const EVENTS: [&str; 15] = [
    "chequeIssued",
    "chequeReceived",
    "chequeKept",
    "cashed",
    "bounced",
    "endAnnounced",
    "endCancelled",
    "dead",
    "depositConfirmed",
    "transactionFinal",
    "chainTrouble",
    "chainSeen",
    "chainReorganised",
    "lost",
    "other",
];

/// The name of an event, and how many it stands for.
pub(super) const fn event(event: &Event) -> (&'static str, u64) {
    let name = match event {
        Event::ChequeIssued { .. } => "chequeIssued",
        Event::ChequeReceived { .. } => "chequeReceived",
        Event::ChequeKept { .. } => "chequeKept",
        Event::Cashed { .. } => "cashed",
        Event::Bounced { .. } => "bounced",
        Event::EndAnnounced { .. } => "endAnnounced",
        Event::EndCancelled { .. } => "endCancelled",
        Event::Dead { .. } => "dead",
        Event::DepositConfirmed { .. } => "depositConfirmed",
        Event::TransactionFinal { .. } => "transactionFinal",
        Event::ChainTrouble { .. } => "chainTrouble",
        Event::ChainSeen => "chainSeen",
        Event::ChainReorganised { .. } => "chainReorganised",
        Event::Lost { count } => return ("lost", *count),
        _ => "other",
    };
    (name, 1)
}

/// Why cheques are refused.
pub(super) const REASONS: [&str; 16] = [
    "wrongSigner",
    "wrongBeneficiary",
    "wrongChain",
    "stale",
    "alreadyCashed",
    "scheme",
    "notice",
    "notCovered",
    "notCreated",
    "asset",
    "unproven",
    "ending",
    "limits",
    "chain",
    "store",
    "other",
];

/// Why a cheque was refused.
pub(super) const fn reason(error: &WalletError) -> &'static str {
    match error {
        WalletError::Cheque(ChequeError::WrongSigner { .. }) => "wrongSigner",
        WalletError::Cheque(ChequeError::WrongAsset { .. }) => "asset",
        WalletError::Cheque(ChequeError::Unproven { .. })
        | WalletError::NoCode { .. }
        | WalletError::NotGenuine { .. } => "unproven",
        WalletError::WrongBeneficiary { .. } => "wrongBeneficiary",
        WalletError::WrongChainId { .. } => "wrongChain",
        WalletError::StaleCheque { .. } => "stale",
        WalletError::AlreadyCashed { .. } => "alreadyCashed",
        WalletError::SchemeRefused { .. } => "scheme",
        WalletError::NoticeTooShort { .. } => "notice",
        WalletError::NotCovered { .. } => "notCovered",
        WalletError::NotCreated { .. } => "notCreated",
        WalletError::Dead { .. } | WalletError::KillAnnounced { .. } => "ending",
        WalletError::Busy { .. } | WalletError::Full { .. } => "limits",
        WalletError::Store(_) | WalletError::StoreOutdated { .. } => "store",
        error => match error.class() {
            chequebook::ErrorClass::ChainUnreachable | chequebook::ErrorClass::WrongChain => "chain",
            _ => "other",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_of_the_list() {
        for told in [Event::ChainSeen, Event::Lost { count: 3 }, Event::Dead { contract: Default::default() }] {
            assert!(EVENTS.contains(&event(&told).0));
        }
        assert_eq!(event(&Event::Lost { count: 3 }).1, 3);
        for error in [WalletError::ZeroAmount, WalletError::Panicked, WalletError::ShutDown] {
            assert!(REASONS.contains(&reason(&error)));
        }
    }
}
