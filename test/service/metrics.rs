//! What Prometheus is told: the list of the page, and nothing that strangers can make longer.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    client::{Answer, Connection, Service, params, token},
    world::{Alice, Bob, World},
};

const PAGE: &str = include_str!("../../docs/service.md");

fn ask(service: &Service, first: &str) -> Answer {
    let address = service.started["metrics"].as_str().unwrap();
    let host = format!("Host: {address}");
    Connection::open(address).request(first, &[&host], "").unwrap()
}

fn told(service: &Service) -> String {
    let answer = ask(service, "GET /metrics");
    assert_eq!(answer.status, 200);
    answer.body
}

/// The value of a series.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is told: {text}")).parse().unwrap()
}

fn start(world: &World, who: crate::world::Who) -> Service {
    Service::start(world, who, &["metrics_listen=127.0.0.1:0", "auto_cash=false"])
}

#[test]
fn the_page_lists_all_metrics() {
    let (world, _) = World::with_chequebook();
    let service = start(&world, Alice);
    service.result(None, "chequebook_status", "[]");
    world.eventually("the node was asked", || told(&service).contains("chequebook_funded{"));
    let told = told(&service);
    let types = told.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let told: BTreeSet<_> = types.map(|line| line.split_once(' ').unwrap()).collect();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `chequebook_")?.strip_suffix(" |"));
    let rows = rows.filter_map(|line| {
        let (name, rest) = line.split_once("` | ")?;
        let (kind, _) = rest.split_once(" | ")?;
        ["counter", "gauge", "histogram"].contains(&kind).then(|| (format!("chequebook_{name}"), kind))
    });
    let rows: BTreeSet<_> = rows.collect();
    let listed: BTreeSet<_> = rows.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    assert_eq!(told, listed);
}

#[test]
fn the_address_of_metrics_answers_nothing_else() {
    let world = World::new();
    let service = start(&world, Bob);
    for first in ["GET /", "GET /metrics/", "POST /metrics", "GET /readyz"] {
        assert_eq!(ask(&service, first).status, 404, "{first}");
    }
    assert_eq!(service.get("/metrics").status, 404, "that of calls does not tell them");
    let silent = Service::start(&World::new(), Bob, &[]);
    assert!(silent.started["metrics"].is_null());
}

/// As one whose name was made to lead here, or that asks from elsewhere.
#[test]
fn no_page_reads_metrics() {
    let world = World::new();
    let service = Service::start(&world, Bob, &["metrics_listen=127.0.0.1:0", "allowed_hosts=watch.example"]);
    let address = service.started["metrics"].as_str().unwrap();
    let status = |lines: &[&str]| Connection::open(address).request("GET /metrics", lines, "").unwrap().status;
    let own = format!("Host: {address}");
    for lines in [&[own.as_str()][..], &["Host: localhost"], &["Host: 10.1.2.3:80"], &["Host: watch.example:80"]] {
        assert_eq!(status(lines), 200, "{lines:?}");
    }
    for lines in [&["Host: evil.example"][..], &[], &[&own, "Origin: http://evil.example"], &[&own, "Origin: null"]] {
        assert_eq!(status(lines), 403, "{lines:?}");
    }
}

#[test]
fn figures_are_those_of_the_wallet() {
    let (world, chequebook) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &[]);
    let (payer, payee) = (start(&world, Alice), start(&world, Bob));
    let mut cheques = Vec::new();
    for _ in 0..5 {
        cheques.push(payer.result(Some(&spend), "chequebook_issue", &params(json!([bob, 1_000_000]))));
    }
    let refused = payer.call(Some(&spend), "chequebook_issue", &params(json!([bob, "9000000000000000000"])));
    assert!(refused.get("error").is_some());
    for _ in 0..2 {
        payee.result(None, "chequebook_receive", &params(json!([cheques[4]])));
    }
    payee.call(None, "chequebook_receive", &params(json!([cheques[0]])));
    let labels = format!("{{chequebook=\"{chequebook}\"}}");
    world.eventually("it was asked again", || {
        value(&told(&payer), &format!("chequebook_issued{labels}")) == 5_000_000.0
    });
    let text = told(&payer);
    assert_eq!(value(&text, &format!("chequebook_available{labels}")), 1e18 - 5e6);
    assert_eq!(value(&text, &format!("chequebook_liabilities{labels}")), 5e6);
    assert_eq!(value(&text, r#"chequebook_calls_total{method="chequebook_issue",result="ok"}"#), 5.0);
    assert_eq!(value(&text, r#"chequebook_calls_total{method="chequebook_issue",result="funds"}"#), 1.0);
    assert_eq!(value(&text, r#"chequebook_events_total{event="chequeIssued"}"#), 5.0);
    assert!(value(&text, "chequebook_store_commit_seconds_count") >= 5.0);
    assert!(value(&text, "chequebook_store_commit_changes_sum") >= 5.0);
    assert_eq!(value(&text, "chequebook_ready"), 1.0);
    let text = told(&payee);
    assert_eq!(value(&text, "chequebook_uncashed"), 5e6);
    assert_eq!(value(&text, "chequebook_debtors"), 1.0);
    assert_eq!(value(&text, "chequebook_notice_deadline_seconds"), f64::INFINITY);
    assert_eq!(value(&text, r#"chequebook_cheques_refused_total{reason="stale"}"#), 1.0);
    assert_eq!(value(&text, r#"chequebook_events_total{event="chequeReceived"}"#), 1.0);
}

/// A cheque of any contract, with any signature, and calls of any name.
#[test]
fn strangers_make_no_series() {
    let world = World::new();
    let service = start(&world, Bob);
    let call = |index: u64| {
        let cheque = json!({
            "contract": format!("0x{index:040x}"), "beneficiary": world.address(Bob), "amount": "1",
            "scheme": "typed", "chainId": 31_337, "signature": format!("0x{}1b", "11".repeat(64)),
        });
        service.call(None, "chequebook_receive", &params(json!([cheque])));
        service.call(None, &format!("chequebook_{index}"), "[]");
    };
    call(1_000);
    let before = told(&service).lines().count();
    (2_000..2_040).for_each(call);
    let after = told(&service);
    assert_eq!(after.lines().count(), before, "{after}");
    let refused = after.lines().filter(|line| line.starts_with("chequebook_cheques_refused_total"));
    let sum: f64 = refused.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
    assert_eq!(sum, 41.0);
}
