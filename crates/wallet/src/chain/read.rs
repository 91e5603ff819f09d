//! What chequebooks are and have paid, read with as few questions as possible.

use std::{collections::HashMap, sync::Arc};

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use chequebook::{
    Asset, State,
    bindings::{
        Chequebook::{killableAtCall, sentCall},
        ChequebookFactory::recordCall,
    },
    factory,
};
use tokio::time::Instant;

use super::{
    blocks::{Look, Ticket},
    calls::Call,
    node::{Chain, Head, record_of},
    token::{balance_call, balance_in},
    watched::{Seen, Sent, WatchedChequebook},
    watcher::ChainWatcher,
};
use crate::{Error, error::Unit};

/// What is to be read of one chequebook.
pub(super) struct Wanted {
    pub(super) contract: Address,
    /// Whose payments.
    pub(super) beneficiaries: Vec<Address>,
    /// Whether its code is known to be ours. What another one does with a question must not harm the others.
    pub(super) is_proven: bool,
    /// What it pays with.
    pub(super) asset: Asset,
}

impl Wanted {
    fn of(watched: &WatchedChequebook) -> Self {
        Self {
            contract: watched.contract,
            beneficiaries: watched.beneficiaries(),
            is_proven: watched.is_proven(),
            asset: watched.asset(),
        }
    }
}

impl ChainWatcher {
    /// Reads chequebooks with as few questions as possible, each at the blocks of `look`.
    pub(super) async fn read_all(
        &self,
        all: &[Arc<WatchedChequebook>],
        look: Look,
    ) -> Vec<(Arc<WatchedChequebook>, Result<Seen, Error>)> {
        let wanted: Vec<_> = all.iter().map(|watched| Wanted::of(watched)).collect();
        let mut seen = read(&self.chain, &wanted, look).await;
        for (watched, seen) in all.iter().zip(&mut seen) {
            if let (Some(expected), Ok(known)) = (&watched.unproven, &mut *seen) {
                match self.chain.code(watched.contract, look.head.id()).await {
                    Ok(code) if code == *expected => {}
                    Ok(_) => known.state = State::Dead,
                    Err(error) => *seen = Err(error),
                }
            }
            if let Ok(new) = seen {
                // Without the balance at the final block, the one before counts.
                if new.confirmed_balance.is_none() {
                    (new.confirmed, new.confirmed_balance) =
                        watched.read(|before| (Arc::clone(&before.confirmed), before.confirmed_balance));
                }
                // Before Cancun, the memory of a dead one is erased.
                if new.state == State::Dead {
                    watched.read(|before| new.keep_sent(before));
                }
                if let Err(error) = self.check_history(watched, new).await {
                    *seen = Err(error);
                }
            }
        }
        all.iter().cloned().zip(seen).collect()
    }

    /// What the rules of the contract exclude is a lie, unless the chain was reorganised.
    async fn check_history(&self, watched: &WatchedChequebook, new: &Seen) -> Result<(), Error> {
        let asset = watched.asset();
        let (before, what) = watched.read(|before| (*before.head, contradiction(before, new, asset)));
        let Some(what) = what.filter(|_| watched.is_proven()) else { return Ok(()) };
        if self.chain.block(before.number).await?.hash != before.hash {
            return Ok(());
        }
        // One of the two is wrong: what the node says of the earlier block now tells which.
        let look = Look { head: before, confirmed: before, branch: 0, began: Ticket(0), at: Instant::now() };
        let mut again = read(&self.chain, &[Wanted::of(watched)], look).await;
        match again.pop() {
            Some(Ok(again)) if contradiction(&again, new, asset).is_none() => Ok(()),
            _ => Err(Error::Contradiction { contract: watched.contract, what }),
        }
    }
}

/// What of `new` cannot follow from `before` on one chain.
fn contradiction(before: &Seen, new: &Seen, asset: Asset) -> Option<String> {
    match (before.state, new.state) {
        (State::Dead, State::Dead) | (State::NotDeployed, _) => {}
        (State::Dead, state) | (_, state @ State::NotDeployed) => {
            return Some(format!("it was {:?}, and is {state:?}", before.state));
        }
        _ => {}
    }
    let fell = new.sent.iter().find(|(beneficiary, sent)| before.sent(**beneficiary) > sent.amount);
    fell.map(|(beneficiary, sent)| {
        format!("it sent {} {} to {beneficiary}, and now {}", before.sent(*beneficiary), Unit(asset), sent.amount)
    })
}

/// What chequebooks are and have paid, at the blocks of `look`. A failure of one is none of the others.
pub(super) async fn read(chain: &Chain, wanted: &[Wanted], look: Look) -> Vec<Result<Seen, Error>> {
    let Look { head, confirmed, began, .. } = look;
    let mut calls = Vec::new();
    for Wanted { contract, beneficiaries, is_proven, asset } in wanted {
        let mut ask = |call: Call| calls.push(if *is_proven { call } else { call.alone() });
        ask(Call::new(*contract, killableAtCall {}));
        ask(balance_call(*contract, *asset));
        beneficiaries.iter().for_each(|&beneficiary| ask(sent_call(*contract, beneficiary)));
    }
    let balances = wanted.iter().map(|wanted| balance_call(wanted.contract, wanted.asset)).collect();
    let (now, before) = if confirmed.hash == head.hash {
        (chain.read_many(calls, &head).await, None)
    } else {
        let (now, before) = tokio::join!(chain.read_many(calls, &head), chain.read_many(balances, &confirmed));
        (now, Some(before))
    };

    // One copy for all that are read at these blocks.
    let (shared_head, shared_confirmed) = (Arc::new(head), Arc::new(confirmed));
    let mut now = now.into_iter();
    let mut before = before.map(Vec::into_iter);
    let mut all = Vec::with_capacity(wanted.len());
    for Wanted { contract, beneficiaries, .. } in wanted {
        let mut next = || now.next().unwrap_or(Err(Error::NotGenuine { contract: *contract }));
        let (killable_at, balance) = (next(), next());
        let sent: Vec<_> = beneficiaries.iter().map(|&beneficiary| (beneficiary, next())).collect();
        let confirmed_balance = before.as_mut().and_then(Iterator::next);
        let (newest, final_block) = (Arc::clone(&shared_head), Arc::clone(&shared_confirmed));
        all.push(async move {
            let state = state_of(chain, *contract, &killable_at?, &head).await?;
            let balance = balance_in(*contract, &balance?)?;
            // Old state may be pruned: then the newest counts all the same.
            let confirmed_balance = match confirmed_balance {
                // A token that was not there yet.
                Some(Ok(answer)) if answer.is_empty() => Some(U256::ZERO),
                Some(answer) => answer.ok().and_then(|answer| balance_in(*contract, &answer).ok()),
                None => Some(balance),
            };
            let mut paid = HashMap::with_capacity(sent.len());
            for (beneficiary, answer) in sent {
                paid.insert(beneficiary, Sent::read(sent_of(*contract, &answer?)?));
            }
            Ok(Seen {
                began,
                head: newest,
                confirmed: final_block,
                state,
                balance,
                confirmed_balance,
                sent: paid,
                is_partial: false,
            })
        });
    }
    futures_util::future::join_all(all).await
}

pub(super) fn sent_call(contract: Address, beneficiary: Address) -> Call {
    Call::new(contract, sentCall { beneficiary })
}

/// What a contract has sent. One that is not there has sent nothing.
pub(super) fn sent_of(contract: Address, answer: &Bytes) -> Result<U256, Error> {
    if answer.is_empty() {
        return Ok(U256::ZERO);
    }
    sentCall::abi_decode_returns(answer).map_err(|_| Error::NotGenuine { contract })
}

/// An account without code is not deployed, or dead: the factory knows.
async fn state_of(chain: &Chain, contract: Address, killable_at: &Bytes, head: &Head) -> Result<State, Error> {
    if !killable_at.is_empty() {
        let killable_at = killableAtCall::abi_decode_returns(killable_at);
        return Ok(State::of_killable_at(killable_at.map_err(|_| Error::NotGenuine { contract })?));
    }
    let call = vec![Call::new(factory(), recordCall { chequebook: contract })];
    let record = chain.read_many(call, head).await.pop().unwrap_or(Err(Error::NotGenuine { contract }))?;
    if record_of(&record)?.is_none() {
        return Ok(State::NotDeployed);
    }
    // One missing answer ends no chequebook.
    if chain.code(contract, head.id()).await?.is_empty() {
        return Ok(State::Dead);
    }
    Err(Error::Contradiction { contract, what: "it has code, and did not answer".to_owned() })
}
