//! The chequebook of 2016 (`chequebook::geth`): its cheques, as go-ethereum wrote them, are verified and cashed, and
//! nothing is sent that would not pay.
//!
//! The contract is `test/mocks/OriginalChequebook.sol`, written anew, because the bytes of 2016 are not ours. With a file
//! of these, as in docs/model.md, the ignored test does the same with them.

use std::env;

use alloy::{
    contract::CallBuilder,
    primitives::{Address, Bytes, U256, address},
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
    sol_types::SolEvent,
};
use chequebook::{
    Cheque, Error, ErrorClass, Overdraft, Scheme, SignedCheque,
    bindings::Chequebook::Overdraft as Bounced,
    geth::{OriginalChequebook, read_cheque, write_cheque},
};
use eyre::{Result, WrapErr};

use crate::{chain::Chain, token::creation_code};

const DEPOSIT: u64 = 1_000;

type Book = OriginalChequebook<DynProvider>;

/// Which contract a story is about.
enum Source {
    Ours,
    Bytes(Bytes),
}

impl Source {
    fn code(&self) -> Result<Bytes> {
        match self {
            Self::Ours => creation_code("OriginalChequebook.sol", "OriginalChequebook"),
            Self::Bytes(code) => Ok(code.clone()),
        }
    }

    async fn at(&self, chain: &Chain, contract: Address) -> Result<Book, Error> {
        match self {
            Self::Ours => Book::at_unproven(chain.provider.clone(), contract).await,
            Self::Bytes(_) => Book::at(chain.provider.clone(), contract).await,
        }
    }

    /// A contract of account 0 with a deposit.
    async fn deploy(&self, chain: &Chain) -> Result<Book> {
        let contract = CallBuilder::new_raw_deploy(&chain.provider, self.code()?).deploy().await?;
        let deposit = chain.call(contract, Bytes::new()).value(U256::from(DEPOSIT));
        assert!(deposit.send().await?.get_receipt().await?.status());
        Ok(self.at(chain, contract).await?)
    }
}

/// A cheque as it came from go-ethereum's payer: through its JSON, by account `signer`.
async fn cheque(
    chain: &Chain,
    contract: Address,
    beneficiary: Address,
    amount: u64,
    signer: usize,
) -> Result<SignedCheque> {
    let (amount, chain_id) = (U256::from(amount), chain.anvil.chain_id());
    let cheque = Cheque { contract, beneficiary, amount, scheme: Scheme::Packed, chain_id };
    let json = write_cheque(&cheque.sign(&chain.key(signer)?).await?)?;
    Ok(read_cheque(json, chain_id)?)
}

async fn cashes_all_that_pays_and_nothing_else(source: &Source, hardfork: &str) -> Result<()> {
    let chain = Chain::under(hardfork)?;
    let book = source.deploy(&chain).await?;
    let (contract, bob, carol) =
        (book.address(), chain.account(1), address!("0x00000000000000000000000000000000000ca401"));
    assert_eq!((book.owner(), book.chain_id()), (chain.account(0), chain.anvil.chain_id()));

    // Paid, and paid the difference.
    for (amount, pays) in [(300, 300), (700, 400)] {
        let cheque = cheque(&chain, contract, carol, amount, 0).await?;
        assert_eq!(book.payable(&cheque, Overdraft::Refuse).await?, U256::from(pays));
        book.cash(&cheque, Overdraft::Refuse).await?.get_receipt().await?;
        assert_eq!(book.sent(carol).await?, U256::from(amount));
        assert_eq!(chain.balance(carol).await?, U256::from(amount));
        let again = book.cash(&cheque, Overdraft::Consent).await.unwrap_err();
        assert!(matches!(again, Error::AlreadyCashed { .. }), "{again:?}");
    }

    // What the contract would refuse, or take and not pay, is not sent.
    let before = chain.provider.get_transaction_count(chain.account(0)).await?;
    let foreign = cheque(&chain, contract, bob, 1, 1).await?;
    let other = cheque(&chain, bob, bob, 1, 0).await?;
    let typed = chain.cheque(contract, 1, Scheme::Typed).sign(&chain.key(0)?).await?;
    let elsewhere = Cheque { chain_id: 1, ..*cheque(&chain, contract, bob, 1, 0).await?.cheque() };
    let elsewhere = elsewhere.sign(&chain.key(0)?).await?;
    let errors = [
        book.cash(&foreign, Overdraft::Consent).await.unwrap_err(),
        book.cash(&other, Overdraft::Consent).await.unwrap_err(),
        book.cash(&typed, Overdraft::Consent).await.unwrap_err(),
        book.cash(&elsewhere, Overdraft::Consent).await.unwrap_err(),
    ];
    let expected = chain.account(0);
    assert!(matches!(errors[0], Error::WrongSigner { recovered, expected: e } if (recovered, e) == (bob, expected)));
    assert!(matches!(errors[1], Error::WrongContract { .. }), "{:?}", errors[1]);
    assert!(matches!(errors[2], Error::NotPacked), "{:?}", errors[2]);
    assert!(matches!(errors[3], Error::WrongChainId { found: 1, .. }), "{:?}", errors[3]);
    // A wallet that needs more than 2,300 gas.
    let wallet = CallBuilder::new_raw_deploy(&chain.provider, creation_code("Payees.sol", "Wallet")?).deploy().await?;
    let unpayable = cheque(&chain, contract, wallet, 1, 0).await?;
    assert_eq!(book.payable(&unpayable, Overdraft::Refuse).await?, U256::ONE);
    let refused = book.cash(&unpayable, Overdraft::Refuse).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused:?}");

    // An overdraft needs consent, pays the rest, and counts nothing.
    let much = cheque(&chain, contract, carol, 1_100, 0).await?;
    let refused = book.cash(&much, Overdraft::Refuse).await.unwrap_err();
    let (pays, owed) = (U256::from(300), U256::from(400));
    assert!(matches!(refused, Error::WouldBounce { pays: p, owed: o } if (p, o) == (pays, owed)), "{refused:?}");
    assert_eq!(refused.class(), ErrorClass::Funds);
    assert_eq!(chain.provider.get_transaction_count(chain.account(0)).await?, before + 1, "only the wallet's creation");
    assert_eq!(book.payable(&much, Overdraft::Consent).await?, pays);
    let receipt = book.cash(&much, Overdraft::Consent).await?.get_receipt().await?;
    let events: Vec<_> = receipt.logs().iter().map(|log| Bounced::decode_log(&log.inner)).collect::<Result<_, _>>()?;
    assert!(matches!(&events[..], [event] if (event.address, event.deadbeat) == (contract, book.owner())));
    assert_eq!(chain.balance(carol).await?, U256::from(1_000));

    // From Cancun on it lives, and a bounced cheque is good again.
    let deposit = chain.call(contract, Bytes::new()).value(U256::from(DEPOSIT));
    deposit.send().await?.get_receipt().await?;
    if hardfork == "shanghai" {
        assert!(matches!(source.at(&chain, contract).await, Err(Error::NoCode { contract: c }) if c == contract));
        let gone = book.cash(&much, Overdraft::Refuse).await.unwrap_err();
        assert!(matches!(gone, Error::NoCode { contract: c } if c == contract), "{gone:?}");
    } else {
        assert_eq!(book.sent(carol).await?, U256::from(700));
        book.cash(&much, Overdraft::Refuse).await?.get_receipt().await?;
        assert_eq!((book.sent(carol).await?, book.balance().await?), (U256::from(1_100), U256::from(600)));
    }
    Ok(())
}

/// What the documentation warns of: the check is the client's, and the contract has none.
async fn a_balance_that_falls_too_late_makes_an_overdraft(source: &Source) -> Result<()> {
    let chain = Chain::start()?;
    let book = source.deploy(&chain).await?;
    let cheque = cheque(&chain, book.address(), chain.account(1), DEPOSIT, 0).await?;
    chain.provider.anvil_set_auto_mine(false).await?;
    let pending = book.cash(&cheque, Overdraft::Refuse).await?;
    // Another transaction pays more for its gas, and is first.
    chain.provider.anvil_set_balance(book.address(), U256::from(DEPOSIT - 1)).await?;
    chain.provider.evm_mine(None).await?;
    let receipt = pending.get_receipt().await?;
    assert!(receipt.status());
    assert_eq!(receipt.logs().iter().filter(|log| Bounced::decode_log(&log.inner).is_ok()).count(), 1);
    assert_eq!(book.sent(chain.account(1)).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn cashes_cheques_of_2016_before_and_after_cancun() -> Result<()> {
    for hardfork in ["shanghai", "osaka"] {
        cashes_all_that_pays_and_nothing_else(&Source::Ours, hardfork).await.wrap_err(hardfork)?;
    }
    a_balance_that_falls_too_late_makes_an_overdraft(&Source::Ours).await
}

/// The bytes of go-ethereum 1.8, which `at` knows by their hash.
#[tokio::test]
#[ignore = "needs its creation code, which is not ours: CLASSIC=file"]
async fn cashes_cheques_of_the_bytes_of_2016() -> Result<()> {
    let path = env::var("CLASSIC").wrap_err("CLASSIC is not set")?;
    let source = Source::Bytes(std::fs::read_to_string(&path).wrap_err(path)?.trim().parse()?);
    for hardfork in ["shanghai", "osaka"] {
        cashes_all_that_pays_and_nothing_else(&source, hardfork).await.wrap_err(hardfork)?;
    }
    a_balance_that_falls_too_late_makes_an_overdraft(&source).await
}

#[tokio::test]
async fn only_the_code_of_2016_is_an_original() -> Result<()> {
    let chain = Chain::start()?;
    let ours = Source::Ours.deploy(&chain).await?.address();
    let (nothing, delegated) = (chain.account(7), chain.account(8));
    // An account that delegates to the code (EIP-7702) has its storage, in which the owner is zero.
    chain.provider.anvil_set_code(delegated, [&[0xef, 0x01, 0x00], ours.as_slice()].concat().into()).await?;

    for contract in [ours, delegated] {
        let error = Book::at(chain.provider.clone(), contract).await.unwrap_err();
        assert!(matches!(error, Error::Unproven { contract: c } if c == contract), "{error:?}");
        assert_eq!(error.class(), ErrorClass::WrongChain);
    }
    for error in
        [Book::at(chain.provider.clone(), nothing).await, Book::at_unproven(chain.provider.clone(), nothing).await]
    {
        assert!(matches!(error, Err(Error::NoCode { contract }) if contract == nothing), "{error:?}");
    }

    // Nobody signs for zero, though the contract would take any signature that is none.
    let book = Book::at_unproven(chain.provider.clone(), delegated).await?;
    assert_eq!(book.owner(), Address::ZERO);
    let cheque = *cheque(&chain, delegated, chain.account(1), 1, 0).await?.cheque();
    let mut zeros = [0; 65];
    zeros[64] = 27;
    let forged = SignedCheque::new(cheque, zeros)?;
    let would = TransactionRequest::default().to(delegated).input(forged.calldata(Overdraft::Consent).into());
    chain.provider.call(would).await?;
    assert!(matches!(book.cash(&forged, Overdraft::Consent).await, Err(Error::Unrecoverable(_))));
    Ok(())
}

#[tokio::test]
async fn an_unreachable_node_is_no_contract() -> Result<()> {
    let chain = Chain::start()?;
    let book = Source::Ours.deploy(&chain).await?;
    let cheque = cheque(&chain, book.address(), chain.account(1), 1, 0).await?;
    let provider = chain.provider.clone();
    drop(chain); // the node is gone with it

    book.verify(&cheque)?;
    let errors = [
        book.cash(&cheque, Overdraft::Refuse).await.map(drop).unwrap_err(),
        Book::at(provider.clone(), book.address()).await.unwrap_err(),
        Book::at_unproven(provider, book.address()).await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.class() == ErrorClass::ChainUnreachable), "{errors:?}");
    Ok(())
}
