//! `token`: makes, lists and revokes tokens. It opens no store, so that a service need not stop for it.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt};

use alloy::primitives::B256;

use super::tokens::{Most, SCOPES, Scope, Token, Tokens, generate, hash};
use crate::cli::{
    amount::{Written, duration},
    args::{ScopeName, TokenAction, TokenCreate},
    clock::now,
    context::Context,
    exit::{Exit, Failure},
    output::{Record, Value},
    text::plain,
};

/// The longest name, in bytes.
const MAX_NAME: usize = 64;

/// `token`.
///
/// # Errors
///
/// [`Exit::Usage`], [`Exit::NotPossible`], [`Exit::Key`].
pub(crate) fn run(context: &Context, action: TokenAction) -> Result<(), Failure> {
    let store = context.store_path()?;
    let tokens = Tokens::beside(&store);
    match action {
        TokenAction::Create(args) => {
            if let Some(parent) = store.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            create(context, &tokens, args)
        }
        TokenAction::List => context.out.list(tokens.read()?.iter().map(row).collect()),
        TokenAction::Revoke { name } => {
            let gone = tokens.change(|all| {
                let index = all
                    .iter()
                    .position(|token| token.name == name)
                    .ok_or_else(|| Failure::new(Exit::NotPossible, format!("there is no token {:?}", plain(&name))))?;
                Ok(all.remove(index))
            })?;
            context.out.show(&row(&gone).with("status", "revoked"))
        }
    }
}

fn create(context: &Context, tokens: &Tokens, args: TokenCreate) -> Result<(), Failure> {
    let TokenCreate { name, scope, expires, per_call, per_beneficiary, per_day } = args;
    if name.is_empty() || name.len() > MAX_NAME || plain(&name) != name {
        return Err(Failure::usage(format!("{:?} is no name, expected 1 to {MAX_NAME} printable bytes", plain(&name))));
    }
    let created = now();
    let expires = match expires.as_str() {
        "never" => None,
        text => {
            let seconds = duration(text).map_err(|error| Failure::usage(format!("expires: {error}, or never")))?;
            Some(created.checked_add(seconds).ok_or_else(|| Failure::usage("expires is too late"))?)
        }
    };
    for limit in [&per_call, &per_beneficiary, &per_day].into_iter().flatten() {
        limit.parse::<Written>().map_err(Failure::usage)?;
    }
    let text = generate()?;
    let token = Token {
        name,
        hash: hash(&text).unwrap_or(B256::ZERO), // what was just made is one
        scopes: scope.into_iter().map(scope_of).collect(),
        created,
        expires,
        most: Most { per_call, per_beneficiary, per_day },
    };
    tokens.change(|all| {
        if all.iter().any(|other| other.name == token.name) {
            let message = format!("there is a token {:?} already, expected another name", token.name);
            return Err(Failure::new(Exit::NotPossible, message));
        }
        all.push(token.clone());
        Ok(())
    })?;
    context.out.note("this is the only time that the token is shown");
    context.out.show(&row(&token).with("token", text))
}

const fn scope_of(name: ScopeName) -> Scope {
    match name {
        ScopeName::Read => Scope::Read,
        ScopeName::Receive => Scope::Receive,
        ScopeName::Spend => Scope::Spend,
        ScopeName::End => Scope::End,
    }
}

fn row(token: &Token) -> Record {
    let scopes = SCOPES.iter().filter(|(scope, _)| token.scopes.contains(scope)).map(|(_, name)| *name);
    let Most { per_call, per_beneficiary, per_day } = token.most.clone();
    Record::new()
        .with("name", token.name.as_str())
        .with("scopes", scopes.collect::<Vec<_>>().join(","))
        .with("created", Value::Time(token.created))
        .with("expires", token.expires.map_or(Value::Nothing, Value::Time))
        .with("expired", token.has_expired(now()))
        .with("perCall", per_call)
        .with("perBeneficiary", per_beneficiary)
        .with("perDay", per_day)
}
