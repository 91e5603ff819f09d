//! The payments: the payer signs cheques, the payees verify them. None of it touches the chain.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256, utils::Unit};
use chequebook::{Cheque, Scheme, SignedCheque};
use eyre::OptionExt;
use tokio::task::yield_now;

use super::book::Book;
use crate::{check::equal, report::progress};

/// Somebody who is paid, and the cheques that they hold.
pub(crate) struct Payee {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
    pub(crate) scheme: Scheme,
    /// The cumulative amount of the newest cheque, in wei.
    pub(crate) promised: U256,
    pub(crate) cheques: Vec<SignedCheque>,
}

impl Payee {
    pub(crate) const fn new(name: &'static str, address: Address, scheme: Scheme) -> Self {
        Self { name, address, scheme, promised: U256::ZERO, cheques: Vec::new() }
    }

    /// A cheque to this payee.
    pub(crate) fn cheque(&self, book: &Book<'_>, amount: U256) -> Cheque {
        Cheque {
            contract: book.address,
            beneficiary: self.address,
            amount,
            scheme: self.scheme,
            chain_id: book.chain_id,
        }
    }

    /// How many cheques the payee holds.
    pub(crate) fn count(&self) -> eyre::Result<u32> {
        Ok(self.cheques.len().try_into()?)
    }
}

/// Signs `count` cheques, to one payee after the other, over 1 to 9 gwei more each. Returns the time it took.
pub(crate) async fn sign(book: &Book<'_>, payees: &mut [Payee], count: u32) -> eyre::Result<Duration> {
    let bar = progress("signing", count)?;
    let turns = (0..payees.len()).cycle();
    let prices = (1..=9_u64).cycle();
    let start = Instant::now();
    for ((turn, gwei), _) in turns.zip(prices).zip(0..count) {
        let payee = payees.get_mut(turn).ok_or_eyre("nobody to pay")?;
        let price = Unit::GWEI.wei().checked_mul(U256::from(gwei)).ok_or_eyre("too high a price")?;
        payee.promised = payee.promised.checked_add(price).ok_or_eyre("too much promised")?;
        let cheque = payee.cheque(book, payee.promised);
        payee.cheques.push(cheque.sign(&book.signer).await?);
        bar.inc(1);
        yield_now().await; // or nobody could interrupt us
    }
    let time = start.elapsed();
    bar.finish_and_clear();
    Ok(time)
}

/// Verifies every cheque as its payee does when it arrives. Returns the time it took.
pub(crate) async fn verify(book: &Book<'_>, payees: &[Payee], count: u32) -> eyre::Result<Duration> {
    let bar = progress("verifying", count)?;
    let start = Instant::now();
    for payee in payees {
        let mut newest = U256::ZERO;
        for signed in &payee.cheques {
            let cheque = signed.cheque();
            equal("contract of the cheque", cheque.contract, book.address)?;
            equal("beneficiary of the cheque", cheque.beneficiary, payee.address)?;
            signed.verify(book.signer.address())?;
            equal("whether the amount rises", cheque.amount > newest, true)?;
            newest = cheque.amount;
            bar.inc(1);
            yield_now().await; // or nobody could interrupt us
        }
    }
    let time = start.elapsed();
    bar.finish_and_clear();
    equal("number of verified cheques", bar.position(), count.into())?;
    Ok(time)
}
