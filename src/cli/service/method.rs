//! A method: its name, who may call it, what it takes, answers and does.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    problem::Problem,
    shape::{Param, Shape},
    state::{Call, State},
    tokens::Scope,
};
use crate::cli::{
    exit::{Exit, Failure},
    output::Record,
};

/// What a call is answered. Raw, because a cheque of 2016 has numbers of 256 bits.
pub(crate) type Answer = Result<Box<RawValue>, Problem>;

/// One method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// `None` if everybody may call it.
    pub(crate) scope: Option<Scope>,
    pub(crate) summary: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) result: Shape,
    pub(crate) run: fn(Arc<State>, Call) -> BoxFuture<'static, Answer>,
}

/// An answer.
///
/// # Errors
///
/// If it has no JSON form.
pub(crate) fn value(value: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(value).map_err(|error| Failure::new(Exit::Failed, error).into())
}

/// The facts of a record.
pub(crate) fn record(record: &Record) -> Answer {
    value(&record.json())
}

/// A list of records.
pub(crate) fn rows(rows: &[Record]) -> Answer {
    value(&rows.iter().map(Record::json).collect::<Vec<_>>())
}
