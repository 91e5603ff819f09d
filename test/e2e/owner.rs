//! The owner's side of the wallet: it announces the end, takes that back, withdraws, and ends a chequebook.

use alloy::{primitives::U256, providers::ext::AnvilApi};
use chequebook::{Form, Overdraft, Scheme, State};
use chequebook_wallet::{Chequebook, Error, Owner, Purpose};
use eyre::Result;

use crate::fixture::{Both, HARDFORKS, NOTICE, PAYER, eventually, gwei, open, somebody};

#[tokio::test]
async fn announces_cancels_withdraws_and_kills() -> Result<()> {
    for (hardfork, form) in HARDFORKS.into_iter().zip([Form::Direct, Form::Clone]) {
        let both = Both::formed(hardfork, 100, 0, form).await?;
        let address = both.book.address();
        let owner = Owner::open(&both.payer, address).await?;
        let refused = Owner::open(&both.payee, address).await.unwrap_err();
        assert!(
            matches!(refused, Error::NotOwner { found, expected, .. } if (found, expected) == (both.payee.account(), both.payer.account())),
            "{hardfork}: {refused:?}"
        );
        let cheque = both.issue(30).await?;

        // The end is announced, and taken back.
        assert!(matches!(owner.cancel_kill().await.unwrap_err(), Error::NotAnnounced { .. }), "{hardfork}");
        owner.announce_kill().await?.included().await?;
        let State::Ending { killable_at } = owner.state().await? else { panic!("{hardfork}: it is not announced") };
        assert!(matches!(both.issue(1).await.unwrap_err(), Error::KillAnnounced { .. }), "{hardfork}");
        assert!(matches!(both.book.deposit(gwei(1)).await.unwrap_err(), Error::KillAnnounced { .. }), "{hardfork}");
        let early = owner.kill().await.unwrap_err();
        assert!(
            matches!(early, Error::NoticeRunning { killable_at: at, now, .. } if at == killable_at && now < at),
            "{hardfork}: {early:?}"
        );
        owner.cancel_kill().await?.included().await?;
        both.payer.refresh().await?;
        both.book.outbox(somebody(7), Scheme::Typed).issue(gwei(5)).await?;

        // What is available is withdrawn, and no more.
        let refused = both.book.withdraw(gwei(66)).await.unwrap_err();
        assert!(
            matches!(refused, Error::InsufficientDeposit { available, .. } if available == gwei(65)),
            "{refused:?}"
        );
        both.book.withdraw(gwei(65)).await?.confirmed().await?;
        assert_eq!(both.balance().await?, gwei(35), "{hardfork}");
        assert!(both.book.resume_withdrawal().await?.is_none(), "{hardfork}");
        both.payee.cashing().cash(&cheque, Overdraft::Refuse).await?.confirmed().await?;

        // It is announced again, and the process ends before the notice does.
        owner.announce_kill().await?.confirmed().await?;
        both.payer.shutdown().await;
        drop(owner);
        both.chain.provider.anvil_increase_time(NOTICE.into()).await?;
        both.chain.provider.anvil_mine(Some(1), None).await?;
        let payer = open(&both.chain, PAYER, both.path("payer"), 0).await?;
        let owner = Owner::open(&payer, address).await?;
        let book = Chequebook::open(&payer, address, both.chain.key(PAYER)?).await?;
        let funded = || async { Ok(book.balance().await?.paid == gwei(95)) };
        eventually("what was paid is final", funded).await?;
        assert_eq!(book.balance().await?.liabilities(), gwei(5), "{hardfork}: what nobody cashed");
        let before = both.chain.balance(payer.account()).await?;
        owner.kill().await?.confirmed().await?;
        assert_eq!(both.balance().await?, U256::ZERO, "{hardfork}");
        assert!(both.chain.balance(payer.account()).await? < before + gwei(5), "{hardfork}: less the gas");
        assert!(matches!(owner.kill().await.unwrap_err(), Error::Dead { .. }), "{hardfork}");
        payer.refresh().await?;
        let refused = book.outbox(somebody(7), Scheme::Typed).issue(gwei(1)).await.unwrap_err();
        assert!(matches!(refused, Error::Dead { .. }), "{hardfork}: {refused:?}");

        let purposes: Vec<_> = payer.history(None, 100).await?.iter().map(|one| one.purpose()).collect();
        let (announce, contract) = (Purpose::AnnounceKill { contract: address }, address);
        assert!(matches!(purposes[0], Purpose::Create { .. }), "{purposes:?}");
        assert_eq!(purposes[1..3], [announce, Purpose::CancelKill { contract }], "{hardfork}");
        assert!(matches!(purposes[3], Purpose::Cash { beneficiary, .. } if beneficiary == payer.account()));
        assert_eq!(purposes[4..], [announce, Purpose::Kill { contract }], "{hardfork}");
    }
    Ok(())
}
