//! Many calls in few questions, through Multicall3 where the chain has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use alloy::{
    primitives::{Address, Bytes, U256, address},
    sol,
    sol_types::SolCall,
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};

use super::node::{AT_ONCE, Chain, Head};
use crate::{
    Error,
    answer::{FailureKind, NodeFailure},
};

/// From how many calls on it is asked whether the chain has Multicall3.
const WORTH_A_BATCH: usize = 8;
/// How often a question that was refused is halved before the rest has to wait for the next block.
const HALVINGS: u32 = 3;

/// How often at most the calls of a token that failed are asked again without the first of them, which may have used up
/// the gas of the others.
const SUSPECTS: u32 = 3;

/// Multicall3, which stands at this address on most chains. It is only read.
const MULTICALL: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

sol! {
    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }
    struct Answer3 {
        bool success;
        bytes returnData;
    }
    function aggregate3(Call3[] calls) returns (Answer3[] answers);
    function getEthBalance(address account) returns (uint256 balance);
}

/// A call of a contract without a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    contract: Address,
    input: Bytes,
    company: Company,
}

/// With which others a call may be in one question: what code that is not ours does with it must not harm them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Company {
    /// With all that only run our own code.
    Ours,
    /// With those of the same token, which somebody chose.
    Token(Address),
    /// With none: a contract that we do not know could use up the gas of others.
    Alone,
}

impl Call {
    pub(crate) fn new(contract: Address, call: impl SolCall) -> Self {
        Self { contract, input: call.abi_encode().into(), company: Company::Ours }
    }

    /// A call that answers with the ether of an account, in wei.
    pub(super) fn ether_of(account: Address) -> Self {
        Self::new(MULTICALL, getEthBalanceCall { account })
    }

    pub(super) fn alone(self) -> Self {
        Self { company: Company::Alone, ..self }
    }

    /// Only in one question with others of this token, unless it must be alone.
    pub(super) fn among(self, token: Address) -> Self {
        Self { company: Company::Token(token).max(self.company), ..self }
    }
}

impl Chain {
    /// Calls contracts at one block, each with one answer, in as few questions as possible. A failure of one question is
    /// no failure of the others.
    pub(crate) async fn read_many(&self, calls: Vec<Call>, block: &Head) -> Vec<Result<Bytes, Error>> {
        let mut answers: Vec<Option<Result<Bytes, Error>>> = Vec::new();
        answers.resize_with(calls.len(), || None);
        let mut companies: BTreeMap<Company, Vec<(usize, Call)>> = BTreeMap::new();
        for (index, call) in calls.into_iter().enumerate() {
            companies.entry(call.company).or_default().push((index, call));
        }
        let shared = companies.iter().filter(|(company, _)| **company != Company::Alone).map(|(_, calls)| calls.len());
        let (shared, most) =
            shared.fold((0_usize, 0), |(sum, most), calls| (sum.saturating_add(calls), most.max(calls)));
        let is_batched = most > 1 && self.has_multicall(shared, block).await;
        let size = if is_batched { self.batching.limit.load(Ordering::Relaxed).max(1) } else { 1 };
        let chunks = companies.into_iter().flat_map(|(company, calls)| {
            let size = if company == Company::Alone { 1 } else { size };
            calls.chunks(size).map(|chunk| (company, chunk.to_vec())).collect::<Vec<_>>()
        });
        let questions = chunks.map(|(company, chunk)| {
            let (indexes, calls): (Vec<_>, Vec<_>) = chunk.into_iter().unzip();
            let answers = async move {
                match company {
                    Company::Token(_) => self.read_token(calls, block).await,
                    Company::Ours | Company::Alone => self.read_chunk(calls, block, HALVINGS).await,
                }
            };
            async move { (indexes, answers.await) }
        });
        let mut questions = stream::iter(questions.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        while let Some((indexes, chunk)) = questions.next().await {
            for (index, answer) in indexes.into_iter().zip(chunk) {
                if let Some(place) = answers.get_mut(index) {
                    *place = Some(answer);
                }
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Err(Error::NotGenuine { contract: MULTICALL }))).collect()
    }

    /// The calls of one token, whose code can use up the gas of those behind: the first of those that failed may have,
    /// so the others are asked again without it.
    async fn read_token(&self, calls: Vec<Call>, block: &Head) -> Vec<Result<Bytes, Error>> {
        let mut answers = self.read_chunk(calls.clone(), block, HALVINGS).await;
        let mut suspects = BTreeSet::new();
        for _ in 0..SUSPECTS {
            let failed = answers
                .iter()
                .enumerate()
                .filter(|(index, answer)| matches!(answer, Err(Error::NotGenuine { .. })) && !suspects.contains(index));
            let failed: Vec<usize> = failed.map(|(index, _)| index).collect();
            let Some((first, others)) = failed.split_first().filter(|(_, others)| !others.is_empty()) else { break };
            suspects.insert(*first);
            let again = others.iter().filter_map(|index| calls.get(*index).cloned()).collect();
            for (index, answer) in others.iter().zip(self.read_chunk(again, block, HALVINGS).await) {
                if let Some(place) = answers.get_mut(*index) {
                    *place = answer;
                }
            }
        }
        answers
    }

    async fn read_one(&self, call: &Call, block: &Head) -> Result<Bytes, Error> {
        // Without the contract that answers many calls, a balance is another question.
        match getEthBalanceCall::abi_decode(&call.input) {
            Ok(balance) if call.contract == MULTICALL => {
                let balance: U256 = self.balance(balance.account, block.id()).await?;
                Ok(balance.to_be_bytes::<32>().into())
            }
            _ => self.call(call.contract, call.input.clone(), block.id()).await,
        }
    }

    /// One question, with one answer for each call. What is too much for this node is halved.
    fn read_chunk<'a>(
        &'a self,
        chunk: Vec<Call>,
        block: &'a Head,
        halvings: u32,
    ) -> BoxFuture<'a, Vec<Result<Bytes, Error>>> {
        async move {
            if let [call] = chunk.as_slice() {
                let answer = self.read_one(call, block).await;
                // Otherwise questions that shrank to one call would never grow again.
                if answer.is_ok() && call.company == Company::Ours {
                    self.batching.succeed(1);
                }
                return vec![answer];
            }
            // What a token does is no reason to ask for less of ours.
            let is_ours = chunk.iter().all(|call| call.company == Company::Ours);
            let one = |call: &Call| Call3 { target: call.contract, allowFailure: true, callData: call.input.clone() };
            let call = aggregate3Call { calls: chunk.iter().map(one).collect() };
            let error = match self.read(MULTICALL, call, block.id()).await {
                Ok(answers) if answers.len() == chunk.len() => {
                    if is_ours {
                        self.batching.succeed(chunk.len());
                    }
                    let answer = |(answer, call): (Answer3, Call)| {
                        let failed = Error::NotGenuine { contract: call.contract };
                        if answer.success { Ok(answer.returnData) } else { Err(failed) }
                    };
                    return answers.into_iter().zip(chunk).map(answer).collect();
                }
                Ok(_) => Error::NotGenuine { contract: MULTICALL },
                Err(error) => error,
            };
            let is_too_much = matches!(
                error,
                Error::NotGenuine { .. } | Error::Rpc { failure: NodeFailure { kind: FailureKind::Answered, .. }, .. }
            );
            // What timed out is not asked again at once, but in smaller questions with the next block.
            if is_ours && (is_too_much || matches!(error, Error::RpcTimeout { .. })) {
                self.batching.fail(chunk.len());
            }
            match halvings.checked_sub(1).filter(|_| is_too_much) {
                Some(left) => {
                    let mut first = chunk;
                    let second = first.split_off(first.len() / 2);
                    let (mut answers, rest) =
                        tokio::join!(self.read_chunk(first, block, left), self.read_chunk(second, block, left));
                    answers.extend(rest);
                    answers
                }
                None => chunk.iter().map(|_| Err(error.again())).collect(),
            }
        }
        .boxed()
    }

    /// Whether it is worth it, and the chain has it. Once it was seen, one answer without its code is no reason to ask
    /// hundreds of questions.
    async fn has_multicall(&self, calls: usize, block: &Head) -> bool {
        if self.batching.is_there.load(Ordering::Relaxed) {
            return true;
        }
        if calls < WORTH_A_BATCH {
            return false;
        }
        let found = self.code(MULTICALL, block.id()).await.is_ok_and(|code| !code.is_empty());
        self.batching.is_there.fetch_or(found, Ordering::Relaxed);
        found
    }
}
