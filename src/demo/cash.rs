//! Cashing on the chain, and every trace of it: balances, `sent`, events, and what a dead chequebook refuses.

use alloy::{
    contract::CallBuilder,
    network::TransactionBuilder,
    primitives::{Bytes, U256},
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use chequebook::{
    SignedCheque,
    bindings::Chequebook::{self, Overdraft},
};
use eyre::{OptionExt, WrapErr, bail};

use super::book::Book;
use crate::check::equal;

/// What a cashed cheque did.
pub(crate) struct Cashed {
    /// In wei.
    pub(crate) paid: U256,
    pub(crate) gas: u64,
}

/// Cashes a cheque that the balance covers: its beneficiary gets all that was not yet sent.
pub(crate) async fn covered(book: &Book<'_>, signed: &SignedCheque) -> eyre::Result<Cashed> {
    let sent = book.sent(signed.cheque().beneficiary).await?;
    let due = signed.cheque().amount.checked_sub(sent).ok_or_eyre("the cheque is stale")?;

    let receipt = cash(book, signed, due).await?;
    equal("number of events", receipt.logs().len(), 1)?;
    equal("killableAt", book.contract.killableAt().call().await?, U256::ZERO)?;
    Ok(Cashed { paid: due, gas: receipt.gas_used })
}

/// Cashes a cheque that the balance does not cover: its beneficiary gets the balance, and the chequebook dies.
pub(crate) async fn overdraft(book: &Book<'_>, signed: &SignedCheque) -> eyre::Result<Cashed> {
    let balance = book.balance().await?;

    let receipt = cash(book, signed, balance).await?;
    equal("number of events", receipt.logs().len(), 2)?;
    let event = receipt.decoded_log::<Overdraft>().ok_or_eyre("no Overdraft event")?;
    equal("contract of the Overdraft event", event.address, book.address)?;
    equal("Overdraft event", event.data, Overdraft { deadbeat: book.owner })?;
    Ok(Cashed { paid: balance, gas: receipt.gas_used })
}

/// Has the third party cash `signed`, and checks that `due`, in wei, and nothing else moved from the chequebook to the
/// beneficiary.
async fn cash(book: &Book<'_>, signed: &SignedCheque, due: U256) -> eyre::Result<TransactionReceipt> {
    let beneficiary = signed.cheque().beneficiary;
    let before = (book.balance().await?, book.chain.balance(beneficiary).await?, book.sent(beneficiary).await?);
    let request = TransactionRequest::default().with_to(book.address).with_input(signed.calldata());
    let receipt = book.chain.send(book.cashier, request).await.wrap_err("cashing")?;
    equal("whether the chequebook has code", book.code_size().await? > 0, true)?;

    let after = (book.balance().await?, book.chain.balance(beneficiary).await?, book.sent(beneficiary).await?);
    equal("balance of the chequebook, in wei", Some(after.0), before.0.checked_sub(due))?;
    equal("balance of the beneficiary, in wei", Some(after.1), before.1.checked_add(due))?;
    equal("sent to the beneficiary, in wei", Some(after.2), before.2.checked_add(due))?;

    let event = receipt.decoded_log::<Chequebook::Cashed>().ok_or_eyre("no Cashed event")?;
    equal("contract of the Cashed event", event.address, book.address)?;
    equal("Cashed event", event.data, Chequebook::Cashed { beneficiary, paid: due })?;
    Ok(receipt)
}

/// Checks that the chequebook is dead, and refuses a deposit and, once more, the `bad` cheque which killed it. Returns
/// the size of the code that is left, in bytes.
pub(crate) async fn check_dead(book: &Book<'_>, bad: &SignedCheque) -> eyre::Result<usize> {
    equal("balance of the dead chequebook, in wei", book.balance().await?, U256::ZERO)?;
    equal("killableAt of the dead chequebook", book.contract.killableAt().call().await?, U256::MAX)?;
    refuses(book, Bytes::new(), U256::ONE).await.wrap_err("a deposit to the dead chequebook")?;
    refuses(book, bad.calldata(), U256::ZERO).await.wrap_err("the overdrawn cheque, a second time")?;

    book.code_size().await
}

/// Checks that the chequebook reverts with `Dead()`.
async fn refuses(book: &Book<'_>, input: Bytes, value: U256) -> eyre::Result<()> {
    let provider = book.chain.provider();
    let call = CallBuilder::new_raw(provider, input).to(book.address).from(book.cashier).value(value);
    let Err(error) = call.call().await else { bail!("accepted, expected Dead()") };
    match error.as_decoded_error::<Chequebook::Dead>() {
        Some(Chequebook::Dead {}) => Ok(()),
        None => Err(error).wrap_err("expected Dead()"),
    }
}
