//! Where a dashboard is, as people write it.

use std::net::IpAddr;

use anyhow::{Context, ensure};
use engine::dashboard::PORT as DASHBOARD_PORT;
use reqwest::Url;

/// The address of a dashboard, and the token for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Without a slash at its end.
    base: String,
    pub(super) token: Option<String>,
}

impl Address {
    /// `PORT`, `:PORT`, `HOST`, `HOST:PORT`, or the whole address that a run has printed.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let told = || {
            format!(
                "{text}: write an address, as 127.0.0.1:{DASHBOARD_PORT}, or the one that the run printed"
            )
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let host = text
            .split_once("://")
            .map_or(text, |(_, rest)| rest)
            .split(['/', '?'])
            .next()
            .unwrap_or_default();
        let port = if digits(host) { Some(host) } else { host.rsplit_once(':').map(|(_, port)| port) };
        if let Some(port) = port.filter(|port| digits(port) && text.parse::<IpAddr>().is_err()) {
            ensure!(port.parse::<u16>().is_ok(), "{text}: the port is a number up to 65535");
        }
        let mut url = match (text.parse::<IpAddr>(), text.strip_prefix(':').unwrap_or(text).parse::<u16>()) {
            (Ok(IpAddr::V6(ip)), _) => at(&format!("[{ip}]:{DASHBOARD_PORT}")),
            (_, Ok(port)) => at(&format!("127.0.0.1:{port}")),
            _ if text.contains("://") => Url::parse(text),
            _ => {
                let end = text.find(['/', '?']).unwrap_or(text.len());
                let has_port =
                    text[..end].rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let port = if has_port { String::new() } else { format!(":{DASHBOARD_PORT}") };
                at(&format!("{}{port}{}", &text[..end], &text[end..]))
            }
        }
        .with_context(told)?;
        ensure!(matches!(url.scheme(), "http" | "https") && url.has_host(), told());
        let token = url.query_pairs().find(|(key, _)| key == "token").map(|(_, token)| token.into_owned());
        url.set_query(None);
        url.set_fragment(None);
        let base = url.as_str().trim_end_matches('/');
        let base = base.strip_suffix("/status").unwrap_or(base).to_owned();
        Ok(Self { base, token: token.filter(|token| !token.is_empty()) })
    }

    /// What is asked for `what`.
    pub(super) fn of(&self, what: &str) -> String {
        format!("{}/api/v1/{what}", self.base)
    }
}

/// Without the token.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.base.strip_prefix("http://").unwrap_or(&self.base))
    }
}

fn at(place: &str) -> Result<Url, <Url as std::str::FromStr>::Err> {
    Url::parse(&format!("http://{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashboard_addresses_parse_in_many_forms() {
        for (text, base, token) in [
            ("127.0.0.1:8787", "http://127.0.0.1:8787", None),
            ("9000", "http://127.0.0.1:9000", None),
            (":9000", "http://127.0.0.1:9000", None),
            ("build.example", "http://build.example:8787", None),
            ("build.example:80", "http://build.example", None),
            ("::1", "http://[::1]:8787", None),
            ("[::1]:9000", "http://[::1]:9000", None),
            ("http://127.0.0.1:8787/status?token=abc", "http://127.0.0.1:8787", Some("abc")),
            ("127.0.0.1:8787/status?token=abc", "http://127.0.0.1:8787", Some("abc")),
            ("https://runs.example/one/status?token=", "https://runs.example/one", None),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((&*address.base, address.token.as_deref()), (base, token), "{text}");
        }
        for text in ["", "ftp://a", "a b", "http://"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        for text in ["99999", ":65536", "build.example:99999", "http://127.0.0.1:99999/status", "[::1]:99999"]
        {
            let told = Address::parse(text).unwrap_err().to_string();
            assert_eq!(told, format!("{text}: the port is a number up to 65535"));
        }
    }
}
