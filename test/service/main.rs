//! The service as programs use it, and as others abuse it: the built program behind real clients and raw bytes, against
//! anvil. Needs anvil, bash and curl on the PATH.
#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[path = "../cli/world.rs"]
#[allow(dead_code, reason = "what only the other target uses")]
mod world;

mod access;
mod client;
mod document;
mod keys;
mod load;
mod money;
mod page;
mod requests;
mod sockets;
mod stops;
mod unit;
