//! The payer: who signs cheques, and keeps the deposit behind them.

mod auto_deposit;
mod funds;
mod outbox;
mod recover;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, TxKind, U256},
    signers::Signer,
    sol_types::SolConstructor,
};
use tokio::sync::Notify;

use self::funds::Funds;
pub use self::{auto_deposit::AutoDeposit, funds::Balance, outbox::Outbox};
use crate::{
    Cheque, Client, Error, Opening, Overdraft, Purpose, Scheme, SignedCheque, Transaction,
    bindings::Chequebook::{BYTECODE, constructorCall},
    chain::{Genuine, Life, Watched},
    client::{Claim, Locks},
    rows::{Book, Promise, book_key, issued_key, total_key},
    store::Batch,
    transactions::{Call, MAX_GAS},
};

/// What a new chequebook is to be. None of it ever changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Who commands the chequebook, and gets back what is left. `None` stands for the account of the client.
    pub owner: Option<Address>,
    /// The least time between the announcement of the end and the end, in seconds. Payees may insist on one.
    pub notice_period: u32,
    /// The first deposit, in wei.
    pub deposit: U256,
    /// How it is created.
    pub form: Form,
}

/// The two forms of a chequebook. They keep the same rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Deployed directly: the cheapest to cash from.
    #[default]
    Direct,
    /// A clone that the factory opens: the cheapest to create. Its address proves its terms.
    Clone {
        /// Tells apart several chequebooks with the same terms.
        salt: B256,
    },
}

/// A chequebook that we sign for.
///
/// What may be issued follows from one equation, with *B* the newest block that counts as final:
///
/// ```text
/// funded(B) = balance(B) + all that was paid by cheques up to B
/// available = funded(B) - all that was ever issued
/// ```
///
/// Clones are the same chequebook. All methods may be called from any number of tasks at once.
#[derive(Clone)]
pub struct Chequebook(Arc<Inner>);

struct Inner {
    client: Client,
    contract: Address,
    opening: Option<Opening>,
    signer: Arc<dyn Signer + Send + Sync>,
    watched: Arc<Watched>,
    funds: Mutex<Funds>,
    /// Held while the chain is asked for the funds.
    asking: tokio::sync::Mutex<()>,
    /// One cheque to a beneficiary at a time, since each contains the one before.
    writing: Locks,
    /// Wakes the automatic deposit.
    issued: Arc<Notify>,
    auto: Mutex<Option<AutoDeposit>>,
    /// Changes what the automatic deposit does.
    changed: Arc<Notify>,
    _claim: Claim,
}

impl Chequebook {
    /* OPEN */

    /// Creates a chequebook whose cheques `signer` signs, and waits until that is included in a block. Its deposit
    /// counts once it is confirmed.
    ///
    /// # Errors
    ///
    /// [`Error::AccountShort`] and the like if it cannot be sent, [`Error::Reverted`] or [`Error::Replaced`] if it failed;
    /// those of [`prepare`](Self::prepare) for a clone; or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, in that a deployment that was begun is in [`Client::transactions`], and the chequebook that comes of
    /// it in [`Client::chequebooks`]. Look there before you deploy once more.
    #[tracing::instrument(skip_all)]
    pub async fn deploy(
        client: &Client,
        signer: impl Signer + Send + Sync + 'static,
        terms: Terms,
    ) -> Result<Self, Error> {
        if let Form::Clone { .. } = terms.form {
            let book = Self::prepare(client, signer, terms).await?;
            let opening = book.0.opening.ok_or(Error::NoRecord { contract: book.address() })?;
            client.create(&opening, terms.deposit).await?.included().await?;
            book.0.ask_funds().await?;
            return Ok(book);
        }
        let account = client.account();
        let constructor = constructorCall {
            owner_: terms.owner.unwrap_or(account),
            signer_: signer.address(),
            noticePeriod_: terms.notice_period,
        };
        let input = [BYTECODE.as_ref(), &constructor.abi_encode()].concat().into();
        let call = Call { to: TxKind::Create, value: terms.deposit, input, max_gas: MAX_GAS };

        let book = Book { signer: signer.address(), opening: None };
        let deployment = client.shared().transactions.send(call, |nonce| {
            let contract = account.create(nonce);
            let mut batch = Batch::new();
            batch.put(book_key(contract), &book)?.put(total_key(contract), &U256::ZERO)?;
            Ok((Purpose::Deploy { contract }, batch))
        });
        let deployment = deployment.await?;
        deployment.included().await?;
        let Purpose::Deploy { contract } = deployment.purpose() else { return Err(Error::Stopped) };
        Self::open(client, contract, signer).await
    }

    /// Prepares a clone without a transaction: cheques may be written as soon as ether was sent to its address, by
    /// [`deposit`](Self::deposit), say, and is confirmed. Anyone can open it later with [`Client::create`], a payee too;
    /// payees decide by their [policy](crate::Policy) whether they take its cheques until then. The deposit of `terms` is
    /// not sent.
    ///
    /// # Errors
    ///
    /// [`Error::NoRecord`] if the chequebook was opened or funded before, and the store knows nothing of it: take another
    /// salt, or [`recover`](Self::recover) it. [`Error::NoCode`] if there is no factory on this chain,
    /// [`Error::NotAClone`], [`Error::ZeroOwner`], [`Error::AlreadyOpen`]; or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn prepare(
        client: &Client,
        signer: impl Signer + Send + Sync + 'static,
        terms: Terms,
    ) -> Result<Self, Error> {
        let Form::Clone { salt } = terms.form else { return Err(Error::NotAClone) };
        let owner = terms.owner.unwrap_or(client.account());
        let opening = Opening { owner, signer: signer.address(), notice_period: terms.notice_period, salt };
        let contract = opening.address(client.chain_id())?;
        let claim = client.claim(contract, None)?;
        let shared = client.shared();
        if shared.ledger.get::<Book>(&book_key(contract))?.is_none() {
            client.require_unused(contract).await?;
            let mut batch = Batch::new();
            let book = Book { signer: signer.address(), opening: Some(opening) };
            batch.put(book_key(contract), &book)?.put(total_key(contract), &U256::ZERO)?;
            shared.ledger.submit(batch).await?;
        }
        drop(claim);
        Self::open(client, contract, signer).await
    }

    /// Opens a chequebook that the store has a record of.
    ///
    /// # Errors
    ///
    /// [`Error::NoRecord`] if it has none: only [`recover`](Self::recover) opens such a chequebook.
    /// [`Error::NotOurSigner`] if another key than `signer` makes its cheques, [`Error::NoCode`] and
    /// [`Error::NotGenuine`] if it is no chequebook, [`Error::Dead`] if it has ended; [`Error::AlreadyOpen`] if it is open;
    /// or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn open(
        client: &Client,
        contract: Address,
        signer: impl Signer + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let claim = client.claim(contract, None)?;
        let shared = client.shared();
        let book = shared.ledger.get::<Book>(&book_key(contract))?.ok_or(Error::NoRecord { contract })?;
        let opening = book.opening;
        let watched = watch_as_signer(client, contract, signer.address(), opening.as_ref()).await?;
        let issued = shared.ledger.get(&total_key(contract))?.ok_or(Error::NoRecord { contract })?;

        let book = Self(Arc::new(Inner {
            client: client.clone(),
            contract,
            opening,
            signer: Arc::new(signer),
            watched,
            funds: Mutex::new(Funds::new(issued)),
            asking: tokio::sync::Mutex::default(),
            writing: Locks::default(),
            issued: Arc::default(),
            auto: Mutex::default(),
            changed: Arc::default(),
            _claim: claim,
        }));
        book.0.ask_funds().await?;
        funds::follow(&book.0);
        auto_deposit::follow(&book.0);
        Ok(book)
    }

    /* READ */

    /// The address of the contract.
    pub fn address(&self) -> Address {
        self.0.contract
    }

    /// Who commands it, who signs its cheques, and its notice period.
    pub fn terms(&self) -> Genuine {
        self.0.watched.genuine
    }

    /// Of a clone: what opens it. Give it to payees, for whom it proves the terms.
    pub fn opening(&self) -> Option<Opening> {
        self.0.opening
    }

    /// Who commands it, and gets back what is left.
    pub fn owner(&self) -> Address {
        self.terms().owner
    }

    /// Asks the chain what the chequebook has, and compares it with what was issued.
    ///
    /// # Errors
    ///
    /// What the chain answers, or [`Error::Store`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn balance(&self) -> Result<Balance, Error> {
        // First the deposits under way: one that counts by now must not count twice.
        self.0.client.shared().transactions.advance().await?;
        self.0.ask_funds().await?;
        self.0.balance()
    }

    /* ISSUE */

    /// Signs a cheque that promises `beneficiary` the `amount`, in wei, on top of all that was promised to it before.
    /// Returns once it is durable.
    ///
    /// # Errors
    ///
    /// [`Error::Insufficient`] if the amount is not available, [`Error::ZeroAmount`], [`Error::InvalidBeneficiary`];
    /// [`Error::Dead`] or [`Error::KillAnnounced`] if the chequebook ends; [`Error::Signer`] if the signer does not sign;
    /// [`Error::Store`] if it cannot be made durable. Nothing is promised then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, in that nothing is lost: either nothing is promised, or the cheque is there, and
    /// [`Outbox::last`] has it. Which of the two, only that tells.
    #[tracing::instrument(skip(self), fields(contract = %self.0.contract), level = "debug")]
    pub async fn issue(&self, beneficiary: Address, amount: U256, scheme: Scheme) -> Result<SignedCheque, Error> {
        let result = self.0.issue(beneficiary, amount, scheme).await;
        // Also after an error: it may have been for want of a deposit.
        self.0.issued.notify_one();
        result
    }

    /// What we promise to one beneficiary, with cheques of one scheme.
    pub fn outbox(&self, beneficiary: Address, scheme: Scheme) -> Outbox {
        Outbox::new(self.clone(), beneficiary, scheme)
    }

    /* DEPOSIT AND CASH */

    /// Sends a deposit of `amount`, in wei, from the account of the client, and returns once it is sent. It counts once
    /// it is confirmed: [`Transaction::confirmed`] waits for that.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroAmount`]; [`Error::Dead`] if the chequebook has ended; [`Error::AccountShort`] and the like if it
    /// cannot be sent; or what the chain answers.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, in that a deposit that was begun goes its way, and is in [`Client::transactions`]. Look there before
    /// you deposit once more.
    #[tracing::instrument(skip(self), fields(contract = %self.0.contract))]
    pub async fn deposit(&self, amount: U256) -> Result<Transaction, Error> {
        let contract = self.0.contract;
        if amount.is_zero() {
            return Err(Error::ZeroAmount);
        }
        // Before Cancun, what is sent to a dead chequebook is lost.
        if self.0.watched.snapshot(Duration::ZERO).await?.life == Life::Dead {
            return Err(Error::Dead { contract });
        }
        let call = Call { to: TxKind::Call(contract), value: amount, input: Default::default(), max_gas: MAX_GAS };
        let purpose = Purpose::Deposit { contract, amount };
        self.0.client.shared().transactions.send(call, |_| Ok((purpose, Batch::new()))).await
    }

    /// Cashes any cheque, as [`Client::cash`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Client::cash`].
    ///
    /// # Cancel safety
    ///
    /// That of [`Client::cash`].
    pub async fn cash(&self, cheque: &SignedCheque, overdraft: Overdraft) -> Result<Transaction, Error> {
        self.0.client.cash(cheque, overdraft).await
    }

    /* AUTOMATIC DEPOSIT */

    /// Deposits by itself from now on, in place of any earlier settings. A deposit that fails is tried again at the next
    /// occasion, and logged.
    pub fn auto_deposit(&self, settings: AutoDeposit) {
        self.set_auto(Some(settings));
    }

    /// Ends the automatic deposit. Deposits that were sent go their way.
    pub fn stop(&self) {
        self.set_auto(None);
    }

    fn set_auto(&self, settings: Option<AutoDeposit>) {
        *self.0.auto.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.0.changed.notify_one();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.changed.notify_one(); // so that the task ends
    }
}

impl std::fmt::Debug for Chequebook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chequebook").field("contract", &self.0.contract).finish_non_exhaustive()
    }
}

/// Watches a living chequebook whose cheques `signer` makes.
async fn watch_as_signer(
    client: &Client,
    contract: Address,
    signer: Address,
    opening: Option<&Opening>,
) -> Result<Arc<Watched>, Error> {
    let shared = client.shared();
    let watched = shared.view.watch(contract, shared.config.confirmations, None, opening).await?;
    let expected = watched.genuine.signer;
    if expected != signer {
        return Err(Error::NotOurSigner { contract, found: signer, expected });
    }
    if watched.snapshot(Duration::ZERO).await?.life == Life::Dead {
        return Err(Error::Dead { contract });
    }
    Ok(watched)
}

impl Inner {
    async fn issue(&self, beneficiary: Address, amount: U256, scheme: Scheme) -> Result<SignedCheque, Error> {
        let contract = self.contract;
        if amount.is_zero() {
            return Err(Error::ZeroAmount);
        }
        // Nobody could cash the one; the other would burn the money.
        if beneficiary == contract || beneficiary == Address::ZERO {
            return Err(Error::InvalidBeneficiary { beneficiary });
        }
        let reserved = self.reserve(amount).await?;

        let writing = self.writing.lock(beneficiary).await;
        let key = issued_key(contract, beneficiary);
        let ledger = &self.client.shared().ledger;
        let last = ledger.get::<Promise>(&key)?.map_or(U256::ZERO, |promise| promise.amount);
        // Both are part of the total, which is below what the contract was ever funded with.
        let promised = last.checked_add(amount).ok_or(Error::Overflow)?;
        let cheque = Cheque { contract, beneficiary, amount: promised, scheme, chain_id: self.client.chain_id() };
        let signed = cheque.sign(&*self.signer).await?;
        let durable = reserved.issue(key, &Promise::of(&signed))?;
        drop(writing); // the next one may build on this one: it becomes durable later

        durable.await?;
        Ok(signed)
    }
}
