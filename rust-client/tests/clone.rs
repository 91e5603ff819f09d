//! What the address of a clone says, without a chain.
#![allow(clippy::unwrap_used, reason = "tests")]

use alloy::primitives::{Address, B256, address};
use chequebook::{Error, Opening, clearing_house, factory};
use proptest::prelude::*;

/// Of which no bit may change unnoticed: it would be another factory, and its chequebooks others.
#[test]
fn everything_is_where_the_readme_says() {
    assert_eq!(factory(), address!("0xc308C6a7Fd9eDB7fa40EF41B2C1B9EB8a775e7F1"));
    assert_eq!(clearing_house(), address!("0xFa18DCbC06beA90C6B64707100539cb7e8bB96bC"));
}

fn opening() -> impl Strategy<Value = Opening> {
    let addresses = (any::<[u8; 20]>(), any::<[u8; 20]>());
    (addresses, any::<u32>(), any::<[u8; 32]>()).prop_filter_map(
        "an owner",
        |((owner, signer), notice_period, salt)| {
            let (owner, signer) = (Address::from(owner), Address::from(signer));
            (owner != Address::ZERO).then_some(Opening { owner, signer, notice_period, salt: B256::from(salt) })
        },
    )
}

proptest! {
    /// The factory's own word for it is asked in the e2e tests.
    #[test]
    fn every_term_and_the_chain_is_part_of_the_address(opening in opening(), other in opening(), chain: u64, step: u64) {
        let here = opening.address(chain).unwrap();
        for changed in [
            Opening { owner: other.owner, ..opening },
            Opening { signer: other.signer, ..opening },
            Opening { notice_period: other.notice_period, ..opening },
            Opening { salt: other.salt, ..opening },
        ] {
            let same = changed == opening;
            prop_assert_eq!(changed.address(chain).unwrap() == here, same);
        }
        prop_assume!(step != 0);
        prop_assert_ne!(opening.address(chain.wrapping_add(step)).unwrap(), here);
    }

    #[test]
    fn a_signer_of_zero_is_the_owner(opening in opening(), chain: u64) {
        let zero = Opening { signer: Address::ZERO, ..opening };
        let owner = Opening { signer: opening.owner, ..opening };
        prop_assert_eq!(zero.address(chain).unwrap(), owner.address(chain).unwrap());
        prop_assert_eq!(zero.effective_signer(), opening.owner);
    }

    #[test]
    fn travels_as_json(opening in opening()) {
        let text = serde_json::to_string(&opening).unwrap();
        prop_assert_eq!(serde_json::from_str::<Opening>(&text).unwrap(), opening);
    }
}

#[test]
fn refuses_a_chequebook_of_nobody_and_what_it_does_not_know() {
    let nobody = Opening { owner: Address::ZERO, signer: Address::ZERO, notice_period: 0, salt: B256::ZERO };
    assert!(matches!(nobody.address(1), Err(Error::ZeroOwner)));
    let text = serde_json::to_string(&nobody).unwrap();
    assert!(serde_json::from_str::<Opening>(&text.replace("salt", "pepper")).is_err());
    assert!(serde_json::from_str::<Opening>(&text.replace('}', r#","more":1}"#)).is_err());
}
