//! Bindings of the contracts, generated from their ABI and bytecode.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated; the interfaces document the contracts")]

macro_rules! contracts {
    ($(#[$rpc:meta])*) => {
        alloy::sol! {
            $(#[$rpc])*
            #[derive(Debug, PartialEq, Eq)]
            Chequebook,
            "abi/Chequebook.json"
        }
        alloy::sol! {
            $(#[$rpc])*
            #[derive(Debug, PartialEq, Eq)]
            TokenChequebook,
            "abi/TokenChequebook.json"
        }
        alloy::sol! {
            $(#[$rpc])*
            #[derive(Debug, PartialEq, Eq)]
            ChequebookFactory,
            "abi/ChequebookFactory.json"
        }
        alloy::sol! {
            $(#[$rpc])*
            #[derive(Debug, PartialEq, Eq)]
            ClearingHouse,
            "abi/ClearingHouse.json"
        }
    };
}

#[cfg(feature = "provider")]
contracts!(#[sol(rpc)]);
#[cfg(not(feature = "provider"))]
contracts!();
