//! What is exported is what was imported, also through JSON.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, Bytes, U256};
use chequebook::{Cheque, Scheme};
use proptest::{collection, collection::vec, option, prelude::*};
use tokio::runtime;

use super::{CHAIN, creation, issued, key, requested, sign, through_a_store};
use crate::{
    backup::{Backup, Counter, Credited, Issuer, Receipt, Sent},
    store::schema::{CounterRow, Done, FORMAT, Outcome, Promise, Purpose, TransactionRow},
};

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::from)
}

fn scheme() -> impl Strategy<Value = Scheme> {
    prop_oneof![Just(Scheme::Packed), Just(Scheme::Typed)]
}

fn amount() -> impl Strategy<Value = U256> {
    any::<u64>().prop_map(U256::from)
}

/// A chequebook that was created, or recovered from its address.
fn issuer() -> impl Strategy<Value = Issuer> {
    let promises = collection::btree_map(address(), (0..u64::from(u32::MAX), option::of(scheme())), 0..4);
    (option::of(any::<u8>()), address(), option::of(any::<u64>()), amount(), promises).prop_map(
        |(salt, elsewhere, scan_from, auto_deposited, promises)| {
            let creation = salt.map(creation);
            let contract = creation.map_or(elsewhere, |creation| creation.address(CHAIN).unwrap());
            let promises = promises.into_iter();
            let issued = promises.map(|(to, (amount, scheme))| issued(contract, to, amount, scheme)).collect();
            Issuer { contract, signer: key("signer").address(), creation, scan_from, auto_deposited, issued }
        },
    )
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let amounts = (any::<u64>(), any::<u64>(), any::<bool>());
    (address(), address(), amounts, scheme()).prop_map(|(contract, to, (one, two, has_both), scheme)| {
        let cheque = sign(contract, to, one.max(two), scheme);
        let accepted = has_both.then(|| sign(contract, to, one.min(two), scheme));
        Receipt { cheque, acknowledged: U256::from(one.min(two)), accepted, is_old: false }
    })
}

fn credited(((contract, beneficiary), (one, two, since)): ((Address, Address), (U256, U256, u64))) -> Credited {
    Credited { contract, beneficiary, accepted: one.max(two), spent: one.min(two), since }
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![
        (address(), amount()).prop_map(|(contract, amount)| Purpose::Deposit { contract, amount }),
        (address(), address(), amount()).prop_map(|(contract, beneficiary, amount)| Purpose::Cash {
            contract,
            beneficiary,
            amount
        }),
        (address(), amount()).prop_map(|(contract, amount)| Purpose::Create { contract, amount }),
        any::<u64>().prop_map(|cheques| Purpose::CashMany { cheques }),
        Just(Purpose::FillGap),
        (address(), amount()).prop_map(|(contract, amount)| Purpose::AutoDeposit { contract, amount }),
        address().prop_map(|contract| Purpose::AnnounceKill { contract }),
        address().prop_map(|contract| Purpose::CancelKill { contract }),
        address().prop_map(|contract| Purpose::Kill { contract }),
        address().prop_map(|contract| Purpose::Deploy { contract }),
        address().prop_map(|contract| Purpose::Reclaim { contract }),
        (address(), address(), amount()).prop_map(|(contract, beneficiary, amount)| Purpose::CashOriginal {
            contract,
            beneficiary,
            amount
        }),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (0..4, any::<u64>(), any::<[u8; 32]>()).prop_map(|(kind, block, hash)| {
        let hash = B256::from(hash);
        match kind {
            0 => Outcome::Confirmed { block, hash },
            1 => Outcome::Reverted { block, hash },
            2 => Outcome::Cancelled { block, hash },
            _ => Outcome::Replaced { block, hash },
        }
    })
}

fn transaction() -> impl Strategy<Value = TransactionRow> {
    let variants = vec(vec(any::<u8>(), 0..40).prop_map(Bytes::from), 1..4);
    (purpose(), variants, any::<bool>(), option::of(outcome())).prop_map(|(purpose, variants, cancelled, outcome)| {
        TransactionRow { purpose, variants, cancelled, l1_fee: U256::from(7), outcome }
    })
}

fn done() -> impl Strategy<Value = Done> {
    let cheque = receipt().prop_map(|receipt| {
        let Cheque { contract, beneficiary, .. } = *receipt.cheque.cheque();
        Done::Cheque { contract, beneficiary, promise: Promise::of(&receipt.cheque) }
    });
    prop_oneof![cheque, (address(), any::<u64>()).prop_map(Done::transaction)]
}

fn backup() -> impl Strategy<Value = Backup> {
    let sent = collection::btree_map((address(), any::<u64>()), transaction(), 0..5);
    let credits = collection::btree_map((address(), address()), (amount(), amount(), any::<u64>()), 0..4);
    let requests = collection::btree_map(any::<u8>(), done(), 0..4);
    let counters = collection::btree_map(any::<[u8; 32]>(), (any::<u64>(), amount()), 0..4);
    let parts = (any::<[u8; 32]>(), vec(issuer(), 0..3), vec(receipt(), 0..4), credits, sent, requests, counters);
    parts.prop_map(|(genesis, books, receipts, credits, sent, requests, counters)| {
        let books: BTreeMap<_, _> = books.into_iter().map(|book| (book.contract, book)).collect();
        let place = |receipt: &Receipt| (receipt.cheque.cheque().contract, receipt.cheque.cheque().beneficiary);
        let receipts: BTreeMap<_, _> = receipts.into_iter().map(|receipt| (place(&receipt), receipt)).collect();
        let sent = sent.into_iter().map(|((account, nonce), transaction)| Sent { account, nonce, transaction });
        let counter = |(counter, (day, spent)): ([u8; 32], _)| Counter {
            counter: counter.into(),
            spent: CounterRow { day, spent },
        };
        Backup {
            format: FORMAT,
            chain_id: CHAIN,
            genesis: genesis.into(),
            chequebooks: books.into_values().collect(),
            received: receipts.into_values().collect(),
            credits: credits.into_iter().map(credited).collect(),
            transactions: sent.collect(),
            requests: requests.into_iter().map(|(key, done)| requested(key, done)).collect(),
            counters: counters.into_iter().map(counter).collect(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_is_what_was_imported(backup in backup()) {
        let json = serde_json::to_string(&backup).unwrap();
        prop_assert_eq!(serde_json::from_str::<Backup>(&json).unwrap(), backup.clone());
        // The order of fields is that of who wrote them.
        let sorted: serde_json::Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(serde_json::from_value::<Backup>(sorted).unwrap(), backup.clone());
        let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
        prop_assert_eq!(runtime.block_on(through_a_store(&backup)).unwrap(), backup);
    }
}

#[test]
fn the_generator_makes_all_kinds() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let backup = backup().new_tree(&mut runner).unwrap().current();
        let outcomes = backup.transactions.iter().map(|sent| format!("{:?}", sent.transaction.outcome));
        seen.extend(outcomes.map(|shown| shown.split(" {").next().unwrap().to_owned()));
        seen.extend(backup.chequebooks.iter().map(|book| format!("created {}", book.creation.is_some())));
    }
    assert_eq!(seen.len(), 5 + 2, "{seen:?}");
}
