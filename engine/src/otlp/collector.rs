//! The address of a collector.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::Scheme;

use crate::Error;
use crate::error::TelemetryError;

/// The default port.
const PORT: u16 = 4318;

/// The address of a collector: `HOST`, `HOST:PORT`, or a URL with `http` or `https` that may have a path. The
/// default port is 4318, or 443 for https.
///
/// ```
/// # fn main() -> Result<(), engine::Error> {
/// use engine::otlp::Collector;
///
/// let shown = |text: &str| text.parse::<Collector>().map(|collector| collector.to_string());
/// assert_eq!(shown("collector")?, "http://collector:4318");
/// assert_eq!(shown("http://127.0.0.1:4000/")?, "http://127.0.0.1:4000");
/// assert_eq!(shown("https://example.org/otlp")?, "https://example.org/otlp");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Without a slash at its end.
    url: String,
}

impl Collector {
    /// The URL for a signal: `metrics` or `traces`.
    pub(super) fn endpoint(&self, signal: &str) -> String {
        format!("{}/v1/{signal}", self.url)
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl FromStr for Collector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason| {
            Error::Telemetry(TelemetryError::Address { address: crate::net::url::shown(text), reason })
        };
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url: Uri = url.parse().map_err(|_| wrong("write HOST:PORT or http://HOST:PORT"))?;
        let secure = url.scheme() == Some(&Scheme::HTTPS);
        if !secure && url.scheme() != Some(&Scheme::HTTP) {
            return Err(wrong("write http:// or https://"));
        }
        let Some(authority) = url.authority().filter(|authority| !authority.host().is_empty()) else {
            return Err(wrong("there is no host"));
        };
        if authority.as_str().contains('@') || url.query().is_some() {
            return Err(wrong("what is secret goes into OTEL_EXPORTER_OTLP_HEADERS"));
        }
        let path = url.path().trim_end_matches('/');
        let host = authority.host();
        let has_port = authority.as_str().len() > host.len();
        let scheme = if secure { "https" } else { "http" };
        let url = match authority.port_u16() {
            Some(port) => format!("{scheme}://{host}:{port}{path}"),
            None if has_port => return Err(wrong("the port is a number up to 65535")),
            None if secure => format!("https://{host}{path}"),
            None => format!("http://{host}:{PORT}{path}"),
        };
        Ok(Self { url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_addresses_say_why() {
        let told = |text: &str| text.parse::<Collector>().expect_err(text).to_string();
        for (text, end) in [
            ("", "write HOST:PORT or http://HOST:PORT"),
            ("a b", "write HOST:PORT or http://HOST:PORT"),
            ("grpc://host:4317", "write http:// or https://"),
            ("host:port", "the port is a number up to 65535"),
            ("host:70000", "the port is a number up to 65535"),
            ("http://me:key@host", "what is secret goes into OTEL_EXPORTER_OTLP_HEADERS"),
            ("host?key=1", "what is secret goes into OTEL_EXPORTER_OTLP_HEADERS"),
        ] {
            assert!(told(text).ends_with(end), "{}", told(text));
            assert!(!told(text).contains("key@") && !told(text).contains("key=1"), "{}", told(text));
        }
    }

    #[test]
    fn ports_and_addresses_are_kept() {
        for (text, url) in [
            ("[::1]:4000", "http://[::1]:4000"),
            ("[::1]", "http://[::1]:4318"),
            ("http://host:80/a/", "http://host:80/a"),
            ("https://host:4318", "https://host:4318"),
        ] {
            assert_eq!(text.parse::<Collector>().unwrap().to_string(), url);
        }
    }
}
