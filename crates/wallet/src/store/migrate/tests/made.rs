//! Rows and keys as they were made at their time, and the file around them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use alloy::primitives::{Address, B256, Bytes, FixedBytes, U256};
use chequebook::Scheme;
use redb::{Database, TableDefinition};
use serde::Serialize;

use super::{ACCOUNT, CONTRACT, GENESIS, HASH, OTHER, creation, variants};

type Row = (Vec<u8>, Vec<u8>);

pub(super) fn make_file(path: &Path, rows: &[Row]) {
    let database = Database::create(path).unwrap();
    let mut transaction = database.begin_write().unwrap();
    transaction.set_two_phase_commit(true);
    let format = TableDefinition::<(), u32>::new("chequebook format");
    transaction.open_table(format).unwrap().insert((), 1).unwrap();
    let mut table = transaction.open_table(TableDefinition::<&[u8], &[u8]>::new("chequebook")).unwrap();
    for (key, value) in rows {
        table.insert(key.as_slice(), value.as_slice()).unwrap();
    }
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn row(key: &[&[u8]], value: &impl Serialize) -> Row {
    (key.concat(), postcard::to_allocvec(value).unwrap())
}

fn nonce(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

#[derive(Serialize)]
struct Paid {
    block: u64,
    hash: B256,
    total: U256,
}

#[derive(Serialize)]
enum Outcome {
    Confirmed { block: u64, hash: B256 },
    Reverted { block: u64, hash: B256 },
    Replaced,
}

#[derive(Serialize)]
struct TransactionRow<P> {
    purpose: P,
    variants: Vec<Bytes>,
    outcome: Option<Outcome>,
}

#[derive(Serialize)]
struct Promise {
    amount: U256,
    signed: Option<Signed>,
}

#[derive(Serialize)]
struct Signed {
    scheme: Scheme,
    signature: FixedBytes<65>,
}

#[derive(Serialize)]
struct Origin {
    format: u32,
    chain_id: u64,
    genesis: B256,
}

const fn origin(format: u32) -> Origin {
    Origin { format, chain_id: 31_337, genesis: GENESIS }
}

fn promise(amount: u64, scheme: Scheme) -> Promise {
    Promise { amount: U256::from(amount), signed: Some(Signed { scheme, signature: [0x5a; 65].into() }) }
}

fn paid() -> Paid {
    Paid { block: 12, hash: HASH, total: U256::from(11) }
}

/// Four transactions: confirmed, reverted, replaced, and one that is open.
fn transactions<P: Serialize>(prefix: &[u8], purposes: [P; 4]) -> Vec<Row> {
    let [first, second, third, fourth] = purposes;
    let confirmed = Outcome::Confirmed { block: 5, hash: HASH };
    let reverted = Outcome::Reverted { block: 300, hash: HASH };
    let all = [
        (0, second, 1, Some(confirmed)),
        (1, third, 1, Some(reverted)),
        (2, fourth, 1, Some(Outcome::Replaced)),
        (3, first, 2, None),
    ];
    let all = all.into_iter().map(|(at, purpose, count, outcome)| {
        let key: [&[u8]; 3] = [prefix, ACCOUNT.as_slice(), &nonce(at)];
        row(&key, &TransactionRow { purpose, variants: variants(count), outcome })
    });
    all.collect()
}

pub(super) mod v4 {
    use super::*;

    #[derive(Serialize)]
    struct ChequebookRow {
        signer: Address,
        creation: Option<chequebook::Creation>,
    }

    #[derive(Serialize)]
    enum Purpose {
        Deposit { contract: Address, amount: U256 },
        Cash { contract: Address, beneficiary: Address, amount: U256 },
        Create { contract: Address, amount: U256 },
        CashMany { cheques: u64 },
    }

    pub(in super::super) fn rows() -> Vec<Row> {
        let [contract, other] = [CONTRACT.as_slice(), OTHER.as_slice()];
        let recovered = Promise { amount: U256::from(30), signed: None };
        let rows = vec![
            row(&[b"origin/"], &origin(4)),
            row(&[b"chequebooks/", contract], &ChequebookRow { signer: OTHER, creation: Some(creation()) }),
            row(&[b"chequebooks/", other], &ChequebookRow { signer: ACCOUNT, creation: None }),
            row(&[b"totals/", contract], &U256::from(90)),
            row(&[b"totals/", other], &U256::ZERO),
            row(&[b"paid/", contract], &paid()),
            row(&[b"issued/", contract, ACCOUNT.as_slice()], &promise(60, Scheme::Typed)),
            row(&[b"issued/", contract, other], &recovered),
            row(&[b"received/", contract, ACCOUNT.as_slice()], &promise(40, Scheme::Packed)),
            row(&[b"received/", contract, other], &promise(1 << 40, Scheme::Typed)),
            row(&[b"nonces/", ACCOUNT.as_slice()], &4_u64),
        ];
        let purposes = [
            Purpose::Create { contract: CONTRACT, amount: U256::from(9) },
            Purpose::Deposit { contract: CONTRACT, amount: U256::from(7) },
            Purpose::Cash { contract: CONTRACT, beneficiary: OTHER, amount: U256::from(8) },
            Purpose::CashMany { cheques: 3 },
        ];
        [rows, transactions(b"transactions/", purposes)].concat()
    }
}

/// The formats 1 to 3.
pub(super) mod early {
    use super::*;

    #[derive(Serialize)]
    enum Purpose {
        #[expect(dead_code, reason = "it has a number")]
        Deploy {
            contract: Address,
        },
        Deposit {
            contract: Address,
            amount: U256,
        },
        Cash {
            contract: Address,
            beneficiary: Address,
            amount: U256,
        },
        /// Since format 2, first called `Open`.
        Create {
            contract: Address,
            amount: U256,
        },
        CashMany {
            cheques: u64,
        },
    }

    pub(in super::super) fn rows(format: u32) -> Vec<Row> {
        let named = format == 3;
        let name = |letter: &'static [u8], name: &'static [u8]| if named { name } else { letter };
        let [contract, other, account] = [CONTRACT.as_slice(), OTHER.as_slice(), ACCOUNT.as_slice()];
        let received = name(b"n", b"received/");
        let rows = vec![
            row(&[name(b"o", b"origin/")], &origin(format)),
            row(&[name(b"p", b"paid/"), contract], &paid()),
            row(&[received, contract, account], &promise(40, Scheme::Packed)),
            row(&[received, contract, other], &promise(1 << 40, Scheme::Typed)),
            row(&[name(b"a", b"nonces/"), account], &4_u64),
        ];
        let deposit = || Purpose::Deposit { contract: CONTRACT, amount: U256::from(7) };
        let cash = || Purpose::Cash { contract: CONTRACT, beneficiary: OTHER, amount: U256::from(8) };
        let create = Purpose::Create { contract: CONTRACT, amount: U256::from(9) };
        let [first, last] = if format == 1 { [deposit(), cash()] } else { [create, Purpose::CashMany { cheques: 3 }] };
        [rows, transactions(name(b"x", b"transactions/"), [first, deposit(), cash(), last])].concat()
    }
}
