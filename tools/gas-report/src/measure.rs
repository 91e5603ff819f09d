//! Measures each transaction once, and checks its result: the gas of a failed transaction is no figure.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    sol_types::SolCall,
};
use chequebook::{
    Overdraft, Scheme, SignedCheque,
    bindings::{
        ClearingHouse::cashCall,
        IClearingHouse,
        TokenChequebook::{announceKillCall, cancelKillCall, killCall, reclaimCall},
    },
};
use eyre::{OptionExt, ensure};

use crate::{
    figures::{FORMS, Figures},
    world::{AMOUNT, DEPOSIT, NOTICE, OWNER, PAYEE, THIRD_PARTY, World},
};

/// The numbers of cheques in one transaction.
pub(crate) const BATCHES: [u32; 8] = [1, 2, 5, 10, 20, 50, 100, 200];
/// The largest of them.
const MOST: u32 = 200;
/// The gas that each cheque of a batch may use: enough for every cheque here, and low enough for 200 in one
/// transaction.
const GAS_EACH: u32 = 70_000;
/// The deposit that pays all cheques of a batch, in wei: 400 amounts are 0.96 of it.
const LARGE_DEPOSIT: u64 = 2_000_000_000_000_000_000;

pub(crate) async fn all() -> eyre::Result<Figures> {
    let mut world = World::start().await?;
    let mut figures = Figures::default();
    for form in FORMS {
        create(&mut world, form, &mut figures).await?;
        cash(&mut world, form, &mut figures).await?;
        end(&mut world, form, &mut figures).await?;
        for count in BATCHES {
            batch(&mut world, form, count, &mut figures).await?;
        }
        sweep(&mut world, form, &mut figures).await?;
    }
    Ok(figures)
}

async fn create(world: &mut World, form: &str, figures: &mut Figures) -> eyre::Result<()> {
    let (_, gas, _) = world.create(form, NOTICE, 0).await?;
    figures.put(form, "create", gas);
    let (contract, gas, later) = world.create(form, NOTICE, DEPOSIT).await?;
    figures.put(form, "create with deposit", gas.checked_add(later).ok_or_eyre("overflow")?);
    let code = world.provider().get_code_at(contract).await?;
    figures.put(form, "bytes of code", u64::try_from(code.len())?);

    let gas = world.deposit(THIRD_PARTY, form, contract, AMOUNT).await?;
    let expected = U256::from(DEPOSIT).checked_add(U256::from(AMOUNT)).ok_or_eyre("overflow")?;
    ensure!(world.balance(form, contract).await? == expected, "the deposit is not there");
    figures.put(form, "deposit", gas);
    Ok(())
}

async fn cash(world: &mut World, form: &str, figures: &mut Figures) -> eyre::Result<()> {
    for (scheme, kind) in [(Scheme::Packed, "packed"), (Scheme::Typed, "typed")] {
        let (contract, ..) = world.create(form, NOTICE, DEPOSIT).await?;
        let existing = world.existing(&format!("{form} {kind}")).await?;
        let careful = world.existing(&format!("careful {form} {kind}")).await?;
        let new = World::somebody(&format!("new {form} {kind}"));
        let payee = world.account(PAYEE)?;
        let cases = [
            (THIRD_PARTY, existing, "by a third party", Overdraft::Consent),
            (THIRD_PARTY, careful, "only if covered", Overdraft::Refuse),
            (PAYEE, payee, "by the payee", Overdraft::Consent),
            (THIRD_PARTY, new, "new account", Overdraft::Consent),
        ];
        for (sender, beneficiary, who, overdraft) in cases {
            for (times, what) in [(1, "first"), (2, "repeat")] {
                if (times, beneficiary) == (2, new) {
                    continue; // the account exists now
                }
                let amount = U256::from(AMOUNT).checked_mul(U256::from(times)).ok_or_eyre("overflow")?;
                let cheque = world.cheque(contract, beneficiary, amount, scheme).await?;
                let gas = pay(world, form, sender, &cheque, overdraft, U256::from(AMOUNT)).await?;
                figures.put(form, &format!("{what} cash, {kind}, {who}"), gas);
            }
        }
    }
    Ok(())
}

/// Cashes a single cheque. Its beneficiary must get `paid`, minus the gas that it pays itself.
async fn pay(
    world: &World,
    form: &str,
    sender: usize,
    cheque: &SignedCheque,
    overdraft: Overdraft,
    paid: U256,
) -> eyre::Result<u64> {
    let (contract, beneficiary) = (cheque.cheque().contract, cheque.cheque().beneficiary);
    let before = world.balance(form, contract).await?;
    let had = world.balance(form, beneficiary).await?;
    let receipt = world.send(sender, contract.into(), 0, cheque.calldata(overdraft)).await?;
    ensure!(before.checked_sub(world.balance(form, contract).await?) == Some(paid), "the chequebook did not pay");
    if beneficiary != world.account(sender)? {
        ensure!(world.balance(form, beneficiary).await?.checked_sub(had) == Some(paid), "the payee was not paid");
    }
    Ok(receipt.gas_used)
}

async fn end(world: &mut World, form: &str, figures: &mut Figures) -> eyre::Result<()> {
    let (contract, ..) = world.create(form, NOTICE, DEPOSIT).await?;
    let beneficiary = world.existing(&format!("{form} overdraft")).await?;
    let cheque = world.cheque(contract, beneficiary, U256::from(u64::MAX), Scheme::Packed).await?;
    let gas = pay(world, form, THIRD_PARTY, &cheque, Overdraft::Consent, U256::from(DEPOSIT)).await?;
    figures.put(form, "overdraft", gas);

    let (contract, ..) = world.create(form, NOTICE, DEPOSIT).await?;
    let announce = announceKillCall {}.abi_encode();
    figures.put(form, "announceKill", command(world, contract, announce.clone()).await?);
    figures.put(form, "cancelKill", command(world, contract, cancelKillCall {}.abi_encode()).await?);
    command(world, contract, announce).await?;
    world.pass(NOTICE).await?;
    figures.put(form, "kill", command(world, contract, killCall {}.abi_encode()).await?);
    ensure!(world.balance(form, contract).await?.is_zero(), "the deposit did not return");

    let (contract, ..) = world.create(form, 0, DEPOSIT).await?;
    figures.put(form, "kill without notice", command(world, contract, killCall {}.abi_encode()).await?);
    ensure!(world.balance(form, contract).await?.is_zero(), "the deposit did not return");
    if form == "token" {
        world.deposit(THIRD_PARTY, form, contract, AMOUNT).await?;
        figures.put(form, "reclaim", command(world, contract, reclaimCall {}.abi_encode()).await?);
        ensure!(world.balance(form, contract).await?.is_zero(), "nothing was reclaimed");
    }
    Ok(())
}

/// A call by the owner. Returns its gas.
async fn command(world: &World, contract: Address, call: Vec<u8>) -> eyre::Result<u64> {
    Ok(world.send(OWNER, contract.into(), 0, call.into()).await?.gas_used)
}

/// Packed repeat cheques of one chequebook to different payees in one transaction.
async fn batch(world: &mut World, form: &str, count: u32, figures: &mut Figures) -> eyre::Result<()> {
    let (contract, ..) = world.create(form, NOTICE, LARGE_DEPOSIT).await?;
    let mut gas = 0;
    for times in [1, 2] {
        let amount = U256::from(AMOUNT).checked_mul(U256::from(times)).ok_or_eyre("overflow")?;
        let mut cheques = Vec::new();
        for index in 0..count {
            let name = format!("{form} {count} {index}");
            let beneficiary = if times == 1 { world.existing(&name).await? } else { World::somebody(&name) };
            cheques.push(compact(&world.cheque(contract, beneficiary, amount, Scheme::Packed).await?));
        }
        let before = world.balance(form, contract).await?;
        gas = clear(world, cheques).await?;
        let paid = U256::from(AMOUNT).checked_mul(U256::from(count));
        ensure!(before.checked_sub(world.balance(form, contract).await?) == paid, "not all of {count} were cashed");
    }
    figures.put(&format!("batch, {form}"), &count.to_string(), gas);
    Ok(())
}

/// Typed repeat cheques of different chequebooks to one payee in one transaction.
async fn sweep(world: &mut World, form: &str, figures: &mut Figures) -> eyre::Result<()> {
    let mut contracts = Vec::new();
    for _ in 0..MOST {
        let (contract, ..) = world.create(form, NOTICE, DEPOSIT).await?;
        contracts.push(contract);
    }
    let payee = world.existing(&format!("{form} sweep")).await?;
    let mut amount = U256::ZERO;
    // the first cash of each, and then the repeats that count
    for count in [MOST].into_iter().chain(BATCHES) {
        amount = amount.checked_add(U256::from(AMOUNT)).ok_or_eyre("overflow")?;
        let mut cheques = Vec::new();
        let mut owed = U256::ZERO;
        for contract in contracts.iter().take(usize::try_from(count)?) {
            let sent = world.sent(*contract, payee).await?;
            let more = amount.checked_sub(sent).ok_or_eyre("more was sent than promised")?;
            owed = owed.checked_add(more).ok_or_eyre("overflow")?;
            cheques.push(compact(&world.cheque(*contract, payee, amount, Scheme::Typed).await?));
        }
        let had = world.balance(form, payee).await?;
        let gas = clear(world, cheques).await?;
        let paid = world.balance(form, payee).await?.checked_sub(had);
        ensure!(paid == Some(owed), "not all of {count} were cashed");
        figures.put(&format!("sweep, {form}"), &count.to_string(), gas);
    }
    Ok(())
}

/// Sends cheques to the clearing house. Returns the gas.
async fn clear(world: &World, cheques: Vec<IClearingHouse::Cheque>) -> eyre::Result<u64> {
    let call = cashCall { cheques, gasEach: GAS_EACH };
    let to = chequebook::clearing_house().into();
    Ok(world.send(THIRD_PARTY, to, 0, call.abi_encode().into()).await?.gas_used)
}

fn compact(cheque: &SignedCheque) -> IClearingHouse::Cheque {
    let (r, vs) = cheque.compact_signature();
    IClearingHouse::Cheque {
        chequebook: cheque.cheque().contract,
        beneficiary: cheque.cheque().beneficiary,
        amount: cheque.cheque().amount,
        typed: cheque.cheque().scheme == Scheme::Typed,
        r,
        vs,
    }
}
