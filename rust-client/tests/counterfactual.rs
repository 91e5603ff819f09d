//! What the address of a clone proves, without a chain.
#![allow(clippy::unwrap_used, reason = "tests")]

use alloy::primitives::{Address, B256, address};
use chequebook::{CloneTerms, Error, Terms, clearing_house, factory};
use proptest::prelude::*;

/// No bit of these addresses may change unnoticed: it would be another factory, with other chequebooks.
#[test]
fn everything_is_where_the_readme_says() {
    assert_eq!(factory(), address!("0x91d366A4b84Ead14C9E663334B54BbEF33c4991F"));
    assert_eq!(clearing_house(), address!("0xFa18DCbC06beA90C6B64707100539cb7e8bB96bC"));
}

fn clones() -> impl Strategy<Value = CloneTerms> {
    let addresses = (any::<[u8; 20]>(), any::<[u8; 20]>());
    (addresses, any::<u32>(), any::<[u8; 32]>()).prop_filter_map(
        "an owner",
        |((owner, signer), notice_period, salt)| {
            let (owner, signer) = (Address::from(owner), Address::from(signer));
            let terms = Terms { owner, signer, notice_period };
            (owner != Address::ZERO).then_some(CloneTerms { terms, salt: B256::from(salt) })
        },
    )
}

const fn with(clone: CloneTerms, terms: Terms) -> CloneTerms {
    CloneTerms { terms, ..clone }
}

proptest! {
    /// The e2e tests compare the address with that of the factory.
    #[test]
    fn every_term_and_the_chain_is_part_of_the_address(clone in clones(), other in clones(), chain: u64, step: u64) {
        let here = clone.address(chain).unwrap();
        for changed in [
            with(clone, Terms { owner: other.terms.owner, ..clone.terms }),
            with(clone, Terms { signer: other.terms.signer, ..clone.terms }),
            with(clone, Terms { notice_period: other.terms.notice_period, ..clone.terms }),
            CloneTerms { salt: other.salt, ..clone },
        ] {
            let same = changed == clone;
            prop_assert_eq!(changed.address(chain).unwrap() == here, same);
        }
        prop_assume!(step != 0);
        prop_assert_ne!(clone.address(chain.wrapping_add(step)).unwrap(), here);
    }

    #[test]
    fn a_signer_of_zero_means_the_owner(clone in clones(), chain: u64) {
        let zero = with(clone, Terms { signer: Address::ZERO, ..clone.terms });
        let owner = with(clone, Terms { signer: clone.terms.owner, ..clone.terms });
        prop_assert_eq!(zero.address(chain).unwrap(), owner.address(chain).unwrap());
        prop_assert_eq!(zero.terms.effective_signer(), clone.terms.owner);
    }

    #[test]
    fn travels_as_json(clone in clones()) {
        let text = serde_json::to_string(&clone).unwrap();
        prop_assert_eq!(serde_json::from_str::<CloneTerms>(&text).unwrap(), clone);
    }
}

#[test]
fn refuses_a_chequebook_of_nobody_and_what_it_does_not_know() {
    let nobody = CloneTerms { terms: Terms::new(Address::ZERO), salt: B256::ZERO };
    assert!(matches!(nobody.address(1), Err(Error::ZeroOwner)));
    let text = serde_json::to_string(&nobody).unwrap();
    assert!(serde_json::from_str::<CloneTerms>(&text.replace("salt", "pepper")).is_err());
    assert!(serde_json::from_str::<CloneTerms>(&text.replace('}', r#","more":1}"#)).is_err());
}
