//! Decides which requests may see the run, and which may control it.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri, header};

/// Knows the token and the dashboard's address.
pub(super) struct Guard {
    address: SocketAddr,
    token: blake3::Hash,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It names another host, or the page of another site sent it.
    Foreign,
    /// It has no token or a wrong one, and needs it.
    Unknown,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: blake3::hash(token.as_bytes()) }
    }

    /// The name of the cookie that holds the token. It contains the port, because all ports of a host share cookies.
    pub(super) fn cookie(&self) -> String {
        format!("engine-{}", self.address.port())
    }

    /// Whether a request may see the run: any request if the dashboard listens on loopback, else only with the token.
    pub(super) fn may_see(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refused> {
        self.names_this_host(headers)?;
        match self.address.ip().is_loopback() || self.has_token(headers, uri) {
            true => Ok(()),
            false => Err(Refused::Unknown),
        }
    }

    /// Whether a request may pause, drain or stop the run.
    pub(super) fn may_control(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refused> {
        self.names_this_host(headers)?;
        let host = text(headers, &header::HOST).unwrap_or_default();
        // A proxy before the dashboard may use https.
        let of_page = |origin: &str| {
            let name = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            name.is_some_and(|name| name.eq_ignore_ascii_case(host))
        };
        if text(headers, &header::ORIGIN).is_some_and(|origin| !of_page(origin)) {
            return Err(Refused::Foreign);
        }
        let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        if site.is_some_and(|site| site != "same-origin" && site != "none") {
            return Err(Refused::Foreign);
        }
        if self.has_token(headers, uri) { Ok(()) } else { Err(Refused::Unknown) }
    }

    /// Whether a request names this machine, if the dashboard listens on loopback: another site's name could
    /// resolve to this address (DNS rebinding).
    fn names_this_host(&self, headers: &HeaderMap) -> Result<(), Refused> {
        if !self.address.ip().is_loopback() {
            return Ok(());
        }
        let host = text(headers, &header::HOST).unwrap_or_default();
        // The port may differ, if it is forwarded. Only a name can be forged.
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let own = self.address.ip().to_string();
        let known =
            ["localhost", "127.0.0.1", "[::1]", &own].iter().any(|known| name.eq_ignore_ascii_case(known));
        if known { Ok(()) } else { Err(Refused::Foreign) }
    }

    /// Whether a request has the token: in its address, in a cookie, or as a bearer token.
    pub(super) fn has_token(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let bearer = text(headers, &header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let name = self.cookie();
        let cookie = cookies.flat_map(|value| value.split(';')).find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        });
        [bearer, cookie, in_address(uri)].into_iter().flatten().any(|token| self.is(token))
    }

    /// Whether this is the token. Hashes are compared in constant time.
    pub(super) fn is(&self, token: &str) -> bool {
        blake3::hash(token.as_bytes()) == self.token
    }
}

/// The token in a request's address, if there is one.
pub(super) fn in_address(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A new token: 128 random bits, in hexadecimal digits.
pub(super) fn token() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        Guard::new(address.parse().unwrap(), "secret")
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn status() -> Uri {
        Uri::from_static("/status")
    }

    #[test]
    fn a_foreign_host_name_is_refused_on_loopback() {
        let guard = guard("127.0.0.1:8787");
        for host in ["127.0.0.1:8787", "LOCALHOST:9000", "localhost", "[::1]:8787", "[::1]"] {
            assert_eq!(guard.may_see(&headers(&[("host", host)]), &status()), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8787", "127.0.0.1.evil.example:8787", "localhost:1:8787", ""]
        {
            assert_eq!(
                guard.may_see(&headers(&[("host", host)]), &status()),
                Err(Refused::Foreign),
                "{host}"
            );
        }
        assert_eq!(guard.may_see(&HeaderMap::new(), &status()), Err(Refused::Foreign));
    }

    #[test]
    fn beyond_loopback_every_request_needs_the_token() {
        let guard = guard("192.0.2.1:8787");
        assert_eq!(guard.may_see(&HeaderMap::new(), &status()), Err(Refused::Unknown));
        let asked = Uri::from_static("/status?x=1&token=secret");
        assert_eq!(guard.may_see(&HeaderMap::new(), &asked), Ok(()));
        let wrong = Uri::from_static("/status?token=secre");
        assert_eq!(guard.may_see(&HeaderMap::new(), &wrong), Err(Refused::Unknown));
    }

    #[test]
    fn a_cross_site_page_cannot_control_the_run() {
        let guard = guard("127.0.0.1:8787");
        let with = |more: &[(&'static str, &str)]| {
            let known = [("host", "127.0.0.1:8787"), ("cookie", "a=b; engine-8787=secret")];
            guard.may_control(&headers(&[&known, more].concat()), &status())
        };
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&[("origin", "http://127.0.0.1:8787")]), Ok(()));
        assert_eq!(with(&[("origin", "http://evil.example")]), Err(Refused::Foreign));
        assert_eq!(with(&[("origin", "null")]), Err(Refused::Foreign));
        assert_eq!(with(&[("origin", "https://127.0.0.1:8787")]), Ok(()));
        assert_eq!(with(&[("origin", "http://127.0.0.1:8788")]), Err(Refused::Foreign));
        assert_eq!(with(&[("sec-fetch-site", "cross-site")]), Err(Refused::Foreign));
        let without = headers(&[("host", "127.0.0.1:8787")]);
        assert_eq!(guard.may_control(&without, &status()), Err(Refused::Unknown));
        let other = headers(&[("host", "127.0.0.1:8787"), ("cookie", "engine-8788=secret")]);
        assert_eq!(guard.may_control(&other, &status()), Err(Refused::Unknown));
    }
}
