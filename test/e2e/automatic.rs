//! Automatic deposits and cashes: the cases of go-ethereum's tests, and more.

use std::time::Duration;

use alloy::primitives::U256;
use chequebook::{
    Overdraft, Scheme,
    bindings::Chequebook::{announceKillCall, cancelKillCall},
};
use chequebook_wallet::{AutoCash, AutoDeposit, Error, Inbox, Purpose, Status};
use eyre::Result;

use crate::fixture::{Both, HARDFORKS, eventually, gwei, somebody};

/// Often, and never.
const OFTEN: Option<Duration> = Some(Duration::from_millis(30));
const NEVER: Option<Duration> = None;

impl Both {
    async fn available(&self) -> Result<U256> {
        Ok(self.book.balance().await?.available)
    }

    async fn fills_up_to(&self, gwei: u64) -> Result<()> {
        let full = || async { Ok(self.available().await? == self::gwei(gwei)) };
        eventually("the deposit", full).await
    }

    /// Looks at the chain a few more times, and counts the deposits.
    async fn deposits(&self) -> Result<usize> {
        for _ in 0..5 {
            self.payer.refresh().await?;
            self.book.balance().await?;
        }
        Ok(self.payer.transactions().await?.len() - 1) // without the deployment
    }

    fn auto_deposit(&self, interval: Option<Duration>, threshold: u64, buffer: u64) {
        self.book
            .auto_deposit(AutoDeposit::default().interval(interval).threshold(gwei(threshold)).buffer(gwei(buffer)));
    }
}

#[tokio::test]
async fn deposits_when_a_cheque_leaves_too_little() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 40).await?;
        both.auto_deposit(NEVER, 10, 40);
        both.issue(30).await?; // leaves as much as the threshold
        assert_eq!(both.deposits().await?, 0, "{hardfork}");
        both.issue(1).await?;
        both.fills_up_to(40).await?;
        assert_eq!(both.deposits().await?, 1, "{hardfork}");

        // A cheque that is refused because the deposit is too small starts a deposit, too.
        both.issue(30).await?;
        assert!(matches!(both.issue(11).await.unwrap_err(), Error::InsufficientDeposit { .. }));
        assert_eq!(both.deposits().await?, 1, "the funds were at the threshold");

        both.book.stop_auto_deposit();
        both.issue(5).await?;
        assert_eq!(both.deposits().await?, 1, "{hardfork}: stopped");
    }
    Ok(())
}

#[tokio::test]
async fn deposits_after_every_cheque_with_a_threshold_at_the_buffer_or_above() -> Result<()> {
    for (hardfork, threshold) in HARDFORKS.into_iter().zip([40, 50]) {
        let both = Both::start(hardfork, 40).await?;
        // The interval has no effect then.
        both.auto_deposit(OFTEN, threshold, 40);
        for count in 1..4 {
            both.issue(5).await?;
            both.fills_up_to(40).await?;
            assert_eq!(both.deposits().await?, count, "{hardfork}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn deposits_every_interval_what_is_missing_of_the_buffer() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 40).await?;
        both.issue(20).await?;
        both.auto_deposit(OFTEN, 1, 40);
        both.fills_up_to(40).await?; // though no cheque was issued since
        both.issue(2).await?;
        both.fills_up_to(40).await?;
        both.auto_deposit(NEVER, 1, 80); // replaces the other settings
        assert_eq!(both.deposits().await?, 2, "{hardfork}");
    }
    Ok(())
}

#[tokio::test]
async fn deposits_once_for_what_is_missing_once() -> Result<()> {
    // A deposit counts only after its confirmations; until then every check finds the same amount missing.
    let both = Both::confirmed("osaka", 40, 3).await?;
    both.auto_deposit(OFTEN, 20, 40);
    both.issue(30).await?;
    eventually("the deposit", || async { Ok(both.book.balance().await?.pending == gwei(30)) }).await?;
    for _ in 0..10 {
        both.issue(1).await?;
        both.book.balance().await?;
    }
    eventually("all that is missing is available or pending", || async {
        let balance = both.book.balance().await?;
        Ok(balance.available + balance.pending == gwei(40))
    })
    .await?;
    // What is decided is pending already, and is listed when it is signed.
    eventually("as much as was issued is deposited", || async {
        let all = both.payer.transactions().await?.into_iter();
        let amounts = all.filter_map(|transaction| match transaction.purpose() {
            Purpose::AutoDeposit { amount, .. } => Some(amount),
            _ => None,
        });
        Ok(amounts.fold(U256::ZERO, |sum, amount| sum + amount) == gwei(40))
    })
    .await?;
    Ok(())
}

impl Both {
    async fn auto_inbox(&self, interval: Option<Duration>, max_uncashed: u64) -> Result<Inbox> {
        let inbox = self.inbox().await?;
        inbox.auto_cash(AutoCash::default().interval(interval).max_uncashed(gwei(max_uncashed)));
        Ok(inbox)
    }

    /// The number of cashes.
    async fn cashes(&self) -> Result<usize> {
        Ok(self.payee.transactions().await?.len())
    }
}

async fn is_cashed(inbox: &Inbox) -> Result<()> {
    eventually("the cash", || async { Ok(inbox.uncashed().await?.is_zero()) }).await
}

/// Lets the inbox check a few times whether to cash.
async fn looks(both: &Both, inbox: &Inbox) -> Result<()> {
    for _ in 0..10 {
        both.payee.refresh().await?;
        inbox.uncashed().await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test]
async fn cashes_on_receipt() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.auto_inbox(NEVER, 0).await?;
        for _ in 0..3 {
            inbox.receive(&both.issue(5).await?).await?;
            is_cashed(&inbox).await?;
        }
        assert_eq!(both.cashes().await?, 3, "{hardfork}");
    }
    Ok(())
}

#[tokio::test]
async fn cashes_above_the_most_that_may_stay_uncashed() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.auto_inbox(NEVER, 10).await?;
        inbox.receive(&both.issue(10).await?).await?;
        looks(&both, &inbox).await?;
        assert_eq!(inbox.uncashed().await?, gwei(10), "{hardfork}: the most that may stay uncashed");
        inbox.receive(&both.issue(1).await?).await?;
        is_cashed(&inbox).await?;
        assert_eq!(both.cashes().await?, 1, "{hardfork}");

        inbox.stop_auto_cash();
        inbox.receive(&both.issue(20).await?).await?;
        looks(&both, &inbox).await?;
        assert_eq!(both.cashes().await?, 1, "{hardfork}: stopped");
    }
    Ok(())
}

#[tokio::test]
async fn cashes_every_interval() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.auto_inbox(OFTEN, 1_000).await?;
        for _ in 0..2 {
            inbox.receive(&both.issue(5).await?).await?;
            is_cashed(&inbox).await?;
        }
        assert_eq!(both.cashes().await?, 2, "{hardfork}");
    }
    Ok(())
}

#[tokio::test]
async fn cashes_nothing_that_is_not_worth_its_gas() -> Result<()> {
    let both = Both::start("osaka", 1_000_000_000).await?;
    let policy = both.policy().min_gas_multiple(2);
    let inbox = Inbox::open(&both.payee, both.book.address(), both.payee.account(), policy).await?;
    inbox.auto_cash(AutoCash::default().interval(OFTEN).max_uncashed(U256::ZERO));
    inbox.receive(&both.issue(1).await?).await?;
    looks(&both, &inbox).await?;
    assert_eq!(both.cashes().await?, 0, "a gwei");
    inbox.receive(&both.issue(10_000_000).await?).await?;
    is_cashed(&inbox).await?;
    assert_eq!(both.cashes().await?, 1);
    Ok(())
}

#[tokio::test]
async fn cashes_at_once_when_the_end_is_announced() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.inbox().await?; // without automatic cash
        inbox.receive(&both.issue(5).await?).await?;
        looks(&both, &inbox).await?;
        assert_eq!(both.cashes().await?, 0);

        both.command(announceKillCall {}).await?;
        is_cashed(&inbox).await?;

        // From now on nothing is promised, and nothing is accepted.
        both.payer.refresh().await?;
        assert!(matches!(both.issue(1).await.unwrap_err(), Error::KillAnnounced { .. }));
        both.command(cancelKillCall {}).await?;
        both.payer.refresh().await?;
        let cheque = both.issue(1).await?;
        both.command(announceKillCall {}).await?;
        both.payee.refresh().await?;
        assert!(matches!(inbox.receive(&cheque).await.unwrap_err(), Error::KillAnnounced { .. }));
        both.command(cancelKillCall {}).await?;
        both.payee.refresh().await?;
        assert_eq!(inbox.receive(&cheque).await?, gwei(1));
    }
    Ok(())
}

#[tokio::test]
async fn cashes_at_once_what_was_received_before_a_restart() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let inbox = both.inbox().await?;
    inbox.receive(&both.issue(5).await?).await?;
    both.payee.shutdown().await;
    drop(inbox);
    both.command(announceKillCall {}).await?;
    let payee = crate::fixture::open(&both.chain, crate::fixture::PAYEE, both.path("payee"), 0).await?;
    let inbox = Inbox::open(&payee, both.book.address(), payee.account(), both.policy()).await?;
    is_cashed(&inbox).await
}

#[tokio::test]
async fn cashes_at_once_when_others_leave_little() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.auto_inbox(NEVER, 1_000).await?;
        inbox.receive(&both.issue(30).await?).await?;
        let other = both.book.outbox(somebody(1), Scheme::Packed).issue(gwei(30)).await?;
        both.payer.cashing().cash(&other, Overdraft::Refuse).await?.confirmed().await?;
        looks(&both, &inbox).await?;
        assert_eq!(inbox.uncashed().await?, gwei(30), "70 gwei are more than twice as much");

        let other = both.book.outbox(somebody(1), Scheme::Packed).issue(gwei(20)).await?;
        both.payer.cashing().cash(&other, Overdraft::Refuse).await?.confirmed().await?;
        is_cashed(&inbox).await?;
        assert!(both.payee.transactions().await?.iter().all(|cash| !matches!(cash.status(), Status::Reverted { .. })));
    }
    Ok(())
}
