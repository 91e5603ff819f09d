//! What stands at an address: genuine or not, by its terms or by the chain. Needs no key and no store.

use std::{path::Path, sync::LazyLock};

use alloy::{
    primitives::{Address, B256, KECCAK256_EMPTY, keccak256},
    providers::{DynProvider, Provider},
};
use chequebook::{Asset, ChequebookContract, Creation, Error as ChequeError, Form, Terms, clearing_house, factory};
use serde_json::Value as Json;

use super::{
    context::{Context, direct},
    exit::{Exit, Failure},
    files,
    output::{Record, Value},
    owner::with_state,
};

/// The hashes of the code of the contracts of which each chain has one, by their addresses: what `make bindings` wrote.
static CODES: LazyLock<Vec<(Address, String, B256)>> = LazyLock::new(|| {
    let all: Json = serde_json::from_str(include_str!("../../deployments.json")).unwrap_or_default();
    let contracts = all.get("contracts").and_then(Json::as_object).into_iter().flatten();
    let known = contracts.filter_map(|(name, contract)| {
        let text = |field: &str| contract.get(field)?.as_str();
        Some((text("address")?.parse().ok()?, name.clone(), text("codeHash")?.parse().ok()?))
    });
    known.collect()
});

/// What the code of a contract that each chain has once is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Ours,
    Missing,
    Other,
}

/// Compares the code at the address of one of our single contracts with ours.
pub(crate) async fn code(node: &DynProvider, contract: Address) -> Result<Code, Failure> {
    let found = keccak256(node.get_code_at(contract).await?);
    let expected = CODES.iter().find(|(address, ..)| *address == contract).map(|(.., hash)| *hash);
    Ok(match (found, expected) {
        (KECCAK256_EMPTY, _) => Code::Missing,
        (found, Some(expected)) if found == expected => Code::Ours,
        _ => Code::Other,
    })
}

/// `verify`: success if the address is genuine, which a dead chequebook is, too.
pub(crate) async fn run(context: &Context, address: Address, creation: Option<&Path>) -> Result<(), Failure> {
    let creation = creation.map(files::creation).transpose()?;
    // What the terms prove, no node can deny.
    if let Some(creation) = &creation {
        let expected = creation.address(context.profile()?.id)?;
        if expected != address {
            let message = format!("address {address} is not that of this creation, expected {expected}");
            return Err(Failure::new(Exit::WrongChain, message));
        }
    }
    let inspected = inspected(context, &context.chain().await?, address, creation).await?;
    context.out.show(&inspected)
}

/// What stands at an address.
///
/// # Errors
///
/// [`Exit::WrongChain`] if that is nothing of ours.
pub(crate) async fn inspected(
    context: &Context,
    node: &DynProvider,
    address: Address,
    creation: Option<Creation>,
) -> Result<Record, Failure> {
    if let Some((_, name, _)) = CODES.iter().find(|(known, ..)| *known == address) {
        return match code(node, address).await? {
            Code::Ours => Ok(Record::new().with("address", address).with("genuine", true).with("is", name.as_str())),
            Code::Missing => {
                Err(Failure::new(Exit::WrongChain, format!("{address} is that of {name}, which this chain lacks")))
            }
            Code::Other => {
                Err(Failure::new(Exit::WrongChain, format!("{address} is that of {name}, and has OTHER CODE")))
            }
        };
    }
    // The factory's word counts only if it is our factory.
    match code(node, factory()).await? {
        Code::Ours => {}
        Code::Missing => return Err(ChequeError::NoCode { contract: factory() }.into()),
        Code::Other => return Err(ChequeError::Unproven { contract: factory() }.into()),
    }
    chequebook(context, node, address, creation).await
}

async fn chequebook(
    context: &Context,
    node: &DynProvider,
    address: Address,
    creation: Option<Creation>,
) -> Result<Record, Failure> {
    let known = ChequebookContract::record(node, address).await?;
    let record = Record::new().with("address", address).with("genuine", true);
    let record = match (&creation, &known) {
        (Some(_), _) => record.with("proof", "the address follows from the creation: no node can fake that"),
        (None, Some(_)) => record.with("proof", "the factory's record, as this node shows it"),
        (None, None) => {
            let advice = "deposit nothing and accept no cheque; if it is counterfactual, --creation proves it";
            return Err(Failure::from(ChequeError::Unproven { contract: address }).during(advice));
        }
    };
    let asset = match (&creation, &known) {
        (Some(creation), _) => creation.terms.form.asset(),
        (None, Some(known)) => known.form.asset(),
        (None, None) => Asset::Ether,
    };
    let record = record.with("createdAtBlock", known.map(|known| known.born_at));
    let book = match creation {
        Some(creation) => ChequebookContract::of(node.clone(), &creation, asset).await?,
        None => match ChequebookContract::at(node.clone(), address, asset).await {
            Err(ChequeError::Dead { .. }) => {
                return Ok(record.with("asset", asset.to_string()).with("state", "dead").with("erased", true));
            }
            found => found?,
        },
    };
    let units = context.units(asset, node).await?;
    let record = terms(record, &book.terms());
    let record = with_state(record, book.state().await?);
    Ok(record.amount("balance", book.balance().await?, &units))
}

fn terms(record: Record, terms: &Terms) -> Record {
    let form = match terms.form {
        Form::Direct => "direct",
        Form::Clone => "clone",
        Form::Token(_) => "token",
    };
    record
        .with("form", form)
        .with("asset", terms.form.asset().to_string())
        .with("owner", terms.owner)
        .with("signer", terms.effective_signer())
        .with("noticeSeconds", Value::Number(terms.notice_period.into()))
}

/// `deploy`: factory and clearing house, where they are missing. No wallet: who deploys has none yet.
pub(crate) async fn deploy(context: &Context) -> Result<(), Failure> {
    let node = context.chain().await?;
    let all = [("factory", factory()), ("clearingHouse", clearing_house())];
    let mut record = Record::new().with("action", "deploy");
    let mut is_missing = false;
    for (name, contract) in all {
        match code(&node, contract).await? {
            Code::Other => {
                return Err(Failure::new(Exit::WrongChain, format!("{contract} has other code than the {name}")));
            }
            Code::Missing => is_missing = true,
            Code::Ours => {}
        }
        record = record.with(name, contract);
    }
    if is_missing {
        let account = context.account().await?;
        if !context.consent(&record.clone().with("account", account.address())).await? {
            return Ok(());
        }
        chequebook::deploy(&direct(&node, &account)).await?;
    }
    context.out.show(&record.with("status", if is_missing { "deployed" } else { "was there already" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_single_contracts() {
        assert_eq!(CODES.len(), 4);
        for contract in [factory(), clearing_house()] {
            assert!(CODES.iter().any(|(address, ..)| *address == contract), "{contract}");
        }
    }
}
