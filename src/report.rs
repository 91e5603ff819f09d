//! How numbers, tables and progress are shown.

use std::{fmt::Display, time::Duration};

use alloy::primitives::U256;
use indicatif::{ProgressBar, ProgressStyle};

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().abs_diff(index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// The count, the time and the rate.
pub(crate) fn rate(count: u32, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let rate = grouped(format!("{:.0}", f64::from(count) / seconds));
    format!("{} cheques in {seconds:.2} s, {rate} a second", grouped(count))
}

/// A bar on standard error, if that is a terminal.
pub(crate) fn progress(what: &'static str, count: u32) -> eyre::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:10} [{bar:40}] {human_pos}/{human_len}")?.progress_chars("=> ");
    Ok(ProgressBar::new(count.into()).with_style(style).with_message(what))
}

/// The cheques of one payee, and their results on the chain.
pub(crate) struct Row {
    pub(crate) payee: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) cheques: u32,
    pub(crate) transactions: u32,
    pub(crate) gas: u64,
    /// In wei.
    pub(crate) paid: U256,
}

/// A line of the table, its numbers aligned on the right.
fn line(cells: [&str; 6]) -> String {
    let [payee, scheme, cheques, transactions, gas, paid] = cells;
    format!("{payee:10} {scheme:7} {cheques:>10} {transactions:>13} {gas:>11} {paid:>26}\n")
}

/// The rows under their headings.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = line(["payee", "scheme", "cheques", "transactions", "gas", "wei paid"]);
    for row in rows {
        let [cheques, transactions] = [row.cheques, row.transactions].map(grouped);
        table += &line([row.payee, row.scheme, &cheques, &transactions, &grouped(row.gas), &grouped(row.paid)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits_by_three() {
        let shown = [0, 12, 123, 1_234, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "12", "123", "1,234", "123,456", "1,234,567"]);
    }

    #[test]
    fn shows_cheques_a_second() {
        assert_eq!(rate(10_000, Duration::from_millis(2_500)), "10,000 cheques in 2.50 s, 4,000 a second");
    }

    #[test]
    fn table_lines_have_one_width_below_a_hundred_columns() {
        let paid = U256::from(10_u64.pow(18));
        let row = Row { payee: "alice", scheme: "packed", cheques: 1_000_000, transactions: 1, gas: 50_000, paid };
        let widths: Vec<_> = table(&[row]).lines().map(str::len).collect();
        assert_eq!(widths.len(), 2);
        assert_eq!(widths[0], widths[1]);
        assert!(widths[0] < 100, "{widths:?}");
    }
}
