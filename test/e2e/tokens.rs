//! The wallet with chequebooks that pay a token: the real contracts, and tokens of `test/mocks/Tokens.sol`.

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ext::AnvilApi},
    sol_types::SolCall,
};
use chequebook::{
    Asset, Error as ChequeError, Form, Overdraft, Scheme,
    bindings::Chequebook::{announceKillCall, killCall},
};
use chequebook_wallet::{AutoCash, Chequebook, Error, Inbox, NewChequebook, Policy};
use eyre::{Result, ensure};

use crate::{
    fixture::{Both, HARDFORKS, NOTICE, PAYER, eventually, open, somebody},
    token::{TokenInstance, held},
};

/// Who owns the chequebooks and governs the tokens, apart from the wallets, which count their own nonces.
const OWNER: usize = 5;

fn units(amount: u64) -> U256 {
    U256::from(amount)
}

fn taking(both: &Both, token: &TokenInstance) -> Policy {
    both.policy().asset(Asset::Token(*token.address()))
}

fn paying(both: &Both, token: &TokenInstance, deposit: u64) -> NewChequebook {
    let owner = Some(both.chain.account(OWNER));
    NewChequebook::default()
        .form(Form::Token(*token.address()))
        .deposit(units(deposit))
        .notice_period(NOTICE)
        .owner(owner)
}

/// Sends a transaction of the owner.
async fn act(both: &Both, to: Address, call: impl SolCall) -> Result<()> {
    let sent = both.chain.call(to, call.abi_encode().into()).from(both.chain.account(OWNER)).send().await?;
    ensure!(sent.get_receipt().await?.status(), "it was refused");
    Ok(())
}

alloy::sol! {
    function blockAccount(address account, bool blocked) external;
    function rebase(uint256 percent) external;
    function refuse(uint8 manner, bytes reason) external;
    function accept() external;
    function fail(bytes reason) external;
}

/// From the deposit to the end: the issuer blocks a payee meanwhile, who is paid once it is free.
#[tokio::test]
async fn a_token_chequebook_pays_from_the_deposit_to_its_end() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 1).await?;
        let token = both.chain.token("GovernedToken", 1_000).await?;
        let book = Chequebook::create(&both.payer, both.chain.key(PAYER)?, paying(&both, &token, 100)).await?;
        let balance = book.balance().await?;
        assert_eq!((balance.funded, balance.available, balance.pending), (units(100), units(100), units(0)));
        assert_eq!(held(&token, both.payer.account()).await?, units(900), "{hardfork}");

        // A payee that takes ether refuses it, and one that takes this token does not.
        let payee = both.payee.account();
        let refused = Inbox::open(&both.payee, book.address(), payee, both.policy()).await.unwrap_err();
        let Error::Cheque(ChequeError::WrongAsset { found, expected, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((found, expected), (Asset::Token(*token.address()), Asset::Ether));
        let inbox = Inbox::open(&both.payee, book.address(), payee, taking(&both, &token)).await?;
        let issue = async |to: Address, amount: u64| book.outbox(to, Scheme::Typed).issue(units(amount)).await;
        assert_eq!(inbox.receive(&issue(payee, 30).await?).await?, units(30));
        inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
        assert_eq!((held(&token, payee).await?, book.balance().await?.funded), (units(30), units(100)));

        // Blocked: refused before it costs gas. In a batch, the others are paid.
        act(&both, *token.address(), blockAccountCall { account: payee, blocked: true }).await?;
        let cheques = [issue(payee, 10).await?, issue(somebody(3), 7).await?, issue(somebody(4), 8).await?];
        inbox.receive(&cheques[0]).await?;
        let sent = both.payee.cashing().cash_many(&cheques).await;
        assert!(matches!(&sent[0], Err(Error::Refused { refusal }) if refusal.contains("PaymentFailed")), "{sent:?}");
        for sent in &sent[1..] {
            sent.as_ref().unwrap().confirmed().await?;
        }
        assert_eq!((held(&token, somebody(3)).await?, held(&token, somebody(4)).await?), (units(7), units(8)));
        inbox.auto_cash(AutoCash::default().max_uncashed(U256::ZERO));
        act(&both, *token.address(), blockAccountCall { account: payee, blocked: false }).await?;
        eventually("it is paid once it is free", || async { Ok(held(&token, payee).await? == units(40)) }).await?;

        // The end: the guard is first, and the owner gets the rest.
        inbox.stop_auto_cash();
        inbox.receive(&issue(payee, 5).await?).await?;
        inbox.auto_cash(AutoCash::default().interval(None).max_uncashed(U256::MAX));
        act(&both, book.address(), announceKillCall {}).await?;
        eventually("the guard cashes", || async { Ok(held(&token, payee).await? == units(45)) }).await?;
        both.chain.provider.anvil_increase_time(NOTICE.into()).await?;
        act(&both, book.address(), killCall {}).await?;
        assert_eq!(held(&token, both.chain.account(OWNER)).await?, units(40), "{hardfork}");
        assert!(!both.chain.provider.get_code_at(book.address()).await?.is_empty(), "a dead one keeps its code");
        both.payer.refresh().await?;
        assert!(matches!(issue(payee, 1).await, Err(Error::Dead { .. })), "{hardfork}");
    }
    Ok(())
}

/// What arrives is what counts, and a lost store is recovered from the chain.
#[tokio::test]
async fn tokens_that_do_not_behave_lower_only_what_they_really_take() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let fee = both.chain.token("FeeToken", 1_000).await?;
    let refusing = both.chain.token("RefusingToken", 1_000).await?;
    let rebasing = both.chain.token("RebasingToken", 1_000).await?;
    let lying = both.chain.token("LyingToken", 1_000).await?;
    let silent = both.chain.token("SilentToken", 1_000).await?;
    let create = async |token: &TokenInstance, deposit: u64| {
        Chequebook::create(&both.payer, both.chain.key(PAYER).unwrap(), paying(&both, token, deposit)).await
    };

    // A hundredth is taken from what arrives; creating it again makes up for what is missing, and no more.
    for funded in [198, 200, 200] {
        assert_eq!(create(&fee, 200).await?.balance().await?.funded, units(funded));
    }

    // It returns false in place of an error, or reverts: nothing is sent, and the chequebook is created.
    for manner in [0, 1, 2] {
        act(&both, *refusing.address(), refuseCall { manner, reason: Default::default() }).await?;
        let nonce = both.chain.provider.get_transaction_count(both.payer.account()).await?;
        let refused = create(&refusing, 100).await.unwrap_err();
        assert!(matches!(refused, Error::Refused { .. }), "{manner}: {refused:?}");
        let sent = both.chain.provider.get_transaction_count(both.payer.account()).await? - nonce;
        assert_eq!(sent, u64::from(manner == 0), "only the creation");
    }
    act(&both, *refusing.address(), acceptCall {}).await?;
    let book = create(&refusing, 100).await?;
    assert_eq!(book.balance().await?.funded, units(100));
    let short = book.deposit(units(901)).await.unwrap_err();
    assert!(
        matches!(short, Error::InsufficientTokens { token, balance, needed, .. }
            if (token, balance, needed) == (*refusing.address(), units(900), units(901))),
        "{short:?}"
    );

    // The balance falls by itself: what was promised stays promised, and nothing more is.
    let book = create(&rebasing, 100).await?;
    let cheque = book.outbox(somebody(3), Scheme::Typed).issue(units(60)).await?;
    act(&both, *rebasing.address(), rebaseCall { percent: U256::from(50) }).await?;
    let balance = book.balance().await?;
    assert_eq!((balance.funded, balance.available), (units(50), units(0)));
    let error = both.payee.cashing().cash(&cheque, Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(error, Error::WouldBounce { pays, owed } if (pays, owed) == (units(50), units(60))), "{error:?}");

    // A balance that reverts proves nothing, and fails for that chequebook alone.
    let book = create(&lying, 100).await?;
    act(&both, *lying.address(), failCall { reason: vec![1; 4].into() }).await?;
    both.payer.refresh().await?;
    assert!(book.balance().await.is_err());
    assert_eq!(both.book.balance().await?.available, both.book.balance().await?.funded);
    act(&both, *lying.address(), failCall { reason: Default::default() }).await?;
    assert_eq!(book.balance().await?.funded, units(100));

    // A token that returns nothing pays; and the chain alone says what was paid.
    let book = create(&silent, 100).await?;
    let cheque = book.outbox(somebody(6), Scheme::Packed).issue(units(30)).await?;
    both.payee.cashing().cash(&cheque, Overdraft::Refuse).await?.confirmed().await?;
    assert_eq!(held(&silent, somebody(6)).await?, units(30));
    let contract = book.address();
    drop(book);
    both.payer.shutdown().await;
    let payer = open(&both.chain, PAYER, both.path("lost"), 0).await?;
    let book = Chequebook::recover(&payer, contract, both.chain.key(PAYER)?, []).await?;
    let balance = book.balance().await?;
    assert_eq!((balance.funded, balance.issued), (units(100), units(30)));
    Ok(())
}
