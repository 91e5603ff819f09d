//! What the owner takes from a token chequebook that is dead.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use chequebook::{Asset, Error as ChequeError, State, bindings::TokenChequebook::reclaimCall};

use super::owner::Owner;
use crate::{
    Error,
    chain::Subject,
    requests::Pass,
    store::schema::Purpose,
    transactions::{Call, Transaction, same},
    wallet::Wallet,
};

impl Owner {
    /// Sends the transaction that pays the account of the wallet what a dead token chequebook received after its death, and
    /// returns once it is sent; if one is under way, returns that. Such a chequebook has no handle: there is nothing else to
    /// be done with it. What arrives while the transaction is under way is paid, too.
    ///
    /// # Errors
    ///
    /// [`Error::NotOwner`], [`Error::NotDead`], [`Error::ZeroAmount`] if nothing is there; [`chequebook::Error::NoToken`] if
    /// it pays ether; [`Error::NoCode`] and [`chequebook::Error::Unproven`]; [`Error::Cancelled`] if an earlier one is being
    /// cancelled; [`Error::Refused`] if the token would refuse it; [`Error::InsufficientFunds`] and similar errors if the
    /// transaction cannot be sent; or an error from the node.
    ///
    /// If this future is dropped, it is under way or not; calling it again sends no second one.
    pub async fn reclaim(wallet: &Wallet, contract: Address) -> Result<Transaction, Error> {
        let shared = wallet.shared();
        let watched = shared.watcher.watch(Subject::at(contract)).await?;
        let (found, expected) = (wallet.account(), watched.terms.owner);
        if found != expected {
            return Err(Error::NotOwner { contract, found, expected });
        }
        if watched.asset() == Asset::Ether {
            return Err(ChequeError::NoToken { contract }.into());
        }
        shared.account.try_advance().await;
        shared.watcher.refresh(&watched, Duration::ZERO).await?;
        let purpose = Purpose::Reclaim { contract };
        let decide = || {
            let (state, balance, block) = watched.read(|seen| (seen.state, seen.balance, seen.head.number));
            let same = same(shared.account.under_way(contract, block, |found| *found == purpose))?;
            match (same, state) {
                (Some(same), _) => Ok(Some(same)),
                (None, State::Dead) if balance.is_zero() => Err(Error::ZeroAmount),
                (None, State::Dead) => Ok(None),
                (None, _) => Err(Error::NotDead { contract }),
            }
        };
        let call = Call::new(contract, U256::ZERO, reclaimCall {}.abi_encode().into());
        Ok(shared.account.send_single(call, purpose, Pass::default(), decide).await?.transaction())
    }
}
