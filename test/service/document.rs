//! The document that describes the service says what the service does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    client::{PARAMS, Service, token},
    world::{Alice, Bob, World},
};

/// Whether a value is as a schema says: as much of JSON Schema as the document uses. A schema with another word is a failure.
fn check(schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{place}: {value} {what} in {schema}"));
    for (word, expected) in schema.as_object().unwrap() {
        match word.as_str() {
            "description" => {}
            "type" => {
                let is_a = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                let names = expected.as_array().cloned().unwrap_or_else(|| vec![expected.clone()]);
                if !names.iter().any(|name| is_a(name.as_str().unwrap())) {
                    return wrong("has another type");
                }
            }
            "oneOf" => {
                if expected.as_array().unwrap().iter().filter(|one| check(one, value, place).is_ok()).count() != 1 {
                    return wrong("is not one of them");
                }
            }
            "enum" if !expected.as_array().unwrap().contains(value) => return wrong("is none of them"),
            "enum" | "minimum" | "minLength" => {}
            "maxLength"
                if value
                    .as_str()
                    .is_some_and(|text| text.len() > usize::try_from(expected.as_u64().unwrap()).unwrap()) =>
            {
                return wrong("is too long");
            }
            "maxLength" => {}
            "pattern" => {
                // What is no text is refused by its type.
                let (text, pattern) = (value.as_str().unwrap_or_default(), expected.as_str().unwrap());
                let hex = |digits: usize| text.len() == digits + 2 && text.starts_with("0x");
                let is_so = match pattern {
                    "^0x[0-9a-fA-F]{40}$" => hex(40),
                    "^0x[0-9a-f]{64}$" => hex(64) && text.to_lowercase() == text,
                    "^(0|[1-9][0-9]*)$" => text.bytes().all(|byte| byte.is_ascii_digit()),
                    other => panic!("pattern {other}"),
                };
                if !is_so {
                    return wrong("is not like this");
                }
            }
            "properties" => {
                for (name, schema) in expected.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(schema, value, &format!("{place}.{name}"))?;
                    }
                }
            }
            "required" => {
                if let Some(missing) =
                    expected.as_array().unwrap().iter().find(|name| value.get(name.as_str().unwrap()).is_none())
                {
                    return wrong(&format!("lacks {missing}"));
                }
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object().unwrap();
                if let Some(other) = value.as_object().unwrap().keys().find(|name| !known.contains_key(*name)) {
                    return wrong(&format!("also has {other}"));
                }
            }
            "items" => {
                for one in value.as_array().unwrap() {
                    check(expected, one, &format!("{place}[]"))?;
                }
            }
            other => panic!("{other} in a schema"),
        }
    }
    Ok(())
}

#[test]
fn every_method_is_there_and_answers_what_the_document_says() {
    let (world, book) = World::with_chequebook();
    let (bob, alice) = (world.address(Bob), world.address(Alice));
    let all = token(&world, Alice, "read,receive,spend,end", &[]);
    // Alice pays herself, too, so that one service is payer and payee.
    let service = Service::start(&world, Alice, &[]);
    let document = service.get("/openrpc.json").json();
    assert_eq!(service.result(None, "rpc.discover", "[]"), document);

    let cheque = service.result(Some(&all), "chequebook_issue", &json!([alice, 5]).to_string());
    let mut answered = BTreeSet::new();
    let mut names = BTreeSet::new();
    // Each with the parameters that work; those that end something come last.
    let calls = [
        ("chequebook_balance", json!([])),
        ("chequebook_issue", json!([bob, 1, "a"])),
        ("chequebook_latest", json!([bob])),
        ("chequebook_receive", json!([cheque])),
        ("chequebook_check", json!([cheque])),
        ("chequebook_list", json!([])),
        ("chequebook_exposure", json!([])),
        ("chequebook_liabilities", json!([])),
        ("chequebook_chequebooks", json!([])),
        ("chequebook_verify", json!([book])),
        ("chequebook_status", json!([])),
        ("chequebook_authenticate", json!([all])),
        ("rpc.discover", json!([])),
        ("chequebook_deposit", json!([1])),
        ("chequebook_cash", json!([cheque])),
        ("chequebook_withdraw", json!([1])),
        ("chequebook_transactions", json!([])),
        ("chequebook_transactions", json!({"final": true})),
        ("chequebook_announceKill", json!([book])),
        ("chequebook_cancelKill", json!([book])),
    ];
    let methods = document["methods"].as_array().unwrap();
    let schema = |name: &str| {
        let method = methods.iter().find(|method| method["name"] == json!(name)).unwrap_or_else(|| panic!("{name}"));
        method["result"]["schema"].clone()
    };
    for (name, params) in calls {
        world.eventually(name, || {
            let answer = service.call(Some(&all), name, &params.to_string());
            let Some(result) = answer.get("result") else {
                assert_ne!(answer["error"]["code"], json!(PARAMS), "{name}: {answer}");
                return false; // a transaction before it is not final yet
            };
            check(&schema(name), result, name).unwrap();
            true
        });
        answered.insert(name);
    }
    for method in methods {
        let name = method["name"].as_str().unwrap();
        assert!(names.insert(name), "{name} is there once");
        // A method that is not there is answered otherwise.
        assert_ne!(service.call(None, name, "[]")["error"]["code"], json!(-32_601), "{name} is there");
    }
    // These change a transaction under way, and the time must pass for that one.
    world.automine(false);
    let announced = service.result(Some(&all), "chequebook_announceKill", &json!([book]).to_string());
    let nonce = announced["nonce"].clone();
    let fees = json!([nonce, "200000000000", "50000000000"]).to_string();
    for (name, params) in [("chequebook_reprice", fees), ("chequebook_cancelTransaction", json!([nonce]).to_string())] {
        check(&schema(name), &service.result(Some(&all), name, &params), name).unwrap();
        answered.insert(name);
    }
    world.mine();
    world.automine(true);
    world.eventually("it is cancelled", || {
        service.call(Some(&all), "chequebook_announceKill", &json!([book]).to_string()).get("result").is_some()
    });
    world.rpc("evm_increaseTime", json!([86_401]));
    world.mine();
    world.eventually("it is killed", || {
        let answer = service.call(Some(&all), "chequebook_kill", &json!([book]).to_string());
        answer.get("result").is_some_and(|result| check(&schema("chequebook_kill"), result, "kill").is_ok())
    });
    answered.insert("chequebook_kill");
    let subscription = BTreeSet::from(["chequebook_subscribe", "chequebook_unsubscribe"]);
    assert_eq!(names, answered.union(&subscription).copied().collect(), "the document has exactly these");
}
