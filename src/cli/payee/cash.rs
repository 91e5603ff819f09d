//! `cash`: which cheques are worth it, and what becomes of them.

use std::collections::BTreeMap;

use alloy::{network::TransactionBuilder, primitives::U256, providers::Provider, rpc::types::TransactionRequest};
use chequebook::{Asset, Cheque, Overdraft};
use chequebook_wallet::{Error as WalletError, Inbox, Transaction};

use super::lines::{Line, lines};
use crate::cli::{
    args::Cash,
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    files,
    output::{Record, Value},
    policy::{beneficiary, policy},
    standing::with_transaction,
};

/// `cash`. The exit code is that of the first cheque that could not be cashed.
pub(crate) async fn cash(context: &Context, args: Cash) -> Result<(), Failure> {
    context.check_wait()?;
    let session = context.open(OpenStore::Existing).await?;
    let result = cash_on(context, &session, &args).await;
    session.close().await;
    let (record, failure) = result?;
    if let Some(record) = record {
        context.out.show(&record)?;
    }
    failure.map_or(Ok(()), Err)
}

type Outcome = (Option<Record>, Option<Failure>);

async fn cash_on(context: &Context, session: &Session, args: &Cash) -> Result<Outcome, Failure> {
    let creation = args.creation.as_deref().map(files::creation).transpose()?;
    let payer = match &creation {
        Some(creation) => Some(creation.address(session.wallet.chain_id())?),
        None => args.payer,
    };
    let mut chosen = Vec::new();
    if let Some(creation) = creation {
        // It is created by the same command, if it is not yet.
        let beneficiary = beneficiary(context, session.account.address())?;
        let asset = creation.terms.form.asset();
        let policy = policy(context)?.asset(asset).accept_counterfactual(true);
        let inbox = Inbox::of(&session.wallet, &creation, beneficiary, policy).await?;
        inbox.stop_auto_cash();
        let units = context.units(asset, &session.provider).await?;
        let missing = WalletError::NothingReceived { contract: inbox.contract(), beneficiary };
        let cheque = inbox.latest_cheque().await?.ok_or(missing)?;
        let uncashed = Some(inbox.uncashed().await?);
        let (state, failure, acknowledged) = (None, None, None);
        chosen.push(Line { cheque, inbox: Some(inbox), units, acknowledged, uncashed, state, failure });
    } else {
        let all = lines(context, session, payer, false).await?;
        if let (Some(contract), true) = (payer, all.is_empty()) {
            let beneficiary = beneficiary(context, session.account.address())?;
            return Err(WalletError::NothingReceived { contract, beneficiary }.into());
        }
        for line in all {
            let line = if args.allow_overdraft { line } else { line.without_overdraft().await? };
            if let Some(failure) = &line.failure {
                context.out.note(&format!("chequebook {} is left out: {failure}", line.cheque.cheque().contract));
            } else if is_wanted(context, session, args, &line).await? {
                chosen.push(line);
            }
        }
    }
    let plan = Record::new().with("action", "cash").with("allowOverdraft", args.allow_overdraft);
    let plan = plan.with("cheques", Value::Rows(chosen.iter().map(row).collect()));
    if !chosen.is_empty() && !context.consent(&plan).await? {
        return Ok((None, None));
    }
    let answers = send(session, args, &chosen).await;
    report(context, session, &chosen, answers).await
}

async fn is_wanted(context: &Context, session: &Session, args: &Cash, line: &Line) -> Result<bool, Failure> {
    let Some(uncashed) = line.uncashed.filter(|uncashed| !uncashed.is_zero()) else { return Ok(false) };
    if let Some(above) = &args.above {
        // An amount of another asset is not comparable.
        return Ok(above.of(&line.units).is_ok_and(|least| uncashed >= least));
    }
    let Some(times) = args.worth else { return Ok(true) };
    let contract = line.cheque.cheque().contract;
    if line.units.asset() != Asset::Ether {
        context.out.note(&format!("chequebook {contract} is left out: what a token is worth in gas is not known"));
        return Ok(false);
    }
    let request = TransactionRequest::default().with_from(session.account.address()).with_to(contract);
    let request = request.with_input(line.cheque.calldata(Overdraft::Refuse));
    let Ok(gas) = session.provider.estimate_gas(request).await else {
        context.out.note(&format!("chequebook {contract} is left out: the contract would not pay now"));
        return Ok(false);
    };
    let price = U256::from(session.provider.get_gas_price().await?);
    let cost = price.checked_mul(U256::from(gas)).and_then(|cost| cost.checked_mul(U256::from(times)));
    Ok(cost.is_some_and(|cost| uncashed >= cost))
}

fn row(line: &Line) -> Record {
    let Cheque { contract, beneficiary, .. } = *line.cheque.cheque();
    let record = Record::new().with("chequebook", contract).with("beneficiary", beneficiary);
    record.amount("pays", line.uncashed.unwrap_or_default(), &line.units)
}

async fn send(session: &Session, args: &Cash, chosen: &[Line]) -> Vec<Result<Transaction, WalletError>> {
    let overdraft = if args.allow_overdraft { Overdraft::Consent } else { Overdraft::Refuse };
    let one_by_one = args.allow_overdraft || args.creation.is_some() || chosen.len() == 1;
    if !one_by_one {
        let cheques: Vec<_> = chosen.iter().map(|line| line.cheque).collect();
        return session.wallet.cashing().cash_many(&cheques).await;
    }
    let mut answers = Vec::new();
    for line in chosen {
        answers.push(match (&line.inbox, &args.creation) {
            (Some(inbox), Some(_)) => inbox.cash(overdraft).await,
            _ => session.wallet.cashing().cash(&line.cheque, overdraft).await,
        });
    }
    answers
}

/// Waits for all transactions, and says for each cheque what became of it.
async fn report(
    context: &Context,
    session: &Session,
    chosen: &[Line],
    answers: Vec<Result<Transaction, WalletError>>,
) -> Result<Outcome, Failure> {
    let mut first = None;
    let mut ended: BTreeMap<u64, Result<(), Failure>> = BTreeMap::new();
    let mut skipped = Vec::new();
    for transaction in answers.iter().flatten() {
        if ended.contains_key(&transaction.nonce()) {
            continue;
        }
        let waited = context.finish(transaction, Record::new()).await.map(drop);
        if waited.is_ok() && transaction.status().is_final() {
            skipped.extend(session.wallet.cashing().skipped(transaction).await?);
        }
        ended.insert(transaction.nonce(), waited);
    }
    let mut rows = Vec::new();
    for (line, answer) in chosen.iter().zip(answers) {
        let Cheque { contract, beneficiary, .. } = *line.cheque.cheque();
        let (record, failure) = match answer {
            Ok(transaction) => {
                let record = with_transaction(row(line), &transaction);
                let skip = skipped.iter().find(|one| (one.contract, one.beneficiary) == (contract, beneficiary));
                let failure = match (skip, ended.get(&transaction.nonce())) {
                    (Some(skip), _) => {
                        Some(Failure::new(Exit::Transaction, format!("the clearing house skipped it: {}", skip.reason)))
                    }
                    (None, Some(Err(Failure { exit, message }))) => Some(Failure::new(*exit, message)),
                    _ => None,
                };
                (record, failure)
            }
            Err(error) => {
                let nothing = || Value::Nothing;
                let record = row(line).with("nonce", nothing()).with("transaction", nothing());
                (record.with("status", "notSent").with("block", nothing()), Some(Failure::from(error)))
            }
        };
        rows.push(record.with("failure", failure.as_ref().map(|failure| failure.message.clone())));
        first = first.or(failure);
    }
    let record = Record::new().with("action", "cash").with("cheques", Value::Rows(rows));
    Ok((Some(record), first))
}
