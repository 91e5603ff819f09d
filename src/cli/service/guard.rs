//! What a request must be before anything of it is looked at: any page in a browser can reach a port of this machine.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use alloy::primitives::B256;
use hyper::{
    HeaderMap, Method, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, ORIGIN, UPGRADE},
    http::{HeaderValue, request::Parts},
};

use super::{options::Options, tokens::hash};

/// Headers that a proxy adds: then who calls is not on this machine, whatever the address says.
const OF_PROXIES: [&str; 3] = ["forwarded", "via", "x-real-ip"];
/// What others of them begin with.
const OF_PROXIES_ALL: &str = "x-forwarded-";

/// Why a request is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) StatusCode, pub(crate) String);

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Calls in its body.
    Calls,
    WebSocket,
    /// A browser asks whether a page of an origin that is allowed may call.
    Preflight,
    /// Something to read, by its path: the status page is at `/`.
    Page,
}

/// What is allowed.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    hosts: Vec<String>,
    origins: Vec<String>,
    port: u16,
}

/// The one value of a header.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let wrong = |what| Refused(StatusCode::BAD_REQUEST, format!("header {name} {what}"));
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| wrong("is not text")),
        (Some(_), Some(_)) => Err(wrong("is there twice, expected once")),
    }
}

impl Rules {
    /// For a service that listens at an address.
    pub(crate) fn new(options: &Options, listening: SocketAddr) -> Self {
        let port = listening.port();
        let mut hosts: Vec<_> = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}")).into();
        if !listening.ip().is_unspecified() {
            hosts.push(listening.to_string());
        }
        hosts.extend(options.hosts.iter().cloned());
        Self { hosts, origins: options.origins.clone(), port }
    }

    /// Whether a page that calls is one of this service: of the host that it calls, which is known by now. Without TLS only
    /// a host with our port has pages of ours; with it a proxy stands before one of `allowed_hosts`.
    fn is_own(&self, origin: &str, host: &str) -> bool {
        let (origin, host) = (origin.to_ascii_lowercase(), host.to_ascii_lowercase());
        match origin.split_once("://") {
            Some(("http", name)) => name == host && self.is_here(&host),
            Some(("https", name)) => name == host && !self.is_here(&host),
            _ => false,
        }
    }

    /// Whether a host is this service itself, and not a name of a proxy.
    fn is_here(&self, host: &str) -> bool {
        let suffix = format!(":{}", self.port);
        host.ends_with(&suffix) || (self.port == 80 && !host.contains(':'))
    }

    /// Whether a name is one of ours: a foreign one is that of a page whose name was made to lead here.
    fn knows_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let is_default = self.port == 80 && self.hosts.contains(&format!("{host}:80"));
        // Who configures a name without a port means all ports: it is that of a proxy.
        is_default
            || self.hosts.contains(&host)
            || without_port(&host).is_some_and(|name| self.hosts.iter().any(|one| one == name))
    }

    /// Decides whether to look at a request for metrics: no page may read them, and none has an address for its name.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn check_metrics(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let knows = |host: &str| is_address(host) || self.knows_host(host);
        let absolute = uri.authority().map(|authority| authority.as_str());
        if !one(headers, &HOST)?.is_some_and(knows) || absolute.is_some_and(|host| !knows(host)) {
            let message = "Host is none of this service, expected an IP address, localhost, or one of allowed_hosts";
            return Err(Refused(StatusCode::FORBIDDEN, message.to_owned()));
        }
        if headers.contains_key(ORIGIN) {
            return Err(Refused(StatusCode::FORBIDDEN, "pages may not read this, expected no Origin".to_owned()));
        }
        Ok(())
    }

    /// The origin of the page that calls, if it is one that may.
    pub(crate) fn origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        self.origins.contains(&text).then_some(origin)
    }

    /// Decides whether to look at a request.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn check(&self, head: &Parts) -> Result<Asked, Refused> {
        let path = head.uri.path();
        if matches!(path, "/healthz" | "/readyz") && head.method == Method::GET {
            return Ok(Asked::Page); // for whoever watches the process, under whatever name; it tells nothing
        }
        let host = one(&head.headers, &HOST)?;
        let absolute = head.uri.authority().map(|authority| authority.as_str());
        if !host.is_some_and(|host| self.knows_host(host)) || absolute.is_some_and(|host| !self.knows_host(host)) {
            let message = "Host is none of this service, expected its address, or one of allowed_hosts";
            return Err(Refused(StatusCode::FORBIDDEN, message.to_owned()));
        }
        // What the status page needs, and no more: it reads its files and has a WebSocket, but calls nothing by POST.
        let is_page = |origin| head.method == Method::GET && host.is_some_and(|host| self.is_own(origin, host));
        if one(&head.headers, &ORIGIN)?.is_some_and(|origin| !is_page(origin)) && self.origin(&head.headers).is_none() {
            let message = "pages of this Origin may not call, expected none, or one of allowed_origins";
            return Err(Refused(StatusCode::FORBIDDEN, message.to_owned()));
        }
        if path != "/" {
            return match head.method {
                Method::GET => Ok(Asked::Page),
                _ => Err(Refused(StatusCode::NOT_FOUND, "expected the path /".to_owned())),
            };
        }
        match head.method {
            Method::OPTIONS if head.headers.contains_key(ORIGIN) => Ok(Asked::Preflight),
            Method::GET if head.headers.contains_key(UPGRADE) => Ok(Asked::WebSocket),
            Method::GET => Ok(Asked::Page),
            Method::POST => match one(&head.headers, &CONTENT_TYPE)?.is_some_and(is_json) {
                true => Ok(Asked::Calls),
                false => {
                    let message = "Content-Type is another, expected application/json";
                    Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message.to_owned()))
                }
            },
            _ => Err(Refused(StatusCode::METHOD_NOT_ALLOWED, "expected POST, or a WebSocket".to_owned())),
        }
    }
}

/// A host that has a port, without it.
fn without_port(host: &str) -> Option<&str> {
    let (name, port) = host.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

/// Whether a host is no name that a stranger can make lead here, whatever its port.
fn is_address(host: &str) -> bool {
    let name = without_port(host).unwrap_or(host);
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_v6 = v6.is_some_and(|name| name.parse::<Ipv6Addr>().is_ok());
    name.eq_ignore_ascii_case("localhost") || is_v6 || name.parse::<Ipv4Addr>().is_ok()
}

/// A type that no form of a page can send, so that a browser asks before it does.
fn is_json(value: &str) -> bool {
    let (kind, parameter) = value.split_once(';').unwrap_or((value, ""));
    let parameter = parameter.trim();
    kind.trim().eq_ignore_ascii_case("application/json")
        && (parameter.is_empty() || parameter.eq_ignore_ascii_case("charset=utf-8"))
}

/// The token that a request shows, by its hash. Only a header can show one: URLs are logged.
///
/// # Errors
///
/// If it shows something that is no token.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<B256>, Refused> {
    let Some(value) = one(headers, &AUTHORIZATION)? else { return Ok(None) };
    let token = value.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    let found = token.and_then(|(_, text)| hash(text.trim()));
    let wrong = || Refused(StatusCode::UNAUTHORIZED, "Authorization is no token, expected: Bearer cbt_…".to_owned());
    found.map(Some).ok_or_else(wrong)
}

/// Whether a request comes from this machine, and through nobody else.
pub(crate) fn is_local(head: &Parts, address: SocketAddr) -> bool {
    let mut names = head.headers.keys().map(HeaderName::as_str);
    let passed_on = names.any(|name| OF_PROXIES.contains(&name) || name.starts_with(OF_PROXIES_ALL));
    address.ip().to_canonical().is_loopback() && !passed_on
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn rules() -> Rules {
        Rules {
            hosts: vec!["localhost:7545".into(), "127.0.0.1:7545".into(), "pay.example".into(), "a.example:1".into()],
            origins: vec!["https://shop.example".into()],
            port: 7_545,
        }
    }

    fn asked(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Asked, u16> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        rules().check(&request.body(()).unwrap().into_parts().0).map_err(|refused| refused.0.as_u16())
    }

    #[test]
    fn only_names_of_ours() {
        let with = |host| asked("POST", "/", &[("host", host), ("content-type", "application/json")]);
        for host in
            ["localhost:7545", "LOCALHOST:7545", "127.0.0.1:7545", "pay.example", "pay.example:443", "a.example:1"]
        {
            assert_eq!(with(host), Ok(Asked::Calls), "{host}");
        }
        for host in [
            "localhost",
            "localhost:80",
            "evil.example",
            "evil.example:7545",
            "pay.example.evil",
            "xpay.example",
            "a.example",
            "127.0.0.1:7545@evil",
            "",
            "pay.example:",
            "pay.example:x",
        ] {
            assert!(with(host).is_err(), "{host}");
        }
        assert_eq!(asked("POST", "/", &[("content-type", "application/json")]), Err(403));
        let twice = [("host", "pay.example"), ("host", "evil.example"), ("content-type", "application/json")];
        assert_eq!(asked("POST", "/", &twice), Err(400));
        let absolute = [("host", "pay.example"), ("content-type", "application/json")];
        assert_eq!(asked("POST", "http://evil.example/", &absolute), Err(403));
    }

    #[test]
    fn metrics_are_for_no_page() {
        let asked = |uri: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let head = request.body(()).unwrap().into_parts().0;
            rules().check_metrics(&head.uri, &head.headers).map_err(|refused| refused.0.as_u16())
        };
        for host in [
            "127.0.0.1:7546",
            "10.1.2.3",
            "[::1]:7546",
            "[fd00::1]",
            "localhost:1",
            "LocalHost",
            "pay.example:9",
            "a.example:1",
        ] {
            assert_eq!(asked("/metrics", &[("host", host)]), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "evil.example:7546", "localhost.evil.example", "127.0.0.1.evil.example:1", "", "::1"]
        {
            assert_eq!(asked("/metrics", &[("host", host)]), Err(403), "{host}");
        }
        assert_eq!(asked("/metrics", &[]), Err(403));
        assert_eq!(asked("http://evil.example/metrics", &[("host", "127.0.0.1")]), Err(403));
        for origin in ["http://evil.example", "null", "https://shop.example", "http://127.0.0.1:7546"] {
            assert_eq!(asked("/metrics", &[("host", "127.0.0.1:7546"), ("origin", origin)]), Err(403), "{origin}");
        }
        assert_eq!(asked("/metrics", &[("host", "127.0.0.1"), ("host", "evil.example")]), Err(400));
    }

    #[test]
    fn only_pages_that_are_allowed() {
        for (origin, expected) in [
            ("https://shop.example", Ok(Asked::WebSocket)),
            ("https://evil.example", Err(403)),
            ("null", Err(403)),
            ("http://shop.example", Err(403)),
            ("https://shop.example.evil", Err(403)),
            ("http://localhost:7545", Ok(Asked::WebSocket)),
            ("HTTP://LocalHost:7545", Ok(Asked::WebSocket)),
            ("https://localhost:7545", Err(403)),
            ("http://127.0.0.1:7545", Err(403)),
            ("http://localhost", Err(403)),
            ("http://localhost:7546", Err(403)),
            ("localhost:7545", Err(403)),
        ] {
            let headers = [("host", "localhost:7545"), ("origin", origin), ("upgrade", "websocket")];
            assert_eq!(asked("GET", "/", &headers), expected, "{origin}");
        }
        for (host, origin, expected) in [
            ("pay.example", "https://pay.example", Ok(Asked::WebSocket)),
            ("pay.example:8443", "https://pay.example:8443", Ok(Asked::WebSocket)),
            ("pay.example", "http://pay.example", Err(403)),
            ("pay.example", "https://a.example:1", Err(403)),
            ("evil.example:7545", "http://evil.example:7545", Err(403)),
        ] {
            let headers = [("host", host), ("origin", origin), ("upgrade", "websocket")];
            assert_eq!(asked("GET", "/", &headers), expected, "{host} {origin}");
        }
    }

    #[test]
    fn the_own_page_has_a_socket_and_no_calls() {
        let own = [("host", "localhost:7545"), ("origin", "http://localhost:7545")];
        let [host, origin] = own;
        assert_eq!(asked("POST", "/", &[host, origin, ("content-type", "application/json")]), Err(403));
        assert_eq!(asked("OPTIONS", "/", &own), Err(403));
        assert_eq!(asked("GET", "/", &[host]), Ok(Asked::Page));
        assert_eq!(asked("GET", "/page.js", &own), Ok(Asked::Page));
        assert_eq!(asked("GET", "/page.js", &[host, ("origin", "http://evil.example")]), Err(403));
        assert_eq!(asked("GET", "/", &[("host", "evil.example")]), Err(403));
    }

    #[test]
    fn only_json() {
        let with = |kind| asked("POST", "/", &[("host", "localhost:7545"), ("content-type", kind)]);
        for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
            assert_eq!(with(kind), Ok(Asked::Calls), "{kind}");
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "text/json",
            "application/jsonp",
            "text/plain; application/json",
            "application/json; charset=utf-16",
            "",
        ] {
            assert_eq!(with(kind), Err(415), "{kind}");
        }
        assert_eq!(asked("POST", "/", &[("host", "localhost:7545")]), Err(415));
        assert_eq!(asked("PUT", "/", &[("host", "localhost:7545")]), Err(405));
        assert_eq!(asked("POST", "/other", &[("host", "localhost:7545")]), Err(404));
    }

    #[test]
    fn a_token_is_a_header() {
        let text = format!("cbt_{}", "ab".repeat(32));
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            token(&headers)
        };
        assert_eq!(read(&format!("Bearer {text}")), Ok(hash(&text)));
        for wrong in [text.as_str(), "Bearer", "Bearer x", "Basic YTpi", ""] {
            assert_eq!(read(wrong).unwrap_err().0, StatusCode::UNAUTHORIZED, "{wrong}");
        }
        assert_eq!(token(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn what_a_proxy_passes_on_is_not_local() {
        let head = |name: Option<&str>| {
            let mut request = Request::builder();
            if let Some(name) = name {
                request = request.header(name, "1.2.3.4");
            }
            request.body(()).unwrap().into_parts().0
        };
        let (near, far) = ("127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap());
        assert!(is_local(&head(None), near) && !is_local(&head(None), far));
        assert!(is_local(&head(None), "[::1]:1".parse().unwrap()));
        assert!(is_local(&head(None), "[::ffff:127.0.0.1]:1".parse().unwrap()));
        for name in ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "Via", "X-Real-IP"] {
            assert!(!is_local(&head(Some(name)), near), "{name}");
        }
    }
}
