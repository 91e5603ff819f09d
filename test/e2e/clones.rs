//! Chequebooks that are clones: created by the factory, proven by their address, and able to issue cheques before they
//! are created.

use alloy::{
    primitives::{B256, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::{
    Creation, Form, Overdraft, Scheme, Terms,
    bindings::Chequebook::{announceKillCall, killCall},
    factory,
};
use chequebook_wallet::{AutoCash, Chequebook, Error, Inbox, NewChequebook, Purpose};
use eyre::{OptionExt, Result};

use crate::fixture::{Both, HARDFORKS, NOTICE, PAYEE, PAYER, eventually, gwei, open, somebody};

const CLONE: Form = Form::Clone;

#[tokio::test]
async fn a_clone_pays_and_ends_like_any_chequebook() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::formed(hardfork, 100, 0, CLONE).await?;
        let clone = both.book.creation().ok_or_eyre("no creation")?;
        assert_eq!(clone.address(both.chain.anvil.chain_id())?, both.book.address());
        assert_eq!(both.book.terms().owner, both.payer.account());
        assert_eq!(both.book.terms().notice_period, NOTICE);

        // The payee knows only the address: the record of the factory proves it.
        let inbox = both.inbox().await?;
        assert_eq!((inbox.terms().owner, inbox.terms().signer), (both.book.terms().owner, both.book.terms().signer));
        inbox.receive(&both.issue(30).await?).await?;
        let before = both.chain.balance(both.book.address()).await?;
        inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!(both.balance().await?, before - gwei(30));
        both.book.deposit(gwei(5)).await?.confirmed().await?;
        assert_eq!(both.book.balance().await?.funded, gwei(105), "{hardfork}");

        both.command(announceKillCall {}).await?;
        both.chain.provider.anvil_increase_time(NOTICE.into()).await?;
        both.command(killCall {}).await?;
        assert_eq!(both.balance().await?, U256::ZERO);
        both.payee.refresh().await?;
        eventually("the payer sees the end", || async { Ok(matches!(both.issue(1).await, Err(Error::Dead { .. }))) })
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn cheques_are_accepted_before_the_chequebook_is_created() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 1).await?;
        let terms = NewChequebook::default().notice_period(NOTICE).form(CLONE);
        let book = Chequebook::prepare(&both.payer, both.chain.key(PAYER)?, terms).await?;
        let beneficiary = somebody(3);
        let refused = book.outbox(beneficiary, Scheme::Typed).issue(gwei(1)).await.unwrap_err();
        assert!(matches!(refused, Error::InsufficientDeposit { .. }), "{refused:?}");
        book.deposit(gwei(50)).await?.confirmed().await?;
        let cheque = book.outbox(beneficiary, Scheme::Packed).issue(gwei(20)).await?;
        assert!(both.chain.provider.get_code_at(book.address()).await?.is_empty());

        // Only a payee whose policy allows it accepts the cheque.
        let clone = book.creation().ok_or_eyre("no creation")?;
        let careful = Inbox::of(&both.payee, &clone, beneficiary, both.policy()).await?;
        assert_eq!(careful.contract(), book.address());
        let refused = careful.receive(&cheque).await.unwrap_err();
        assert!(matches!(refused, Error::NotCreated { contract } if contract == book.address()));
        drop(careful);
        let refused = Inbox::open(&both.payee, book.address(), beneficiary, both.policy()).await.unwrap_err();
        assert!(matches!(refused, Error::NoCode { .. }), "the address alone does not show the terms");

        let policy = both.policy().accept_counterfactual(true);
        let inbox = Inbox::of(&both.payee, &clone, beneficiary, policy).await?;
        assert_eq!(inbox.receive(&cheque).await?, gwei(20));
        let too_much = book.outbox(beneficiary, Scheme::Packed).issue(gwei(30)).await?;
        both.chain.provider.anvil_set_balance(book.address(), gwei(49)).await?;
        both.chain.provider.anvil_mine(Some(1), None).await?;
        both.payee.refresh().await?;
        let refused = inbox.receive(&too_much).await.unwrap_err();
        assert!(matches!(refused, Error::NotCovered { .. }), "{refused:?}");
        both.chain.provider.anvil_set_balance(book.address(), gwei(50)).await?;

        // The payee creates it to cash: also what it did not acknowledge, since that is covered now.
        assert_eq!(inbox.acknowledged().await?, gwei(20), "{hardfork}");
        inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!(both.chain.balance(beneficiary).await?, gwei(50), "{hardfork}");
        both.payer.refresh().await?;
        let balance = book.balance().await?;
        assert_eq!((balance.funded, balance.issued), (gwei(50), gwei(50)), "{hardfork}");
    }
    Ok(())
}

#[tokio::test]
async fn a_payer_finds_a_prepared_chequebook_again() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let terms = NewChequebook::default().notice_period(NOTICE).form(CLONE);
    let book = Chequebook::prepare(&both.payer, both.chain.key(PAYER)?, terms).await?;
    book.deposit(gwei(50)).await?.confirmed().await?;
    let cheque = book.outbox(somebody(3), Scheme::Packed).issue(gwei(20)).await?;
    let (contract, clone) = (book.address(), book.creation());
    drop((book, both.book.clone()));
    both.payer.shutdown().await;

    let payer = open(&both.chain, PAYER, both.path("payer"), 0).await?;
    let book = Chequebook::open(&payer, contract, both.chain.key(PAYER)?).await?;
    assert_eq!(book.creation(), clone);
    assert_eq!(book.balance().await?.available, gwei(30));
    assert_eq!(book.outbox(somebody(3), Scheme::Packed).latest_cheque().await?, Some(cheque));
    drop(book);
    // Preparing it again changes nothing, nor does creating it later.
    let book = Chequebook::prepare(&payer, both.chain.key(PAYER)?, terms).await?;
    assert_eq!(book.balance().await?.issued, gwei(20));
    payer.factory().create(&clone.ok_or_eyre("no creation")?, gwei(1)).await?.confirmed().await?;
    let balance = book.balance().await?;
    assert_eq!((balance.funded, balance.issued), (gwei(51), gwei(20)));
    Ok(())
}

/// Somebody may hold cheques of a chequebook that the store has no record of.
#[tokio::test]
async fn prepares_no_chequebook_that_was_used_before() -> Result<()> {
    let both = Both::formed("osaka", 10, 0, CLONE).await?;
    let stranger = open(&both.chain, PAYEE, both.path("other"), 0).await?;
    let terms = NewChequebook::default().owner(Some(both.payer.account())).notice_period(NOTICE).form(CLONE);
    let refused = Chequebook::prepare(&stranger, both.chain.key(PAYER)?, terms).await.unwrap_err();
    assert!(matches!(refused, Error::NoRecord { contract } if contract == both.book.address()), "{refused:?}");

    let signer = both.chain.key(PAYER)?;
    let (form, owner, salt) = (CLONE, both.payer.account(), B256::repeat_byte(1));
    let clone = Creation { terms: Terms { form, owner, signer: signer.address(), notice_period: NOTICE }, salt };
    let address = clone.address(both.chain.anvil.chain_id())?;
    both.chain.provider.anvil_set_balance(address, U256::ONE).await?;
    let refused = Chequebook::prepare(&stranger, signer, terms.salt(salt)).await.unwrap_err();
    assert!(matches!(refused, Error::NoRecord { contract } if contract == address), "{refused:?}");

    // A chequebook that was created is recovered like any other.
    let recovered = Chequebook::recover(&stranger, both.book.address(), both.chain.key(PAYER)?, []).await?;
    assert_eq!(recovered.balance().await?.funded, gwei(10));
    Ok(())
}

#[tokio::test]
async fn needs_a_factory() -> Result<()> {
    let chain = crate::chain::Chain::start()?;
    let directory = tempfile::TempDir::new()?;
    let payer = open(&chain, PAYER, directory.path().join("payer"), 0).await?;
    let terms = NewChequebook::default().form(CLONE);
    let refused = Chequebook::create(&payer, chain.key(PAYER)?, terms).await.unwrap_err();
    assert!(matches!(refused, Error::NoCode { contract } if contract == factory()), "{refused:?}");
    Ok(())
}

/// Several inboxes of one clone cash at the same time: it is created once.
#[tokio::test]
async fn a_clone_is_created_once_for_all_its_inboxes() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let terms = NewChequebook::default().notice_period(NOTICE).form(CLONE);
    let book = Chequebook::prepare(&both.payer, both.chain.key(PAYER)?, terms).await?;
    book.deposit(gwei(50)).await?.confirmed().await?;
    let clone = book.creation().ok_or_eyre("no creation")?;
    let policy = both.policy().accept_counterfactual(true);
    let mut inboxes = Vec::new();
    for index in 1..=3 {
        let inbox = Inbox::of(&both.payee, &clone, somebody(index), policy).await?;
        inbox.receive(&book.outbox(somebody(index), Scheme::Packed).issue(gwei(2)).await?).await?;
        inboxes.push(inbox);
    }
    let [a, b, c] = &inboxes[..] else { unreachable!() };
    let cashes = tokio::try_join!(a.cash(Overdraft::Refuse), b.cash(Overdraft::Refuse), c.cash(Overdraft::Refuse))?;
    for cash in [cashes.0, cashes.1, cashes.2] {
        cash.confirmed().await?;
    }
    let created =
        both.payee.transactions().await?.into_iter().filter(|one| matches!(one.purpose(), Purpose::Create { .. }));
    assert_eq!(created.count(), 1);
    assert_eq!(both.chain.balance(book.address()).await?, gwei(44));
    Ok(())
}

#[tokio::test]
async fn an_inbox_that_cashes_automatically_creates_the_clone() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let terms = NewChequebook::default().notice_period(NOTICE).form(CLONE);
    let book = Chequebook::prepare(&both.payer, both.chain.key(PAYER)?, terms).await?;
    book.deposit(gwei(50)).await?.confirmed().await?;
    let clone = book.creation().ok_or_eyre("no creation")?;
    let policy = both.policy().accept_counterfactual(true);
    let inbox = Inbox::of(&both.payee, &clone, somebody(1), policy).await?;
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(U256::ZERO));
    inbox.receive(&book.outbox(somebody(1), Scheme::Typed).issue(gwei(2)).await?).await?;
    eventually("it is cashed", || async { Ok(both.chain.balance(somebody(1)).await? == gwei(2)) }).await
}

/// CB11, on the chain itself: before Cancun the account of a dead clone is gone, and its address stays taken.
#[tokio::test]
async fn a_dead_clone_is_never_created_again() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::formed(hardfork, 10, 0, CLONE).await?;
        let clone = both.book.creation().ok_or_eyre("no creation")?;
        let cheque = both.issue(10).await?;
        both.chain.provider.anvil_set_balance(both.book.address(), gwei(4)).await?;
        both.payee.cashing().cash(&cheque, Overdraft::Consent).await?.confirmed().await?;
        let code = both.chain.provider.get_code_at(both.book.address()).await?;
        assert_eq!(code.is_empty(), hardfork == "shanghai");

        let refused = both.payee.factory().create(&clone, gwei(10)).await.unwrap_err();
        assert!(matches!(&refused, Error::Refused { refusal } if refusal.contains("AlreadyCreated")), "{refused:?}");
        let sent =
            both.chain.call(factory(), clone.calldata()).from(both.chain.account(5)).gas(1_000_000).send().await?;
        assert!(!sent.get_receipt().await?.status(), "{hardfork}");
        let policy = both.policy().accept_counterfactual(true);
        let inbox = Inbox::of(&both.payee, &clone, both.payee.account(), policy).await?;
        assert!(matches!(inbox.receive(&cheque).await.unwrap_err(), Error::Dead { .. }), "{hardfork}");
    }
    Ok(())
}
