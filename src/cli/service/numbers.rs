//! Numbers of a call, from their text: exactly, or not at all. A JSON reader would make a float of what has many digits.

use alloy::primitives::U256;

use crate::cli::text::plain;

/// How much of a wrong text is shown, in characters.
const SHOWN: usize = 100;

/// The start of a text, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown: String = plain(text).chars().take(SHOWN).collect();
    if shown.len() < plain(text).len() {
        shown.push('…');
    }
    shown
}

/// The digits of a JSON integer, or of a JSON string that has nothing but digits.
fn digits(raw: &str) -> Option<&str> {
    let digits = match raw.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => raw,
    };
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain && (digits == "0" || !digits.starts_with('0'))).then_some(digits)
}

/// An amount in the smallest unit of its asset: a JSON integer of any size, or a string of decimal digits.
///
/// # Errors
///
/// What is wrong with any other text: a fraction, an exponent, a sign, a leading zero, more than 256 bits.
pub(crate) fn amount(raw: &str) -> Result<U256, String> {
    let Some(digits) = digits(raw) else {
        return Err(format!("{} is no amount, expected an integer in the smallest unit, or its digits", excerpt(raw)));
    };
    U256::from_str_radix(digits, 10).map_err(|_| format!("{} is too large, expected at most 256 bits", excerpt(raw)))
}

/// A number that counts something.
///
/// # Errors
///
/// The same, above 64 bits.
pub(crate) fn count(raw: &str) -> Result<u64, String> {
    let read = digits(raw).and_then(|digits| digits.parse().ok());
    read.ok_or_else(|| format!("{} is no number, expected an integer of at most 64 bits", excerpt(raw)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_integers_of_any_size_and_their_digits() {
        let max = U256::MAX.to_string();
        let good = [("0", U256::ZERO), ("42", U256::from(42)), ("\"42\"", U256::from(42)), (max.as_str(), U256::MAX)];
        for (text, expected) in good {
            assert_eq!(amount(text), Ok(expected), "{text}");
        }
        assert_eq!(amount("9007199254740993"), Ok(U256::from(9_007_199_254_740_993_u64)), "no float has this number");
    }

    #[test]
    fn refuses_what_is_not_exact() {
        let above = format!("{}0", U256::MAX);
        for text in [
            "1.0",
            "1e3",
            "1E3",
            "-1",
            "+1",
            "01",
            "00",
            "",
            "\"\"",
            "\"1",
            "1\"",
            "\"0x10\"",
            "\" 1\"",
            "\"1.5\"",
            "null",
            "true",
            "[1]",
            "{}",
            "\"\\u0031\"",
            "１",
            "\"１\"",
            "1 ",
            "\"-0\"",
            above.as_str(),
        ] {
            assert!(amount(text).is_err(), "{text}");
        }
        assert!(amount("1.5").unwrap_err().contains("1.5"), "the text is named");
        assert!(amount(&"9".repeat(10_000)).unwrap_err().len() < 300, "and cut");
    }

    #[test]
    fn counts_have_64_bits() {
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
        assert!(count("18446744073709551616").is_err() && count("1.0").is_err() && count("-1").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(limbs in any::<[u64; 4]>()) {
            let number = U256::from_limbs(limbs);
            prop_assert_eq!(amount(&number.to_string()), Ok(number));
            prop_assert_eq!(amount(&format!("\"{number}\"")), Ok(number));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = (amount(&text), count(&text));
        }
    }
}
