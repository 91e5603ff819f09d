//! Who calls, and what that caller may do: decided anew for each call, so that a token that was revoked stops at once.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use alloy::primitives::B256;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::{
    problem::{Problem, Refusal},
    rate::Rate,
    tokens::{CurrentTokens, Scope, Token, hash},
};
use crate::cli::clock::now;

/// How many calls of one connection, and of all, may be under way. Each keeps its message, while it waits for a node.
const CALLS_OF_ONE: usize = 256;
const CALLS: usize = 4_096;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// Whether it is on this machine, as far as that can be seen, and nothing stands in between.
    pub(crate) is_local: bool,
    /// The hash of the token that it has shown.
    token: Arc<Mutex<Option<B256>>>,
    /// Its calls that may still be made at the same time.
    calls: Arc<Semaphore>,
    /// Its place among the connections, as long as anything of it is left.
    _place: Arc<OwnedSemaphorePermit>,
}

impl Peer {
    pub(crate) fn new(address: IpAddr, is_local: bool, token: Option<B256>, place: Arc<OwnedSemaphorePermit>) -> Self {
        let (token, calls) = (Arc::new(Mutex::new(token)), Arc::new(Semaphore::new(CALLS_OF_ONE)));
        Self { address, is_local, token, calls, _place: place }
    }
}

impl Peer {
    /// Whether it has shown a token that counted then.
    pub(crate) fn has_shown(&self) -> bool {
        self.token.lock().is_some()
    }
}

/// Who makes a call, with what may be done.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// `None` for somebody on this machine who needs none for this.
    pub(crate) token: Option<Arc<Token>>,
}

impl Caller {
    /// Tells callers apart, also after a restart.
    pub(crate) fn id(&self) -> B256 {
        self.token.as_ref().map_or(B256::ZERO, |token| token.hash)
    }

    /// Whether its token has a scope.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.token.as_ref().is_some_and(|token| token.scopes.contains(&scope))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Token(B256),
    Address(IpAddr),
}

/// Decides who may do what.
pub(crate) struct Access {
    tokens: CurrentTokens,
    /// Whether also who is on this machine needs a token for everything.
    demands_token: bool,
    rate: Rate<Who>,
    calls: Semaphore,
    /// Whether it was told that tokens cannot be read: once, and not with each call.
    is_told: AtomicBool,
}

/// A call that is under way, until this is dropped.
pub(crate) struct UnderWay<'a>(#[allow(dead_code, reason = "it only has to be there")] [SemaphorePermit<'a>; 2]);

impl Access {
    pub(crate) fn new(tokens: CurrentTokens, demands_token: bool, rate: u32) -> Self {
        let (rate, calls) = (Rate::new(rate), Semaphore::new(CALLS));
        Self { tokens, demands_token, rate, calls, is_told: AtomicBool::new(false) }
    }

    /// The token with a hash, if it counts now.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`] if not, or if tokens cannot be read.
    pub(crate) fn token(&self, hash: B256) -> Result<Arc<Token>, Problem> {
        let unknown =
            || Problem::new(Refusal::Denied, "the token is unknown, expired or revoked, expected another one");
        // What is wrong with the file is for who runs the service, and no caller's concern.
        let all = self.tokens.all();
        let was_told = self.is_told.swap(all.is_err(), Ordering::Relaxed);
        let all = all.map_err(|failure| {
            if !was_told {
                eprintln!("error: {}", failure.message);
            }
            Problem::new(Refusal::Denied, "the tokens of the service cannot be read: nobody may do anything")
        })?;
        all.get(&hash).filter(|token| !token.has_expired(now())).cloned().ok_or_else(unknown)
    }

    /// Takes the token that a connection shows by a message.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`].
    pub(crate) fn show(&self, peer: &Peer, text: &str) -> Result<Arc<Token>, Problem> {
        let hash = hash(text).ok_or_else(|| Problem::new(Refusal::Denied, "this is no token, expected cbt_…"))?;
        let token = self.token(hash)?;
        *peer.token.lock() = Some(hash);
        Ok(token)
    }

    /// The token that a peer has shown.
    fn shown(&self, peer: &Peer) -> Result<Option<Arc<Token>>, Problem> {
        let shown = *peer.token.lock();
        shown.map(|hash| self.token(hash)).transpose()
    }

    /// Decides whether a peer may make a call of a scope now, without counting it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`].
    pub(crate) fn allows(&self, peer: &Peer, scope: Option<Scope>) -> Result<Caller, Problem> {
        self.decide(peer, self.shown(peer)?, scope)
    }

    /// Counts a call, and decides whether it may be made.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFast`], [`Refusal::Denied`].
    pub(crate) fn admits(&self, peer: &Peer, scope: Option<Scope>) -> Result<Caller, Problem> {
        let shown = self.shown(peer);
        // A guess at a token is no caller of its own.
        let token = shown.as_ref().ok().and_then(Option::as_ref);
        let who = token.map_or(Who::Address(peer.address), |token| Who::Token(token.hash));
        if !self.rate.takes(who, Instant::now()) {
            return Err(Problem::new(Refusal::TooFast, "too many calls, expected fewer in a second"));
        }
        self.decide(peer, shown?, scope)
    }

    /// Begins a call, if not too many are under way.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFast`].
    pub(crate) fn begin<'a>(&'a self, peer: &'a Peer) -> Result<UnderWay<'a>, Problem> {
        let busy = |_| Problem::new(Refusal::TooFast, "too many calls are under way, expected fewer at the same time");
        Ok(UnderWay([peer.calls.try_acquire().map_err(busy)?, self.calls.try_acquire().map_err(busy)?]))
    }

    fn decide(&self, peer: &Peer, token: Option<Arc<Token>>, scope: Option<Scope>) -> Result<Caller, Problem> {
        let caller = Caller { token };
        let Some(scope) = scope else { return Ok(caller) };
        let is_free = matches!(scope, Scope::Read | Scope::Receive) && peer.is_local && !self.demands_token;
        let denied = match &caller.token {
            Some(token) if token.scopes.contains(&scope) => return Ok(caller),
            Some(token) => format!("token {} has no scope {1}, expected one with {1}", token.name, scope.name()),
            None if is_free => return Ok(caller),
            None => format!("no token was shown, expected one with scope {}", scope.name()),
        };
        Err(Problem::new(Refusal::Denied, denied))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::cli::service::tokens::{Most, Tokens, generate};

    fn peer(is_local: bool, token: Option<B256>) -> Peer {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST), is_local, token, Arc::new(place))
    }

    #[test]
    fn each_scope_is_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::beside(&directory.path().join("a.redb"));
        let access = |demands| Access::new(CurrentTokens::new(tokens.clone()), demands, 0);
        let scopes = [Scope::Read, Scope::Receive, Scope::Spend, Scope::End];
        let allowed = |access: &Access, peer: &Peer| {
            scopes.into_iter().filter(|scope| access.allows(peer, Some(*scope)).is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(allowed(&access(false), &peer(true, None)), [Scope::Read, Scope::Receive]);
        assert_eq!(allowed(&access(true), &peer(true, None)), []);
        assert_eq!(allowed(&access(false), &peer(false, None)), []);
        assert_eq!(allowed(&access(false), &peer(true, Some(B256::ZERO))), [], "a wrong token is worse than none");
        for scope in scopes {
            let text = generate().unwrap();
            let hash = hash(&text).unwrap();
            let (name, most) = (scope.name().to_owned(), Most::default());
            let token = Token { name, hash, scopes: [scope].into(), created: 0, expires: None, most };
            let add = |all: &mut Vec<Token>| {
                all.push(token);
                Ok(())
            };
            tokens.change(add).unwrap();
            assert_eq!(allowed(&access(false), &peer(true, Some(hash))), [scope]);
            let late = peer(false, None);
            access(true).show(&late, &text).unwrap();
            assert_eq!(allowed(&access(true), &late), [scope]);
        }
    }
}
