//! The process that is killed. It prints what it begins, and what it has done.

use std::{
    convert::Infallible,
    env,
    io::{Write, stdout},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use alloy::{
    primitives::{Address, U256, keccak256},
    providers::ProviderBuilder,
    signers::local::PrivateKeySigner,
};
use chequebook::{Overdraft, Scheme};
use chequebook_wallet::{Chequebook, Config, Error, Inbox, NewChequebook, Policy, Wallet, store::Redb};
use eyre::Result;

use super::{BENEFICIARIES, beneficiary};

/// The deposit of a small chequebook, in wei.
pub(super) const SMALL: u64 = 7;

/// Prints a line as a whole.
fn say(line: &str) {
    let mut stdout = stdout().lock();
    stdout.write_all(format!("{line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

struct Process {
    book: Chequebook,
    payer: Wallet,
    payee: Wallet,
    inboxes: Vec<Inbox>,
    random: AtomicU64,
}

impl Process {
    /// A pseudorandom number below `below`.
    fn dice(&self, below: u64) -> u64 {
        let random = self.random.fetch_add(1, Ordering::Relaxed);
        let [.., last] = keccak256(random.to_be_bytes()).0;
        u64::from(last) % below
    }

    async fn pay(&self) -> Result<()> {
        let index = u8::try_from(self.dice(BENEFICIARIES.into()))?;
        let scheme = if self.dice(2) == 0 { Scheme::Packed } else { Scheme::Typed };
        say("begin issue");
        let cheque = self.book.outbox(beneficiary(index), scheme).issue(U256::from(1 + self.dice(100))).await?;
        let text = serde_json::to_string(&cheque)?;
        say(&format!("done issue {text}"));

        say("begin receive");
        match self.inboxes[usize::from(index)].receive(&cheque).await {
            Ok(_) => say(&format!("done receive {text}")),
            // The other task has already delivered a newer cheque.
            Err(Error::StaleCheque { .. }) => say(&format!("done receive {text}")),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn deposit(&self) -> Result<()> {
        say("begin deposit");
        let deposit = self.book.deposit(U256::from(1 + self.dice(100))).await?;
        say(&format!("done deposit {}", deposit.nonce()));
        Ok(())
    }

    /// Cashes all latest cheques at once.
    async fn cash_many(&self) -> Result<()> {
        let mut cheques = Vec::new();
        for inbox in &self.inboxes {
            cheques.extend(inbox.latest_cheque().await?);
        }
        say("begin cash");
        for answer in self.payee.cashing().cash_many(&cheques).await {
            match answer {
                Ok(_) | Err(Error::AlreadyCashed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        say("done cash 0");
        Ok(())
    }

    async fn cash(&self) -> Result<()> {
        if self.dice(2) == 0 {
            return self.cash_many().await;
        }
        let inbox = &self.inboxes[usize::try_from(self.dice(BENEFICIARIES.into()))?];
        if inbox.latest_cheque().await?.is_none() {
            return Ok(());
        }
        say("begin cash");
        match inbox.cash(Overdraft::Refuse).await {
            Ok(cash) => say(&format!("done cash {}", cash.nonce())),
            Err(Error::AlreadyCashed { .. }) => say("done cash 0"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn create(&self, key: PrivateKeySigner) -> Result<()> {
        say("begin create");
        // A salt that no process before has used.
        let salt = U256::from(self.payer.chequebooks().await?.len()).into();
        let terms = NewChequebook::default().deposit(U256::from(SMALL)).salt(salt);
        let book = Chequebook::create(&self.payer, key, terms).await?;
        say(&format!("done create {}", book.address()));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by another test"]
async fn lives_until_it_is_killed() -> Result<()> {
    let directory = PathBuf::from(env::var("CHILD_DIRECTORY")?);
    let contract: Address = env::var("CHILD_CONTRACT")?.parse()?;
    let rpc = env::var("CHILD_RPC")?;
    let config = Config::default().confirmations(0).poll_interval(Duration::from_millis(10));
    let mut wallets = Vec::new();
    let mut keys = Vec::new();
    for (name, key) in [("payer", "CHILD_PAYER"), ("payee", "CHILD_PAYEE")] {
        let key: PrivateKeySigner = env::var(key)?.parse()?;
        let provider = ProviderBuilder::new().connect(&rpc).await?;
        let store = Redb::open_or_create(directory.join(name))?;
        wallets.push(Wallet::open(provider, key.clone(), store, config).await?);
        keys.push(key);
    }
    let book = Chequebook::open(&wallets[0], contract, keys[0].clone()).await?;
    let policy = Policy::default().min_notice_period(0);
    let mut inboxes = Vec::new();
    for index in 0..BENEFICIARIES {
        inboxes.push(Inbox::open(&wallets[1], contract, beneficiary(index), policy).await?);
    }
    let random = AtomicU64::new(env::var("CHILD_SEED")?.parse::<u64>()?.wrapping_mul(1 << 32));
    let process = Process { book, payer: wallets[0].clone(), payee: wallets[1].clone(), inboxes, random };
    say("done start");

    tokio::try_join!(
        repeat(|| process.pay()),
        repeat(|| process.pay()),
        repeat(|| process.deposit()),
        repeat(|| process.cash()),
        repeat(|| process.create(keys[0].clone())),
    )?;
    Ok(())
}

async fn repeat<F: Future<Output = Result<()>>>(step: impl Fn() -> F) -> Result<Infallible> {
    loop {
        step().await?;
    }
}
