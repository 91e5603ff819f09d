//! Cashing on the chain, and all its effects: balances, `sent`, events, and what a dead chequebook refuses.

use alloy::{
    contract::CallBuilder,
    primitives::{Address, Bytes, U256},
    rpc::types::TransactionReceipt,
};
use chequebook::{
    Cheque, Overdraft, Scheme, SignedCheque,
    bindings::Chequebook::{self, Overdraft as OverdraftEvent},
};
use chequebook_wallet::{Error, Inbox, Transaction};
use eyre::{OptionExt, WrapErr, bail};

use super::book::Book;
use crate::check::equal;

/// The result of a cashed cheque.
pub(crate) struct Cashed {
    /// In wei.
    pub(crate) paid: U256,
    pub(crate) gas: u64,
}

/// The chequebook and a beneficiary before a cheque is cashed. All in wei.
struct Before {
    sender: U256,
    book: U256,
    beneficiary: U256,
    sent: U256,
}

impl Before {
    async fn look(book: &Book<'_>, beneficiary: Address) -> eyre::Result<Self> {
        Ok(Self {
            sender: book.chain.balance(book.payee.account()).await?,
            book: book.balance().await?,
            beneficiary: book.chain.balance(beneficiary).await?,
            sent: book.sent(beneficiary).await?,
        })
    }
}

/// Cashes the latest cheque of an inbox, which the balance covers: its beneficiary gets all that was not yet sent.
pub(crate) async fn covered(book: &Book<'_>, inbox: &Inbox) -> eyre::Result<Cashed> {
    let before = Before::look(book, inbox.beneficiary()).await?;
    let due = inbox.uncashed().await?;
    let cash = inbox.cash(Overdraft::Refuse).await.wrap_err("cashing")?;
    let receipt = check(book, &cash, inbox.beneficiary(), &before, due).await?;
    equal("number of events", receipt.logs().len(), 1)?;
    equal("killableAt", book.contract.killableAt().call().await?, U256::ZERO)?;
    equal("uncashed, in wei", inbox.uncashed().await?, U256::ZERO)?;
    Ok(Cashed { paid: due, gas: receipt.gas_used })
}

/// A cheque over more than is available. The wallet does not issue it, so it is signed directly with the key.
pub(crate) async fn uncovered(
    book: &Book<'_>,
    inbox: &Inbox,
    more: U256,
    scheme: Scheme,
) -> eyre::Result<SignedCheque> {
    let available = book.chequebook.balance().await?.available;
    match book.chequebook.outbox(inbox.beneficiary(), scheme).issue(more).await {
        Err(Error::InsufficientDeposit { available: found, .. }) => equal("available, in wei", found, available)?,
        issued => bail!("issuing {more} wei of {available}: {issued:?}"),
    }
    let promised = inbox.latest_cheque().await?.ok_or_eyre("no cheque was received")?;
    let amount = promised.cheque().amount.checked_add(more).ok_or_eyre("too much promised")?;
    let cheque = Cheque { amount, scheme, ..*promised.cheque() };
    Ok(cheque.sign(&book.chain.signer(0)?).await?)
}

/// Cashes a cheque that the balance does not cover, with consent: its beneficiary gets the balance, and the chequebook
/// dies.
pub(crate) async fn overdraft(book: &Book<'_>, inbox: &Inbox, bad: &SignedCheque) -> eyre::Result<Cashed> {
    let before = Before::look(book, inbox.beneficiary()).await?;
    let owed = bad.cheque().amount.checked_sub(before.sent).ok_or_eyre("the cheque is stale")?;
    match inbox.receive(bad).await {
        Err(Error::NotCovered { balance, uncashed, .. }) => {
            equal("balance that does not cover the cheque, in wei", balance, before.book)?;
            equal("uncashed with the cheque, in wei", uncashed, owed)?;
        }
        received => bail!("a cheque that is not covered: {received:?}"),
    }
    match book.payee.cashing().cash(bad, Overdraft::Refuse).await {
        Err(Error::WouldBounce { pays, owed: found }) => {
            equal("would pay, in wei", pays, before.book)?;
            equal("owed, in wei", found, owed)?;
        }
        cashed => bail!("an overdraft without consent: {cashed:?}"),
    }

    let cash = book.payee.cashing().cash(bad, Overdraft::Consent).await.wrap_err("cashing")?;
    let receipt = check(book, &cash, inbox.beneficiary(), &before, before.book).await?;
    equal("number of events", receipt.logs().len(), 2)?;
    let event = receipt.decoded_log::<OverdraftEvent>().ok_or_eyre("no Overdraft event")?;
    equal("contract of the Overdraft event", event.address, book.address)?;
    equal("Overdraft event", event.data, OverdraftEvent { deadbeat: book.payer.account() })?;
    Ok(Cashed { paid: before.book, gas: receipt.gas_used })
}

/// Checks that `due`, in wei, and nothing else moved from the chequebook to the beneficiary.
async fn check(
    book: &Book<'_>,
    cash: &Transaction,
    beneficiary: Address,
    before: &Before,
    due: U256,
) -> eyre::Result<TransactionReceipt> {
    let receipt = book.chain.follow(cash, book.payee.account(), before.sender, U256::ZERO).await.wrap_err("cashing")?;
    equal("whether the chequebook has code", book.code_size().await? > 0, true)?;

    let after = Before::look(book, beneficiary).await?;
    equal("balance of the chequebook, in wei", Some(after.book), before.book.checked_sub(due))?;
    equal("balance of the beneficiary, in wei", Some(after.beneficiary), before.beneficiary.checked_add(due))?;
    equal("sent to the beneficiary, in wei", Some(after.sent), before.sent.checked_add(due))?;

    let event = receipt.decoded_log::<Chequebook::Cashed>().ok_or_eyre("no Cashed event")?;
    equal("contract of the Cashed event", event.address, book.address)?;
    equal("Cashed event", event.data, Chequebook::Cashed { beneficiary, paid: due })?;
    Ok(receipt)
}

/// Checks that the chequebook is dead for both sides, and refuses a deposit and, again, the `bad` cheque that killed
/// it. Returns the size of the code that is left, in bytes.
pub(crate) async fn check_dead(book: &Book<'_>, inbox: &Inbox, bad: &SignedCheque) -> eyre::Result<usize> {
    equal("balance of the dead chequebook, in wei", book.balance().await?, U256::ZERO)?;
    equal("killableAt of the dead chequebook", book.contract.killableAt().call().await?, U256::MAX)?;
    refuses(book, Bytes::new(), U256::ONE).await.wrap_err("a deposit to the dead chequebook")?;
    refuses(book, bad.calldata(Overdraft::Consent), U256::ZERO)
        .await
        .wrap_err("the overdrawn cheque, a second time")?;

    book.payer.refresh().await?;
    book.payee.refresh().await?;
    let said = [
        ("issue", book.chequebook.outbox(inbox.beneficiary(), Scheme::Packed).issue(U256::ONE).await.err()),
        ("deposit", book.chequebook.deposit(U256::ONE).await.err()),
        ("receive", inbox.receive(bad).await.err()),
        ("cash", book.payee.cashing().cash(bad, Overdraft::Consent).await.err()),
    ];
    for (what, error) in said {
        equal(format!("whether {what} says that it is dead"), matches!(error, Some(Error::Dead { .. })), true)?;
    }
    book.code_size().await
}

/// Checks that the chequebook reverts with `Dead()`.
async fn refuses(book: &Book<'_>, input: Bytes, value: U256) -> eyre::Result<()> {
    let provider = book.chain.provider();
    let call = CallBuilder::new_raw(provider, input).to(book.address).from(book.payee.account()).value(value);
    let Err(error) = call.call().await else { bail!("accepted, expected Dead()") };
    match error.as_decoded_error::<Chequebook::Dead>() {
        Some(Chequebook::Dead {}) => Ok(()),
        None => Err(error).wrap_err("expected Dead()"),
    }
}
