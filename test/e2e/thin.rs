//! The thin crate alone against a chain: produce, verify, redeem, and everything that it must refuse.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
};
use chequebook::{
    ChequebookContract, CloneTerms, Error, ErrorClass, Overdraft, Scheme, SignedCheque, State, Terms, factory,
};
use eyre::Result;

use crate::chain::Chain;

const HARDFORKS: [&str; 2] = ["shanghai", "osaka"];
const DEPOSIT: u64 = 1_000;

type Contract = ChequebookContract<DynProvider>;

/// A chequebook in each form, owned and signed by account 0; it may be killed from the next block on.
async fn both_forms(chain: &Chain) -> Result<[Contract; 2]> {
    chain.infrastructure().await?;
    let terms = Terms::new(chain.account(0));
    let clone = CloneTerms { terms, salt: B256::ZERO };
    let direct = ChequebookContract::deploy(chain.provider.clone(), terms, U256::from(DEPOSIT)).await?;
    let cloned = ChequebookContract::create(chain.provider.clone(), &clone, U256::from(DEPOSIT)).await?;
    assert_eq!(cloned.address(), clone.address(chain.anvil.chain_id())?);
    chain.provider.evm_mine(None).await?;
    Ok([direct, cloned])
}

async fn signed(chain: &Chain, book: &Contract, amount: u64, scheme: Scheme, signer: usize) -> Result<SignedCheque> {
    Ok(book.cheque(chain.account(1), U256::from(amount), scheme).sign(&chain.key(signer)?).await?)
}

#[tokio::test]
async fn produces_and_redeems_until_the_end_in_both_forms() -> Result<()> {
    for hardfork in HARDFORKS {
        let chain = Chain::under(hardfork)?;
        for book in both_forms(&chain).await? {
            let found = ChequebookContract::at(chain.provider.clone(), book.address()).await?;
            assert_eq!(found.immutables(), book.immutables());
            assert_eq!(found.terms(), Terms::new(chain.account(0)));
            assert_eq!(found.state().await?, State::Alive);

            for (amount, scheme) in [(300, Scheme::Packed), (700, Scheme::Typed)] {
                let cheque = signed(&chain, &book, amount, scheme, 0).await?;
                let before = chain.balance(chain.account(1)).await?;
                let pays = found.payable(&cheque, Overdraft::Refuse).await?;
                found.cash(&cheque, Overdraft::Refuse).await?.get_receipt().await?;
                assert_eq!(found.sent(chain.account(1)).await?, U256::from(amount));
                assert_eq!(chain.balance(chain.account(1)).await?, before + pays);

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
            found.cash(&too_much, Overdraft::Consent).await?.get_receipt().await?;

            assert_eq!(found.state().await?, State::Dead, "{hardfork}");
            assert_eq!(found.balance().await?, U256::ZERO);
            let late = found.deposit(U256::from(1)).await.unwrap_err();
            assert!(matches!(late, Error::Dead { contract } if contract == book.address()), "{late}");
            assert_eq!(late.class(), ErrorClass::Ended);
        }
    }
    Ok(())
}

#[tokio::test]
async fn shows_an_announced_end() -> Result<()> {
    let chain = Chain::start()?;
    let terms = Terms { notice_period: 60, ..Terms::new(chain.account(0)) };
    let book = ChequebookContract::deploy(chain.provider.clone(), terms, U256::ZERO).await?;
    book.instance().announceKill().from(chain.account(0)).send().await?.get_receipt().await?;

    let State::Ending { killable_at } = book.state().await? else { panic!("no end is announced") };
    assert_eq!(U256::from(killable_at), book.instance().killableAt().call().await?);
    Ok(())
}

#[tokio::test]
async fn verifies_without_a_request() -> Result<()> {
    let chain = Chain::start()?;
    let [book, other] = both_forms(&chain).await?;
    let good = signed(&chain, &book, 1, Scheme::Typed, 0).await?;
    let foreign = signed(&chain, &book, 1, Scheme::Typed, 2).await?;
    let elsewhere = chequebook::Cheque { chain_id: 1, ..*good.cheque() }.sign(&chain.key(0)?).await?;
    drop(chain); // the node is gone with it

    book.verify(&good)?;
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

#[tokio::test]
async fn takes_no_other_contract_for_a_chequebook() -> Result<()> {
    let chain = Chain::start()?;
    let at = async |address| ChequebookContract::at(chain.provider.clone(), address).await.map(drop).unwrap_err();
    let clone = CloneTerms { terms: Terms::new(chain.account(0)), salt: B256::ZERO };

    let nothing = at(clone.address(chain.anvil.chain_id())?).await;
    assert!(matches!(nothing, Error::NoCode { .. }), "{nothing}");
    let no_factory =
        ChequebookContract::create(chain.provider.clone(), &clone, U256::ZERO).await.map(drop).unwrap_err();
    assert!(matches!(no_factory, Error::NoCode { contract } if contract == factory()), "{no_factory}");

    let [direct, _] = both_forms(&chain).await?;
    let foreign = at(factory()).await;
    assert!(matches!(foreign, Error::NotGenuine { contract } if contract == factory()), "{foreign}");
    assert_eq!(foreign.class(), ErrorClass::WrongChain);
    let mut code = chain.provider.get_code_at(direct.address()).await?.to_vec();
    code[100] ^= 1;
    let altered = Address::repeat_byte(0xaa);
    chain.provider.anvil_set_code(altered, code.into()).await?;
    assert!(matches!(at(altered).await, Error::NotGenuine { .. }));

    // The exact code of a clone, but not created by the factory: PUSH2 89, DUP1, PUSH1 10, …
    let creation = [alloy::primitives::hex!("6100593d81600a3d39f3").as_slice(), &clone.code()].concat();
    let request = TransactionRequest::default().with_deploy_code(creation);
    let receipt = chain.provider.send_transaction(request).await?.get_receipt().await?;
    let forged = receipt.contract_address.unwrap();
    assert_eq!(chain.provider.get_code_at(forged).await?, clone.code());
    assert!(matches!(at(forged).await, Error::NotGenuine { contract } if contract == forged));
    Ok(())
}

#[tokio::test]
async fn sends_nothing_that_the_contracts_would_refuse() -> Result<()> {
    let chain = Chain::start()?;
    let [direct, cloned] = both_forms(&chain).await?;
    let sent = async || chain.provider.get_transaction_count(chain.account(0)).await;
    let before = sent().await?;

    let clone = CloneTerms { terms: cloned.terms(), salt: B256::ZERO };
    let twice = ChequebookContract::create(chain.provider.clone(), &clone, U256::ZERO).await.map(drop).unwrap_err();
    assert!(matches!(&twice, Error::Refused { refusal } if refusal.contains("AlreadyCreated")), "{twice}");
    assert_eq!(twice.class(), ErrorClass::Transaction);
    let nobody = Terms::new(Address::ZERO);
    let refused = [
        ChequebookContract::deploy(chain.provider.clone(), nobody, U256::ZERO).await,
        ChequebookContract::create(chain.provider.clone(), &CloneTerms { terms: nobody, ..clone }, U256::ZERO).await,
    ];
    assert!(refused.iter().all(|refused| matches!(refused, Err(Error::ZeroOwner))));
    let itself = direct.cheque(direct.address(), U256::from(1), Scheme::Typed).sign(&chain.key(0)?).await?;
    let itself = direct.cash(&itself, Overdraft::Refuse).await.map(drop).unwrap_err();
    assert!(matches!(&itself, Error::Refused { refusal } if refusal.contains("InvalidBeneficiary")), "{itself}");

    assert_eq!(sent().await?, before);
    Ok(())
}
