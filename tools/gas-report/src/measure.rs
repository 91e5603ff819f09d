//! Measures each transaction once, and checks its result: the gas of a failed transaction is no figure.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider,
    sol_types::SolCall,
};
use chequebook::{
    Cheque, Overdraft, Scheme, SignedCheque,
    bindings::{
        Chequebook::{announceKillCall, cancelKillCall, killCall},
        ClearingHouse::cashCall,
        IClearingHouse,
    },
};
use eyre::{OptionExt, ensure};

use crate::{
    figures::{FORMS, Figures},
    world::{AMOUNT, DEPOSIT, NOTICE, OWNER, PAYEE, THIRD_PARTY, World},
};

/// The numbers of cheques in the batches.
pub(crate) const BATCHES: [u32; 8] = [1, 2, 5, 10, 20, 50, 100, 200];
/// The gas that each cheque of a batch may use: enough for every cheque here, and low enough for 200 in one
/// transaction.
const GAS_EACH: u32 = 70_000;
/// The deposit that pays all cheques of the batches, in wei: 400 amounts are 0.96 of it.
const LARGE_DEPOSIT: u64 = 2_000_000_000_000_000_000;

pub(crate) async fn all() -> eyre::Result<Figures> {
    let mut world = World::start().await?;
    let mut figures = Figures::default();
    for form in FORMS {
        create(&mut world, form, &mut figures).await?;
        cash(&mut world, form, &mut figures).await?;
        end(&mut world, form, &mut figures).await?;
    }
    for count in BATCHES {
        let (direct, _) = world.create("direct", LARGE_DEPOSIT).await?;
        batch(&world, "direct", direct, count, &mut figures).await?;
        let (direct, _) = world.create("direct", LARGE_DEPOSIT).await?;
        batch(&world, "direct, only if covered", direct, count, &mut figures).await?;
        let (clone, _) = world.create("clone", LARGE_DEPOSIT).await?;
        batch(&world, "clone", clone, count, &mut figures).await?;
    }
    Ok(figures)
}

async fn create(world: &mut World, form: &str, figures: &mut Figures) -> eyre::Result<()> {
    let (_, gas) = world.create(form, 0).await?;
    figures.put(form, "create", gas);
    let (contract, gas) = world.create(form, DEPOSIT).await?;
    figures.put(form, "create with deposit", gas);
    let code = world.provider().get_code_at(contract).await?;
    figures.put(form, "bytes of code", u64::try_from(code.len())?);

    let receipt = world.send(THIRD_PARTY, contract.into(), AMOUNT, Bytes::new()).await?;
    let expected = U256::from(DEPOSIT).checked_add(U256::from(AMOUNT)).ok_or_eyre("overflow")?;
    ensure!(world.balance(contract).await? == expected, "the deposit is not there");
    figures.put(form, "deposit", receipt.gas_used);
    Ok(())
}

async fn cash(world: &mut World, form: &str, figures: &mut Figures) -> eyre::Result<()> {
    for (scheme, kind) in [(Scheme::Packed, "packed"), (Scheme::Typed, "typed")] {
        let (contract, _) = world.create(form, DEPOSIT).await?;
        let existing = world.existing(&format!("{form} {kind}")).await?;
        let new = World::somebody(&format!("new {form} {kind}"));
        let payee = world.account(PAYEE)?;
        let cases = [
            (THIRD_PARTY, existing, "by a third party"),
            (PAYEE, payee, "by the payee"),
            (THIRD_PARTY, new, "new account"),
        ];
        for (sender, beneficiary, who) in cases {
            for (times, what) in [(1, "first"), (2, "repeat")] {
                if (times, beneficiary) == (2, new) {
                    continue; // the account exists now
                }
                let amount = U256::from(AMOUNT).checked_mul(U256::from(times)).ok_or_eyre("overflow")?;
                let cheque = world.cheque(contract, beneficiary, amount, scheme).await?;
                let gas = pay(world, sender, &cheque, U256::from(AMOUNT)).await?;
                figures.put(form, &format!("{what} cash, {kind}, {who}"), gas);
            }
        }
    }
    Ok(())
}

/// Cashes a single cheque. Its beneficiary must get `paid`, in wei, minus the gas that it pays itself.
async fn pay(world: &World, sender: usize, cheque: &SignedCheque, paid: U256) -> eyre::Result<u64> {
    let (contract, beneficiary) = (cheque.cheque().contract, cheque.cheque().beneficiary);
    let before = world.balance(contract).await?;
    let had = world.balance(beneficiary).await?;
    let receipt = world.send(sender, contract.into(), 0, cheque.calldata(Overdraft::Consent)).await?;
    ensure!(before.checked_sub(world.balance(contract).await?) == Some(paid), "the chequebook did not pay");
    if beneficiary != world.account(sender)? {
        ensure!(world.balance(beneficiary).await?.checked_sub(had) == Some(paid), "the payee was not paid");
    }
    Ok(receipt.gas_used)
}

async fn end(world: &mut World, form: &str, figures: &mut Figures) -> eyre::Result<()> {
    let (contract, _) = world.create(form, DEPOSIT).await?;
    let beneficiary = world.existing(&format!("{form} overdraft")).await?;
    let cheque = world.cheque(contract, beneficiary, U256::from(u64::MAX), Scheme::Packed).await?;
    let gas = pay(world, THIRD_PARTY, &cheque, U256::from(DEPOSIT)).await?;
    figures.put(form, "overdraft", gas);

    let (contract, _) = world.create(form, DEPOSIT).await?;
    let command = async |world: &World, call: Vec<u8>| world.send(OWNER, contract.into(), 0, call.into()).await;
    figures.put(form, "announceKill", command(world, announceKillCall {}.abi_encode()).await?.gas_used);
    figures.put(form, "cancelKill", command(world, cancelKillCall {}.abi_encode()).await?.gas_used);
    command(world, announceKillCall {}.abi_encode()).await?;
    world.pass(NOTICE).await?;
    figures.put(form, "kill", command(world, killCall {}.abi_encode()).await?.gas_used);
    ensure!(world.balance(contract).await?.is_zero(), "the deposit did not return");
    Ok(())
}

/// Repeat cheques to different payees in one transaction.
async fn batch(world: &World, of: &str, contract: Address, count: u32, figures: &mut Figures) -> eyre::Result<()> {
    let mut gas = 0;
    for times in [1, 2] {
        let amount = U256::from(AMOUNT).checked_mul(U256::from(times)).ok_or_eyre("overflow")?;
        let mut cheques = Vec::new();
        for index in 0..count {
            let name = format!("{of} {count} {index}");
            let beneficiary = if times == 1 { world.existing(&name).await? } else { World::somebody(&name) };
            cheques.push(compact(&world.cheque(contract, beneficiary, amount, Scheme::Packed).await?));
        }
        let call = cashCall { cheques, gasEach: GAS_EACH };
        let before = world.balance(contract).await?;
        let to = chequebook::clearing_house().into();
        let receipt = world.send(THIRD_PARTY, to, 0, call.abi_encode().into()).await?;
        let paid = U256::from(AMOUNT).checked_mul(U256::from(count));
        ensure!(before.checked_sub(world.balance(contract).await?) == paid, "not all of {count} were cashed");
        gas = receipt.gas_used;
    }
    figures.put(&format!("batch, {of}"), &count.to_string(), gas);
    Ok(())
}

fn compact(cheque: &SignedCheque) -> IClearingHouse::Cheque {
    let (r, vs) = cheque.compact_signature();
    let Cheque { contract, beneficiary, amount, scheme, .. } = *cheque.cheque();
    IClearingHouse::Cheque { chequebook: contract, beneficiary, amount, typed: scheme == Scheme::Typed, r, vs }
}
