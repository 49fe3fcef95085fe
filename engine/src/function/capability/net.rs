//! Connections: `net:HOST:PORT`.

use super::{Grant, GrantedAccess};

/// TCP connections to one port of one host.
///
/// A name stands for the public addresses that this machine finds for it; a host in a private network must be granted
/// by its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Net {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Grant for Net {
    const NAME: &'static str = "net";
    const SYNTAX: &'static str = "net:HOST:PORT";
    const HELP: Option<&'static str> = Some("write net:HOST:PORT, as in net:example.org:443");

    fn parse(arguments: Option<&str>) -> Option<Self> {
        let (host, port) = arguments?.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|port| *port != 0 && !host.is_empty())?;
        Some(Self { host: host.to_owned(), port })
    }

    fn arguments(&self) -> String {
        let Self { host, port } = self;
        if host.contains(':') { format!(":[{host}]:{port}") } else { format!(":{host}:{port}") }
    }

    fn access(&self) -> GrantedAccess<'_> {
        GrantedAccess::Host { host: &self.host, port: self.port }
    }
}
