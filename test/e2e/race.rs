//! Somebody else creates the chequebook first. The deposit follows only if the chequebook can still use it.

use alloy::{
    network::TransactionBuilder,
    primitives::{B256, U64, U256},
    providers::{Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use chequebook::{
    ChequebookContract, Creation, Error as ChequeError, Form, State, Terms,
    bindings::Chequebook::{announceKillCall, killCall},
    factory,
};
use chequebook_wallet::{Chequebook, Error, NewChequebook};
use eyre::Result;

use crate::{
    chain::Chain,
    fixture::{Both, HARDFORKS, NOTICE, PAYER, eventually, gwei},
    thin::start,
};

/// The account that is first. It owns the chequebook, so it can end it, too.
const FIRST: usize = 5;

impl Chain {
    /// The transaction of the first account that creates a chequebook, or does something to it.
    fn first(&self, creation: &Creation, input: Option<Vec<u8>>) -> Result<TransactionRequest> {
        let (to, input) = match input {
            None => (factory(), creation.calldata()),
            Some(input) => (creation.address(self.anvil.chain_id())?, input.into()),
        };
        let request = TransactionRequest::default().with_from(self.account(FIRST)).with_to(to).with_input(input);
        Ok(request.with_gas_limit(2_000_000))
    }

    async fn act_first(&self, creation: &Creation, input: Option<Vec<u8>>) -> Result<()> {
        let sent = self.provider.send_transaction(self.first(creation, input)?).await?;
        assert!(sent.get_receipt().await?.status());
        Ok(())
    }

    /// How many transactions wait to be mined.
    pub(crate) async fn waiting(&self) -> Result<u64> {
        let status: serde_json::Value = self.provider.raw_request("txpool_status".into(), ()).await?;
        Ok(serde_json::from_value::<U64>(status["pending"].clone())?.to())
    }

    /// Somebody else offers more for the same creation than one that waits to be mined; then both are mined.
    pub(crate) async fn overtake(&self, creation: &Creation) -> Result<()> {
        let first = self.first(creation, None)?;
        let first = first.with_max_fee_per_gas(900_000_000_000).with_max_priority_fee_per_gas(500_000_000_000);
        let waiting = self.waiting().await?;
        let first = self.provider.send_transaction(first).await?;
        eventually("both wait", || async { Ok(self.waiting().await? > waiting) }).await?;
        self.provider.anvil_mine(Some(1), None).await?;
        self.provider.anvil_set_auto_mine(true).await?;
        assert!(first.get_receipt().await?.status());
        Ok(())
    }

    /// While `ours` waits to be mined, somebody else offers more for the same creation.
    async fn outbid<T>(&self, creation: &Creation, ours: impl Future<Output = T>) -> Result<T> {
        self.provider.anvil_set_auto_mine(false).await?;
        let others = async {
            eventually("ours waits", || async { Ok(self.waiting().await? == 1) }).await?;
            self.overtake(creation).await
        };
        let (done, result) = tokio::join!(others, ours);
        done?;
        Ok(result)
    }
}

fn creation(chain: &Chain, form: Form, notice_period: u32) -> Creation {
    let terms = Terms { form, owner: chain.account(FIRST), signer: chain.account(PAYER), notice_period };
    Creation { terms, salt: B256::ZERO }
}

#[tokio::test]
async fn the_thin_crate_deposits_what_did_not_go_with_the_creation() -> Result<()> {
    let (chain, token) = start("osaka").await?;
    for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
        let creation = creation(&chain, form, 0);
        let ours = ChequebookContract::create(chain.provider.clone(), &creation, U256::from(70));
        let book = chain.outbid(&creation, ours).await??;
        assert_eq!((book.state().await?, book.balance().await?), (State::Alive, U256::from(70)), "{form:?}");

        // Long after, it is the same.
        let book = ChequebookContract::create(chain.provider.clone(), &creation, U256::from(5)).await?;
        assert_eq!(book.balance().await?, U256::from(75));
    }
    Ok(())
}

#[tokio::test]
async fn the_thin_crate_deposits_nothing_into_a_chequebook_that_ends() -> Result<()> {
    for hardfork in HARDFORKS {
        let (chain, token) = start(hardfork).await?;
        for form in [Form::Direct, Form::Clone, Form::Token(*token.address())] {
            let ending = creation(&chain, form, 60);
            let dead = creation(&chain, form, 0);
            for (creation, command) in [(&ending, announceKillCall {}.abi_encode()), (&dead, killCall {}.abi_encode())]
            {
                chain.act_first(creation, None).await?;
                chain.provider.evm_mine(None).await?;
                chain.act_first(creation, Some(command)).await?;
            }
            let erased = chain.provider.get_code_at(dead.address(chain.anvil.chain_id())?).await?.is_empty();
            assert_eq!(erased, hardfork == "shanghai" && form.asset() == chequebook::Asset::Ether, "{form:?}");

            let sent = chain.provider.get_transaction_count(chain.account(0)).await?;
            for deposit in [U256::ZERO, U256::from(9)] {
                let create =
                    async |creation| ChequebookContract::create(chain.provider.clone(), creation, deposit).await;
                let refused = create(&ending).await.unwrap_err();
                assert!(matches!(refused, ChequeError::KillAnnounced { .. }), "{refused}");
                let refused = create(&dead).await.unwrap_err();
                assert!(matches!(refused, ChequeError::Dead { .. }), "{refused}");
            }
            assert_eq!(chain.provider.get_transaction_count(chain.account(0)).await?, sent, "nothing was sent");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_wallet_deposits_what_did_not_go_with_the_creation() -> Result<()> {
    let both = Both::start("osaka", 1).await?;
    let creation = creation(&both.chain, Form::Clone, NOTICE);
    let new = NewChequebook::default().owner(Some(both.chain.account(FIRST))).notice_period(NOTICE).form(Form::Clone);
    let ours = Chequebook::create(&both.payer, both.chain.key(PAYER)?, new.deposit(gwei(70)));
    let book = both.chain.outbid(&creation, ours).await??;
    assert_eq!(book.creation(), Some(creation));
    assert_eq!(book.balance().await?.available, gwei(70));
    assert_eq!(both.chain.balance(book.address()).await?, gwei(70), "once");
    Ok(())
}

#[tokio::test]
async fn the_wallet_deposits_nothing_into_a_chequebook_that_ends() -> Result<()> {
    for hardfork in HARDFORKS {
        let both = Both::start(hardfork, 1).await?;
        let owner = Some(both.chain.account(FIRST));
        for (notice_period, command) in [(NOTICE, announceKillCall {}.abi_encode()), (0, killCall {}.abi_encode())] {
            let new = NewChequebook::default().owner(owner).notice_period(notice_period).deposit(gwei(9));
            // Our store knows it; somebody else is faster with all the rest.
            drop(Chequebook::prepare(&both.payer, both.chain.key(PAYER)?, new).await?);
            let creation = creation(&both.chain, Form::Direct, notice_period);
            both.chain.act_first(&creation, None).await?;
            both.chain.provider.evm_mine(None).await?;
            both.chain.act_first(&creation, Some(command)).await?;

            let refused = Chequebook::create(&both.payer, both.chain.key(PAYER)?, new).await.unwrap_err();
            if notice_period == 0 {
                assert!(matches!(refused, Error::Dead { .. }), "{hardfork}: {refused:?}");
            } else {
                assert!(matches!(refused, Error::KillAnnounced { .. }), "{hardfork}: {refused:?}");
            }
        }
        assert_eq!(both.payer.transactions().await?.len(), 1, "the creation of another one");
    }
    Ok(())
}
