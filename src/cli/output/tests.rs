//! Tests of `output`.

use super::*;

fn record() -> Record {
    Record::new()
        .with("chequebook", Address::repeat_byte(0x11))
        .amount("stillOwed", U256::from(10_u64.pow(18)), &Units::ETHER)
        .with("killableAt", Value::Time(0))
        .with("note", "a\u{1b}[2Jb")
        .with("missing", None::<u64>)
}

#[test]
fn json_has_digits_and_numbers() {
    let expected = r#"{"chequebook":"0x1111111111111111111111111111111111111111","killableAt":0,"missing":null,"note":"a\u001b[2Jb","stillOwed":"1000000000000000000"}"#;
    let found: Json = serde_json::from_str(&record().json().to_string()).unwrap();
    assert_eq!(found, serde_json::from_str::<Json>(expected).unwrap());
    assert!(!record().json().to_string().contains('\u{1b}'), "JSON escapes control characters");
}

#[test]
fn lines_are_aligned_and_command_nothing() {
    let lines = record().lines(Style::Aligned);
    assert!(lines.contains("still owed   1 ether (1000000000000000000 wei)\n"), "{lines}");
    assert!(lines.contains("killable at  1970-01-01T00:00:00Z\n"), "{lines}");
    assert!(lines.contains("note         a\u{fffd}[2Jb\n"), "{lines}");
}

#[test]
fn a_table_has_one_head_and_aligned_columns() {
    let rows =
        [("a", 1_u64), ("bbbbbb", 22)].map(|(name, count)| Record::new().with("name", name).with("count", count));
    assert_eq!(table(&rows, Style::Aligned), "name    count\na       1\nbbbbbb  22\n");
    assert_eq!(table(&[], Style::Aligned), "");
    assert_eq!(table(&rows, Style::Tabs), "name\tcount\na\t1\nbbbbbb\t22\n");
    assert!(table(&rows, Style::Bold).starts_with("\u{1b}[1mname"));
}
