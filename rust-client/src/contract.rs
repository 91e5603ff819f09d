//! A chequebook on a chain, through any alloy provider: the calls that produce, verify and redeem a cheque.

use alloy::{
    contract::{CallBuilder, CallDecoder},
    network::Ethereum,
    primitives::{Address, Bytes, ChainId, U256},
    providers::{PendingTransactionBuilder, Provider},
    rpc::types::TransactionReceipt,
    sol_types::SolInterface,
};

use crate::{
    Cheque, CloneTerms, Error, Immutables, Overdraft, Scheme, SignedCheque, State, Terms,
    bindings::{
        Chequebook::{self, ChequebookErrors, ChequebookInstance},
        ChequebookFactory::{self, ChequebookFactoryErrors},
    },
    factory,
};

/// A chequebook on a chain. It caches nothing that can change: each call makes one or a few requests, for the newest
/// block.
///
/// Methods that send a transaction need a provider with a wallet. They simulate the transaction first: what the
/// contract would refuse is an error and costs nothing.
#[derive(Clone, Debug)]
pub struct ChequebookContract<P> {
    instance: ChequebookInstance<P>,
    chain_id: ChainId,
    immutables: Immutables,
}

impl<P: Provider + Clone> ChequebookContract<P> {
    /* CREATE */

    /// Deploys a chequebook directly, with a first deposit in wei, and waits until the transaction is included in a
    /// block.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`]; [`Error::Refused`] or [`Error::Reverted`] if it fails; or an error from the node.
    pub async fn deploy(provider: P, terms: Terms, deposit: U256) -> Result<Self, Error> {
        if terms.owner == Address::ZERO {
            return Err(Error::ZeroOwner);
        }
        let Terms { owner, signer, notice_period } = terms;
        let call = Chequebook::deploy_builder(provider.clone(), owner, signer, notice_period).value(deposit);
        let receipt = included(send::<_, _, ChequebookErrors>(Address::ZERO, &call).await?).await?;
        let hash = receipt.transaction_hash;
        Self::at(provider, receipt.contract_address.ok_or(Error::Reverted { hash })?).await
    }

    /// Creates a clone through the factory, with a first deposit in wei, and waits until the transaction is included in
    /// a block. Ether that was sent to its address before is part of the deposit.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`]; [`Error::NoCode`] if there is no factory on this chain; [`Error::Refused`] if it is
    /// already created, or [`Error::Reverted`]; or an error from the node.
    pub async fn create(provider: P, clone: &CloneTerms, deposit: U256) -> Result<Self, Error> {
        let contract = clone.address(provider.get_chain_id().await?)?;
        if provider.get_code_at(factory()).await?.is_empty() {
            return Err(Error::NoCode { contract: factory() });
        }
        let CloneTerms { terms: Terms { owner, signer, notice_period }, salt } = *clone;
        let creator = ChequebookFactory::new(factory(), provider.clone());
        let call = creator.create(owner, signer, notice_period, salt).value(deposit);
        included(send::<_, _, ChequebookFactoryErrors>(factory(), &call).await?).await?;
        Self::at(provider, contract).await
    }

    /// The chequebook at an address. Checks the code there and, for a clone, that the factory created it.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`], [`Error::NotGenuine`]; or an error from the node.
    pub async fn at(provider: P, contract: Address) -> Result<Self, Error> {
        let chain_id = provider.get_chain_id().await?;
        let code = provider.get_code_at(contract).await?;
        if code.is_empty() {
            return Err(Error::NoCode { contract });
        }
        let immutables = match (Immutables::read(&code), Terms::read_clone(&code)) {
            (Some(immutables), _) => immutables,
            (None, Some(terms)) => match born_at(&provider, contract).await? {
                Some(born_at) => Immutables::of_clone(terms, born_at),
                None => return Err(Error::NotGenuine { contract }),
            },
            (None, None) => return Err(Error::NotGenuine { contract }),
        };
        Ok(Self { instance: Chequebook::new(contract, provider), chain_id, immutables })
    }

    /* READ */

    /// The address of the contract.
    pub fn address(&self) -> Address {
        *self.instance.address()
    }

    /// The id of the chain.
    pub const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// Its owner, signer and notice period.
    pub const fn terms(&self) -> Terms {
        self.immutables.terms
    }

    /// Its terms, and the block that created it.
    pub const fn immutables(&self) -> Immutables {
        self.immutables
    }

    /// The bindings of the contract, for everything that this type does not offer.
    pub const fn instance(&self) -> &ChequebookInstance<P> {
        &self.instance
    }

    /// The balance, in wei.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn balance(&self) -> Result<U256, Error> {
        Ok(self.instance.provider().get_balance(self.address()).await?)
    }

    /// The cumulative amount paid to `beneficiary`, in wei.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn sent(&self, beneficiary: Address) -> Result<U256, Error> {
        self.instance.sent(beneficiary).call().await.map_err(|source| failed(self.address(), source))
    }

    /// Its state, never [`State::NotDeployed`]. No code means [`State::Dead`]: before Cancun, a dead chequebook leaves
    /// none.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn state(&self) -> Result<State, Error> {
        if self.instance.provider().get_code_at(self.address()).await?.is_empty() {
            return Ok(State::Dead);
        }
        let killable_at = self.instance.killableAt().call().await.map_err(|source| failed(self.address(), source))?;
        Ok(State::of_killable_at(killable_at))
    }

    /* PRODUCE */

    /// A cheque of this chequebook, not yet [signed](Cheque::sign). `amount` is the cumulative amount promised to
    /// `beneficiary`, in wei.
    pub fn cheque(&self, beneficiary: Address, amount: U256, scheme: Scheme) -> Cheque {
        Cheque { contract: self.address(), beneficiary, amount, scheme, chain_id: self.chain_id }
    }

    /// Sends a deposit of `amount`, in wei.
    ///
    /// # Errors
    ///
    /// [`Error::Dead`]; [`Error::Refused`] if it would fail; or an error from the node.
    pub async fn deposit(&self, amount: U256) -> Result<PendingTransactionBuilder<Ethereum>, Error> {
        let contract = self.address();
        // Before Cancun, ether sent to a dead chequebook is lost.
        if self.state().await? == State::Dead {
            return Err(Error::Dead { contract });
        }
        let call = CallBuilder::new_raw(self.instance.provider(), Bytes::new()).to(contract).value(amount);
        send::<_, _, ChequebookErrors>(contract, &call).await
    }

    /* REDEEM */

    /// Checks that a cheque belongs to this chequebook and is signed by its signer. Makes no request. Call
    /// [`payable`](Self::payable) to see what the cheque would pay.
    ///
    /// # Errors
    ///
    /// [`Error::WrongContract`], [`Error::WrongChainId`], [`Error::WrongSigner`], [`Error::Unrecoverable`].
    pub fn verify(&self, cheque: &SignedCheque) -> Result<(), Error> {
        let Cheque { contract, chain_id, .. } = *cheque.cheque();
        if contract != self.address() {
            return Err(Error::WrongContract { found: contract, expected: self.address() });
        }
        if chain_id != self.chain_id {
            return Err(Error::WrongChainId { found: chain_id, expected: self.chain_id });
        }
        cheque.verify(self.immutables.terms.signer)
    }

    /// What a cheque would pay now, in wei. Other payees hold cheques too: the first to cash is paid first.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify); [`Error::AlreadyCashed`]; [`Error::Dead`] and, with [`Overdraft::Refuse`],
    /// [`Error::WouldBounce`] if the balance does not cover it; or an error from the node.
    pub async fn payable(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<U256, Error> {
        self.verify(cheque)?;
        let Cheque { contract, beneficiary, amount, .. } = *cheque.cheque();
        let sent = self.sent(beneficiary).await?;
        let owed =
            amount.checked_sub(sent).filter(|owed| !owed.is_zero()).ok_or(Error::AlreadyCashed { amount, sent })?;
        let balance = self.balance().await?;
        if owed <= balance {
            return Ok(owed);
        }
        if self.state().await? == State::Dead {
            return Err(Error::Dead { contract });
        }
        match overdraft {
            Overdraft::Refuse => Err(Error::WouldBounce { pays: balance, owed }),
            Overdraft::Consent => Ok(balance),
        }
    }

    /// Sends the transaction that cashes a cheque. Anyone may send it; the beneficiary is paid.
    ///
    /// Another cheque that is cashed before this transaction is included can still make it an overdraft.
    ///
    /// # Errors
    ///
    /// Those of [`payable`](Self::payable); [`Error::Refused`] if the contract would refuse it.
    pub async fn cash(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
    ) -> Result<PendingTransactionBuilder<Ethereum>, Error> {
        self.payable(cheque, overdraft).await?;
        let contract = self.address();
        let call = CallBuilder::new_raw(self.instance.provider(), cheque.calldata()).to(contract);
        send::<_, _, ChequebookErrors>(contract, &call).await
    }
}

/// The block in which the factory created a chequebook. `None` if the factory did not create it.
async fn born_at<P: Provider>(provider: &P, contract: Address) -> Result<Option<u64>, Error> {
    if provider.get_code_at(factory()).await?.is_empty() {
        return Ok(None);
    }
    let creator = ChequebookFactory::new(factory(), provider);
    let born_at = creator.bornAt(contract).call().await.map_err(|source| failed(factory(), source))?;
    Ok((!born_at.is_zero()).then(|| born_at.saturating_to()))
}

/// Simulates a transaction, then sends it.
async fn send<P: Provider, D: CallDecoder, E: SolInterface + std::fmt::Debug>(
    contract: Address,
    call: &CallBuilder<P, D>,
) -> Result<PendingTransactionBuilder<Ethereum>, Error> {
    call.send().await.map_err(|source| match source.as_decoded_interface_error::<E>() {
        Some(refusal) => Error::Refused { refusal: format!("{refusal:?}") },
        None => failed(contract, source),
    })
}

fn failed(contract: Address, source: alloy::contract::Error) -> Error {
    match source {
        alloy::contract::Error::TransportError(error) => Error::Rpc(error),
        source => Error::Call { contract, source: Box::new(source) },
    }
}

/// Waits until a transaction is included in a block.
async fn included(pending: PendingTransactionBuilder<Ethereum>) -> Result<TransactionReceipt, Error> {
    let receipt = pending.get_receipt().await?;
    if !receipt.status() {
        return Err(Error::Reverted { hash: receipt.transaction_hash });
    }
    Ok(receipt)
}
