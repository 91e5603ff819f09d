//! The payments: the payer issues cheques, the payees receive them, both durably. None of it touches the chain.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::{U256, utils::Unit};
use eyre::OptionExt;
use tokio::task::JoinSet;

use super::{book::Book, payee::Payee};
use crate::{check::equal, report::progress};

/// How many tasks issue at once. Cheques that are issued at the same time share a commit.
const TASKS: u32 = 64;

/// The price of the payment at `index`: 1 to 9 gwei.
fn price(index: u32) -> eyre::Result<U256> {
    let gwei = U256::from(index % 9).checked_add(U256::ONE).ok_or_eyre("too high a price")?;
    Unit::GWEI.wei().checked_mul(gwei).ok_or_eyre("too high a price")
}

/// Issues the cheques from one index to another, in turn to each payee. Returns the time it took.
pub(crate) async fn issue(book: &Book<'_>, payees: &mut [Payee], from: u32, to: u32) -> eyre::Result<Duration> {
    let count = to.saturating_sub(from);
    let bar = progress("issuing", count)?;
    let next = Arc::new(AtomicU32::new(from));
    let turns: Arc<[_]> = payees.iter().map(|payee| (payee.address, payee.scheme)).collect();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (chequebook, bar, next, turns) =
            (book.chequebook.clone(), bar.clone(), Arc::clone(&next), Arc::clone(&turns));
        tasks.spawn(async move {
            let mut issued = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= to {
                    return Ok::<_, eyre::Report>(issued);
                }
                let turn = usize::try_from(index)?.checked_rem(turns.len()).ok_or_eyre("nobody to pay")?;
                let (address, scheme) = *turns.get(turn).ok_or_eyre("nobody to pay")?;
                issued.push((turn, chequebook.outbox(address, scheme).issue(price(index)?).await?));
                bar.inc(1);
            }
        });
    }
    while let Some(issued) = tasks.join_next().await {
        for (turn, cheque) in issued?? {
            payees.get_mut(turn).ok_or_eyre("nobody to pay")?.on_their_way.push(cheque);
        }
    }
    let time = start.elapsed();
    bar.finish_and_clear();

    let mut issued = U256::ZERO;
    for payee in payees.iter_mut() {
        payee.on_their_way.sort_by_key(|cheque| cheque.cheque().amount);
        payee.promised = payee.on_their_way.last().ok_or_eyre("a payee without cheques")?.cheque().amount;
        payee.count = payee.count.saturating_add(payee.on_their_way.len().try_into()?);
        issued = issued.checked_add(payee.promised).ok_or_eyre("too much promised")?;
    }
    equal("issued in all, in wei", book.chequebook.balance().await?.issued, issued)?;
    Ok(time)
}

/// Receives all issued cheques, with one task for each payee. Returns the time it took.
pub(crate) async fn receive(book: &Book<'_>, payees: &mut [Payee]) -> eyre::Result<Duration> {
    let count = payees.iter().map(|payee| payee.on_their_way.len()).sum::<usize>();
    let bar = progress("receiving", count.try_into()?)?;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (payee, inbox) in payees.iter_mut().zip(&book.inboxes) {
        let (cheques, inbox, bar) = (std::mem::take(&mut payee.on_their_way), inbox.clone(), bar.clone());
        let promised = payee.promised;
        tasks.spawn(async move {
            let mut newest = inbox.latest_cheque().await?.map_or(U256::ZERO, |newest| newest.cheque().amount);
            for cheque in cheques {
                let added = inbox.receive(&cheque).await?;
                newest = newest.checked_add(added).ok_or_eyre("too much received")?;
                equal("received so far, in wei", newest, cheque.cheque().amount)?;
                bar.inc(1);
            }
            equal("received in all, in wei", newest, promised)?;
            Ok::<_, eyre::Report>(())
        });
    }
    while let Some(received) = tasks.join_next().await {
        received??;
    }
    let time = start.elapsed();
    bar.finish_and_clear();
    Ok(time)
}
