//! The status page: files of its own, which a browser may load from here, and which load nothing from elsewhere.

use hyper::{
    Response,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use jsonrpsee::server::HttpBody;

/// Path, type and text of each file.
const FILES: [(&str, &str, &str); 7] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/link.js", "text/javascript; charset=utf-8", include_str!("page/link.js")),
    ("/reader.js", "text/javascript; charset=utf-8", include_str!("page/reader.js")),
    ("/view.js", "text/javascript; charset=utf-8", include_str!("page/view.js")),
    ("/text.js", "text/javascript; charset=utf-8", include_str!("page/text.js")),
];

/// Nothing inline, nothing from elsewhere, in no frame, and no text becomes HTML or a script, whatever the page's code does.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// The file at a path, if there is one.
pub(crate) fn answer(path: &str) -> Option<Response<HttpBody>> {
    let (_, kind, text) = FILES.iter().find(|(known, ..)| *known == path)?;
    let mut response = Response::new(HttpBody::from(*text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("same-origin"));
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_names_another_host_or_makes_html() {
        for (path, _, text) in FILES {
            assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
            for sink in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "style=", "onclick"] {
                assert!(!text.contains(sink), "{path} has {sink}");
            }
        }
    }

    #[test]
    fn only_what_is_listed() {
        assert!(answer("/page.js").is_some() && answer("/").is_some());
        for path in ["/page.rs", "/../page.js", "//", "", "/index.html"] {
            assert!(answer(path).is_none(), "{path}");
        }
    }
}
