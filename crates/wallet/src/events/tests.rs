use alloy::primitives::{Address, B256, U256};
use chequebook::ErrorClass;
use futures_util::{FutureExt, StreamExt, future::ready};
use serde_json::{json, to_value};

use super::*;

fn reorganised(number: u64) -> Event {
    Event::ChainReorganised { number, hash: B256::ZERO, ancestor: None }
}

#[test]
fn is_not_even_made_if_nobody_listens() {
    let feed = Feed::default();
    feed.tell(|| unreachable!("nobody listens"));
    let events = feed.subscribe();
    assert!(feed.is_heard());
    drop(events);
    assert!(!feed.is_heard());
    feed.tell(|| unreachable!("nobody listens any more"));
    assert!(matches!(*feed.0.lock(), Channel::Unused), "its memory is given back");
}

#[test]
fn w4_a_slow_subscriber_is_told_what_it_lost() {
    let feed = Feed::default();
    let (mut slow, mut fast) = (feed.subscribe(), feed.subscribe());
    let sent = u64::try_from(CAPACITY).unwrap() + 7;
    for number in 0..sent {
        feed.tell(|| reorganised(number));
        assert_eq!(fast.next().now_or_never(), Some(Some(reorganised(number))));
    }
    assert_eq!(slow.next().now_or_never(), Some(Some(Event::Lost { count: 7 })));
    for number in 7..sent {
        assert_eq!(slow.next().now_or_never(), Some(Some(reorganised(number))));
    }
    assert_eq!(slow.next().now_or_never(), None, "it waits");
    let mut late = feed.subscribe();
    assert_eq!(late.next().now_or_never(), None, "it hears what comes after its subscription");
}

#[test]
fn ends_after_the_last_event() {
    let feed = Feed::default();
    let events = feed.subscribe();
    feed.tell(|| Event::ChainSeen);
    feed.end();
    feed.tell(|| unreachable!("it has ended"));
    let all = events.into_stream().collect::<Vec<_>>().now_or_never();
    assert_eq!(all, Some(vec![Event::ChainSeen]));
    assert_eq!(feed.subscribe().next().now_or_never(), Some(None));
    let feed = Feed::default();
    let events = feed.subscribe();
    drop(feed);
    assert_eq!(events.into_stream().all(|_| ready(false)).now_or_never(), Some(true), "there is none");
}

/// Others read these names.
#[test]
fn has_one_form_as_json() {
    let (contract, beneficiary, hash) = (Address::repeat_byte(1), Address::repeat_byte(2), B256::repeat_byte(3));
    let (one, two, three) = (format!("0x{}", "01".repeat(20)), format!("0x{}", "02".repeat(20)), hash.to_string());
    let amount = U256::MAX;
    let most = U256::MAX.to_string();
    let events = [
        (
            Event::ChequeIssued { contract, beneficiary, amount, added: U256::from(5) },
            json!({"event": "chequeIssued", "contract": one, "beneficiary": two, "amount": most, "added": "5"}),
        ),
        (
            Event::ChequeKept {
                contract,
                beneficiary,
                amount,
                class: ErrorClass::ChainUnreachable,
                reason: "no".to_owned(),
            },
            json!({
                "event": "chequeKept", "contract": one, "beneficiary": two, "amount": most,
                "class": "chainUnreachable", "reason": "no",
            }),
        ),
        (
            Event::Bounced {
                contract,
                beneficiary,
                amount,
                paid: U256::ZERO,
                reason: Bounce::Skipped("NotCovered".to_owned()),
                nonce: 4,
                hash,
            },
            json!({
                "event": "bounced", "contract": one, "beneficiary": two, "amount": most, "paid": "0",
                "reason": {"skipped": "NotCovered"}, "nonce": 4, "hash": three,
            }),
        ),
        (
            Event::EndAnnounced { contract, killable_at: 9 },
            json!({"event": "endAnnounced", "contract": one, "killableAt": 9}),
        ),
        (
            Event::TransactionFinal {
                nonce: 1,
                purpose: Purpose::Deposit { contract, amount },
                outcome: Outcome::Confirmed { block: 8, hash },
            },
            json!({
                "event": "transactionFinal", "nonce": 1, "purpose": {"deposit": {"contract": one, "amount": most}},
                "outcome": {"confirmed": {"block": 8, "hash": three}},
            }),
        ),
        (Event::ChainSeen, json!({"event": "chainSeen"})),
        (
            Event::ChainReorganised { number: 1, hash, ancestor: None },
            json!({"event": "chainReorganised", "number": 1, "hash": three, "ancestor": null}),
        ),
        (Event::Lost { count: 3 }, json!({"event": "lost", "count": 3})),
    ];
    for (event, expected) in events {
        assert_eq!(to_value(&event).unwrap(), expected);
    }
}
