//! What a payer does: create, deposit, issue, and see what is left.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use chequebook::{Asset, ChequebookContract, Creation, Form, Scheme, Terms};
use chequebook_wallet::{Chequebook, NewChequebook, Purpose, Transaction};

use super::{
    amount::{Units, Written},
    args::{Create, FormName, Once, Predict, SchemeName, TermsArgs, Which, Withdraw},
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    once::sent_before,
    output::{Record, Value},
    standing::without_transaction,
};

/// How many rows of the history are read at once.
const PAGE: usize = 1_000;

/// A chequebook that is open, with the units of its asset.
pub(crate) struct Book {
    pub(crate) chequebook: Chequebook,
    pub(crate) units: Units,
}

impl Book {
    /// Opens the chequebook that is meant, with the key that signs its cheques.
    pub(crate) async fn open(context: &Context, session: &Session, which: Which) -> Result<Self, Failure> {
        let address = context.which(session, which).await?;
        Self::open_at(context, session, address).await
    }

    async fn open_at(context: &Context, session: &Session, address: Address) -> Result<Self, Failure> {
        let signer = context.signer(&session.account).await?;
        let chequebook = Chequebook::open(&session.wallet, address, signer).await?;
        let units = context.units(chequebook.terms().form.asset(), &session.provider).await?;
        Ok(Self { chequebook, units })
    }

    /// The units of a chequebook that was to be opened. One that has ended cannot be; what was done before its end for a key
    /// is told all the same.
    async fn units_of(
        context: &Context,
        session: &Session,
        address: Address,
        opened: Result<Self, Failure>,
        once: &Once,
    ) -> Result<(Result<Self, Failure>, Units), Failure> {
        match opened {
            Ok(book) => {
                let units = book.units.clone();
                Ok((Ok(book), units))
            }
            Err(failure) => {
                let is_ended = once.is_set() && failure.exit == Exit::Ended;
                let known = if is_ended { ChequebookContract::record(&session.provider, address).await? } else { None };
                let Some(known) = known else { return Err(failure) };
                Ok((Err(failure), context.units(known.form.asset(), &session.provider).await?))
            }
        }
    }
}

/* CREATE */

fn form(context: &Context, args: &TermsArgs) -> Result<Form, Failure> {
    match (args.form, &args.token) {
        (FormName::Direct, None) => Ok(Form::Direct),
        (FormName::Clone, None) => Ok(Form::Clone),
        (FormName::Token, Some(token)) => Ok(Form::Token(context.settings.token(token)?)),
        _ => Err(Failure::usage("--token belongs to --form token, expected both or none")),
    }
}

fn creation(context: &Context, args: &TermsArgs, account: Address, signer: Address) -> Result<Creation, Failure> {
    let notice_period = u32::try_from(args.notice).map_err(|_| {
        Failure::usage(format!("a notice of {} s is too long, expected at most {} s", args.notice, u32::MAX))
    })?;
    let terms = Terms { form: form(context, args)?, owner: args.owner.unwrap_or(account), signer, notice_period };
    Ok(Creation { terms, salt: args.salt })
}

/// The name of a form.
pub(crate) const fn form_name(form: Form) -> &'static str {
    match form {
        Form::Direct => "direct",
        Form::Clone => "clone",
        Form::Token(_) => "token",
    }
}

fn describe(creation: &Creation, address: Address) -> Result<Record, Failure> {
    let Creation { terms, salt } = creation;
    let json = serde_json::to_value(creation).map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(Record::new()
        .with("chequebook", address)
        .with("form", form_name(terms.form))
        .with("asset", terms.form.asset().to_string())
        .with("owner", terms.owner)
        .with("signer", terms.effective_signer())
        .with("noticeSeconds", u64::from(terms.notice_period))
        .with("salt", *salt)
        .with("creation", Value::Json(json)))
}

/// `predict`: asks no node, and opens no store. The keys are read only where their addresses are needed.
pub(crate) async fn predict(context: &Context, args: Predict) -> Result<(), Failure> {
    let (owner, signer) = match (args.terms.owner, args.signer_address) {
        (Some(owner), Some(signer)) => (owner, signer),
        (owner, signer) => {
            let account = context.account().await?;
            let signer = match signer {
                Some(signer) => signer,
                None => context.signer(&account).await?.address(),
            };
            (owner.unwrap_or(account.address()), signer)
        }
    };
    let creation = creation(context, &args.terms, owner, signer)?;
    let address = creation.address(context.profile()?.id)?;
    context.out.show(&describe(&creation, address)?)
}

/// `create`. A creation that is under way is waited for, and not sent again.
pub(crate) async fn create(context: &Context, args: Create) -> Result<(), Failure> {
    context.check_wait()?;
    // Before a store is created.
    creation(context, &args.terms, Address::ZERO, Address::ZERO)?;
    let session = context.open(OpenStore::OrCreate).await?;
    let result = create_on(context, &session, args).await;
    session.close().await;
    context.out.show(&match result? {
        Some(record) => record,
        None => return Ok(()),
    })
}

async fn create_on(context: &Context, session: &Session, args: Create) -> Result<Option<Record>, Failure> {
    let signer = context.signer(&session.account).await?;
    let creation = creation(context, &args.terms, session.account.address(), signer.address())?;
    let address = creation.address(session.wallet.chain_id())?;
    let asset = creation.terms.form.asset();
    let units = context.units(asset, &session.provider).await?;
    let deposit = args.deposit.as_ref().map_or(Ok(U256::ZERO), |written| written.of(&units))?;
    let record = describe(&creation, address)?;
    let new = NewChequebook::default()
        .owner(Some(creation.terms.owner))
        .notice_period(creation.terms.notice_period)
        .deposit(deposit)
        .form(creation.terms.form)
        .salt(creation.salt);

    if let Some(transaction) = creating(session, address) {
        context.out.note("the creation is under way already: waiting for it");
        return context.finish(&transaction, record).await.map(Some);
    }
    let is_created = ChequebookContract::record(&session.provider, address).await?.is_some();
    // A token chequebook whose creation ended halfway gets the rest of its first deposit.
    if is_created && (asset == Asset::Ether || args.prepare) {
        let message = format!("chequebook {address} is created already: deposit into it, or choose another --salt");
        return Err(Failure::new(Exit::NotPossible, message));
    }
    let record = record.amount("deposit", deposit, &units);
    if args.prepare {
        if !context.dry_run() {
            Chequebook::prepare(&session.wallet, signer, new).await?;
        }
        return Ok(Some(record.with("status", "prepared")));
    }
    if !context.consent(&record.clone().with("action", "create")).await? {
        return Ok(None);
    }
    let before = session.provider.get_transaction_count(session.account.address()).await?;
    let book = Chequebook::create(&session.wallet, signer, new).await?;
    // It is included; the deposit counts once it is final.
    let record = match funding(session, address, before).await? {
        Some(transaction) => context.finish(&transaction, record).await?,
        // A token chequebook that was there already, with all of its first deposit.
        None => without_transaction(record),
    };
    let balance = book.balance().await?;
    Ok(Some(record.amount("available", balance.available, &units)))
}

/// The transaction under way that creates a chequebook.
fn creating(session: &Session, address: Address) -> Option<Transaction> {
    let mut open = session.wallet.open_transactions().into_iter();
    open.find(|one| {
        matches!(one.purpose(), Purpose::Create { contract, .. } if contract == address) && !one.is_cancelled()
    })
}

/// The last transaction that creates or funds a chequebook and was not included when the account had this many.
async fn funding(session: &Session, address: Address, before: u64) -> Result<Option<Transaction>, Failure> {
    let is_ours = |one: &Transaction| match one.purpose() {
        Purpose::Create { contract, .. } | Purpose::Deposit { contract, .. } => contract == address,
        _ => false,
    };
    if let Some(open) = session.wallet.open_transactions().into_iter().rfind(is_ours) {
        return Ok(Some(open));
    }
    // It may be final already.
    let page = session.wallet.history(before.checked_sub(1), PAGE).await?;
    Ok(page.into_iter().rfind(is_ours))
}

/* DEPOSIT AND WITHDRAW */

/// `deposit`.
pub(crate) async fn deposit(context: &Context, amount: Written, which: Which, once: &Once) -> Result<(), Failure> {
    context.check_wait()?;
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let address = context.which(&session, which).await?;
        let opened = Book::open_at(context, &session, address).await;
        let (opened, units) = Book::units_of(context, &session, address, opened, once).await?;
        let amount = amount.of(&units)?;
        let record = Record::new().with("chequebook", address).amount("deposit", amount, &units);
        let request = once.request(&[&"deposit", &address, &amount])?;
        if let Some(transaction) = sent_before(&session, request.as_ref()).await? {
            return context.finish(&transaction, record).await.map(Some);
        }
        let Book { chequebook, .. } = opened?;
        if !context.consent(&record.clone().with("action", "deposit")).await? {
            return Ok(None);
        }
        let transaction = match &request {
            Some(request) => chequebook.deposit_for(amount, request).await?,
            None => chequebook.deposit(amount).await?,
        };
        context.finish(&transaction, record).await.map(Some)
    }
    .await;
    show(context, session, result).await
}

/// `withdraw`.
pub(crate) async fn withdraw(context: &Context, args: Withdraw) -> Result<(), Failure> {
    context.check_wait()?;
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let address = context.which(&session, args.which).await?;
        let opened = Book::open_at(context, &session, address).await;
        let (opened, units) = Book::units_of(context, &session, address, opened, &args.once).await?;
        let amount = args.amount.as_ref().map(|amount| amount.of(&units)).transpose()?;
        let request = match &amount {
            Some(amount) => args.once.request(&[&"withdraw", &address, amount])?,
            None => None,
        };
        let record = |to: Option<Address>, available| {
            let record = Record::new().with("chequebook", address).with("to", to);
            let record = match amount {
                Some(amount) => record.amount("withdraw", amount, &units),
                None => record.with("withdraw", "what an earlier withdrawal promised"),
            };
            record.amount("available", available, &units)
        };
        if let Some(transaction) = sent_before(&session, request.as_ref()).await? {
            let record = match (&opened, transaction.purpose()) {
                (Ok(Book { chequebook, .. }), _) => {
                    record(Some(chequebook.terms().owner), chequebook.balance().await?.available)
                }
                // It has ended: nothing is available.
                (Err(_), Purpose::Cash { beneficiary, .. }) => record(Some(beneficiary), U256::ZERO),
                (Err(_), _) => record(None, U256::ZERO),
            };
            return context.finish(&transaction, record).await.map(Some);
        }
        let Book { chequebook, .. } = opened?;
        context.unrecovered()?.check(address)?;
        let record = record(Some(chequebook.terms().owner), chequebook.balance().await?.available);
        if !context.consent(&record.clone().with("action", "withdraw")).await? {
            return Ok(None);
        }
        let transaction = match (amount, &request) {
            (Some(amount), Some(request)) => Some(chequebook.withdraw_for(amount, request).await?),
            (Some(amount), None) => Some(chequebook.withdraw(amount).await?),
            (None, _) => chequebook.resume_withdrawal().await?,
        };
        match transaction {
            Some(transaction) => context.finish(&transaction, record).await.map(Some),
            None => Ok(Some(without_transaction(record))),
        }
    }
    .await;
    show(context, session, result).await
}

/* ISSUE */

/// `issue`: prints the cheque, alone, once it is durable.
pub(crate) async fn issue(
    context: &Context,
    (beneficiary, amount, scheme): (Address, Written, SchemeName),
    which: Which,
    once: &Once,
) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let address = context.which(&session, which).await?;
        let opened = Book::open_at(context, &session, address).await;
        let (opened, units) = Book::units_of(context, &session, address, opened, once).await?;
        let (amount, scheme) = (amount.of(&units)?, scheme_of(scheme));
        let request = once.request(&[&"issue", &address, &beneficiary, &amount, &format!("{scheme:?}")])?;
        if let Some(request) = &request
            && let Some(cheque) = session.wallet.cheque_for(request).await?
        {
            return print_cheque(context, &cheque);
        }
        let Book { chequebook, units } = opened?;
        context.unrecovered()?.check(address)?;
        let outbox = chequebook.outbox(beneficiary, scheme);
        if context.dry_run() {
            let record = Record::new()
                .with("chequebook", address)
                .with("beneficiary", beneficiary)
                .amount("promised", outbox.promised().await?, &units)
                .amount("adds", amount, &units)
                .amount("available", chequebook.balance().await?.available, &units);
            return context.out.show(&record);
        }
        let cheque = match &request {
            Some(request) => outbox.issue_for(amount, request).await?,
            None => outbox.issue(amount).await?,
        };
        print_cheque(context, &cheque)
    }
    .await;
    session.close().await;
    result
}

/// `latest`: prints the latest cheque again.
pub(crate) async fn latest(context: &Context, beneficiary: Address, which: Which) -> Result<(), Failure> {
    let session = context.open(OpenStore::Existing).await?;
    let result = async {
        let Book { chequebook, .. } = Book::open(context, &session, which).await?;
        let outbox = chequebook.outbox(beneficiary, Scheme::Typed);
        match outbox.latest_cheque().await? {
            Some(cheque) => print_cheque(context, &cheque),
            None => {
                let message = format!("no cheque of {} to {beneficiary} is known", chequebook.address());
                Err(Failure::new(Exit::NotPossible, message))
            }
        }
    }
    .await;
    session.close().await;
    result
}

const fn scheme_of(name: SchemeName) -> Scheme {
    match name {
        SchemeName::Typed => Scheme::Typed,
        SchemeName::Packed => Scheme::Packed,
    }
}

/// A cheque on a line of its own.
pub(crate) fn print_cheque(context: &Context, cheque: &chequebook::SignedCheque) -> Result<(), Failure> {
    let json = serde_json::to_string(cheque).map_err(|error| Failure::new(Exit::Failed, error))?;
    context.out.text(&format!("{json}\n"))
}

/// Ends the wallet, and shows what a command did.
pub(crate) async fn show(
    context: &Context,
    session: Session,
    result: Result<Option<Record>, Failure>,
) -> Result<(), Failure> {
    session.close().await;
    result?.map_or(Ok(()), |record| context.out.show(&record))
}
