//! How cheques are cashed: one alone, or many at once.

mod batch;
mod cash;
mod clearing;
mod original;
mod patience;
mod register;

pub use self::{cash::Cashing, clearing::Skipped};
