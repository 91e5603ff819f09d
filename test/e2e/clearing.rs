//! Many cheques cashed at once.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
};
use chequebook::{Form, Overdraft, Scheme, SignedCheque, clearing_house};
use chequebook_wallet::{
    AutoCash, Backup, Chequebook, Error, Inbox, NewChequebook, Purpose, Transaction, store::Memory,
};
use eyre::{OptionExt, Result};

use crate::fixture::{Both, HARDFORKS, NOTICE, PAYER, eventually, gwei, somebody};

fn payee(index: u8) -> Address {
    somebody(0xa0 + index)
}

impl Both {
    /// Cheques over `gweis`, to different payees, of both schemes.
    async fn cheques(&self, book: &Chequebook, gweis: &[u64]) -> Result<Vec<SignedCheque>> {
        let mut cheques = Vec::new();
        for (index, amount) in (0..).zip(gweis) {
            let scheme = if index % 2 == 0 { Scheme::Packed } else { Scheme::Typed };
            cheques.push(book.outbox(payee(index), scheme).issue(gwei(*amount)).await?);
        }
        Ok(cheques)
    }

    async fn second_book(&self) -> Result<Chequebook> {
        let terms = NewChequebook::default().deposit(gwei(100)).notice_period(NOTICE).form(Form::Clone);
        let book = Chequebook::create(&self.payer, self.chain.key(PAYER)?, terms).await?;
        book.balance().await?;
        Ok(book)
    }
}

/// The one transaction that all the answers share.
fn one(answers: Vec<Result<Transaction, Error>>) -> Result<Transaction> {
    let transactions = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let first = transactions.first().cloned().ok_or_eyre("no transaction")?;
    assert!(transactions.iter().all(|transaction| transaction.nonce() == first.nonce()), "{transactions:?}");
    Ok(first)
}

#[tokio::test]
async fn cashes_cheques_of_both_forms_and_schemes_in_one_transaction() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let second = both.second_book().await?;
        let mut cheques = both.cheques(&both.book, &[1, 2, 3]).await?;
        cheques.extend(both.cheques(&second, &[10, 20, 30]).await?);
        let cash = one(both.payee.cashing().cash_many(&cheques).await)?;
        assert_eq!(cash.purpose(), Purpose::CashMany { cheques: 6 });
        cash.confirmed().await?;
        assert_eq!(both.payee.cashing().skipped(&cash).await?, []);
        for (index, paid) in [(0, 11), (1, 22), (2, 33)] {
            assert_eq!(both.chain.balance(payee(index)).await?, gwei(paid), "{hardfork}");
        }
        for answer in both.payee.cashing().cash_many(&cheques).await {
            assert!(matches!(answer.unwrap_err(), Error::AlreadyCashed { .. }));
        }

        // A backup contains everything, including the terms.
        for wallet in [&both.payer, &both.payee] {
            let backup = Backup::export(wallet).await?;
            let text = serde_json::to_string(&backup)?;
            assert_eq!(serde_json::from_str::<Backup>(&text)?, backup);
            backup.import(&Memory::new()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_cheque_does_not_stop_the_others() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let mut cheques = both.cheques(&both.book, &[1, 2, 3, 4]).await?;
    both.payee.cashing().cash(&cheques[1], Overdraft::Refuse).await?.confirmed().await?;
    let other_chain = chequebook::Cheque { chain_id: 1, ..*cheques[2].cheque() };
    cheques[2] = other_chain.sign(&both.chain.key(PAYER)?).await?;
    let forged = both.chain.cheque(both.book.address(), 5, Scheme::Packed).sign(&both.chain.key(5)?).await?;
    cheques.push(forged);
    let far_too_much = both.chain.signed(both.book.address(), u64::MAX, Scheme::Packed, PAYER).await?;
    cheques.push(far_too_much);
    // Its code refuses to be paid.
    let refuser = somebody(0x77);
    both.chain.provider.anvil_set_code(refuser, alloy::primitives::bytes!("5f5ffd")).await?;
    cheques.push(both.book.outbox(refuser, Scheme::Packed).issue(gwei(1)).await?);

    let answers = both.payee.cashing().cash_many(&cheques).await;
    let [good, stale, chain, last, signer, overdraft, refused] = answers.try_into().unwrap();
    assert!(matches!(stale.unwrap_err(), Error::AlreadyCashed { .. }));
    assert!(matches!(chain.unwrap_err(), Error::WrongChainId { found: 1, .. }));
    assert!(matches!(signer.unwrap_err(), Error::Cheque(chequebook::Error::WrongSigner { .. })));
    assert!(matches!(overdraft.unwrap_err(), Error::WouldBounce { .. }));
    assert!(matches!(refused.unwrap_err(), Error::Refused { refusal } if refusal.contains("PaymentFailed")));
    let cash = one(vec![good, last])?;
    assert_eq!(cash.purpose(), Purpose::CashMany { cheques: 2 });
    cash.confirmed().await?;
    assert_eq!(both.chain.balance(payee(3)).await?, gwei(4));
    Ok(())
}

/// A cheque whose chequebook changes before the block is skipped and reported; a late cheque overdraws no chequebook.
#[tokio::test]
async fn what_is_late_is_skipped_and_can_be_cashed_again() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 100).await?;
        let mut inboxes = Vec::new();
        for (index, cheque) in (0..).zip(both.cheques(&both.book, &[10, 20, 70]).await?) {
            inboxes.push(Inbox::open(&both.payee, both.book.address(), payee(index), both.policy()).await?);
            inboxes[usize::from(index)].receive(&cheque).await?;
        }
        let mut cheques = Vec::new();
        for inbox in &inboxes {
            cheques.push(inbox.latest_cheque().await?.ok_or_eyre("no cheque")?);
        }
        both.chain.provider.anvil_set_auto_mine(false).await?;
        let cash = one(both.payee.cashing().cash_many(&cheques).await)?;
        // Until it is included, it is the pending transaction of each cheque.
        assert_eq!(inboxes[1].cash(Overdraft::Refuse).await?.nonce(), cash.nonce());
        assert_eq!(one(both.payee.cashing().cash_many(&cheques).await)?.nonce(), cash.nonce());
        both.chain.provider.anvil_set_balance(both.book.address(), gwei(99)).await?;
        both.chain.provider.anvil_mine(Some(1), None).await?;
        cash.confirmed().await?;

        // The first two left too little for the third one.
        let skipped = both.payee.cashing().skipped(&cash).await?;
        assert_eq!(skipped.len(), 1, "{hardfork}");
        assert_eq!((skipped[0].beneficiary, skipped[0].reason.as_str()), (payee(2), "NotCovered"));
        for (inbox, uncashed) in inboxes.iter().zip([0, 0, 70]) {
            assert_eq!(inbox.uncashed().await?, gwei(uncashed), "{hardfork}");
        }
        both.chain.provider.anvil_set_auto_mine(true).await?;
        both.book.deposit(gwei(1)).await?.confirmed().await?;
        inboxes[2].cash(Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!(inboxes[2].uncashed().await?, U256::ZERO);
    }
    Ok(())
}

#[tokio::test]
async fn many_cheques_take_as_many_transactions_as_the_gas_requires() -> Result<()> {
    let both = Both::start("osaka", 1_000).await?;
    let mut cheques = Vec::new();
    for index in 0..170_u8 {
        let beneficiary = Address::left_padding_from(&[0xee, index]);
        cheques.push(both.book.outbox(beneficiary, Scheme::Packed).issue(gwei(1)).await?);
    }
    let answers = both.payee.cashing().cash_many(&cheques).await;
    let mut nonces = Vec::new();
    for answer in answers {
        let cash = answer?;
        cash.confirmed().await?;
        nonces.push(cash.nonce());
    }
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 2, "transactions");
    assert_eq!(both.balance().await?, gwei(1_000 - 170));
    Ok(())
}

#[tokio::test]
async fn cashes_singly_where_there_is_no_clearing_house() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    both.chain.provider.anvil_set_code(clearing_house(), Default::default()).await?;
    let cheques = both.cheques(&both.book, &[1, 2]).await?;
    for (answer, cheque) in both.payee.cashing().cash_many(&cheques).await.into_iter().zip(&cheques) {
        let cash = answer?;
        assert!(matches!(cash.purpose(), Purpose::Cash { amount, .. } if amount == cheque.cheque().amount));
        cash.confirmed().await?;
    }
    assert_eq!(both.balance().await?, gwei(97));
    Ok(())
}

#[tokio::test]
async fn inboxes_that_cash_automatically_share_a_transaction() -> Result<()> {
    let both = Both::start("osaka", 100).await?;
    let mut inboxes = Vec::new();
    for (index, cheque) in (0..).zip(both.cheques(&both.book, &[1, 2, 3, 4, 5]).await?) {
        inboxes.push(Inbox::open(&both.payee, both.book.address(), payee(index), both.policy()).await?);
        inboxes[usize::from(index)].receive(&cheque).await?;
    }
    for inbox in &inboxes {
        inbox.auto_cash(AutoCash::default().interval(Some(Duration::from_millis(300))).max_uncashed(U256::MAX));
    }
    eventually("all are cashed", || async { Ok(both.balance().await? == gwei(85)) }).await?;
    let purposes: Vec<_> = both.payee.transactions().await?.iter().map(Transaction::purpose).collect();
    assert!(purposes.iter().any(|purpose| matches!(purpose, Purpose::CashMany { .. })), "{purposes:?}");
    assert!(purposes.len() < 5, "{purposes:?}");
    assert!(both.chain.provider.get_balance(payee(4)).await? == gwei(5));
    Ok(())
}
