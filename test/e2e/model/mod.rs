//! A model of the contracts, and the contracts, do the same random sequences and must agree after every block: outcome of
//! each transaction, events, errors, balances, `sent` and `killableAt`. See docs/model.md.

mod act;
mod ancestor;
mod differences;
mod reference;
mod world;

use std::{collections::BTreeMap, env};

use alloy::primitives::{Bytes, U256, keccak256};
use eyre::{Result, WrapErr, ensure, eyre};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use self::{
    act::{Act, Cash, Flaw, Who},
    ancestor::Ancestor,
    reference::Reference,
    world::{PAID, View, World},
};
use crate::fixture::HARDFORKS;

/// How many sequences of each form and hardfork, if `SEQUENCES` does not say another number.
const SEQUENCES: u32 = 40;

/// What happens to one chequebook.
#[derive(Clone, Debug)]
struct Sequence {
    /// In seconds.
    notice: u32,
    /// The transactions of each block, and the seconds before it.
    blocks: Vec<(u64, Vec<Act>)>,
}

fn callers() -> impl Strategy<Value = Who> {
    prop_oneof![4 => Just(Who::Owner), 1 => Just(Who::Stranger), 1 => Just(Who::Payee)]
}

fn cheques() -> impl Strategy<Value = Cash> {
    let beneficiaries = prop_oneof![
        6 => Just(Who::Payee),
        4 => Just(Who::OtherPayee),
        2 => Just(Who::Wallet),
        3 => Just(Who::Refuser),
        1 => Just(Who::Owner),
        1 => Just(Who::Chequebook),
    ];
    let flaws = prop_oneof![
        12 => Just(Flaw::None),
        1 => Just(Flaw::OwnersKey),
        1 => Just(Flaw::OtherContract),
        1 => Just(Flaw::OtherBeneficiary),
        1 => Just(Flaw::OtherAmount),
        1 => Just(Flaw::OtherScheme),
        1 => Just(Flaw::OtherChain),
        1 => Just(Flaw::Malformed),
    ];
    (beneficiaries, 0..40_u64, any::<bool>(), flaws).prop_map(|(beneficiary, amount, typed, flaw)| Cash {
        beneficiary,
        amount,
        typed,
        flaw,
    })
}

fn acts(token: bool) -> impl Strategy<Value = Act> {
    let deposits = if token { 0..1_u64 } else { 0..40 };
    prop_oneof![
        3 => deposits.prop_map(|deposit| Act::Create { deposit }),
        3 => (1..40_u64).prop_map(Act::Pay),
        1 => (1..20_u64).prop_map(Act::Force),
        12 => (cheques(), any::<bool>()).prop_map(|(cash, if_covered)| Act::Cash { cash, if_covered }),
        2 => vec(cheques(), 0..4).prop_map(Act::Clear),
        2 => callers().prop_map(Act::Announce),
        1 => callers().prop_map(Act::Cancel),
        2 => callers().prop_map(Act::Kill),
        1 => callers().prop_map(Act::Reclaim),
    ]
}

fn sequences(token: bool) -> impl Strategy<Value = Sequence> {
    let notices = prop_oneof![Just(0_u32), Just(100)];
    let acts = prop_oneof![4 => vec(acts(token), 1..2), 1 => vec(acts(token), 2..5)];
    let times = prop_oneof![4 => Just(0_u64), 1 => 1..150_u64];
    // A kill a second before the notice ends, when it ends, and a second later.
    let end = (97..=100_u64)
        .prop_map(|seconds| vec![(0, vec![Act::Announce(Who::Owner)]), (seconds, vec![Act::Kill(Who::Owner)])]);
    let blocks = prop_oneof![12 => (times, acts).prop_map(|block| vec![block]), 1 => end];
    (notices, vec(blocks, 1..24)).prop_map(move |(notice, blocks)| {
        let mut blocks = blocks.concat();
        // Most chequebooks are created early, or else little would happen.
        blocks.insert(blocks.len().min(1), (0, vec![Act::Create { deposit: if token { 0 } else { 20 } }]));
        Sequence { notice, blocks }
    })
}

/// Does a sequence with both. Says where they differ.
async fn compare(world: &mut World, form: &str, hardfork: &str, sequence: &Sequence) -> Result<usize> {
    let token = form == "token";
    world.begin(token, form == "clone", sequence.notice).await?;
    let erases = hardfork == "shanghai";
    let mut model = Reference { token, erases, notice: sequence.notice.into(), ..Reference::default() };
    let mut transactions = 0;
    for (seconds, acts) in &sequence.blocks {
        let (now, found, view) = world.block(*seconds, acts).await?;
        let expected: Vec<_> = acts.iter().map(|act| model.act(act, now)).collect();
        ensure!(found == expected, "{acts:?} at {now:?}\nmodel: {expected:?}\nchain: {found:?}");
        let expected = seen(&model);
        ensure!(view == expected, "after {acts:?} at {now:?}\nmodel: {expected:?}\nchain: {view:?}");
        transactions += acts.len();
    }
    Ok(transactions)
}

/// The amounts of those that are compared.
fn of(amounts: &BTreeMap<Who, u64>) -> Vec<u64> {
    PAID.iter().map(|who| amounts.get(who).copied().unwrap_or_default()).collect()
}

fn seen(model: &Reference) -> View {
    let killable_at = if model.dead { U256::MAX } else { U256::from(model.announced.unwrap_or_default()) };
    View {
        balance: model.balance,
        received: of(&model.received),
        killable_at: model.has_code().then_some(killable_at),
        sent: model.has_code().then(|| of(&model.sent)),
    }
}

/// How many sequences.
fn count() -> Result<u32> {
    let Ok(text) = env::var("SEQUENCES") else { return Ok(SEQUENCES) };
    text.parse().wrap_err_with(|| format!("SEQUENCES is {text:?}, expected a number"))
}

/// Random numbers that are the same for the same `SEED`.
fn runner() -> (String, TestRunner) {
    let seed = env::var("SEED").unwrap_or_else(|_| "2016".into());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, keccak256(&seed).as_slice());
    (seed, TestRunner::new_with_rng(Config::default(), rng))
}

/// Random sequences for a form under a hardfork. A failure is made as short as possible first.
async fn agree(form: &str, hardfork: &str) -> Result<()> {
    let (count, (seed, mut runner)) = (count()?, runner());
    let mut world = World::start(hardfork).await?;
    let mut transactions = 0;
    for index in 0..count {
        let mut tree = sequences(form == "token").new_tree(&mut runner).map_err(|reason| eyre!("{reason}"))?;
        let mut failure = None;
        let mut more = true;
        while more {
            let sequence = tree.current();
            more = match compare(&mut world, form, hardfork, &sequence).await {
                Ok(done) if failure.is_none() => {
                    transactions += done;
                    false
                }
                Ok(_) => tree.complicate(),
                Err(error) => {
                    failure = Some((sequence, error));
                    tree.simplify()
                }
            };
        }
        if let Some((sequence, error)) = failure {
            let what = format!("{form} under {hardfork}, sequence {index} of the seed {seed:?}, as short as possible");
            return Err(error.wrap_err(format!("{what}: {sequence:#?}")));
        }
    }
    println!("{form} under {hardfork}: {count} sequences, {transactions} transactions, seed {seed:?}: they agree");
    Ok(())
}

#[test]
fn the_model_has_fewer_than_100_lines() {
    let lines = include_str!("reference.rs").lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < 100, "{lines} lines");
}

/// What the contract of 2016 does on a chain, under both hardforks, and its model.
#[tokio::test]
#[ignore = "needs its creation code, which is not ours: CLASSIC=file"]
async fn the_contract_of_2016_does_what_its_model_does() -> Result<()> {
    let path = env::var("CLASSIC").wrap_err("CLASSIC is not set")?;
    let code: Bytes = std::fs::read_to_string(&path).wrap_err(path)?.trim().parse()?;
    for hardfork in HARDFORKS {
        let (count, (seed, mut runner)) = (count()?, runner());
        let mut world = World::start(hardfork).await?;
        let mut transactions = 0;
        for _ in 0..count {
            let sequence = sequences(false).new_tree(&mut runner).map_err(|reason| eyre!("{reason}"))?.current();
            world.begin_with(&code).await?;
            let mut model = Ancestor { erases: hardfork == "shanghai", created: true, ..Ancestor::default() };
            for (_, acts) in &sequence.blocks {
                // There was neither clearing house nor factory, and the owner's signature was the right one.
                let is_known = |act: &&Act| match act {
                    Act::Clear(_) | Act::Create { .. } => false,
                    Act::Cash { cash, .. } => cash.flaw != Flaw::OwnersKey,
                    _ => true,
                };
                let acts: Vec<_> = acts.iter().filter(is_known).cloned().collect();
                let (now, found, view) = world.block(0, &acts).await?;
                let expected: Vec<_> = acts.iter().map(|act| model.act(act, now)).collect();
                ensure!(found == expected, "{acts:?}\nmodel: {expected:?}\nchain: {found:?}");
                let sent = model.has_code().then(|| of(&model.sent));
                let expected = (model.balance, of(&model.received), sent);
                let view = (view.balance, view.received, view.sent);
                ensure!(view == expected, "after {acts:?}\nmodel: {expected:?}\nchain: {view:?}");
                transactions += acts.len();
            }
        }
        println!("2016 under {hardfork}: {count} sequences, {transactions} transactions, seed {seed:?}: they agree");
    }
    Ok(())
}

macro_rules! forms {
    ($($name:ident: $form:literal, $hardfork:literal;)*) => {
        $(#[tokio::test]
        async fn $name() -> Result<()> {
            agree($form, $hardfork).await
        })*
    };
}

forms! {
    direct_chequebooks_do_what_the_model_does_under_shanghai: "direct", "shanghai";
    direct_chequebooks_do_what_the_model_does_under_osaka: "direct", "osaka";
    clones_do_what_the_model_does_under_shanghai: "clone", "shanghai";
    clones_do_what_the_model_does_under_osaka: "clone", "osaka";
    token_chequebooks_do_what_the_model_does_under_shanghai: "token", "shanghai";
    token_chequebooks_do_what_the_model_does_under_osaka: "token", "osaka";
}
