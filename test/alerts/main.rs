//! Each alert rule fires on what a service in this trouble tells, and is silent on what a sound one tells. Promtool evaluates the rules.
//! Needs anvil, bash and promtool on the PATH.
#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[path = "../service/client.rs"]
#[allow(dead_code, reason = "what only the other target uses")]
mod client;
mod promtool;
mod scrape;
mod troubles;
#[path = "../cli/world.rs"]
#[allow(dead_code, reason = "what only the other targets use")]
mod world;
