//! A process that pays and is paid is killed at a random moment: no promise is lost, and nothing is paid twice.
//!
//! `CHEQUEBOOK_KILLS` sets the number of kills, `CHEQUEBOOK_SEED` their moments.

mod child;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use alloy::{
    primitives::{Address, U256, keccak256},
    providers::Provider,
};
use chequebook::{Overdraft, Scheme, SignedCheque};
use chequebook_wallet::{
    Chequebook, Config, Error, Inbox, NewChequebook, Policy, Purpose, Status, StoreError, Wallet, store::Redb,
};
use eyre::{OptionExt, Result, ensure};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::chain::Chain;

const PAYER: usize = 0;
const PAYEE: usize = 1;
const BENEFICIARIES: u8 = 4;
const DEPOSIT: u64 = 1_000_000_000_000_000_000;

/// The actions that may be unfinished when the process is killed.
const KINDS: [&str; 6] = ["start", "issue", "receive", "deposit", "cash", "create"];

fn beneficiary(index: u8) -> Address {
    Address::repeat_byte(0xb0 + index)
}

async fn wallet(chain: &Chain, key: usize, path: &Path) -> Result<Wallet> {
    let config = Config::default().confirmations(0).poll_interval(Duration::from_millis(10));
    Ok(Wallet::open(chain.provider.clone(), chain.key(key)?, Redb::open_or_create(path)?, config).await?)
}

/// Both sides, as a process opens them when it starts.
struct Sides {
    payer: Wallet,
    payee: Wallet,
    book: Chequebook,
    inboxes: Vec<Inbox>,
}

impl Sides {
    async fn open(chain: &Chain, directory: &Path, contract: Address) -> Result<Self> {
        let payer = wallet(chain, PAYER, &directory.join("payer")).await?;
        let payee = wallet(chain, PAYEE, &directory.join("payee")).await?;
        let book = Chequebook::open(&payer, contract, chain.key(PAYER)?).await?;
        let policy = Policy::default().min_notice_period(0);
        let mut inboxes = Vec::new();
        for index in 0..BENEFICIARIES {
            inboxes.push(Inbox::open(&payee, contract, beneficiary(index), policy).await?);
        }
        Ok(Self { payer, payee, book, inboxes })
    }

    async fn shutdown(self) {
        self.payer.shutdown().await;
        self.payee.shutdown().await;
    }

    async fn last(&self, index: u8) -> Result<U256> {
        let last = self.book.outbox(beneficiary(index), Scheme::Packed).latest_cheque().await?;
        Ok(last.map_or(U256::ZERO, |last| last.cheque().amount))
    }
}

/// The output of the processes before they died.
#[derive(Default)]
struct Heard {
    issued: BTreeMap<Address, U256>,
    received: BTreeMap<Address, U256>,
    /// How many were started, and the nonces of those that were acknowledged.
    deposits: (usize, Vec<u64>),
    cashes: (usize, Vec<u64>),
    created: Vec<Address>,
    /// How often each kind was unfinished at the end.
    hits: BTreeMap<&'static str, usize>,
}

impl Heard {
    /// Whether each kind was unfinished at the end of three processes or more.
    fn often(&self) -> bool {
        KINDS.iter().all(|kind| self.hits.get(kind).is_some_and(|hits| *hits >= 3))
    }
}

impl Heard {
    /// Reads all that one process printed.
    fn listen(&mut self, lines: &[String]) -> Result<()> {
        let mut unfinished: BTreeMap<&str, i64> = BTreeMap::from([("start", 1)]);
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let kind = KINDS.into_iter().find(|kind| rest.starts_with(kind));
            match word {
                "begin" => *unfinished.entry(kind.ok_or_eyre("no such kind")?).or_default() += 1,
                "done" => {
                    let kind = kind.ok_or_eyre("no such kind")?;
                    *unfinished.entry(kind).or_default() -= 1;
                    self.done(kind, rest.strip_prefix(kind).unwrap_or_default().trim())?;
                }
                _ => continue, // printed by the test harness
            }
            if line == "begin deposit" {
                self.deposits.0 += 1;
            }
            if line == "begin cash" {
                self.cashes.0 += 1;
            }
        }
        for kind in KINDS {
            if unfinished.get(kind).is_some_and(|count| *count > 0) {
                *self.hits.entry(kind).or_default() += 1;
            }
        }
        Ok(())
    }

    fn done(&mut self, kind: &str, what: &str) -> Result<()> {
        match kind {
            "issue" | "receive" => {
                let cheque: SignedCheque = serde_json::from_str(what)?;
                let map = if kind == "issue" { &mut self.issued } else { &mut self.received };
                let newest = map.entry(cheque.cheque().beneficiary).or_default();
                *newest = cheque.cheque().amount.max(*newest);
            }
            "deposit" => self.deposits.1.push(what.parse()?),
            // A transaction that was already pending is acknowledged again.
            "cash" if !self.cashes.1.contains(&what.parse()?) => self.cashes.1.push(what.parse()?),
            "create" => self.created.push(what.parse()?),
            _ => {}
        }
        Ok(())
    }
}

/// Starts this test binary as the process to kill.
fn spawn(chain: &Chain, directory: &Path, contract: Address, seed: u64) -> Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--exact", "sigkill::child::lives_until_it_is_killed", "--ignored", "--nocapture", "--quiet"]);
    command.env("CHILD_RPC", chain.anvil.endpoint()).env("CHILD_CONTRACT", contract.to_string());
    command.env("CHILD_DIRECTORY", directory).env("CHILD_SEED", seed.to_string());
    let keys = [PAYER, PAYEE].map(|key| chain.key(key).map(|key| key.to_bytes().to_string()));
    for (name, key) in ["CHILD_PAYER", "CHILD_PAYEE"].into_iter().zip(keys) {
        command.env(name, key?);
    }
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
}

/// Kills a process after some time, counted from its start or from when it is ready. Returns what it printed.
async fn kill_after(mut child: Child, from_start: bool, time: Duration) -> Result<Vec<String>> {
    let stdout = child.stdout.take().ok_or_eyre("no output")?;
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let reader = std::thread::spawn(move || {
        let mut ready = Some(ready);
        let mut lines = Vec::new();
        // The last line may be incomplete: then it does not count.
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if line == "done start"
                && let Some(ready) = ready.take()
            {
                let _ = ready.send(()); // the receiver may be gone
            }
            lines.push(line);
        }
        lines
    });
    if !from_start {
        tokio::time::timeout(Duration::from_secs(60), is_ready).await??;
    }
    sleep(time).await;
    child.kill()?; // SIGKILL
    child.wait()?;
    reader.join().map_err(|_| eyre::Report::msg("the reader of the output panicked"))
}

/// What must be true whenever the stores are opened again.
async fn check(sides: &Sides, heard: &Heard) -> Result<()> {
    let balance = sides.book.balance().await?;
    let mut issued = U256::ZERO;
    for (index, inbox) in (0..BENEFICIARIES).zip(&sides.inboxes) {
        let payee = beneficiary(index);
        let last = sides.last(index).await?;
        issued += last;
        let said = heard.issued.get(&payee).copied().unwrap_or_default();
        ensure!(last >= said, "issued {said} to {payee}, but the store has {last}");

        let newest = inbox.latest_cheque().await?.map_or(U256::ZERO, |newest| newest.cheque().amount);
        let said = heard.received.get(&payee).copied().unwrap_or_default();
        ensure!(newest >= said, "received {said} for {payee}, but the store has {newest}");
        ensure!(newest <= last, "received {newest} for {payee}, but only {last} was issued");
    }
    ensure!(balance.issued == issued, "total {} is not the sum of the cheques {issued}", balance.issued);
    ensure!(balance.issued <= balance.funded, "issued {} of {}", balance.issued, balance.funded);
    Ok(())
}

/// In the end everything is settled, and the totals equal those of the chain, to the wei.
async fn settle(chain: &Chain, sides: &Sides, heard: &Heard) -> Result<()> {
    for (index, inbox) in (0..BENEFICIARIES).zip(&sides.inboxes) {
        // Cheques that were issued and not received are sent again.
        if let Some(last) = sides.book.outbox(beneficiary(index), Scheme::Packed).latest_cheque().await?
            && let Err(error) = inbox.receive(&last).await
        {
            ensure!(matches!(error, Error::StaleCheque { .. }), "{error}");
        }
    }
    for transaction in sides.payer.transactions().await?.iter().chain(&sides.payee.transactions().await?) {
        transaction.confirmed().await?;
    }
    let mut paid = U256::ZERO;
    for (index, inbox) in (0..BENEFICIARIES).zip(&sides.inboxes) {
        if !inbox.uncashed().await?.is_zero() {
            inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
        }
        let balance = chain.balance(beneficiary(index)).await?;
        ensure!(balance == sides.last(index).await?, "{} was paid {balance}", beneficiary(index));
        paid += balance;
    }

    let mut deposits = Vec::new();
    let mut funded = U256::from(DEPOSIT);
    for transaction in sides.payer.transactions().await? {
        ensure!(matches!(transaction.status(), Status::Confirmed { .. }), "{transaction:?}");
        if let Purpose::Deposit { amount, .. } = transaction.purpose() {
            funded += amount;
            deposits.push(transaction.nonce());
        }
    }
    ensure!(heard.deposits.1.iter().all(|nonce| deposits.contains(nonce)), "a deposit was lost");
    ensure!(deposits.len() <= heard.deposits.0, "{} deposits of {}", deposits.len(), heard.deposits.0);
    let left = chain.balance(sides.book.address()).await?;
    ensure!(left + paid == funded, "{left} left and {paid} paid of {funded}");
    // Every nonce is ours, and none was used for two transactions.
    for (wallet, key) in [(&sides.payer, PAYER), (&sides.payee, PAYEE)] {
        let count = chain.provider.get_transaction_count(chain.account(key)).await?;
        ensure!(count == u64::try_from(wallet.transactions().await?.len())?, "{count} transactions of {:?}", wallet);
    }
    let known = sides.payer.chequebooks().await?;
    ensure!(heard.created.iter().all(|contract| known.contains(contract)), "a chequebook was lost");
    for contract in known.into_iter().filter(|contract| *contract != sides.book.address()) {
        let book = Chequebook::open(&sides.payer, contract, chain.key(PAYER)?).await?;
        // One that was prepared only has nothing.
        let prepared = chain.provider.get_code_at(contract).await?.is_empty() && !heard.created.contains(&contract);
        let expected = if prepared { 0 } else { child::SMALL };
        ensure!(book.balance().await?.funded == U256::from(expected), "the deposit of {contract}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loses_nothing_and_pays_nothing_twice() -> Result<()> {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let kills = number("CHEQUEBOOK_KILLS").unwrap_or(200);
    let seed = number("CHEQUEBOOK_SEED").unwrap_or(1);
    let chain = Chain::start()?;
    chain.infrastructure().await?;
    let directory = TempDir::new()?;
    let payer = wallet(&chain, PAYER, &directory.path().join("payer")).await?;
    let terms = NewChequebook::default().deposit(U256::from(DEPOSIT));
    let contract = Chequebook::create(&payer, chain.key(PAYER)?, terms).await?.address();
    payer.shutdown().await;

    let mut heard = Heard::default();
    let mut together = 0;
    for round in 0..kills.saturating_mul(2) {
        // A busy machine does less in the same time: then there are more rounds.
        if round >= kills && (kills < 200 || (together >= 3 && heard.often())) {
            break;
        }
        let dice = keccak256([seed.to_be_bytes(), round.to_be_bytes()].concat());
        // One in eight is killed while it starts.
        let (from_start, time) = (dice[0] % 8 == 0, Duration::from_millis(u64::from(dice[1]) / 2));
        let child = spawn(&chain, directory.path(), contract, seed.wrapping_mul(1_000_003).wrapping_add(round))?;
        let lines = kill_after(child, from_start, time).await?;
        let context =
            || format!("seed {seed}, round {round}, {time:?} from {}", if from_start { "start" } else { "ready" });
        heard.listen(&lines).map_err(|error| error.wrap_err(context()))?;

        let sides = Sides::open(&chain, directory.path(), contract).await?;
        check(&sides, &heard).await.map_err(|error| error.wrap_err(context()))?;
        let purposes = sides.payee.transactions().await?.into_iter().map(|transaction| transaction.purpose());
        together = purposes.filter(|purpose| matches!(purpose, Purpose::CashMany { .. })).count();
        sides.shutdown().await;
    }
    let sides = Sides::open(&chain, directory.path(), contract).await?;
    settle(&chain, &sides, &heard).await?;
    sides.shutdown().await;

    println!("unfinished at the end of {kills} processes: {:?}", heard.hits);
    println!("deposits {}, cashes {}", heard.deposits.1.len(), heard.cashes.1.len());
    println!("of which {together} cashed several cheques");
    ensure!(kills < 200 || together >= 3, "only {together} transactions cashed several cheques");
    ensure!(kills < 200 || heard.often(), "something was unfinished too seldom: {:?}", heard.hits);
    Ok(())
}

#[tokio::test]
async fn refuses_a_store_that_another_process_has_open() -> Result<()> {
    let chain = Chain::start()?;
    chain.infrastructure().await?;
    let directory = TempDir::new()?;
    let payer = wallet(&chain, PAYER, &directory.path().join("payer")).await?;
    let terms = NewChequebook::default().deposit(U256::from(DEPOSIT));
    let contract = Chequebook::create(&payer, chain.key(PAYER)?, terms).await?.address();
    payer.shutdown().await;

    let mut child = spawn(&chain, directory.path(), contract, 1)?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or_eyre("no output")?);
    let mut line = String::new();
    while line != "done start\n" {
        line.clear();
        ensure!(stdout.read_line(&mut line)? > 0, "the process ended");
    }
    let refused = Redb::open(directory.path().join("payer")).unwrap_err();
    child.kill()?;
    child.wait()?;
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");
    Redb::open(directory.path().join("payer"))?;
    Ok(())
}
