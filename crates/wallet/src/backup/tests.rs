#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod format_4;
mod round_trip;
mod running;

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use chequebook::{Cheque, Creation, Form, Scheme, SignedCheque, Terms};

use super::{Backup, Counter, Credited, Issued, Issuer, Receipt, Requested, Sent};
use crate::{
    Error,
    store::{
        Ledger, Memory, Store, StoreError, TABLES,
        schema::{CounterRow, Done, Outcome, Purpose, RequestRow, TransactionRow},
    },
};

const CHAIN: u64 = 31_337;
const LONG: Duration = Duration::from_secs(600);

fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

fn creation(salt: u8) -> Creation {
    let terms =
        Terms { form: Form::Clone, owner: Address::repeat_byte(1), signer: key("signer").address(), notice_period: 60 };
    Creation { terms, salt: B256::repeat_byte(salt) }
}

fn sign(contract: Address, beneficiary: Address, amount: u64, scheme: Scheme) -> SignedCheque {
    let cheque = Cheque { contract, beneficiary, amount: U256::from(amount), scheme, chain_id: CHAIN };
    let signature = key("signer").sign_hash_sync(&cheque.digest()).unwrap();
    SignedCheque::new(cheque, signature.normalized_s().as_bytes()).unwrap()
}

fn issued(contract: Address, beneficiary: Address, amount: u64, scheme: Option<Scheme>) -> Issued {
    let signature = scheme.map(|scheme| sign(contract, beneficiary, amount, scheme).signature().into());
    Issued { beneficiary, amount: U256::from(amount), scheme, signature }
}

fn issuer(creation: Creation, issued: Vec<Issued>) -> Issuer {
    let contract = creation.address(CHAIN).unwrap();
    Issuer {
        contract,
        signer: key("signer").address(),
        creation: Some(creation),
        scan_from: Some(3),
        auto_deposited: U256::ZERO,
        issued,
    }
}

fn receipt(contract: Address, beneficiary: Address, amount: u64, acknowledged: u64) -> Receipt {
    let cheque = sign(contract, beneficiary, amount, Scheme::Typed);
    Receipt { cheque, acknowledged: U256::from(acknowledged), accepted: None, is_old: false }
}

fn credited(contract: Address, beneficiary: Address, accepted: u64, spent: u64) -> Credited {
    Credited { contract, beneficiary, accepted: U256::from(accepted), spent: U256::from(spent), since: 7 }
}

fn sent(nonce: u64, outcome: Option<Outcome>) -> Sent {
    let purpose = Purpose::Deposit { contract: Address::repeat_byte(2), amount: U256::from(7) };
    let transaction =
        TransactionRow { purpose, variants: vec![[2, 0xff].into()], cancelled: false, l1_fee: U256::from(7), outcome };
    Sent { account: Address::repeat_byte(0xaa), nonce, transaction }
}

fn requested(byte: u8, done: Done) -> Requested {
    let request = RequestRow { content: B256::repeat_byte(8), at: 1_700_000_000, done };
    Requested { key: B256::repeat_byte(byte), request }
}

/// One of everything.
fn sample() -> Backup {
    let contract = creation(0).address(CHAIN).unwrap();
    let [one, two] = [Address::repeat_byte(0x11), Address::repeat_byte(0x22)];
    let promises = vec![issued(contract, one, 5, Some(Scheme::Packed)), issued(contract, two, 6, None)];
    Backup {
        format: 5,
        chain_id: CHAIN,
        genesis: B256::repeat_byte(9),
        chequebooks: vec![issuer(creation(0), promises)],
        received: vec![receipt(one, two, 10, 9)],
        credits: vec![credited(one, two, 9, 4)],
        transactions: vec![sent(0, Some(Outcome::Confirmed { block: 4, hash: B256::ZERO })), sent(1, None)],
        requests: vec![requested(1, Done::transaction((one, 0)))],
        counters: vec![Counter {
            counter: B256::repeat_byte(2),
            spent: CounterRow { day: 20_000, spent: U256::from(5) },
        }],
    }
}

/// Makes a backup contradict itself.
type Spoil<'a> = &'a dyn Fn(&mut Backup);

/// Imports into a new store, and exports from it.
async fn through_a_store(backup: &Backup) -> Result<Backup, Error> {
    let store = Memory::new();
    backup.import(&store).await?;
    Backup::of(&Ledger::new(store, LONG)).await
}

#[tokio::test]
async fn refuses_what_contradicts_itself_and_writes_nothing() {
    let contract = creation(0).address(CHAIN).unwrap();
    let [one, two] = [Address::repeat_byte(0x11), Address::repeat_byte(0x22)];
    let bad: [(&str, Spoil); 11] = [
        ("its terms belong to another chequebook", &|backup| backup.chequebooks[0].contract = one),
        ("its terms belong to another chequebook", &|backup| backup.chequebooks[0].signer = one),
        ("it is there twice", &|backup| {
            let again = backup.chequebooks[0].issued[0].clone();
            backup.chequebooks[0].issued.push(again);
        }),
        ("either scheme or signature is missing", &|backup| backup.chequebooks[0].issued[0].signature = None),
        ("either scheme or signature is missing", &|backup| backup.chequebooks[0].issued[0].scheme = None),
        ("11 wei are acknowledged of 10", &|backup| backup.received[0].acknowledged = U256::from(11)),
        ("it is there twice", &|backup| backup.received.push(receipt(one, two, 10, 9))),
        ("10 wei are spent of 9", &|backup| backup.credits[0].spent = U256::from(10)),
        ("it is there twice", &|backup| backup.credits.push(credited(one, two, 9, 4))),
        ("it is not signed", &|backup| backup.transactions[0].transaction.variants.clear()),
        ("it is there twice", &|backup| backup.transactions.push(sent(0, None))),
    ];
    for (expected, spoil) in bad {
        let mut backup = sample();
        spoil(&mut backup);
        let error = refused(&backup).await;
        assert!(matches!(&error, Error::BadBackup { reason } if reason.contains(expected)), "{error}");
    }

    let mut twice = sample();
    twice.chequebooks.push(issuer(creation(0), vec![]));
    assert!(matches!(refused(&twice).await, Error::BadBackup { .. }));
    let mut foreign = sample();
    foreign.chequebooks[0].issued[0] = issued(one, one, 5, Some(Scheme::Packed));
    assert!(matches!(refused(&foreign).await, Error::Cheque(chequebook::Error::WrongSigner { .. })));
    let mut elsewhere = sample();
    elsewhere.chequebooks.clear();
    elsewhere.chain_id = 1;
    assert!(matches!(refused(&elsewhere).await, Error::WrongChainId { found: CHAIN, expected: 1 }));
    let mut huge = sample();
    let most = |beneficiary| Issued { amount: U256::MAX, ..issued(contract, beneficiary, 0, None) };
    huge.chequebooks[0].issued = vec![most(one), most(two)];
    assert!(matches!(refused(&huge).await, Error::Overflow));
    for format in [0, 3, 6] {
        let other = Backup { format, ..sample() };
        let expected = |error: &Error| matches!(error, Error::Store(StoreError::UnknownFormat { found, expected: 5 }) if *found == format);
        assert!(expected(&refused(&other).await));
    }
}

/// Why an import is refused, after which the store must be empty.
async fn refused(backup: &Backup) -> Error {
    let store = Memory::new();
    let error = backup.import(&store).await.unwrap_err();
    for table in TABLES {
        assert_eq!(store.page(*table, &[], None, 1).await.unwrap(), [], "{error}");
    }
    error
}

#[tokio::test]
async fn imports_only_into_an_empty_store() {
    let store = Memory::new();
    sample().import(&store).await.unwrap();
    assert!(matches!(sample().import(&store).await, Err(Error::StoreNotEmpty)));
    let ledger = Ledger::new(store, LONG);
    assert_eq!(Backup::of(&ledger).await.unwrap(), sample());
}

#[tokio::test]
async fn exports_nothing_from_a_store_that_no_wallet_has_used() {
    let ledger = Ledger::new(Memory::new(), LONG);
    let error = Backup::of(&ledger).await.unwrap_err();
    assert!(matches!(error, Error::Store(StoreError::BadRow { table: "origin", .. })));
}
