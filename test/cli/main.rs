//! The built program as a user drives it, against anvil: every command, every exit code, pipes, a terminal, and signals
//! at bad moments. Needs anvil, cast and bash on the PATH.
#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod commands;
mod exits;
mod json;
mod keys;
mod nodes;
mod once;
mod owner;
mod page;
mod signals;
mod terminal;
mod world;
