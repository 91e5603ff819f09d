//! The life of a chequebook of each form: what it costs, and what happens.

use std::fs;

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolError},
};
use chequebook::{
    Cheque, Creation, Form, Overdraft, Scheme, SignedCheque, Terms,
    bindings::{
        Chequebook::{announceKillCall, killCall, killableAtCall, sentCall},
        ClearingHouse::{NotEnoughGas, cashCall},
        IClearingHouse,
    },
};
use eyre::{OptionExt, WrapErr, ensure};
use revm::primitives::hardfork::SpecId;

use crate::chain::{CHAIN_ID, Chain, GAS_LIMIT, Outcome, PLAIN_TRANSFER, transaction};

pub(crate) const FORMS: [&str; 3] = ["direct", "clone", "token"];
/// Seven significant bytes, none of them zero, in wei.
const AMOUNT: u64 = 0x0011_2233_4455_6677;
const DEPOSIT: u64 = 0x00ee_2233_4455_6677;
/// In seconds.
const NOTICE: u32 = 86_400;
/// More gas than any cheque needs.
const PLENTY: u32 = 1_000_000;
/// OpenZeppelin's ERC20, which anybody may mint.
const TOKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../out/Tokens.sol/StandardToken.json");

alloy::sol! {
    function mint(address to, uint256 amount);
    function transfer(address to, uint256 amount) returns (bool);
    function balanceOf(address account) returns (uint256);
}

/// What was measured, and what happened.
#[derive(Default)]
pub(crate) struct Life {
    /// Gas, by what it was needed for.
    pub(crate) gas: Vec<(&'static str, u64)>,
    /// Events, errors, balances and state, in order: the same under every hardfork.
    pub(crate) facts: Vec<String>,
    /// How many logs the system added (EIP-7708).
    pub(crate) system_logs: usize,
}

struct World {
    chain: Chain,
    form: &'static str,
    token: Address,
    signer: PrivateKeySigner,
    life: Life,
}

/// The life of a chequebook of a form under a hardfork.
pub(crate) fn live(hardfork: SpecId, form: &'static str) -> eyre::Result<Life> {
    let mut world = World::start(hardfork, form)?;
    let chequebook = world.create(1)?;
    world.deposits(chequebook)?;
    world.cashes(chequebook)?;
    world.clears(chequebook)?;
    world.ends(chequebook)?;
    let another = world.create(2)?;
    world.overdraws(another)?;
    Ok(world.life)
}

impl World {
    fn start(hardfork: SpecId, form: &'static str) -> eyre::Result<Self> {
        let mut chain = Chain::start(hardfork)?;
        for name in ["owner", "third party"] {
            chain.fund(somebody(name), U256::from(u128::MAX));
        }
        let signer = PrivateKeySigner::from_bytes(&keccak256("signer"))?;
        let mut world = Self { chain, form, token: Address::ZERO, signer, life: Life::default() };
        let names = ["create the factory", "create the clearing house"];
        world.life.gas.extend(names.into_iter().zip(world.chain.infrastructure.iter().copied()));
        if form == "token" {
            let artifact = fs::read_to_string(TOKEN).wrap_err("out/ has no token: run `make build`")?;
            let artifact: serde_json::Value = serde_json::from_str(&artifact)?;
            let code: Bytes = serde_json::from_value(artifact["bytecode"]["object"].clone())?;
            let owner = somebody("owner");
            world.chain.succeed(owner, TxKind::Create, 0, code)?;
            world.token = owner.create(0);
            ensure!(world.chain.has_code(world.token)?, "the token was not created");
            for name in ["owner", "third party"] {
                world.mint(somebody(name), U256::from(u128::MAX))?;
            }
        }
        Ok(world)
    }

    fn mint(&mut self, to: Address, amount: U256) -> eyre::Result<()> {
        let call = mintCall { to, amount }.abi_encode().into();
        self.chain.succeed(somebody("third party"), self.token.into(), 0, call).map(drop)
    }

    /// An account that exists, and has some of the asset.
    fn existing(&mut self, name: &str) -> eyre::Result<Address> {
        let account = somebody(name);
        self.chain.fund(account, U256::ONE);
        if self.form == "token" {
            self.mint(account, U256::ONE)?;
        }
        Ok(account)
    }

    fn balance(&mut self, account: Address) -> eyre::Result<U256> {
        if self.form == "token" {
            self.chain.ask(self.token, &balanceOfCall { account })
        } else {
            self.chain.balance(account)
        }
    }

    /// Remembers what a transaction did, and what is now at the accounts that matter.
    fn note(&mut self, what: &'static str, outcome: &Outcome, contract: Address, payee: Address) -> eyre::Result<()> {
        let (balance, paid) = (self.balance(contract)?, self.balance(payee)?);
        let sent = self.chain.ask(contract, &sentCall { beneficiary: payee })?;
        let killable_at = self.chain.ask(contract, &killableAtCall {})?;
        let Outcome { result, logs, system, .. } = outcome;
        self.life.facts.push(format!("{what}: {result:?} {logs:?} {balance} {paid} {sent} {killable_at}"));
        self.life.system_logs = self.life.system_logs.saturating_add(*system);
        Ok(())
    }

    /// Sends a transaction that must succeed, and remembers its gas.
    fn measure(
        &mut self,
        what: &'static str,
        (from, to, value, input): (&str, Address, u64, Bytes),
        contract: Address,
        payee: Address,
    ) -> eyre::Result<()> {
        let outcome = self.chain.succeed(somebody(from), to.into(), value, input).wrap_err(what)?;
        self.life.gas.push((what, outcome.gas));
        self.note(what, &outcome, contract, payee)
    }

    fn create(&mut self, salt: u8) -> eyre::Result<Address> {
        let form = match self.form {
            "direct" => Form::Direct,
            "clone" => Form::Clone,
            _ => Form::Token(self.token),
        };
        let terms = Terms { form, owner: somebody("owner"), signer: self.signer.address(), notice_period: NOTICE };
        let creation = Creation { terms, salt: B256::repeat_byte(salt) };
        let contract = creation.address(CHAIN_ID)?;
        let value = if self.form == "token" { 0 } else { DEPOSIT };
        let input = creation.calldata();
        let outcome = self.chain.succeed(somebody("owner"), chequebook::factory().into(), value, input)?;
        if salt == 1 {
            self.life.gas.push(("create", outcome.gas));
        }
        if self.form == "token" {
            self.mint(contract, U256::from(DEPOSIT))?;
        }
        ensure!(self.balance(contract)? == U256::from(DEPOSIT), "the deposit is not there");
        Ok(contract)
    }

    fn deposits(&mut self, contract: Address) -> eyre::Result<()> {
        let nobody = somebody("nobody");
        if self.form == "token" {
            let call = transferCall { to: contract, amount: U256::from(AMOUNT) };
            return self.measure("deposit", ("third party", self.token, 0, call.abi_encode().into()), contract, nobody);
        }
        self.measure("deposit", ("third party", contract, AMOUNT, Bytes::new()), contract, nobody)?;
        // 2,300 gas are enough for a deposit into a direct chequebook, and not for one into a clone.
        let input: Bytes = contract.into_word().0.into();
        let outcome = self.chain.send(somebody("third party"), PLAIN_TRANSFER.into(), AMOUNT, input)?;
        self.note("plain transfer", &outcome, contract, nobody)?;
        ensure!(outcome.result.is_ok() == (self.form == "direct"), "a plain transfer: {:?}", outcome.result);
        Ok(())
    }

    fn cheque(
        &self,
        contract: Address,
        beneficiary: Address,
        amount: U256,
        scheme: Scheme,
    ) -> eyre::Result<SignedCheque> {
        use alloy::signers::SignerSync;

        let cheque = Cheque { contract, beneficiary, amount, scheme, chain_id: CHAIN_ID };
        let signature = self.signer.sign_hash_sync(&cheque.digest())?;
        Ok(SignedCheque::new(cheque, signature.as_bytes())?)
    }

    fn cashes(&mut self, contract: Address) -> eyre::Result<()> {
        let payee = self.existing("payee")?;
        let cases = [
            ("first cash, packed", payee, 1, Scheme::Packed),
            ("repeat cash, packed", payee, 2, Scheme::Packed),
            ("repeat cash, typed", payee, 3, Scheme::Typed),
            ("first cash to a new account, packed", somebody("new"), 1, Scheme::Packed),
        ];
        for (what, payee, times, scheme) in cases {
            let amount = U256::from(AMOUNT).saturating_mul(U256::from(times));
            let input = self.cheque(contract, payee, amount, scheme)?.calldata(Overdraft::Refuse);
            self.measure(what, ("third party", contract, 0, input), contract, payee)?;
            ensure!(self.chain.ask(contract, &sentCall { beneficiary: payee })? == amount, "{what}: not paid");
        }
        let cheque = self.cheque(contract, payee, U256::from(u64::MAX), Scheme::Packed)?;
        let outcome =
            self.chain.send(somebody("third party"), contract.into(), 0, cheque.calldata(Overdraft::Refuse))?;
        ensure!(outcome.result.is_err(), "an overdraft was not refused");
        self.note("not covered", &outcome, contract, payee)
    }

    /// The transaction that gives cheques to the clearing house.
    fn clearing(cheques: &[SignedCheque], gas_each: u32, gas: u64) -> eyre::Result<revm::context::TxEnv> {
        let cheques = cheques.iter().map(compact).collect();
        let input = cashCall { cheques, gasEach: gas_each }.abi_encode().into();
        transaction(somebody("third party"), chequebook::clearing_house().into(), 0, input, gas)
    }

    fn clears(&mut self, contract: Address) -> eyre::Result<()> {
        let first = self.existing("payee of the clearing house")?;
        let first = self.cheque(contract, first, U256::from(AMOUNT), Scheme::Typed)?;
        let repeat =
            self.cheque(contract, somebody("payee"), U256::from(AMOUNT).saturating_mul(U256::from(4)), Scheme::Typed)?;
        let new = self.cheque(contract, somebody("newer"), U256::from(AMOUNT), Scheme::Typed)?;
        let mut needed = Vec::new();
        let cases = [
            ("`gasEach` of a first cash", &first),
            ("`gasEach` of a repeat cash", &repeat),
            ("`gasEach` of a first cash to a new account", &new),
        ];
        for (what, cheque) in cases {
            let gas = least(u64::from(PLENTY), |gas| {
                let gas_each = u32::try_from(gas).ok()?;
                let outcome =
                    self.chain.attempt(Self::clearing(std::slice::from_ref(cheque), gas_each, GAS_LIMIT).ok()?)?;
                (cashed(&outcome) == 1).then_some(())
            })?;
            self.life.gas.push((what, gas));
            needed.push(gas);
        }
        let gas_each = needed.first().copied().ok_or_eyre("nothing was measured")?;
        self.last_gets_its_gas(&first, u32::try_from(gas_each)?)
    }

    /// Nine cheques use all of their share. With the least gas with which the clearing house starts, the tenth is cashed.
    fn last_gets_its_gas(&mut self, last: &SignedCheque, gas_each: u32) -> eyre::Result<()> {
        let mut cheques = Vec::new();
        for index in 0..9 {
            let burner = somebody(&format!("burner {index}"));
            self.chain.burner(burner);
            cheques.push(self.cheque(burner, burner, U256::from(AMOUNT), Scheme::Typed)?);
        }
        cheques.push(*last);
        let gas = least(GAS_LIMIT, |gas| {
            let outcome = self.chain.attempt(Self::clearing(&cheques, gas_each, gas).ok()?)?;
            outcome.result.is_ok().then_some(())
        })?;
        let too_little = Self::clearing(&cheques, gas_each, gas.saturating_sub(1))?;
        let refused = self.chain.attempt(too_little).and_then(|outcome| outcome.result.err());
        ensure!(
            refused.is_some_and(|error| NotEnoughGas::abi_decode(&error).is_ok()),
            "less gas is refused for another reason than that it is not enough"
        );
        let outcome = self.chain.attempt(Self::clearing(&cheques, gas_each, gas)?).ok_or_eyre("no transaction")?;
        ensure!(cashed(&outcome) == 1, "the last of ten was not cashed");
        let cheque = last.cheque();
        self.note("the last of ten", &outcome, cheque.contract, cheque.beneficiary)
    }

    fn ends(&mut self, contract: Address) -> eyre::Result<()> {
        let owner = somebody("owner");
        self.measure(
            "announce the kill",
            ("owner", contract, 0, announceKillCall {}.abi_encode().into()),
            contract,
            owner,
        )?;
        self.chain.pass(NOTICE.into());
        self.measure("kill", ("owner", contract, 0, killCall {}.abi_encode().into()), contract, owner)?;
        self.is_dead(contract)
    }

    fn overdraws(&mut self, contract: Address) -> eyre::Result<()> {
        let payee = self.existing("payee of the rest")?;
        let input = self.cheque(contract, payee, U256::from(u64::MAX), Scheme::Packed)?.calldata(Overdraft::Consent);
        self.measure("overdraft", ("third party", contract, 0, input), contract, payee)?;
        self.is_dead(contract)
    }

    fn is_dead(&mut self, contract: Address) -> eyre::Result<()> {
        ensure!(self.balance(contract)?.is_zero(), "the dead has a balance");
        ensure!(self.chain.ask(contract, &killableAtCall {})? == U256::MAX, "it is not dead");
        let outcome = self.chain.send(somebody("owner"), contract.into(), 0, killCall {}.abi_encode().into())?;
        ensure!(outcome.result.is_err(), "it dies again");
        self.note("kill the dead", &outcome, contract, somebody("owner"))?;
        let outcome = self.chain.send(somebody("third party"), contract.into(), AMOUNT, Bytes::new())?;
        ensure!(outcome.result.is_err(), "the dead takes ether");
        self.note("pay the dead", &outcome, contract, somebody("owner"))
    }
}

/// The least gas with which `enough` is, at most `most`.
fn least(most: u64, mut enough: impl FnMut(u64) -> Option<()>) -> eyre::Result<u64> {
    let (mut low, mut high) = (0, most);
    enough(high).ok_or_eyre("not even the most gas is enough")?;
    while low < high {
        let middle = low.midpoint(high);
        if enough(middle).is_some() { high = middle } else { low = middle.saturating_add(1) }
    }
    Ok(high)
}

/// How many cheques the clearing house says that it has cashed.
fn cashed(outcome: &Outcome) -> usize {
    let count = outcome.result.as_ref().ok().and_then(|output| cashCall::abi_decode_returns(output).ok());
    count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
}

fn compact(cheque: &SignedCheque) -> IClearingHouse::Cheque {
    let (r, vs) = cheque.compact_signature();
    let Cheque { contract, beneficiary, amount, scheme, .. } = *cheque.cheque();
    IClearingHouse::Cheque { chequebook: contract, beneficiary, amount, typed: scheme == Scheme::Typed, r, vs }
}

/// An address without a zero byte, which would be cheaper than others.
fn somebody(name: &str) -> Address {
    let mut hash = keccak256(name);
    while hash.iter().skip(12).any(|byte| *byte == 0) {
        hash = keccak256(hash);
    }
    Address::from_word(hash)
}
