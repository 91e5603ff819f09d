//! What nodes, files and peers say is text: nothing in it may command a terminal.

use std::time::{Duration, UNIX_EPOCH};

/// The end of the year 9999, in Unix seconds.
const LAST_DATE: u64 = 253_402_300_799;

/// The same text, where each character that a terminal might obey, or that hides or reorders others, is replaced. A line
/// break becomes a space.
pub(crate) fn plain(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => ' ',
        // Marks of direction, and characters without a width.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
        control if control.is_control() => '\u{fffd}',
        other => other,
    };
    text.chars().map(shown).collect()
}

/// Where a node is, without what may be a secret: user, password, path and query.
pub(crate) fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(not a URL)".to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let hidden = if path.len() > 1 || host.len() < authority.len() { "/…" } else { "" };
    plain(&format!("{scheme}://{host}{hidden}"))
}

/// A time in Unix seconds as a date of UTC. Beyond the year 9999 it is the number alone.
pub(crate) fn date(seconds: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    match time.filter(|_| seconds <= LAST_DATE) {
        Some(time) => humantime::format_rfc3339_seconds(time).to_string(),
        None => seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_a_terminal() {
        assert_eq!(plain("a\u{1b}]0;x\u{7}\r\u{9b}31mb\nc"), "a\u{fffd}]0;x\u{fffd}\u{fffd}\u{fffd}31mb c");
        assert_eq!(plain("abc\u{202e}cba\u{200b}"), "abc\u{fffd}cba\u{fffd}");
        assert_eq!(plain("Grüße, 支票"), "Grüße, 支票");
    }

    #[test]
    fn a_url_is_shown_without_secrets() {
        let shown = [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("http://127.0.0.1:8545/", "http://127.0.0.1:8545"),
            ("https://node.example/v3/0123456789abcdef", "https://node.example/…"),
            ("https://user:password@node.example", "https://node.example/…"),
            ("https://node.example?key=secret", "https://node.example/…"),
            ("https://a@b:secret@node.example/x", "https://node.example/…"),
            ("secret", "(not a URL)"),
        ];
        for (url, expected) in shown {
            assert_eq!(without_secrets(url), expected);
            assert!(!without_secrets(url).contains("secret"));
        }
    }

    #[test]
    fn a_time_is_a_date() {
        let dates = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800"),
        ];
        for (seconds, expected) in dates {
            assert_eq!(date(seconds), expected);
        }
    }
}
