//! A model of the contracts, and the contracts, do the same random sequences and must agree after every block: outcome of
//! each transaction, events, errors, balances, `sent` and `killableAt`. See docs/model.md.

mod act;
mod reference;
mod world;

use std::env;

use alloy::primitives::U256;
use eyre::{Result, WrapErr, ensure};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use self::{
    act::{Act, Cash, Flaw, Who},
    reference::Reference,
    world::{PAID, View, World},
};

/// How many sequences of each form and hardfork, if `SEQUENCES` does not say another number.
const SEQUENCES: u32 = 12;

/// What happens to one chequebook.
#[derive(Clone, Debug)]
struct Sequence {
    /// In seconds.
    notice: u32,
    /// The transactions of each block, and the seconds before it.
    blocks: Vec<(u64, Vec<Act>)>,
}

fn whos() -> impl Strategy<Value = Who> {
    prop_oneof![4 => Just(Who::Owner), 1 => Just(Who::Stranger), 1 => Just(Who::Payee)]
}

fn cheques() -> impl Strategy<Value = Cash> {
    let beneficiaries = prop_oneof![
        6 => Just(Who::Payee),
        4 => Just(Who::OtherPayee),
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
    (beneficiaries, 0..40_u64, any::<bool>(), flaws)
        .prop_map(|(beneficiary, amount, typed, flaw)| Cash { beneficiary, amount, typed, flaw })
}

fn acts(token: bool) -> impl Strategy<Value = Act> {
    let deposits = if token { 0..1_u64 } else { 0..40 };
    prop_oneof![
        3 => deposits.prop_map(|deposit| Act::Create { deposit }),
        3 => (1..40_u64).prop_map(Act::Pay),
        1 => (1..20_u64).prop_map(Act::Force),
        12 => (cheques(), any::<bool>()).prop_map(|(cash, if_covered)| Act::Cash { cash, if_covered }),
        2 => vec(cheques(), 0..4).prop_map(Act::Clear),
        2 => whos().prop_map(Act::Announce),
        1 => whos().prop_map(Act::Cancel),
        2 => whos().prop_map(Act::Kill),
        1 => whos().prop_map(Act::Reclaim),
    ]
}

fn sequences(token: bool) -> impl Strategy<Value = Sequence> {
    let notices = prop_oneof![Just(0_u32), Just(100)];
    let acts = prop_oneof![4 => vec(acts(token), 1..2), 1 => vec(acts(token), 2..5)];
    let times = prop_oneof![3 => Just(0_u64), 1 => 1..150_u64];
    (notices, vec((times, acts), 1..24)).prop_map(move |(notice, mut blocks)| {
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
    let mut steps = 0;
    for (seconds, acts) in &sequence.blocks {
        if *seconds > 0 {
            world.pass(*seconds).await?;
        }
        let (now, found, view) = world.block(acts).await?;
        let expected: Vec<_> = acts.iter().map(|act| model.act(act, now)).collect();
        ensure!(found == expected, "{acts:?} at {now:?}\nmodel: {expected:?}\nchain: {found:?}");
        let expected = seen(&model);
        ensure!(view == expected, "after {acts:?} at {now:?}\nmodel: {expected:?}\nchain: {view:?}");
        steps += acts.len();
    }
    Ok(steps)
}

fn seen(model: &Reference) -> View {
    let of = |map: &std::collections::BTreeMap<Who, u64>| PAID.map(|who| map.get(&who).copied().unwrap_or_default());
    let killable_at = if model.dead { U256::MAX } else { U256::from(model.announced.unwrap_or_default()) };
    View {
        balance: model.balance,
        received: of(&model.received).to_vec(),
        state: model.has_code().then(|| (killable_at, of(&model.sent).to_vec())),
    }
}

/// Random sequences for a form under a hardfork. A failure is made as short as possible first.
async fn agree(form: &str, hardfork: &str) -> Result<()> {
    let count = match env::var("SEQUENCES") {
        Ok(text) => text.parse().wrap_err_with(|| format!("SEQUENCES is {text}, expected a number"))?,
        Err(_) => SEQUENCES,
    };
    let seed = env::var("SEED").unwrap_or_else(|_| "2016".into());
    let mut bytes = [0; 32];
    bytes[..seed.len().min(32)].copy_from_slice(&seed.as_bytes()[..seed.len().min(32)]);
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut world = World::start(hardfork).await?;
    let mut steps = 0;
    for index in 0..count {
        let mut tree = sequences(form == "token").new_tree(&mut runner).map_err(|reason| eyre::eyre!("{reason}"))?;
        match compare(&mut world, form, hardfork, &tree.current()).await {
            Ok(done) => steps += done,
            Err(first) => {
                let mut last = (tree.current(), first);
                let mut more = tree.simplify();
                while more {
                    more = match compare(&mut world, form, hardfork, &tree.current()).await {
                        Ok(_) => tree.complicate(),
                        Err(error) => {
                            last = (tree.current(), error);
                            tree.simplify()
                        }
                    };
                }
                let (sequence, error) = last;
                return Err(error.wrap_err(format!(
                    "{form} under {hardfork}, sequence {index} of the seed {seed:?}, as short as possible:\n{sequence:#?}"
                )));
            }
        }
    }
    println!("{form} under {hardfork}: {count} sequences, {steps} transactions, seed {seed:?}: model and contract agree");
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
