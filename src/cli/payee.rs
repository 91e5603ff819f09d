//! What a payee does with cheques: receive, check, and see what is owed. `payee/cash.rs` cashes them.

mod cash;
mod lines;

use std::collections::HashMap;

use alloy::{
    primitives::{Address, U256},
    providers::DynProvider,
};
use chequebook::{Cheque, ChequebookContract, Creation, Overdraft, SignedCheque, State};
use chequebook_wallet::{Error as WalletError, Inbox, Policy};

use self::lines::{Line, lines};
pub(crate) use self::{cash::cash, lines::balance};
use super::{
    args::{Check, List, Receive, address},
    context::{Context, OpenStore, Session, wrong_beneficiary},
    exit::{Exit, Failure},
    files,
    output::{Record, Value},
    policy::{beneficiary, policy},
    standing::{state_name, with_state},
};

/* RECEIVE */

/// Receives cheques, one after the other.
pub(crate) struct Receiver<'a> {
    context: &'a Context,
    session: &'a Session,
    policy: Policy,
    beneficiary: Address,
    creation: Option<Creation>,
    inboxes: HashMap<Address, Inbox>,
}

impl<'a> Receiver<'a> {
    pub(crate) fn new(context: &'a Context, session: &'a Session, creation: Option<Creation>) -> Result<Self, Failure> {
        let beneficiary = beneficiary(context, session.account.address())?;
        Ok(Self { context, session, policy: policy(context)?, beneficiary, creation, inboxes: HashMap::new() })
    }

    /// Receives a cheque, and returns what it adds once that is durable. One that was received before adds nothing.
    async fn receive(&mut self, cheque: &SignedCheque) -> Result<Record, Failure> {
        let Cheque { contract, beneficiary, amount, .. } = *cheque.cheque();
        if beneficiary != self.beneficiary {
            return Err(wrong_beneficiary(beneficiary, self.beneficiary));
        }
        let inbox = match self.inboxes.get(&contract) {
            Some(inbox) => inbox.clone(),
            None => self.open(contract).await?,
        };
        let added = match inbox.receive(cheque).await {
            Err(WalletError::StaleCheque { amount, newest }) if amount == newest => U256::ZERO,
            received => received?,
        };
        let units = self.context.units(inbox.terms().form.asset(), &self.session.provider).await?;
        Ok(Record::new()
            .with("chequebook", contract)
            .with("beneficiary", beneficiary)
            .with("asset", units.asset().to_string())
            .amount("amount", amount, &units)
            .amount("added", added, &units)
            .amount("acknowledged", inbox.acknowledged().await?, &units))
    }

    async fn open(&mut self, contract: Address) -> Result<Inbox, Failure> {
        let (wallet, policy) = (&self.session.wallet, self.policy);
        let inbox = match &self.creation {
            Some(creation) if creation.address(wallet.chain_id())? == contract => {
                Inbox::of(wallet, creation, self.beneficiary, policy).await?
            }
            _ => Inbox::open(wallet, contract, self.beneficiary, policy).await?,
        };
        // This process ends soon: `watch` guards, and `cash` cashes.
        inbox.stop_auto_cash();
        self.inboxes.insert(contract, inbox.clone());
        Ok(inbox)
    }

    /// Receives a cheque, and says what became of it.
    pub(crate) async fn receive_and_show(&mut self, cheque: Result<SignedCheque, Failure>) -> Result<(), Failure> {
        match async { self.receive(&cheque?).await }.await {
            Ok(record) => self.context.out.show(&record),
            Err(failure) => {
                self.context.out.failure(&failure);
                Err(failure)
            }
        }
    }
}

/// `receive`: each cheque by itself. The exit code is that of the first that was refused.
pub(crate) async fn receive(context: &Context, args: Receive) -> Result<(), Failure> {
    let creation = args.creation.as_deref().map(files::creation).transpose()?;
    // Before a store is opened for files that are not there.
    let mut opened = Vec::new();
    for path in &args.files {
        opened.push(files::cheques(path)?);
    }
    let session = context.open(OpenStore::OrCreate).await?;
    let result = async {
        let mut receiver = Receiver::new(context, &session, creation)?;
        let (mut count, mut refused) = (0_u64, Vec::new());
        for mut cheques in opened {
            while let Some(cheque) = cheques.recv().await {
                count = count.saturating_add(1);
                if let Err(failure) = receiver.receive_and_show(cheque).await {
                    refused.push(failure);
                }
            }
        }
        summary(count, refused)
    }
    .await;
    session.close().await;
    result
}

fn summary(count: u64, refused: Vec<Failure>) -> Result<(), Failure> {
    let number = refused.len();
    match refused.into_iter().next() {
        None if count == 0 => Err(Failure::new(Exit::BadCheque, "no cheque was there, expected at least one")),
        None => Ok(()),
        Some(first) => Err(Failure::new(first.exit, format!("{number} of {count} cheques were not acknowledged"))),
    }
}

/* CHECK */

/// `check`: needs no key and no store.
pub(crate) async fn check(context: &Context, args: Check) -> Result<(), Failure> {
    let creation = args.creation.as_deref().map(files::creation).transpose()?;
    policy(context)?; // before anything is read
    let cheque = files::cheque(&args.file).await?;
    let checked = checked(context, &context.chain().await?, &cheque, creation).await?;
    context.out.show(&checked)
}

/// What the chain and the policy say of a cheque.
///
/// # Errors
///
/// Why it is refused.
pub(crate) async fn checked(
    context: &Context,
    node: &DynProvider,
    cheque: &SignedCheque,
    creation: Option<Creation>,
) -> Result<Record, Failure> {
    let (policy, asset) = (policy(context)?, context.asset()?);
    let Cheque { contract, beneficiary, amount, .. } = *cheque.cheque();
    if let Some(expected) = context.settings.read("beneficiary", address)?
        && expected != beneficiary
    {
        return Err(wrong_beneficiary(beneficiary, expected));
    }
    let book = match creation {
        Some(creation) => ChequebookContract::of(node.clone(), &creation, asset).await?,
        None => match ChequebookContract::at(node.clone(), contract, asset).await {
            Err(chequebook::Error::Unproven { .. }) if policy.accept_unproven => {
                ChequebookContract::at_unproven(node.clone(), contract, asset).await?
            }
            found => found?,
        },
    };
    book.verify(cheque)?;
    policy.check_cheque(cheque, &book.terms())?;
    let state = book.state().await?;
    let (owed, balance) = match state {
        State::NotDeployed if !policy.accept_counterfactual => return Err(WalletError::NotCreated { contract }.into()),
        State::Ending { killable_at } => return Err(WalletError::KillAnnounced { contract, killable_at }.into()),
        State::NotDeployed => (amount, book.balance().await?),
        State::Alive | State::Dead => (book.payable(cheque, Overdraft::Refuse).await?, book.balance().await?),
    };
    if policy.require_covered && owed > balance {
        return Err(WalletError::NotCovered { contract, balance, uncashed: owed }.into());
    }
    let units = context.units(asset, node).await?;
    let record = Record::new()
        .with("chequebook", contract)
        .with("beneficiary", beneficiary)
        .with("signer", book.terms().signer)
        .with("asset", asset.to_string())
        .amount("amount", amount, &units)
        .amount("pays", owed, &units)
        .amount("balance", balance, &units)
        .with("noticeSeconds", u64::from(book.terms().notice_period));
    Ok(with_state(record, state))
}

/* LIST */

/// `list`.
pub(crate) async fn list(context: &Context, args: List) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let mut rows = Vec::new();
        for line in lines(context, &session, args.payer, true).await? {
            let uncashed = line.uncashed;
            let is_above = match &args.above {
                Some(above) => {
                    uncashed.is_some_and(|uncashed| above.of(&line.units).is_ok_and(|least| uncashed >= least))
                }
                None => true,
            };
            let is_uncashed = uncashed.is_none_or(|uncashed| !uncashed.is_zero());
            let is_ending = matches!(line.state, Some(State::Ending { .. }));
            if is_above && (is_uncashed || !args.uncashed) && (is_ending || !args.ending) {
                rows.push(row(&line));
            }
        }
        Ok::<_, Failure>(rows)
    }
    .await;
    session.close().await;
    context.out.list(result?)
}

fn row(line: &Line) -> Record {
    let Cheque { contract, beneficiary, amount, .. } = *line.cheque.cheque();
    let known =
        |amount: Option<U256>| amount.map_or(Value::Nothing, |amount| Value::Amount(amount, line.units.clone()));
    let record = Record::new()
        .with("chequebook", contract)
        .with("beneficiary", beneficiary)
        .amount("amount", amount, &line.units)
        .with("acknowledged", known(line.acknowledged))
        .with("uncashed", known(line.uncashed));
    with_state(record, line.state).with("failure", line.failure.clone())
}

/// `exposure`: by chequebook.
pub(crate) async fn exposure(context: &Context) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let mut books: Vec<(Line, U256, u64)> = Vec::new();
        for line in lines(context, &session, None, true).await? {
            let owed = line.uncashed.unwrap_or_default();
            match books.iter_mut().find(|(other, ..)| other.cheque.cheque().contract == line.cheque.cheque().contract) {
                Some((_, total, count)) => {
                    *total = total.checked_add(owed).ok_or(WalletError::Overflow)?;
                    *count = count.saturating_add(1);
                }
                None => books.push((line, owed, 1)),
            }
        }
        let mut rows = Vec::new();
        for (line, owed, count) in books {
            let contract = line.cheque.cheque().contract;
            let balance = lines::balance(&session.provider, contract, line.units.asset()).await;
            let (balance, covered) = match (&balance, line.uncashed) {
                (Ok(balance), Some(_)) => (Value::Amount(*balance, line.units.clone()), Value::Flag(owed <= *balance)),
                _ => (Value::Nothing, Value::Nothing),
            };
            let record = Record::new().with("chequebook", contract).with("beneficiaries", count);
            let record = match line.uncashed {
                Some(_) => record.amount("uncashed", owed, &line.units),
                None => record.with("uncashed", Value::Nothing),
            };
            let record = record.with("balance", balance).with("covered", covered);
            rows.push(record.with("state", line.state.map(state_name)).with("failure", line.failure));
        }
        Ok::<_, Failure>(rows)
    }
    .await;
    session.close().await;
    context.out.list(result?)
}
