//! What a node answers in place of an answer.

mod failure;
mod refusal;

pub(crate) use self::failure::{causes, redact};
pub use self::{
    failure::{FailureKind, NodeFailure},
    refusal::{Refusal, RefusalKind},
};
