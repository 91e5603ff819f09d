//! The demo: thousands of payments, a handful of transactions, and the end of a chequebook.

mod book;
mod cash;
mod payments;

use std::io::{Write, stdout};

use alloy::primitives::{U256, utils::format_ether};
use chequebook::Scheme;
use eyre::{OptionExt, bail};

use self::{book::Book, cash::Cashed, payments::Payee};
use crate::{
    chain::Chain,
    check::equal,
    report::{Row, grouped, rate, table},
};

const HARDFORK: &str = "osaka";

/// Signs `count` cheques to three payees, cashes the newest of each, overdraws the chequebook, and tells of it.
///
/// # Errors
///
/// If a step fails, or if the chain does not show what the step should have done.
pub(crate) async fn run(count: u32) -> eyre::Result<()> {
    let chain = Chain::start(HARDFORK)?;
    let [owner, cashier, alice, bob, carol, ..] = *chain.accounts() else { bail!("anvil has too few accounts") };
    let mut payees = [
        Payee::new("alice", alice, Scheme::Packed),
        Payee::new("bob", bob, Scheme::Typed),
        Payee::new("carol", carol, Scheme::Packed),
    ];

    let book = Book::open(&chain, owner, cashier).await?;
    writeln!(stdout(), "a chequebook on anvil ({HARDFORK}), {} cheques to 3 payees\n", grouped(count))?;
    writeln!(stdout(), "opened      {} with {} ether", book.address, format_ether(book.deposit))?;

    let signing = payments::sign(&book, &mut payees, count).await?;
    writeln!(stdout(), "signed      {}", rate(count, signing))?;
    let verifying = payments::verify(&book, &payees, count).await?;
    writeln!(stdout(), "verified    {}\n", rate(count, verifying))?;

    let settled = settle(&book, &payees).await?;
    overdraw(&book, &payees, settled).await?;

    writeln!(stdout(), "\nevery amount, event and unit of gas above was checked against the chain")?;
    Ok(())
}

/// Cashes the newest cheque of each payee and shows the table. Returns what was paid in all, in wei.
async fn settle(book: &Book<'_>, payees: &[Payee]) -> eyre::Result<U256> {
    let mut rows = Vec::new();
    let (mut count, mut gas, mut paid) = (0_u32, 0_u64, U256::ZERO);
    for payee in payees {
        let newest = payee.cheques.last().ok_or_eyre("a payee without cheques")?;
        let cashed = cash::covered(book, newest).await?;
        rows.push(row(payee, &cashed)?);

        count = count.checked_add(payee.count()?).ok_or_eyre("too many cheques")?;
        gas = gas.checked_add(cashed.gas).ok_or_eyre("too much gas")?;
        paid = paid.checked_add(cashed.paid).ok_or_eyre("too much paid")?;
    }

    // The chain counts for itself how many transactions each of the two senders sent.
    let opening = book.transactions(book.owner).await?;
    let cashing = book.transactions(book.cashier).await?;
    equal("transactions of the owner", opening, 2)?;
    equal("transactions of the third party", usize::try_from(cashing)?, payees.len())?;
    let transactions = opening.checked_add(cashing).ok_or_eyre("too many transactions")?;
    let left = book.balance().await?;
    equal("balance after cashing, in wei", Some(left), book.deposit.checked_sub(paid))?;

    rows.push(Row { payee: "together", scheme: "", cheques: count, transactions: cashing, gas, paid });
    writeln!(stdout(), "{}", table(&rows))?;
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

fn row(payee: &Payee, cashed: &Cashed) -> eyre::Result<Row> {
    let scheme = match payee.scheme {
        Scheme::Packed => "packed",
        Scheme::Typed => "typed",
    };
    let Cashed { gas, paid } = *cashed;
    Ok(Row { payee: payee.name, scheme, cheques: payee.count()?, transactions: 1, gas, paid })
}

/// Cashes a cheque of one wei more than the balance, and looks at what is left of the chequebook.
async fn overdraw(book: &Book<'_>, payees: &[Payee], settled: U256) -> eyre::Result<()> {
    let last = payees.last().ok_or_eyre("nobody to pay")?;
    let balance = book.balance().await?;
    let amount = last.promised.checked_add(balance).and_then(|all| all.checked_add(U256::ONE));
    let bad = last.cheque(book, amount.ok_or_eyre("too much promised")?).sign(&book.signer).await?;

    let cashed = cash::overdraft(book, &bad).await?;
    let paid = cashed.paid.checked_add(settled).ok_or_eyre("too much paid")?;
    equal("all that was paid, in wei", paid, book.deposit)?;
    writeln!(stdout(), "\noverdraft   a cheque of 1 wei more than the balance pays {} what is left:", last.name)?;
    writeln!(stdout(), "            {} wei, for {} gas", grouped(cashed.paid), grouped(cashed.gas))?;

    let code = cash::check_dead(book, &bad).await?;
    writeln!(stdout(), "dead        balance 0, killable never, still {} bytes of code", grouped(code))?;
    writeln!(stdout(), "refused     a deposit, and the same cheque again, both with Dead()")?;
    Ok(())
}
