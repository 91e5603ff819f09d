//! Chequebooks that are clones: created by the factory, proven by their address, and able to issue cheques before they
//! are created.

use alloy::{
    primitives::{Address, B256, U256},
    providers::{Provider, ext::AnvilApi},
    sol_types::SolCall,
};
use chequebook::{
    CloneTerms, Overdraft, Scheme, Terms,
    bindings::{
        Chequebook::{announceKillCall, killCall},
        ChequebookFactory,
    },
    factory,
};
use chequebook_wallet::{AutoCash, Chequebook, Error, Form, Inbox, NewChequebook, Purpose};
use eyre::{OptionExt, Result};

use crate::fixture::{Both, HARDFORKS, NOTICE, PAYEE, PAYER, eventually, gwei, open, somebody};

const CLONE: Form = Form::Clone { salt: B256::repeat_byte(7) };

#[tokio::test]
async fn a_clone_pays_and_ends_like_any_chequebook() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::formed(hardfork, 100, 0, CLONE).await?;
        let clone = both.book.clone_terms().ok_or_eyre("no clone")?;
        assert_eq!(clone.address(both.chain.anvil.chain_id())?, both.book.address());
        assert_eq!(both.book.terms().owner, both.payer.account());
        assert_eq!(both.book.terms().notice_period, NOTICE);

        // The payee knows only the address: the factory confirms that it is genuine.
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

/// The library and the factory compute the same address, also for the zero signer that means the owner.
#[tokio::test]
async fn the_address_follows_from_the_terms_alone() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let contract = ChequebookFactory::new(factory(), both.chain.provider.clone());
    for (signer, notice_period, salt) in
        [(somebody(1), 0, 0_u8), (somebody(1), u32::MAX, 1), (Address::ZERO, NOTICE, 2), (somebody(9), NOTICE, 255)]
    {
        let (owner, salt) = (somebody(9), B256::repeat_byte(salt));
        let clone = CloneTerms { terms: Terms { owner, signer, notice_period }, salt };
        let expected = contract.predict(owner, signer, notice_period, salt).call().await?;
        assert_eq!(clone.address(both.chain.anvil.chain_id())?, expected);
        assert_ne!(clone.address(1)?, expected, "the chain is part of the address");
        let json = serde_json::to_string(&clone)?;
        assert_eq!(serde_json::from_str::<CloneTerms>(&json)?, clone);
    }
    for address in [factory(), chequebook::clearing_house()] {
        assert!(
            include_str!("../../README.md").contains(&address.to_string()),
            "README has another one than {address}"
        );
    }
    let nobody = CloneTerms { terms: Terms { signer: somebody(1), ..Terms::new(Address::ZERO) }, salt: B256::ZERO };
    assert!(matches!(nobody.address(1).unwrap_err(), chequebook::Error::ZeroOwner));
    assert!(matches!(
        both.payer.factory().create(&nobody, U256::ZERO).await.unwrap_err(),
        Error::Cheque(chequebook::Error::ZeroOwner)
    ));
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
        let clone = book.clone_terms().ok_or_eyre("no clone")?;
        let careful = Inbox::open_clone(&both.payee, &clone, beneficiary, both.policy()).await?;
        assert_eq!(careful.contract(), book.address());
        let refused = careful.receive(&cheque).await.unwrap_err();
        assert!(matches!(refused, Error::NotCreated { contract } if contract == book.address()));
        drop(careful);
        let refused = Inbox::open(&both.payee, book.address(), beneficiary, both.policy()).await.unwrap_err();
        assert!(matches!(refused, Error::NoCode { .. }), "the address alone does not show the terms");

        let policy = both.policy().accept_counterfactual(true);
        let inbox = Inbox::open_clone(&both.payee, &clone, beneficiary, policy).await?;
        assert_eq!(inbox.receive(&cheque).await?, gwei(20));
        let too_much = book.outbox(beneficiary, Scheme::Packed).issue(gwei(30)).await?;
        both.chain.provider.anvil_set_balance(book.address(), gwei(49)).await?;
        both.chain.provider.anvil_mine(Some(1), None).await?;
        both.payee.refresh().await?;
        let refused = inbox.receive(&too_much).await.unwrap_err();
        assert!(matches!(refused, Error::NotCovered { .. }), "{refused:?}");
        both.chain.provider.anvil_set_balance(book.address(), gwei(50)).await?;

        // The payee creates it to cash.
        inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!(both.chain.balance(beneficiary).await?, gwei(20), "{hardfork}");
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
    let (contract, clone) = (book.address(), book.clone_terms());
    drop((book, both.book.clone()));
    both.payer.shutdown().await;

    let payer = open(&both.chain, PAYER, both.path("payer"), 0).await?;
    let book = Chequebook::open(&payer, contract, both.chain.key(PAYER)?).await?;
    assert_eq!(book.clone_terms(), clone);
    assert_eq!(book.balance().await?.available, gwei(30));
    assert_eq!(book.outbox(somebody(3), Scheme::Packed).latest_cheque().await?, Some(cheque));
    drop(book);
    // Preparing it again changes nothing, nor does creating it later.
    let book = Chequebook::prepare(&payer, both.chain.key(PAYER)?, terms).await?;
    assert_eq!(book.balance().await?.issued, gwei(20));
    payer.factory().create(&clone.ok_or_eyre("no clone")?, gwei(1)).await?.confirmed().await?;
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

    let funded = terms.form(Form::Clone { salt: B256::ZERO });
    let signer = both.chain.key(PAYER)?;
    let clone = CloneTerms {
        terms: Terms { owner: both.payer.account(), signer: signer.address(), notice_period: NOTICE },
        salt: B256::ZERO,
    };
    let address = clone.address(both.chain.anvil.chain_id())?;
    both.chain.provider.anvil_set_balance(address, U256::ONE).await?;
    let refused = Chequebook::prepare(&stranger, signer, funded).await.unwrap_err();
    assert!(matches!(refused, Error::NoRecord { contract } if contract == address), "{refused:?}");

    let direct = terms.form(Form::Direct);
    let refused = Chequebook::prepare(&stranger, both.chain.key(PAYER)?, direct).await.unwrap_err();
    assert!(matches!(refused, Error::NotAClone), "{refused:?}");

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

/// Anyone can deploy a clone of the implementation; only a clone that the factory created is a chequebook.
#[tokio::test]
async fn a_clone_that_the_factory_did_not_create_is_no_chequebook() -> Result<()> {
    let both = Both::formed("osaka", 10, 0, CLONE).await?;
    let code = both.chain.provider.get_code_at(both.book.address()).await?;
    let forged = somebody(0x66);
    both.chain.provider.anvil_set_code(forged, code).await?;
    let refused = Inbox::open(&both.payee, forged, both.payee.account(), both.policy()).await.unwrap_err();
    assert!(matches!(refused, Error::NotGenuine { contract } if contract == forged), "{refused:?}");
    Ok(())
}

/// A node cannot contradict what the address proves: here it shows the code of a direct deployment.
#[tokio::test]
async fn a_node_cannot_put_other_code_at_the_address_of_a_clone() -> Result<()> {
    let both = Both::start("osaka", 10).await?;
    let (owner, salt) = (somebody(1), B256::ZERO);
    let clone = CloneTerms { terms: Terms { owner, signer: both.payer.account(), notice_period: NOTICE }, salt };
    let address = clone.address(both.chain.anvil.chain_id())?;
    let genuine = both.chain.provider.get_code_at(both.book.address()).await?;
    both.chain.provider.anvil_set_code(address, genuine).await?;
    let refused = Inbox::open_clone(&both.payee, &clone, both.payee.account(), both.policy()).await.unwrap_err();
    assert!(matches!(refused, Error::NotGenuine { contract } if contract == address), "{refused:?}");
    Ok(())
}

/// Several inboxes of one clone cash at the same time: it is created once.
#[tokio::test]
async fn a_clone_is_created_once_for_all_its_inboxes() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let terms = NewChequebook::default().notice_period(NOTICE).form(CLONE);
    let book = Chequebook::prepare(&both.payer, both.chain.key(PAYER)?, terms).await?;
    book.deposit(gwei(50)).await?.confirmed().await?;
    let clone = book.clone_terms().ok_or_eyre("no clone")?;
    let policy = both.policy().accept_counterfactual(true);
    let mut inboxes = Vec::new();
    for index in 1..=3 {
        let inbox = Inbox::open_clone(&both.payee, &clone, somebody(index), policy).await?;
        inbox.receive(&book.outbox(somebody(index), Scheme::Packed).issue(gwei(2)).await?).await?;
        inboxes.push(inbox);
    }
    let [a, b, c] = &inboxes[..] else { unreachable!() };
    let cashes = tokio::try_join!(a.cash(Overdraft::Refuse), b.cash(Overdraft::Refuse), c.cash(Overdraft::Refuse))?;
    for cash in [cashes.0, cashes.1, cashes.2] {
        cash.confirmed().await?;
    }
    let created = both.payee.transactions().into_iter().filter(|one| matches!(one.purpose(), Purpose::Create { .. }));
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
    let clone = book.clone_terms().ok_or_eyre("no clone")?;
    let policy = both.policy().accept_counterfactual(true);
    let inbox = Inbox::open_clone(&both.payee, &clone, somebody(1), policy).await?;
    inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(U256::ZERO));
    inbox.receive(&book.outbox(somebody(1), Scheme::Typed).issue(gwei(2)).await?).await?;
    eventually("it is cashed", || async { Ok(both.chain.balance(somebody(1)).await? == gwei(2)) }).await
}

/// CB11, on the chain itself: before Cancun the account of a dead clone is gone, and its address stays taken.
#[tokio::test]
async fn a_dead_clone_is_never_created_again() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::formed(hardfork, 10, 0, CLONE).await?;
        let clone = both.book.clone_terms().ok_or_eyre("no clone")?;
        let cheque = both.issue(10).await?;
        both.chain.provider.anvil_set_balance(both.book.address(), gwei(4)).await?;
        both.payee.cashing().cash(&cheque, Overdraft::Consent).await?.confirmed().await?;
        let code = both.chain.provider.get_code_at(both.book.address()).await?;
        assert_eq!(code.is_empty(), hardfork == "shanghai");

        let refused = both.payee.factory().create(&clone, gwei(10)).await.unwrap_err();
        assert!(matches!(&refused, Error::Refused { refusal } if refusal.contains("AlreadyCreated")), "{refused:?}");
        let create = ChequebookFactory::createCall {
            owner: clone.terms.owner,
            signer: clone.terms.signer,
            noticePeriod: clone.terms.notice_period,
            salt: clone.salt,
        };
        let sent = both
            .chain
            .call(factory(), create.abi_encode().into())
            .from(both.chain.account(5))
            .gas(1_000_000)
            .send()
            .await?;
        assert!(!sent.get_receipt().await?.status(), "{hardfork}");
        let policy = both.policy().accept_counterfactual(true);
        let inbox = Inbox::open_clone(&both.payee, &clone, both.payee.account(), policy).await?;
        assert!(matches!(inbox.receive(&cheque).await.unwrap_err(), Error::Dead { .. }), "{hardfork}");
    }
    Ok(())
}
