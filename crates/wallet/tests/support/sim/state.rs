//! The state of the simulated chain, and a second implementation of the chequebook's rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Deref, DerefMut},
    sync::Arc,
};

use alloy::{
    eips::eip7702::SignedAuthorization,
    primitives::{Address, Bytes, FixedBytes, Log, LogData, U256, address, bytes},
    sol_types::{SolCall, SolError, SolEvent, SolInterface},
};
use chequebook::{
    Cheque, DEPLOYER, Scheme, SignedCheque,
    bindings::Chequebook::{
        BornThisBlock, Cashed, ChequebookCalls, Dead, InvalidBeneficiary, InvalidSignature, KillAnnounced,
        KillCancelled, Killed, NotAnnounced, NotCovered, NotOwner, NoticeRunning, Overdraft, PaymentFailed,
        StaleCheque, killableAtCall, noticePeriodCall, ownerCall, sentCall, signerCall,
    },
    bindings::ChequebookFactory::EtherRefused,
    bindings::TokenChequebook::{NotDead, Reclaimed, reclaimCall},
    clearing_house, deployments, factory,
};

use super::{GAS, tokens::Behaviour};

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const COINBASE: Address = address!("0x00000000000000000000000000000000c01bba5e");
/// Answers many questions in one call.
pub(crate) const MULTICALL: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

/// A chequebook.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    /// As the factory numbers it.
    pub(crate) form: u8,
    pub(crate) owner: Address,
    pub(crate) signer: Address,
    pub(crate) notice: u32,
    /// What it pays with. `None`: ether.
    pub(crate) token: Option<Address>,
    pub(crate) born_at: u64,
    pub(crate) killable_at: U256,
    /// What the contract reports as paid.
    pub(crate) sent: BTreeMap<Address, U256>,
    /// What it really paid.
    pub(crate) paid: BTreeMap<Address, U256>,
}

/// A map of which a copy costs nothing until one of the two is changed.
#[derive(Clone, Debug)]
pub(crate) struct Map<K, V>(Arc<BTreeMap<K, V>>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Deref for Map<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K: Clone, V: Clone> DerefMut for Map<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

/// All accounts at one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) balances: Map<Address, U256>,
    pub(crate) nonces: Map<Address, u64>,
    pub(crate) books: Map<Address, Book>,
    /// The accounts that run the code of another one (EIP-7702).
    pub(crate) delegations: BTreeMap<Address, Address>,
    /// The balances of each token.
    pub(crate) tokens: BTreeMap<Address, BTreeMap<Address, U256>>,
    /// Which of factory and clearing house are not deployed.
    pub(crate) missing: BTreeSet<Address>,
    /// Contracts like those of 2016.
    pub(crate) originals: BTreeMap<Address, Original>,
}

/// A contract like those of 2016.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    pub(crate) owner: Address,
    pub(crate) sent: BTreeMap<Address, U256>,
}

/// What a test decides about all blocks at once.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    /// The accounts that take no payment.
    pub(super) refusing: BTreeSet<Address>,
    /// The tokens that have code, and what it does.
    pub(super) tokens: BTreeMap<Address, Behaviour>,
    /// Whether there is a Multicall3.
    pub(super) multicall: bool,
    /// What contracts see as the number of a block, less the number that nodes tell.
    pub(super) number_offset: i64,
    /// The gas that everything needs.
    pub(super) gas: u64,
}

impl Default for Environment {
    fn default() -> Self {
        Self { refusing: BTreeSet::new(), tokens: BTreeMap::new(), multicall: true, number_offset: 0, gas: GAS }
    }
}

impl Environment {
    /// What contracts see as the number of a block.
    pub(super) fn number(&self, block: u64) -> u64 {
        block.saturating_add_signed(self.number_offset)
    }
}

/// A transaction or a call.
pub(crate) struct Message {
    pub(crate) from: Address,
    pub(crate) to: Option<Address>,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) gas: u64,
    /// The number that contracts see.
    pub(crate) block: u64,
    /// Unix seconds.
    pub(crate) time: u64,
}

/// The answer and the events of a transaction, or why it was refused.
pub(crate) type Outcome = Result<(Bytes, Vec<Log>), Bytes>;

/// `v`, `r` and `s`.
type Signature = (u8, FixedBytes<32>, FixedBytes<32>);

impl State {
    /// In wei.
    pub(crate) fn balance(&self, account: Address) -> U256 {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    /// How many nonces the account has used.
    pub(crate) fn nonce(&self, account: Address) -> u64 {
        self.nonces.get(&account).copied().unwrap_or_default()
    }

    /// Makes the account of each valid authorization run other code. This uses a nonce of the account.
    pub(super) fn delegate(&mut self, list: &[SignedAuthorization]) {
        for authorization in list {
            let Ok(authority) = authorization.recover_authority() else { continue };
            let here = authorization.chain_id().is_zero() || *authorization.chain_id() == U256::from(CHAIN_ID);
            if here && authorization.nonce() == self.nonce(authority) {
                self.nonces.insert(authority, authorization.nonce() + 1);
                self.delegations.insert(authority, *authorization.address());
            }
        }
    }

    /// Moves ether that is there.
    pub(super) fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if value.is_zero() {
            return;
        }
        let left = self.balance(from).checked_sub(value).expect("a transfer that is not covered");
        self.balances.insert(from, left);
        *self.balances.entry(to).or_default() += value;
    }

    /// Executes a message. After an error, nothing is changed.
    pub(super) fn execute(&mut self, message: &Message, environment: &Environment) -> Outcome {
        let mut after = self.clone();
        let outcome = after.run(message, environment)?;
        *self = after;
        Ok(outcome)
    }

    /// Executes a message. After an error, the state is of no use.
    fn run(&mut self, message: &Message, environment: &Environment) -> Outcome {
        let Message { from, to, value, ref input, .. } = *message;
        if self.balance(from) < value {
            return Err(Bytes::new());
        }
        let to = to.ok_or(Bytes::new())?;
        if to == DEPLOYER {
            let deployed = deployments().into_iter().find(|(_, code)| code == input).ok_or(Bytes::new())?.0;
            return if self.missing.remove(&deployed) {
                Ok((deployed.to_vec().into(), Vec::new()))
            } else {
                Err(Bytes::new()) // there is something already
            };
        }
        if self.originals.contains_key(&to) {
            return self.call_original(to, message, environment);
        }
        if self.missing.contains(&to) {
            self.transfer(from, to, value);
            return Ok((Bytes::new(), Vec::new()));
        }
        if to == factory() {
            return self.call_factory(message, environment);
        }
        if to == clearing_house() {
            return self.call_clearing_house(message, environment);
        }
        if to == MULTICALL && environment.multicall {
            return self.call_multicall(message, environment);
        }
        if environment.tokens.contains_key(&to) {
            return self.call_token(to, message, environment);
        }
        if input.is_empty() || !self.books.contains_key(&to) {
            if !value.is_zero() || self.books.contains_key(&to) {
                self.accepts(to, environment)?;
            }
            self.transfer(from, to, value);
            return Ok((Bytes::new(), Vec::new()));
        }
        if !value.is_zero() {
            return Err(Bytes::new()); // no function is payable
        }
        if reclaimCall::abi_decode(input).is_ok() {
            return self.reclaim(to, message, environment);
        }
        self.call(to, message, ChequebookCalls::abi_decode(input).map_err(|_| Bytes::new())?, environment)
    }

    /// What the contracts of 2016 do: what they do not know, or not accept, succeeds and does nothing.
    fn call_original(&mut self, contract: Address, message: &Message, environment: &Environment) -> Outcome {
        self.transfer(message.from, contract, message.value);
        let nothing = || Ok((Bytes::new(), Vec::new()));
        let Ok(call) = ChequebookCalls::abi_decode(&message.input) else { return nothing() };
        let Original { owner, sent } = &self.originals[&contract];
        let sent = |beneficiary| sent.get(&beneficiary).copied().unwrap_or_default();
        if let ChequebookCalls::sent(call) = &call {
            return Ok((sentCall::abi_encode_returns(&sent(call.beneficiary)).into(), Vec::new()));
        }
        let Some((cheque, (v, r, s), false)) = cheque_in(contract, &call) else { return nothing() };
        let Cheque { beneficiary, amount, .. } = cheque;
        let signature = <[u8; 65]>::try_from([r.as_slice(), s.as_slice(), &[v]].concat()).expect("65 bytes");
        let is_signed = SignedCheque::new(cheque, signature).and_then(|signed| signed.verify(*owner)).is_ok();
        let owed = amount.saturating_sub(sent(beneficiary));
        if owed.is_zero() || !is_signed {
            return nothing();
        }
        self.accepts(beneficiary, environment)?;
        let balance = self.balance(contract);
        if owed <= balance {
            self.originals.get_mut(&contract).expect("it was there").sent.insert(beneficiary, amount);
            self.transfer(contract, beneficiary, owed);
        } else {
            self.transfer(contract, beneficiary, balance); // from Cancun on, it lives on
        }
        nothing()
    }

    /// Whether an account takes a payment. If it does not, the error is its own.
    fn accepts(&mut self, account: Address, environment: &Environment) -> Result<(), Bytes> {
        let contract = [factory(), clearing_house()].contains(&account) || account == MULTICALL;
        if contract || environment.refusing.contains(&account) {
            return Err(Bytes::new());
        }
        match self.books.get(&account) {
            Some(book) if book.token.is_some() => Err(EtherRefused {}.abi_encode().into()),
            Some(_) => self.alive(account),
            None => Ok(()),
        }
    }

    /// The chequebook, which exists.
    fn book(&mut self, contract: Address) -> &mut Book {
        self.books.get_mut(&contract).expect("no such chequebook")
    }

    /// Refuses what a dead chequebook refuses.
    fn alive(&mut self, contract: Address) -> Result<(), Bytes> {
        if self.books[&contract].killable_at == U256::MAX { Err(Dead {}.abi_encode().into()) } else { Ok(()) }
    }

    /// Calls a function of a chequebook.
    fn call(
        &mut self,
        contract: Address,
        message: &Message,
        call: ChequebookCalls,
        environment: &Environment,
    ) -> Outcome {
        if let Some((cheque, signature, only_if_covered)) = cheque_in(contract, &call) {
            return self.cash(cheque, signature, only_if_covered, message, environment);
        }
        let book = &self.books[&contract];
        let answer = match call {
            ChequebookCalls::owner(_) => ownerCall::abi_encode_returns(&book.owner),
            ChequebookCalls::signer(_) => signerCall::abi_encode_returns(&book.signer),
            ChequebookCalls::noticePeriod(_) => noticePeriodCall::abi_encode_returns(&U256::from(book.notice)),
            ChequebookCalls::killableAt(_) => killableAtCall::abi_encode_returns(&book.killable_at),
            ChequebookCalls::sent(ref call) => {
                sentCall::abi_encode_returns(&book.sent.get(&call.beneficiary).copied().unwrap_or_default())
            }
            ChequebookCalls::announceKill(_) | ChequebookCalls::cancelKill(_) | ChequebookCalls::kill(_) => {
                return self.command(contract, message, &call, environment);
            }
            _ => return Err(Bytes::new()), // nobody asks for the domain
        };
        Ok((answer.into(), Vec::new()))
    }

    /// The functions that only the owner may call.
    fn command(
        &mut self,
        contract: Address,
        message: &Message,
        command: &ChequebookCalls,
        environment: &Environment,
    ) -> Outcome {
        let (now, owner) = (U256::from(message.time), self.books[&contract].owner);
        if message.from != owner {
            return Err(NotOwner { caller: message.from }.abi_encode().into());
        }
        self.alive(contract)?;
        let Book { notice, killable_at, .. } = self.books[&contract];
        let log = match command {
            ChequebookCalls::announceKill(_) => {
                let killable_at = now + U256::from(notice);
                self.book(contract).killable_at = killable_at;
                KillAnnounced { killableAt: killable_at }.encode_log_data()
            }
            ChequebookCalls::cancelKill(_) if killable_at.is_zero() => return Err(NotAnnounced {}.abi_encode().into()),
            ChequebookCalls::cancelKill(_) => {
                self.book(contract).killable_at = U256::ZERO;
                KillCancelled {}.encode_log_data()
            }
            _ if notice != 0 && killable_at.is_zero() => return Err(NotAnnounced {}.abi_encode().into()),
            _ if notice != 0 && now < killable_at => {
                return Err(NoticeRunning { killableAt: killable_at, time: now }.abi_encode().into());
            }
            _ => {
                let refund = self.assets(contract, message, environment)?;
                self.die(contract, owner, message, environment)?;
                Killed { refund }.encode_log_data()
            }
        };
        Ok((Bytes::new(), logs(contract, vec![log])))
    }

    /// Pays the owner what a dead token chequebook received after its death.
    fn reclaim(&mut self, contract: Address, message: &Message, environment: &Environment) -> Outcome {
        let Book { owner, token, killable_at, .. } = self.books[&contract];
        let token = token.ok_or(Bytes::new())?;
        if message.from != owner {
            return Err(NotOwner { caller: message.from }.abi_encode().into());
        }
        if killable_at != U256::MAX {
            return Err(NotDead {}.abi_encode().into());
        }
        let amount = self.assets(contract, message, environment)?;
        if !self.pay_tokens((token, contract, owner), amount, message, environment) {
            return Err(PaymentFailed {}.abi_encode().into());
        }
        Ok((Bytes::new(), logs(contract, vec![Reclaimed { amount }.encode_log_data()])))
    }

    /// Pays everything to one account, and nothing from then on.
    fn die(
        &mut self,
        contract: Address,
        recipient: Address,
        message: &Message,
        environment: &Environment,
    ) -> Result<(), Bytes> {
        self.alive(contract)?;
        if self.books[&contract].born_at == message.block {
            return Err(BornThisBlock {}.abi_encode().into());
        }
        self.book(contract).killable_at = U256::MAX;
        let balance = self.assets(contract, message, environment)?;
        let token = self.book(contract).token;
        match token {
            Some(token) if self.pay_tokens((token, contract, recipient), balance, message, environment) => {}
            Some(_) => return Err(PaymentFailed {}.abi_encode().into()),
            None => self.transfer(contract, recipient, balance),
        }
        Ok(())
    }

    /// What a chequebook has of its asset, as far as it knows.
    fn assets(&mut self, contract: Address, message: &Message, environment: &Environment) -> Result<U256, Bytes> {
        match self.book(contract).token {
            Some(token) => self.told(token, contract, message, environment),
            None => Ok(self.balance(contract)),
        }
    }

    /// Pays a cheque, or what is left for it.
    fn cash(
        &mut self,
        cheque: Cheque,
        (v, r, s): Signature,
        only_if_covered: bool,
        message: &Message,
        environment: &Environment,
    ) -> Outcome {
        let Cheque { contract, beneficiary, amount, .. } = cheque;
        let balance = self.assets(contract, message, environment);
        let book = self.book(contract);
        let already = book.sent.get(&beneficiary).copied().unwrap_or_default();
        if beneficiary == contract {
            return Err(InvalidBeneficiary { beneficiary }.abi_encode().into());
        }
        if amount <= already {
            return Err(StaleCheque { amount, sent: already }.abi_encode().into());
        }
        let signature = <[u8; 65]>::try_from([r.as_slice(), s.as_slice(), &[v]].concat()).expect("65 bytes");
        let signed = SignedCheque::new(cheque, signature).and_then(|signed| signed.verify(book.signer));
        signed.map_err(|_| InvalidSignature {}.abi_encode())?;

        let (owed, balance) = (amount - already, balance?);
        let paid = owed.min(balance);
        if paid < owed && only_if_covered {
            return Err(NotCovered { owed, balance }.abi_encode().into());
        }
        book.sent.insert(beneficiary, already + paid);
        *book.paid.entry(beneficiary).or_default() += paid;
        let (deadbeat, token) = (book.owner, book.token);
        let mut data = vec![Cashed { beneficiary, paid }.encode_log_data()];
        if paid < owed {
            data.push(Overdraft { deadbeat }.encode_log_data());
            self.die(contract, beneficiary, message, environment)?;
        } else if let Some(token) = token {
            if !self.pay_tokens((token, contract, beneficiary), paid, message, environment) {
                return Err(PaymentFailed {}.abi_encode().into());
            }
        } else {
            self.accepts(beneficiary, environment).map_err(|_| PaymentFailed {}.abi_encode())?;
            self.transfer(contract, beneficiary, paid);
        }
        Ok((Bytes::new(), logs(contract, data)))
    }

    /// Something that stands for the code of a contract.
    pub(super) fn code(&self, account: Address, environment: &Environment) -> Bytes {
        if let Some(delegate) = self.delegations.get(&account) {
            return [bytes!("ef0100").as_ref(), delegate.as_slice()].concat().into();
        }
        if self.missing.contains(&account) {
            return Bytes::new();
        }
        let known = [DEPLOYER, factory(), clearing_house()].contains(&account)
            || self.books.contains_key(&account)
            || self.originals.contains_key(&account);
        let multicall = account == MULTICALL && environment.multicall;
        let token = environment.tokens.contains_key(&account);
        if known || multicall || token || environment.refusing.contains(&account) { bytes!("fe") } else { Bytes::new() }
    }
}

/// The cheque that a call cashes, its signature, and whether it is cashed only if it is covered.
fn cheque_in(contract: Address, call: &ChequebookCalls) -> Option<(Cheque, Signature, bool)> {
    let (beneficiary, amount, signature, scheme, only_if_covered) = match call {
        ChequebookCalls::cash(c) => (c.beneficiary, c.amount, (c.v, c.r, c.s), Scheme::Packed, false),
        ChequebookCalls::cashTyped(c) => (c.beneficiary, c.amount, (c.v, c.r, c.s), Scheme::Typed, false),
        ChequebookCalls::cashIfCovered(c) => (c.beneficiary, c.amount, (c.v, c.r, c.s), Scheme::Packed, true),
        ChequebookCalls::cashTypedIfCovered(c) => (c.beneficiary, c.amount, (c.v, c.r, c.s), Scheme::Typed, true),
        _ => return None,
    };
    Some((Cheque { contract, beneficiary, amount, scheme, chain_id: CHAIN_ID }, signature, only_if_covered))
}

/// The events of one contract.
pub(super) fn logs(address: Address, data: Vec<LogData>) -> Vec<Log> {
    data.into_iter().map(|data| Log { address, data }).collect()
}
