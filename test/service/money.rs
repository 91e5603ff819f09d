//! The four methods of 2016 and those beside them, with amounts that no float can hold.

use alloy::primitives::U256;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::{DENIED, LIMIT, PARAMS, Service, exit, list, params, token},
    world::{Alice, Bob, World},
};

const ETHER: &str = "1000000000000000000";

#[test]
fn the_four_methods_of_2016_by_name_and_order() {
    let (world, book) = World::with_chequebook();
    let bob = world.address(Bob);
    let (spend, bobs) = (token(&world, Alice, "spend", &[]), token(&world, Bob, "spend", &[]));
    let payer = Service::start(&world, Alice, &[]);
    let payee = Service::start(&world, Bob, &[]);
    assert_eq!(payer.started["chequebooks"], json!([book]));
    assert_eq!(payer.result(None, "chequebook_balance", "[]"), json!(ETHER));
    assert_eq!(payer.result(None, "chequebook_balance", &params(json!({"chequebook": book}))), json!(ETHER));

    let deposited = payer.result(Some(&spend), "chequebook_deposit", "[500]");
    assert_eq!(deposited.as_str().unwrap().len(), 66);
    world.eventually("the deposit counts", || {
        payer.result(None, "chequebook_balance", "[]") == json!("1000000000000000500")
    });
    let cheque = payer.result(Some(&spend), "chequebook_issue", &params(json!([bob, 300])));
    assert_eq!((&cheque["amount"], &cheque["scheme"]), (&json!("300"), &json!("typed")));
    assert_eq!(payer.result(None, "chequebook_balance", "[]"), json!("1000000000000000200"));

    // Whoever holds it hands it in, once, and again.
    for added in ["300", "0"] {
        let received = payee.result(None, "chequebook_receive", &params(json!([cheque])));
        assert_eq!((&received["added"], &received["credit"]), (&json!(added), &json!("300")));
    }
    let listed = payee.result(None, "chequebook_list", "[]");
    assert_eq!((&listed[0]["uncashed"], &listed[0]["chequebook"]), (&json!("300"), &json!(book)));
    let exposed = payee.result(None, "chequebook_exposure", "[]");
    assert_eq!((&exposed[0]["uncashed"], &exposed[0]["covered"]), (&json!("300"), &json!(true)));
    assert_eq!(payee.result(None, "chequebook_check", &params(json!([cheque])))["pays"], json!("300"));
    assert_eq!(payee.result(None, "chequebook_verify", &list(&[&book]))["genuine"], json!(true));

    let cashed = payee.result(Some(&bobs), "chequebook_cash", &params(json!([cheque])));
    assert_eq!(cashed.as_str().unwrap().len(), 66);
    world.eventually("it is paid", || world.balance(&book) == U256::from(1_000_000_000_000_000_200_u64));
    world.eventually("that is final", || {
        payee.result(None, "chequebook_transactions", "{\"final\":true}")[0]["status"] == json!("final")
    });

    // What the covered entry refuses, needs another token and consent.
    let rest = payer.result(Some(&spend), "chequebook_issue", &params(json!([bob, 100])));
    let withdrawn = payer.result(Some(&spend), "chequebook_withdraw", &params(json!([ETHER])));
    assert_eq!(withdrawn["withdraw"], json!(ETHER));
    let owed = payer.result(None, "chequebook_liabilities", "[]");
    assert_eq!(owed["beneficiaries"].as_array().unwrap().len(), 2, "the owner, too: {owed}");
    assert_eq!(payee.code(Some(&bobs), "chequebook_cash", &params(json!([rest, true]))), DENIED);
    let both = token(&world, Bob, "spend,end", &[]);
    payee.result(Some(&both), "chequebook_cash", &params(json!([rest, true])));
}

#[test]
fn an_owner_ends_a_chequebook() {
    let (world, book) = World::with_chequebook();
    let (spend, end) = (token(&world, Alice, "spend", &[]), token(&world, Alice, "end", &[]));
    let service = Service::start(&world, Alice, &[]);
    let named = params(json!([book, "key"]));
    assert_eq!(service.code(Some(&end), "chequebook_announceKill", "[]"), PARAMS, "it is named");
    assert_eq!(service.code(Some(&spend), "chequebook_announceKill", &named), DENIED);
    let announced = service.result(Some(&end), "chequebook_announceKill", &named);
    world.eventually("it is announced", || {
        service.call(Some(&spend), "chequebook_issue", &params(json!([world.address(Bob), 1])))["error"]["code"]
            == json!(exit(10))
    });
    let again = service.result(Some(&end), "chequebook_announceKill", &named);
    assert_eq!(again["transaction"], announced["transaction"], "once");
    assert_eq!(service.code(Some(&end), "chequebook_kill", &params(json!([book]))), exit(14), "the notice runs");
    service.result(Some(&end), "chequebook_cancelKill", &params(json!([book])));
    world.eventually("it goes on", || {
        service.call(Some(&spend), "chequebook_issue", &params(json!([world.address(Bob), 1]))).get("result").is_some()
    });
    service.result(Some(&end), "chequebook_announceKill", &params(json!([book, "another"])));
    world.rpc("evm_increaseTime", json!([86_401]));
    world.mine();
    let kill = params(json!([book, "end"]));
    let killed = std::cell::OnceCell::new();
    world.eventually("it is killed", || {
        let answer = service.call(Some(&end), "chequebook_kill", &kill);
        answer.get("result").is_some_and(|result| killed.set(result.clone()).is_ok())
    });
    let killed = killed.get().unwrap();
    world.eventually("and pays out", || world.balance(&book).is_zero());
    // The answer of who did not hear it, also of a service that starts when it has ended.
    let again = service.result(Some(&end), "chequebook_kill", &kill);
    assert_eq!((&again["transaction"], &again["state"]), (&killed["transaction"], &json!("dead")));
    service.stop(Signal::TERM).expect(0);
    let other = world.json(Alice, &["create", "--deposit", "1ether", "--salt", &format!("0x{:064x}", 1), "--yes"]);
    let service = Service::start(&world, Alice, &[]);
    assert_eq!(service.started["chequebooks"], json!([other["chequebook"]]));
    let again = service.result(Some(&end), "chequebook_kill", &kill);
    assert_eq!(again["transaction"], killed["transaction"]);
    assert_eq!(service.code(Some(&end), "chequebook_kill", &params(json!([book]))), exit(10));
    service.result(Some(&spend), "chequebook_issue", &params(json!([world.address(Bob), 1])));
}

#[test]
fn amounts_are_exact_or_refused() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    let service = Service::start(&world, Alice, &[]);
    let mut connection = service.connect();
    let mut issue =
        |amount: &str| connection.call(Some(&spend), "chequebook_issue", &format!("[\"{bob}\",{amount}]")).unwrap();
    // A float has 53 bits: it would make these two one.
    assert_eq!(issue("9007199254740993")["result"]["amount"], json!("9007199254740993"));
    assert_eq!(issue("\"9007199254740992\"")["result"]["amount"], json!("18014398509481985"));
    let max = U256::MAX.to_string();
    for amount in [max.clone(), format!("\"{max}\"")] {
        let answer = issue(&amount);
        assert_eq!(answer["error"]["code"], json!(exit(5)), "it is read, and too much: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(&max), "{answer}");
    }
    for amount in [
        "1.0",
        "1e3",
        "1E+3",
        "0.5",
        "-1",
        "-0",
        "\"01\"",
        "\"0x10\"",
        "\"1e3\"",
        "\"1.5\"",
        "\" 1\"",
        "\"\"",
        "true",
        "[1]",
        "{}",
        "\"1ether\"",
        &format!("{max}0"),
        &format!("\"{max}0\""),
    ] {
        let answer = issue(amount);
        assert_eq!(answer["error"]["code"], json!(PARAMS), "{amount}: {answer}");
    }
    assert!(issue("1.5e18")["error"]["message"].as_str().unwrap().contains("1.5e18"), "the text is named");
    assert_eq!(issue("0")["error"]["code"], json!(exit(14)), "zero promises nothing");
    let issued = service.result(None, "chequebook_chequebooks", "[]")[0]["issued"].clone();
    assert_eq!(issued, json!("18014398509481985"), "nothing else was issued");
}

#[test]
fn cheques_of_both_forms() {
    let (world, book) = World::with_chequebook();
    let bob = world.address(Bob);
    let (spend, bobs) = (token(&world, Alice, "spend", &[]), token(&world, Bob, "spend", &[]));
    let payer = Service::start(&world, Alice, &[]);
    let payee = Service::start(&world, Bob, &[]);
    let old = payer.result(
        Some(&spend),
        "chequebook_issue",
        &params(json!({"beneficiary": bob, "amount": 5, "format": "geth"})),
    );
    assert_eq!((&old["Amount"], old["Sig"].as_str().unwrap().len()), (&json!(5), 88));
    assert_eq!(payee.result(None, "chequebook_receive", &params(json!([old])))["added"], json!("5"));
    let ours = payer.result(Some(&spend), "chequebook_latest", &list(&[&bob]));
    assert_eq!((&ours["amount"], &ours["scheme"]), (&json!("5"), &json!("packed")));
    let typed = json!({"beneficiary": bob, "amount": 1, "format": "geth", "scheme": "typed"});
    assert_eq!(payer.code(Some(&spend), "chequebook_issue", &params(typed)), PARAMS);
    // Neither, or both.
    let mut mixed = old.clone();
    mixed["amount"] = json!("5");
    let mut wrong = old.clone();
    wrong["Amount"] = json!(6);
    for cheque in [json!({}), json!([]), json!("x"), mixed, json!({"Contract": book}), json!({"contract": book}), wrong]
    {
        let code = payee.code(None, "chequebook_receive", &params(json!([cheque])));
        assert_eq!(code, exit(3), "{cheque}");
    }
    payee.result(Some(&bobs), "chequebook_cash", &params(json!([old])));
    world.eventually("it is paid", || world.balance(&book) == U256::from(999_999_999_999_999_995_u64));
}

#[test]
fn deposits_and_cashes_by_itself_if_told_to() {
    let (world, book) = World::with_chequebook();
    let spend = token(&world, Alice, "spend", &[]);
    let deposits = [
        "auto_deposit=true",
        "auto_deposit_interval=1s",
        "auto_deposit_threshold=2ether",
        "auto_deposit_buffer=3ether",
    ];
    let payer = Service::start(&world, Alice, &deposits);
    let payee = Service::start(&world, Bob, &["auto_cash=true", "auto_cash_interval=1s"]);
    world.eventually("it is filled up", || world.balance(&book) == U256::from(3_000_000_000_000_000_000_u64));
    payer.stop(rustix::process::Signal::TERM).expect(0);
    // By default neither happens.
    let payer = Service::start(
        &world,
        Alice,
        &["auto_deposit_threshold=9ether", "auto_deposit_buffer=10ether", "auto_deposit_interval=1s"],
    );
    let cheque = payer.result(Some(&spend), "chequebook_issue", &params(json!([world.address(Bob), ETHER])));
    payee.result(None, "chequebook_receive", &params(json!([cheque])));
    world.eventually("it is cashed", || world.balance(&book) == U256::from(2_000_000_000_000_000_000_u64));
    payee.stop(rustix::process::Signal::TERM).expect(0);
    let payee = Service::start(&world, Bob, &["auto_cash_interval=1s"]);
    let more = payer.result(Some(&spend), "chequebook_issue", &params(json!([world.address(Bob), ETHER])));
    payee.result(None, "chequebook_receive", &params(json!([more])));
    crate::client::pause(4_000);
    assert_eq!(world.balance(&book), U256::from(2_000_000_000_000_000_000_u64), "nothing came, and nothing went");
}

#[test]
fn limits_hold_for_a_call_a_beneficiary_and_a_day_whatever_happens() {
    let (world, _) = World::with_chequebook();
    let (bob, carol) = (world.address(Bob), world.address(crate::world::Carol));
    let more = ["--per-call", "40wei", "--per-beneficiary", "100wei", "--per-day", "150wei"];
    let (limited, free) = (token(&world, Alice, "spend", &more), token(&world, Alice, "spend", &[]));
    let settings = ["limit_per_day=400wei"];
    let service = Service::start(&world, Alice, &settings);
    let issue = |service: &Service, token: &str, to: &str, amount: u64| -> Result<Value, i64> {
        let answer = service.call(Some(token), "chequebook_issue", &params(json!([to, amount])));
        answer.get("result").cloned().ok_or_else(|| answer["error"]["code"].as_i64().unwrap())
    };
    assert_eq!(issue(&service, &limited, &bob, 41), Err(LIMIT));
    // Many at once: each is refused or counted.
    let threads: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..16).map(|_| scope.spawn(|| issue(&service, &limited, &bob, 10).is_ok())).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(threads.iter().filter(|is_ok| **is_ok).count(), 10, "100 of 10 each");
    assert_eq!(issue(&service, &limited, &bob, 1), Err(LIMIT));
    assert!(issue(&service, &limited, &carol, 40).is_ok());
    assert_eq!(issue(&service, &limited, &carol, 11), Err(LIMIT), "150 in all");
    assert!(service.stop(rustix::process::Signal::KILL).code.is_none());

    let service = Service::start(&world, Alice, &settings);
    assert_eq!(issue(&service, &limited, &carol, 11), Err(LIMIT), "also after a restart");
    assert!(issue(&service, &limited, &carol, 10).is_ok());
    // Another token is not bound by this one, and both by what is everybody's.
    assert!(issue(&service, &free, &bob, 250).is_ok());
    assert_eq!(issue(&service, &free, &bob, 1), Err(LIMIT));
    assert_eq!(service.code(Some(&limited), "chequebook_withdraw", "[1]"), LIMIT, "a promise to the owner is one");
    // Deposits are counted for themselves.
    assert_eq!(service.code(Some(&limited), "chequebook_deposit", "[41]"), LIMIT);
    service.result(Some(&limited), "chequebook_deposit", "[40]");
    assert_eq!(service.result(None, "chequebook_chequebooks", "[]")[0]["issued"], json!("400"));
}
