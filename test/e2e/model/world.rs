//! The contracts on anvil, in the words of the models.

use alloy::{
    contract::CallBuilder,
    network::TransactionBuilder,
    node_bindings::Anvil,
    primitives::{Address, B256, Bytes, Log, TxKind, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
    rpc::{
        client::{BatchRequest, Waiter},
        types::{Block, TransactionReceipt, TransactionRequest},
    },
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::{SolCall, SolError, SolEventInterface, SolInterface, SolValue},
};
use chequebook::{
    Cheque, Creation, Form, Overdraft, Scheme, SignedCheque, Terms,
    bindings::{
        ChequebookFactory::{ChequebookFactoryErrors, ChequebookFactoryEvents},
        ClearingHouse::{self, ClearingHouseEvents, cashCall},
        IClearingHouse,
        TokenChequebook::{
            TokenChequebookErrors as Errors, TokenChequebookEvents as Events, announceKillCall, cancelKillCall,
            killCall, killableAtCall, reclaimCall, sentCall,
        },
    },
};
use eyre::{OptionExt, Result, bail, eyre};
use serde_json::json;

use super::act::{Act, Cash, Error, Event, Flaw, Now, Outcome, Reason, Who};
use crate::{
    chain::Chain,
    token::{Token, creation_code},
};

/// Whose balance and `sent` are compared.
pub(crate) const PAID: [Who; 5] = [Who::Owner, Who::Payee, Who::OtherPayee, Who::Wallet, Who::Refuser];
const GAS: u64 = 3_000_000;
/// Enough for any cheque.
const GAS_EACH: u32 = 200_000;

/// What can be seen of a chequebook and its accounts after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) balance: u64,
    /// What each of [`PAID`] has received.
    pub(crate) received: Vec<u64>,
    /// Of what has no code, nothing.
    pub(crate) killable_at: Option<U256>,
    /// `sent` of each of [`PAID`].
    pub(crate) sent: Option<Vec<u64>>,
}

/// A chain, and the chequebook of the present sequence.
pub(crate) struct World {
    chain: Chain,
    signer: PrivateKeySigner,
    token: Address,
    refuser: Address,
    wallet: Address,
    salt: u64,
    /// Of the last block, in seconds.
    time: u64,
    creation: Creation,
    contract: Address,
    before: Vec<U256>,
}

impl World {
    pub(crate) async fn start(hardfork: &str) -> Result<Self> {
        let args =
            ["--hardfork", hardfork, "--base-fee", "0", "--gas-price", "0", "--order", "fifo", "--prune-history"];
        let anvil = Anvil::new().args(args).try_spawn()?;
        let wallet = anvil.wallet().ok_or_eyre("anvil has no accounts")?;
        let provider = ProviderBuilder::new().wallet(wallet).connect_http(anvil.endpoint_url()).erased();
        provider.client().set_poll_interval(std::time::Duration::from_millis(5));
        let chain = Chain { anvil, provider };
        chain.infrastructure().await?;
        let token = chain.token("GovernedToken", 0).await?;
        let refuser = deploy(&chain, creation_code("Payees.sol", "Refuser")?).await?;
        let wallet = deploy(&chain, creation_code("Payees.sol", "Wallet")?).await?;
        token.mint(chain.account(1), U256::from(u64::MAX)).send().await?.get_receipt().await?;
        let block =
            chain.call(*token.address(), blockAccountCall { account: refuser, blocked: true }.abi_encode().into());
        block.send().await?.get_receipt().await?;
        chain.provider.anvil_set_auto_mine(false).await?;
        let terms = Terms::new(Form::Direct, chain.account(0));
        Ok(Self {
            signer: chain.key(2)?,
            token: *token.address(),
            refuser,
            wallet,
            salt: 0,
            time: 2_000_000_000,
            creation: Creation { terms, salt: B256::ZERO },
            contract: Address::ZERO,
            before: Vec::new(),
            chain,
        })
    }

    /// Begins a sequence, with a chequebook that is not created yet.
    pub(crate) async fn begin(&mut self, token: bool, clone: bool, notice: u32) -> Result<()> {
        self.salt += 1;
        let form = if token {
            Form::Token(self.token)
        } else if clone {
            Form::Clone
        } else {
            Form::Direct
        };
        let terms = Terms { form, owner: self.chain.account(0), signer: self.signer.address(), notice_period: notice };
        self.creation = Creation { terms, salt: U256::from(self.salt).into() };
        self.contract = self.creation.address(self.chain.anvil.chain_id())?;
        self.before.clear();
        for who in PAID {
            self.before.push(self.balance(who).await?);
        }
        Ok(())
    }

    /// Begins a sequence with a contract that the owner creates by `code`, and signs for.
    pub(crate) async fn begin_with(&mut self, code: &Bytes) -> Result<()> {
        self.begin(false, false, 0).await?;
        self.signer = self.chain.key(0)?;
        let create = TransactionRequest::default().with_from(self.chain.account(0)).with_input(code.clone());
        let create = create.with_kind(TxKind::Create).with_gas_limit(GAS).with_gas_price(0);
        let hash: B256 = self.chain.provider.raw_request("eth_sendTransaction".into(), [create]).await?;
        self.time += 1;
        self.chain.provider.anvil_set_next_block_timestamp(self.time).await?;
        self.chain.provider.evm_mine(None).await?;
        let receipt = self.chain.provider.get_transaction_receipt(hash).await?.ok_or_eyre("it was not created")?;
        self.contract = receipt.contract_address.ok_or_eyre("it was not created")?;
        Ok(())
    }

    fn is_token(&self) -> bool {
        matches!(self.creation.terms.form, Form::Token(_))
    }

    fn address(&self, who: Who) -> Address {
        match who {
            Who::Owner => self.chain.account(0),
            Who::Stranger => self.chain.account(1),
            Who::Payee => self.chain.account(3),
            Who::OtherPayee => self.chain.account(4),
            Who::Wallet => self.wallet,
            Who::Refuser => self.refuser,
            Who::Chequebook => self.contract,
        }
    }

    fn who(&self, address: Address) -> Result<Who> {
        let all = [Who::Stranger, Who::Chequebook].into_iter().chain(PAID);
        all.into_iter().find(|who| self.address(*who) == address).ok_or_else(|| eyre!("{address} is nobody"))
    }

    async fn balance(&self, who: Who) -> Result<U256> {
        let address = self.address(who);
        if self.is_token() {
            Ok(Token::new(self.token, &self.chain.provider).balanceOf(address).call().await?)
        } else {
            self.chain.balance(address).await
        }
    }

    /// Does all of this in one block, in this order, one second and `seconds` after the last one.
    pub(crate) async fn block(&mut self, seconds: u64, acts: &[Act]) -> Result<(Now, Vec<Outcome>, View)> {
        let provider = &self.chain.provider;
        self.time += 1 + seconds;
        let mut hashes = Vec::new();
        for act in acts {
            let hash: B256 = provider.raw_request("eth_sendTransaction".into(), [self.transaction(act)?]).await?;
            hashes.push(hash);
        }
        provider.anvil_set_next_block_timestamp(self.time).await?;
        provider.evm_mine(None).await?;
        let mut batch = BatchRequest::new(provider.client());
        let block: Waiter<Block> = batch.add_call("eth_getBlockByNumber", &("latest", false))?;
        let receipts = hashes
            .iter()
            .map(|hash| batch.add_call("eth_getTransactionReceipt", &[hash]))
            .collect::<Result<Vec<Waiter<Option<TransactionReceipt>>>, _>>()?;
        let look = self.look(&mut batch)?;
        batch.send().await?;
        let block = block.await?;
        let now = Now { block: block.header.number, time: block.header.timestamp };
        eyre::ensure!(now.time == self.time, "the block is of {}, expected {}", now.time, self.time);
        let mut outcomes = Vec::new();
        for (hash, receipt) in hashes.into_iter().zip(receipts) {
            let receipt = receipt.await?.ok_or_eyre("a transaction was not mined")?;
            outcomes.push(self.outcome(hash, &receipt).await?);
        }
        Ok((now, outcomes, self.view(look).await?))
    }

    fn transaction(&self, act: &Act) -> Result<TransactionRequest> {
        let call = |who, to: Address, value: u64, input: Vec<u8>| (who, TxKind::Call(to), value, input);
        let contract = self.contract;
        let (who, to, value, input) = match act {
            Act::Create { deposit } => {
                call(Who::Stranger, chequebook::factory(), *deposit, self.creation.calldata().into())
            }
            Act::Pay(amount) | Act::Force(amount) if self.is_token() => {
                let transfer = Token::transferCall { to: contract, amount: U256::from(*amount) };
                call(Who::Stranger, self.token, 0, transfer.abi_encode())
            }
            Act::Pay(amount) => call(Who::Stranger, contract, *amount, Vec::new()),
            Act::Force(amount) => {
                let code = [creation_code("Senders.sol", "Forcer")?.to_vec(), contract.abi_encode()].concat();
                (Who::Stranger, TxKind::Create, *amount, code)
            }
            Act::Cash { cash, if_covered } => {
                let overdraft = if *if_covered { Overdraft::Refuse } else { Overdraft::Consent };
                call(Who::Stranger, contract, 0, self.signed(cash)?.calldata(overdraft).into())
            }
            Act::Clear(cheques) => {
                let cheques = cheques.iter().map(|cash| Ok(compact(&self.signed(cash)?))).collect::<Result<_>>()?;
                let input = cashCall { cheques, gasEach: GAS_EACH }.abi_encode();
                call(Who::Stranger, chequebook::clearing_house(), 0, input)
            }
            Act::Announce(who) => call(*who, contract, 0, announceKillCall {}.abi_encode()),
            Act::Cancel(who) => call(*who, contract, 0, cancelKillCall {}.abi_encode()),
            Act::Kill(who) => call(*who, contract, 0, killCall {}.abi_encode()),
            Act::Reclaim(who) => call(*who, contract, 0, reclaimCall {}.abi_encode()),
        };
        let mut request = TransactionRequest::default()
            .with_from(self.address(who))
            .with_value(U256::from(value))
            .with_input(input)
            .with_gas_limit(GAS)
            .with_gas_price(0);
        request.to = Some(to);
        Ok(request)
    }

    /// The cheque, with a signature that has the flaw.
    fn signed(&self, cash: &Cash) -> Result<SignedCheque> {
        let scheme = |typed| if typed { Scheme::Typed } else { Scheme::Packed };
        let cheque = Cheque {
            contract: self.contract,
            beneficiary: self.address(cash.beneficiary),
            amount: U256::from(cash.amount),
            scheme: scheme(cash.typed),
            chain_id: self.chain.anvil.chain_id(),
        };
        let mut other = cheque;
        match cash.flaw {
            Flaw::None | Flaw::OwnersKey | Flaw::Malformed => {}
            Flaw::OtherContract => other.contract = self.refuser,
            Flaw::OtherBeneficiary => other.beneficiary = self.address(Who::Stranger),
            Flaw::OtherAmount => other.amount += U256::ONE,
            Flaw::OtherScheme => other.scheme = scheme(!cash.typed),
            Flaw::OtherChain => other.chain_id += 1,
        }
        let key = if cash.flaw == Flaw::OwnersKey { self.chain.key(0)? } else { self.signer.clone() };
        let mut signature = key.sign_hash_sync(&other.digest())?.as_bytes();
        if cash.flaw == Flaw::Malformed {
            signature[..32].fill(0x01); // an r of which nobody knows a signature of this
        }
        Ok(SignedCheque::new(cheque, signature)?)
    }

    async fn outcome(&self, hash: B256, receipt: &TransactionReceipt) -> Result<Outcome> {
        if receipt.status() {
            let logs = receipt.logs().iter().map(|log| &log.inner).filter(|log| log.address != self.token);
            return Ok(Ok(logs.map(|log| self.event(log)).collect::<Result<_>>()?));
        }
        let data: Bytes = self.chain.provider.raw_request("ots_getTransactionError".into(), [hash]).await?;
        Ok(Err(self.error(&data)?))
    }

    fn event(&self, log: &Log) -> Result<Event> {
        if log.address == chequebook::factory() {
            let ChequebookFactoryEvents::Created(created) = ChequebookFactoryEvents::decode_log(log)?.data;
            eyre::ensure!(created.chequebook == self.contract, "another chequebook was created");
            return Ok(Event::Created);
        }
        if log.address == chequebook::clearing_house() {
            let ClearingHouseEvents::Skipped(skipped) = ClearingHouseEvents::decode_log(log)?.data;
            let beneficiary = self.who(skipped.beneficiary)?;
            let reason = match skipped.reason.as_slice() {
                selector if selector == ClearingHouse::NoChequebook::SELECTOR => Reason::NoChequebook,
                selector => Reason::from(self.named(selector)?),
            };
            return Ok(Event::Skipped { beneficiary, amount: small(skipped.amount)?, reason });
        }
        eyre::ensure!(log.address == self.contract, "a log of {}", log.address);
        Ok(match Events::decode_log(log)?.data {
            Events::Cashed(event) => {
                Event::Cashed { beneficiary: self.who(event.beneficiary)?, paid: small(event.paid)? }
            }
            Events::Overdraft(event) => {
                eyre::ensure!(event.deadbeat == self.address(Who::Owner), "another deadbeat");
                Event::Overdraft
            }
            Events::KillAnnounced(event) => Event::KillAnnounced { killable_at: small(event.killableAt)? },
            Events::KillCancelled(_) => Event::KillCancelled,
            Events::Killed(event) => Event::Killed { refund: small(event.refund)? },
            Events::Reclaimed(event) => Event::Reclaimed { amount: small(event.amount)? },
            other @ Events::EIP712DomainChanged(_) => bail!("{other:?} was not expected"),
        })
    }

    /// Asks for what can be seen.
    fn look(&self, batch: &mut BatchRequest<'_>) -> Result<Vec<Waiter<String>>> {
        let mut answers = Vec::new();
        for who in [Who::Chequebook].into_iter().chain(PAID) {
            let account = self.address(who);
            answers.push(if self.is_token() {
                batch.add_call("eth_call", &question(self.token, Token::balanceOfCall { account }))?
            } else {
                batch.add_call("eth_getBalance", &json!([account, "latest"]))?
            });
        }
        answers.push(batch.add_call("eth_call", &question(self.contract, killableAtCall {}))?);
        for who in PAID {
            let call = sentCall { beneficiary: self.address(who) };
            answers.push(batch.add_call("eth_call", &question(self.contract, call))?);
        }
        Ok(answers)
    }

    async fn view(&self, answers: Vec<Waiter<String>>) -> Result<View> {
        let mut numbers = Vec::new();
        for answer in answers {
            let text = answer.await?;
            let digits = text.trim_start_matches("0x");
            numbers.push(if digits.is_empty() { None } else { Some(U256::from_str_radix(digits, 16)?) });
        }
        let (balances, state) = numbers.split_at(PAID.len() + 1);
        let balances = balances.iter().map(|balance| balance.ok_or_eyre("no balance")).collect::<Result<Vec<_>>>()?;
        let received = balances[1..].iter().zip(&self.before).map(|(after, before)| small(after - before));
        let sent = state[1..].iter().map(|sent| sent.map(small)).collect::<Option<Result<_>>>().transpose()?;
        let received = received.collect::<Result<_>>()?;
        Ok(View { balance: small(balances[0])?, received, killable_at: state[0], sent })
    }

    /// The error without its values.
    fn named(&self, selector: &[u8]) -> Result<Error> {
        self.error(&[selector, &[0; 64]].concat())
    }

    fn error(&self, data: &[u8]) -> Result<Error> {
        if data.is_empty() {
            return Ok(Error::Silent);
        }
        if let Ok(ChequebookFactoryErrors::AlreadyCreated(error)) = ChequebookFactoryErrors::abi_decode(data) {
            eyre::ensure!(error.chequebook == self.contract, "another was created");
            return Ok(Error::AlreadyCreated);
        }
        Ok(match Errors::abi_decode(data)? {
            Errors::BornThisBlock(_) => Error::BornThisBlock,
            Errors::Dead(_) => Error::Dead,
            Errors::InvalidBeneficiary(_) => Error::InvalidBeneficiary,
            Errors::InvalidSignature(_) => Error::InvalidSignature,
            Errors::NotAnnounced(_) => Error::NotAnnounced,
            Errors::NotCovered(error) => Error::NotCovered { owed: small(error.owed)?, balance: small(error.balance)? },
            Errors::NotDead(_) => Error::NotDead,
            Errors::NotOwner(error) => Error::NotOwner(self.who(error.caller)?),
            Errors::NoticeRunning(error) => {
                Error::NoticeRunning { killable_at: small(error.killableAt)?, time: small(error.time)? }
            }
            Errors::PaymentFailed(_) => Error::PaymentFailed,
            Errors::StaleCheque(error) => Error::StaleCheque { amount: small(error.amount)?, sent: small(error.sent)? },
            other => bail!("{other:?} was not expected"),
        })
    }
}

alloy::sol! {
    function blockAccount(address account, bool blocked);
}

/// The parameters of an `eth_call`.
fn question(to: Address, call: impl SolCall) -> serde_json::Value {
    json!([{ "to": to, "input": Bytes::from(call.abi_encode()) }, "latest"])
}

fn compact(cheque: &SignedCheque) -> IClearingHouse::Cheque {
    let (r, vs) = cheque.compact_signature();
    let Cheque { contract, beneficiary, amount, scheme, .. } = *cheque.cheque();
    IClearingHouse::Cheque { chequebook: contract, beneficiary, amount, typed: scheme == Scheme::Typed, r, vs }
}

async fn deploy(chain: &Chain, code: Bytes) -> Result<Address> {
    Ok(CallBuilder::new_raw_deploy(&chain.provider, code).deploy().await?)
}

fn small(amount: U256) -> Result<u64> {
    u64::try_from(amount).map_err(|_| eyre!("{amount} is too large"))
}
