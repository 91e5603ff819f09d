//! Ten thousand at once.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::{
    client::{Service, params, token},
    world::{Alice, Bob, World},
};

const CALLS: u64 = 10_000;
const CONNECTIONS: u64 = 64;

#[test]
fn ten_thousand_issues_each_retried_with_its_key() {
    let (world, _) = World::with_chequebook();
    let bob = world.address(Bob);
    let spend = token(&world, Alice, "spend", &["--per-day", "20000wei"]);
    let service = Service::start(&world, Alice, &[]);
    let (next, highest) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = service.connect();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= CALLS {
                        return;
                    }
                    let call = params(json!([bob, 2, index.to_string()]));
                    let first = connection.call(Some(&spend), "chequebook_issue", &call).unwrap();
                    let again = connection.call(Some(&spend), "chequebook_issue", &call).unwrap();
                    assert!(first.get("result").is_some(), "{first}");
                    assert_eq!(first, again);
                    let amount: u64 = first["result"]["amount"].as_str().unwrap().parse().unwrap();
                    highest.fetch_max(amount, Ordering::Relaxed);
                }
            });
        }
    });
    let total = 2 * CALLS;
    assert_eq!(service.result(None, "chequebook_chequebooks", "[]")[0]["issued"], json!(total.to_string()));
    assert_eq!(highest.into_inner(), total);
    // The limit was reached to the wei, and a repetition is not counted.
    assert_eq!(service.code(Some(&spend), "chequebook_issue", &params(json!([bob, 1]))), crate::client::LIMIT);
    service.result(Some(&spend), "chequebook_issue", &params(json!([bob, 2, "0"])));
}
