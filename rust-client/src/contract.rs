//! A chequebook on a chain, through any alloy provider: the calls that produce, verify and redeem a cheque.

use alloy::{
    contract::{CallBuilder, CallDecoder},
    network::Ethereum,
    primitives::{Address, Bytes, ChainId, U256},
    providers::{PendingTransactionBuilder, Provider},
    rpc::types::TransactionReceipt,
    sol_types::{SolInterface, SolValue},
};

use crate::{
    Asset, Cheque, Creation, DEPLOYER, Error, Form, Overdraft, Record, Scheme, SignedCheque, State, Terms,
    bindings::{
        Chequebook::{self, ChequebookErrors, ChequebookInstance},
        ChequebookFactory::{self, ChequebookFactoryErrors},
        TokenChequebook::{self, TokenChequebookErrors},
    },
    deployments, factory,
};

alloy::sol! {
    /// The part of a token that a deposit needs.
    #[sol(rpc)]
    interface Erc20 {
        function balanceOf(address account) external view returns (uint256);
        function transfer(address to, uint256 amount) external;
    }
}

/// A chequebook on a chain. It caches nothing that can change: each call makes one or a few requests, for the newest
/// block. All amounts are in wei, or in the smallest unit of the chequebook's token.
///
/// Methods that send a transaction need a provider with a wallet. They simulate the transaction first: what the
/// contract would refuse is an error and costs nothing. The provider chooses nonce and fees, and signs.
#[derive(Clone, Debug)]
pub struct ChequebookContract<P> {
    instance: ChequebookInstance<P>,
    chain_id: ChainId,
    terms: Terms,
    proven: bool,
}

impl<P: Provider + Clone> ChequebookContract<P> {
    /* CREATE */

    /// Creates a chequebook through the factory, with a first deposit, and waits until it is included in a block. Ether
    /// that was sent to the address before is part of the deposit. The deposit of a token chequebook is a transaction
    /// of its own, after the creation.
    ///
    /// If somebody else creates it first, this deposits only, and only if the chequebook is neither dead nor ending. So
    /// a second call makes a second deposit.
    ///
    /// # Errors
    ///
    /// Those of [`of`](Self::of); [`Error::NoCode`] if there is no factory on this chain; [`Error::Refused`] or
    /// [`Error::Reverted`] if it fails; those of [`deposit`](Self::deposit). If only the deposit fails, the chequebook
    /// is created.
    pub async fn create(provider: P, creation: &Creation, deposit: U256) -> Result<Self, Error> {
        let asset = creation.terms.form.asset();
        let book = Self::of(provider, creation, asset).await?;
        let provider = book.instance.provider();
        if provider.get_code_at(factory()).await?.is_empty() {
            return Err(Error::NoCode { contract: factory() });
        }
        if Self::record(provider, book.address()).await?.is_none() {
            let value = if asset == Asset::Ether { deposit } else { U256::ZERO };
            let call = CallBuilder::new_raw(provider, creation.calldata()).to(factory()).value(value);
            let created = match send::<_, _, ChequebookFactoryErrors>(factory(), &call).await {
                Ok(pending) => included(pending).await.map(drop),
                Err(error) => Err(error),
            };
            match created {
                Ok(()) if asset == Asset::Ether => return Ok(book),
                Ok(()) => {}
                Err(error @ (Error::Refused { .. } | Error::Reverted { .. })) => {
                    // Somebody else may have been first.
                    if Self::record(provider, book.address()).await?.is_none() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if deposit.is_zero() {
            book.check_alive().await?;
        } else {
            included(book.deposit(deposit).await?).await?;
        }
        Ok(book)
    }

    /* FIND */

    /// The chequebook of a creation, which need not be created yet. Its address alone proves its terms: the only
    /// request asks for the id of the chain. `expected` is the asset that the caller expects.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroOwner`], [`Error::ZeroToken`], [`Error::WrongAsset`]; or an error from the node.
    pub async fn of(provider: P, creation: &Creation, expected: Asset) -> Result<Self, Error> {
        let chain_id = provider.get_chain_id().await?;
        let contract = creation.address(chain_id)?;
        expect(contract, creation.terms.form.asset(), expected)?;
        let terms = Terms { signer: creation.terms.effective_signer(), ..creation.terms };
        Ok(Self { instance: Chequebook::new(contract, provider), chain_id, terms, proven: true })
    }

    /// The chequebook at an address, proven by the record of the factory. `expected` is the asset that the caller
    /// expects: without it, a cheque over a worthless token would look like any other.
    ///
    /// # Errors
    ///
    /// [`Error::Unproven`] if the factory did not create it, [`Error::NoCode`] if, in addition, it has no code;
    /// [`Error::WrongAsset`]; [`Error::Dead`] if its account was erased, as a death before Cancun does; or an error from
    /// the node.
    pub async fn at(provider: P, contract: Address, expected: Asset) -> Result<Self, Error> {
        let record = Self::record(&provider, contract).await?;
        let code = provider.get_code_at(contract).await?;
        match record {
            Some(Record { form, .. }) => {
                expect(contract, form.asset(), expected)?;
                if code.is_empty() {
                    return Err(Error::Dead { contract });
                }
                Self::read(provider, contract, form, true).await
            }
            None if code.is_empty() => Err(Error::NoCode { contract }),
            None => Err(Error::Unproven { contract }),
        }
    }

    /// Whatever is at an address, for those who hold its cheques and want to cash them nevertheless. **Nothing is
    /// proven**: its terms are what the contract says of itself, it may show a balance that it will not pay, and a cash
    /// may only cost gas. Accept no cheque because of this. A deposit is refused. `asset` is what it is expected to pay
    /// with, from which also its form is guessed.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`]; [`Error::Call`] if it does not answer like a chequebook; or an error from the node.
    pub async fn at_unproven(provider: P, contract: Address, asset: Asset) -> Result<Self, Error> {
        if provider.get_code_at(contract).await?.is_empty() {
            return Err(Error::NoCode { contract });
        }
        let form = match asset {
            Asset::Ether => Form::Direct,
            Asset::Token(token) => Form::Token(token),
        };
        Self::read(provider, contract, form, false).await
    }

    async fn read(provider: P, contract: Address, form: Form, proven: bool) -> Result<Self, Error> {
        let chain_id = provider.get_chain_id().await?;
        let instance = Chequebook::new(contract, provider);
        let error = |source| failed(contract, source);
        let owner = instance.owner().call().await.map_err(error)?;
        let signer = instance.signer().call().await.map_err(error)?;
        let notice_period = instance.noticePeriod().call().await.map_err(error)?.saturating_to();
        Ok(Self { instance, chain_id, terms: Terms { form, owner, signer, notice_period }, proven })
    }

    /// What the factory knows of a chequebook. `None` if it did not create it, or if there is no factory on this chain.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn record(provider: &P, contract: Address) -> Result<Option<Record>, Error> {
        match ChequebookFactory::new(factory(), provider).record(contract).call().await {
            Ok(known) => Ok(Record::of_factory(&known)),
            Err(alloy::contract::Error::ZeroData(..)) => Ok(None),
            Err(source) => Err(failed(factory(), source)),
        }
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

    /// Its form, owner, signer and notice period. The signer is never zero.
    pub const fn terms(&self) -> Terms {
        self.terms
    }

    /// What it pays with.
    pub const fn asset(&self) -> Asset {
        self.terms.form.asset()
    }

    /// The bindings of the contract, for everything that this type does not offer.
    pub const fn instance(&self) -> &ChequebookInstance<P> {
        &self.instance
    }

    /// The balance of its asset.
    ///
    /// # Errors
    ///
    /// An error from the node; [`Error::Call`] if the token does not answer.
    pub async fn balance(&self) -> Result<U256, Error> {
        let provider = self.instance.provider();
        match self.asset() {
            Asset::Ether => Ok(provider.get_balance(self.address()).await?),
            Asset::Token(token) => {
                let answer = Erc20::new(token, provider).balanceOf(self.address()).call().await;
                answer.map_err(|source| failed(token, source))
            }
        }
    }

    /// The cumulative amount paid to `beneficiary`.
    ///
    /// # Errors
    ///
    /// [`Error::NoCode`] if the chequebook is not created yet, or erased; or an error from the node.
    pub async fn sent(&self, beneficiary: Address) -> Result<U256, Error> {
        self.instance.sent(beneficiary).call().await.map_err(|source| failed(self.address(), source))
    }

    /// Its state. A chequebook that was created and has no code is [`State::Dead`]: before Cancun, a dead one leaves
    /// none.
    ///
    /// # Errors
    ///
    /// An error from the node.
    pub async fn state(&self) -> Result<State, Error> {
        let (provider, contract) = (self.instance.provider(), self.address());
        if provider.get_code_at(contract).await?.is_empty() {
            let counterfactual = self.proven && Self::record(provider, contract).await?.is_none();
            return Ok(if counterfactual { State::NotDeployed } else { State::Dead });
        }
        let killable_at = self.instance.killableAt().call().await.map_err(|source| failed(contract, source))?;
        Ok(State::of_killable_at(killable_at))
    }

    /* PRODUCE */

    /// A cheque of this chequebook, not yet [signed](Cheque::sign). `amount` is the cumulative amount promised to
    /// `beneficiary`.
    pub fn cheque(&self, beneficiary: Address, amount: U256, scheme: Scheme) -> Cheque {
        Cheque { contract: self.address(), beneficiary, amount, scheme, chain_id: self.chain_id }
    }

    /// Sends a deposit of `amount`: ether, or a transfer of the token. The chequebook need not be created yet.
    ///
    /// A transaction whose signing preimage has 72 bytes could be read as a packed cheque, and a plain transfer of ether
    /// can have such a preimage. The provider signs, so this crate cannot prevent it: for an account that also signs
    /// packed cheques, use a wallet that does.
    ///
    /// # Errors
    ///
    /// [`Error::Unproven`], [`Error::Dead`], [`Error::KillAnnounced`]; [`Error::Refused`] if it would fail; or an error
    /// from the node.
    pub async fn deposit(&self, amount: U256) -> Result<PendingTransactionBuilder<Ethereum>, Error> {
        let contract = self.address();
        if !self.proven {
            return Err(Error::Unproven { contract });
        }
        self.check_alive().await?;
        let provider = self.instance.provider();
        match self.asset() {
            Asset::Ether => {
                let call = CallBuilder::new_raw(provider, Bytes::new()).to(contract).value(amount);
                send::<_, _, ChequebookErrors>(contract, &call).await
            }
            Asset::Token(token) => {
                let erc20 = Erc20::new(token, provider);
                let call = erc20.transfer(contract, amount);
                let answer = simulate::<_, _, ChequebookErrors>(token, &call).await?;
                // Some tokens return false instead of an error, and some return nothing.
                if !answer.is_empty() && bool::abi_decode(&answer) != Ok(true) {
                    return Err(Error::Refused { refusal: format!("transfer returned {answer}") });
                }
                send::<_, _, ChequebookErrors>(token, &call).await
            }
        }
    }

    /// What is sent to a dead chequebook may be lost, and what is sent to one that is ending may go to its owner.
    async fn check_alive(&self) -> Result<(), Error> {
        let contract = self.address();
        match self.state().await? {
            State::NotDeployed | State::Alive => Ok(()),
            State::Ending { killable_at } => Err(Error::KillAnnounced { contract, killable_at }),
            State::Dead => Err(Error::Dead { contract }),
        }
    }

    /// Sends the tokens of a dead token chequebook to its owner, who must be the sender.
    ///
    /// Like that of a [deposit](Self::deposit), its signing preimage can have 72 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NoToken`] if it pays ether; [`Error::Refused`] if it would fail; or an error from the node.
    pub async fn reclaim(&self) -> Result<PendingTransactionBuilder<Ethereum>, Error> {
        let contract = self.address();
        if self.asset() == Asset::Ether {
            return Err(Error::NoToken { contract });
        }
        let token_book = TokenChequebook::new(contract, self.instance.provider());
        send::<_, _, TokenChequebookErrors>(contract, &token_book.reclaim()).await
    }

    /* REDEEM */

    /// Checks that a cheque belongs to this chequebook and is signed by its signer. Makes no request. Call
    /// [`payable`](Self::payable) to see what the cheque would pay.
    ///
    /// # Errors
    ///
    /// [`Error::WrongContract`], [`Error::WrongChainId`], [`Error::WrongSigner`], [`Error::Unrecoverable`].
    pub fn verify(&self, cheque: &SignedCheque) -> Result<(), Error> {
        cheque.verify_for(self.address(), self.chain_id, self.terms.effective_signer())
    }

    /// What a cheque would pay now. Other payees hold cheques too: the first to cash is paid first.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify); [`Error::NoCode`] if the chequebook is not created yet, or erased;
    /// [`Error::AlreadyCashed`]; [`Error::Dead`] and, with [`Overdraft::Refuse`], [`Error::WouldBounce`] if the balance
    /// does not cover it; or an error from the node.
    pub async fn payable(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<U256, Error> {
        self.verify(cheque)?;
        let Cheque { contract, beneficiary, .. } = *cheque.cheque();
        let owed = cheque.cheque().owed(self.sent(beneficiary).await?)?;
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
    /// With [`Overdraft::Refuse`] the contract itself checks that the balance covers the cheque: if another cheque is
    /// cashed first, the transaction is reverted, and the chequebook lives.
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
        let call = CallBuilder::new_raw(self.instance.provider(), cheque.calldata(overdraft)).to(contract);
        send::<_, _, ChequebookErrors>(contract, &call).await
    }
}

/// Deploys the factory and the clearing house, unless the chain has them, and waits until they are included in a block.
/// Anyone may do that, on any chain that has the deployment proxy: for example, on a new development chain.
///
/// # Errors
///
/// [`Error::NoCode`] if there is no deployment proxy; [`Error::Refused`] or [`Error::Reverted`] if it fails; or an error
/// from the node.
pub async fn deploy<P: Provider>(provider: &P) -> Result<(), Error> {
    let has_code = async |contract| Ok::<_, Error>(!provider.get_code_at(contract).await?.is_empty());
    if !has_code(DEPLOYER).await? {
        return Err(Error::NoCode { contract: DEPLOYER });
    }
    for (contract, input) in deployments() {
        if !has_code(contract).await? {
            let call = CallBuilder::new_raw(provider, input).to(DEPLOYER);
            included(send::<_, _, ChequebookFactoryErrors>(DEPLOYER, &call).await?).await?;
        }
    }
    Ok(())
}

fn expect(contract: Address, found: Asset, expected: Asset) -> Result<(), Error> {
    if found != expected {
        return Err(Error::WrongAsset { contract, found, expected });
    }
    Ok(())
}

/// Simulates a transaction, then sends it. Without the simulation, a provider that counts nonces itself could count one
/// for a transaction whose gas it cannot estimate, and all later ones would wait for it.
pub(crate) async fn send<P: Provider, D: CallDecoder, E: SolInterface + std::fmt::Debug>(
    contract: Address,
    call: &CallBuilder<P, D>,
) -> Result<PendingTransactionBuilder<Ethereum>, Error> {
    simulate::<_, _, E>(contract, call).await?;
    call.send().await.map_err(|source| refused::<E>(contract, source))
}

/// What a transaction would return.
async fn simulate<P: Provider, D: CallDecoder, E: SolInterface + std::fmt::Debug>(
    contract: Address,
    call: &CallBuilder<P, D>,
) -> Result<Bytes, Error> {
    call.call_raw().await.map_err(|source| refused::<E>(contract, source))
}

/// The failure of a transaction that was not sent.
fn refused<E: SolInterface + std::fmt::Debug>(contract: Address, source: alloy::contract::Error) -> Error {
    if let Some(refusal) = source.as_decoded_interface_error::<E>() {
        return Error::Refused { refusal: format!("{refusal:?}") };
    }
    match source.as_revert_data() {
        Some(data) => Error::Refused { refusal: data.to_string() },
        None => failed(contract, source),
    }
}

/// The failure of a question.
pub(crate) fn failed(contract: Address, source: alloy::contract::Error) -> Error {
    match source {
        source if source.as_revert_data().is_some() => Error::Call { contract, source: Box::new(source) },
        alloy::contract::Error::TransportError(error) => Error::Rpc(error),
        alloy::contract::Error::ZeroData(..) => Error::NoCode { contract },
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
