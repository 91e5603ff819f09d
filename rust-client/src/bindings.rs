//! The contract, as generated from the ABI and bytecode that the contracts compile to.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated; IChequebook.sol documents the contract")]

macro_rules! contract {
    ($(#[$rpc:meta])*) => {
        alloy::sol! {
            $(#[$rpc])*
            #[derive(Debug, PartialEq, Eq)]
            Chequebook,
            "abi/Chequebook.json"
        }
    };
}

#[cfg(feature = "client")]
contract!(#[sol(rpc)]);
#[cfg(not(feature = "client"))]
contract!();
