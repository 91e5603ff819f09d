//! What the store has of each payer, and what the chain says of it, with as few questions as possible.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, U256},
    providers::{DynProvider, Provider},
};
use chequebook::{Asset, Error as ChequeError, SignedCheque, State, bindings::Chequebook};
use chequebook_wallet::{Error as WalletError, Inbox, Policy};
use futures_util::{StreamExt, future::join_all, stream};

use crate::cli::{
    amount::Units,
    context::{Context, Session},
    exit::Failure,
};

/// How many questions are under way at once.
const AT_ONCE: usize = 16;

alloy::sol! {
    #[sol(rpc)]
    interface Balances {
        function balanceOf(address account) external view returns (uint256);
    }
}

/// The highest cheque of one chequebook to one of our addresses.
pub(crate) struct Line {
    pub(crate) cheque: SignedCheque,
    pub(crate) inbox: Option<Inbox>,
    pub(crate) units: Units,
    pub(crate) acknowledged: Option<U256>,
    /// `None` if the chain does not say.
    pub(crate) uncashed: Option<U256>,
    pub(crate) state: Option<State>,
    /// Why the chequebook cannot be read.
    pub(crate) failure: Option<String>,
}

impl Line {
    /// What is cashed without an overdraft: of two cheques that are kept, the one that the balance covers.
    pub(crate) async fn without_overdraft(mut self) -> Result<Self, WalletError> {
        let Some(inbox) = &self.inbox else { return Ok(self) };
        let Some(cheque) = inbox.cheque_to_cash().await? else { return Ok(self) };
        let less = self.cheque.cheque().amount.saturating_sub(cheque.cheque().amount);
        self.uncashed = self.uncashed.map(|uncashed| uncashed.saturating_sub(less));
        self.cheque = cheque;
        Ok(self)
    }
}

/// All lines, or those of one chequebook. `with_state` asks for the state of each chequebook, too.
pub(crate) async fn lines(
    context: &Context,
    session: &Session,
    payer: Option<Address>,
    with_state: bool,
) -> Result<Vec<Line>, Failure> {
    let mut cheques = session.wallet.received().await?;
    cheques.retain(|cheque| payer.is_none_or(|payer| cheque.cheque().contract == payer));
    let bar = context.progress("asking the chain", None);
    let opened = open(session, &cheques).await?;
    // All of these share one look at the chain.
    let known = opened.iter().map(async |opened| match opened {
        Ok(inbox) => (inbox.acknowledged().await.ok(), Some(inbox.uncashed().await)),
        Err(_) => (None, None),
    });
    let known = join_all(known).await;
    bar.finish_and_clear();
    let states = if with_state { states(&session.provider, &cheques).await } else { BTreeMap::new() };
    let mut units = BTreeMap::new();
    let mut lines = Vec::with_capacity(cheques.len());
    for ((cheque, opened), (acknowledged, uncashed)) in cheques.into_iter().zip(opened).zip(known) {
        let asset = match &opened {
            Ok(inbox) => inbox.terms().form.asset(),
            Err(_) => Asset::Ether,
        };
        let key = match asset {
            Asset::Ether => None,
            Asset::Token(token) => Some(token),
        };
        let units = match units.get(&key) {
            Some(found) => Units::clone(found),
            None => units.entry(key).or_insert(context.units(asset, &session.provider).await?).clone(),
        };
        let (uncashed, asking) = match uncashed.transpose() {
            Ok(uncashed) => (uncashed, None),
            Err(error) => (None, Some(Failure::from(error).message)),
        };
        let (inbox, opening) = match opened {
            Ok(inbox) => (Some(inbox), None),
            Err(error) => (None, Some(Failure::from(error).message)),
        };
        let state = states.get(&cheque.cheque().contract).copied();
        lines.push(Line { cheque, inbox, units, acknowledged, uncashed, state, failure: opening.or(asking) });
    }
    Ok(lines)
}

/// Opens the inboxes of all cheques, whatever their chequebooks pay with. Nothing is cashed by itself.
async fn open(session: &Session, cheques: &[SignedCheque]) -> Result<Vec<Result<Inbox, WalletError>>, Failure> {
    let policy = Policy::default().accept_unproven(true).accept_counterfactual(true);
    let line = |cheque: &SignedCheque| (cheque.cheque().contract, cheque.cheque().beneficiary);
    let all: Vec<_> = cheques.iter().map(line).collect();
    let mut opened = Inbox::open_many(&session.wallet, &all, policy).await?;
    let mut tokens: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
    for (index, one) in opened.iter().enumerate() {
        if let Err(WalletError::Cheque(ChequeError::WrongAsset { found: Asset::Token(token), .. })) = one {
            tokens.entry(*token).or_default().push(index);
        }
    }
    for (token, indexes) in tokens {
        let some: Vec<_> = indexes.iter().filter_map(|index| all.get(*index).copied()).collect();
        let again = Inbox::open_many(&session.wallet, &some, policy.asset(Asset::Token(token))).await?;
        for (index, one) in indexes.into_iter().zip(again) {
            if let Some(slot) = opened.get_mut(index) {
                *slot = one;
            }
        }
    }
    for inbox in opened.iter().flatten() {
        inbox.stop_auto_cash();
    }
    Ok(opened)
}

/// The state of each chequebook that has code, one question each. What is not answered is missing.
async fn states(provider: &DynProvider, cheques: &[SignedCheque]) -> BTreeMap<Address, State> {
    let mut contracts: Vec<Address> = cheques.iter().map(|cheque| cheque.cheque().contract).collect();
    contracts.sort();
    contracts.dedup();
    let asked = contracts.into_iter().map(async |contract| {
        let killable_at = Chequebook::new(contract, provider).killableAt().call().await.ok()?;
        Some((contract, State::of_killable_at(killable_at)))
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(async |found| found).collect().await
}

/// The balance of a chequebook.
pub(crate) async fn balance(provider: &DynProvider, contract: Address, asset: Asset) -> Result<U256, Failure> {
    match asset {
        Asset::Ether => Ok(provider.get_balance(contract).await?),
        Asset::Token(token) => {
            let answer = Balances::new(token, provider).balanceOf(contract).call().await;
            answer.map_err(|_| {
                Failure::new(crate::cli::exit::Exit::Unreachable, format!("token {token} does not answer"))
            })
        }
    }
}
