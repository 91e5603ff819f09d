//! The contracts beside the chequebooks: the factory, the clearing house, and Multicall3.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::bindings::IMulticall3::{
        self, IMulticall3Calls, aggregate3Call, getBlockNumberCall, getCurrentBlockTimestampCall, getEthBalanceCall,
    },
    sol_types::{Revert, SolCall, SolError, SolEvent, SolInterface},
};
use chequebook::{
    Creation, Form, Terms,
    bindings::{
        Chequebook,
        ChequebookFactory::{
            AlreadyCreated, ChequebookFactoryCalls, Created, EtherRefused, InvalidToken, NoForm, ZeroOwner, bornAtCall,
            createCall, implementationCall, predictCall, recordCall, tokenImplementationCall,
        },
        ClearingHouse::{Failed, NoChequebook, NotEnoughGas, Skipped, cashCall},
        IChequebookFactory::{self, Record},
        IClearingHouse,
    },
    clearing_house, factory,
};

use super::{
    Sim,
    state::{Book, CHAIN_ID, Environment, MULTICALL, Message, Original, Outcome, State, logs},
};

/// As the factory numbers the forms.
const DIRECT: u8 = 1;
const CLONE: u8 = 2;
const TOKEN: u8 = 3;
/// What the clearing house itself needs for each cheque.
const OWN_GAS: u64 = 8_000;
/// What a transaction costs before it does anything.
const BASE_GAS: u64 = 21_000;

impl Sim {
    /// Whether an account takes no payment from now on, like a contract without a function for it.
    pub(crate) fn refuses(&self, account: Address, on: bool) {
        let refusing = &mut self.lock().environment.refusing;
        if on {
            refusing.insert(account)
        } else {
            refusing.remove(&account)
        };
    }

    /// Creates chequebooks of these creations, each with so much ether, in one block and without a transaction.
    pub(crate) fn plant(&self, creations: &[Creation], wei: U256) {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        let number = chain.environment.number(block.header.number);
        for creation in creations {
            let Terms { owner, notice_period: notice, .. } = creation.terms;
            let (form, signer, killable_at) = (CLONE, creation.terms.effective_signer(), U256::ZERO);
            let (sent, paid) = Default::default();
            let book = Book { form, owner, signer, notice, born_at: number, killable_at, sent, paid, token: None };
            let contract = creation.address(CHAIN_ID).expect("it has an owner");
            block.state.books.insert(contract, book);
            *block.state.balances.entry(contract).or_default() += wei;
        }
        chain.push(block);
    }

    /// Takes the factory or the clearing house away, in a block of its own: a new chain lacks them.
    pub(crate) fn undeploy(&self, contract: Address) {
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        block.state.missing.insert(contract);
        chain.push(block);
    }

    /// A contract like those of 2016, with so much ether, in a block of its own.
    pub(crate) fn original(&self, owner: Address, wei: u64) -> Address {
        let contract = Address::from_word(keccak256("original"));
        let mut chain = self.lock();
        let mut block = chain.empty_block();
        block.state.originals.insert(contract, Original { owner, sent: BTreeMap::new() });
        block.state.balances.insert(contract, U256::from(wei));
        chain.push(block);
        contract
    }

    /// What a contract of 2016 reports as paid to a beneficiary, in wei.
    pub(crate) fn original_sent(&self, contract: Address, beneficiary: Address) -> U256 {
        self.at(u64::MAX, |state| state.originals[&contract].sent.get(&beneficiary).copied().unwrap_or_default())
    }

    /// Whether the factory or the clearing house is there.
    pub(crate) fn is_deployed(&self, contract: Address) -> bool {
        self.at(u64::MAX, |state| !state.missing.contains(&contract))
    }

    /// Removes Multicall3: not every chain has it.
    pub(crate) fn no_multicall(&self) {
        self.lock().environment.multicall = false;
    }

    /// Contracts see other numbers of blocks than nodes tell, by this offset from now on, as on Arbitrum, where they
    /// see those of the parent chain.
    pub(crate) fn block_numbers_of_parent(&self, offset: i64) {
        self.lock().environment.number_offset = offset;
    }
}

/// The gas that the clearing house demands besides the base of the transaction.
fn gas_of(call: &cashCall) -> u64 {
    let each = u64::from(call.gasEach);
    u64::try_from(call.cheques.len()).expect("not that many") * (each + OWN_GAS) + each / 63
}

/// What an estimate finds for a call of the clearing house; `gas` for any other.
pub(super) fn estimate(to: Option<Address>, input: &[u8], gas: u64) -> u64 {
    match cashCall::abi_decode(input) {
        Ok(call) if to == Some(clearing_house()) => BASE_GAS + gas_of(&call),
        _ => gas,
    }
}

impl State {
    /// Creates chequebooks and tells what it knows of them.
    pub(super) fn call_factory(&mut self, message: &Message, environment: &Environment) -> Outcome {
        let answer = match ChequebookFactoryCalls::abi_decode(&message.input).map_err(|_| Bytes::new())? {
            ChequebookFactoryCalls::create(call) => return self.create(&call, message, environment),
            _ if !message.value.is_zero() => return Err(Bytes::new()),
            ChequebookFactoryCalls::predict(predictCall { form, terms, salt }) => {
                predictCall::abi_encode_returns(&predict(form, &terms, salt)?.0)
            }
            ChequebookFactoryCalls::record(recordCall { chequebook }) => {
                let known = self.books.get(&chequebook);
                let (born_at, form) = known.map_or((0, 0), |book| (book.born_at, book.form));
                let token = known.and_then(|book| book.token).unwrap_or_default();
                recordCall::abi_encode_returns(&Record { bornAt: born_at, form, token })
            }
            ChequebookFactoryCalls::bornAt(bornAtCall { chequebook }) => {
                let born_at = self.books.get(&chequebook).map_or(0, |book| book.born_at);
                bornAtCall::abi_encode_returns(&U256::from(born_at))
            }
            ChequebookFactoryCalls::implementation(_) => implementationCall::abi_encode_returns(&factory().create(1)),
            ChequebookFactoryCalls::tokenImplementation(_) => {
                tokenImplementationCall::abi_encode_returns(&factory().create(2))
            }
        };
        Ok((answer.into(), Vec::new()))
    }

    /// Creates a chequebook with a deposit, once.
    fn create(&mut self, call: &createCall, message: &Message, environment: &Environment) -> Outcome {
        let (created, terms) = predict(call.form, &call.terms, call.salt)?;
        let token = match terms.form {
            Form::Token(token) if !environment.tokens.contains_key(&token) => {
                return Err(InvalidToken { form: TOKEN, token }.abi_encode().into());
            }
            Form::Token(_) if !message.value.is_zero() => return Err(EtherRefused {}.abi_encode().into()),
            Form::Token(token) => Some(token),
            Form::Direct | Form::Clone => None,
        };
        if self.books.contains_key(&created) {
            return Err(AlreadyCreated { chequebook: created }.abi_encode().into());
        }
        let (owner, signer, notice) = (terms.owner, terms.effective_signer(), terms.notice_period);
        let (form, born_at, killable_at) = (call.form, message.block, U256::ZERO);
        let (sent, paid) = Default::default();
        self.books.insert(created, Book { form, owner, signer, notice, token, born_at, killable_at, sent, paid });
        self.transfer(message.from, created, message.value);
        let event = Created { owner, chequebook: created, token: token.unwrap_or_default() };
        Ok((createCall::abi_encode_returns(&created).into(), logs(factory(), vec![event.encode_log_data()])))
    }

    /// Cashes each cheque only if it is covered, and reports those that it skipped.
    pub(super) fn call_clearing_house(&mut self, message: &Message, environment: &Environment) -> Outcome {
        let call = cashCall::abi_decode(&message.input).map_err(|_| Bytes::new())?;
        if !message.value.is_zero() {
            return Err(Bytes::new());
        }
        let each = u64::from(call.gasEach);
        let (needed, available) = (gas_of(&call), message.gas.saturating_sub(BASE_GAS));
        if available < needed {
            let error = NotEnoughGas { available: U256::from(available), needed: U256::from(needed) };
            return Err(error.abi_encode().into());
        }
        let (mut cashed, mut events) = (U256::ZERO, Vec::new());
        for cheque in &call.cheques {
            match self.clear(cheque, each, message, environment) {
                Ok(logs) => {
                    cashed += U256::ONE;
                    events.extend(logs);
                }
                Err(reason) => {
                    let IClearingHouse::Cheque { chequebook, beneficiary, amount, .. } = *cheque;
                    let skipped = Skipped { chequebook, beneficiary, amount, reason: reason.into() };
                    events.extend(logs(clearing_house(), vec![skipped.encode_log_data()]));
                }
            }
        }
        Ok((cashCall::abi_encode_returns(&cashed).into(), events))
    }

    /// Cashes one cheque. Returns the events, or the selector of the reason.
    fn clear(
        &mut self,
        cheque: &IClearingHouse::Cheque,
        gas: u64,
        message: &Message,
        environment: &Environment,
    ) -> Result<Vec<alloy::primitives::Log>, [u8; 4]> {
        let &IClearingHouse::Cheque { chequebook, beneficiary, amount, typed, r, vs } = cheque;
        if self.code(chequebook, environment).is_empty() {
            return Err(NoChequebook::SELECTOR);
        }
        if gas < environment.gas.saturating_sub(BASE_GAS) {
            return Err(Failed::SELECTOR);
        }
        let (v, mut s) = (27 + (vs[0] >> 7), vs);
        s[0] &= 0x7f;
        let input = if typed {
            Chequebook::cashTypedIfCoveredCall { beneficiary, amount, v, r, s }.abi_encode()
        } else {
            Chequebook::cashIfCoveredCall { beneficiary, amount, v, r, s }.abi_encode()
        };
        let call = self.nested(clearing_house(), chequebook, input.into(), message, environment);
        call.map(|(_, logs)| logs).map_err(|data| match data.first_chunk() {
            Some([0, 0, 0, 0]) | None => Failed::SELECTOR,
            Some(selector) => *selector,
        })
    }

    /// Answers the functions of Multicall3 that ask.
    pub(super) fn call_multicall(&mut self, message: &Message, environment: &Environment) -> Outcome {
        match IMulticall3Calls::abi_decode(&message.input).map_err(|_| Bytes::new())? {
            IMulticall3Calls::aggregate3(aggregate3Call { calls }) => {
                let (mut answers, mut events) = (Vec::new(), Vec::new());
                let mut is_burned = false;
                for call in calls {
                    // What is left of the gas is not enough for those behind.
                    is_burned |= environment.burns(call.target, &call.callData);
                    if is_burned {
                        answers.push(IMulticall3::Result { success: false, returnData: Bytes::new() });
                        continue;
                    }
                    let outcome = self.nested(MULTICALL, call.target, call.callData, message, environment);
                    if outcome.is_err() && !call.allowFailure {
                        return Err(Revert::from("Multicall3: call failed").abi_encode().into());
                    }
                    let success = outcome.is_ok();
                    let data = match outcome {
                        Ok((data, logs)) => {
                            events.extend(logs);
                            data
                        }
                        Err(data) => data,
                    };
                    answers.push(IMulticall3::Result { success, returnData: data });
                }
                Ok((aggregate3Call::abi_encode_returns(&answers).into(), events))
            }
            IMulticall3Calls::getEthBalance(call) => {
                Ok((getEthBalanceCall::abi_encode_returns(&self.balance(call.addr)).into(), Vec::new()))
            }
            IMulticall3Calls::getBlockNumber(_) => {
                Ok((getBlockNumberCall::abi_encode_returns(&U256::from(message.block)).into(), Vec::new()))
            }
            IMulticall3Calls::getCurrentBlockTimestamp(_) => {
                Ok((getCurrentBlockTimestampCall::abi_encode_returns(&U256::from(message.time)).into(), Vec::new()))
            }
            _ => Err(Bytes::new()),
        }
    }

    /// A call from one contract to another. After an error, it has changed nothing.
    pub(super) fn nested(
        &mut self,
        from: Address,
        to: Address,
        input: Bytes,
        outer: &Message,
        environment: &Environment,
    ) -> Outcome {
        let Message { gas, block, time, .. } = *outer;
        self.execute(&Message { from, to: Some(to), value: U256::ZERO, input, gas, block, time }, environment)
    }
}

/// The address of a chequebook, and its terms as the crate knows them; or why the factory refuses them.
fn predict(form: u8, terms: &IChequebookFactory::Terms, salt: B256) -> Result<(Address, Terms), Bytes> {
    let token = terms.token;
    let form = match form {
        0 => return Err(NoForm {}.abi_encode().into()),
        _ if terms.owner == Address::ZERO => return Err(ZeroOwner {}.abi_encode().into()),
        DIRECT if token == Address::ZERO => Form::Direct,
        CLONE if token == Address::ZERO => Form::Clone,
        TOKEN if token != Address::ZERO => Form::Token(token),
        other => return Err(InvalidToken { form: other, token }.abi_encode().into()),
    };
    let terms = Terms { form, owner: terms.owner, signer: terms.signer, notice_period: terms.noticePeriod };
    let created = Creation { terms, salt }.address(CHAIN_ID).map_err(|_| Bytes::new())?;
    Ok((created, terms))
}
