//! `doctor`: looks for trouble, and goes on when it finds some.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256, hex},
    providers::{DynProvider, Provider},
    rpc::types::TransactionRequest,
};
use chequebook::{clearing_house, factory};

use super::{
    amount::Units,
    clock::now,
    context::{Context, OpenStore, Session},
    exit::{Exit, Failure},
    output::Record,
    text::without_secrets,
    verify::{Code, code},
};

/// How far the clock may be from that of the chain, in seconds.
const MAX_SKEW: u64 = 60;
/// The gas of a creation and some cashes: an account that cannot pay for it will soon be stuck.
const GAS_RESERVE: u64 = 1_000_000;
/// A contract that destroys itself in its constructor, and answers 1 if it could: the question of script/Preflight.
const SELFDESTRUCT: &[u8] = &hex!("60026018600039600260006000f0151560005260206000f330ff");

/// What was found, in order.
#[derive(Default)]
struct Findings(Vec<(&'static str, Result<String, String>)>);

impl Findings {
    fn note(&mut self, what: &'static str, found: Result<String, String>) {
        self.0.push((what, found));
    }

    /// Notes a failure, and returns what succeeded.
    fn keep<T>(&mut self, what: &'static str, found: Result<T, Failure>, say: impl Fn(&T) -> String) -> Option<T> {
        match found {
            Ok(found) => {
                self.note(what, Ok(say(&found)));
                Some(found)
            }
            Err(failure) => {
                self.note(what, Err(failure.message));
                None
            }
        }
    }
}

/// `doctor`: success if nothing needs attention.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let profile = context.profile()?;
    let mut findings = Findings::default();
    let place = without_secrets(context.settings.need("rpc")?);
    let node = findings.keep("chain", context.chain().await, |_| format!("{place} serves chain {}", profile.id));
    if let Some(node) = &node {
        contracts(&mut findings, node).await;
        clock(&mut findings, node, profile.wallet.max_head_age.map(|age| age.as_secs())).await;
    }
    let account = findings.keep("account", context.account().await, |key| key.address().to_string());
    if let Some(account) = &account {
        findings.keep("signer", context.signer(account).await, |key| key.address().to_string());
    }
    if let (Some(node), Some(account)) = (&node, &account) {
        gas_money(&mut findings, node, account.address()).await;
    }
    let path = context.store_path()?;
    if node.is_some() && account.is_some() {
        let opened = context.open(OpenStore::Existing).await;
        if let Some(session) = findings.keep("store", opened, |_| format!("{} opens, and is whole", path.display())) {
            transactions(&mut findings, &session).await;
            unrecovered(&mut findings, context);
            session.close().await;
        }
    } else {
        let opened = context.store(OpenStore::Existing).map(drop);
        findings.keep("store", opened, |()| format!("{} opens, and is whole", path.display()));
    }
    report(context, findings)
}

fn report(context: &Context, findings: Findings) -> Result<(), Failure> {
    let bad = findings.0.iter().filter(|(_, found)| found.is_err()).count();
    let rows = findings.0.into_iter().map(|(what, found)| {
        let (status, detail) = match found {
            Ok(detail) => ("good", detail),
            Err(detail) => ("attention", detail),
        };
        Record::new().with("check", what).with("status", status).with("detail", detail)
    });
    context.out.list(rows.collect())?;
    if bad == 0 { Ok(()) } else { Err(Failure::new(Exit::Found, format!("{bad} of the checks need attention"))) }
}

async fn contracts(findings: &mut Findings, node: &DynProvider) {
    for (what, contract, is_needed) in [("factory", factory(), true), ("clearing house", clearing_house(), false)] {
        let found = match code(node, contract).await {
            Ok(Code::Ours) => Ok(format!("{contract} has our code")),
            Ok(Code::Missing) if is_needed => Err(format!("{contract} has no code: `deploy` it, or use another chain")),
            Ok(Code::Missing) => Ok(format!("{contract} has no code: each cheque is cashed by itself")),
            Ok(Code::Other) => Err(format!("{contract} has other code: this is no chain for chequebooks")),
            Err(failure) => Err(failure.message),
        };
        findings.note(what, found);
    }
    // A creation that is only called.
    let mut request = TransactionRequest::default().with_input(Bytes::from_static(SELFDESTRUCT));
    request.to = None;
    let found = match node.call(request).await {
        Ok(answer) if U256::try_from_be_slice(&answer) == Some(U256::ONE) => {
            Ok("it works: chequebooks of ether can end".to_owned())
        }
        Ok(_) => Err("this chain refuses it: a chequebook of ether cannot end, so do not deposit ether".to_owned()),
        Err(_) => Err("the node did not answer whether it works".to_owned()),
    };
    findings.note("SELFDESTRUCT", found);
}

async fn clock(findings: &mut Findings, node: &DynProvider, max_age: Option<u64>) {
    let head = match node.get_block_by_number(alloy::eips::BlockNumberOrTag::Latest).await {
        Ok(Some(head)) => head.header,
        Ok(None) => return findings.note("newest block", Err("the node has none".to_owned())),
        Err(error) => return findings.note("newest block", Err(Failure::from(error).message)),
    };
    let now = now();
    let ahead = head.timestamp.saturating_sub(now);
    let age = now.saturating_sub(head.timestamp);
    let number = head.number;
    findings.note(
        "newest block",
        match max_age {
            Some(max) if age > max => {
                Err(format!("{number} is {age} s old, expected at most {max} s: node, chain or clock is wrong"))
            }
            _ => Ok(format!("{number}, {age} s old")),
        },
    );
    findings.note(
        "clock",
        match (ahead > MAX_SKEW, max_age) {
            // A development chain may have been told another time.
            (true, Some(_)) => Err(format!("it is {ahead} s behind the newest block: set it right")),
            _ => Ok("no block is from the future".to_owned()),
        },
    );
}

async fn gas_money(findings: &mut Findings, node: &DynProvider, account: Address) {
    let asked = async { Ok::<_, Failure>((node.get_balance(account).await?, node.get_gas_price().await?)) };
    findings.note(
        "gas money",
        match asked.await {
            Err(failure) => Err(failure.message),
            Ok((balance, price)) => {
                let needed = U256::from(price).saturating_mul(U256::from(GAS_RESERVE));
                let shown = Units::ETHER.show(balance);
                if balance >= needed {
                    Ok(shown)
                } else {
                    Err(format!("{shown}, expected at least {} for a million gas", Units::ETHER.show(needed)))
                }
            }
        },
    );
}

async fn transactions(findings: &mut Findings, session: &Session) {
    if let Err(error) = session.wallet.refresh().await {
        return findings.note("transactions", Err(Failure::from(error).message));
    }
    let open = session.wallet.open_transactions();
    let stuck = open.iter().filter(|one| one.refusal().is_some()).count();
    findings.note(
        "transactions",
        match stuck {
            0 => Ok(format!("{} under way, none refused", open.len())),
            stuck => Err(format!("{stuck} of {} are refused by the node: see `transactions`", open.len())),
        },
    );
    let account = session.account.address();
    let next = session.provider.get_transaction_count(account).await;
    findings.note(
        "nonces",
        match next {
            Err(error) => Err(Failure::from(error).message),
            Ok(next) => match gap(next, open.iter().map(chequebook_wallet::Transaction::nonce)) {
                None => Ok(format!("{next} is the next on the chain, and nothing is missing")),
                Some(nonce) => Err(format!("nothing has nonce {nonce}: the wallet fills that gap while `watch` runs")),
            },
        },
    );
}

/// The first nonce from `next` on that nothing has, though something later does. The nonces come in order.
fn gap(next: u64, nonces: impl Iterator<Item = u64>) -> Option<u64> {
    let mut expected = next;
    for nonce in nonces.filter(|nonce| *nonce >= next) {
        if nonce != expected {
            return Some(expected);
        }
        expected = nonce.saturating_add(1);
    }
    None
}

fn unrecovered(findings: &mut Findings, context: &Context) {
    let found = context.unrecovered().and_then(|unrecovered| unrecovered.read());
    findings.note(
        "recovery",
        match found {
            Err(failure) => Err(failure.message),
            Ok(all) if all.is_empty() => Ok("nothing is to be recovered".to_owned()),
            Ok(all) => Err(format!("{} imported chequebooks are not recovered: see `recover`", all.len())),
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_nonce_that_nothing_has() {
        for (next, nonces, expected) in [
            (5, &[][..], None),
            (5, &[5, 6, 7], None),
            (5, &[3, 4, 5], None), // the first two are included
            (5, &[6], Some(5)),
            (5, &[5, 7], Some(6)),
        ] {
            assert_eq!(gap(next, nonces.iter().copied()), expected, "{next} {nonces:?}");
        }
    }
}
