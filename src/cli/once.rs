//! `--once KEY`: a command that was cut off and is run again does nothing twice, and says what was done.

use alloy::primitives::keccak256;
use chequebook_wallet::{Request, Transaction};

use super::{args::Once, clock::now, context::Session, exit::Failure};

/// Keys of the command line are apart from those of other programs that use the wallet.
const DOMAIN: &str = "command line";

impl Once {
    /// The request of a command with these arguments, if it has a key.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`](super::exit::Exit::Usage) for an empty key, which an unset variable of a script would give.
    pub(crate) fn request(&self, arguments: &[&dyn std::fmt::Display]) -> Result<Option<Request>, Failure> {
        let Some(key) = &self.once else { return Ok(None) };
        if key.is_empty() {
            return Err(Failure::usage("--once is empty, expected any text"));
        }
        let content: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        // No argument contains a line break, so that two lists never look the same.
        let (key, content) = (keccak256(format!("{DOMAIN}\n{key}")), keccak256(content.join("\n")));
        Ok(Some(Request::new(now()).once(key, content)))
    }

    /// Whether there is a key.
    pub(crate) const fn is_set(&self) -> bool {
        self.once.is_some()
    }
}

/// What was sent for a request before, and needs no consent any more.
pub(crate) async fn sent_before(session: &Session, request: Option<&Request>) -> Result<Option<Transaction>, Failure> {
    match request {
        Some(request) => Ok(session.wallet.transaction_for(request).await?),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: &str, arguments: &[&dyn std::fmt::Display]) -> Request {
        let once = Once { once: Some(key.to_owned()) };
        once.request(arguments).unwrap().unwrap()
    }

    #[test]
    fn a_key_and_its_arguments_make_a_request() {
        assert_eq!(Once { once: None }.request(&[&1]).unwrap(), None);
        assert!(Once { once: Some(String::new()) }.request(&[&1]).is_err());
        // All within one second, or the next.
        let same = (0..3).any(|_| request("a", &[&"deposit", &1]) == request("a", &[&"deposit", &1]));
        assert!(same);
        for other in
            [request("b", &[&"deposit", &1]), request("a", &[&"deposit", &2]), request("a", &[&"withdraw", &1])]
        {
            assert_ne!(other, request("a", &[&"deposit", &1]));
        }
    }
}
