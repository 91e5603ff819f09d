//! The demo: thousands of payments, a restart in the middle, a few transactions, and the end of a chequebook.

mod book;
mod cash;
mod payee;
mod payments;

use std::{
    io::{Write, stdout},
    path::Path,
};

use alloy::primitives::{U256, utils::format_ether};
use chequebook::Scheme;
use eyre::{OptionExt, bail};

use self::{book::Book, cash::Cashed, payee::Payee};
use crate::{
    chain::Chain,
    check::equal,
    report::{Row, grouped, rate, table},
};

const HARDFORK: &str = "osaka";

/// Issues `count` cheques to three payees, restarts both sides midway, cashes the latest cheque of each payee,
/// overdraws the chequebook, and prints each step.
///
/// # Errors
///
/// If a step fails, or if the chain does not show what the step should have done.
pub(crate) async fn run(count: u32) -> eyre::Result<()> {
    let chain = Chain::start(HARDFORK).await?;
    let directory = tempfile::tempdir()?;
    let [_, _, alice, bob, carol, ..] = *chain.accounts() else { bail!("anvil has too few accounts") };
    let mut payees = [
        Payee::new("alice", alice, Scheme::Packed),
        Payee::new("bob", bob, Scheme::Typed),
        Payee::new("carol", carol, Scheme::Packed),
    ];

    let mut book = Book::create(&chain, directory.path(), &payees).await?;
    writeln!(stdout(), "a chequebook on anvil ({HARDFORK}), {} cheques to 3 payees\n", grouped(count))?;
    writeln!(stdout(), "created     {} with {} ether", book.address, format_ether(book.deposit))?;

    // The first half has at least one cheque for each payee.
    let half = count.div_ceil(2).max(3);
    pay(&book, &mut payees, 0, half).await?;
    restart(&mut book, directory.path(), &payees).await?;
    if half < count {
        pay(&book, &mut payees, half, count).await?;
    }

    let settled = settle(&book, &payees).await?;
    overdraw(&book, &payees, settled).await?;

    writeln!(stdout(), "\nevery amount, event and unit of gas above was checked against the chain")?;
    Ok(())
}

/// Issues and receives the cheques from one index to another.
async fn pay(book: &Book<'_>, payees: &mut [Payee], from: u32, to: u32) -> eyre::Result<()> {
    let count = to.saturating_sub(from);
    let issuing = payments::issue(book, payees, from, to).await?;
    writeln!(stdout(), "issued      {}, each on disk before it leaves", rate(count, issuing))?;
    let receiving = payments::receive(book, payees).await?;
    writeln!(stdout(), "received    {}, each on disk before it is acknowledged", rate(count, receiving))?;
    Ok(())
}

/// Restarts both sides, and checks that they have lost nothing.
async fn restart(book: &mut Book<'_>, directory: &Path, payees: &[Payee]) -> eyre::Result<()> {
    let before = book.chequebook.balance().await?;
    book.restart(directory, payees).await?;
    let after = book.chequebook.balance().await?;
    equal("funds after the restart", after, before)?;
    for (payee, inbox) in payees.iter().zip(&book.inboxes) {
        let issued = book.chequebook.outbox(payee.address, payee.scheme).latest_cheque().await?;
        let received = inbox.latest_cheque().await?;
        equal("latest cheque of both sides", issued, received)?;
        equal("amount after the restart, in wei", received.map(|cheque| cheque.cheque().amount), Some(payee.promised))?;
    }
    writeln!(stdout(), "restarted   both sides, which remember {} wei promised", grouped(after.issued))?;
    Ok(())
}

/// Cashes the latest cheque of each payee and prints the table. Returns the total paid, in wei.
async fn settle(book: &Book<'_>, payees: &[Payee]) -> eyre::Result<U256> {
    let mut rows = Vec::new();
    let (mut count, mut gas, mut paid) = (0_u32, 0_u64, U256::ZERO);
    for (payee, inbox) in payees.iter().zip(&book.inboxes) {
        let cashed = cash::covered(book, inbox).await?;
        equal("paid, in wei", cashed.paid, payee.promised)?;
        rows.push(row(payee, &cashed));

        count = count.checked_add(payee.count).ok_or_eyre("too many cheques")?;
        gas = gas.checked_add(cashed.gas).ok_or_eyre("too much gas")?;
        paid = paid.checked_add(cashed.paid).ok_or_eyre("too much paid")?;
    }

    // The chain itself counts the transactions of the two senders.
    let creating = book.transactions(book.payer.account()).await?;
    let cashing = book.transactions(book.payee.account()).await?;
    equal("transactions of the owner", creating, 2)?;
    equal("transactions of the third party", usize::try_from(cashing)?, payees.len())?;
    let transactions = creating.checked_add(cashing).ok_or_eyre("too many transactions")?;
    let left = book.balance().await?;
    equal("balance after cashing, in wei", Some(left), book.deposit.checked_sub(paid))?;

    rows.push(Row { payee: "together", scheme: "", cheques: count, transactions: cashing, gas, paid });
    writeln!(stdout(), "\n{}", table(&rows))?;
    writeln!(stdout(), "balance     {} wei", grouped(left))?;

    let total = gas.checked_add(book.gas).ok_or_eyre("too much gas")?;
    let each = total.checked_div(count.into()).ok_or_eyre("no cheques")?;
    writeln!(
        stdout(),
        "on-chain    {transactions} transactions, {} gas: {} a payment, where a plain transfer takes 21,000",
        grouped(total),
        grouped(each)
    )?;
    Ok(paid)
}

const fn row(payee: &Payee, cashed: &Cashed) -> Row {
    let scheme = match payee.scheme {
        Scheme::Packed => "packed",
        Scheme::Typed => "typed",
    };
    let Cashed { gas, paid } = *cashed;
    Row { payee: payee.name, scheme, cheques: payee.count, transactions: 1, gas, paid }
}

/// Cashes a cheque of one wei more than the balance, and checks the dead chequebook.
async fn overdraw(book: &Book<'_>, payees: &[Payee], settled: U256) -> eyre::Result<()> {
    let (last, inbox) = payees.iter().zip(&book.inboxes).next_back().ok_or_eyre("nobody to pay")?;
    let more = book.balance().await?.checked_add(U256::ONE).ok_or_eyre("too much promised")?;
    let bad = cash::uncovered(book, inbox, more, last.scheme).await?;

    let cashed = cash::overdraft(book, inbox, &bad).await?;
    let paid = cashed.paid.checked_add(settled).ok_or_eyre("too much paid")?;
    equal("all that was paid, in wei", paid, book.deposit)?;
    writeln!(
        stdout(),
        "\noverdraft   a cheque of 1 wei more than the balance: the payer's wallet does not issue it, the"
    )?;
    writeln!(
        stdout(),
        "            payee's does not take it, and cashes it only by consent. It pays {} the rest:",
        last.name
    )?;
    writeln!(stdout(), "            {} wei, for {} gas", grouped(cashed.paid), grouped(cashed.gas))?;

    let code = cash::check_dead(book, inbox, &bad).await?;
    writeln!(stdout(), "dead        balance 0, killable never, still {} bytes of code", grouped(code))?;
    writeln!(stdout(), "refused     a deposit, and the same cheque again, both with Dead()")?;
    Ok(())
}
