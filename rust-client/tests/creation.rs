//! What the address of a chequebook proves, without a chain.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use alloy::{
    primitives::{Address, B256, address},
    sol_types::SolCall,
};
use chequebook::{
    Asset, Cheque, Creation, Error, ErrorClass, Form, Record, Terms,
    bindings::{ChequebookFactory::createCall, IChequebookFactory},
    clearing_house, factory,
};
use proptest::prelude::*;
use support::{cheques, sign, signers};

/// No bit of these addresses may change unnoticed: it would be another factory, with other chequebooks.
#[test]
fn everything_is_where_the_readme_says() {
    assert_eq!(factory(), address!("0x9bc7B39Fd985ce61c4654008dA56bC1Ad60b6A4a"));
    assert_eq!(clearing_house(), address!("0x812E3f37354344C9d2328d07243bC30FbefcE775"));
}

fn addresses() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::from).prop_filter("not zero", |address| *address != Address::ZERO)
}

fn creations() -> impl Strategy<Value = Creation> {
    let forms = prop_oneof![Just(Form::Direct), Just(Form::Clone), addresses().prop_map(Form::Token)];
    (forms, addresses(), addresses(), any::<u32>(), any::<[u8; 32]>()).prop_map(
        |(form, owner, signer, notice_period, salt)| Creation {
            terms: Terms { form, owner, signer, notice_period },
            salt: B256::from(salt),
        },
    )
}

const fn with(creation: Creation, terms: Terms) -> Creation {
    Creation { terms, ..creation }
}

proptest! {
    /// The e2e tests compare the address with that of the factory.
    #[test]
    fn every_term_and_the_chain_is_part_of_the_address(
        creation in creations(), other in creations(), chain: u64, step: u64,
    ) {
        let here = creation.address(chain).unwrap();
        for changed in [
            with(creation, Terms { form: other.terms.form, ..creation.terms }),
            with(creation, Terms { owner: other.terms.owner, ..creation.terms }),
            with(creation, Terms { signer: other.terms.signer, ..creation.terms }),
            with(creation, Terms { notice_period: other.terms.notice_period, ..creation.terms }),
            Creation { salt: other.salt, ..creation },
        ] {
            let same = changed == creation;
            prop_assert_eq!(changed.address(chain).unwrap() == here, same);
        }
        prop_assume!(step != 0);
        prop_assert_ne!(creation.address(chain.wrapping_add(step)).unwrap(), here);
    }

    #[test]
    fn a_signer_of_zero_means_the_owner(creation in creations(), chain: u64) {
        let zero = with(creation, Terms { signer: Address::ZERO, ..creation.terms });
        let owner = with(creation, Terms { signer: creation.terms.owner, ..creation.terms });
        prop_assert_eq!(zero.address(chain).unwrap(), owner.address(chain).unwrap());
        prop_assert_eq!(zero.terms.effective_signer(), creation.terms.owner);
    }

    #[test]
    fn travels_as_json(creation in creations()) {
        let text = serde_json::to_string(&creation).unwrap();
        prop_assert_eq!(serde_json::from_str::<Creation>(&text).unwrap(), creation);
    }

    #[test]
    fn proves_a_cheque_without_a_node(
        creation in creations(), cheque in cheques(), signer in signers(), foreign in signers(), step in 1_u64..,
    ) {
        let creation = with(creation, Terms { signer: signer.address(), ..creation.terms });
        let chain_id = cheque.chain_id;
        let contract = creation.address(chain_id).unwrap();
        let good = Cheque { contract, ..cheque };
        creation.verify(&sign(good, &signer), chain_id).unwrap();

        let refusal = |cheque, key, chain_id| creation.verify(&sign(cheque, key), chain_id).unwrap_err();
        let other_chain = chain_id.wrapping_add(step);
        let refused = refusal(cheque, &signer, chain_id);
        assert!(matches!(refused, Error::WrongContract { expected, .. } if expected == contract), "{refused}");
        let refused = refusal(good, &signer, other_chain); // there it is another chequebook
        assert!(matches!(refused, Error::WrongContract { .. }), "{refused}");
        let refused = refusal(Cheque { chain_id: other_chain, ..good }, &signer, chain_id);
        assert!(matches!(refused, Error::WrongChainId { expected, .. } if expected == chain_id), "{refused}");
        prop_assume!(foreign.address() != signer.address());
        let refused = refusal(good, &foreign, chain_id);
        assert!(matches!(refused, Error::WrongSigner { expected, .. } if expected == signer.address()), "{refused}");
    }

    /// The call and the record name form and token as the factory does.
    #[test]
    fn the_factory_records_the_form_that_it_is_called_with(creation in creations(), born_at: u64) {
        let createCall { form, terms, salt } = createCall::abi_decode(&creation.calldata()).unwrap();
        let Terms { owner, signer, notice_period, .. } = creation.terms;
        prop_assert_eq!((terms.owner, terms.signer, terms.noticePeriod), (owner, signer, notice_period));
        prop_assert_eq!(salt, creation.salt);

        let known = IChequebookFactory::Record { bornAt: born_at, form, token: terms.token };
        let Record { form, born_at: born, .. } = Record::of_factory(&known).unwrap();
        prop_assert_eq!((form, born), (creation.terms.form, born_at));
    }
}

#[test]
fn a_form_that_the_factory_does_not_know_is_no_record() {
    for form in [0, 4] {
        let known = IChequebookFactory::Record { bornAt: 1, form, token: Address::ZERO };
        assert_eq!(Record::of_factory(&known), None);
    }
}

#[test]
fn the_form_names_the_asset() {
    let token = Address::repeat_byte(7);
    let assets = [Form::Direct, Form::Clone, Form::Token(token)].map(Form::asset);
    assert_eq!(assets, [Asset::Ether, Asset::Ether, Asset::Token(token)]);
    assert_eq!(assets.map(|asset| asset.to_string()), ["ether", "ether", &format!("token {token}")]);
}

#[test]
fn the_json_names_the_form() {
    let json = |form| serde_json::to_value(Terms::new(form, Address::repeat_byte(1))).unwrap()["form"].clone();
    let token = Address::repeat_byte(7);
    assert_eq!(json(Form::Direct), "direct");
    assert_eq!(json(Form::Clone), "clone");
    assert_eq!(json(Form::Token(token)), serde_json::json!({ "token": token }));
}

#[test]
fn refuses_what_the_factory_refuses_and_what_it_does_not_know() {
    let nobody = Creation { terms: Terms::new(Form::Direct, Address::ZERO), salt: B256::ZERO };
    let refused = nobody.address(1).unwrap_err();
    assert!(matches!(refused, Error::ZeroOwner), "{refused}");
    let nothing = with(nobody, Terms::new(Form::Token(Address::ZERO), Address::repeat_byte(1)));
    let refused = nothing.address(1).unwrap_err();
    assert!(matches!(refused, Error::ZeroToken), "{refused}");
    assert_eq!(refused.class(), ErrorClass::InvalidInput);

    let text = serde_json::to_string(&nobody).unwrap();
    assert!(serde_json::from_str::<Creation>(&text.replace("salt", "pepper")).is_err());
    assert!(serde_json::from_str::<Creation>(&text.replace("direct", "oblique")).is_err());
    assert!(serde_json::from_str::<Creation>(&text.replacen('{', r#"{"more":1,"#, 1)).is_err());
}
