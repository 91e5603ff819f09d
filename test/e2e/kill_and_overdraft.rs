//! Chequebooks that are overdrawn, ended, unknown or unproven; and how a payer recovers its state.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256, bytes},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
};
use chequebook::{
    Cheque, Overdraft, Scheme,
    bindings::Chequebook::{announceKillCall, killCall},
};
use chequebook_wallet::{Chequebook, Error, Inbox, NewChequebook};
use eyre::Result;

use crate::fixture::{Both, HARDFORKS, NOTICE, PAYEE, PAYER, gwei, open, somebody};

/// More than any gas costs, in gwei.
const MUCH: u64 = 1_000_000;

#[tokio::test]
async fn both_sides_see_an_overdraft() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100 * MUCH).await?;
        let address = both.book.address();
        let inbox = both.inbox().await?;
        let other = Inbox::open(&both.payee, address, somebody(1), both.policy()).await?;
        inbox.receive(&both.issue(60 * MUCH).await?).await?;

        // Only a payer that bypasses the wallet can promise more than the balance.
        let key = both.chain.key(PAYER)?;
        let cheque = |beneficiary, wei| Cheque {
            contract: address,
            beneficiary,
            amount: wei,
            scheme: Scheme::Typed,
            chain_id: 31_337,
        };
        let secret = cheque(somebody(2), gwei(70 * MUCH)).sign(&key).await?;
        both.payer.cashing().cash(&secret, Overdraft::Refuse).await?.confirmed().await?;

        let refused = inbox.cash(Overdraft::Refuse).await.unwrap_err();
        assert!(
            matches!(refused, Error::WouldBounce { pays, owed } if pays == gwei(30 * MUCH) && owed == gwei(60 * MUCH)),
            "{refused:?}"
        );
        both.payee.refresh().await?;
        let refused =
            inbox.receive(&cheque(both.payee.account(), gwei(61 * MUCH)).sign(&key).await?).await.unwrap_err();
        assert!(
            matches!(refused, Error::NotCovered { balance, uncashed, .. } if balance == gwei(30 * MUCH) && uncashed == gwei(61 * MUCH)),
            "{refused:?}"
        );

        let before = both.chain.balance(both.payee.account()).await?;
        inbox.cash(Overdraft::Consent).await?.confirmed().await?;
        let after = both.chain.balance(both.payee.account()).await?;
        assert!(after > before, "{hardfork}: paid 30 gwei, less the gas");
        assert_eq!(both.balance().await?, U256::ZERO);

        // The payer cannot continue.
        assert!(
            matches!(both.book.deposit(gwei(1)).await.unwrap_err(), Error::Dead { contract } if contract == address)
        );
        both.payer.refresh().await?;
        assert!(matches!(both.issue(1).await.unwrap_err(), Error::Dead { .. }));
        both.payer.shutdown().await;
        let payer = open(&both.chain, PAYER, both.path("payer"), 0).await?;
        let opened = Chequebook::open(&payer, address, key.clone()).await.unwrap_err();
        assert!(matches!(opened, Error::Dead { .. }), "{hardfork}: {opened:?}");

        // Nor can any payee.
        both.payee.refresh().await?;
        for (inbox, beneficiary) in [(&inbox, both.payee.account()), (&other, somebody(1))] {
            let refused = inbox.receive(&cheque(beneficiary, gwei(90 * MUCH)).sign(&key).await?).await.unwrap_err();
            assert!(matches!(refused, Error::Dead { .. }), "{hardfork}: {refused:?}");
        }
        let refused = inbox.cash(Overdraft::Consent).await.unwrap_err();
        assert!(matches!(refused, Error::Dead { .. }), "{hardfork}: {refused:?}");
    }
    Ok(())
}

#[tokio::test]
async fn both_sides_see_that_the_owner_ended_it() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let inbox = both.inbox().await?;
        let cheque = both.issue(60).await?;
        both.command(announceKillCall {}).await?;
        both.chain.provider.anvil_increase_time(NOTICE.into()).await?;
        both.command(killCall {}).await?;
        both.payer.refresh().await?;
        both.payee.refresh().await?;
        assert!(matches!(both.issue(1).await.unwrap_err(), Error::Dead { .. }), "{hardfork}");
        assert!(matches!(inbox.receive(&cheque).await.unwrap_err(), Error::Dead { .. }), "{hardfork}");
        let balance = both.book.balance().await?;
        assert_eq!((balance.funded, balance.available), (U256::ZERO, U256::ZERO), "{hardfork}");
    }
    Ok(())
}

#[tokio::test]
async fn a_payee_takes_what_its_policy_allows() -> Result<()> {
    let both = Both::confirmed("osaka", 100, 2).await?;
    let address = both.book.address();
    let [packed, typed] = [Scheme::Packed, Scheme::Typed];
    let first = both.book.outbox(somebody(1), packed).issue(gwei(10)).await?;
    let second = both.book.outbox(somebody(1), typed).issue(gwei(10)).await?;
    let open = async |policy| Inbox::open(&both.payee, address, somebody(1), policy).await;

    let inbox = open(both.policy().accept_packed(false)).await?;
    assert!(matches!(inbox.receive(&first).await.unwrap_err(), Error::SchemeRefused { scheme: Scheme::Packed }));
    assert!(matches!(open(both.policy()).await.unwrap_err(), Error::AlreadyOpen { .. }));
    drop(inbox);
    let inbox = open(both.policy().accept_typed(false)).await?;
    assert!(matches!(inbox.receive(&second).await.unwrap_err(), Error::SchemeRefused { scheme: Scheme::Typed }));
    drop(inbox);
    let inbox = open(both.policy().min_notice_period(90_000)).await?;
    let refused = inbox.receive(&first).await.unwrap_err();
    assert!(matches!(refused, Error::NoticeTooShort { found: 86_400, expected: 90_000, .. }), "{refused:?}");
    drop(inbox);

    // The uncashed amounts of two inboxes must be covered together, and by the confirmed balance.
    let inbox = open(both.policy()).await?;
    inbox.receive(&second).await?;
    let other = Inbox::open(&both.payee, address, somebody(2), both.policy()).await?;
    let key = both.chain.key(PAYER)?;
    let cheque = async |wei| {
        Cheque { contract: address, beneficiary: somebody(2), amount: wei, scheme: typed, chain_id: 31_337 }
            .sign(&key)
            .await
    };
    both.book.deposit(gwei(5)).await?.included().await?;
    both.payee.refresh().await?;
    let refused = other.receive(&cheque(gwei(85)).await?).await.unwrap_err();
    assert!(
        matches!(refused, Error::NotCovered { balance, uncashed, .. } if balance == gwei(100) && uncashed == gwei(105)),
        "{refused:?}"
    );
    both.chain.provider.anvil_mine(Some(2), None).await?;
    both.payee.refresh().await?;
    assert_eq!(other.receive(&cheque(gwei(85)).await?).await?, gwei(85));

    let careless = Inbox::open(&both.payee, address, somebody(3), both.policy().require_covered(false)).await?;
    let promise =
        Cheque { contract: address, beneficiary: somebody(3), amount: gwei(1_000), scheme: packed, chain_id: 31_337 };
    assert_eq!(careless.receive(&promise.sign(&key).await?).await?, gwei(1_000));
    Ok(())
}

#[tokio::test]
async fn opens_only_what_is_known_ours_proven_and_alive() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let address = both.book.address();
    let key = || both.chain.key(PAYER);
    assert!(matches!(Chequebook::open(&both.payer, address, key()?).await.unwrap_err(), Error::AlreadyOpen { .. }));

    // The payee's store has no record of it; and even with a record, the payee does not have the key.
    let refused = Chequebook::open(&both.payee, address, key()?).await.unwrap_err();
    assert!(matches!(refused, Error::NoRecord { contract } if contract == address), "{refused:?}");
    let refused = Chequebook::recover(&both.payee, address, both.chain.key(PAYEE)?, []).await.unwrap_err();
    assert!(
        matches!(refused, Error::NotOurSigner { found, expected, .. } if found == both.chain.account(PAYEE) && expected == both.chain.account(PAYER))
    );
    let refused = Chequebook::recover(&both.payee, somebody(1), key()?, []).await.unwrap_err();
    assert!(matches!(refused, Error::NoCode { .. }), "{refused:?}");
    assert!(both.payee.chequebooks().await?.is_empty(), "a refusal leaves no record");

    // A contract that answers everything with success.
    let fake =
        TransactionRequest::default().with_from(both.chain.account(PAYER)).with_deploy_code(bytes!("60016000f3"));
    let receipt = both.chain.provider.send_transaction(fake).await?.get_receipt().await?;
    let fake = receipt.contract_address.unwrap_or(Address::ZERO);
    let refused = Chequebook::recover(&both.payee, fake, key()?, []).await.unwrap_err();
    let unproven = |refused: &Error| matches!(refused, Error::Cheque(chequebook::Error::Unproven { contract }) if *contract == fake);
    assert!(unproven(&refused), "{refused:?}");
    let refused = Inbox::open(&both.payee, fake, somebody(1), both.policy()).await.unwrap_err();
    assert!(unproven(&refused), "{refused:?}");
    let policy = both.policy().accept_unproven(true);
    let refused = Inbox::open(&both.payee, fake, somebody(1), policy).await.unwrap_err();
    assert!(matches!(refused, Error::NotGenuine { contract } if contract == fake), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn recovers_from_cheques_and_chain_what_a_payer_lost() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let address = both.book.address();
        let older = both.book.outbox(somebody(1), Scheme::Packed).issue(gwei(10)).await?;
        let newer = both.book.outbox(somebody(1), Scheme::Typed).issue(gwei(10)).await?;
        let cashed = both.book.outbox(somebody(2), Scheme::Packed).issue(gwei(7)).await?;
        both.payer.cashing().cash(&cashed, Overdraft::Refuse).await?.confirmed().await?;
        both.payer.shutdown().await;

        // Another store, with another account.
        let forged = Cheque { amount: gwei(99), ..*newer.cheque() }.sign(&both.chain.key(PAYEE)?).await?;
        let elsewhere = Cheque { contract: somebody(3), ..*newer.cheque() }.sign(&both.chain.key(PAYER)?).await?;
        let key = || both.chain.key(PAYER);
        let refused = Chequebook::recover(&both.payee, address, key()?, [newer, forged]).await.unwrap_err();
        assert!(matches!(refused, Error::Cheque(chequebook::Error::WrongSigner { .. })), "{refused:?}");
        let refused = Chequebook::recover(&both.payee, address, key()?, [elsewhere]).await.unwrap_err();
        assert!(matches!(refused, Error::WrongContract { .. }), "{refused:?}");
        assert!(both.payee.chequebooks().await?.is_empty(), "a refusal leaves no record");

        let book = Chequebook::recover(&both.payee, address, key()?, [newer, older]).await?;
        let balance = book.balance().await?;
        assert_eq!((balance.funded, balance.issued), (gwei(100), gwei(27)), "{hardfork}");
        assert_eq!(book.outbox(somebody(1), Scheme::Packed).latest_cheque().await?, Some(newer));
        assert_eq!(book.outbox(somebody(2), Scheme::Packed).latest_cheque().await?, None, "only the chain knows of it");
        let next = book.outbox(somebody(2), Scheme::Packed).issue(gwei(1)).await?;
        assert_eq!(next.cheque().amount, gwei(8), "{hardfork}: on top of what was cashed");

        // Recover again, with fewer cheques: what the store has is kept.
        drop(book);
        let book = Chequebook::recover(&both.payee, address, key()?, [older]).await?;
        assert_eq!(book.balance().await?.issued, gwei(28));
        assert_eq!(book.outbox(somebody(2), Scheme::Packed).latest_cheque().await?, Some(next));
    }
    Ok(())
}

#[tokio::test]
async fn a_chequebook_that_another_program_created_is_recovered_from_nothing() -> Result<()> {
    let both = Both::start("osaka", 0).await?;
    let created = both.chain.create(0, 1_000).await?;
    let book = Chequebook::recover(&both.payer, *created.address(), both.chain.key(PAYER)?, []).await?;
    assert_eq!(book.balance().await?.available, U256::from(1_000));
    drop(book);
    Chequebook::open(&both.payer, *created.address(), both.chain.key(PAYER)?).await?;
    let terms = NewChequebook::default();
    assert_eq!(terms.deposit, U256::ZERO);
    Ok(())
}
