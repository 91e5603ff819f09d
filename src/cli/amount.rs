//! Amounts as people write them: digits and a unit. Nothing is rounded, nothing is guessed, and no float is used.

use std::{fmt::Write as _, str::FromStr};

use alloy::primitives::{Address, U256};
use chequebook::Asset;

use super::{exit::Failure, text::plain};

/// The most decimals that a token may have: a whole one has at most 78 digits.
const MAX_DECIMALS: u8 = 77;

/// In what an amount is written: what the configuration, or the token itself, says of the asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    asset: Asset,
    /// `None` if nobody says how many a token has.
    decimals: Option<u8>,
    /// Of a token: only if the configuration ties it to the address.
    symbol: Option<String>,
}

impl Units {
    /// Wei, gwei and ether.
    pub(crate) const ETHER: Self = Self { asset: Asset::Ether, decimals: Some(18), symbol: None };

    /// The units of a token.
    ///
    /// # Errors
    ///
    /// If it has more than 77 decimals.
    pub(crate) fn token(token: Address, decimals: Option<u8>, symbol: Option<String>) -> Result<Self, Failure> {
        if decimals.is_some_and(|decimals| decimals > MAX_DECIMALS) {
            return Err(Failure::usage(format!(
                "token {token} has too many decimals, expected at most {MAX_DECIMALS}"
            )));
        }
        Ok(Self { asset: Asset::Token(token), decimals, symbol })
    }

    /// What is paid with.
    pub(crate) const fn asset(&self) -> Asset {
        self.asset
    }

    /// The units that may be written, each with its decimals.
    fn known(&self) -> Vec<(&str, u8)> {
        match self.asset {
            Asset::Ether => vec![("wei", 0), ("gwei", 9), ("ether", 18)],
            Asset::Token(_) => {
                let whole = self.decimals.map(|decimals| ("tokens", decimals));
                let symbol = self.symbol.as_deref().zip(self.decimals);
                [("units", 0)].into_iter().chain(whole).chain(symbol).collect()
            }
        }
    }

    /// An amount, in the largest unit and in the smallest one.
    pub(crate) fn show(&self, amount: U256) -> String {
        let (small, large) = match self.asset {
            Asset::Ether => ("wei".to_owned(), Some("ether")),
            Asset::Token(token) => (format!("units of {token}"), self.symbol.as_deref().or(Some("tokens"))),
        };
        match (self.decimals, large) {
            (Some(decimals), Some(large)) if decimals > 0 => {
                format!("{} {large} ({amount} {small})", decimal(amount, decimals))
            }
            _ => format!("{amount} {small}"),
        }
    }
}

/// An amount as it was written. What its unit means depends on the asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    whole: String,
    fraction: String,
    unit: String,
}

impl FromStr for Written {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let start = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(start);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || fraction.is_some_and(|fraction| !is_number(fraction)) {
            return Err(format!("{:?} is no amount, expected digits and a unit, as in 1.5ether or 42wei", plain(text)));
        }
        if unit.is_empty() {
            return Err(format!(
                "{number} is ambiguous: {number}wei or {number}ether? Of a token, {number}units or {number}tokens?"
            ));
        }
        Ok(Self { whole: whole.into(), fraction: fraction.unwrap_or_default().into(), unit: unit.into() })
    }
}

impl Written {
    /// The amount in the smallest unit of an asset.
    ///
    /// # Errors
    ///
    /// If the asset does not have this unit, or not so many decimals, or the amount has more than 256 bits.
    pub(crate) fn of(&self, units: &Units) -> Result<U256, Failure> {
        let Self { whole, fraction, unit } = self;
        let known = units.known();
        let Some((_, decimals)) = known.iter().find(|(name, _)| name == unit) else {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            return Err(Failure::usage(format!(
                "unit {unit:?} is none of {}, expected one of: {}",
                units.asset,
                names.join(", ")
            )));
        };
        let significant = fraction.trim_end_matches('0');
        let missing = usize::from(*decimals).checked_sub(significant.len()).ok_or_else(|| {
            Failure::usage(format!(
                "{whole}.{fraction}{unit} is not a whole number of the smallest unit of {}",
                units.asset
            ))
        })?;
        let digits = format!("{whole}{significant}{}", "0".repeat(missing));
        U256::from_str_radix(&digits, 10)
            .map_err(|_| Failure::usage(format!("{whole}.{fraction}{unit} is too large, expected at most 256 bits")))
    }
}

/// A number with a decimal point before its last `decimals` digits, without zeros at its end.
fn decimal(amount: U256, decimals: u8) -> String {
    let width = usize::from(decimals).saturating_add(1);
    let mut digits = String::new();
    let _ = write!(digits, "{amount:0>width$}"); // to a string it does not fail
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(usize::from(decimals)));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// A duration as it is written: `90s`, `15m`, `36h`, `2d`. In seconds.
///
/// # Errors
///
/// If it is none. A number alone is ambiguous.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let expected = || format!("{:?} is no duration, expected a number and s, m, h or d, as in 90s or 2d", plain(text));
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;
    use proptest::prelude::*;

    use super::*;

    const TOKEN: Address = address!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");

    fn usdc() -> Units {
        Units::token(TOKEN, Some(6), Some("USDC".into())).unwrap()
    }

    fn read(text: &str, units: &Units) -> Option<U256> {
        text.parse::<Written>().ok()?.of(units).ok()
    }

    #[test]
    fn reads_amounts_with_their_units() {
        let ether = |text| read(text, &Units::ETHER);
        assert_eq!(ether("42wei"), Some(U256::from(42)));
        assert_eq!(ether("20gwei"), Some(U256::from(20_000_000_000_u64)));
        assert_eq!(ether("1.5ether"), Some(U256::from(1_500_000_000_000_000_000_u64)));
        assert_eq!(ether("1.5 ether"), ether("1.500ether"));
        assert_eq!(ether("0.000000000000000001ether"), Some(U256::ONE));
        assert_eq!(read("5.25USDC", &usdc()), Some(U256::from(5_250_000)));
        assert_eq!(read("5.25tokens", &usdc()), Some(U256::from(5_250_000)));
        assert_eq!(read("7units", &usdc()), Some(U256::from(7)));
        assert_eq!(read(&format!("{}wei", U256::MAX), &Units::ETHER), Some(U256::MAX));
    }

    #[test]
    fn refuses_what_is_ambiguous_or_not_exact() {
        for text in [
            "1",
            "1.5",
            "",
            "ether",
            ".5ether",
            "1.ether",
            "1e18wei",
            "-1wei",
            "+1wei",
            "1,5ether",
            "1 000wei",
            "0x10wei",
            "1Ether",
            "1ETH",
            "1.5wei",
            "1.0000000001gwei",
            "0.0000000000000000001ether",
            "1  wei",
            "1wei ",
            "1..5ether",
            "1units",
            "1USDC",
            "１wei",
        ] {
            assert_eq!(read(text, &Units::ETHER), None, "{text}");
        }
        assert_eq!(read(&format!("{}0wei", U256::MAX), &Units::ETHER), None);
        for text in ["1wei", "1ether", "1usdc", "1.0000001USDC", "1.5units"] {
            assert_eq!(read(text, &usdc()), None, "{text}");
        }
        // A symbol that the configuration does not name is anybody's.
        let unnamed = Units::token(TOKEN, Some(6), None).unwrap();
        assert_eq!(read("1USDC", &unnamed), None);
        assert_eq!(read("1tokens", &Units::token(TOKEN, None, Some("USDC".into())).unwrap()), None);
        assert!(Units::token(TOKEN, Some(78), None).is_err());
    }

    #[test]
    fn a_refusal_shows_both_forms() {
        let error = "5".parse::<Written>().unwrap_err();
        assert!(error.contains("5wei or 5ether"), "{error}");
    }

    #[test]
    fn shows_both_forms() {
        assert_eq!(Units::ETHER.show(U256::from(1_500_000_000_000_000_000_u64)), "1.5 ether (1500000000000000000 wei)");
        assert_eq!(Units::ETHER.show(U256::ZERO), "0 ether (0 wei)");
        assert_eq!(usdc().show(U256::from(5_250_000)), format!("5.25 USDC (5250000 units of {TOKEN})"));
        assert_eq!(Units::token(TOKEN, None, None).unwrap().show(U256::from(5)), format!("5 units of {TOKEN}"));
    }

    #[test]
    fn reads_durations() {
        let read = |text| duration(text).ok();
        assert_eq!(
            [read("90s"), read("15m"), read("36h"), read("2d")],
            [Some(90), Some(900), Some(129_600), Some(172_800)]
        );
        for text in ["", "90", "s", "1w", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615d", "１s", "1é"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(limbs in any::<[u64; 4]>(), decimals in 0..=MAX_DECIMALS) {
            let amount = U256::from_limbs(limbs);
            let units = Units::token(TOKEN, Some(decimals), None).unwrap();
            let shown = format!("{}tokens", decimal(amount, decimals));
            prop_assert_eq!(read(&shown, &units), Some(amount));
            prop_assert_eq!(read(&format!("{amount}units"), &units), Some(amount));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = read(&text, &Units::ETHER);
            let _ = duration(&text);
        }
    }
}
