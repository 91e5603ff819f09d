//! Issue, receive, deposit and cash, on the oldest hardfork that runs the contract and on the newest: everything that
//! go-ethereum's tests of its cheques covered, and the cases that it got wrong.

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::{Asset, Cheque, ChequebookContract, Creation, Form, Overdraft, Scheme, SignedCheque, Terms};
use chequebook_wallet::{
    Backup, Chequebook, Config, Error, Inbox, NewChequebook, Policy, Store as _, StoreError, Wallet,
    store::{Memory, Redb, TABLES},
};
use eyre::{OptionExt, Result};

use crate::fixture::{Both, HARDFORKS, PAYEE, PAYER, gwei, open, somebody};

#[tokio::test]
async fn each_cheque_contains_those_before() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.inbox().await?;
        let outbox = both.book.outbox(both.payee.account(), Scheme::Packed);
        assert_eq!(outbox.latest_cheque().await?, None);
        for (amount, total) in [(10, 10), (5, 15), (40, 55)] {
            let cheque = outbox.issue(gwei(amount)).await?;
            assert_eq!(cheque.cheque().amount, gwei(total));
            assert_eq!(outbox.latest_cheque().await?, Some(cheque));
            assert_eq!(inbox.receive(&cheque).await?, gwei(amount));
            assert_eq!(inbox.uncashed().await?, gwei(total));
        }
        // A lost message loses no money: the next cheque includes its amount.
        outbox.issue(gwei(1)).await?;
        assert_eq!(inbox.receive(&outbox.issue(gwei(2)).await?).await?, gwei(3));

        let balance = both.book.balance().await?;
        assert_eq!((balance.funded, balance.issued, balance.available), (gwei(100), gwei(58), gwei(42)));
    }
    Ok(())
}

#[tokio::test]
async fn issues_no_more_than_is_available_and_not_to_nobody() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    both.issue(60).await?;
    let refused = both.book.outbox(somebody(1), Scheme::Packed).issue(gwei(41)).await.unwrap_err();
    assert!(
        matches!(refused, Error::InsufficientDeposit { amount, available, .. } if amount == gwei(41) && available == gwei(40))
    );
    assert!(matches!(both.issue(0).await.unwrap_err(), Error::ZeroAmount));
    for nobody in [Address::ZERO, both.book.address()] {
        let refused = both.book.outbox(nobody, Scheme::Packed).issue(gwei(1)).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidBeneficiary { beneficiary } if beneficiary == nobody));
    }
    assert_eq!(both.book.outbox(somebody(1), Scheme::Packed).latest_cheque().await?, None);
    both.book.outbox(somebody(1), Scheme::Packed).issue(gwei(40)).await?;
    assert_eq!(both.book.balance().await?.available, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn a_store_opens_again_with_all_that_was_promised() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let cheque = both.issue(30).await?;
        both.inbox().await?.receive(&cheque).await?;
        let address = both.book.address();
        both.payer.shutdown().await;
        both.payee.shutdown().await;
        drop(both.book);

        let payer = open(&both.chain, PAYER, both.directory.path().join("payer"), 0).await?;
        assert_eq!(payer.chequebooks().await?, [address]);
        let book = Chequebook::open(&payer, address, both.chain.key(PAYER)?).await?;
        let balance = book.balance().await?;
        assert_eq!((balance.issued, balance.available), (gwei(30), gwei(70)), "the uncashed cheque is not forgotten");
        assert_eq!(book.outbox(both.chain.account(PAYEE), Scheme::Packed).latest_cheque().await?, Some(cheque));

        let payee = open(&both.chain, PAYEE, both.directory.path().join("payee"), 0).await?;
        assert_eq!(payee.received().await?, [cheque]);
        let policy = Policy::default();
        let inbox = Inbox::open(&payee, address, payee.account(), policy).await?;
        assert_eq!(inbox.latest_cheque().await?, Some(cheque));
        let next = book.outbox(payee.account(), Scheme::Packed).issue(gwei(1)).await?;
        assert_eq!(inbox.receive(&next).await?, gwei(1));
    }
    Ok(())
}

#[tokio::test]
async fn a_backup_goes_into_an_empty_store_and_no_other() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let cheque = both.issue(30).await?;
    both.book.deposit(gwei(7)).await?.confirmed().await?;
    let inbox = both.inbox().await?;
    inbox.receive(&cheque).await?;
    let texts = [&both.payer, &both.payee]
        .map(|wallet| async { serde_json::to_string(&Backup::export(wallet).await?).map_err(eyre::Report::from) });
    let [payer, payee] = texts;
    let (payer, payee): (String, String) = (payer.await?, payee.await?);
    assert!(payer.contains(r#""amount":"30000000000""#), "amounts are decimal wei: {payer}");

    let (used, empty, other) = (Memory::new(), Memory::new(), Memory::new());
    serde_json::from_str::<Backup>(&payer)?.import(&empty).await?;
    serde_json::from_str::<Backup>(&payee)?.import(&other).await?;
    serde_json::from_str::<Backup>(&payer)?.import(&used).await?;
    let again = serde_json::from_str::<Backup>(&payer)?.import(&used).await;
    assert!(matches!(again, Err(Error::StoreNotEmpty)), "{again:?}");

    let config = Config::default().confirmations(0);
    both.payer.shutdown().await;
    both.payee.shutdown().await;
    let wallet = Wallet::open(both.chain.provider.clone(), both.chain.key(PAYER)?, empty, config).await?;
    assert_eq!(serde_json::to_string(&Backup::export(&wallet).await?)?, payer);
    let book = Chequebook::open(&wallet, both.book.address(), both.chain.key(PAYER)?).await?;
    assert_eq!(book.outbox(cheque.cheque().beneficiary, Scheme::Packed).latest_cheque().await?, Some(cheque));
    assert_eq!(book.balance().await?.issued, gwei(30));
    book.deposit(gwei(1)).await?.confirmed().await?; // with the next nonce
    let wallet = Wallet::open(both.chain.provider.clone(), both.chain.key(PAYEE)?, other, config).await?;
    assert_eq!(wallet.received().await?, [cheque]);
    Ok(())
}

#[tokio::test]
async fn a_backup_that_was_tampered_with_is_refused() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    both.issue(30).await?;
    let good = serde_json::to_value(Backup::export(&both.payer).await?)?;
    let issued = |value: &serde_json::Value| value["chequebooks"][0]["issued"][0].clone();
    let refusal = async |change: &dyn Fn(&mut serde_json::Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        let store = Memory::new();
        let refusal = match serde_json::from_value::<Backup>(bad) {
            Ok(bad) => bad.import(&store).await.unwrap_err().into(),
            Err(error) => eyre::Report::from(error),
        };
        for table in TABLES {
            assert!(store.page(*table, &[], None, 1).await.unwrap().is_empty(), "something was written");
        }
        refusal
    };
    let format = refusal(&|bad| bad["format"] = 2.into()).await;
    assert!(
        matches!(format.downcast_ref(), Some(Error::Store(StoreError::UnknownFormat { found: 2, expected: 5 }))),
        "{format}"
    );
    let less = refusal(&|bad| bad["chequebooks"][0]["issued"][0]["amount"] = "1".into()).await;
    assert!(matches!(less.downcast_ref(), Some(Error::Cheque(chequebook::Error::WrongSigner { .. }))), "{less}");
    let duplicate = refusal(&|bad| {
        let line = issued(bad);
        bad["chequebooks"][0]["issued"].as_array_mut().unwrap().push(line);
    })
    .await;
    assert!(matches!(duplicate.downcast_ref(), Some(Error::BadBackup { .. })), "{duplicate}");
    let half = refusal(&|bad| bad["chequebooks"][0]["issued"][0]["scheme"] = serde_json::Value::Null).await;
    assert!(matches!(half.downcast_ref(), Some(Error::BadBackup { .. })), "{half}");
    let foreign = refusal(&|bad| {
        let (owner, salt) = (somebody(1), alloy::primitives::B256::ZERO);
        let creation = Creation { terms: Terms::new(Form::Clone, owner), salt };
        bad["chequebooks"][0]["creation"] = serde_json::to_value(creation).unwrap();
    })
    .await;
    assert!(matches!(foreign.downcast_ref(), Some(Error::BadBackup { .. })), "{foreign}");
    let surplus = refusal(&|bad| bad["surplus"] = 1.into()).await;
    assert!(surplus.to_string().contains("surplus"), "{surplus}");
    Ok(())
}

#[tokio::test]
async fn a_store_belongs_to_one_process_and_one_chain() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let path = both.path("payer");
    assert!(matches!(Redb::open(&path).unwrap_err(), StoreError::InUse { .. }));
    both.payer.shutdown().await;

    // Another development chain has the same id.
    let other = crate::chain::Chain::under("shanghai")?;
    other.provider.anvil_mine(Some(1), None).await?;
    let config = Config::default().confirmations(0);
    let refused =
        Wallet::open(other.provider.clone(), other.key(PAYER)?, Redb::open(&path)?, config).await.unwrap_err();
    assert!(matches!(refused, Error::WrongGenesis { .. }), "{refused:?}");
    other.provider.anvil_set_chain_id(5).await?;
    let refused =
        Wallet::open(other.provider.clone(), other.key(PAYER)?, Redb::open(&path)?, config).await.unwrap_err();
    assert!(matches!(refused, Error::WrongChain { found: 5, expected: 31_337 }), "{refused:?}");
    open(&both.chain, PAYER, path, 0).await?;
    Ok(())
}

#[tokio::test]
async fn refuses_every_cheque_that_is_not_right_and_takes_the_next_that_is() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.inbox().await?;
        inbox.receive(&both.issue(10).await?).await?;
        let good = Cheque { amount: gwei(20), ..*inbox.latest_cheque().await?.ok_or_eyre("no cheque")?.cheque() };
        let by = async |cheque: Cheque, key: usize| Ok::<_, eyre::Report>(cheque.sign(&both.chain.key(key)?).await?);

        let refused = inbox.receive(&by(Cheque { contract: somebody(1), ..good }, PAYER).await?).await.unwrap_err();
        assert!(
            matches!(refused, Error::WrongContract { found, expected } if found == somebody(1) && expected == good.contract)
        );
        let refused = inbox.receive(&by(Cheque { chain_id: 1, ..good }, PAYER).await?).await.unwrap_err();
        assert!(matches!(refused, Error::WrongChainId { found: 1, expected: 31_337 }));
        let refused = inbox.receive(&by(Cheque { beneficiary: somebody(1), ..good }, PAYER).await?).await.unwrap_err();
        assert!(
            matches!(refused, Error::WrongBeneficiary { found, expected } if found == somebody(1) && expected == good.beneficiary)
        );
        let refused = inbox.receive(&by(good, PAYEE).await?).await.unwrap_err();
        assert!(
            matches!(refused, Error::Cheque(chequebook::Error::WrongSigner { recovered, expected }) if recovered == both.chain.account(PAYEE) && expected == both.chain.account(PAYER))
        );
        let altered = SignedCheque::new(Cheque { amount: gwei(21), ..good }, by(good, PAYER).await?.signature())?;
        assert!(matches!(
            inbox.receive(&altered).await.unwrap_err(),
            Error::Cheque(chequebook::Error::WrongSigner { .. }) | Error::Cheque(chequebook::Error::Unrecoverable(_))
        ));
        for amount in [0, 9, 10] {
            let refused = inbox.receive(&by(Cheque { amount: gwei(amount), ..good }, PAYER).await?).await.unwrap_err();
            assert!(
                matches!(refused, Error::StaleCheque { amount: found, newest } if found == gwei(amount) && newest == gwei(10))
            );
        }
        assert_eq!(inbox.uncashed().await?, gwei(10));
        assert_eq!(inbox.receive(&by(good, PAYER).await?).await?, gwei(10));
    }
    Ok(())
}

#[tokio::test]
async fn a_deposit_counts_once_it_is_confirmed() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::confirmed(hardfork, 100, 2).await?;
        let figures = async || {
            let balance = both.book.balance().await?;
            Ok::<_, Error>(
                [balance.funded, balance.issued, balance.available, balance.pending].map(|wei| wei / gwei(1)),
            )
        };
        let expect = |figures: [u64; 4]| figures.map(U256::from);
        both.issue(60).await?;
        assert_eq!(figures().await?, expect([100, 60, 40, 0]));

        let deposit = both.book.deposit(gwei(50)).await?;
        assert!(deposit.included().await? > 0);
        assert_eq!(figures().await?, expect([100, 60, 40, 50]), "{hardfork}: included");
        assert!(matches!(both.issue(41).await.unwrap_err(), Error::InsufficientDeposit { .. }));
        both.chain.provider.anvil_mine(Some(1), None).await?;
        assert_eq!(figures().await?, expect([100, 60, 40, 50]), "{hardfork}: one block later");
        both.chain.provider.anvil_mine(Some(1), None).await?;
        assert_eq!(figures().await?, expect([150, 60, 90, 0]), "{hardfork}: two blocks later");
        deposit.confirmed().await?;

        // Cashing moves money from one term of the equation to the other.
        let inbox = both.inbox().await?;
        inbox.receive(&both.issue(20).await?).await?;
        inbox.cash(Overdraft::Refuse).await?.included().await?;
        assert_eq!(figures().await?, expect([150, 80, 70, 0]), "{hardfork}: cashed");
        both.chain.provider.anvil_mine(Some(3), None).await?;
        assert_eq!(figures().await?, expect([150, 80, 70, 0]), "{hardfork}: cash confirmed");
        assert!(matches!(both.book.deposit(U256::ZERO).await.unwrap_err(), Error::ZeroAmount));
    }
    Ok(())
}

#[tokio::test]
async fn a_cheque_pays_once_whoever_cashes_it() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let policy = both.policy();
        // The account that sends the transaction is not the account that is paid.
        let inbox = Inbox::open(&both.payee, both.book.address(), somebody(1), policy).await?;
        assert!(matches!(inbox.cash(Overdraft::Refuse).await.unwrap_err(), Error::NothingReceived { .. }));
        let older = both.book.outbox(somebody(1), Scheme::Packed).issue(gwei(10)).await?;
        let newer = both.book.outbox(somebody(1), Scheme::Typed).issue(gwei(5)).await?;
        inbox.receive(&newer).await?;

        // Two calls at once result in one transaction.
        let (one, two) = tokio::join!(inbox.cash(Overdraft::Refuse), inbox.cash(Overdraft::Refuse));
        let (one, two) = (one?, two);
        one.confirmed().await?;
        assert!(
            matches!(&two, Ok(two) if two.nonce() == one.nonce()) || matches!(two, Err(Error::AlreadyCashed { .. }))
        );
        assert_eq!(both.chain.balance(somebody(1)).await?, gwei(15));
        assert_eq!(inbox.uncashed().await?, U256::ZERO);
        assert_eq!(both.payee.transactions().await?.len(), 1);

        for cheque in [&older, &newer] {
            let refused = both.payer.cashing().cash(cheque, Overdraft::Consent).await.unwrap_err();
            assert!(matches!(refused, Error::AlreadyCashed { sent, .. } if sent == gwei(15)), "{refused:?}");
        }
        // The payer may cash for the payee.
        let last = both.book.outbox(somebody(1), Scheme::Packed).issue(gwei(1)).await?;
        inbox.receive(&last).await?;
        both.payer.cashing().cash(&last, Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!(inbox.uncashed().await?, U256::ZERO, "seen, although somebody else cashed");
        assert_eq!(both.chain.balance(somebody(1)).await?, gwei(16));
    }
    Ok(())
}

#[tokio::test]
async fn creates_for_another_owner_and_reads_the_terms_from_the_chain() -> Result<()> {
    let both = Both::start("osaka", 0).await?;
    let terms = NewChequebook::default().owner(Some(somebody(9))).notice_period(5).deposit(gwei(3));
    let book = Chequebook::create(&both.payer, both.chain.key(PAYEE)?, terms).await?;
    let found = ChequebookContract::at(both.chain.provider.clone(), book.address(), Asset::Ether).await?;
    let signer = both.chain.account(PAYEE);
    assert_eq!(found.terms(), Terms { form: Form::Direct, owner: somebody(9), signer, notice_period: 5 });
    assert_eq!(book.terms(), found.terms());
    let record = ChequebookContract::record(&both.chain.provider, book.address()).await?.ok_or_eyre("no record")?;
    assert_eq!(record.born_at, both.chain.provider.get_block_number().await?);
    assert_eq!(book.balance().await?.available, gwei(3));
    Ok(())
}
