//! The figures as a page of text.

use std::fmt::Write;

use eyre::OptionExt;

use crate::{
    figures::{FORMS, Figures, Floor, HARDFORK, Peer, Peers, grouped},
    measure::BATCHES,
};

/// The cost of a byte of code and of a new storage slot: now, and as planned for the Glamsterdam upgrade. The rest of
/// its schedule is ignored.
const CODE_BYTE: (u64, u64) = (200, 1_530);
const NEW_SLOT: (u64, u64) = (20_000, 97_920);

/// The rows of the first table, by the name of the figure.
const ROWS: [(&str, &str); 23] = [
    ("create", "created, without a deposit"),
    ("create with deposit", "created, with a deposit (of a token: two transactions)"),
    ("deposit", "deposit"),
    ("first cash, packed, by a third party", "first cash, packed"),
    ("first cash, packed, only if covered", "… only if covered"),
    ("first cash, packed, by the payee", "… sent by the payee itself"),
    ("first cash, packed, new account", "… to a payee without an account"),
    ("repeat cash, packed, by a third party", "repeat cash, packed"),
    ("repeat cash, packed, only if covered", "… only if covered"),
    ("repeat cash, packed, by the payee", "… sent by the payee itself"),
    ("first cash, typed, by a third party", "first cash, typed"),
    ("first cash, typed, only if covered", "… only if covered"),
    ("first cash, typed, by the payee", "… sent by the payee itself"),
    ("first cash, typed, new account", "… to a payee without an account"),
    ("repeat cash, typed, by a third party", "repeat cash, typed"),
    ("repeat cash, typed, only if covered", "… only if covered"),
    ("repeat cash, typed, by the payee", "… sent by the payee itself"),
    ("overdraft", "overdraft"),
    ("announceKill", "announceKill"),
    ("cancelKill", "cancelKill"),
    ("kill", "kill, after the notice"),
    ("kill without notice", "kill, with a notice period of zero"),
    ("bytes of code", "(bytes of code)"),
];

pub(crate) fn report(figures: &Figures, peers: &Peers) -> eyre::Result<String> {
    let mut page = format!(
        "# Gas\n\nWritten by `make gas-report`; do not edit. Whole transactions on anvil under {HARDFORK}, as their receipts \
         show them: amounts of seven\nsignificant bytes, a third party sends, the payee's account exists, unless a line \
         says otherwise. A zero byte in a signature\nsaves 12 gas, so a figure can differ by some dozens from yours.\n\n"
    );
    forms(&mut page, figures)?;
    page += "## A payee's sweep\n\n![Gas for each cheque](sweep.svg)\n\nOne typed repeat cheque from each of many chequebooks \
             to one payee, through the clearing house: the whole, and for each.\n\n";
    batches(&mut page, figures, "sweep")?;
    page += "\n## Many cheques of one chequebook\n\n![Gas for each cheque](batch.svg)\n\nPacked repeat cheques to different \
             payees, through the clearing house: the whole, and for each.\n\n";
    batches(&mut page, figures, "batch")?;
    let floor = grouped(peers.floor.ten_repeats);
    writeln!(page, "\nThe floor for ten, packed as tightly as can be and without an event: {floor}.\n")?;
    page += "## Direct or clone\n\n![Total cost of a chequebook](total.svg)\n\n";
    break_even(&mut page, figures)?;
    others(&mut page, figures, peers)?;
    Ok(page)
}

fn forms(page: &mut String, figures: &Figures) -> eyre::Result<()> {
    *page += "| | direct | clone | token |\n|---|---:|---:|---:|\n";
    for (name, shown) in ROWS {
        let [direct, clone, token] = FORMS.map(|form| figures.get(form, name));
        writeln!(page, "| {shown} | {} | {} | {} |", grouped(direct?), grouped(clone?), grouped(token?))?;
    }
    writeln!(page, "| reclaim | - | - | {} |\n", grouped(figures.get("token", "reclaim")?))?;
    *page += "The token is OpenZeppelin's ERC20, and the payee has some. \"Without an account\" means without tokens there.\n\n";
    Ok(())
}

fn batches(page: &mut String, figures: &Figures, what: &str) -> eyre::Result<()> {
    *page += "| cheques | direct | each | clone | each | token | each |\n|---:|---:|---:|---:|---:|---:|---:|\n";
    for count in BATCHES {
        write!(page, "| {count}")?;
        for form in FORMS {
            let gas = figures.get(&format!("{what}, {form}"), &count.to_string())?;
            let each = gas.checked_div(count.into()).ok_or_eyre("an empty batch")?;
            write!(page, " | {} | {}", grouped(gas), grouped(each))?;
        }
        *page += " |\n";
    }
    Ok(())
}

/// The total cost of one form, from its creation to its cash number `cashes`.
pub(crate) fn total(figures: &Figures, form: &str, cashes: u64) -> eyre::Result<u64> {
    let create = figures.get(form, "create with deposit")?;
    let first = figures.get(form, "first cash, packed, by a third party")?;
    let repeat = figures.get(form, "repeat cash, packed, by a third party")?;
    let repeats = cashes.checked_sub(1).and_then(|repeats| repeats.checked_mul(repeat));
    repeats.and_then(|gas| gas.checked_add(create)?.checked_add(first)).ok_or_eyre("beyond 64 bits")
}

/// The fewest cashes at which a direct chequebook costs no more than a clone, if each form has this extra cost.
fn fewest(figures: &Figures, [direct, clone]: [u64; 2]) -> eyre::Result<u64> {
    for cashes in 1..100_000 {
        let direct = total(figures, "direct", cashes)?.checked_add(direct);
        let clone = total(figures, "clone", cashes)?.checked_add(clone);
        if direct <= clone {
            return Ok(cashes);
        }
    }
    Err(eyre::Report::msg("a direct chequebook is never cheaper"))
}

fn break_even(page: &mut String, figures: &Figures) -> eyre::Result<()> {
    let more = |form, slots: u64| {
        let code = figures.get(form, "bytes of code")?.checked_mul(CODE_BYTE.1.saturating_sub(CODE_BYTE.0));
        let slots = slots.checked_mul(NEW_SLOT.1.saturating_sub(NEW_SLOT.0));
        code.zip(slots).and_then(|(code, slots)| code.checked_add(slots)).ok_or_eyre("beyond 64 bits")
    };
    // The factory stores one slot for each.
    let later = [more("direct", 1)?, more("clone", 1)?];
    let direct = figures.get("direct", "create with deposit")?;
    let clone = figures.get("clone", "create with deposit")?;
    let [direct_later, clone_later] = [direct.checked_add(later[0]), clone.checked_add(later[1])];
    writeln!(
        page,
        "A clone is created for {}, a direct chequebook for {}, each with a deposit. From {} cashes on, the direct one has\ncost \
         less in all.\n\nUnder the Glamsterdam schedule, where a byte of code costs {} gas instead \
         of {} and a new slot {} instead of {}: {} and {},\nand the direct one costs less from {} cashes on. That is \
         computed from the figures above, and from these two prices alone; it was\nnot measured. (What both forms pay \
         in the same way, the slot of a first cash, is left out.)\n",
        grouped(clone),
        grouped(direct),
        grouped(fewest(figures, [0, 0])?),
        grouped(CODE_BYTE.1),
        CODE_BYTE.0,
        grouped(NEW_SLOT.1),
        grouped(NEW_SLOT.0),
        grouped(clone_later.ok_or_eyre("beyond 64 bits")?),
        grouped(direct_later.ok_or_eyre("beyond 64 bits")?),
        grouped(fewest(figures, later)?),
    )?;
    Ok(())
}

fn others(page: &mut String, figures: &Figures, peers: &Peers) -> eyre::Result<()> {
    writeln!(page, "## Others\n\n{}\n", peers.conditions)?;
    *page += "| | create one | deposit | first cash | repeat cash | ten repeats | kill | overdraft |\n";
    *page += "|---|---:|---:|---:|---:|---:|---:|---:|\n";
    for form in FORMS {
        let figure = |what| figures.get(form, what).map(grouped);
        writeln!(
            page,
            "| **this chequebook, {form}** | {} | {} | {} | {} | {} | {} | {} |",
            figure("create")?,
            figure("deposit")?,
            figure("first cash, packed, by a third party")?,
            figure("repeat cash, packed, by a third party")?,
            grouped(figures.get(&format!("batch, {form}"), "10")?),
            figure("kill without notice")?,
            figure("overdraft")?,
        )?;
    }
    for peer in &peers.peers {
        let Peer { name, create, deposit, first_cash, repeat_cash, ten_repeats, kill, overdraft } = peer;
        writeln!(
            page,
            "| {name} | {create} | {deposit} | {first_cash} | {repeat_cash} | {ten_repeats} | {kill} | {overdraft} |"
        )?;
    }
    let Floor { deposit, first_cash, repeat_cash, ten_repeats } = peers.floor;
    let [deposit, first, repeat, ten] = [deposit, first_cash, repeat_cash, ten_repeats].map(grouped);
    writeln!(page, "| floor, without an event | - | {deposit} | {first} | {repeat} | {ten} | - | - |")?;
    Ok(())
}
