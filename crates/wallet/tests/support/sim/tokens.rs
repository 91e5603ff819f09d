//! ERC-20 tokens: honest, unless a test says how they misbehave.

use std::collections::BTreeSet;

use alloy::{
    primitives::{Address, Bytes, U256, keccak256},
    sol,
    sol_types::{SolCall, SolInterface, SolValue},
};

use super::{
    Sim,
    blocks::BLOCK_GAS,
    state::{Environment, Message, Outcome, State},
};

sol! {
    interface Erc20 {
        function balanceOf(address account) returns (uint256 balance);
        function transfer(address to, uint256 amount) returns (bool success);
    }
}

/// How a token misbehaves. The default is honest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// How many hundredths of a transfer do not arrive.
    pub(crate) fee: u64,
    /// Reverts each transfer.
    pub(crate) refuses: bool,
    /// Reverts each transfer in a block, though a call or an estimate of it succeeds.
    pub(crate) refuses_in_blocks: bool,
    /// Reverts transfers to and from these.
    pub(crate) blocked: BTreeSet<Address>,
    /// Moves nothing, and returns false.
    pub(crate) returns_false: bool,
    /// Moves nothing in a block, and returns false there, though a call of it returns true.
    pub(crate) returns_false_in_blocks: bool,
    /// Returns nothing, like USDT.
    pub(crate) silent: bool,
    /// Answers so to each question for a balance.
    pub(crate) answer: Option<Bytes>,
    /// Reverts questions for a balance.
    pub(crate) hides: bool,
    /// Uses up all gas when it is asked for the balance of these.
    pub(crate) burns: BTreeSet<Address>,
}

impl Environment {
    /// Whether a call uses up all gas.
    pub(super) fn burns(&self, target: Address, input: &[u8]) -> bool {
        let asked = Erc20::balanceOfCall::abi_decode(input).map(|call| call.account);
        self.tokens.get(&target).is_some_and(|token| asked.is_ok_and(|account| token.burns.contains(&account)))
    }
}

impl State {
    /// Calls a token.
    pub(super) fn call_token(&mut self, token: Address, message: &Message, environment: &Environment) -> Outcome {
        let behaviour = &environment.tokens[&token];
        if !message.value.is_zero() {
            return Err(Bytes::new());
        }
        let answer = match Erc20::Erc20Calls::abi_decode(&message.input).map_err(|_| Bytes::new())? {
            Erc20::Erc20Calls::balanceOf(call) => {
                if behaviour.hides || behaviour.burns.contains(&call.account) {
                    return Err(Bytes::new());
                }
                match &behaviour.answer {
                    Some(answer) => answer.clone(),
                    None => self.tokens_of(token, call.account).abi_encode().into(),
                }
            }
            Erc20::Erc20Calls::transfer(call) => {
                let Erc20::transferCall { to, amount } = call;
                let in_block = message.gas != BLOCK_GAS;
                let is_blocked = [message.from, to].iter().any(|account| behaviour.blocked.contains(account));
                if behaviour.refuses || is_blocked || (behaviour.refuses_in_blocks && in_block) {
                    return Err(b"refused by the token".as_slice().into());
                }
                if behaviour.returns_false || (behaviour.returns_false_in_blocks && in_block) {
                    return Ok((false.abi_encode().into(), Vec::new()));
                }
                let left = self.tokens_of(token, message.from).checked_sub(amount);
                let left = left.ok_or_else(|| Bytes::from_static(b"too few tokens"))?;
                let balances = self.tokens.entry(token).or_default();
                balances.insert(message.from, left);
                *balances.entry(to).or_default() += amount - amount * U256::from(behaviour.fee) / U256::from(100);
                if behaviour.silent { Bytes::new() } else { true.abi_encode().into() }
            }
        };
        Ok((answer, Vec::new()))
    }

    /// What an account really has of a token.
    pub(super) fn tokens_of(&self, token: Address, account: Address) -> U256 {
        self.tokens.get(&token).and_then(|balances| balances.get(&account)).copied().unwrap_or_default()
    }

    /// What a token tells a contract that it has.
    pub(super) fn told(
        &mut self,
        token: Address,
        account: Address,
        message: &Message,
        environment: &Environment,
    ) -> Result<U256, Bytes> {
        let input = Erc20::balanceOfCall { account }.abi_encode();
        let (answer, _) = self.nested(account, token, input.into(), message, environment)?;
        U256::abi_decode(&answer).map_err(|_| Bytes::new())
    }

    /// A contract pays with a token. False if that fails in one way or another.
    pub(super) fn pay_tokens(
        &mut self,
        (token, from, to): (Address, Address, Address),
        amount: U256,
        message: &Message,
        environment: &Environment,
    ) -> bool {
        if amount.is_zero() {
            return true; // it makes no transfer of nothing
        }
        let input = Erc20::transferCall { to, amount }.abi_encode();
        let outcome = self.nested(from, token, input.into(), message, environment);
        outcome.is_ok_and(|(answer, _)| answer.is_empty() || bool::abi_decode(&answer) == Ok(true))
    }
}

impl Sim {
    /// Deploys an honest token.
    pub(crate) fn token(&self, name: &str) -> Address {
        let token = Address::from_word(keccak256(name));
        self.lock().environment.tokens.insert(token, Behaviour::default());
        token
    }

    /// Changes how a token behaves, in all blocks at once.
    pub(crate) fn behave(&self, token: Address, change: impl FnOnce(&mut Behaviour)) {
        change(self.lock().environment.tokens.get_mut(&token).expect("a token"));
    }

    /// Gives tokens to an account, in a block of its own.
    pub(crate) fn mint(&self, token: Address, account: Address, amount: u64) {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        *block.state.tokens.entry(token).or_default().entry(account).or_default() += U256::from(amount);
        chain.push(block);
    }

    /// The issuer takes tokens from an account, in a block of its own, and no event tells it.
    pub(crate) fn seize(&self, token: Address, account: Address, amount: u64) {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        *block.state.tokens.entry(token).or_default().entry(account).or_default() -= U256::from(amount);
        chain.push(block);
    }

    /// What an account really has of a token.
    pub(crate) fn tokens_of(&self, token: Address, account: Address) -> U256 {
        self.at(u64::MAX, |state| state.tokens_of(token, account))
    }

    /// What an account really had of a token at a block.
    pub(crate) fn tokens_at(&self, token: Address, account: Address, block: u64) -> U256 {
        self.at(block, |state| state.tokens_of(token, account))
    }
}
