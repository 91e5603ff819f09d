//! The state of the simulated chain, and a second implementation of the contract's rules.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, Bytes, FixedBytes, LogData, U256, address, bytes},
    sol_types::{SolCall, SolError, SolEvent, SolInterface},
};
use chequebook::{
    Cheque, Creation, Form, Scheme, SignedCheque, Terms,
    bindings::{
        Chequebook::{
            Cashed, ChequebookCalls, Dead, InvalidSignature, KillAnnounced, KillCancelled, Killed, NotAnnounced,
            NotCovered, NotOwner, NoticeRunning, Overdraft, StaleCheque, killableAtCall, noticePeriodCall, ownerCall,
            sentCall, signerCall,
        },
        ChequebookFactory::{AlreadyCreated, ChequebookFactoryCalls, createCall, recordCall},
        IChequebookFactory::Record,
    },
    factory,
};

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const COINBASE: Address = address!("0x00000000000000000000000000000000c01bba5e");
/// The factory's number of the form direct.
const DIRECT: u8 = 1;

/// A chequebook.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) owner: Address,
    pub(crate) signer: Address,
    pub(crate) notice: u32,
    pub(crate) born_at: u64,
    pub(crate) killable_at: U256,
    /// What the contract reports as paid.
    pub(crate) sent: BTreeMap<Address, U256>,
    /// What it really paid.
    pub(crate) paid: BTreeMap<Address, U256>,
}

/// All accounts at one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) balances: BTreeMap<Address, U256>,
    pub(crate) nonces: BTreeMap<Address, u64>,
    pub(crate) books: BTreeMap<Address, Book>,
}

/// A transaction or a call.
pub(crate) struct Message {
    pub(crate) from: Address,
    pub(crate) to: Option<Address>,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) block: u64,
    /// Unix seconds.
    pub(crate) time: u64,
}

/// The events of a transaction, or why it was refused.
pub(crate) type Outcome = Result<(Bytes, Vec<LogData>), Bytes>;

impl State {
    pub(crate) fn balance(&self, account: Address) -> U256 {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    pub(crate) fn nonce(&self, account: Address) -> u64 {
        self.nonces.get(&account).copied().unwrap_or_default()
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        let left = self.balance(from).checked_sub(value).expect("a transfer that is not covered");
        self.balances.insert(from, left);
        *self.balances.entry(to).or_default() += value;
    }

    /// Executes a message. After an error, nothing is changed.
    pub(crate) fn execute(&mut self, message: &Message) -> Outcome {
        let mut after = self.clone();
        let outcome = after.run(message)?;
        *self = after;
        Ok(outcome)
    }

    fn run(&mut self, message: &Message) -> Outcome {
        let Message { from, to, value, ref input, .. } = *message;
        if self.balance(from) < value {
            return Err(Bytes::new());
        }
        let to = to.ok_or(Bytes::new())?;
        if to == factory() {
            return self.call_factory(message);
        }
        self.transfer(from, to, value);
        if !self.books.contains_key(&to) {
            return Ok((Bytes::new(), Vec::new()));
        }
        if input.is_empty() {
            self.alive(to)?;
            return Ok((Bytes::new(), Vec::new()));
        }
        self.call(to, message, ChequebookCalls::abi_decode(input).map_err(|_| Bytes::new())?)
    }

    /// Only direct chequebooks are created.
    fn call_factory(&mut self, message: &Message) -> Outcome {
        match ChequebookFactoryCalls::abi_decode(&message.input).map_err(|_| Bytes::new())? {
            ChequebookFactoryCalls::create(createCall { form: DIRECT, terms, salt }) => {
                let (owner, signer, notice) = (terms.owner, terms.signer, terms.noticePeriod);
                let terms = Terms { form: Form::Direct, owner, signer, notice_period: notice };
                let signer = terms.effective_signer();
                let created = Creation { terms, salt }.address(CHAIN_ID).map_err(|_| Bytes::new())?;
                if self.books.contains_key(&created) {
                    return Err(AlreadyCreated { chequebook: created }.abi_encode().into());
                }
                let killable_at = U256::ZERO;
                let (sent, paid) = Default::default();
                let born_at = message.block;
                self.books.insert(created, Book { owner, signer, notice, born_at, killable_at, sent, paid });
                self.transfer(message.from, created, message.value);
                Ok((createCall::abi_encode_returns(&created).into(), Vec::new()))
            }
            ChequebookFactoryCalls::record(recordCall { chequebook }) => {
                let record =
                    self.books.get(&chequebook).map_or(Record { bornAt: 0, form: 0, token: Address::ZERO }, |book| {
                        Record { bornAt: book.born_at, form: DIRECT, token: Address::ZERO }
                    });
                Ok((recordCall::abi_encode_returns(&record).into(), Vec::new()))
            }
            _ => Err(Bytes::new()),
        }
    }

    fn book(&mut self, contract: Address) -> &mut Book {
        self.books.get_mut(&contract).expect("no such chequebook")
    }

    fn alive(&mut self, contract: Address) -> Result<(), Bytes> {
        if self.book(contract).killable_at == U256::MAX { Err(Dead {}.abi_encode().into()) } else { Ok(()) }
    }

    fn call(&mut self, contract: Address, message: &Message, call: ChequebookCalls) -> Outcome {
        let book = self.book(contract);
        let answer = match call {
            ChequebookCalls::owner(_) => ownerCall::abi_encode_returns(&book.owner),
            ChequebookCalls::signer(_) => signerCall::abi_encode_returns(&book.signer),
            ChequebookCalls::noticePeriod(_) => noticePeriodCall::abi_encode_returns(&U256::from(book.notice)),
            ChequebookCalls::killableAt(_) => killableAtCall::abi_encode_returns(&book.killable_at),
            ChequebookCalls::sent(call) => {
                sentCall::abi_encode_returns(&book.sent.get(&call.beneficiary).copied().unwrap_or_default())
            }
            ChequebookCalls::cash(call) => {
                let signature = (call.v, call.r, call.s);
                return self.cash(contract, call.beneficiary, call.amount, Scheme::Packed, signature, false);
            }
            ChequebookCalls::cashTyped(call) => {
                let signature = (call.v, call.r, call.s);
                return self.cash(contract, call.beneficiary, call.amount, Scheme::Typed, signature, false);
            }
            ChequebookCalls::cashIfCovered(call) => {
                let signature = (call.v, call.r, call.s);
                return self.cash(contract, call.beneficiary, call.amount, Scheme::Packed, signature, true);
            }
            ChequebookCalls::cashTypedIfCovered(call) => {
                let signature = (call.v, call.r, call.s);
                return self.cash(contract, call.beneficiary, call.amount, Scheme::Typed, signature, true);
            }
            command => return self.command(contract, message, &command),
        };
        Ok((answer.into(), Vec::new()))
    }

    /// The functions that only the owner may call.
    fn command(&mut self, contract: Address, message: &Message, command: &ChequebookCalls) -> Outcome {
        let (now, owner) = (U256::from(message.time), self.book(contract).owner);
        if message.from != owner {
            return Err(NotOwner { caller: message.from }.abi_encode().into());
        }
        self.alive(contract)?;
        let Book { notice, killable_at, .. } = *self.book(contract);
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
                let refund = self.balance(contract);
                self.die(contract, owner);
                Killed { refund }.encode_log_data()
            }
        };
        Ok((Bytes::new(), vec![log]))
    }

    fn die(&mut self, contract: Address, recipient: Address) {
        self.book(contract).killable_at = U256::MAX;
        self.transfer(contract, recipient, self.balance(contract));
    }

    fn cash(
        &mut self,
        contract: Address,
        beneficiary: Address,
        amount: U256,
        scheme: Scheme,
        (v, r, s): (u8, FixedBytes<32>, FixedBytes<32>),
        only_if_covered: bool,
    ) -> Outcome {
        let balance = self.balance(contract);
        let book = self.book(contract);
        let already = book.sent.get(&beneficiary).copied().unwrap_or_default();
        if amount <= already {
            return Err(StaleCheque { amount, sent: already }.abi_encode().into());
        }
        let cheque = Cheque { contract, beneficiary, amount, scheme, chain_id: CHAIN_ID };
        let signature = <[u8; 65]>::try_from([r.as_slice(), s.as_slice(), &[v]].concat()).expect("65 bytes");
        let signed = SignedCheque::new(cheque, signature).and_then(|signed| signed.verify(book.signer));
        signed.map_err(|_| InvalidSignature {}.abi_encode())?;

        let owed = amount - already;
        let paid = owed.min(balance);
        if paid < owed {
            if only_if_covered {
                return Err(NotCovered { owed, balance }.abi_encode().into());
            }
            self.alive(contract)?;
        }
        let book = self.book(contract);
        book.sent.insert(beneficiary, already + paid);
        *book.paid.entry(beneficiary).or_default() += paid;
        let deadbeat = book.owner;
        let mut logs = vec![Cashed { beneficiary, paid }.encode_log_data()];
        if paid < owed {
            logs.push(Overdraft { deadbeat }.encode_log_data());
            self.die(contract, beneficiary);
        } else {
            self.transfer(contract, beneficiary, paid);
        }
        Ok((Bytes::new(), logs))
    }

    /// Something that stands for the code of a contract.
    pub(crate) fn code(&self, contract: Address) -> Bytes {
        if contract == factory() || self.books.contains_key(&contract) { bytes!("fe") } else { Bytes::new() }
    }
}
