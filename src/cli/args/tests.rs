//! Tests of `args`.

use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_mistyped_address_is_refused() {
    let good = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    assert!(address(good).is_ok() && address(&good.to_lowercase()).is_ok());
    for text in ["0x70997970c51812dc3A010C7d01b50e0d17dc79C8", "70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x12", ""] {
        assert!(address(text).is_err(), "{text}");
    }
}
