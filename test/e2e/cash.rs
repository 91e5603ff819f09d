//! The wallet's cheques and the contract's rules agree, on the oldest chain that runs the contract and on the newest.

use alloy::{
    contract::RawCallBuilder,
    primitives::{Address, U256},
    providers::DynProvider,
};
use chequebook::{
    Cheque, Overdraft, Scheme, SignedCheque,
    bindings::Chequebook::{Cashed, InvalidSignature, StaleCheque},
};
use eyre::{OptionExt, Result};

use crate::chain::{Chain, Instance};

const HARDFORKS: [&str; 2] = ["shanghai", "osaka"];
const SCHEMES: [Scheme; 2] = [Scheme::Packed, Scheme::Typed];
const DEPOSIT: u64 = 1_000;

/// A chequebook that holds the deposit.
struct Story {
    chain: Chain,
    contract: Instance,
}

impl Story {
    async fn start(hardfork: &str) -> Result<Self> {
        let chain = Chain::under(hardfork)?;
        let contract = chain.create(0, DEPOSIT).await?;
        Ok(Self { chain, contract })
    }

    fn beneficiary(&self) -> Address {
        self.chain.account(1)
    }

    fn cheque(&self, scheme: Scheme, amount: u64) -> Cheque {
        self.chain.cheque(*self.contract.address(), amount, scheme)
    }

    /// The owner's signature on a cheque.
    async fn signed(&self, scheme: Scheme, amount: u64) -> Result<SignedCheque> {
        self.chain.signed(*self.contract.address(), amount, scheme, 0).await
    }

    fn cash(&self, signed: &SignedCheque) -> RawCallBuilder<&DynProvider> {
        self.chain.call(*self.contract.address(), signed.calldata(Overdraft::Consent))
    }

    /// The error of the chain for a cheque that it must not accept.
    async fn refusal(&self, signed: &SignedCheque) -> alloy::contract::Error {
        self.cash(signed).call().await.unwrap_err()
    }
}

#[tokio::test]
async fn pays_what_each_cheque_adds_to_those_before() -> Result<()> {
    for hardfork in HARDFORKS {
        let story = Story::start(hardfork).await?;
        let before = story.chain.balance(story.beneficiary()).await?;

        for (scheme, amount, added) in [(Scheme::Packed, 300, 300), (Scheme::Typed, 700, 400), (Scheme::Packed, 701, 1)]
        {
            let receipt = story.cash(&story.signed(scheme, amount).await?).send().await?.get_receipt().await?;

            let event = receipt.decoded_log::<Cashed>().ok_or_eyre("no Cashed event")?;
            assert_eq!(event.data, Cashed { beneficiary: story.beneficiary(), paid: U256::from(added) }, "{hardfork}");
            let balance = story.chain.balance(story.beneficiary()).await?;
            assert_eq!(balance.checked_sub(before), Some(U256::from(amount)), "{hardfork}");
            assert_eq!(story.contract.sent(story.beneficiary()).call().await?, U256::from(amount), "{hardfork}");
        }
        assert_eq!(story.chain.balance(*story.contract.address()).await?, U256::from(DEPOSIT - 701));
    }
    Ok(())
}

#[tokio::test]
async fn refuses_a_cheque_of_another_key() -> Result<()> {
    for hardfork in HARDFORKS {
        let story = Story::start(hardfork).await?;

        for scheme in SCHEMES {
            let forged = story.cheque(scheme, 300).sign(&story.chain.key(1)?).await?;
            let error = story.refusal(&forged).await;
            assert!(error.as_decoded_error::<InvalidSignature>().is_some(), "{hardfork}, {scheme:?}: {error:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn refuses_an_older_cheque_and_says_what_was_sent() -> Result<()> {
    for hardfork in HARDFORKS {
        let story = Story::start(hardfork).await?;
        story.cash(&story.signed(Scheme::Packed, 300).await?).send().await?.get_receipt().await?;

        for (scheme, amount) in [(Scheme::Packed, 300), (Scheme::Typed, 300), (Scheme::Typed, 299)] {
            let error = story.refusal(&story.signed(scheme, amount).await?).await;
            let expected = StaleCheque { amount: U256::from(amount), sent: U256::from(300) };
            assert_eq!(error.as_decoded_error::<StaleCheque>(), Some(expected), "{hardfork}, {scheme:?}: {error:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn refuses_a_typed_cheque_of_another_chain_but_not_a_packed_one() -> Result<()> {
    for hardfork in HARDFORKS {
        let story = Story::start(hardfork).await?;
        let elsewhere = |scheme| Cheque { chain_id: 1, ..story.cheque(scheme, 300) };

        let typed = elsewhere(Scheme::Typed).sign(&story.chain.key(0)?).await?;
        let error = story.refusal(&typed).await;
        assert!(error.as_decoded_error::<InvalidSignature>().is_some(), "{hardfork}: {error:?}");

        let packed = elsewhere(Scheme::Packed).sign(&story.chain.key(0)?).await?;
        story.cash(&packed).send().await?.get_receipt().await?;
        assert_eq!(story.contract.sent(story.beneficiary()).call().await?, U256::from(300), "{hardfork}");
    }
    Ok(())
}
