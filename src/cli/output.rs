//! What a command says: the same facts as JSON for programs, or as lines and tables for people.

use std::io::{IsTerminal, Write, stderr, stdout};

use alloy::primitives::{Address, B256, U256};
use serde_json::{Map, Value as Json};

use super::{
    amount::Units,
    exit::{Exit, Failure},
    text::{date, plain},
};

/// One fact.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// In JSON `null`.
    Nothing,
    Text(String),
    Number(u64),
    Flag(bool),
    /// In the smallest unit; in JSON a string of its digits.
    Amount(U256, Units),
    /// In Unix seconds; in JSON that number.
    Time(u64),
    /// A table.
    Rows(Vec<Record>),
    /// What has a JSON form of its own.
    Json(Json),
}

impl From<Address> for Value {
    fn from(address: Address) -> Self {
        Self::Text(address.to_string())
    }
}

impl From<B256> for Value {
    fn from(hash: B256) -> Self {
        Self::Text(hash.to_string())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// Facts by name, in order. The names are those of the JSON form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Vec<(&'static str, Value)>);

impl Record {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a fact.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds an amount.
    #[must_use]
    pub(crate) fn amount(self, name: &'static str, amount: U256, units: &Units) -> Self {
        self.with(name, Value::Amount(amount, units.clone()))
    }

    /// The JSON form.
    pub(crate) fn json(&self) -> Json {
        let entries = self.0.iter().map(|(name, value)| ((*name).to_owned(), json(value)));
        Json::Object(entries.collect::<Map<_, _>>())
    }

    /// Lines: on a terminal the names in one column. Tables come last.
    fn lines(&self, style: Style) -> String {
        let width = self.0.iter().map(|(name, _)| words(name).len()).max().unwrap_or_default();
        let mut text = String::new();
        for (name, value) in &self.0 {
            if !matches!(value, Value::Rows(_)) {
                text += &match style {
                    Style::Tabs => format!("{}\t{}\n", words(name), cell(value)),
                    _ => format!("{:width$}  {}\n", words(name), cell(value)),
                };
            }
        }
        for (_, value) in &self.0 {
            if let Value::Rows(rows) = value {
                text += &table(rows, style);
            }
        }
        text
    }
}

/// How lines are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Not on a terminal: fields are separated by tabs, and nothing is padded.
    Tabs,
    Aligned,
    /// With bold heads.
    Bold,
}

impl Style {
    fn of_stdout() -> Self {
        match (stdout().is_terminal(), std::env::var_os("NO_COLOR")) {
            (false, _) => Self::Tabs,
            (true, Some(_)) => Self::Aligned,
            (true, None) => Self::Bold,
        }
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Nothing => Json::Null,
        Value::Text(text) => Json::String(text.clone()),
        Value::Number(number) | Value::Time(number) => Json::from(*number),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Amount(amount, _) => Json::String(amount.to_string()),
        Value::Rows(rows) => Json::Array(rows.iter().map(Record::json).collect()),
        Value::Json(json) => json.clone(),
    }
}

fn cell(value: &Value) -> String {
    plain(&match value {
        Value::Nothing => "-".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Amount(amount, units) => units.show(*amount),
        Value::Time(seconds) => date(*seconds),
        Value::Rows(rows) => format!("{} rows", rows.len()),
        Value::Json(json) => json.to_string(),
    })
}

/// `someName` as `some name`.
fn words(name: &str) -> String {
    let split = |character: char| {
        let space = character.is_ascii_uppercase().then_some(' ');
        space.into_iter().chain([character.to_ascii_lowercase()])
    };
    name.chars().flat_map(split).collect()
}

/// A table under the names of its first row.
fn table(rows: &[Record], style: Style) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let heads: Vec<String> = first.0.iter().map(|(name, _)| words(name)).collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.0.iter().map(|(_, value)| cell(value)).collect()).collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(index, head)| {
            let column = cells.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
            column.max().unwrap_or_default().max(head.len())
        })
        .collect();
    let line = |cells: &[String]| {
        if style == Style::Tabs {
            return cells.join("\t");
        }
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(&heads);
    let head = if style == Style::Bold { format!("\u{1b}[1m{head}\u{1b}[0m") } else { head };
    let body = cells.iter().map(|row| line(row));
    std::iter::once(head).chain(body).map(|line| line + "\n").collect()
}

/// Where commands speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    is_json: bool,
}

impl Out {
    pub(crate) const fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Prints the result on standard output.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn show(self, record: &Record) -> Result<(), Failure> {
        if self.is_json {
            return self.text(&format!("{}\n", record.json()));
        }
        self.text(&record.lines(Style::of_stdout()))
    }

    /// Prints a list: in JSON an array.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn list(self, rows: Vec<Record>) -> Result<(), Failure> {
        if self.is_json {
            return self.text(&format!("{}\n", json(&Value::Rows(rows))));
        }
        self.show(&Record::new().with("rows", Value::Rows(rows)))
    }

    /// Prints text as it is, such as a cheque.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut stdout = stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|error| Failure::new(Exit::Failed, format!("standard output: {error}")))
    }

    /// Says something beside the result, on standard error.
    pub(crate) fn note(self, text: &str) {
        // Who closed standard error does not want to hear it.
        let _ = writeln!(stderr().lock(), "{}", plain(text));
    }

    /// Shows facts beside the result, on standard error.
    pub(crate) fn aside(self, record: &Record) {
        let text = if self.is_json { format!("{}\n", record.json()) } else { record.lines(Style::Aligned) };
        let _ = stderr().lock().write_all(text.as_bytes());
    }

    /// Says why the command failed, on standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        let Failure { exit, message } = failure;
        if self.is_json {
            let facts = Record::new().with("exit", exit.name()).with("code", u64::from(exit.code()));
            let error = Record::new().with("error", Value::Json(facts.with("message", message.as_str()).json()));
            let _ = writeln!(stderr().lock(), "{}", error.json());
        } else {
            self.note(&format!("error: {message}"));
        }
    }
}

#[cfg(test)]
mod tests;
