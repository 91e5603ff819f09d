//! The contracts, the wallet and the harness against a development chain: one module per topic. Needs anvil and forge
//! on the PATH.
#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests")]

mod automatic;
mod cash;
mod chain;
mod clearing;
mod clones;
mod create2;
mod demo;
mod faults;
mod fixture;
mod heads;
mod kill_and_overdraft;
mod model;
mod original;
mod owner;
mod payments;
mod proof;
mod race;
mod scripts;
mod sigkill;
mod thin;
mod token;
mod tokens;
mod transaction_outcomes;
mod trouble;
mod typed_data;
mod verify;
