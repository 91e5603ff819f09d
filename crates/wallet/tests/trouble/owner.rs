//! The owner's commands: each once, and what is under way counts.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use chequebook::{
    Form, Overdraft, Scheme, State,
    bindings::Chequebook::{announceKillCall, cancelKillCall},
};
use chequebook_wallet::{
    AutoDeposit, Chequebook, Error, NewChequebook, Owner, Purpose, Status, Wallet,
    store::{Memory, MemoryDisk},
};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    DAY, chain, config,
    doubles::{Mood, Moody, Slow},
    eventually, key,
    sim::{Act, Sim},
    wallet, wallet_with, wei, who,
};

/// A chequebook whose owner and signer are one wallet.
struct Own {
    sim: Sim,
    disk: MemoryDisk,
    wallet: Wallet,
    book: Chequebook,
    owner: Owner,
}

impl Own {
    async fn new(notice: u32) -> Self {
        let (sim, disk) = (chain(), MemoryDisk::new());
        let wallet = wallet_with(&sim, "owner", disk.open().unwrap(), config()).await;
        let new = NewChequebook::default().deposit(wei(100)).notice_period(notice);
        let book = Chequebook::create(&wallet, key("owner"), new).await.unwrap();
        let owner = Owner::open(&wallet, book.address()).await.unwrap();
        sim.mine(1); // it may be killed from now on
        Self { sim, disk, wallet, book, owner }
    }

    fn contract(&self) -> Address {
        self.book.address()
    }

    async fn issue(&self) -> Result<U256, Error> {
        self.book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.map(|cheque| cheque.cheque().amount)
    }

    /// Another run on the same store.
    async fn restart(self) -> Self {
        let Self { sim, disk, wallet, book, owner } = self;
        let contract = book.address();
        wallet.shutdown().await;
        drop((wallet, book, owner));
        let wallet = wallet_with(&sim, "owner", disk.open().unwrap(), config()).await;
        let book = Chequebook::open(&wallet, contract, key("owner")).await.unwrap();
        let owner = Owner::open(&wallet, contract).await.unwrap();
        Self { sim, disk, wallet, book, owner }
    }

    /// What is refused while an announcement or a kill is under way.
    async fn refuses_to_promise(&self, purpose: Purpose) {
        let issued = self.issue().await;
        assert!(matches!(issued, Err(Error::CommandUnderWay { purpose: found, .. }) if found == purpose), "{issued:?}");
        let deposit = self.book.deposit(wei(1)).await;
        assert!(
            matches!(deposit, Err(Error::CommandUnderWay { purpose: found, .. }) if found == purpose),
            "{deposit:?}"
        );
        let withdrawn = self.book.withdraw(wei(1)).await;
        assert!(matches!(withdrawn, Err(Error::CommandUnderWay { .. })), "{withdrawn:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_owner_has_the_handle() {
    let own = Own::new(DAY).await;
    let payee = wallet(&own.sim, "payee").await;
    let refused = Owner::open(&payee, own.contract()).await.unwrap_err();
    let (found, expected) = (key("payee").address(), key("owner").address());
    assert!(
        matches!(refused, Error::NotOwner { found: f, expected: e, .. } if (f, e) == (found, expected)),
        "{refused:?}"
    );
    let refused = Owner::open(&own.wallet, who(1)).await.unwrap_err();
    assert!(matches!(refused, Error::NoCode { .. }), "{refused:?}");
    assert_eq!(payee.transactions().await.unwrap().len(), 0);
}

/// The signer is elsewhere: the owner needs no cheque key and no record.
#[tokio::test(start_paused = true)]
async fn an_owner_without_the_cheque_key_ends_a_chequebook() {
    let payer = crate::Payer::new(100).await;
    let cheque = payer.book.outbox(who(1), Scheme::Typed).issue(wei(60)).await.unwrap();
    let wallet = wallet(&payer.sim, "owner").await;
    let owner = Owner::open(&wallet, payer.contract()).await.unwrap();
    owner.announce_kill().await.unwrap().confirmed().await.unwrap();
    payer.wallet.refresh().await.unwrap();
    let refused = payer.book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap_err();
    assert!(matches!(refused, Error::KillAnnounced { .. }), "{refused:?}");
    assert_eq!(payer.book.balance().await.unwrap().liabilities(), wei(60), "what the owner takes from payees");
    payer.sim.warp(u64::from(DAY));
    payer.sim.mine(1);
    owner.kill().await.unwrap().confirmed().await.unwrap();
    assert!(payer.is_dead());
    let cashed = payer.wallet.cashing().cash(&cheque, Overdraft::Consent).await;
    assert!(matches!(cashed, Err(Error::Dead { .. })), "{cashed:?}");
    assert!(matches!(Owner::open(&wallet, payer.contract()).await, Err(Error::Dead { .. })));
}

#[tokio::test(start_paused = true)]
async fn w2_each_command_is_sent_once_and_in_its_turn() {
    let own = Own::new(DAY).await;
    assert!(matches!(own.owner.cancel_kill().await, Err(Error::NotAnnounced { .. })));
    assert!(matches!(own.owner.kill().await, Err(Error::NotAnnounced { .. })));
    own.sim.auto_mine(false);
    let (one, two) = tokio::join!(own.owner.announce_kill(), own.owner.announce_kill());
    let (one, two) = (one.unwrap(), two.unwrap());
    let again = own.owner.announce_kill().await.unwrap();
    assert_eq!([one.nonce(), two.nonce()], [again.nonce(); 2], "one transaction");
    assert_eq!(one.purpose(), Purpose::AnnounceKill { contract: own.contract() });
    for other in [own.owner.cancel_kill().await, own.owner.kill().await] {
        let under_way = one.purpose();
        assert!(matches!(other, Err(Error::CommandUnderWay { purpose, .. }) if purpose == under_way), "{other:?}");
    }
    own.refuses_to_promise(one.purpose()).await;
    own.sim.mine(1);
    one.included().await.unwrap();
    assert!(own.owner.under_way().is_none());
    let State::Ending { killable_at } = own.owner.state().await.unwrap() else { panic!("it is announced") };
    let again = own.owner.announce_kill().await;
    assert!(matches!(again, Err(Error::KillAnnounced { killable_at: at, .. }) if at == killable_at), "{again:?}");
    let early = own.owner.kill().await;
    let head = own.sim.time();
    assert!(
        matches!(early, Err(Error::NoticeRunning { killable_at: at, now, .. }) if (at, now) == (killable_at, head)),
        "{early:?}"
    );
    assert!(matches!(own.issue().await, Err(Error::KillAnnounced { .. })));

    // It is taken back, and the chequebook goes on once that is included.
    let cancel = own.owner.cancel_kill().await.unwrap();
    assert!(matches!(own.issue().await, Err(Error::KillAnnounced { .. })));
    own.sim.mine(1);
    cancel.included().await.unwrap();
    assert_eq!(own.issue().await.unwrap(), wei(1));

    own.owner.announce_kill().await.unwrap();
    own.sim.mine(1);
    own.sim.warp(u64::from(DAY));
    own.sim.mine(1);
    let kill = own.owner.kill().await.unwrap();
    assert_eq!(own.owner.kill().await.unwrap().nonce(), kill.nonce());
    assert!(own.issue().await.is_err());
    own.sim.mine(1);
    kill.confirmed().await.unwrap();
    assert_eq!(own.sim.killable_at(own.contract()), U256::MAX);
    assert!(matches!(own.issue().await, Err(Error::Dead { .. })));
    assert!(matches!(own.owner.kill().await, Err(Error::Dead { .. })));
    assert!(matches!(own.owner.announce_kill().await, Err(Error::Dead { .. })));
    let sent = own.wallet.transactions().await.unwrap();
    assert_eq!(sent.len(), 1 + 4, "the creation and four commands");
}

/// Without a notice period the kill itself is all the notice there is.
#[tokio::test(start_paused = true)]
async fn w2_nothing_is_promised_while_a_kill_is_under_way() {
    let own = Own::new(0).await;
    own.sim.auto_mine(false);
    let kill = own.owner.kill().await.unwrap();
    own.refuses_to_promise(kill.purpose()).await;
    own.book.auto_deposit(
        AutoDeposit::default().interval(Some(Duration::from_secs(1))).threshold(wei(500)).buffer(wei(1_000)),
    );
    sleep(Duration::from_secs(5)).await;
    own.sim.mine(1);
    kill.confirmed().await.unwrap();
    assert_eq!(own.wallet.transactions().await.unwrap().len(), 2, "the creation and the kill");
    assert_eq!(own.sim.balance_at(own.contract(), u64::MAX), wei(0));
}

/// A person confirms on a device: what is being signed counts, and what was refused does not.
#[tokio::test(start_paused = true)]
async fn w2_what_is_being_signed_counts() {
    let sim = chain();
    let device = Moody::new(key("owner"));
    let wallet = Wallet::open(sim.provider(), device.clone(), Memory::new(), config()).await.unwrap();
    let new = NewChequebook::default().deposit(wei(100)).notice_period(DAY);
    let book = Chequebook::create(&wallet, key("owner"), new).await.unwrap();
    let owner = Owner::open(&wallet, book.address()).await.unwrap();
    device.set(Mood::Silent);
    let announce = tokio::spawn({
        let owner = owner.clone();
        async move { owner.announce_kill().await }
    });
    sleep(Duration::from_secs(1)).await;
    let issued = book.outbox(who(1), Scheme::Typed).issue(wei(1)).await;
    assert!(matches!(issued, Err(Error::CommandUnderWay { .. })), "{issued:?}");
    assert!(owner.under_way().is_none(), "there is no transaction yet");
    let announced = announce.await.unwrap();
    assert!(matches!(announced, Err(Error::SignerTimedOut { .. })), "{announced:?}");
    book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap();
    for mood in [Mood::Refuses, Mood::Panics] {
        device.set(mood);
        let owner = owner.clone();
        let announced = tokio::spawn(async move { owner.announce_kill().await }).await;
        assert!(!matches!(announced, Ok(Ok(_))), "{announced:?}");
        book.outbox(who(1), Scheme::Typed).issue(wei(1)).await.unwrap();
    }
    device.set(Mood::Signs);
    owner.announce_kill().await.unwrap().confirmed().await.unwrap();
}

/// A cheque is signed for long, and meanwhile the end is announced: it does not leave.
#[tokio::test(start_paused = true)]
async fn w2_a_cheque_that_is_signed_too_late_does_not_leave() {
    let own = Own::new(DAY).await;
    own.sim.auto_mine(false);
    let slow = Slow(key("owner"));
    let contract = own.contract();
    drop(own.book);
    let book = Chequebook::open(&own.wallet, contract, slow).await.unwrap();
    let issue = tokio::spawn({
        let book = book.clone();
        async move { book.outbox(who(1), Scheme::Typed).issue(wei(1)).await }
    });
    sleep(Duration::from_secs(1)).await;
    own.owner.announce_kill().await.unwrap();
    let issued = issue.await.unwrap();
    assert!(matches!(issued, Err(Error::CommandUnderWay { .. })), "{issued:?}");
    assert_eq!(book.outbox(who(1), Scheme::Typed).promised().await.unwrap(), wei(0));
    assert_eq!(book.balance().await.unwrap().available, wei(100), "nothing stays reserved");
}

/// A deposit is decided, and its price takes long: meanwhile the kill is signed, and the deposit would be lost.
#[tokio::test(start_paused = true)]
async fn w2_a_deposit_that_is_decided_too_early_is_not_sent_after_a_kill() {
    let own = Own::new(0).await;
    own.sim.auto_mine(false);
    let is_deposit = |parameters: &[serde_json::Value]| parameters[0]["value"].as_str().is_some_and(|wei| wei != "0x0");
    own.sim
        .hook(move |method, parameters| (method == "eth_estimateGas" && is_deposit(parameters)).then_some(Act::Hang));
    let deposit = tokio::spawn({
        let book = own.book.clone();
        async move { book.deposit(wei(7)).await }
    });
    sleep(Duration::from_secs(1)).await;
    let kill = own.owner.kill().await.unwrap();
    own.sim.unhook();
    let deposit = deposit.await.unwrap();
    let purpose = kill.purpose();
    assert!(matches!(deposit, Err(Error::CommandUnderWay { purpose: found, .. }) if found == purpose), "{deposit:?}");
    assert_eq!(own.book.balance().await.unwrap().pending, wei(0), "it is given up");
}

/// The process ends between the signature and the block.
#[tokio::test(start_paused = true)]
async fn w2_a_command_of_an_earlier_run_counts() {
    let own = Own::new(DAY).await;
    own.sim.auto_mine(false);
    let nonce = own.owner.announce_kill().await.unwrap().nonce();
    own.sim.forget();
    let own = own.restart().await;
    assert_eq!(own.owner.announce_kill().await.unwrap().nonce(), nonce);
    own.refuses_to_promise(Purpose::AnnounceKill { contract: own.contract() }).await;
    let announced = async || own.owner.state().await.is_ok_and(|state| matches!(state, State::Ending { .. }));
    assert!(eventually(&own.sim, &own.wallet, announced).await, "it is sent again");
    let own = own.restart().await;
    assert!(matches!(own.issue().await, Err(Error::KillAnnounced { .. })));
    own.sim.auto_mine(true);
    own.owner.cancel_kill().await.unwrap().confirmed().await.unwrap();
    let own = own.restart().await;
    own.issue().await.unwrap();
    assert_eq!(own.wallet.transactions().await.unwrap().len(), 3, "nothing twice");
}

/// The answer to the transaction is lost: it is under way all the same.
#[tokio::test(start_paused = true)]
async fn w3_a_lost_answer_does_not_announce_twice() {
    let acts: [fn() -> Act; 2] = [|| Act::AnswerLost, || Act::Lost];
    for act in acts {
        let own = Own::new(DAY).await;
        own.sim.auto_mine(false);
        own.sim.hook(move |method, _| (method == "eth_sendRawTransaction").then(act));
        let first = own.owner.announce_kill().await.unwrap();
        own.refuses_to_promise(first.purpose()).await;
        assert_eq!(own.owner.announce_kill().await.unwrap().nonce(), first.nonce());
        own.sim.unhook();
        assert!(eventually(&own.sim, &own.wallet, async || first.status().is_final()).await, "{first:?}");
        first.confirmed().await.unwrap();
        assert_eq!(own.wallet.transactions().await.unwrap().len(), 2);
    }
}

/// A reorganisation drops the announcement: it is under way again, and included again.
#[tokio::test(start_paused = true)]
async fn w3_an_announcement_that_is_dropped_is_under_way_again() {
    for is_followed in [true, false] {
        let (sim, disk) = (chain(), MemoryDisk::new());
        let config = config().confirmations(6);
        let wallet = wallet_with(&sim, "owner", disk.open().unwrap(), config).await;
        let new = NewChequebook::default().deposit(wei(100)).notice_period(DAY);
        let book = Chequebook::create(&wallet, key("owner"), new).await.unwrap();
        let owner = Owner::open(&wallet, book.address()).await.unwrap();
        sim.mine(10);
        book.balance().await.unwrap();
        let announce = owner.announce_kill().await.unwrap();
        sim.mine(1);
        announce.included().await.unwrap();
        assert!(owner.under_way().is_none());

        sim.auto_mine(false);
        sim.rollback(3, false);
        if is_followed {
            wallet.refresh().await.unwrap();
        } else {
            // Only the chequebook is read at first: how the transaction stands is not known yet.
            sim.hook(|method, _| (method == "eth_getTransactionCount").then_some(Act::Lost));
            let _ = wallet.refresh().await;
        }
        let issued = book.outbox(who(1), Scheme::Typed).issue(wei(1)).await;
        assert!(matches!(issued, Err(Error::CommandUnderWay { .. })), "{issued:?}");
        assert_eq!(owner.under_way().map(|found| found.nonce()), Some(announce.nonce()));
        sim.unhook();
        assert!(eventually(&sim, &wallet, async || announce.status().is_final()).await, "{announce:?}");
        assert!(!sim.killable_at(book.address()).is_zero());
        let issued = book.outbox(who(1), Scheme::Typed).issue(wei(1)).await;
        assert!(matches!(issued, Err(Error::KillAnnounced { .. })), "{issued:?}");
    }
}

/// The node refuses the announcement: it can be cancelled, and then cheques go on.
#[tokio::test(start_paused = true)]
async fn w4_a_command_that_is_refused_wedges_nothing() {
    let own = Own::new(DAY).await;
    own.sim.auto_mine(false);
    own.sim
        .hook(|method, _| (method == "eth_sendRawTransaction").then(|| Act::Error(-32_000, "not today".into(), None)));
    let announce = own.owner.announce_kill().await.unwrap();
    assert!(matches!(announce.confirmed().await, Err(Error::NodeRefused { .. })));
    own.refuses_to_promise(announce.purpose()).await;
    own.sim.unhook();
    announce.cancel().await.unwrap();
    let again = own.owner.announce_kill().await;
    assert!(matches!(again, Err(Error::CommandUnderWay { .. })), "it may still be included: {again:?}");
    own.refuses_to_promise(announce.purpose()).await;
    assert!(eventually(&own.sim, &own.wallet, async || announce.status().is_final()).await);
    assert!(matches!(announce.status(), Status::Cancelled { .. }), "{announce:?}");
    own.issue().await.unwrap();
    own.owner.announce_kill().await.unwrap();
}

/// Somebody else with the owner's key is faster: the command is reverted, and nothing stays under way.
#[tokio::test(start_paused = true)]
async fn w4_a_command_that_is_reverted_is_over() {
    let own = Own::new(DAY).await;
    let act = |call: Vec<u8>| assert!(own.sim.act(key("owner").address(), own.contract(), call.into()));
    act(announceKillCall {}.abi_encode());
    own.sim.auto_mine(false);
    let cancel = own.owner.cancel_kill().await.unwrap();
    act(cancelKillCall {}.abi_encode());
    own.sim.mine(1);
    assert!(matches!(cancel.confirmed().await, Err(Error::Reverted { .. })));
    assert!(own.owner.under_way().is_none());
    own.issue().await.unwrap();
    assert!(matches!(own.owner.cancel_kill().await, Err(Error::NotAnnounced { .. })));
}

/// The node has lost the receipt: the state of a block that used the nonce shows what came of it.
#[tokio::test(start_paused = true)]
async fn w4_a_missing_receipt_does_not_stop_a_chequebook() {
    let own = Own::new(DAY).await;
    own.sim.auto_mine(false);
    let announce = own.owner.announce_kill().await.unwrap();
    own.sim.mine(1);
    own.sim.hook(|method, _| {
        ["eth_getTransactionReceipt", "eth_getBlockReceipts"].contains(&method).then(|| Act::Answer(json!(null)))
    });
    own.wallet.refresh().await.unwrap();
    let cancel = own.owner.cancel_kill().await.unwrap();
    own.sim.mine(1);
    own.wallet.refresh().await.unwrap();
    assert!(!announce.status().is_final() && !cancel.status().is_final(), "{announce:?} {cancel:?}");
    own.issue().await.unwrap();
}

/// What is not created has no owner that could end it.
#[tokio::test(start_paused = true)]
async fn a_chequebook_that_is_not_created_takes_no_command() {
    let sim = chain();
    let wallet = wallet(&sim, "owner").await;
    let new = NewChequebook::default().notice_period(DAY).form(Form::Clone);
    let book = Chequebook::prepare(&wallet, key("owner"), new).await.unwrap();
    let owner = Owner::open(&wallet, book.address()).await.unwrap();
    for refused in [owner.announce_kill().await, owner.cancel_kill().await, owner.kill().await] {
        assert!(matches!(refused, Err(Error::NotCreated { .. })), "{refused:?}");
    }
    assert_eq!(wallet.transactions().await.unwrap().len(), 0);
}

/// Dropped at any moment, a command is under way or has not happened.
#[tokio::test]
async fn w2_a_command_that_is_dropped_can_be_asked_for_again() {
    for polls in (0..80).step_by(2) {
        let own = Own::new(DAY).await;
        own.sim.auto_mine(false);
        {
            let mut announce = std::pin::pin!(own.owner.announce_kill());
            for _ in 0..polls {
                let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
                if announce.as_mut().poll(context).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let listed = own.wallet.open_transactions().len();
        assert_eq!(own.issue().await.is_err(), listed == 1, "after {polls} polls");
        let again = own.owner.announce_kill().await.unwrap();
        assert_eq!(own.wallet.open_transactions().len(), 1, "after {polls} polls");
        own.sim.mine(1);
        again.confirmed().await.unwrap();
    }
}

/// W5: a command to one chequebook asks nothing of the others, and costs no more with many of them.
#[tokio::test(start_paused = true)]
async fn w5_a_cheque_asks_the_node_nothing_about_commands() {
    let own = Own::new(DAY).await;
    own.issue().await.unwrap();
    let before = own.sim.all_requests();
    for _ in 0..50 {
        own.issue().await.unwrap();
    }
    assert_eq!(own.sim.all_requests() - before, 0);
}
