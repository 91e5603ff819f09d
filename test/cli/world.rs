//! A chain, and users with keys and stores of their own.

use std::{
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use alloy::{
    node_bindings::{Anvil, AnvilInstance},
    primitives::{Address, U256, hex},
    providers::{Provider, ProviderBuilder},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_chequebook");
/// How long to wait for something that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Who uses the program; each has the key of anvil at this index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Alice,
    Bob,
    Carol,
}

impl Who {
    const fn index(self) -> usize {
        match self {
            Alice => 0,
            Bob => 1,
            Carol => 2,
        }
    }
}
pub(crate) use Who::{Alice, Bob, Carol};

pub(crate) struct World {
    pub(crate) anvil: Option<AnvilInstance>,
    pub(crate) url: String,
    pub(crate) home: TempDir,
    keys: Vec<String>,
    addresses: Vec<Address>,
    runtime: Runtime,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl World {
    /// A chain that has nothing of ours.
    pub(crate) fn bare() -> Self {
        let anvil = Anvil::new().args(["--hardfork", "osaka"]).try_spawn().unwrap();
        let keys = anvil.keys().iter().map(|key| hex::encode_prefixed(key.to_bytes())).collect();
        let (url, addresses) = (anvil.endpoint(), anvil.addresses().to_vec());
        let home = TempDir::new().unwrap();
        Self { anvil: Some(anvil), url, home, keys, addresses, runtime: Runtime::new().unwrap() }
    }

    /// A chain with the factory and the clearing house.
    pub(crate) fn new() -> Self {
        let world = Self::bare();
        let key = world.keys[9].clone();
        world.runtime.block_on(async {
            let signer: alloy::signers::local::PrivateKeySigner = key.parse().unwrap();
            let provider = ProviderBuilder::new().wallet(signer).connect_http(world.url.parse().unwrap());
            provider.client().set_poll_interval(Duration::from_millis(10));
            chequebook::deploy(&provider).await.unwrap();
        });
        world
    }

    /// The same with a chequebook of Alice that has one ether.
    pub(crate) fn with_chequebook() -> (Self, String) {
        let world = Self::new();
        let created = world.json(Alice, &["create", "--deposit", "1ether", "--yes"]);
        let address = created["chequebook"].as_str().unwrap().to_owned();
        (world, address)
    }

    pub(crate) fn address(&self, who: Who) -> String {
        self.addresses[who.index()].to_string()
    }

    pub(crate) fn key(&self, who: Who) -> &str {
        &self.keys[who.index()]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The name of a file, as an argument.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Only what is named here is in the environment.
    pub(crate) fn clean(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.home.path());
        command.current_dir(self.home.path());
        command
    }

    /// The program, set up for a user.
    pub(crate) fn command(&self, who: Who, args: &[&str]) -> Command {
        let mut command = self.clean(PROGRAM);
        command.args(args).env("CHEQUEBOOK_CHAIN", "anvil").env("CHEQUEBOOK_RPC", &self.url);
        command.env("CHEQUEBOOK_ACCOUNT", "env:KEY").env("KEY", self.key(who));
        command.env("CHEQUEBOOK_STORE", self.path(&format!("{who:?}.redb")));
        command
    }

    pub(crate) fn run(&self, who: Who, args: &[&str]) -> Ran {
        finish(self.command(who, args), "")
    }

    /// With a text on standard input.
    pub(crate) fn pipe(&self, who: Who, args: &[&str], input: &str) -> Ran {
        finish(self.command(who, args), input)
    }

    /// Runs it with `--json`, which must succeed.
    #[track_caller]
    pub(crate) fn json(&self, who: Who, args: &[&str]) -> Value {
        let args: Vec<_> = args.iter().copied().chain(["--json"]).collect();
        self.run(who, &args).expect(0).json()
    }

    /// A cheque of Alice to Bob.
    #[track_caller]
    pub(crate) fn issue(&self, amount: &str) -> String {
        self.run(Alice, &["issue", &self.address(Bob), amount]).expect(0).stdout
    }

    /// The same of one of her chequebooks.
    #[track_caller]
    pub(crate) fn issue_of(&self, chequebook: &str, amount: &str) -> String {
        self.run(Alice, &["issue", &self.address(Bob), amount, "--chequebook", chequebook]).expect(0).stdout
    }

    /* CHAIN */

    pub(crate) fn rpc(&self, method: &'static str, parameters: Value) -> Value {
        let provider = ProviderBuilder::new().connect_http(self.url.parse().unwrap());
        self.runtime.block_on(provider.raw_request(method.into(), parameters)).unwrap()
    }

    /// Whether each transaction is mined at once.
    pub(crate) fn automine(&self, on: bool) {
        self.rpc("evm_setAutomine", serde_json::json!([on]));
    }

    pub(crate) fn mine(&self) {
        self.rpc("evm_mine", serde_json::json!([]));
    }

    pub(crate) fn balance(&self, address: &str) -> U256 {
        number(&self.rpc("eth_getBalance", serde_json::json!([address, "latest"])))
    }

    /// How many transactions of a user the chain has.
    pub(crate) fn nonce(&self, who: Who) -> U256 {
        number(&self.rpc("eth_getTransactionCount", serde_json::json!([self.address(who), "latest"])))
    }

    /// Waits for a transaction that is not mined.
    pub(crate) fn wait_for_pending(&self) {
        self.eventually("a transaction is pending", || {
            !number(&self.rpc("txpool_status", serde_json::json!([]))["pending"]).is_zero()
        });
    }

    #[track_caller]
    pub(crate) fn eventually(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "it did not happen: {what}");
            sleep(Duration::from_millis(20));
        }
    }
}

fn number(value: &Value) -> U256 {
    value.as_str().unwrap().parse().unwrap()
}

/// Starts a program whose output is kept.
pub(crate) fn start(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs a program to its end.
pub(crate) fn finish(command: Command, input: &str) -> Ran {
    let mut child = start(command);
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    end(child)
}

/// Waits for the end of a program.
pub(crate) fn end(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl World {
    /// Sends a transaction by an account that anvil has unlocked, and returns its receipt.
    fn send(&self, transaction: Value) -> Value {
        let hash = self.rpc("eth_sendTransaction", serde_json::json!([transaction]));
        let receipt = || self.rpc("eth_getTransactionReceipt", serde_json::json!([hash]));
        self.eventually("a transaction is mined", || !receipt().is_null());
        let receipt = receipt();
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }

    /// Deploys a contract of the forge tests; the argument of its constructor is zero.
    fn deploy(&self, from: &str, contract: &str) -> String {
        let path = format!("{}/out/{contract}.json", env!("CARGO_MANIFEST_DIR"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}: run `forge build` first"));
        let artifact: Value = serde_json::from_str(&text).unwrap();
        let code = artifact["bytecode"]["object"].as_str().unwrap();
        let word = "0".repeat(64);
        let receipt = self.send(serde_json::json!({"from": from, "data": format!("{code}{word}"), "gas": "0x989680"}));
        let address: Address = receipt["contractAddress"].as_str().unwrap().parse().unwrap();
        address.to_string()
    }

    /// A token, of which a user has much.
    pub(crate) fn token(&self, who: Who) -> String {
        let from = self.addresses[9].to_string();
        let token = self.deploy(&from, "Tokens.sol/StandardToken");
        self.mint(&token, &self.address(who), 0xffff_ffff);
        token
    }

    /// Gives somebody units of a token.
    pub(crate) fn mint(&self, token: &str, to: &str, units: u64) {
        let from = self.addresses[9].to_string();
        // mint(address,uint256)
        let data = format!("0x40c10f19{:0>64}{units:064x}", to.trim_start_matches("0x").to_lowercase());
        self.send(serde_json::json!({"from": from, "to": token, "data": data, "gas": "0x989680"}));
    }

    /// The file of a chequebook of 2016, as go-ethereum wrote it: what is promised to one beneficiary.
    pub(crate) fn old_file(&self, who: Who, contract: &str, beneficiary: &str, wei: u64) -> String {
        let [contract, owner, beneficiary] =
            [contract, &self.address(who), beneficiary].map(|address| address.to_lowercase());
        format!(r#"{{"Balance":"600","Contract":"{contract}","Owner":"{owner}","Sent":{{"{beneficiary}":"{wei}"}}}}"#)
    }

    /// A contract like that of 2016, of a user, with a deposit in wei.
    pub(crate) fn original(&self, who: Who, wei: u64) -> String {
        let from = self.address(who);
        let contract = self.deploy(&from, "OriginalChequebook.sol/OriginalChequebook");
        self.send(serde_json::json!({"from": from, "to": contract, "value": format!("{wei:#x}"), "gas": "0x989680"}));
        contract
    }

    /// A cheque as go-ethereum wrote it.
    pub(crate) fn old_cheque(&self, who: Who, contract: &str, beneficiary: &str, wei: u64) -> String {
        let cheque = chequebook::Cheque {
            contract: contract.parse().unwrap(),
            beneficiary: beneficiary.parse().unwrap(),
            amount: U256::from(wei),
            scheme: chequebook::Scheme::Packed,
            chain_id: 31_337,
        };
        let signer: alloy::signers::local::PrivateKeySigner = self.key(who).parse().unwrap();
        chequebook::geth::write_cheque(&self.runtime.block_on(cheque.sign(&signer)).unwrap()).unwrap()
    }
}
