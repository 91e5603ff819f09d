//! What stands at an address: genuine or not, by its terms or by the chain. Needs no key and no store.

use std::{path::Path, sync::LazyLock};

use alloy::{
    primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256},
    providers::{DynProvider, Provider},
};
use chequebook::{Asset, Cheque, ChequebookContract, Creation, Error as ChequeError, State, factory};
use chequebook_wallet::{Error as WalletError, held};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value as Json;

use super::{
    context::{Context, OpenStore},
    exit::{Exit, Failure},
    files,
    output::{Record, Value},
    payee::balance,
    payer::form_name,
    pinned::Pinned,
    standing::with_state,
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

/// How many questions are under way at once.
const AT_ONCE: usize = 16;

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
    let inspected = inspected(context, &context.chain().await?, address, creation, Owed::InStore).await?;
    context.out.show(&inspected)
}

/// What the cheques that are held still pay.
pub(crate) enum Owed {
    /// Those of the store, which is not open.
    InStore,
    /// This much, as whoever has it open knows.
    Known(Option<U256>),
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
    owed: Owed,
) -> Result<Record, Failure> {
    // All answers are of one block.
    let (node, block) = Pinned::newest(node).await?;
    if let Some((_, name, _)) = CODES.iter().find(|(known, ..)| *known == address) {
        return match code(&node, address).await? {
            Code::Ours => Ok(Record::new()
                .with("address", address)
                .with("genuine", true)
                .with("is", name.as_str())
                .with("block", block)),
            Code::Missing => {
                Err(Failure::new(Exit::WrongChain, format!("{address} is that of {name}, which this chain lacks")))
            }
            Code::Other => {
                Err(Failure::new(Exit::WrongChain, format!("{address} is that of {name}, and has OTHER CODE")))
            }
        };
    }
    // The factory's word counts only if it is our factory.
    match code(&node, factory()).await? {
        Code::Ours => {}
        Code::Missing => return Err(ChequeError::NoCode { contract: factory() }.into()),
        Code::Other => return Err(ChequeError::Unproven { contract: factory() }.into()),
    }
    Ok(chequebook(context, &node, address, creation, owed).await?.with("block", block))
}

async fn chequebook(
    context: &Context,
    node: &DynProvider,
    address: Address,
    creation: Option<Creation>,
    owed: Owed,
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
        Some(creation) => Some(ChequebookContract::of(node.clone(), &creation, asset).await?),
        None => match ChequebookContract::at(node.clone(), address, asset).await {
            // Before Cancun, nothing is left of a dead one but the factory's record.
            Err(ChequeError::Dead { .. }) => None,
            found => Some(found?),
        },
    };
    let (terms, state) = match &book {
        Some(book) => (Some(book.terms()), book.state().await?),
        None => (None, State::Dead),
    };
    let form = terms.map_or_else(|| known.map(|known| known.form), |terms| Some(terms.form));
    let record = record
        .with("form", form.map(form_name))
        .with("asset", asset.to_string())
        .with("owner", terms.map(|terms| terms.owner))
        .with("signer", terms.map(|terms| terms.effective_signer()))
        .with("noticeSeconds", terms.map(|terms| u64::from(terms.notice_period)));
    let record = with_state(record, state);
    let (units, balance) = (context.units(asset, node).await?, balance(node, address, asset).await?);
    let record = record.amount("balance", balance, &units);
    let uncashed = match (owed, &book) {
        (Owed::Known(uncashed), _) => uncashed,
        (Owed::InStore, Some(book)) => uncashed(context, book, state).await?,
        (Owed::InStore, None) => None,
    };
    Ok(match uncashed {
        Some(uncashed) => record.amount("uncashed", uncashed, &units).with("covered", uncashed <= balance),
        None => record.with("uncashed", Value::Nothing).with("covered", Value::Nothing),
    })
}

/// What the cheques of a chequebook still pay that the store here holds. `None` if it holds none, or cannot be read: whoever
/// has no store, or whose `watch` has it open, is told what the chain shows all the same.
async fn uncashed(
    context: &Context,
    book: &ChequebookContract<DynProvider>,
    state: State,
) -> Result<Option<U256>, Failure> {
    let path = context.store_path()?;
    if !path.exists() {
        return Ok(None);
    }
    let read = async {
        let store = context.store(OpenStore::Existing)?;
        Ok::<_, Failure>(held(store, book.address(), context.profile()?.id).await?)
    };
    let cheques = match read.await {
        Ok(cheques) if cheques.is_empty() => return Ok(None),
        Ok(cheques) => cheques,
        Err(failure) => {
            context.out.note(&format!("whether it is covered is not known: {}", failure.message));
            return Ok(None);
        }
    };
    let owed = cheques.into_iter().map(|cheque| {
        let (Cheque { beneficiary, amount, .. }, book) = (*cheque.cheque(), book.clone());
        async move {
            let sent = match state {
                State::NotDeployed => U256::ZERO,
                _ => book.sent(beneficiary).await?,
            };
            Ok::<_, Failure>(amount.saturating_sub(sent))
        }
    });
    let owed: Vec<U256> = stream::iter(owed).buffered(AT_ONCE).try_collect().await?;
    let sum = owed.into_iter().try_fold(U256::ZERO, U256::checked_add);
    sum.map(Some).ok_or_else(|| WalletError::Overflow.into())
}

#[cfg(test)]
mod tests {
    use chequebook::clearing_house;

    use super::*;

    #[test]
    fn knows_the_single_contracts() {
        assert_eq!(CODES.len(), 4);
        for contract in [factory(), clearing_house()] {
            assert!(CODES.iter().any(|(address, ..)| *address == contract), "{contract}");
        }
    }
}
