//! What proves a chequebook: its address, and the record of the factory. Nothing else does.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, U256, hex},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use chequebook::{
    Asset, Cheque, ChequebookContract, Creation, Error as ChequeError, Form, Overdraft, Scheme, Terms,
    bindings::{ChequebookFactory, TokenChequebook},
    factory,
};
use chequebook_wallet::{Chequebook, Error, Inbox};
use eyre::{OptionExt, Result};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    chain::Chain,
    fixture::{Both, PAYER, gwei, somebody},
    thin::start,
};

/// The slot of `killableAt` in a chequebook, which its code does not show.
pub(crate) const KILLABLE_AT: u64 = 0;

fn addresses() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::from).prop_filter("not zero", |address| *address != Address::ZERO)
}

fn creations(token: impl Strategy<Value = Address>) -> impl Strategy<Value = Creation> {
    let forms = prop_oneof![Just(Form::Direct), Just(Form::Clone), token.prop_map(Form::Token)];
    let signers = prop_oneof![1 => Just(Address::ZERO), 3 => addresses()];
    (forms, addresses(), signers, any::<u32>(), any::<[u8; 32]>()).prop_map(
        |(form, owner, signer, notice_period, salt)| Creation {
            terms: Terms { form, owner, signer, notice_period },
            salt: salt.into(),
        },
    )
}

/// Random values, each run the same.
fn random<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// The crate and the factory compute the same address for every form, also for the zero signer that means the owner.
#[tokio::test]
async fn the_address_follows_from_the_creation_alone() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let contract = ChequebookFactory::new(factory(), chain.provider.clone());
    for creation in random(creations(addresses()), 300) {
        let create = ChequebookFactory::createCall::abi_decode(&creation.calldata())?;
        let expected = contract.predict(create.form, create.terms, create.salt).call().await?;
        assert_eq!(creation.address(chain.anvil.chain_id())?, expected, "{creation:?}");
        assert_ne!(creation.address(1)?, expected, "the chain is part of the address");
    }
    for address in [factory(), chequebook::clearing_house()] {
        assert!(
            include_str!("../../README.md").contains(&address.to_string()),
            "README has another one than {address}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_created_is_what_was_predicted() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let token = *token.address();
    for creation in random(creations(Just(token)), 40) {
        let Terms { form, owner, notice_period, .. } = creation.terms;
        let created = ChequebookContract::create(chain.provider.clone(), &creation, U256::ZERO).await?;
        let found = ChequebookContract::at(chain.provider.clone(), created.address(), form.asset()).await?;
        assert_eq!(found.address(), creation.address(chain.anvil.chain_id())?);
        let signer = creation.terms.effective_signer();
        assert_eq!(found.terms(), Terms { form, owner, signer, notice_period }, "the contract says the same");
        let record =
            ChequebookContract::record(&chain.provider, found.address()).await?.ok_or_eyre("there is no record")?;
        assert_eq!((record.form, record.born_at), (form, chain.provider.get_block_number().await?));
        if form == Form::Token(token) {
            let stated = TokenChequebook::new(found.address(), &chain.provider).token().call().await?;
            assert_eq!(stated, token);
        }
    }
    Ok(())
}

/// Deploys exactly the code of `original` by a constructor that first writes `value` into storage.
pub(crate) async fn forge(chain: &Chain, original: Address, slot: U256, value: U256) -> Result<Address> {
    let code = chain.provider.get_code_at(original).await?;
    let store = [&[0x7f], &value.to_be_bytes::<32>()[..], &[0x7f], &slot.to_be_bytes::<32>()[..], &[0x55]].concat();
    let (size, start) = (u16::try_from(code.len())?, u16::try_from(store.len() + 15)?);
    // PUSH2 size, PUSH2 start, PUSH0, CODECOPY, PUSH2 size, PUSH0, RETURN, and INVALID up to the start
    let mut copy = [&[0x61][..], &size.to_be_bytes(), &[0x61], &start.to_be_bytes(), &hex!("5f39")].concat();
    copy.extend([&[0x61][..], &size.to_be_bytes(), &hex!("5ff3")].concat());
    copy.resize(15, 0xfe);
    let init = [store, copy, code.to_vec()].concat();

    let sent = chain.provider.send_transaction(TransactionRequest::default().with_deploy_code(init)).await?;
    let forged = sent.get_receipt().await?.contract_address.ok_or_eyre("nothing was deployed")?;
    assert_eq!(chain.provider.get_code_at(forged).await?, code, "the same code");
    assert_eq!(chain.provider.get_storage_at(forged, slot).await?, value, "and other storage");
    Ok(forged)
}

/// The slot in which a chequebook keeps `sent` of a beneficiary.
fn sent_slot(beneficiary: Address) -> U256 {
    U256::from_be_bytes(alloy::primitives::keccak256([beneficiary.into_word(), B256::from(U256::ONE)].concat()).0)
}

#[tokio::test]
async fn a_forged_constructor_proves_nothing_to_the_thin_crate() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    let payee = chain.account(1);
    for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
        let creation = Creation { terms: Terms::new(form, chain.account(0)), salt: B256::ZERO };
        let original = ChequebookContract::create(chain.provider.clone(), &creation, U256::ZERO).await?;
        for (slot, value) in [(U256::from(KILLABLE_AT), U256::MAX), (sent_slot(payee), U256::MAX)] {
            let forged = forge(&chain, original.address(), slot, value).await?;
            let refused = ChequebookContract::at(chain.provider.clone(), forged, form.asset()).await.unwrap_err();
            assert!(matches!(refused, ChequeError::Unproven { contract } if contract == forged), "{refused}");
            assert_eq!(ChequebookContract::record(&chain.provider, forged).await?, None);

            let unproven = ChequebookContract::at_unproven(chain.provider.clone(), forged, form.asset()).await?;
            let refused = unproven.deposit(U256::ONE).await.unwrap_err();
            assert!(matches!(refused, ChequeError::Unproven { contract } if contract == forged), "{refused}");
            assert_eq!(unproven.balance().await?, U256::ZERO);
        }
    }
    Ok(())
}

/// Who holds a cheque of an unproven contract can cash it, if it pays.
#[tokio::test]
async fn a_cheque_of_an_unproven_contract_can_still_be_cashed() -> Result<()> {
    let (chain, _) = start("osaka").await?;
    let creation = Creation { terms: Terms::new(Form::Direct, chain.account(0)), salt: B256::ZERO };
    let original = ChequebookContract::create(chain.provider.clone(), &creation, U256::ZERO).await?;
    let forged = forge(&chain, original.address(), sent_slot(chain.account(1)), U256::from(10)).await?;
    chain.call(forged, Default::default()).value(U256::from(50)).send().await?.get_receipt().await?;

    let book = ChequebookContract::at_unproven(chain.provider.clone(), forged, Asset::Ether).await?;
    let cheque = book.cheque(chain.account(1), U256::from(30), Scheme::Packed).sign(&chain.key(0)?).await?;
    assert_eq!(book.payable(&cheque, Overdraft::Refuse).await?, U256::from(20), "it says that 10 were paid");
    book.cash(&cheque, Overdraft::Refuse).await?.get_receipt().await?;
    assert_eq!(book.balance().await?, U256::from(30));

    let nothing = ChequebookContract::at_unproven(chain.provider.clone(), somebody(7), Asset::Ether).await.unwrap_err();
    assert!(matches!(nothing, ChequeError::NoCode { .. }), "{nothing}");
    let token = chain.token("StandardToken", 0).await?;
    let other =
        ChequebookContract::at_unproven(chain.provider.clone(), *token.address(), Asset::Ether).await.unwrap_err();
    assert!(matches!(other, ChequeError::Call { contract, .. } if contract == *token.address()), "{other}");
    Ok(())
}

#[tokio::test]
async fn a_forged_constructor_proves_nothing_to_the_wallet() -> Result<()> {
    let both = Both::start("osaka", 10).await?;
    let unproven = |refused: &Error, forged| matches!(refused, Error::Cheque(ChequeError::Unproven { contract }) if *contract == forged);
    let forged = forge(&both.chain, both.book.address(), U256::from(9), U256::ONE).await?;
    both.chain.call(forged, Default::default()).value(gwei(50)).send().await?.get_receipt().await?;

    // The payer does not open it, so it makes no deposit.
    let refused = Chequebook::recover(&both.payer, forged, both.chain.key(PAYER)?, []).await.unwrap_err();
    assert!(unproven(&refused, forged), "{refused:?}");
    let (payee, beneficiary) = (&both.payee, somebody(1));
    let refused = Inbox::open(payee, forged, beneficiary, both.policy()).await.unwrap_err();
    assert!(unproven(&refused, forged), "{refused:?}");

    let inbox = Inbox::open(payee, forged, beneficiary, both.policy().accept_unproven(true)).await?;
    let cheque = |amount| Cheque {
        contract: forged,
        beneficiary,
        amount: gwei(amount),
        scheme: Scheme::Typed,
        chain_id: both.chain.anvil.chain_id(),
    };
    assert_eq!(inbox.receive(&cheque(20).sign(&both.chain.key(PAYER)?).await?).await?, gwei(20));
    // What is open for one who accepts it is not proven to another one.
    let refused = Inbox::open(payee, forged, somebody(2), both.policy()).await.unwrap_err();
    assert!(unproven(&refused, forged), "{refused:?}");
    let refused = Chequebook::recover(payee, forged, both.chain.key(PAYER)?, []).await.unwrap_err();
    assert!(unproven(&refused, forged), "{refused:?}");
    inbox.cash(Overdraft::Refuse).await?.confirmed().await?;
    assert_eq!(both.chain.balance(beneficiary).await?, gwei(20));
    drop(inbox);

    // A cheque that is there is cashed, whatever the policy.
    let last = cheque(25).sign(&both.chain.key(PAYER)?).await?;
    payee.cashing().cash(&last, Overdraft::Refuse).await?.confirmed().await?;
    assert_eq!(both.chain.balance(beneficiary).await?, gwei(25));
    Ok(())
}
