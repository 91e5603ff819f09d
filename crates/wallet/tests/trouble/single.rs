//! What is sent once and belongs to no payer and no inbox: deployments, what an owner reclaims, and cheques of 2016. Each is
//! a transaction like any other: stored before it is sent, followed, and counted while it is under way.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256, keccak256},
    sol_types::SolCall,
};
use chequebook::{
    Cheque, Error as ChequeError, Form, Overdraft, Scheme, SignedCheque, bindings::Chequebook::killCall,
    clearing_house, factory,
};
use chequebook_wallet::{
    Chequebook, Error, NewChequebook, Owner, Purpose, Request, Wallet,
    store::{Memory, MemoryDisk},
};
use tokio::time::timeout;

use crate::{
    chain, config,
    dropped::drop_after,
    eventually, key,
    sim::{CHAIN_ID, Sim},
    wallet, wallet_with, wei, who,
};

/// A wallet whose store survives it.
struct Run {
    sim: Sim,
    disk: MemoryDisk,
    name: &'static str,
    wallet: Wallet,
}

impl Run {
    async fn new(sim: Sim, name: &'static str) -> Self {
        let disk = MemoryDisk::new();
        let wallet = wallet_with(&sim, name, disk.open().unwrap(), config()).await;
        Self { sim, disk, name, wallet }
    }

    /// The process dies, and the node forgets all that waits in its pool.
    async fn restart(self) -> Self {
        let Self { sim, disk, name, wallet } = self;
        wallet.shutdown().await;
        drop(wallet);
        sim.forget();
        let wallet = wallet_with(&sim, name, disk.open().unwrap(), config()).await;
        Self { sim, disk, name, wallet }
    }

    fn nonces(&self) -> Vec<u64> {
        self.wallet.open_transactions().iter().map(chequebook_wallet::Transaction::nonce).collect()
    }

    /// Mines until nothing is under way.
    async fn settle(&self) {
        let settled = eventually(&self.sim, &self.wallet, async || self.wallet.open_transactions().is_empty()).await;
        assert!(settled, "{:?}", self.wallet.open_transactions());
    }
}

/* DEPLOY */

fn bare() -> Sim {
    let sim = chain();
    sim.undeploy(factory());
    sim.undeploy(clearing_house());
    sim
}

#[tokio::test(start_paused = true)]
async fn w1_a_deployment_outlives_its_process_and_is_not_repeated() {
    let mut run = Run::new(bare(), "payer").await;
    run.sim.auto_mine(false);
    for round in 0..3 {
        let sent = run.wallet.factory().deploy().await.unwrap();
        let purposes: Vec<_> = sent.iter().map(chequebook_wallet::Transaction::purpose).collect();
        let expected = [factory(), clearing_house()].map(|contract| Purpose::Deploy { contract });
        assert_eq!((purposes.as_slice(), run.nonces()), (&expected[..], vec![0, 1]), "round {round}");
        run = run.restart().await;
    }
    run.settle().await;
    assert!([factory(), clearing_house()].iter().all(|contract| run.sim.is_deployed(*contract)));
    assert_eq!(run.wallet.factory().deploy().await.unwrap().len(), 0, "both are there");
    assert_eq!(run.sim.nonce(key("payer").address()), 2);
    // What was deployed works.
    run.sim.auto_mine(true);
    Chequebook::create(&run.wallet, key("payer"), NewChequebook::default().deposit(wei(5))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_what_is_missing_is_deployed() {
    let sim = chain();
    let run = Run::new(sim.clone(), "payer").await;
    assert_eq!(run.wallet.factory().deploy().await.unwrap().len(), 0);
    sim.undeploy(clearing_house());
    let sent = run.wallet.factory().deploy().await.unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].purpose(), Purpose::Deploy { contract: clearing_house() });
}

#[tokio::test(start_paused = true)]
async fn w2_two_calls_at_once_deploy_once() {
    let run = Run::new(bare(), "payer").await;
    run.sim.auto_mine(false);
    let (one, two) = tokio::join!(run.wallet.factory().deploy(), run.wallet.factory().deploy());
    let nonces = |sent: Result<Vec<chequebook_wallet::Transaction>, Error>| -> Vec<u64> {
        sent.unwrap().iter().map(chequebook_wallet::Transaction::nonce).collect()
    };
    assert_eq!((nonces(one), nonces(two), run.nonces().len()), (vec![0, 1], vec![0, 1], 2));
    // One that is being cancelled may be included all the same: nobody knows before that is final.
    run.wallet.open_transactions()[0].cancel().await.unwrap();
    let refused = run.wallet.factory().deploy().await;
    assert!(matches!(refused, Err(Error::Cancelled { nonce: 0 })), "{refused:?}");
    run.settle().await;
    assert!(!run.sim.is_deployed(factory()));
    run.sim.auto_mine(true);
    assert_eq!(run.wallet.factory().deploy().await.unwrap().len(), 1, "and then again");
}

/* RECLAIM */

/// A token chequebook that is dead, and the wallet of its owner.
async fn dead_of_token() -> (Run, Address, Address) {
    let sim = chain();
    let token = sim.token("token");
    let owner = key("owner").address();
    sim.mint(token, owner, 1_000);
    let run = Run::new(sim, "owner").await;
    let new = NewChequebook::default().deposit(wei(100)).notice_period(0).form(Form::Token(token));
    let contract = Chequebook::create(&run.wallet, key("owner"), new).await.unwrap().address();
    run.sim.mine(1);
    let refused = Owner::reclaim(&run.wallet, contract).await;
    assert!(matches!(refused, Err(Error::NotDead { .. })), "{refused:?}");
    assert!(run.sim.act(key("owner").address(), contract, killCall {}.abi_encode().into()));
    run.wallet.refresh().await.unwrap();
    (run, contract, token)
}

#[tokio::test(start_paused = true)]
async fn w1_what_is_reclaimed_outlives_its_process_and_is_not_repeated() {
    let (mut run, contract, token) = dead_of_token().await;
    let owner = key("owner").address();
    let refused = Owner::reclaim(&run.wallet, contract).await;
    assert!(matches!(refused, Err(Error::ZeroAmount)), "nothing arrived: {refused:?}");
    run.sim.mint(token, contract, 7);
    run.sim.auto_mine(false);
    let nonce = Owner::reclaim(&run.wallet, contract).await.unwrap().nonce();
    for _ in 0..2 {
        run = run.restart().await;
        let again = Owner::reclaim(&run.wallet, contract).await.unwrap();
        assert_eq!((again.nonce(), again.purpose()), (nonce, Purpose::Reclaim { contract }));
    }
    assert_eq!(run.nonces(), [nonce]);
    run.settle().await;
    assert_eq!(run.sim.tokens_of(token, owner), wei(1_007));
    // Once that was seen, what arrives later is another one's.
    let refused = Owner::reclaim(&run.wallet, contract).await;
    assert!(matches!(refused, Err(Error::ZeroAmount)), "{refused:?}");
    run.sim.mint(token, contract, 5);
    assert_eq!(Owner::reclaim(&run.wallet, contract).await.unwrap().nonce(), nonce + 1);
    run.settle().await;
    assert_eq!(run.sim.tokens_of(token, owner), wei(1_012));
}

#[tokio::test(start_paused = true)]
async fn w2_what_a_reorganisation_drops_is_under_way_again() {
    let (run, contract, token) = dead_of_token().await;
    let wallet = wallet_with(&run.sim, "sponsor", Memory::new(), config()).await;
    let refused = Owner::reclaim(&wallet, contract).await;
    assert!(matches!(refused, Err(Error::NotOwner { .. })), "{refused:?}");
    run.sim.mine(1);
    run.sim.mint(token, contract, 7);
    let nonce = Owner::reclaim(&run.wallet, contract).await.unwrap().nonce();
    run.sim.mine(1);
    // The block that included it is gone, and its transactions are not in the pool.
    run.sim.auto_mine(false);
    run.sim.reorganise_to(2, false, 3);
    assert_eq!(run.sim.tokens_of(token, contract), wei(7));
    assert_eq!(Owner::reclaim(&run.wallet, contract).await.unwrap().nonce(), nonce);
    run.settle().await;
    assert_eq!(run.sim.tokens_of(token, contract), wei(0));
}

#[tokio::test(start_paused = true)]
async fn a_chequebook_of_ether_has_nothing_to_reclaim() {
    let run = Run::new(chain(), "owner").await;
    let new = NewChequebook::default().deposit(wei(100)).notice_period(0);
    let contract = Chequebook::create(&run.wallet, key("owner"), new).await.unwrap().address();
    run.sim.mine(1);
    let refused = Owner::reclaim(&run.wallet, contract).await;
    assert!(matches!(refused, Err(Error::Cheque(ChequeError::NoToken { .. }))), "{refused:?}");
    assert!(run.sim.act(key("owner").address(), contract, killCall {}.abi_encode().into()));
    let refused = Owner::reclaim(&run.wallet, contract).await;
    assert!(matches!(refused, Err(Error::Cheque(ChequeError::NoToken { .. }))), "{refused:?}");
}

/* CHEQUES OF 2016 */

async fn old(contract: Address, beneficiary: Address, amount: u64) -> SignedCheque {
    let cheque = Cheque { contract, beneficiary, amount: wei(amount), scheme: Scheme::Packed, chain_id: CHAIN_ID };
    cheque.sign(&key("owner")).await.unwrap()
}

/// A contract of 2016 with a hundred wei, and the wallet of somebody who cashes.
async fn original() -> (Run, Address) {
    let sim = chain();
    let contract = sim.original(key("owner").address(), 100);
    (Run::new(sim, "payee").await, contract)
}

async fn cash(run: &Run, cheque: &SignedCheque) -> Result<u64, Error> {
    let sent = run.wallet.cashing().cash_original(cheque, Overdraft::Refuse, true).await;
    sent.map(|transaction| transaction.nonce())
}

#[tokio::test(start_paused = true)]
async fn w1_a_cheque_of_2016_is_cashed_once_whatever_ends_the_process() {
    let (mut run, contract) = original().await;
    let cheque = old(contract, who(1), 60).await;
    let refused = run.wallet.cashing().cash_original(&cheque, Overdraft::Refuse, false).await;
    assert!(matches!(refused, Err(Error::Cheque(ChequeError::Unproven { .. }))), "its code is another: {refused:?}");
    run.sim.auto_mine(false);
    for _ in 0..3 {
        assert_eq!(cash(&run, &cheque).await.unwrap(), 0);
        run = run.restart().await;
    }
    let open = run.wallet.open_transactions();
    let purpose = Purpose::CashOriginal { contract, beneficiary: who(1), amount: wei(60) };
    assert_eq!((open.len(), open[0].purpose()), (1, purpose));
    run.settle().await;
    assert_eq!((run.sim.balance_at(who(1), u64::MAX), run.sim.original_sent(contract, who(1))), (wei(60), wei(60)));
    let again = cash(&run, &cheque).await;
    assert!(matches!(again, Err(Error::AlreadyCashed { .. })), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn w2_cashes_of_2016_count_each_other() {
    let (run, contract) = original().await;
    run.sim.auto_mine(false);
    let [first, newer, other, fits] = [
        old(contract, who(1), 60).await,
        old(contract, who(1), 70).await,
        old(contract, who(2), 31).await,
        old(contract, who(2), 30).await,
    ];
    assert_eq!(cash(&run, &first).await.unwrap(), 0);
    assert_eq!(cash(&run, &newer).await.unwrap(), 1, "a newer one is another transaction");
    assert_eq!(cash(&run, &first).await.unwrap(), 1, "which contains the older one");
    let refused = cash(&run, &other).await;
    assert!(
        matches!(refused, Err(Error::WouldBounce { pays, owed }) if (pays, owed) == (wei(30), wei(31))),
        "70 of 100 are under way: {refused:?}"
    );
    assert_eq!(cash(&run, &fits).await.unwrap(), 2);
    run.settle().await;
    let paid = [1, 2].map(|index| run.sim.balance_at(who(index), u64::MAX));
    assert_eq!((paid, run.sim.balance_at(contract, u64::MAX)), ([wei(70), wei(30)], wei(0)));
}

#[tokio::test(start_paused = true)]
async fn w2_cashes_of_2016_at_once_do_not_overdraw_together() {
    let (run, contract) = original().await;
    run.sim.auto_mine(false);
    let cheques = [old(contract, who(1), 60).await, old(contract, who(2), 60).await, old(contract, who(1), 60).await];
    let answers = tokio::join!(cash(&run, &cheques[0]), cash(&run, &cheques[1]), cash(&run, &cheques[2]));
    let answers = [answers.0, answers.1, answers.2];
    let bounced = answers.iter().filter(|answer| matches!(answer, Err(Error::WouldBounce { .. }))).count();
    assert!(bounced >= 1 && run.nonces().len() == 1, "{answers:?}");
    run.settle().await;
    let paid = [1, 2].map(|index| run.sim.balance_at(who(index), u64::MAX));
    assert_eq!(paid.iter().sum::<U256>(), wei(60), "{paid:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_cheque_of_2016_costs_nothing() {
    let (run, contract) = original().await;
    let stranger = Cheque { contract, beneficiary: who(1), amount: wei(1), scheme: Scheme::Packed, chain_id: CHAIN_ID };
    let refused = cash(&run, &stranger.sign(&key("payee")).await.unwrap()).await;
    assert!(matches!(refused, Err(Error::Cheque(ChequeError::WrongSigner { .. }))), "{refused:?}");
    let typed = Cheque { scheme: Scheme::Typed, ..stranger };
    let refused = cash(&run, &typed.sign(&key("owner")).await.unwrap()).await;
    assert!(matches!(refused, Err(Error::Cheque(ChequeError::NotPacked))), "{refused:?}");
    let refused = cash(&run, &old(who(9), who(1), 1).await).await;
    assert!(matches!(refused, Err(Error::Cheque(ChequeError::NoCode { .. }))), "{refused:?}");
    let refused = cash(&run, &old(contract, who(1), 101).await).await;
    assert!(matches!(refused, Err(Error::WouldBounce { .. })), "{refused:?}");
    run.sim.refuses(who(3), true);
    let refused = cash(&run, &old(contract, who(3), 1).await).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert_eq!(run.sim.nonce(key("payee").address()), 0);
    // With consent it takes what is there.
    let much = old(contract, who(1), 500).await;
    run.wallet.cashing().cash_original(&much, Overdraft::Consent, true).await.unwrap();
    run.settle().await;
    assert_eq!(run.sim.balance_at(who(1), u64::MAX), wei(100));
    // One that is being cancelled may pay all the same.
    run.sim.give(contract, wei(100));
    run.sim.auto_mine(false);
    let small = old(contract, who(2), 5).await;
    cash(&run, &small).await.unwrap();
    run.wallet.open_transactions()[0].cancel().await.unwrap();
    let refused = cash(&run, &small).await;
    assert!(matches!(refused, Err(Error::Cancelled { .. })), "{refused:?}");
}

/// A future that is dropped anywhere leaves it under way or not, and it can be asked for again.
#[tokio::test(start_paused = true)]
async fn w1_a_cash_of_2016_that_is_dropped_can_be_asked_for_again() {
    for polls in (0..120).step_by(4) {
        let (run, contract) = original().await;
        run.sim.auto_mine(false);
        let cheque = old(contract, who(1), 60).await;
        drop_after(polls, run.wallet.cashing().cash_original(&cheque, Overdraft::Refuse, true)).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        timeout(Duration::from_secs(5), cash(&run, &cheque)).await.expect("it hangs").unwrap();
        assert_eq!(run.nonces(), [0], "after {polls} polls");
        run.settle().await;
        assert_eq!(run.sim.balance_at(who(1), u64::MAX), wei(60), "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn two_wallets_do_not_share_what_is_under_way() {
    let (run, contract) = original().await;
    let other = wallet(&run.sim, "sponsor").await;
    run.sim.auto_mine(false);
    let cheque = old(contract, who(1), 60).await;
    cash(&run, &cheque).await.unwrap();
    // Nobody knows of the other's: the second pays nothing, and harms nothing.
    other.cashing().cash_original(&cheque, Overdraft::Refuse, true).await.unwrap();
    run.settle().await;
    assert_eq!((run.sim.balance_at(who(1), u64::MAX), run.sim.original_sent(contract, who(1))), (wei(60), wei(60)));
}

/* WHAT WAS DONE */

/// A chequebook that has ended has no handle; what was done for a key is told all the same, and nothing is done.
#[tokio::test(start_paused = true)]
async fn what_was_done_for_a_key_is_told_after_the_end() {
    let mut run = Run::new(chain(), "owner").await;
    let new = NewChequebook::default().deposit(wei(100)).notice_period(0);
    let book = Chequebook::create(&run.wallet, key("owner"), new).await.unwrap();
    let contract = book.address();
    run.sim.mine(1);
    let request = |name: &str| Request::new(1_000).once(keccak256(name), keccak256("content"));
    let (withdrawal, kill, cheque) = (request("withdrawal"), request("kill"), request("cheque"));
    for unknown in [&withdrawal, &kill, &cheque] {
        assert!(run.wallet.transaction_for(unknown).await.unwrap().is_none());
        assert!(run.wallet.cheque_for(unknown).await.unwrap().is_none());
    }
    let issued = book.outbox(who(1), Scheme::Typed).issue_for(wei(10), &cheque).await.unwrap();
    // The first half of a withdrawal is no transaction: the request is to be made again.
    let half = book.outbox(book.terms().owner, Scheme::Typed).issue_for(wei(20), &withdrawal).await.unwrap();
    assert!(run.wallet.transaction_for(&withdrawal).await.unwrap().is_none());
    let withdrawn = book.withdraw_for(wei(20), &withdrawal).await.unwrap().nonce();
    let killed = Owner::open(&run.wallet, contract).await.unwrap().kill_for(&kill).await.unwrap().nonce();
    run.settle().await;
    drop(book);
    for _ in 0..2 {
        run = run.restart().await;
        let nonce = run.sim.nonce(key("owner").address());
        assert!(matches!(Owner::open(&run.wallet, contract).await, Err(Error::Dead { .. })));
        for (request, expected) in [(&withdrawal, withdrawn), (&kill, killed)] {
            assert_eq!(run.wallet.transaction_for(request).await.unwrap().unwrap().nonce(), expected);
        }
        assert_eq!(run.wallet.cheque_for(&cheque).await.unwrap(), Some(issued));
        assert_eq!(run.wallet.cheque_for(&withdrawal).await.unwrap(), Some(half));
        let reused = run.wallet.cheque_for(&kill).await;
        assert!(matches!(reused, Err(Error::KeyReused { .. })), "{reused:?}");
        let other = Request::new(1_000).once(keccak256("kill"), keccak256("another content"));
        let reused = run.wallet.transaction_for(&other).await;
        assert!(matches!(reused, Err(Error::KeyReused { .. })), "{reused:?}");
        assert_eq!((run.sim.nonce(key("owner").address()), run.nonces()), (nonce, vec![]), "nothing was done");
    }
}
