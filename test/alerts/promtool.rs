//! Asks promtool which alerts fire.

use std::{fmt::Write, path::Path, process::Command};

use crate::scrape::Scrape;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dist/alerts.yml");

/// A series over time, one value a minute.
pub(crate) struct Series {
    name: String,
    values: String,
}

/// What was told first for `before` minutes, and what was told then for `after` minutes.
pub(crate) fn over_time(first: &Scrape, then: &Scrape, before: usize, after: usize) -> Vec<Series> {
    let all = then.0.iter().map(|(name, value)| {
        let earlier = first.0.iter().find(|(other, _)| other == name).map_or("_", |(_, value)| value.as_str());
        Series { name: name.clone(), values: format!("{}{}", repeated(earlier, before), repeated(value, after)) }
    });
    all.collect()
}

/// A value so many times, as promtool reads it.
fn repeated(value: &str, times: usize) -> String {
    let value = match value.parse::<f64>() {
        Ok(number) if number.is_nan() => "NaN".to_owned(),
        Ok(number) if number.is_infinite() => "Inf".to_owned(),
        Ok(number) => number.to_string(),
        Err(_) => "_".to_owned(),
    };
    format!("{value} ").repeat(times)
}

impl Series {
    pub(crate) fn new(name: &str, values: &str) -> Self {
        Self { name: name.to_owned(), values: values.to_owned() }
    }
}

/// Whether an alert fires in this minute.
pub(crate) fn fires(directory: &Path, alert: &str, minute: usize, series: &[Series]) -> bool {
    let mut input = String::new();
    for Series { name, values } in series {
        let _ = write!(input, "\n      - series: '{}'\n        values: '{values}'", name.replace('\'', "''"));
    }
    // Promtool compares all labels, so that the count of what fires is asked for instead.
    let query = format!(r#"count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)"#);
    let ask = |count: usize| {
        let text = format!(
            "rule_files: ['{RULES}']\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:{input}\n    \
             promql_expr_test:\n      - expr: '{query}'\n        eval_time: {minute}m\n        exp_samples:\n          - labels: '{{}}'\n            value: {count}\n"
        );
        let path = directory.join("alerts-test.yml");
        std::fs::write(&path, text).unwrap();
        let ran = Command::new("promtool").args(["test", "rules"]).arg(&path).output();
        let ran = ran.unwrap_or_else(|error| panic!("promtool: {error}: install Debian's package prometheus"));
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() || said.contains("exp:"), "promtool cannot read the test: {said}");
        ran.status.success()
    };
    let is_silent = ask(0);
    assert!(is_silent || (1..=3).any(ask), "{alert} neither fires nor is silent");
    !is_silent
}

/// The names of all rules.
pub(crate) fn rules() -> Vec<String> {
    let text = std::fs::read_to_string(RULES).unwrap();
    text.lines().filter_map(|line| Some(line.trim().strip_prefix("- alert: ")?.to_owned())).collect()
}

/// Whether promtool takes the file.
pub(crate) fn check() {
    let ran = Command::new("promtool").args(["check", "rules", RULES]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
}
