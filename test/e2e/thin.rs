//! The thin crate alone against a chain: produce, verify, redeem, and everything that it must refuse.

use alloy::{
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider, ext::AnvilApi},
};
use chequebook::{
    Asset, ChequebookContract, Creation, Error, ErrorClass, Form, Overdraft, Scheme, SignedCheque, State, Terms,
    bindings::Chequebook::NotCovered, factory,
};
use eyre::{OptionExt, Result};

use crate::{
    chain::Chain,
    token::{TokenInstance, held},
};

const HARDFORKS: [&str; 2] = ["shanghai", "osaka"];
const DEPOSIT: u64 = 1_000;

pub(crate) type Contract = ChequebookContract<DynProvider>;

/// A chain with the factory, and a token of which account 0 has much.
pub(crate) async fn start(hardfork: &str) -> Result<(Chain, TokenInstance)> {
    let chain = Chain::under(hardfork)?;
    chain.infrastructure().await?;
    let token = chain.token("StandardToken", 1_000_000).await?;
    Ok((chain, token))
}

/// A chequebook in each form with a deposit, owned and signed by account 0; it may be killed from the next block on.
async fn all_forms(chain: &Chain, token: &TokenInstance) -> Result<[Contract; 3]> {
    let mut books = Vec::new();
    for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
        let creation = Creation { terms: Terms::new(form, chain.account(0)), salt: B256::ZERO };
        let book = ChequebookContract::create(chain.provider.clone(), &creation, U256::from(DEPOSIT)).await?;
        assert_eq!(book.address(), creation.address(chain.anvil.chain_id())?);
        assert_eq!(book.balance().await?, U256::from(DEPOSIT), "{form:?}");
        books.push(book);
    }
    chain.provider.evm_mine(None).await?;
    books.try_into().ok().ok_or_eyre("three forms")
}

async fn signed(chain: &Chain, book: &Contract, amount: u64, scheme: Scheme, signer: usize) -> Result<SignedCheque> {
    Ok(book.cheque(chain.account(1), U256::from(amount), scheme).sign(&chain.key(signer)?).await?)
}

#[tokio::test]
async fn produces_and_redeems_until_the_end_in_every_form() -> Result<()> {
    for hardfork in HARDFORKS {
        let (chain, token) = start(hardfork).await?;
        for book in all_forms(&chain, &token).await? {
            let asset = book.asset();
            let has = async |account| match asset {
                Asset::Ether => chain.balance(account).await,
                Asset::Token(_) => held(&token, account).await,
            };
            let found = ChequebookContract::at(chain.provider.clone(), book.address(), asset).await?;
            assert_eq!(found.terms(), book.terms());
            assert_eq!(found.state().await?, State::Alive);

            for (amount, scheme) in [(300, Scheme::Packed), (700, Scheme::Typed)] {
                let cheque = signed(&chain, &book, amount, scheme, 0).await?;
                let before = has(chain.account(1)).await?;
                let pays = found.payable(&cheque, Overdraft::Refuse).await?;
                found.cash(&cheque, Overdraft::Refuse).await?.get_receipt().await?;
                assert_eq!(found.sent(chain.account(1)).await?, U256::from(amount));
                assert_eq!(has(chain.account(1)).await?, before + pays);

                let again = found.cash(&cheque, Overdraft::Consent).await.unwrap_err();
                assert!(matches!(again, Error::AlreadyCashed { .. }), "{again}");
                assert_eq!(again.class(), ErrorClass::BadCheque);
            }

            found.deposit(U256::from(1)).await?.get_receipt().await?;
            let too_much = signed(&chain, &book, 2_000, Scheme::Typed, 0).await?;
            let refused = found.cash(&too_much, Overdraft::Refuse).await.unwrap_err();
            let (pays, owed) = (U256::from(301), U256::from(1_300));
            assert!(matches!(refused, Error::WouldBounce { pays: p, owed: o } if (p, o) == (pays, owed)), "{refused}");
            assert_eq!(refused.class(), ErrorClass::Funds);
            assert_eq!(found.payable(&too_much, Overdraft::Consent).await?, pays);
            let before = has(chain.account(1)).await?;
            found.cash(&too_much, Overdraft::Consent).await?.get_receipt().await?;
            assert_eq!(has(chain.account(1)).await?, before + pays);

            assert_eq!(found.state().await?, State::Dead, "{hardfork}");
            assert_eq!(found.balance().await?, U256::ZERO);
            let late = found.deposit(U256::from(1)).await.unwrap_err();
            assert!(matches!(late, Error::Dead { contract } if contract == book.address()), "{late}");
            assert_eq!(late.class(), ErrorClass::Ended);

            // Before Cancun, nothing is left of one that paid ether.
            let erased = asset == Asset::Ether && hardfork == "shanghai";
            let again = ChequebookContract::at(chain.provider.clone(), book.address(), asset).await;
            assert_eq!(matches!(again, Err(Error::Dead { .. })), erased, "{hardfork}: {again:?}");
        }
    }
    Ok(())
}

/// Whatever is cashed first: without consent, the contract itself refuses what it cannot pay, and lives.
#[tokio::test]
async fn an_uncovered_cheque_ends_nothing_without_consent() -> Result<()> {
    for hardfork in HARDFORKS {
        let (chain, token) = start(hardfork).await?;
        for book in all_forms(&chain, &token).await? {
            for scheme in [Scheme::Packed, Scheme::Typed] {
                let cheque = signed(&chain, &book, DEPOSIT + 1, scheme, 0).await?;
                let cash = chain.call(book.address(), cheque.calldata(Overdraft::Refuse));
                let refused = cash.call().await.unwrap_err();
                let expected = NotCovered { owed: U256::from(DEPOSIT + 1), balance: U256::from(DEPOSIT) };
                assert_eq!(refused.as_decoded_error::<NotCovered>(), Some(expected), "{hardfork}: {refused}");

                let receipt = cash.gas(200_000).send().await?.get_receipt().await?;
                assert!(!receipt.status(), "{hardfork}");
                assert_eq!((book.state().await?, book.balance().await?), (State::Alive, U256::from(DEPOSIT)));
                assert_eq!(book.sent(chain.account(1)).await?, U256::ZERO);
            }
            let covered = signed(&chain, &book, DEPOSIT, Scheme::Typed, 0).await?;
            book.cash(&covered, Overdraft::Refuse).await?.get_receipt().await?;
            assert_eq!((book.state().await?, book.balance().await?), (State::Alive, U256::ZERO), "all of it");
        }
    }
    Ok(())
}

/// What arrives after the death still pays covered cheques, and the rest is the owner's.
#[tokio::test]
async fn the_owner_reclaims_tokens_that_came_too_late() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let [direct, _, book] = all_forms(&chain, &token).await?;
    let refused = direct.reclaim().await.unwrap_err();
    assert!(matches!(refused, Error::NoToken { contract } if contract == direct.address()), "{refused}");
    assert_eq!(refused.class(), ErrorClass::InvalidInput);
    let refused = book.reclaim().await.unwrap_err();
    assert!(matches!(&refused, Error::Refused { refusal } if refusal.contains("NotDead")), "{refused}");

    let promised = signed(&chain, &book, DEPOSIT + 5, Scheme::Packed, 0).await?;
    book.cash(&promised, Overdraft::Consent).await?.get_receipt().await?;
    token.transfer(book.address(), U256::from(12)).send().await?.get_receipt().await?;
    assert_eq!((book.state().await?, book.balance().await?), (State::Dead, U256::from(12)));
    book.cash(&promised, Overdraft::Refuse).await?.get_receipt().await?;
    assert_eq!(held(&token, chain.account(1)).await?, U256::from(DEPOSIT + 5), "now it is paid in full");

    let before = held(&token, chain.account(0)).await?;
    book.reclaim().await?.get_receipt().await?;
    assert_eq!(held(&token, chain.account(0)).await?, before + U256::from(7));
    assert_eq!(book.balance().await?, U256::ZERO);
    Ok(())
}

/// A token that returns nothing is paid in; one that refuses, in whatever manner, is an error before anything is sent.
#[tokio::test]
async fn deposits_tokens_of_every_manner() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let create = async |token: &TokenInstance| {
        let terms = Terms::new(Form::Token(*token.address()), chain.account(0));
        ChequebookContract::create(chain.provider.clone(), &Creation { terms, salt: B256::ZERO }, U256::ZERO).await
    };
    let silent = chain.token("SilentToken", 100).await?;
    let book = create(&silent).await?;
    book.deposit(U256::from(60)).await?.get_receipt().await?;
    assert_eq!(book.balance().await?, U256::from(60));

    let standard = chain.token("StandardToken", 100).await?;
    let book = create(&standard).await?;
    let sent = chain.provider.get_transaction_count(chain.account(0)).await?;
    let refused = book.deposit(U256::from(101)).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused:?}");
    assert_eq!(refused.class(), ErrorClass::Transaction);
    let no_token = Creation { terms: Terms::new(Form::Token(chain.account(5)), chain.account(0)), salt: B256::ZERO };
    let refused = ChequebookContract::create(chain.provider.clone(), &no_token, U256::ZERO).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused { refusal } if refusal.contains("InvalidToken")), "{refused}");
    assert_eq!(chain.provider.get_transaction_count(chain.account(0)).await?, sent, "nothing was sent");
    Ok(())
}

#[tokio::test]
async fn shows_an_announced_end_and_deposits_no_more() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let terms = Terms { notice_period: 60, ..Terms::new(Form::Direct, chain.account(0)) };
    let creation = Creation { terms, salt: B256::ZERO };
    let book = ChequebookContract::create(chain.provider.clone(), &creation, U256::ZERO).await?;
    book.instance().announceKill().send().await?.get_receipt().await?;

    let State::Ending { killable_at } = book.state().await? else { panic!("no end is announced") };
    assert_eq!(U256::from(killable_at), book.instance().killableAt().call().await?);
    let refused = book.deposit(U256::ONE).await.unwrap_err();
    assert!(matches!(refused, Error::KillAnnounced { killable_at: at, .. } if at == killable_at), "{refused}");
    Ok(())
}

#[tokio::test]
async fn verifies_without_a_request() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let [book, other, _] = all_forms(&chain, &token).await?;
    let creation = Creation { terms: book.terms(), salt: B256::ZERO };
    let good = signed(&chain, &book, 1, Scheme::Typed, 0).await?;
    let foreign = signed(&chain, &book, 1, Scheme::Typed, 2).await?;
    let elsewhere = chequebook::Cheque { chain_id: 1, ..*good.cheque() }.sign(&chain.key(0)?).await?;
    drop(chain); // the node is gone with it

    book.verify(&good)?;
    creation.verify(&good, book.chain_id())?;
    let refusals = [other.verify(&good), book.verify(&foreign), book.verify(&elsewhere)].map(Result::unwrap_err);
    assert!(
        matches!(refusals[0], Error::WrongContract { found, expected } if (found, expected) == (book.address(), other.address()))
    );
    assert!(matches!(refusals[1], Error::WrongSigner { expected, .. } if expected == book.terms().owner));
    assert!(matches!(refusals[2], Error::WrongChainId { found: 1, expected } if expected == book.chain_id()));
    assert!(refusals.iter().all(|refusal| refusal.class() == ErrorClass::BadCheque));

    let unreachable = book.sent(Address::ZERO).await.unwrap_err();
    assert_eq!(unreachable.class(), ErrorClass::ChainUnreachable, "{unreachable:?}");
    Ok(())
}

/// A payer chooses the form. What the payee expects decides.
#[tokio::test]
async fn takes_no_other_asset_than_the_expected_one() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let [direct, _, tokens] = all_forms(&chain, &token).await?;
    let (ether, paid, worthless) =
        (Asset::Ether, Asset::Token(*token.address()), Asset::Token(Address::repeat_byte(9)));
    for (book, wrong) in [(&direct, [paid, worthless]), (&tokens, [ether, worthless])] {
        for expected in wrong {
            let creation = Creation { terms: book.terms(), salt: B256::ZERO };
            let refused = [
                ChequebookContract::at(chain.provider.clone(), book.address(), expected).await,
                ChequebookContract::of(chain.provider.clone(), &creation, expected).await,
            ];
            for refused in refused.map(Result::unwrap_err) {
                assert!(
                    matches!(refused, Error::WrongAsset { contract, found, expected: e }
                        if (contract, found, e) == (book.address(), book.asset(), expected)),
                    "{refused}"
                );
                assert_eq!(refused.class(), ErrorClass::Policy);
                let text = format!("chequebook {} pays {}, expected {expected}", book.address(), book.asset());
                assert_eq!(refused.to_string(), text);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn takes_no_other_contract_for_a_chequebook() -> Result<()> {
    let chain = Chain::start()?;
    let at = async |address| ChequebookContract::at(chain.provider.clone(), address, Asset::Ether).await.unwrap_err();
    let creation = Creation { terms: Terms::new(Form::Clone, chain.account(0)), salt: B256::ZERO };

    let nothing = at(creation.address(chain.anvil.chain_id())?).await;
    assert!(matches!(nothing, Error::NoCode { .. }), "{nothing}");
    let no_factory = ChequebookContract::create(chain.provider.clone(), &creation, U256::ZERO).await.unwrap_err();
    assert!(matches!(no_factory, Error::NoCode { contract } if contract == factory()), "{no_factory}");

    chain.infrastructure().await?;
    let foreign = at(factory()).await;
    assert!(matches!(foreign, Error::Unproven { contract } if contract == factory()), "{foreign}");
    assert_eq!(foreign.class(), ErrorClass::WrongChain);
    Ok(())
}

#[tokio::test]
async fn sends_nothing_that_the_contracts_would_refuse() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let [direct, cloned, _] = all_forms(&chain, &token).await?;
    let sent = async || chain.provider.get_transaction_count(chain.account(0)).await;
    let before = sent().await?;

    for form in [Form::Direct, Form::Token(*token.address())] {
        let nobody = Creation { terms: Terms::new(form, Address::ZERO), salt: B256::ZERO };
        let refused = ChequebookContract::create(chain.provider.clone(), &nobody, U256::ZERO).await;
        assert!(matches!(refused, Err(Error::ZeroOwner)), "{refused:?}");
    }
    let zero = Creation { terms: Terms::new(Form::Token(Address::ZERO), chain.account(0)), salt: B256::ZERO };
    let refused = ChequebookContract::create(chain.provider.clone(), &zero, U256::ZERO).await;
    assert!(matches!(refused, Err(Error::ZeroToken)), "{refused:?}");
    for book in [direct, cloned] {
        let itself = book.cheque(book.address(), U256::from(1), Scheme::Typed).sign(&chain.key(0)?).await?;
        let itself = book.cash(&itself, Overdraft::Refuse).await.unwrap_err();
        assert!(matches!(&itself, Error::Refused { refusal } if refusal.contains("InvalidBeneficiary")), "{itself}");
    }
    assert_eq!(sent().await?, before);
    Ok(())
}

/// A cheque can be cashed with the creation alone, before and after the chequebook is created.
#[tokio::test]
async fn a_counterfactual_chequebook_is_funded_and_created_later() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
        let meant = Terms::new(form, chain.account(0));
        let creation = Creation { terms: Terms { signer: Address::ZERO, ..meant }, salt: B256::repeat_byte(3) };
        let book = ChequebookContract::of(chain.provider.clone(), &creation, form.asset()).await?;
        assert_eq!(book.terms(), meant, "the signer is never zero");
        assert_eq!(book.state().await?, State::NotDeployed);
        book.deposit(U256::from(40)).await?.get_receipt().await?;
        assert_eq!((book.state().await?, book.balance().await?), (State::NotDeployed, U256::from(40)));
        let cheque = signed(&chain, &book, 30, Scheme::Typed, 0).await?;
        creation.verify(&cheque, book.chain_id())?;
        let early = book.cash(&cheque, Overdraft::Refuse).await.unwrap_err();
        assert!(matches!(early, Error::NoCode { contract } if contract == book.address()), "{early}");

        ChequebookContract::create(chain.provider.clone(), &creation, U256::ZERO).await?;
        assert_eq!(book.state().await?, State::Alive);
        book.cash(&cheque, Overdraft::Refuse).await?.get_receipt().await?;
        assert_eq!(book.balance().await?, U256::from(10), "{form:?}");
    }
    Ok(())
}
